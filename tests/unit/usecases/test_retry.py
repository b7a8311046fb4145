"""Retries: what is paid for, by the OCR service's own count; what is kept, what is shown, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from fakes.files import KilledError
from fakes.ocr import Failure, synthetic_text
from pagekit.limits import FileLimits
from textdrop.core import keys
from textdrop.core.answers import Submitted
from textdrop.core.documents import Billed, Document, DocumentState, DueKind, OperationState, Outcome, Output, Resume
from textdrop.core.errors import OcrRejected, OcrThrottled, Reason, StoreUnavailable, Trace
from textdrop.core.events import resume_body
from textdrop.core.observations import Cancelled, RenderAsked, RetryAsked
from textdrop.core.policy import DAY_SECONDS, Policy
from textdrop.core.problems import cancelled
from textdrop.usecases.conclude import conclude
from world import World

MODEL, PAGES, OUTPUTS = "ocr-model", "ocr-pages", "ocr-outputs"
HOURS = 3_600.0


@pytest.fixture
def world() -> World:
    """The whole application, which takes files of many pages."""
    world = World()
    world.submit_settings = replace(world.submit_settings, limits=FileLimits(max_pages=5_000))
    return world


def refuse(world: World, *pages: int) -> Callable[[], None]:
    """The service refuses these pages of a book from now on, until it is told to stop."""
    submit = world.ocr.submit

    def refusing(body: bytes, client_request_id: str) -> Submitted:
        asked = len(world.ocr.accepted)
        answer = submit(body, client_request_id)
        if _page(world.ocr.accepted[-1].content) in pages:
            del world.ocr.accepted[asked:]
            raise OcrRejected("refused", Trace(status=400, code=3))
        return answer

    world.ocr.submit = refusing  # type: ignore[method-assign]  # a service with its own mind

    def stop() -> None:
        world.ocr.submit = submit  # type: ignore[method-assign]

    return stop


def _page(content: bytes) -> int:
    return int(content.rpartition(b"#")[2])


def retry(world: World, document: Document, **requested: str) -> list[int]:
    """Asks for the next run, lets it end, and says which pages the service took in it."""
    asked = RetryAsked(tuple((f"ocr-{name}", value) for name, value in requested.items()))
    before = len(world.ocr.accepted)
    assert world.transition(document, asked) is not None
    world.run()
    return sorted(_page(each.content) for each in world.ocr.accepted[before:])


def texts(world: World, name: str) -> list[str]:
    return (world.file(f"{name}.txt") or b"").decode().split("\f")


def failing(world: World, body: bytes, pages: Collection[int]) -> None:
    """The service takes these pages, and fails to recognise them."""
    world.ocr.table |= {body + b" #%d" % page: Failure() for page in pages}


def shown(world: World, document: Document) -> tuple[object, ...]:
    row = world.row(document)
    return row.run, row.outcome, row.pages_recognized, row.pages_kept, row.billed


# --- what is paid for ---


@pytest.mark.parametrize("refused", [True, False], ids=["refused", "failed in the service"])
def test_of_200_pages_with_10_failed_a_retry_pays_10(world: World, refused: bool) -> None:
    wrong = list(range(7, 200, 20))
    body = b"pages:200"
    stop = refuse(world, *wrong) if refused else lambda: world.ocr.table.clear()
    if not refused:
        failing(world, body, wrong)
    document = world.upload("book.pdf", body)
    world.run()
    taken = 190 if refused else 200
    assert shown(world, document) == (1, Outcome.PARTIAL, 190, 0, Billed(taken, unbilled=taken - 190))
    assert len(world.ocr.accepted) == taken
    billing = world.json("book.pdf.ocr.json")["billing"]
    assert isinstance(billing, dict)
    assert (billing["pages_paid"], billing["cost"]["amount"]) == (190, "25.099"), "what it failed to read is free"
    stop()
    assert retry(world, document) == wrong
    assert shown(world, document) == (2, Outcome.SUCCEEDED, 200, 190, Billed(10))
    assert texts(world, "book.pdf") == [synthetic_text(body + b" #%d" % page) + "\n" for page in range(1, 201)]
    assert world.json("book.pdf.ocr.json")["billing"] == {
        "pages_paid": 10,
        "pages_unconfirmed": 0,
        "pages_kept": 190,
        "pages_reused": 0,
        "pages_skipped": 0,
        "cost": {"amount": "1.321", "currency": "RUB", "prices_of": "2026-05"},
    }
    runs = [(run.run, run.outcome, run.submitted, run.kept, run.replaces) for run in world.ledger.runs(document.id)]
    assert runs == [(1, Outcome.PARTIAL, taken, 0, None), (2, Outcome.SUCCEEDED, 10, 190, Outcome.PARTIAL)]
    assert [notice["id"].partition(":")[2] for notice in world.notices_of(document)] == ["1:partial", "2:succeeded"]


def test_another_model_pays_for_all_pages_and_the_first_one_again_for_none(world: World) -> None:
    document = world.upload("book.pdf", b"pages:4", {PAGES: "2-"})
    world.run()
    assert retry(world, document, model="table") == [2, 3, 4]
    result: Any = world.json("book.pdf.ocr.json")
    assert result["options"]["model"] == {"value": "table", "from": "request"}
    assert world.ocr.accepted[-1].model == "table"
    assert retry(world, document, model="page") == []
    assert shown(world, document) == (3, Outcome.SUCCEEDED, 3, 3, Billed())
    assert retry(world, document, languages="en ru") == [], "in another order they are the same"
    assert retry(world, document, languages="en") == [2, 3, 4]


def test_other_pages_are_paid_for_and_no_page_twice(world: World) -> None:
    document = world.upload("book.pdf", b"pages:6", {PAGES: "1-2"})
    world.run()
    assert retry(world, document, pages="2-4") == [3, 4]
    assert shown(world, document) == (2, Outcome.SUCCEEDED, 3, 1, Billed(2))
    assert retry(world, document, pages="1-6") == [5, 6], "of any run before, as far back as it was"
    assert len(texts(world, "book.pdf")) == 6
    assert retry(world, document) == [], "what a retry asked for is asked for by the next one"
    assert world.row(document).pages == 6


def test_what_an_earlier_run_had_for_nothing_counts_as_kept_and_once(world: World) -> None:
    """Page 2 has text of its own; all others are those of another document."""
    asked = {PAGES: "without-text", "ocr-reuse": "yes"}
    world.upload("first.pdf", b"pages:3 text:2", asked)
    world.run()
    document = world.upload("again.pdf", b"pages:3 text:2", asked)
    world.run()
    assert costs(world, document) == [("reused", "file", "reused"), (0, 0, 2, 1)]
    assert retry(world, document, outputs="markdown") == []
    assert costs(world, document) == [("earlier_run",) * 3, (0, 3, 0, 0)]
    assert retry(world, document) == []
    assert costs(world, document) == [("earlier_run",) * 3, (0, 3, 0, 0)], "nor in the run after"
    assert {world.operation(document, page, 3).reused_from for page in (1, 2, 3)} == {""}


@pytest.mark.parametrize("pages", ["all", "1-3"])
def test_a_page_with_its_own_text_is_sent_when_a_retry_names_it(world: World, pages: str) -> None:
    document = world.upload("book.pdf", b"pages:3 text:2", {PAGES: "without-text"})
    world.run()
    assert costs(world, document) == [("service", "file", "service"), (2, 0, 0, 1)]
    assert retry(world, document, pages=pages) == [2]
    assert "Own text" not in "".join(texts(world, "book.pdf"))
    assert costs(world, document)[1][0] == 1
    assert retry(world, document, pages="without-text") == [], "the service's text of it is kept then"
    assert costs(world, document)[1] == (0, 3, 0, 0)


def costs(world: World, document: Document) -> list[Any]:
    """Where the texts of the last run's pages are from, and how many are paid, kept, reused and skipped, which the
    result, the notice and the ledger tell alike."""
    result: Any = world.json(f"{document.source.key}.ocr.json")
    told = [
        tuple(billing[f"pages_{kind}"] for kind in ("paid", "kept", "reused", "skipped"))
        for billing in (result["billing"], world.notices_of(document)[-1]["billing"])
    ]
    run = world.ledger.runs(document.id)[-1]
    assert {*told, (run.paid, run.kept, run.reused, run.skipped)} == {told[0]}
    return [tuple(page["text_from"] for page in result["pages"]), told[0]]


def test_what_there_is_to_keep_is_read_once_by_each_pass_and_not_when_nothing_is_left_to_send(world: World) -> None:
    document = world.upload("book.pdf", b"pages:3")
    world.run()
    assert retry(world, document) == []
    assert world.faults.calls.count("ledger.runs") == 1
    assert retry(world, document, model="table") == [1, 2, 3]
    assert world.faults.calls.count("ledger.runs") == 3


def test_what_a_run_has_kept_is_kept_again_after_the_service_forgot_it(world: World) -> None:
    """The page came late, in the second run, and its row in the first one says that it failed."""
    world.ocr.seconds = 2 * HOURS
    document = world.upload("x.pdf", b"pages:2")
    world.run()
    assert [reason_of(world, document, page, 1) for page in (1, 2)] == [Reason.DEADLINE_EXCEEDED] * 2
    world.clock.advance(HOURS)
    assert retry(world, document) == []
    world.clock.advance(9 * DAY_SECONDS)
    assert retry(world, document) == []
    assert shown(world, document) == (3, Outcome.SUCCEEDED, 2, 2, Billed())


@pytest.mark.parametrize(("days", "paid"), [(2, []), (9, [2])])
def test_a_stored_page_that_is_gone_is_asked_for_and_paid_for_once_the_service_has_forgotten_it(
    world: World, days: int, paid: list[int]
) -> None:
    document = world.upload("book.pdf", b"pages:3")
    world.run()
    world.clock.advance(days * DAY_SECONDS)
    world.results.versions.pop(keys.page(document.id, 1, 2))
    assert retry(world, document) == paid
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_a_parameter_that_was_changed_since_makes_no_page_paid_again(world: World) -> None:
    document = world.upload("book.pdf", b"pages:2", {"ocr-languages": "ru"})
    world.run()
    world.submit_settings = replace(
        world.submit_settings, model="handwritten", languages="en", pages="1", outputs="markdown"
    )
    assert retry(world, document) == []
    row = world.row(document)
    assert row.options is not None
    assert (row.options.model, row.options.languages, row.pages, row.options.outputs) == ("page", ("ru",), 2, ())
    assert (row.options.model_from, row.options.languages_from) == ("parameter", "metadata")
    assert retry(world, document, outputs="tables markdown") == []
    assert world.row(document).options == replace(
        row.options, outputs=(Output.MARKDOWN, Output.TABLES), outputs_from="request"
    )


def test_options_that_do_not_go_together_are_refused_and_the_text_stays(world: World) -> None:
    document = world.upload("x.png", b"page", {"ocr-languages": "kk"})
    world.run()
    assert world.transition(document, RetryAsked(((MODEL, "table"),)))
    world.run()
    assert shown(world, document)[:2] == (2, Outcome.FAILED)
    assert world.file("x.png.txt") == (synthetic_text(b"page") + "\n").encode()
    assert world.file("x.png.error.json") is None
    _, notice = world.notices_of(document)
    assert (notice["reason"], notice["published"]) == ("invalid_options", False)
    assert notice["files"] == {"error": {"bucket": "results", "key": keys.own(document.id, 2, keys.ERROR)}}
    assert len(world.ocr.accepted) == 1


# --- what the service may still bring ---


def reason_of(world: World, document: Document, page: int, run: int) -> Reason | None:
    problem = world.operation(document, page, run).problem
    return None if problem is None else problem.reason


@pytest.mark.parametrize(("days", "ready", "paid"), [(2.9, True, 0), (2.9, False, 2), (3.1, True, 2)])
def test_what_exceeded_its_deadline_is_asked_for_once_more_before_it_is_paid_for(
    world: World, days: float, ready: bool, paid: int
) -> None:
    world.ocr.seconds = 2 * HOURS if ready else 99 * DAY_SECONDS
    world.ocr.kept_seconds = 9 * DAY_SECONDS
    document = world.upload("x.pdf", b"pages:2")
    world.run()
    world.clock.advance(world.operation(document).submitted_at + days * DAY_SECONDS - world.clock.now())  # type: ignore[operator]
    asked = dict(world.ocr.asked)
    world.ocr.seconds = 1.0
    assert len(retry(world, document)) == paid
    assert shown(world, document) == (2, Outcome.SUCCEEDED, 2, 2 - paid, Billed(paid))
    first_ids = [each.operation_id for each in world.ocr.accepted[:2]]
    assert all((world.ocr.asked[name] > asked[name]) == (days < 3) for name in first_ids)
    if days < 3 and paid:
        again = world.faults.of("ocr.submit")[2:]
        assert min(again) > max(world.ocr.asked_at[name] for name in first_ids), "only then"
        row = world.row(document)
        assert (row.outcome_at or 0.0) - row.began_at < world.policy.recheck_seconds / 2, "and at once then"


def test_what_the_service_says_to_have_failed_since_is_sent_again(world: World) -> None:
    world.ocr.seconds = 2 * HOURS
    failing(world, b"pages:2", [1])
    document = world.upload("x.pdf", b"pages:2")
    world.run()
    world.clock.advance(HOURS)
    world.ocr.seconds = 1.0
    world.transition(document, RetryAsked())
    mended = world.ocr.submit

    def mend(body: bytes, client_request_id: str) -> Submitted:
        world.ocr.table.clear()
        return mended(body, client_request_id)

    world.ocr.submit = mend  # type: ignore[method-assign]  # what is sent now is sound
    world.run()
    assert [_page(each.content) for each in world.ocr.accepted[2:]] == [1]
    assert shown(world, document) == (2, Outcome.SUCCEEDED, 2, 1, Billed(1))


def test_pages_that_have_to_be_sent_one_after_another_use_up_no_attempt(world: World) -> None:
    """Each is found to be without a result only after the pass before has ended, eight times in a row."""
    world.ocr.seconds = 99 * HOURS
    document = world.upload("x.pdf", b"pages:8")
    world.run()
    world.ocr.seconds = 1.0
    world.transition(document, RetryAsked())
    world.poll()
    world.submit()
    for page in range(1, 9):
        operation = world.operation(document, page, 2)
        waiting = replace(operation, state=OperationState.WAITING, described=None, due_kind=None, due_at=None)
        world.documents.operations[document.id, 2, page] = replace(waiting, paid_run=0)
        conclude(world.poll_ports, world.row(document))
        world.documents.hold_index()
        row = world.row(document)
        world.send(resume_body(Resume(row.id, row.rev)))
        world.submit()
        world.documents.let_index_follow()
    world.run()
    assert shown(world, document) == (2, Outcome.SUCCEEDED, 8, 0, Billed(8))


def test_a_page_found_without_a_result_while_others_are_sent_is_sent_next(world: World) -> None:
    """Poll leaves a document alone that a worker has, so that the worker has to see it."""
    world.ocr.seconds = 99 * HOURS
    document = world.upload("x.pdf", b"pages:2", {PAGES: "1"})
    world.run()
    world.transition(document, RetryAsked(((PAGES, "1-2"),)))
    world.poll()

    def found() -> None:
        row = world.operation(document, 1, 2)
        waiting = replace(row, state=OperationState.WAITING, described=None, due_kind=None, due_at=None, paid_run=0)
        world.documents.operations[document.id, 2, 1] = waiting

    world.faults.happen("ocr.submit", found)
    world.submit()
    row = world.row(document)
    assert (row.state, row.due_kind, row.due_at) == (DocumentState.RECOGNIZING, DueKind.SUBMIT, world.clock.now())


def test_of_a_cancelled_run_what_was_recognised_and_what_runs_is_not_paid_again(world: World) -> None:
    world.ocr.seconds = 600.0
    document = world.upload("book.pdf", b"pages:5")
    world.submit()
    world.transition(document, Cancelled(cancelled()))
    world.poll()
    world.deliver()
    assert world.row(document).state is DocumentState.FINAL
    assert world.row(document).billed == Billed(5)
    assert retry(world, document) == []
    assert shown(world, document) == (2, Outcome.SUCCEEDED, 5, 5, Billed())
    assert {world.operation(document, page, 2).paid_run for page in range(1, 6)} == {1}


def test_a_page_that_runs_on_from_a_cancelled_run_has_its_own_deadline(world: World) -> None:
    world.ocr.seconds = 1_800.0
    document = world.upload("x.png", b"page")
    world.submit()
    world.transition(document, Cancelled(cancelled()))
    world.poll()
    world.deliver()
    world.clock.advance(60.0)
    assert retry_now(world, document) is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1
    assert world.operation(document, 1, 2).deadline_at == world.operation(document).deadline_at


def retry_now(world: World, document: Document) -> Outcome | None:
    world.transition(document, RetryAsked())
    world.run()
    return world.row(document).outcome


@pytest.mark.parametrize(("throttled", "runs"), [(False, 2), (True, 2), (False, 3)])
def test_a_retry_waits_for_a_worker_that_is_still_sending_and_pays_nothing_twice(
    world: World, throttled: bool, runs: int
) -> None:
    """The cancel and its delivery come while a page is on its way to the service, and so does the retry, or when the
    service has not taken the page and it is to be sent again; or the retry is cancelled and retried in its turn."""
    document = world.upload("book.pdf", b"pages:3")
    submit = world.ocr.submit

    def retry_meanwhile() -> None:
        for _ in range(2, runs):
            world.transition(document, RetryAsked())
            world.transition(document, Cancelled(cancelled()))
            world.poll()
            world.deliver()
        world.transition(document, RetryAsked())
        world.poll()
        world.submit()
        row = world.row(document)
        assert (row.state, row.attempts, row.due_at) == (DocumentState.ACCEPTED, 0, world.clock.now() + 5.0)
        assert world.ocr.accepted == [], "nobody sends for it before"

    def meanwhile(body: bytes, client_request_id: str) -> Submitted:
        world.ocr.submit = submit  # type: ignore[method-assign]
        world.transition(document, Cancelled(cancelled()))
        world.poll()
        world.deliver()
        assert world.row(document).state is DocumentState.FINAL
        assert world.row(document).billed == Billed(0, 1)
        if throttled:
            world.faults.happen("pause.read", retry_meanwhile, skip=1)
            raise OcrThrottled("429", Trace(status=429, code=8))
        retry_meanwhile()
        return submit(body, client_request_id)

    world.ocr.submit = meanwhile  # type: ignore[method-assign]
    began_at = world.clock.now()
    world.submit()
    assert (world.faults.left(), len(world.ocr.accepted)) == (0, 1)
    world.run()
    assert sorted(_page(each.content) for each in world.ocr.accepted) == [1, 2, 3]
    assert shown(world, document) == (runs, Outcome.SUCCEEDED, 3, 1, Billed(2))
    assert (world.row(document).outcome_at or 0.0) - began_at < 120.0, "it waits for the page, and not for the lease"


def test_a_retry_waits_no_longer_than_the_worker_that_died_can_have_been_at_work(world: World) -> None:
    document = world.upload("book.pdf", b"pages:3")
    world.faults.fail("ocr.submit", KilledError)
    with suppress(KilledError):
        world.submit()
    lease = world.row(document).due_at
    world.transition(document, Cancelled(cancelled()))
    world.poll()
    world.deliver()
    world.transition(document, RetryAsked())
    world.queue.clear()
    world.run()
    assert shown(world, document)[:3] == (2, Outcome.SUCCEEDED, 3)
    assert min(world.faults.of("ocr.submit")[1:]) >= (lease or 0.0)


# --- rows of a former version ---


@pytest.mark.parametrize("rendered", [False, True])
def test_a_run_without_a_row_in_the_ledger_was_read_with_the_options_of_its_document(
    world: World, rendered: bool
) -> None:
    document = world.upload("book.pdf", b"pages:3", {OUTPUTS: "markdown"})
    world.run()
    world.ledger.rows.clear()
    if rendered:
        world.transition(document, RenderAsked())
        world.run()
    assert retry(world, document, model="page") == []
    world.ledger.rows.pop((document.id, 1), None)
    assert retry(world, document, model="table") == [1, 2, 3]


def test_a_run_of_unknown_options_is_paid_for_again(world: World) -> None:
    document = world.upload("x.pdf", b"pages:2")
    world.run()
    assert retry(world, document, model="table") == [1, 2]
    world.ledger.rows.pop((document.id, 1))
    assert retry(world, document, model="page") == [1, 2]


def test_a_run_of_unknown_options_is_not_taken_for_one_with_those_of_the_run_after_it(world: World) -> None:
    document = world.upload("x.pdf", b"pages:2")
    world.run()
    world.ledger.rows.clear()
    assert retry(world, document, model="table", pages="1") == [1]
    assert retry(world, document, pages="all") == [2]


def test_a_run_without_a_row_in_the_ledger_is_asked_for_its_late_pages(world: World) -> None:
    world.ocr.seconds = 2 * HOURS
    document = world.upload("x.pdf", b"pages:2")
    world.run()
    world.ledger.rows.clear()
    world.clock.advance(HOURS)
    assert retry(world, document) == []


def test_a_document_of_before_the_ledger_is_billed_when_it_is_delivered(world: World) -> None:
    document = world.upload("x.pdf", b"pages:2")
    world.submit()
    world.clock.advance(5.0)
    world.poll()
    row = world.row(document)
    assert row.state is DocumentState.DELIVERING
    world.documents.rows[document.id] = replace(row, billed=None)
    world.run()
    assert shown(world, document) == (1, Outcome.SUCCEEDED, 2, 0, Billed(2))
    assert [run.submitted for run in world.ledger.runs(document.id)] == [2]


# --- what is shown ---


def test_a_run_with_fewer_pages_does_not_take_the_names(world: World) -> None:
    document = world.upload("book.pdf", b"pages:3", {OUTPUTS: "markdown"})
    world.run()
    before = {suffix: world.file("book.pdf" + suffix) for suffix in keys.SUFFIXES}
    assert before[keys.MARKDOWN]
    failing(world, b"pages:3", [2])
    assert retry(world, document, model="page-column-sort", outputs="none") == [1, 2, 3]
    assert shown(world, document)[:3] == (2, Outcome.PARTIAL, 2)
    assert {suffix: world.file("book.pdf" + suffix) for suffix in keys.SUFFIXES} == before
    _, notice = world.notices_of(document)
    assert (notice["published"], notice["newest"]) == (False, True)
    own = keys.own(document.id, 2, keys.TEXT)
    assert notice["files"]["text"] == {"bucket": "results", "key": own}
    assert (world.file(own) or b"").count(b"\f") == 2
    world.ocr.table.clear()
    assert retry(world, document) == [2], "as many pages as before take the names"
    assert world.json("book.pdf.ocr.json")["run"] == 3
    assert world.file("book.pdf.md") is None
    assert world.notices_of(document)[-1]["published"] is True


def test_a_run_before_whose_files_are_gone_keeps_no_run_from_its_end(world: World) -> None:
    document = world.upload("book.pdf", b"pages:2")
    world.run()
    world.uploads.delete("book.pdf")
    for suffix in (keys.TEXT, keys.JSON):
        world.results.versions.pop(keys.own(document.id, 1, suffix))
    assert retry(world, document) == []
    assert shown(world, document)[:2] == (2, Outcome.SKIPPED)
    assert world.journal.failures == []


@pytest.mark.parametrize("newer", [True, False])
def test_a_retry_of_an_older_upload_leaves_the_names_to_the_newest(world: World, newer: bool) -> None:
    document = world.upload("x.pdf", b"pages:1 old")
    world.clock.advance(5.0)
    world.upload("x.pdf", b"pages:1 new")
    world.run()
    if newer:
        document = world.document_of(
            replace(document.source, version_id=world.uploads.versions["x.pdf"][-1].version_id)
        )
    world.transition(document, RetryAsked(((MODEL, "table"),)))
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert world.file("x.pdf.txt") == (synthetic_text(b"pages:1 new") + "\n").encode()
    assert world.json("x.pdf.ocr.json")["model"] == ("table" if newer else "page")
    assert world.notices_of(document)[-1]["published"] is newer
    assert world.notices_of(document)[-1]["newest"] is newer


def test_while_the_newest_is_retried_a_late_older_upload_shows_what_it_had(world: World) -> None:
    world.upload("x.png", b"old")
    older = world.queue.pop()
    world.clock.advance(5.0)
    newest = world.upload("x.png", b"new")
    world.run()
    world.pause.row = replace(world.pause.row, operator_since=world.clock.now())
    world.transition(newest, RetryAsked(((MODEL, "table"),)))
    world.pause.row = replace(world.pause.row, operator_since=None)
    world.submit([replace(older, receipt="r")])
    world.clock.advance(5.0)
    world.tick.row = replace(world.tick.row, state="idle")
    world.poll()
    world.deliver()
    assert world.file("x.png.txt") == (synthetic_text(b"new") + "\n").encode()


def test_names_that_were_copied_while_a_retry_of_the_newest_ended_are_copied_again(world: World) -> None:
    world.upload("x.png", b"old")
    older = world.queue.pop()
    world.clock.advance(5.0)
    newest = world.upload("x.png", b"new")
    world.run()
    world.queue.append(older)

    def ended() -> None:
        """By another worker, which had copied its files already."""
        for suffix in (keys.TEXT, keys.JSON):
            world.results.put(keys.own(newest.id, 2, suffix), b"second")
        world.documents.rows[newest.id] = replace(world.row(newest), run=2)

    world.faults.happen("results.copy", ended, when="after", skip=1)
    world.run()
    assert world.faults.left() == 0
    assert world.file("x.png.txt") == world.file("x.png.ocr.json") == b"second"


def test_a_source_that_is_gone_is_skipped_and_its_text_stays(world: World) -> None:
    document = world.upload("book.pdf", b"pages:2 bad:2")
    world.run()
    world.uploads.delete("book.pdf")
    assert retry(world, document) == []
    assert shown(world, document)[:2] == (2, Outcome.SKIPPED)
    assert texts(world, "book.pdf") == [synthetic_text(b"pages:2 bad:2 #1") + "\n", ""]
    assert world.notices_of(document)[-1]["reason"] == "object_gone"


# --- times ---


def test_a_run_has_times_of_its_own(world: World) -> None:
    document = world.upload("x.png", b"page")
    world.ocr.table[b"page"] = Failure()
    world.run()
    world.clock.advance(40 * DAY_SECONDS)
    world.ocr.table.clear()
    began_at = world.clock.now()
    world.transition(document, RetryAsked())
    world.faults.fail("sources.head", StoreUnavailable("down"))
    world.run()
    row = world.row(document)
    assert row.began_at == began_at > row.accepted_at + 40 * DAY_SECONDS
    result: Any = world.json("x.png.ocr.json")
    assert result["timings"]["began_at"] > result["timings"]["accepted_at"]
    assert result["timings"]["duration_seconds"] < HOURS
    first, second = world.ledger.runs(document.id)
    assert (first.began_at, second.began_at) == (row.accepted_at, began_at)
    assert world.journal.values["UploadToNotice"][-1] < HOURS


# --- crashes ---


def _calls_of_a_retry() -> list[str]:
    world, document = book()
    begin(world, document)
    before = len(world.faults.calls)
    world.run()
    return [call for call in world.faults.calls[before:] if call.startswith(("documents.", "results.", "ledger."))]


def book() -> tuple[World, Document]:
    """Three pages of which one is recognised, one failed, and one exceeded its deadline but is there."""
    world = World(recognition_seconds=60.0, policy=Policy(deadline_base_seconds=20.0))
    failing(world, b"pages:3", [2])
    document = world.upload("book.pdf", b"pages:3")
    world.submit()
    for place in (0, 1):
        world.ocr.accepted[place] = replace(world.ocr.accepted[place], ready_at=world.clock.now())
    world.run()
    world.ocr.table.clear()
    return world, document


def begin(world: World, document: Document) -> None:
    world.ocr.seconds = 1.0
    world.clock.advance(60.0)
    world.transition(document, RetryAsked())


@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_a_worker_dies_a_retry_pays_for_each_page_once(when: str) -> None:
    """At each write and read of rows and results, but those around the submit itself."""
    calls = _calls_of_a_retry()
    assert len(calls) > 30
    for place in range(len(calls)):
        world, document = book()
        billed = sum(world.ocr.billed.values())
        begin(world, document)
        counted = [0]
        happen = getattr(world.faults, when)

        def die(call: str, counted: list[int] = counted, place: int = place, happen: Any = happen) -> None:
            if call.startswith(("documents.", "results.", "ledger.")):
                counted[0] += 1
                if counted[0] == place + 1:
                    raise KilledError
            happen(call)

        setattr(world.faults, when, die)
        world.run()
        row = world.row(document)
        unconfirmed = 0 if row.billed is None else row.billed.unconfirmed
        assert row.outcome is Outcome.SUCCEEDED, (place, calls[place])
        assert len(texts(world, "book.pdf")) == 3
        paid = sum(world.ocr.billed.values()) - billed
        assert 1 <= paid <= 1 + unconfirmed <= 2, (place, calls[place])
        assert row.billed == Billed(1, unconfirmed)
        assert {run.run for run in world.ledger.runs(document.id)} == {1, 2}
        assert {notice["id"][-11:] for notice in world.notices_of(document)[1:]} == {"2:succeeded"}


def test_what_a_dead_pass_kept_for_other_options_is_not_used(world: World) -> None:
    document = world.upload("book.pdf", b"pages:3")
    world.run()
    world.transition(document, RetryAsked())
    world.faults.fail("documents.write", KilledError, skip=1)
    with suppress(KilledError):
        world.poll()
        world.submit()
    assert world.operation(document, 3, 2).paid_run == 1
    row = world.row(document)
    world.documents.rows[document.id] = replace(row, requested=((PAGES, "1-2"), (MODEL, "table")))
    world.queue.clear()
    world.run()
    assert shown(world, document) == (2, Outcome.SUCCEEDED, 2, 0, Billed(2))
    assert sorted(page for _, run, page in world.documents.operations if run == 2) == [1, 2]


def test_a_long_result_of_the_run_before_is_shown_in_parts_though_the_last_run_has_no_pages(world: World) -> None:
    """One call could not copy it in its time, however often it was tried."""
    document = world.upload("book.pdf", b"pages:101")
    world.run()
    assert world.transition(document, RetryAsked()) is not None
    assert world.transition(document, Cancelled(cancelled())) is not None
    world.run()
    assert (world.row(document).outcome, world.row(document).pages) == (Outcome.CANCELLED, 0)
    assert not world.faults.of("results.copy")


def test_a_run_of_before_the_ledger_is_taken_off_no_sum_by_the_next(world: World) -> None:
    document = world.upload("a.pdf", b"pages:2")
    world.run()
    world.documents.rows[document.id] = replace(world.row(document), billed=None)
    world.ledger.rows.clear()
    retry(world, document, model="table")
    [run] = world.ledger.runs(document.id)
    assert (run.run, run.replaces) == (2, None)
