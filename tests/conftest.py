"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import artefacts


@pytest.fixture(scope="session")
def built_layers() -> Iterator[list[Path]]:
    """The folders that /opt/python has in Lambda, built as the template says, for this machine."""
    with artefacts.built_layers() as layers:
        yield layers
