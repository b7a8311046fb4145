"""Cancelling, by request and by deleting the upload: what still goes out, what ends, and what is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pagekit.limits import FileLimits
from textdrop.adapters.threads import ParallelThreads
from textdrop.core.answers import Submitted
from textdrop.core.documents import Billed, Document, DocumentState, OperationState, Outcome
from textdrop.core.errors import ObjectForbidden, OcrThrottled, Reason, StoreUnavailable, Trace
from textdrop.core.observations import Cancelled, RetryAsked
from textdrop.core.problems import cancelled
from textdrop.usecases.pages import MAX_WORKERS, SOURCE_CHECK_SECONDS
from world import World


def book(world: World, pages: int = 200) -> Document:
    world.submit_settings = replace(world.submit_settings, limits=FileLimits(max_pages=5_000))
    return world.upload("book.pdf", b"pages:%d" % pages)


def cancel(world: World, document: Document) -> Document | None:
    return world.transition(document, Cancelled(cancelled()))


def ends(world: World, document: Document, outcome: Outcome, reason: Reason) -> None:
    """It has this one outcome, one notice, no text, and the ledger knows what was paid."""
    row = world.row(document)
    assert (row.state, row.outcome) == (DocumentState.FINAL, outcome)
    assert row.problem is not None
    assert row.problem.reason is reason
    [notice] = world.notices_of(document)
    assert (notice["outcome"], notice["reason"], notice["pages"]["recognized"]) == (str(outcome), str(reason), 0)
    assert world.file(f"{row.source.key}.txt") is None
    assert world.json(f"{row.source.key}.error.json")["outcome"] == str(outcome)
    [run] = world.ledger.runs(document.id)
    assert (run.outcome, run.reason, run.recognized) == (outcome, str(reason), 0)
    assert Billed(run.submitted, run.unconfirmed) == row.billed
    assert run.submitted + run.unconfirmed >= len(world.ocr.accepted) >= run.submitted


def at_submit(world: World, number: int, act: Callable[[], object]) -> None:
    """Does this just before the service takes the page of that number, counted from 1 in the order of sending."""
    submit = world.ocr.submit

    def meanwhile(body: bytes, client_request_id: str) -> Submitted:
        if len(world.ocr.accepted) == number - 1:
            act()
        return submit(body, client_request_id)

    world.ocr.submit = meanwhile  # type: ignore[method-assign]


# --- by request ---


def test_of_200_pages_sent_by_8_threads_at_most_one_a_thread_goes_out_after_the_cancel(world: World) -> None:
    """Each thread may have its page on the way when the cancel is written."""
    world.submit_ports = replace(world.submit_ports, run_parallel=ParallelThreads(MAX_WORKERS - 1))
    document = book(world)
    submit, lock = world.ocr.submit, threading.Lock()
    everybody = threading.Barrier(MAX_WORKERS)
    sent_before: list[int] = []
    started = [0]

    def meanwhile(body: bytes, client_request_id: str) -> Submitted:
        with lock:
            started[0] += 1
            number = started[0]
        if 50 <= number < 50 + MAX_WORKERS:
            if everybody.wait(20) == 0:
                sent_before.append(len(world.ocr.accepted))
                assert cancel(world, document) is not None
            everybody.wait(20)
        return submit(body, client_request_id)

    world.ocr.submit = meanwhile  # type: ignore[method-assign]
    world.submit()
    world.run()
    [before] = sent_before
    assert len(world.ocr.accepted) - before == MAX_WORKERS
    ends(world, document, Outcome.CANCELLED, Reason.CANCELLED)
    assert world.row(document).billed == Billed(49 + MAX_WORKERS)
    states = {row.state for row in world.documents.operations.values()}
    assert states == {OperationState.RECOGNIZED, OperationState.FAILED}, "what runs is asked for; the rest has failed"
    assert world.transition(document, RetryAsked()) is not None
    world.run()
    assert len(world.ocr.accepted) == 200


@pytest.mark.parametrize("looked_at", [False, True])
def test_before_anything_is_sent_it_costs_nothing(world: World, looked_at: bool) -> None:
    document = book(world, 3)
    if looked_at:
        world.pause.row = replace(world.pause.row, operator_since=world.clock.now())
    else:
        world.faults.fail("sources.head", ObjectForbidden("403"))
    world.submit()
    assert (world.row(document).state is DocumentState.RECOGNIZING) == looked_at
    assert cancel(world, document) is not None
    world.pause.row = replace(world.pause.row, operator_since=None)
    world.run()
    ends(world, document, Outcome.CANCELLED, Reason.CANCELLED)
    assert world.row(document).billed == Billed()
    assert world.ocr.accepted == []
    pages: Any = world.json("book.pdf.error.json")["pages"]
    assert [(page["number"], page["problem"]["reason"]) for page in pages] == (
        [(page, "cancelled") for page in (1, 2, 3)] if looked_at else []
    )


@pytest.mark.parametrize("state", ["delivering", "final", "cancelled"])
def test_what_has_an_outcome_keeps_it(world: World, state: str) -> None:
    document = book(world, 2)
    if state == "delivering":
        world.submit()
        world.clock.advance(5.0)
        world.poll()
    elif state == "final":
        world.run()
    else:
        world.submit()
        cancel(world, document)
    before = world.row(document)
    assert cancel(world, document) is None
    assert world.row(document) == before


def test_a_throttled_page_is_not_sent_again_after_the_cancel(world: World) -> None:
    """Its delivery has failed each page that waits, so the thread that would try again finds none."""
    document = book(world, 3)
    submit = world.ocr.submit

    def throttle(body: bytes, client_request_id: str) -> Submitted:
        world.ocr.submit = submit  # type: ignore[method-assign]
        cancel(world, document)
        raise OcrThrottled("429", Trace(status=429, code=8))

    def deliver_first() -> None:
        world.poll()
        world.deliver()

    world.ocr.submit = throttle  # type: ignore[method-assign]
    world.faults.happen("pause.read", deliver_first, skip=2)
    world.submit()
    world.run()
    assert world.ocr.accepted == []
    assert world.row(document).outcome is Outcome.CANCELLED


def test_a_page_on_its_way_is_unconfirmed_in_the_error_and_adopted_when_it_is_answered(world: World) -> None:
    document = book(world, 3)
    world.ocr.seconds = 600.0

    def deliver_meanwhile() -> None:
        cancel(world, document)
        world.poll()
        world.deliver()

    at_submit(world, 2, deliver_meanwhile)
    world.submit()
    pages: Any = world.json("book.pdf.error.json")["pages"]
    assert [page["status"] for page in pages] == ["running", "submitting", "failed"]
    world.run()
    ends(world, document, Outcome.CANCELLED, Reason.CANCELLED)
    assert world.row(document).billed == Billed(1, 1)
    assert len(world.ocr.accepted) == 2
    assert world.operation(document, 2).state is OperationState.RECOGNIZED, "for a retry"


def test_a_delivery_that_breaks_off_while_it_counts_counts_again(world: World) -> None:
    document = book(world, 4)
    at_submit(world, 2, lambda: cancel(world, document))
    world.submit()
    world.faults.fail("documents.write_operation", StoreUnavailable("down"), skip=1)
    world.run()
    ends(world, document, Outcome.CANCELLED, Reason.CANCELLED)
    assert [world.operation(document, page).state.value for page in (3, 4)] == ["failed"] * 2


def test_the_names_stay_with_the_text_that_a_cancelled_retry_would_have_replaced(world: World) -> None:
    """Also if a page of it was counted beside the cancel, so that the row has as many as the run before."""
    document = book(world, 1)
    world.run()
    text = world.file("book.pdf.txt")
    world.transition(document, RetryAsked((("ocr-model", "table"),)))
    world.poll()
    world.submit()
    row = world.row(document)

    def counted() -> None:
        world.documents.rows[row.id] = replace(world.row(document), unfinished=frozenset(), pages_recognized=1)

    world.faults.happen("documents.write", counted)
    assert cancel(world, document) is not None
    assert world.row(document).pages_recognized == 1
    world.run()
    assert world.row(document).outcome is Outcome.CANCELLED
    assert world.file("book.pdf.txt") == text
    assert world.file("book.pdf.error.json") is None


# --- by deleting the upload ---


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("pages", [60, 200])
def test_a_deleted_upload_is_noticed_while_its_pages_are_sent(versioned: bool, pages: int) -> None:
    world = World(versioned=versioned)
    document = book(world, pages)
    at_submit(world, 20, lambda: world.uploads.delete("book.pdf"))
    world.run()
    ends(world, document, Outcome.CANCELLED, Reason.SOURCE_DELETED)
    sent_at = world.faults.of("ocr.submit")
    assert sent_at[-1] - sent_at[19] <= SOURCE_CHECK_SECONDS + 0.2
    assert world.row(document).billed == Billed(len(sent_at))


def test_a_version_that_was_deleted_for_ever_is_noticed_as_well(world: World) -> None:
    document = book(world)
    at_submit(world, 20, lambda: world.uploads.forget("book.pdf", document.source.version_id))
    world.run()
    ends(world, document, Outcome.CANCELLED, Reason.SOURCE_DELETED)


@pytest.mark.parametrize("versioned", [True, False])
def test_before_a_page_was_sent_there_was_nothing_to_recognise(versioned: bool) -> None:
    world = World(versioned=versioned)
    document = book(world, 3)
    world.pause.row = replace(world.pause.row, operator_since=world.clock.now())
    world.submit()
    world.uploads.delete("book.pdf")
    world.pause.row = replace(world.pause.row, operator_since=None)
    world.run()
    ends(world, document, Outcome.SKIPPED, Reason.OBJECT_GONE)
    assert world.ocr.accepted == []


def test_after_its_last_page_was_sent_its_text_is_paid_for_and_delivered(world: World) -> None:
    document = book(world, 5)
    world.submit()
    world.uploads.delete("book.pdf")
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert (world.file("book.pdf.txt") or b"").count(b"\f") == 4


def test_an_upload_that_is_replaced_is_not_deleted(world: World) -> None:
    document = book(world, 80)
    at_submit(world, 20, lambda: world.uploads.put("book.pdf", b"new"))
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 80


def test_without_versions_what_is_left_of_a_replaced_upload_fails_page_by_page() -> None:
    world = World(versioned=False)
    document = book(world, 80)
    at_submit(world, 20, lambda: world.uploads.put("book.pdf", b"new"))
    world.run()
    row = world.row(document)
    assert row.outcome in (Outcome.PARTIAL, Outcome.SUCCEEDED)
    assert world.faults.of("ocr.submit")


@pytest.mark.parametrize("error", [StoreUnavailable("down"), ObjectForbidden("403")])
def test_a_source_that_cannot_be_looked_for_is_no_reason_to_stop(world: World, error: Exception) -> None:
    document = book(world, 100)
    world.faults.fail("sources.head", error, skip=1)
    world.submit()
    assert world.faults.left() == 0
    assert len(world.ocr.accepted) == 100
    assert world.journal.failures == []
    assert world.row(document).state is DocumentState.RECOGNIZING


def test_the_row_is_read_before_each_page_but_a_threads_first(world: World) -> None:
    book(world, 4)
    world.submit()
    assert world.faults.calls.count("documents.read") == 3
