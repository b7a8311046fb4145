"""Work on several things at once."""

from __future__ import annotations

import threading

import pytest

from textdrop.client.access import THREADS
from textdrop.client.threads import at_once


def test_all_is_done_and_items_are_taken_as_they_are_needed() -> None:
    taken = []

    def items() -> object:
        for number in range(1_000):
            taken.append(number)
            yield number

    results = at_once(lambda number: number, items())  # type: ignore[arg-type,var-annotated]
    first = next(results)
    assert len(taken) < 100
    assert sorted([first, *results]) == list(range(1_000))


def test_who_stops_early_waits_for_nothing_and_begins_nothing_else() -> None:
    begun: list[int] = []
    gate = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number:
            gate.wait(20)
        return number

    results = at_once(work, range(100))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]  # a generator
    assert not gate.is_set()
    assert len(begun) <= THREADS + 1
    gate.set()


def test_what_an_item_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(at_once(lambda number: 1 // number, range(3)))
