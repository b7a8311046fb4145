"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

import artefacts


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    """Shares out the tests of `pytest -n 2`: those of a file run in one process, and those of the local stack too, so
    that it is started once."""
    scheduler = LoadFileScheduling(config, log)
    by_file = scheduler._split_scope
    scheduler._split_scope = lambda nodeid: "e2e" if nodeid.startswith("tests/e2e/") else by_file(nodeid)
    return scheduler


@pytest.fixture(scope="session")
def built_layers() -> Iterator[list[Path]]:
    """The folders that /opt/python has in Lambda, built as the template says, for this machine."""
    with artefacts.built_layers() as layers:
        yield layers
