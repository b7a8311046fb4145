"""What most tests of the use cases begin with."""

from __future__ import annotations

import pytest

from textdrop.core.documents import Document
from world import World


@pytest.fixture
def world() -> World:
    """The whole application on fakes."""
    return World()


@pytest.fixture
def document(world: World) -> Document:
    """An upload of one page, whose event is in the queue."""
    return world.upload("x.png", b"page")
