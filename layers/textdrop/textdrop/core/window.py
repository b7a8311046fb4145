"""How many requests may begin in any second: a quota that one process keeps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

LATE_SECONDS = 0.04
"""So long after it was counted a request may still begin; then its turn is over."""

SPAN_SECONDS = 1.0 + LATE_SECONDS
PARTS = 5
"""Into so many parts the quota of a second is cut, so that what takes longer on its way meets few others."""


@dataclass(slots=True)
class Window:
    """At most `limit` begin in any `seconds`. `begun`: when each of the last `limit` did."""

    limit: int
    seconds: float
    begun: deque[float]


def full(per_second: int, now: float) -> Window:
    """The window of a quota that may have been used up just before `now`, by others: nobody begins for a second.

    At most `per_second` are counted in any span shorter than SPAN_SECONDS: so no more begin in any second.
    """
    limit = max(1, per_second // PARTS)
    seconds = SPAN_SECONDS / (per_second // limit)
    return Window(limit, seconds, deque([now + SPAN_SECONDS - seconds] * limit, limit))


def next_at(window: Window) -> float:
    """From when on another may begin."""
    return window.begun[0] + window.seconds


def begin(window: Window, now: float) -> None:
    """Counts one that begins now."""
    window.begun.append(now)
