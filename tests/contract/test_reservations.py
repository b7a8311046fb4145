"""ports.Reservations: pages of days and months, counted with the document that reserves them or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from contract.fighting import fight
from contract.moto_aws import Transport
from contract.rows import Rows
from textdrop.core.caps import Answer, Caps, Used
from textdrop.core.documents import Document, DocumentState, DueKind, Operation, OperationState, Source

NOW = 1_700_000_000.123456
TODAY, YESTERDAY, LAST_MONTH = "2026-11-30", "2026-11-29", "2026-10-31"


def a_document(rows: Rows, number: int = 1) -> Document:
    """One of three pages that is on its way, as it is stored."""
    document = Document(
        *(f"{number:032x}", Source("uploads", f"{number}.pdf", "v1"), DocumentState.RECOGNIZING, NOW),
        due_kind=DueKind.SUBMIT,
        due_at=NOW + 300,
        pages=3,
        unfinished=frozenset({1, 2, 3}),
    )
    assert rows.documents.create(document)
    return document


def the_next(document: Document, **fields: object) -> Document:
    return replace(document, rev=document.rev + 1, **fields)  # type: ignore[arg-type]  # the fields of a test


def used(rows: Rows, *days: str) -> list[tuple[int, int]]:
    """Of each day its pages, and those of its month."""
    seen = [rows.reservations.read(day) for day in days]
    return [(each.on_day, each.in_month) for each in seen]


def reserve(rows: Rows, changes: Mapping[str, int], caps: Caps | None = None, number: int = 1) -> Answer:
    """What a document of its own is answered."""
    before = a_document(rows, number)
    return rows.reservations.write(before, the_next(before, reserved=9, reserved_on=TODAY), changes, caps)


def test_pages_count_for_their_day_and_their_month_and_the_document_says_so(rows: Rows) -> None:
    assert rows.reservations.read(TODAY) == Used(0, 0, is_new=True)
    before = a_document(rows)
    after = the_next(before, reserved=3, reserved_on=TODAY)
    assert rows.reservations.write(before, after, {TODAY: 3}, Caps(3, 3)) is Answer.WRITTEN
    assert rows.documents.read(before.id) == after
    assert rows.reservations.read(TODAY) == Used(3, 3, is_new=False)
    for another_day in (YESTERDAY, "2026-11-20", "2026-11-03"):
        assert rows.reservations.read(another_day) == Used(0, 3, is_new=True)
    assert rows.reservations.read(LAST_MONTH) == Used(0, 0, is_new=True)
    assert reserve(rows, {TODAY: 2}, Caps(5, 0), number=2) is Answer.WRITTEN
    assert rows.reservations.read(TODAY) == Used(5, 5, is_new=False)


def test_pages_move_from_one_day_to_another_of_the_same_month_or_not(rows: Rows) -> None:
    reserve(rows, {YESTERDAY: 4, LAST_MONTH: 5})
    assert used(rows, YESTERDAY, LAST_MONTH) == [(4, 4), (5, 5)]
    # The month is full, and stays as full as it was.
    assert reserve(rows, {TODAY: 4, YESTERDAY: -4}, Caps(4, 4), number=2) is Answer.WRITTEN
    assert used(rows, TODAY, YESTERDAY) == [(4, 4), (0, 4)]
    assert reserve(rows, {TODAY: 5, LAST_MONTH: -5}, Caps(9, 9), number=3) is Answer.WRITTEN
    assert used(rows, TODAY, LAST_MONTH) == [(9, 9), (0, 0)]
    assert not rows.reservations.read(LAST_MONTH).is_new, "somebody has sent on that day"


@pytest.mark.parametrize(
    ("changes", "caps", "answer"),
    [
        ({TODAY: 2}, Caps(10, 0), Answer.WRITTEN),
        ({TODAY: 3}, Caps(10, 0), Answer.OVER),
        ({TODAY: 2}, Caps(0, 14), Answer.WRITTEN),
        ({TODAY: 3}, Caps(0, 14), Answer.OVER),
        ({TODAY: 3}, Caps(11, 14), Answer.OVER),
        ({TODAY: 3}, Caps(10, 15), Answer.OVER),
        ({TODAY: 3}, Caps(11, 15), Answer.WRITTEN),
        ({TODAY: 3, YESTERDAY: -4}, Caps(0, 11), Answer.WRITTEN),
        ({TODAY: 3, YESTERDAY: -1}, Caps(0, 14), Answer.WRITTEN),
        ({TODAY: 3, YESTERDAY: -1}, Caps(0, 13), Answer.OVER),
        ({TODAY: 3, YESTERDAY: -4}, Caps(10, 0), Answer.OVER),
        ({TODAY: 3, LAST_MONTH: -5}, Caps(0, 14), Answer.OVER),
        ({TODAY: 1, LAST_MONTH: 6}, Caps(10, 0), Answer.OVER),
        ({TODAY: 1, "2026-12-01": 10}, Caps(10, 13), Answer.WRITTEN),
        ({TODAY: 1, "2026-12-01": 11}, Caps(10, 13), Answer.OVER),
        ({TODAY: -1, LAST_MONTH: -1}, Caps(1, 1), Answer.WRITTEN),
        ({TODAY: 100}, Caps(0, 0), Answer.WRITTEN),
        ({TODAY: 100}, None, Answer.WRITTEN),
    ],
    ids=str,
)
def test_a_cap_is_reached_and_never_passed_and_over_it_nothing_is_written(
    rows: Rows, changes: dict[str, int], caps: Caps | None, answer: Answer
) -> None:
    before = {TODAY: 8, YESTERDAY: 4, LAST_MONTH: 5, "2026-12-01": 0}
    reserve(rows, before)
    document = a_document(rows, 2)
    after = the_next(document, reserved=1)
    assert rows.reservations.write(document, after, changes, caps) is answer
    is_written = answer is Answer.WRITTEN
    assert rows.documents.read(document.id) == (after if is_written else document)
    now = {day: pages + changes.get(day, 0) * is_written for day, pages in before.items()}
    months = {day: sum(pages for each, pages in now.items() if each[:7] == day[:7]) for day in now}
    assert used(rows, *now) == [(now[day], months[day]) for day in now]


@pytest.mark.parametrize("rows", ["aws"], indirect=True)
@pytest.mark.parametrize("caps", [Caps(2, 0), Caps(0, 2)], ids=str)
def test_more_than_a_whole_cap_is_not_asked_for(rows: Rows, table_client: tuple[Transport, Any], caps: Caps) -> None:
    document = a_document(rows)
    table_client[0].requests.clear()
    assert rows.reservations.write(document, the_next(document), {TODAY: 3}, caps) is Answer.OVER
    assert table_client[0].requests == []


def test_who_has_lost_the_document_writes_nothing_and_learns_it_before_any_cap(rows: Rows) -> None:
    reserve(rows, {TODAY: 5})
    before = a_document(rows, 2)
    rivals = the_next(before, holder="rival")
    rows.documents.write(before, rivals)
    mine = the_next(before, holder="me")
    for caps in (None, Caps(5, 0), Caps(0, 5)):
        assert rows.reservations.write(before, mine, {TODAY: 1}, caps) is Answer.LOST
    assert rows.documents.read(before.id) == rivals
    assert used(rows, TODAY) == [(5, 5)]


def test_a_document_that_is_gone_is_lost_and_not_made(rows: Rows) -> None:
    gone = Document("0" * 32, Source("uploads", "gone.pdf"), DocumentState.RECOGNIZING, NOW)
    assert rows.reservations.write(gone, the_next(gone), {TODAY: 1}, None) is Answer.LOST
    assert rows.documents.read(gone.id) is None
    assert rows.reservations.read(TODAY) == Used()


def test_a_document_is_written_with_a_rev_one_higher(rows: Rows) -> None:
    before = a_document(rows)
    with pytest.raises(ValueError, match="rev"):
        rows.reservations.write(before, before, {TODAY: 1}, None)


def test_pages_that_were_finished_meanwhile_stay_finished(rows: Rows) -> None:
    before = a_document(rows)
    rows.documents.finish_page(Operation(before.id, 1, 2, OperationState.RECOGNIZED))
    after = the_next(before, state=DocumentState.HELD, due_kind=DueKind.HELD, due_at=None, reserved=2)
    assert rows.reservations.write(before, after, {TODAY: 2}, None) is Answer.WRITTEN
    assert rows.documents.read(before.id) == replace(after, unfinished=frozenset({1, 3}), pages_recognized=1)


# --- lost answers -----------------------------------------------------------------------------------------------------


def test_what_was_written_is_mine_and_counted_once_though_its_answer_was_lost(rows: Rows) -> None:
    before = a_document(rows)
    rows.documents.finish_page(Operation(before.id, 1, 2, OperationState.RECOGNIZED))
    rows.lose_answer()
    after = the_next(before, reserved=3, reserved_on=TODAY)
    assert rows.reservations.write(before, after, {TODAY: 3}, Caps(3, 3)) is Answer.WRITTEN
    assert used(rows, TODAY) == [(3, 3)]
    stored = rows.documents.read(before.id)
    assert stored is not None
    rows.lose_answer()
    given_back = the_next(stored, reserved=1, unfinished=frozenset())
    assert rows.reservations.write(stored, given_back, {TODAY: -2}, None) is Answer.WRITTEN
    assert used(rows, TODAY) == [(1, 1)]


def test_what_was_refused_stays_so_though_its_answer_was_lost(rows: Rows) -> None:
    reserve(rows, {TODAY: 5})
    before = a_document(rows, 2)
    rows.lose_answer()
    assert rows.reservations.write(before, the_next(before), {TODAY: 1}, Caps(5)) is Answer.OVER
    rows.documents.write(before, the_next(before, holder="rival"))
    rows.lose_answer()
    assert rows.reservations.write(before, the_next(before, holder="me"), {TODAY: 1}, None) is Answer.LOST
    assert used(rows, TODAY) == [(5, 5)]


# --- at the same time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caps", [Caps(5, 0), Caps(0, 5)], ids=str)
def test_documents_that_reserve_together_do_not_pass_a_cap(rows: Rows, caps: Caps) -> None:
    documents = [a_document(rows, number) for number in range(8)]
    answers = fight(8, lambda n: rows.reservations.write(documents[n], the_next(documents[n]), {TODAY: 1}, caps))
    assert (answers.count(Answer.WRITTEN), answers.count(Answer.OVER)) == (5, 3)
    assert used(rows, TODAY) == [(5, 5)]
    stored = [rows.documents.read(document.id) for document in documents]
    assert [row.rev for row in stored if row] == [2 if answer is Answer.WRITTEN else 1 for answer in answers]


def test_of_several_who_reserve_for_one_document_one_does(rows: Rows) -> None:
    before = a_document(rows)
    answers = fight(6, lambda number: rows.reservations.write(before, the_next(before), {TODAY: 1 + number}, None))
    assert (answers.count(Answer.WRITTEN), answers.count(Answer.LOST)) == (1, 5)
    assert used(rows, TODAY) == [(1 + answers.index(Answer.WRITTEN),) * 2]
