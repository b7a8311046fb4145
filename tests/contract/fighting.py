"""Several threads that want the same thing at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def fight(fighters: int, task: Callable[[int], T]) -> list[T]:
    """What each of the fighters, who begin together, brought back."""
    barrier = threading.Barrier(fighters)

    def begin(number: int) -> T:
        barrier.wait(timeout=60)
        return task(number)

    with ThreadPoolExecutor(fighters) as pool:
        return list(pool.map(begin, range(fighters)))
