"""One stack for all tests here: the real template, deployed as `make up` does it, in a state folder of its own."""

import fcntl
from collections.abc import Iterator

import pytest

from e2e.whole_stack import WholeStack
from local import stack
from local.demo import account
from local.samples import Sample, write_samples

STATE = stack.ROOT / ".local" / "e2e"


@pytest.fixture(scope="package")
def whole() -> Iterator[WholeStack]:
    """The running stack. Another test run on this checkout waits for its end."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stack.down(STATE)  # what a killed run has left
        try:
            env = stack.up(STATE, engine="tesseract", real_credentials=None, say=print)
            with account.connected(env) as connected:
                running = WholeStack(env, STATE, connected)
                # So that functions which cannot even start fail all tests at once, and not each after a long wait.
                running.upload("first", b"no document")
                running.notice("first")
                yield running
        finally:
            stack.down(STATE)


@pytest.fixture(scope="package")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """The sample documents by name."""
    return {sample.path.name: sample for sample in write_samples(tmp_path_factory.mktemp("samples"))}
