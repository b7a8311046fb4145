"""ports.Documents: rows, conditional writes and the index of what is due."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.fighting import fight
from contract.rows import Rows
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Billed,
    Document,
    DocumentState,
    DueEntry,
    DueKind,
    Hold,
    Operation,
    OperationState,
    Options,
    Outcome,
    Output,
    Period,
    Problem,
    Removed,
    Rendering,
    Shown,
    Source,
    Step,
)
from textdrop.core.errors import Reason, Trace

NOW = 1_700_000_000.123456
MANY = 525


def a_document(number: int = 1, **fields: object) -> Document:
    source = Source("uploads", f"a/scan {number}.pdf", version_id=f"v{number}", etag="e", size=7, event_at=NOW)
    document = Document(
        id=f"{number:032x}",
        source=source,
        state=DocumentState.ACCEPTED,
        accepted_at=NOW,
        holder="holder-1",
        due_kind=DueKind.SUBMIT,
        due_at=NOW + 300,
        attempts=1,
    )
    return replace(document, **fields)  # type: ignore[arg-type]  # the fields of a test


def an_operation(page: int = 1, **fields: object) -> Operation:
    operation = Operation(a_document().id, 1, page, OperationState.SUBMITTING, holder_rev=2, client_request_id="c")
    return replace(operation, **fields)  # type: ignore[arg-type]  # the fields of a test


def recognizing(rows: Rows, pages: int = 3) -> Document:
    document = a_document(state=DocumentState.RECOGNIZING, pages=pages, unfinished=frozenset(range(1, pages + 1)))
    assert rows.documents.create(document)
    return document


def the_next(document: Document, **fields: object) -> Document:
    return replace(document, rev=document.rev + 1, **fields)  # type: ignore[arg-type]  # the fields of a test


EVERYTHING = a_document(
    number=77,
    source=Source(
        "b",
        "ключ +%20\U0001f600/\x01.pdf",
        "v",
        "e",
        9,
        "0055AED6DCD90281E5",
        NOW,
        1_700_000_001.0,
        (("case", "дело \udcff"), ("empty", "")),
        2,
    ),
    state=DocumentState.FINAL,
    rev=9,
    run=2,
    due_kind=None,
    due_at=None,
    consecutive_failures=2,
    submit_passes=3,
    options=Options(("ru", "en"), "page", "metadata", "parameter", reuse=True, reuse_from="request"),
    media_type="application/pdf",
    pages=12,
    unfinished=frozenset({2, 11}),
    outcome=Outcome.FAILED,
    problem=Problem(Reason.REJECTED_BY_OCR, "what", "advice", Trace(400, 3, "bad image", "c", "r", "s")),
    pages_recognized=10,
    outcome_at=NOW + 1e-6,
    step=Step.NOTICE,
    began_at=NOW,
    requested=(("ocr-model", "table"), ("ocr-pages", "")),
    before=Shown(1, Outcome.PARTIAL, 9, (Rendering(Output.TABLES, 2, ("warning",)),)),
    ended_before=Outcome.FAILED,
    pages_run=1,
    held_until=NOW + 1,
    sweep_at=NOW + 2,
    removed=Removed(),
    billed=Billed(3, 1),
    pages_kept=2,
    pages_reused=3,
    pages_skipped=1,
    reserved=4,
    reserved_on="2026-11-30",
    released=True,
    released_at=NOW + 1e-6,
    hold=Hold(Period.MONTH, 4, is_larger=True, cap=3, at=NOW),
    hold_told=True,
)


# --- documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        a_document(),
        EVERYTHING,
        *[
            a_document(source=Source("uploads", key, "v1"))
            for key in ("\udcff\ud800.pdf", "a+b c/ü%2F.pdf", "\x00\r\n\ufffe", "ключ/\U0001f600", "x" * 1024)
        ],
    ],
)
def test_a_row_is_read_as_it_was_made(rows: Rows, document: Document) -> None:
    assert rows.documents.read(document.id) is None
    assert rows.documents.create(document)
    assert rows.documents.read(document.id) == document


def test_a_row_is_made_once(rows: Rows) -> None:
    document = a_document()
    assert rows.documents.create(document)
    assert not rows.documents.create(replace(document, holder="holder-2"))
    assert not rows.documents.create(document), "a repeated event in one batch has the same holder"
    assert rows.documents.read(document.id) == document


def test_of_several_makers_one_succeeds(rows: Rows) -> None:
    won = fight(6, lambda number: rows.documents.create(a_document(holder=f"holder-{number}")))
    assert won.count(True) == 1
    stored = rows.documents.read(a_document().id)
    assert stored is not None
    assert stored.holder == f"holder-{won.index(True)}"


def test_a_write_changes_sets_and_removes(rows: Rows) -> None:
    before = a_document()
    rows.documents.create(before)
    after = the_next(
        before, state=DocumentState.FINAL, holder="", due_kind=None, due_at=None, outcome=Outcome.SUCCEEDED, pages=2
    )
    assert rows.documents.write(before, after)
    assert rows.documents.read(before.id) == after


def test_a_write_may_change_every_field(rows: Rows) -> None:
    nothing = Document(EVERYTHING.id, Source("b", "k"), DocumentState.ACCEPTED, accepted_at=1.0)
    every = replace(EVERYTHING, rev=2)
    rows.documents.create(nothing)
    assert rows.documents.write(nothing, every)
    assert rows.documents.read(every.id) == every
    assert rows.documents.write(every, replace(nothing, rev=3))
    assert rows.documents.read(every.id) == replace(nothing, rev=3)


def test_a_write_over_an_older_rev_changes_nothing(rows: Rows) -> None:
    before = a_document()
    rows.documents.create(before)
    after = the_next(before, holder="holder-2")
    rows.documents.write(before, after)
    assert not rows.documents.write(before, the_next(before, holder="holder-3"))
    assert not rows.documents.write(before, after), "a rival's write, though it is the same"
    assert rows.documents.read(before.id) == after


def test_a_write_to_a_row_that_is_gone_makes_none(rows: Rows) -> None:
    before = a_document()
    assert not rows.documents.write(before, the_next(before))
    assert rows.documents.read(before.id) is None


def test_a_write_must_raise_the_rev_by_one(rows: Rows) -> None:
    before = a_document()
    rows.documents.create(before)
    with pytest.raises(ValueError, match="rev one higher"):
        rows.documents.write(before, replace(before, rev=before.rev + 2))
    with pytest.raises(ValueError, match="over itself"):
        rows.documents.write(before, the_next(before, id="f" * 32))


def test_a_write_leaves_pages_finished_that_it_did_not_know_of(rows: Rows) -> None:
    before = recognizing(rows)
    rows.documents.finish_page(an_operation(2, state=OperationState.RECOGNIZED))
    assert rows.documents.write(before, the_next(before, holder="holder-2"))
    stored = rows.documents.read(before.id)
    assert stored is not None
    assert (set(stored.unfinished), stored.pages_recognized) == ({1, 3}, 1)


def test_a_write_that_names_the_unfinished_pages_sets_them(rows: Rows) -> None:
    before = a_document()
    rows.documents.create(before)
    known = the_next(before, unfinished=frozenset({1, 2}))
    assert rows.documents.write(before, known)
    assert rows.documents.read(before.id) == known
    rows.documents.finish_page(an_operation(1, state=OperationState.RECOGNIZED))
    none = the_next(known, unfinished=frozenset(), pages_recognized=2)
    assert rows.documents.write(known, none)
    assert rows.documents.finish_page(an_operation(2, state=OperationState.RECOGNIZED)) == none, "it is in the count"
    assert rows.documents.read(before.id) == none


def test_a_write_sets_the_due_time_though_a_hand_out_moved_it(rows: Rows) -> None:
    before = a_document(due_at=NOW)
    rows.documents.create(before)
    rows.documents.postpone(DueEntry(DueKind.SUBMIT, NOW, before.id), NOW + 900)
    after = the_next(before, holder="holder-2")
    assert after.due_at == before.due_at
    assert rows.documents.write(before, after)
    assert rows.documents.read(before.id) == after


def test_of_several_holders_one_gets_the_lease(rows: Rows) -> None:
    before = a_document()
    rows.documents.create(before)
    won = fight(6, lambda number: rows.documents.write(before, the_next(before, holder=f"holder-{number}")))
    assert won.count(True) == 1
    stored = rows.documents.read(before.id)
    assert stored is not None
    assert (stored.rev, stored.holder) == (2, f"holder-{won.index(True)}")


# --- handing out ------------------------------------------------------------------------------------------------------


def test_postponing_moves_the_due_time_alone(rows: Rows) -> None:
    document = a_document(due_at=NOW)
    rows.documents.create(document)
    moved = rows.documents.postpone(DueEntry(DueKind.SUBMIT, NOW, document.id), NOW + 900)
    assert moved == replace(document, due_at=NOW + 900)
    assert rows.documents.read(document.id) == moved


@pytest.mark.parametrize(
    "entry", [DueEntry(DueKind.SUBMIT, NOW - 1, a_document().id), DueEntry(DueKind.DELIVER, NOW, a_document().id)]
)
def test_postponing_by_an_old_due_entry_changes_nothing(rows: Rows, entry: DueEntry) -> None:
    document = a_document(due_at=NOW)
    rows.documents.create(document)
    assert rows.documents.postpone(entry, NOW + 900) is None
    assert rows.documents.read(document.id) == document


def test_postponing_a_row_that_is_gone_or_final_is_none(rows: Rows) -> None:
    assert rows.documents.postpone(DueEntry(DueKind.SUBMIT, NOW, "0" * 32), NOW + 900) is None
    rows.documents.create(EVERYTHING)
    assert rows.documents.postpone(DueEntry(DueKind.SUBMIT, NOW, EVERYTHING.id), NOW + 900) is None


def test_of_several_who_hand_out_one_does(rows: Rows) -> None:
    document = a_document(due_at=NOW)
    rows.documents.create(document)
    entry = DueEntry(DueKind.SUBMIT, NOW, document.id)
    moved = fight(6, lambda number: rows.documents.postpone(entry, NOW + 900 + number))
    assert sum(row is not None for row in moved) == 1


# --- unfinished pages -------------------------------------------------------------------------------------------------


def test_finishing_pages_shrinks_the_set_to_nothing_and_leaves_the_rest(rows: Rows) -> None:
    document = recognizing(rows)
    for page, state, left, counted in (
        (2, OperationState.RECOGNIZED, {1, 3}, 1),
        (2, OperationState.RECOGNIZED, {1, 3}, 1),
        (1, OperationState.FAILED, {3}, 1),
        (1, OperationState.FAILED, {3}, 1),
        (3, OperationState.RECOGNIZED, set(), 2),
        (3, OperationState.RECOGNIZED, set(), 2),
    ):
        after = rows.documents.finish_page(an_operation(page, state=state))
        expected = replace(document, unfinished=frozenset(left), pages_recognized=counted)
        assert after == expected, "the row as it is then; it may be repeated"
        assert rows.documents.read(document.id) == after


def test_finishing_a_page_of_another_run_or_no_row_is_none(rows: Rows) -> None:
    document = recognizing(rows)
    assert rows.documents.finish_page(an_operation(run=2, state=OperationState.FAILED)) is None
    assert rows.documents.finish_page(an_operation(document_id="0" * 32, state=OperationState.FAILED)) is None
    assert rows.documents.read("0" * 32) is None
    assert rows.documents.read(document.id) == document
    again = the_next(document, run=2)
    assert rows.documents.write(document, again)
    assert rows.documents.finish_page(an_operation(run=1, state=OperationState.RECOGNIZED)) is None
    assert rows.documents.read(document.id) == again


def test_of_pages_that_finish_together_none_is_forgotten_and_one_is_last(rows: Rows) -> None:
    recognizing(rows, pages=8)
    recognised = [an_operation(page, state=OperationState.RECOGNIZED) for page in range(1, 9)]
    after = fight(8, lambda number: rows.documents.finish_page(recognised[number]))
    assert [row.pages_recognized for row in after if row is not None and not row.unfinished] == [8]
    assert sorted(row.pages_recognized for row in after if row is not None) == list(range(1, 9))


# --- what is due ------------------------------------------------------------------------------------------------------


def test_due_rows_come_oldest_first_of_their_kind_up_to_the_time(rows: Rows) -> None:
    for number, due_at in ((1, NOW + 3), (2, NOW + 1), (3, NOW + 2), (4, NOW + 9)):
        rows.documents.create(a_document(number, due_at=due_at))
    rows.documents.create(a_document(5, due_kind=DueKind.DELIVER, due_at=NOW))
    operation = an_operation(page=1234, run=3, state=OperationState.RUNNING, due_kind=DueKind.ASK, due_at=NOW)
    rows.documents.write_operation(None, operation)
    assert rows.documents.due(DueKind.ASK, NOW, 10) == [DueEntry(DueKind.ASK, NOW, operation.document_id, 3, 1234)]
    hints = rows.documents.due(DueKind.SUBMIT, NOW + 3, 10)
    assert hints == [
        DueEntry(DueKind.SUBMIT, NOW + 1, a_document(2).id),
        DueEntry(DueKind.SUBMIT, NOW + 2, a_document(3).id),
        DueEntry(DueKind.SUBMIT, NOW + 3, a_document(1).id),
    ]
    assert rows.documents.due(DueKind.SUBMIT, NOW + 3, 2) == hints[:2]
    assert rows.documents.due(DueKind.SUBMIT, NOW, 10) == []
    assert rows.documents.due(DueKind.SUBMIT, NOW + 3, 10, since=hints[1].due_at) == hints[1:]
    assert rows.documents.due(DueKind.SUBMIT, NOW + 3, 1, since=hints[1].due_at) == hints[1:2]
    assert rows.documents.due(DueKind.SUBMIT, NOW, 10, since=NOW + 1) == []


def test_a_row_without_a_due_time_is_in_no_index(rows: Rows) -> None:
    document = a_document(due_at=NOW)
    rows.documents.create(document)
    rows.documents.write(document, the_next(document, due_kind=None, due_at=None, state=DocumentState.FINAL))
    operation = an_operation(due_kind=DueKind.ASK, due_at=NOW, state=OperationState.RUNNING)
    rows.documents.write_operation(None, operation)
    done = replace(operation, state=OperationState.RECOGNIZED, due_kind=None, due_at=None)
    rows.documents.write_operation(operation, done)
    assert [entry for kind in DueKind for entry in rows.documents.due(kind, NOW * 2, 10)] == []


def test_a_row_moves_from_one_kind_of_work_to_the_other(rows: Rows) -> None:
    document = a_document(due_at=NOW)
    rows.documents.create(document)
    rows.documents.write(document, the_next(document, due_kind=DueKind.DELIVER))
    assert rows.documents.due(DueKind.SUBMIT, NOW, 10) == []
    assert rows.documents.due(DueKind.DELIVER, NOW, 10) == [DueEntry(DueKind.DELIVER, NOW, document.id)]


def test_more_rows_are_due_than_one_answer_carries(rows: Rows) -> None:
    # Ids this long make the index's entries more than DynamoDB puts into one answer, a megabyte.
    ids = [f"{number:08d}{'x' * 2_000}" for number in range(MANY)]
    for number, long_id in enumerate(ids):
        rows.documents.create(a_document(number, id=long_id, due_at=NOW + number))
    assert [entry.document_id for entry in rows.documents.due(DueKind.SUBMIT, NOW + MANY, 2 * MANY)] == ids
    assert [entry.document_id for entry in rows.documents.due(DueKind.SUBMIT, NOW + MANY, MANY - 1)] == ids[:-1]


# --- operations -------------------------------------------------------------------------------------------------------


def test_an_operation_is_read_as_it_was_written(rows: Rows) -> None:
    operation = an_operation(
        page=5,
        run=12,
        state=OperationState.FAILED,
        unconfirmed=2,
        described=OperationDescription(
            "id1", "OCR async recognition", "2024-05-01T00:00:00Z", "me", "", {"@type": "t", "n": [1, 2.5, None, {}]}
        ),
        submitted_at=NOW,
        deadline_at=NOW + 3610,
        fingerprint="f" * 64,
        reused_from="0" * 32,
        own_text=True,
        finished_at=NOW + 5,
        problem=Problem(Reason.FAILED_IN_OCR, "what \ud800", "advice", Trace(code=13, message="\udfff")),
        trace=Trace(200, 0, "", "c", "r", "s"),
    )
    assert rows.documents.read_operation(operation.document_id, 12, 5) is None
    assert rows.documents.write_operation(None, operation)
    assert rows.documents.read_operation(operation.document_id, 12, 5) == operation


def test_an_intent_is_put_once(rows: Rows) -> None:
    assert rows.documents.write_operation(None, an_operation())
    assert not rows.documents.write_operation(None, an_operation(client_request_id="other"))
    assert not rows.documents.write_operation(None, an_operation())
    assert rows.documents.read_operation(an_operation().document_id, 1, 1) == an_operation()


@pytest.mark.parametrize(
    "stale",
    [
        an_operation(state=OperationState.WAITING),
        an_operation(holder_rev=1),
        an_operation(unconfirmed=1),
    ],
)
def test_an_operation_is_written_over_what_was_read_alone(rows: Rows, stale: Operation) -> None:
    stored = an_operation()
    rows.documents.write_operation(None, stored)
    assert not rows.documents.write_operation(stale, replace(stored, state=OperationState.FAILED))
    assert rows.documents.read_operation(stored.document_id, 1, 1) == stored


def test_what_has_nothing_but_defaults_is_written_over_too(rows: Rows) -> None:
    waiting = Operation(a_document().id, 1, 1, OperationState.WAITING)
    assert rows.documents.write_operation(None, waiting)
    assert rows.documents.write_operation(waiting, replace(waiting, state=OperationState.SUBMITTING))
    plain = Document("f" * 32, Source("uploads", "k"), DocumentState.ACCEPTED, NOW)
    assert rows.documents.create(plain)
    known = the_next(plain, unfinished=frozenset({1, 2}), attempts=1, outcome_replaced=True)
    assert rows.documents.write(plain, known)
    after = rows.documents.finish_page(Operation(plain.id, 1, 1, OperationState.RECOGNIZED))
    assert after == replace(known, unfinished=frozenset({2}), pages_recognized=1)
    again = the_next(known, attempts=0, outcome_replaced=False)
    assert rows.documents.write(known, again)
    assert rows.documents.read(plain.id) == replace(again, unfinished=frozenset({2}), pages_recognized=1)


def test_an_operation_that_is_gone_is_not_written_over(rows: Rows) -> None:
    assert not rows.documents.write_operation(an_operation(), an_operation(state=OperationState.FAILED))
    assert rows.documents.read_operation(an_operation().document_id, 1, 1) is None


def test_an_operation_is_replaced_whole(rows: Rows) -> None:
    running = an_operation(
        state=OperationState.RUNNING, described=OperationDescription("id1"), due_kind=DueKind.ASK, due_at=NOW
    )
    rows.documents.write_operation(None, running)
    failed = an_operation(state=OperationState.FAILED, finished_at=NOW)
    assert rows.documents.write_operation(running, failed)
    assert rows.documents.read_operation(failed.document_id, 1, 1) == failed


def test_of_several_intents_one_is_written(rows: Rows) -> None:
    won = fight(6, lambda number: rows.documents.write_operation(None, an_operation(client_request_id=str(number))))
    assert won.count(True) == 1


def test_operations_of_a_run_come_by_page_and_without_other_runs(rows: Rows) -> None:
    for run, page in ((1, 10), (1, 2), (1, 100), (2, 1), (11, 1)):
        rows.documents.write_operation(None, an_operation(run=run, page=page))
    rows.documents.create(a_document())
    found = rows.documents.read_operations(a_document().id, 1)
    assert [(operation.run, operation.page) for operation in found] == [(1, 2), (1, 10), (1, 100)]
    assert rows.documents.read_operations(a_document().id, 3) == []


def test_more_operations_than_one_answer_carries(rows: Rows) -> None:
    long = Problem(Reason.FAILED_IN_OCR, "x" * 2_000, "advice")
    for page in range(1, MANY + 1):
        rows.documents.write_operation(None, an_operation(page, state=OperationState.FAILED, problem=long))
    assert [row.page for row in rows.documents.read_operations(a_document().id, 1)] == list(range(1, MANY + 1))


# --- lost answers -----------------------------------------------------------------------------------------------------


def test_what_was_written_is_mine_though_its_answer_was_lost(rows: Rows) -> None:
    document = a_document(due_at=NOW, pages=3, unfinished=frozenset({1, 2, 3}))
    rows.lose_answer()
    assert rows.documents.create(document)
    rows.lose_answer()
    moved = rows.documents.postpone(DueEntry(DueKind.SUBMIT, NOW, document.id), NOW + 900)
    assert moved == replace(document, due_at=NOW + 900)
    rows.lose_answer()
    after = rows.documents.finish_page(an_operation(state=OperationState.RECOGNIZED))
    assert after == replace(moved, unfinished=frozenset({2, 3}), pages_recognized=1)
    rows.lose_answer()
    assert rows.documents.write(document, the_next(document)), "beside a page that finished"
    stored = rows.documents.read(document.id)
    assert stored is not None
    rows.lose_answer()
    assert rows.documents.write(stored, the_next(stored, holder="holder-2"))
    intent = an_operation()
    rows.lose_answer()
    assert rows.documents.write_operation(None, intent)
    running = replace(intent, state=OperationState.RUNNING, described=OperationDescription("id1", metadata={"a": 1}))
    rows.lose_answer()
    assert rows.documents.write_operation(intent, running)


def test_what_a_rival_wrote_first_is_not_mine_though_my_answer_was_lost(rows: Rows) -> None:
    document = a_document(holder="rival")
    rows.documents.create(document)
    rows.lose_answer()
    assert not rows.documents.create(a_document(holder="me"))
    rows.documents.write(document, the_next(document, holder="rival-2"))
    rows.lose_answer()
    assert not rows.documents.write(document, the_next(document, holder="me"))
    rows.documents.write_operation(None, an_operation(client_request_id="rival"))
    rows.lose_answer()
    assert not rows.documents.write_operation(None, an_operation(client_request_id="mine"))
    rows.lose_answer()
    assert not rows.documents.write_operation(an_operation(unconfirmed=1), an_operation(state=OperationState.FAILED))


@pytest.mark.parametrize(("kind", "due_at"), [(DueKind.SUBMIT, NOW + 800), (DueKind.DELIVER, NOW + 900)])
def test_what_a_rival_put_off_or_changed_first_is_not_handed_out_by_me(
    rows: Rows, kind: DueKind, due_at: float
) -> None:
    document = a_document(due_at=NOW)
    rows.documents.create(document)
    rivals = the_next(document, due_kind=kind, due_at=due_at)
    rows.documents.write(document, rivals)
    rows.lose_answer()
    assert rows.documents.postpone(DueEntry(DueKind.SUBMIT, NOW, document.id), NOW + 900) is None
    assert rows.documents.read(document.id) == rivals
