"""What `sam build` makes of the template, for tests; built anew only when its sources have changed."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lambda_runtime import emulator
from local import deployment, servers

STATE = servers.ROOT / ".local" / "built-for-tests"
STAMP = STATE / "stamp"


@contextmanager
def built_layers() -> Iterator[list[Path]]:
    """The folders that /opt/python has in Lambda, built for this machine; as they are until the context ends.

    Test runs side by side share them; one with other sources waits for the others' end before it builds.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "tests.lock").open("w") as lock:
        while True:
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _is_current():
                break
            fcntl.flock(lock, fcntl.LOCK_EX)  # gives up the shared one first, so that two do not wait for each other
            if not _is_current():
                _build()
        yield emulator.layers(STATE / "build")


def _is_current() -> bool:
    return STAMP.exists() and STAMP.read_text(encoding="ascii") == deployment.fingerprint({})


def _build() -> None:
    sources = deployment.fingerprint({})  # as they are before the build: they may change under it
    STAMP.unlink(missing_ok=True)
    deployment.build(STATE)
    STAMP.write_text(sources, encoding="ascii")
