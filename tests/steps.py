"""A long proof by steps: each one's time is printed, and what is not as it should be ends it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Broken(Exception):
    """Something was not as it should be; the message says what."""


def expect(holds: bool, otherwise: str) -> None:
    """Raises Broken unless it holds."""
    if not holds:
        raise Broken(otherwise)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Prints how long it took."""
    began = time.monotonic()
    yield
    print(f"{time.monotonic() - began:7.1f} s  {what}", flush=True)
