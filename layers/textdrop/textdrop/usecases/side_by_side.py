"""Independent calls, made at the same time as far as threads are free."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from textdrop.ports import RunParallel

MAX_AT_ONCE = 16


def side_by_side(run_parallel: RunParallel, calls: Sequence[Callable[[], object]]) -> None:
    """Every call has ended. Raises what one of them raised; then those that had not begun are left out."""
    waiting = deque(calls)

    def work() -> None:
        while (call := _next(waiting)) is not None:
            try:
                call()
            except BaseException:
                waiting.clear()
                raise

    run_parallel(work, min(len(calls), MAX_AT_ONCE))


def _next(waiting: deque[Callable[[], object]]) -> Callable[[], object] | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None
