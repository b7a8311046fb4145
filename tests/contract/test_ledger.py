"""ports.Ledger and ports.Sums: a row a run, its history by month and outcome, and the sums of each day."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.fighting import fight
from contract.rows import Rows
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Outcome, Source
from textdrop.core.ledger import DaySums, HistoryCursor, Run

NOVEMBER = 1_793_500_000.123456  # 2026-11-01 in UTC
DECEMBER = 1_796_083_200.0  # its first second


def a_run(number: int = 1, **fields: object) -> Run:
    run = Run(
        document_id=f"{number:032x}",
        run=1,
        outcome=Outcome.FAILED,
        ended_at=NOVEMBER + number,
        began_at=NOVEMBER,
        outcome_at=NOVEMBER,
        key=f"a/scan {number}.pdf",
    )
    return replace(run, **fields)  # type: ignore[arg-type]  # the fields of a test


EVERYTHING = a_run(
    run=12,
    outcome=Outcome.PARTIAL,
    key="ключ/\udcff\x00.pdf",
    reason="rejected_by_ocr",
    model="page",
    languages=("ru", "en"),
    pages=9,
    recognized=8,
    submitted=7,
    unconfirmed=1,
    kept=2,
    reused=3,
    skipped=4,
    cost="0.9247",
    currency="RUB",
    replaces=Outcome.FAILED,
)


# --- a row a run ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [a_run(), EVERYTHING])
def test_a_run_is_read_as_it_was_put_once(rows: Rows, run: Run) -> None:
    assert rows.ledger.runs(run.document_id) == []
    assert rows.ledger.put(run) == run
    assert rows.ledger.put(replace(run, ended_at=DECEMBER, key="other", submitted=99)) == run, "the first stays"
    assert rows.ledger.runs(run.document_id) == [run]


def test_runs_of_a_document_come_in_order_and_alone(rows: Rows) -> None:
    for number in (10, 2, 1):
        rows.ledger.put(a_run(run=number))
    rows.ledger.put(a_run(2))
    rows.documents.create(Document(a_run().document_id, Source("b", "k"), DocumentState.FINAL, 1.0))
    rows.documents.write_operation(None, Operation(a_run().document_id, 1, 1, OperationState.FAILED))
    assert [run.run for run in rows.ledger.runs(a_run().document_id)] == [1, 2, 10]
    assert [row.page for row in rows.documents.read_operations(a_run().document_id, 1)] == [1]


def test_a_key_is_forgotten_in_all_runs_and_nothing_else_is(rows: Rows) -> None:
    for run in (a_run(), a_run(run=2), a_run(run=3, key=""), a_run(2)):
        rows.ledger.put(run)
    for _ in range(2):
        rows.ledger.forget_key(a_run().document_id)
        assert rows.ledger.runs(a_run().document_id) == [a_run(run=number, key="") for number in (1, 2, 3)]
        assert rows.ledger.runs(a_run(2).document_id) == [a_run(2)]
    found = rows.ledger.history("2026-11", Outcome.FAILED, NOVEMBER, DECEMBER, 9).runs
    assert sorted(run.key for run in found) == ["", "", "", a_run(2).key]
    rows.ledger.forget_key("f" * 32)
    assert rows.ledger.runs("f" * 32) == []


def test_a_run_whose_answer_was_lost_is_there_once(rows: Rows) -> None:
    rows.lose_answer()
    assert rows.ledger.put(a_run()) == a_run()
    rows.lose_answer()
    assert rows.ledger.put(a_run(cost="7")) == a_run(), "an earlier one stays"
    rows.lose_answer()
    rows.ledger.forget_key(a_run().document_id)
    assert rows.ledger.runs(a_run().document_id) == [a_run(key="")]


# --- history ----------------------------------------------------------------------------------------------------------


def walked(rows: Rows, since: float, until: float, limit: int, *, newest_first: bool) -> list[Run]:
    """The whole history of failures in November between the two, page by page."""
    found: list[Run] = []
    after: HistoryCursor | None = None
    while True:
        page = rows.ledger.history("2026-11", Outcome.FAILED, since, until, limit, after, newest_first=newest_first)
        assert len(page.runs) <= limit
        found += page.runs
        if (after := page.after) is None:
            return found


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_history_has_each_run_of_its_month_outcome_and_time_once_and_in_order(
    rows: Rows, limit: int, newest_first: bool
) -> None:
    for number in (3, 1, 5, 2, 4):
        rows.ledger.put(a_run(number))
    rows.ledger.put(a_run(6, outcome=Outcome.PARTIAL, ended_at=NOVEMBER + 3))
    rows.ledger.put(a_run(7, ended_at=DECEMBER))
    for since, until, wanted in (
        (NOVEMBER, DECEMBER, [1, 2, 3, 4, 5]),
        (NOVEMBER + 2, NOVEMBER + 4, [2, 3, 4]),
        (NOVEMBER + 5.5, DECEMBER, []),
    ):
        expected = [a_run(number) for number in (reversed(wanted) if newest_first else wanted)]
        assert walked(rows, since, until, limit, newest_first=newest_first) == expected
    [december] = rows.ledger.history("2026-12", Outcome.FAILED, DECEMBER, DECEMBER, 9).runs
    assert december == a_run(7, ended_at=DECEMBER)


@pytest.mark.parametrize("newest_first", [False, True])
def test_runs_that_ended_at_the_same_time_are_each_had_once(rows: Rows, newest_first: bool) -> None:
    put = [a_run(number, run=run, ended_at=NOVEMBER) for number in (1, 2, 3) for run in (1, 2)]
    for run in put:
        rows.ledger.put(run)
    found = walked(rows, NOVEMBER, NOVEMBER, 1, newest_first=newest_first)
    assert sorted((run.document_id, run.run) for run in found) == [(run.document_id, run.run) for run in put]


@pytest.mark.parametrize(
    ("at", "newest_first", "wanted"),
    [
        (NOVEMBER, False, [2, 3]),
        (NOVEMBER + 2.5, False, [3]),
        (NOVEMBER + 9, False, []),
        (NOVEMBER + 9, True, [3, 2]),
        (NOVEMBER + 2.5, True, [2]),
        (NOVEMBER, True, []),
    ],
)
def test_a_cursor_from_elsewhere_is_a_place_in_time(
    rows: Rows, at: float, newest_first: bool, wanted: list[int]
) -> None:
    for number in (1, 2, 3, 4):
        rows.ledger.put(a_run(number))
    after = HistoryCursor(at, "f" * 32, 7)
    page = rows.ledger.history(
        "2026-11", Outcome.FAILED, NOVEMBER + 2, NOVEMBER + 3, 9, after, newest_first=newest_first
    )
    assert page.runs == tuple(a_run(number) for number in wanted)


def test_a_lost_answer_of_history_is_asked_for_again(rows: Rows) -> None:
    rows.ledger.put(a_run())
    rows.lose_answer()
    assert rows.ledger.history("2026-11", Outcome.FAILED, NOVEMBER, DECEMBER, 9).runs == (a_run(),)


# --- sums -------------------------------------------------------------------------------------------------------------

FIRST = DaySums(
    "2026-11-29",
    1,
    until={"failed": NOVEMBER},
    outcomes={"failed": 3},
    replaced={"partial": 1},
    reasons={"internal": 3},
    models={"page": {"runs": 3, "paid": 12}, "": {"runs": 1}},
    costs={"page": {"RUB": "1.5852"}},
)
SECOND = replace(FIRST, rev=2, outcomes={"failed": 4, "skipped": 1}, until={"failed": DECEMBER, "skipped": NOVEMBER})


def test_a_day_is_read_as_it_was_written(rows: Rows) -> None:
    assert rows.sums.read("2026-11-01", "2026-11-30") == []
    assert rows.sums.write(DaySums(FIRST.day), FIRST)
    assert rows.sums.read(FIRST.day, FIRST.day) == [FIRST]
    assert rows.sums.write(FIRST, SECOND)
    assert rows.sums.read(FIRST.day, FIRST.day) == [SECOND]


def test_days_come_in_order_from_the_first_to_the_last(rows: Rows) -> None:
    days = ["2026-12-01", "2026-11-30", "2026-10-31", "2026-11-01"]
    for day in days:
        rows.sums.write(DaySums(day), DaySums(day, 1))
    assert [row.day for row in rows.sums.read("2026-11-01", "2026-11-30")] == ["2026-11-01", "2026-11-30"]
    assert [row.day for row in rows.sums.read("2026-01-01", "2026-12-31")] == sorted(days)


def test_sums_are_written_over_what_was_read_alone(rows: Rows) -> None:
    assert not rows.sums.write(FIRST, SECOND), "there is none"
    rows.sums.write(DaySums(FIRST.day), FIRST)
    assert not rows.sums.write(DaySums(FIRST.day), replace(FIRST, outcomes={})), "there is one"
    assert not rows.sums.write(DaySums(FIRST.day), FIRST), "a rival's, though it is the same"
    rows.sums.write(FIRST, SECOND)
    assert not rows.sums.write(FIRST, replace(SECOND, outcomes={}))
    assert rows.sums.read(FIRST.day, FIRST.day) == [SECOND]


def test_sums_whose_answer_was_lost_are_mine_unless_a_rival_was_first(rows: Rows) -> None:
    rows.lose_answer()
    assert rows.sums.write(DaySums(FIRST.day), FIRST)
    rows.lose_answer()
    assert rows.sums.write(FIRST, SECOND)
    rows.lose_answer()
    assert not rows.sums.write(FIRST, replace(SECOND, outcomes={}))


def test_of_several_who_add_one_does(rows: Rows) -> None:
    won = fight(6, lambda number: rows.sums.write(DaySums(FIRST.day), replace(FIRST, outcomes={"failed": number})))
    assert won.count(True) == 1
    assert [row.outcomes for row in rows.sums.read(FIRST.day, FIRST.day)] == [{"failed": won.index(True)}]
