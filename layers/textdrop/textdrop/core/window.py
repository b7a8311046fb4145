"""How many requests may begin in any second: a quota that one process keeps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

SPAN_SECONDS = 1.04
"""A second, plus how much longer one request may take on its way than another."""

PARTS = 5
"""The quota of a second is divided into so many parts, so that a delayed request meets few others."""


@dataclass(slots=True)
class Window:
    """At most `limit` begin in any `seconds`. `begun` has the times at which each of the last `limit` began, in order;
    `reserved` is how many more will begin, at a time that is not known yet."""

    limit: int
    seconds: float
    begun: deque[float]
    reserved: int = 0


def full(per_second: int, now: float) -> Window:
    """The window of a quota that others may have used up just before `now`: nobody begins for a second. At most
    `per_second` begin in any span shorter than SPAN_SECONDS."""
    limit = max(1, per_second // PARTS)
    seconds = SPAN_SECONDS / (per_second // limit)
    return Window(limit, seconds, deque([now + SPAN_SECONDS - seconds] * limit, limit))


def next_at(window: Window) -> float:
    """When another may be reserved; infinity: not until one that was reserved has begun."""
    return window.begun[window.reserved] + window.seconds if window.reserved < window.limit else inf


def reserve(window: Window) -> None:
    """One more will begin, however late."""
    window.reserved += 1


def begin(window: Window, at: float) -> None:
    """One that was reserved has begun."""
    window.reserved -= 1
    window.begun.append(max(at, window.begun[-1]))
