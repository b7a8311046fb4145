"""One stack for all tests here: the real template, deployed as `make up` does it, in a state folder of its own."""

from collections.abc import Iterator

import pytest

from e2e.whole_stack import MESSAGES_KEY, STORAGE_KEY, WholeStack, running
from local import stack
from local.samples import Sample, write_samples

STATE = stack.ROOT / ".local" / "e2e"


@pytest.fixture(scope="package")
def whole() -> Iterator[WholeStack]:
    """The running stack."""
    chosen = {"StorageKmsKeyArn": STORAGE_KEY, "MessagesKmsKeyArn": MESSAGES_KEY}
    chosen["Reuse"] = "false"  # tests upload the same pages again and again, and count them
    with running(STATE, "tesseract", EventBusName="default", **chosen) as (env, account):
        whole = WholeStack(env, STATE, account)
        # So that functions which cannot even start fail all tests at once, and not each after a long wait.
        whole.upload("first", b"no document")
        whole.notice("first")
        yield whole


@pytest.fixture(scope="package")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """The sample documents by name."""
    return {sample.path.name: sample for sample in write_samples(tmp_path_factory.mktemp("samples"))}
