"""A stack in memory, and the client connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from textdrop.client import Textdrop
from unit.client.fake_stack import FakeStack, fake_stack


@pytest.fixture
def stack() -> Iterator[FakeStack]:
    with fake_stack() as made:
        yield made


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def textdrop(stack: Any, clock: Clock) -> Textdrop:
    return Textdrop(session=stack, sleep=clock.sleep, clock=clock)
