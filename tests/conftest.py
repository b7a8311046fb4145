"""What tests of several folders share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

import artefacts

LONGEST = ("tests/e2e/", "tests/simulation/", "tests/lambda_runtime/", "tests/integration/", "tests/template/")
"""They begin first, so that no process has much left to do when the other has nothing any more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in LONGEST])


def pytest_collection_finish() -> None:
    """What is there now stays: looking through it for what could go takes up to half a second each time."""
    gc.freeze()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    """Shares out the tests of `pytest -n 2`: those of a file run in one process, and those of the local stack too, so
    that it is started once."""
    config.option.loadscopereorder = False  # else the files with the most tests begin first
    scheduler = LoadFileScheduling(config, log)
    by_file = scheduler._split_scope
    scheduler._split_scope = lambda nodeid: "e2e" if nodeid.startswith("tests/e2e/") else by_file(nodeid)
    return scheduler


@pytest.fixture(scope="session")
def built_layers() -> Iterator[list[Path]]:
    """The folders that /opt/python has in Lambda, built as the template says, for this machine."""
    with artefacts.built_layers() as layers:
        yield layers
