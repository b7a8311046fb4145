"""Calls at the same time: all are made, or those that had begun when one failed, and no more threads than allowed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from fakes.running import inline_parallel
from textdrop.usecases.side_by_side import MAX_AT_ONCE, side_by_side


def test_every_call_is_made_once_in_order_where_no_thread_is_free() -> None:
    made: list[int] = []
    side_by_side(inline_parallel, [partial(made.append, number) for number in range(40)])
    assert made == list(range(40))


def test_after_one_that_fails_nobody_begins_another() -> None:
    made: list[int] = []

    def fail() -> None:
        raise ValueError("down")

    def run_parallel(task: Callable[[], None], max_workers: int) -> None:
        """One thread meets the failure; another looks for more to do afterwards."""
        with pytest.raises(ValueError, match="down"):
            task()
        task()

    side_by_side(run_parallel, [partial(made.append, 1), fail, partial(made.append, 2)])
    assert made == [1]


@pytest.mark.parametrize(("calls", "workers"), [(1, 1), (3, 3), (500, MAX_AT_ONCE)])
def test_no_more_threads_are_asked_for_than_there_are_calls_or_than_are_allowed(calls: int, workers: int) -> None:
    asked: list[int] = []
    side_by_side(lambda task, max_workers: asked.append(max_workers), [lambda: None] * calls)
    assert asked == [workers]
