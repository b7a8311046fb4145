"""ports.PauseRow and ports.ReconcileRunRow: whether submitting is paused, and how far reconcile has come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contract.fighting import fight
from contract.rows import Rows
from textdrop.core.pause import Pause
from textdrop.core.reconciling import ReconcileRun

NOW = 1_700_000_000.5
PAUSES = (
    Pause(rev=1, failures=1, unavailable_since=NOW),
    Pause(rev=2, since=NOW + 1, why="unknown", probe_at=NOW + 61, failures=3, refusals=2, operator_since=NOW + 0.25),
)
RUNS = (
    ReconcileRun(1, "a b/Счёт\x01№ 7.png", "version-1", 3600.0, NOW, listed=1000, found=3),
    ReconcileRun(
        2, "", "", 3600.0, NOW, NOW + 1, 1001, 4, "archive", "in box/", "arn:aws:cloudformation::stack/t/1", NOW
    ),
)

pytestmark = pytest.mark.parametrize(
    ("port", "none", "first", "second"),
    [("pause", Pause(), *PAUSES), ("progress", ReconcileRun(), *RUNS)],
    ids=["pause", "progress"],
)


@pytest.fixture
def row(rows: Rows, port: str) -> Any:
    """The port under test."""
    return getattr(rows, port)


def test_a_row_is_replaced_whole(row: Any, none: Any, first: Any, second: Any) -> None:
    assert row.read() == none
    assert row.write(none, first)
    assert row.read() == first
    assert row.write(first, second)
    assert row.read() == second
    assert row.write(second, replace(none, rev=3))
    assert row.read() == replace(none, rev=3)


def test_a_write_over_an_older_rev_changes_nothing(row: Any, none: Any, first: Any, second: Any) -> None:
    assert not row.write(first, second), "there is no such row"
    assert row.read() == none
    row.write(none, first)
    assert not row.write(none, first), "a rival's write, though it is the same"
    row.write(first, second)
    assert not row.write(first, second)
    assert row.read() == second


def test_a_write_whose_answer_was_lost_is_mine(rows: Rows, row: Any, none: Any, first: Any, second: Any) -> None:
    rows.lose_answer()
    assert row.write(none, first)
    rows.lose_answer()
    assert row.write(first, second)


def test_a_write_whose_answer_was_lost_is_not_mine_when_a_rival_wrote_first(
    rows: Rows, row: Any, none: Any, first: Any, second: Any
) -> None:
    row.write(none, first)
    rows.lose_answer()
    assert not row.write(none, replace(none, rev=1))
    row.write(first, second)
    rows.lose_answer()
    assert not row.write(first, replace(none, rev=2))


def test_of_several_writers_one_succeeds(row: Any, none: Any, first: Any, second: Any) -> None:
    row.write(none, first)
    rivals = [replace(second, **{"failures" if isinstance(none, Pause) else "found": number}) for number in range(6)]
    won = fight(6, lambda number: row.write(first, rivals[number]))
    assert won.count(True) == 1
    assert row.read() == rivals[won.index(True)]
