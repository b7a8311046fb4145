"""ports.ReconcileRunRow: how far reconcile has come."""

from __future__ import annotations

import pytest

from contract.fighting import fight
from contract.rows import Rows
from textdrop.core.errors import StoreUnavailable
from textdrop.core.reconciling import ReconcileRun

NOW = 1_700_000_000.5
FIRST = ReconcileRun(1, "a b/Счёт\x01№ 7.png", "version-1", 3600.0, NOW, listed=1000, found=3)
SECOND = ReconcileRun(2, older_than_seconds=3600.0, began_at=NOW, ended_at=NOW + 1, listed=1001, found=4)


def test_without_a_row_there_was_no_pass(rows: Rows) -> None:
    assert rows.progress.read() == ReconcileRun()


def test_a_row_is_replaced_whole(rows: Rows) -> None:
    assert rows.progress.write(ReconcileRun(), FIRST)
    assert rows.progress.read() == FIRST
    assert rows.progress.write(FIRST, SECOND)
    assert rows.progress.read() == SECOND


def test_a_write_over_an_older_rev_changes_nothing(rows: Rows) -> None:
    assert not rows.progress.write(FIRST, SECOND), "there is no such row"
    rows.progress.write(ReconcileRun(), FIRST)
    assert not rows.progress.write(ReconcileRun(), FIRST), "a rival's write, though it is the same"
    rows.progress.write(FIRST, SECOND)
    assert not rows.progress.write(FIRST, SECOND)
    assert rows.progress.read() == SECOND


def test_a_write_whose_answer_was_lost_is_mine(rows: Rows) -> None:
    rows.lose_answer()
    assert rows.progress.write(ReconcileRun(), FIRST)
    rows.lose_answer()
    assert rows.progress.write(FIRST, SECOND)


def test_a_write_whose_answer_was_lost_is_not_mine_when_a_rival_got_ahead(rows: Rows) -> None:
    rows.progress.write(ReconcileRun(), FIRST)
    rows.progress.write(FIRST, SECOND)
    rows.lose_answer()
    assert not rows.progress.write(FIRST, ReconcileRun(2, "b"))


def test_of_several_runs_one_goes_on(rows: Rows) -> None:
    rows.progress.write(ReconcileRun(), FIRST)
    won = fight(6, lambda number: rows.progress.write(FIRST, ReconcileRun(2, f"{number}")))
    assert won.count(True) == 1


def test_a_breakdown_is_store_unavailable(rows: Rows) -> None:
    rows.break_down()
    with pytest.raises(StoreUnavailable):
        rows.progress.read()
    rows.break_down()
    with pytest.raises(StoreUnavailable):
        rows.progress.write(ReconcileRun(), FIRST)
