"""ports.PauseRow: whether submitting is paused."""

from __future__ import annotations

import pytest

from contract.fighting import fight
from contract.rows import Rows
from textdrop.core.errors import StoreUnavailable
from textdrop.core.pause import Pause

NOW = 1_700_000_000.5
FIRST = Pause(rev=1, failures=1, unavailable_since=NOW)
SECOND = Pause(
    rev=2, since=NOW + 1, why="unknown", probe_at=NOW + 61, failures=3, refusals=2, operator_since=NOW + 0.25
)


def test_without_a_row_nothing_is_paused(rows: Rows) -> None:
    assert rows.pause.read() == Pause()


def test_a_row_is_replaced_whole(rows: Rows) -> None:
    assert rows.pause.write(Pause(), FIRST)
    assert rows.pause.read() == FIRST
    assert rows.pause.write(FIRST, SECOND)
    assert rows.pause.read() == SECOND
    assert rows.pause.write(SECOND, Pause(rev=3))
    assert rows.pause.read() == Pause(rev=3)


def test_a_write_over_an_older_rev_changes_nothing(rows: Rows) -> None:
    assert not rows.pause.write(FIRST, SECOND), "there is no such row"
    assert rows.pause.read() == Pause()
    rows.pause.write(Pause(), FIRST)
    assert not rows.pause.write(Pause(), FIRST), "a rival's write, though it is the same"
    rows.pause.write(FIRST, SECOND)
    assert not rows.pause.write(FIRST, SECOND)
    assert rows.pause.read() == SECOND


def test_a_write_whose_answer_was_lost_is_mine(rows: Rows) -> None:
    rows.lose_answer()
    assert rows.pause.write(Pause(), FIRST)
    rows.lose_answer()
    assert rows.pause.write(FIRST, SECOND)


def test_a_write_whose_answer_was_lost_is_not_mine_when_a_rival_wrote_first(rows: Rows) -> None:
    rows.pause.write(Pause(), FIRST)
    rows.lose_answer()
    assert not rows.pause.write(Pause(), Pause(rev=1, refusals=1))
    rows.pause.write(FIRST, SECOND)
    rows.lose_answer()
    assert not rows.pause.write(FIRST, Pause(rev=2))


def test_of_several_probes_one_may_go(rows: Rows) -> None:
    rows.pause.write(Pause(), FIRST)
    won = fight(6, lambda number: rows.pause.write(FIRST, Pause(rev=2, since=NOW, probe_at=NOW + 60 + number)))
    assert won.count(True) == 1


def test_a_breakdown_is_store_unavailable(rows: Rows) -> None:
    rows.break_down()
    with pytest.raises(StoreUnavailable):
        rows.pause.read()
    rows.break_down()
    with pytest.raises(StoreUnavailable):
        rows.pause.write(Pause(), FIRST)
