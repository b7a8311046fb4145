"""Documents of several pages: which pages a slice sends, in which order, side by side; each page with its own fate."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from fakes.files import FakeDocument, KilledError
from pagekit.limits import FileLimits
from pagekit.prepared import PreparedPage
from textdrop.adapters.threads import ParallelThreads
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Outcome,
    Resume,
)
from textdrop.core.errors import OcrUnavailable, StoreUnavailable, Trace
from textdrop.core.events import resume_body
from textdrop.core.quota import Quota
from textdrop.ports import OpenedDocument, RunParallel
from textdrop.usecases import pages
from textdrop.usecases.ask import ask_result
from textdrop.usecases.conclude import conclude, page_finished
from textdrop.usecases.pages import send_pages
from textdrop.usecases.sent import Later, Lost, Sent, Settled, SourceGone
from textdrop.usecases.source import PageSource
from world import SUBMIT_SECONDS, World

PAUSED = Later(500.0, failed=False)
SETBACK = Later(900.0, failed=True)


@pytest.fixture
def book(world: World) -> Document:
    """An upload of nine pages, whose event is in the queue."""
    return world.upload("book.pdf", b"pages:9")


def pages_sent(world: World) -> list[int]:
    """The numbers of the pages that the service took, in order."""
    return [int(accepted.content.rpartition(b"#")[2]) for accepted in world.ocr.accepted]


def slow_quota(world: World, submits_per_second: float) -> None:
    world.submit_settings = replace(world.submit_settings, submits_per_second=submits_per_second)


def resumed(world: World, document: Document, attempts: int) -> None:
    """Goes on with it, as after so many attempts."""
    world.documents.rows[document.id] = row = replace(world.row(document), attempts=attempts)
    world.send(resume_body(Resume(document.id, row.rev)))
    world.submit()


# --- the outcome ---


def test_every_page_is_sent_once_and_comes_out_in_its_place(world: World, book: Document) -> None:
    world.run()
    assert world.row(book).outcome is Outcome.SUCCEEDED
    assert sorted(pages_sent(world)) == list(range(1, 10))
    result: Any = world.json("book.pdf.ocr.json")
    assert [page["number"] for page in result["pages"]] == list(range(1, 10))
    operations = {page["number"]: page["operation"]["id"] for page in result["pages"]}
    assert operations == {
        page: accepted.operation_id for page, accepted in zip(pages_sent(world), world.ocr.accepted, strict=True)
    }
    texts = (world.file("book.pdf.txt") or b"").decode().split("\f")
    assert [page["text"] + "\n" for page in result["pages"]] == texts
    assert len(set(texts)) == 9


def test_of_some_pages_of_a_file_those_alone_are_sent_and_keep_their_numbers(world: World) -> None:
    document = world.upload("book.pdf", b"pages:12 bad:6", {"ocr-pages": "2-3, 6, 11-"})
    world.run()
    row = world.row(document)
    assert (row.outcome, row.file_pages, row.pages, row.pages_recognized) == (Outcome.PARTIAL, 12, 5, 4)
    assert sorted(pages_sent(world)) == [2, 3, 11, 12]
    result: Any = world.json("book.pdf.ocr.json")
    assert [page["number"] for page in result["pages"]] == [2, 3, 6, 11, 12]
    assert result["notes"] == ["Without text: 1 of 5 pages: 6 (damaged)."]
    texts = (world.file("book.pdf.txt") or b"").decode().split("\f")
    assert texts == [page["text"] and page["text"] + "\n" for page in result["pages"]]
    [notice] = world.notices_of(document)
    failures = [{"reason": "damaged", "count": 1, "pages": "6"}]
    assert notice["pages"] == {
        "total": 5,
        "recognized": 4,
        "failed": 1,
        "failures": failures,
        "warnings": [],
    }


def test_the_stacks_parameter_chooses_pages_where_the_upload_does_not(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, pages="8-")
    world.upload("book.pdf", b"pages:9")
    world.upload("whole.pdf", b"pages:3", {"ocr-pages": "all"})
    world.run()
    assert sorted(pages_sent(world)) == [1, 2, 3, 8, 9]
    result: Any = world.json("book.pdf.ocr.json")
    assert result["options"]["pages"] == {"value": "8-", "from": "parameter"}


def test_one_page_of_a_file_is_a_document_of_one_page(world: World) -> None:
    document = world.upload("book.pdf", b"pages:9", {"ocr-pages": "5"})
    world.run()
    assert (world.row(document).outcome, world.row(document).pages, pages_sent(world)) == (Outcome.SUCCEEDED, 1, [5])
    assert b"\f" not in (world.file("book.pdf.txt") or b"")


@pytest.mark.parametrize(
    ("pages", "reason"),
    [("13-", "invalid_options"), ("1-9,12", "too_many_pages"), ("all", "too_many_pages"), ("4-12", None)],
)
def test_the_most_pages_counts_those_that_are_chosen(world: World, pages: str, reason: str | None) -> None:
    closed: list[bool] = []

    class Closing(FakeDocument):
        def close(self) -> None:
            closed.append(True)
            super().close()

    world.submit_ports = replace(world.submit_ports, open_document=Closing)
    document = world.upload("book.pdf", b"pages:12", {"ocr-pages": pages})
    world.run()
    problem = world.row(document).problem
    assert (problem and str(problem.reason)) == reason
    assert len(world.ocr.accepted) == (9 if reason is None else 0)
    assert closed or pages == "all", "what was opened is closed"


def test_pages_that_are_left_are_sent_though_fewer_are_allowed_now(world: World) -> None:
    document = world.upload("book.pdf", b"pages:30", {"ocr-pages": "21-28"})
    slow_quota(world, 0.1)
    world.submit()
    assert 0 < len(pages_sent(world)) < 8
    world.submit_settings = replace(world.submit_settings, limits=FileLimits(max_pages=2))
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert pages_sent(world) == list(range(21, 29))


def test_when_all_pages_fail_the_document_fails_and_the_error_names_them(world: World) -> None:
    world.ocr.prepare = lambda content, *_: b'{"content": ""}'  # type: ignore[method-assign]  # which is refused
    document = world.upload("book.pdf", b"pages:3 bad:2")
    world.run()
    row = world.row(document)
    assert row.outcome is Outcome.FAILED
    assert row.problem is not None
    assert row.problem.what.startswith("All 3 pages failed; the first: ")
    error: Any = world.json("book.pdf.error.json")
    reasons = [page["problem"]["reason"] for page in error["pages"]]
    assert reasons == ["rejected_by_ocr", "damaged", "rejected_by_ocr"]
    [notice] = world.notices_of(document)
    assert notice["pages"]["failures"] == [
        {"reason": "rejected_by_ocr", "count": 2, "pages": "1, 3"},
        {"reason": "damaged", "count": 1, "pages": "2"},
    ]


def test_a_page_that_kills_its_worker_is_given_up_and_the_others_are_kept(world: World) -> None:
    document = world.upload("book.pdf", b"pages:5 deadly:3")
    world.run()
    row = world.row(document)
    assert (row.outcome, row.pages_recognized) == (Outcome.PARTIAL, 4)
    pages: Any = world.json("book.pdf.ocr.json")["pages"]
    assert [page["reason"] for page in pages] == [None, None, "internal", None, None]


def test_threads_send_every_page_once() -> None:
    for _ in range(20):
        world = World()
        world.submit_ports = replace(world.submit_ports, run_parallel=ParallelThreads(7))
        document = world.upload("book.pdf", b"pages:9 bad:5")
        world.run()
        assert world.row(document).outcome is Outcome.PARTIAL
        assert sorted(pages_sent(world)) == [1, 2, 3, 4, 6, 7, 8, 9]


@pytest.mark.parametrize("late", [False, True])
def test_pages_that_finish_while_others_are_sent_conclude_the_document(late: bool) -> None:
    """The last page to be finished fails at submit, whether or not the others were finished before."""
    world = World(recognition_seconds=0.0)
    document = world.upload("book.pdf", b"pages:3 bad:3")

    def finish_the_others() -> None:
        for page in (1, 2):
            asked = ask_result(world.poll_ports, world.operation(document, page), status_asked=False)
            assert asked.operation is not None
            page_finished(world.poll_ports, asked.operation)

    if late:
        world.faults.happen("documents.finish_page", finish_the_others)
    world.submit()
    assert (world.row(document).state is DocumentState.DELIVERING) == late
    world.run()
    assert world.row(document).outcome is Outcome.PARTIAL


def test_the_row_counts_its_recognised_pages_as_they_come(world: World) -> None:
    document = world.upload("book.pdf", b"pages:4 bad:2")
    world.submit()
    world.clock.advance(60.0)
    for page, counted in ((3, 1), (3, 1), (1, 2)):
        operation = world.operation(document, page)
        operation = ask_result(world.poll_ports, operation, status_asked=False).operation or operation
        page_finished(world.poll_ports, operation)
        row = world.row(document)
        assert (row.state, row.pages_recognized) == (DocumentState.RECOGNIZING, counted)
    # Whoever recognised the last page died before it was counted.
    assert ask_result(world.poll_ports, world.operation(document, 4), status_asked=False).operation is not None
    conclude(world.poll_ports, world.row(document))
    page_finished(world.poll_ports, world.operation(document, 4))
    assert (world.row(document).outcome, world.row(document).pages_recognized) == (Outcome.PARTIAL, 3)


# --- when a slice ends ---


def test_when_several_pages_cannot_be_sent_the_slice_ends(world: World, book: Document) -> None:
    world.faults.fail("ocr.submit", lambda: OcrUnavailable("503", Trace(status=503, code=14)), times=100)
    world.submit()
    assert world.faults.calls.count("ocr.submit") == world.policy.max_failures_in_slice
    assert world.row(book).consecutive_failures == 1


def test_out_of_time_the_next_pass_sends_what_is_left(world: World, book: Document) -> None:
    slow_quota(world, 0.02)
    world.submit()
    assert 0 < len(world.ocr.accepted) < 9
    assert world.row(book).attempts == 0
    world.run()
    assert world.row(book).outcome is Outcome.SUCCEEDED
    assert pages_sent(world) == list(range(1, 10))


def test_a_slice_that_is_over_leaves_the_rest_due_at_once_and_is_no_setback(world: World, book: Document) -> None:
    slow_quota(world, 0.1)
    began = world.clock.now()
    world.submit()
    row = world.row(book)
    assert world.clock.now() - began == pytest.approx(world.policy.slice_seconds)
    assert (row.due_at, row.due_kind, row.consecutive_failures) == (world.clock.now(), DueKind.SUBMIT, 0)
    assert len(pages_sent(world)) == 4


@pytest.mark.parametrize(
    ("submits_per_second", "waits"), [(0.2, [*[5.0] * 6, 0.0]), (1.0, [2.0, 2.0, 2.0, 2.0])], ids=["slow", "quick"]
)
def test_wakes_are_as_far_apart_as_the_index_needs_to_settle(
    world: World, book: Document, submits_per_second: float, waits: list[float]
) -> None:
    """And there is one at the end."""
    slow_quota(world, submits_per_second)
    world.submit()
    woken = world.faults.of("tick.wake")
    assert [later - earlier for earlier, later in pairwise(woken)] == pytest.approx(waits)


# --- how many at once, and in which order ---


@pytest.mark.parametrize(("pages", "attempts", "max_workers"), [(1, 0, 1), (3, 0, 3), (9, 0, 8), (9, 1, 1), (9, 2, 1)])
def test_pages_are_sent_side_by_side_but_alone_after_a_worker_died(
    world: World, pages: int, attempts: int, max_workers: int
) -> None:
    asked: list[int] = []

    def run_parallel(task: Callable[[], None], max_workers: int) -> None:
        asked.append(max_workers)
        task()

    world.submit_ports = replace(world.submit_ports, run_parallel=run_parallel)
    document = world.upload("book.pdf", b"pages:%d" % pages)
    if attempts:
        world.faults.fail("ocr.submit", KilledError)
        with pytest.raises(KilledError):
            world.submit()
        world.queue.clear()
        asked.clear()
        resumed(world, document, attempts)
    world.submit()
    assert asked == [max_workers]


@pytest.mark.parametrize(("attempts", "first"), [(0, 1), (1, 9), (2, 1), (3, 9)])
def test_after_a_death_the_pages_are_begun_from_the_other_end(
    world: World, book: Document, attempts: int, first: int
) -> None:
    """The page that kills is met at last, with all others sent."""
    world.quota.row = Quota(next_free_at=world.clock.now() + 10_000.0)
    world.submit()
    world.quota.row = Quota()
    resumed(world, book, attempts)
    assert pages_sent(world)[0] == first


# --- one slice by itself ---


def row(
    page: int, state: OperationState = OperationState.WAITING, *, breakdowns: int = 0, unconfirmed: int = 0
) -> Operation:
    return Operation("d", 1, page, state, breakdowns=breakdowns, unconfirmed=unconfirmed)


def running(page: int) -> Operation:
    return replace(row(page, OperationState.RUNNING), described=OperationDescription(f"op-{page}"))


def one_hand(task: Callable[[], None], max_workers: int) -> None:
    task()


class TimeSlice:
    """A document of some pages that we hold; how the sending of a page ends is as `ends` says, else it is taken.

    `meanwhile` says what the other hands do, or whatever else happens, while a page is being sent. `tried` are the
    pages, in order, each with the row it was tried with.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, page_count: int = 3, attempts: int = 1) -> None:
        self.world = World()
        source, every = self.world.uploads.put("book.pdf", b"book"), frozenset(range(1, page_count + 1))
        self.document = Document("d", source, DocumentState.RECOGNIZING, self.world.clock.now(), pages=page_count)
        self.document = replace(self.document, unfinished=every, attempts=attempts)
        self.world.documents.rows["d"] = self.document
        self.ends: dict[int, Sent | Exception] = {}
        self.meanwhile: dict[int, Callable[[], None]] = {}
        self.tried: list[int] = []
        self.rows: list[object] = []
        monkeypatch.setattr(pages, "send_page", self._send_page)

    def send(
        self, operations: Mapping[int, Operation], run_parallel: RunParallel = one_hand
    ) -> tuple[Operation, ...] | Later | Lost | SourceGone:
        ports = replace(self.world.submit_ports, run_parallel=run_parallel)
        deadline = self.world.clock.now() + SUBMIT_SECONDS
        return send_pages(ports, 10.0, self.document, operations, PageSource(_never_opened), deadline)

    def _send_page(self, *arguments: object) -> Sent:
        page = arguments[4]
        assert isinstance(page, int)
        self.tried.append(page)
        self.rows.append(arguments[3])
        if page in self.meanwhile:
            self.meanwhile.pop(page)()
        end = self.ends.get(page, Settled(running(page)))
        if isinstance(end, Exception):
            raise end
        return end


def _never_opened() -> OpenedDocument:
    raise AssertionError("no page is cut out here")


@pytest.fixture
def time_slice(monkeypatch: pytest.MonkeyPatch) -> TimeSlice:
    """One of three pages."""
    return TimeSlice(monkeypatch)


def test_what_has_an_id_or_is_final_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    time_slice = TimeSlice(monkeypatch, 4)
    unsent = row(1, OperationState.FAILED)
    recognised = replace(running(3), state=OperationState.RECOGNIZED)
    sent = time_slice.send({1: unsent, 2: running(2), 3: recognised})
    assert time_slice.tried == [4]
    assert sent == (unsent, running(2), recognised, running(4))


@pytest.mark.parametrize(("attempts", "order"), [(1, [4, 5, 6, 2, 3, 1]), (2, [6, 5, 4, 3, 2, 1])])
def test_the_more_trouble_a_page_gave_the_later_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, attempts: int, order: list[int]
) -> None:
    """From the other end after a death, but the trouble counts first."""
    time_slice = TimeSlice(monkeypatch, 6, attempts)
    troubled = [row(1, breakdowns=1, unconfirmed=1), row(2, unconfirmed=1), row(3, breakdowns=1), row(5)]
    operations = {operation.page: operation for operation in troubled}
    time_slice.send(operations)
    assert time_slice.tried == order
    assert time_slice.rows == [operations.get(page) for page in order]


def test_a_document_that_is_gone_has_no_operations(time_slice: TimeSlice) -> None:
    time_slice.ends[3] = Settled(row(3, OperationState.FAILED))
    time_slice.meanwhile[3] = time_slice.world.documents.rows.clear
    assert time_slice.send({}) == ()


def test_who_finishes_the_last_page_need_not_be_the_last_to_say_so(time_slice: TimeSlice) -> None:
    """Of two hands the one finishes the page that is left while the other hears of its own."""
    documents = time_slice.world.documents
    recognised = replace(running(1), state=OperationState.RECOGNIZED)
    failed = [row(page, OperationState.FAILED) for page in (2, 3)]
    documents.operations.update({("d", 1, operation.page): operation for operation in (recognised, *failed)})
    time_slice.ends.update({operation.page: Settled(operation) for operation in failed})

    def two_hands(task: Callable[[], None], max_workers: int) -> None:
        def others() -> None:
            documents.finish_page(recognised)
            task()

        time_slice.world.faults.happen("documents.finish_page", others, when="after")
        task()

    assert time_slice.send({}, two_hands) == (recognised, *failed)


def test_who_has_lost_the_document_sends_nothing_more(time_slice: TimeSlice) -> None:
    time_slice.ends[1] = Lost()
    assert time_slice.send({}) == Lost()
    assert time_slice.tried == [1]


def test_one_failure_does_not_begin_again_what_another_thread_has_ended(time_slice: TimeSlice) -> None:
    time_slice.ends.update({1: SETBACK, 2: PAUSED})

    def two_hands(task: Callable[[], None], max_workers: int) -> None:
        time_slice.meanwhile[1] = task
        task()

    assert time_slice.send({}, two_hands) == Later(900.0, failed=True)
    assert time_slice.tried == [1, 2]


def test_what_goes_wrong_in_one_hand_ends_the_slice_of_all(time_slice: TimeSlice) -> None:
    time_slice.ends[2] = StoreUnavailable("down")

    def two_hands(task: Callable[[], None], max_workers: int) -> None:
        try:
            task()
        finally:
            task()

    with pytest.raises(StoreUnavailable):
        time_slice.send({}, two_hands)
    assert time_slice.tried == [1, 2]


def test_poll_is_woken_for_what_was_sent_alone(time_slice: TimeSlice) -> None:
    time_slice.ends[1] = SETBACK
    woken: list[int] = []
    time_slice.meanwhile[2] = lambda: woken.append(time_slice.world.faults.calls.count("tick.wake"))
    time_slice.send({})
    assert time_slice.world.faults.calls.count("tick.wake") == 1
    assert woken == [0], "not for the page that could not be sent"


def test_a_file_is_opened_once_and_by_one_thread_at_a_time() -> None:
    held: list[bool] = []

    class Opened(FakeDocument):
        def page(self, number: int) -> PreparedPage:
            held.append(source._lock.locked())
            return super().page(number)

    def open_again() -> OpenedDocument:
        held.append(source._lock.locked())
        return Opened(io.BytesIO(b"pages:2"), FileLimits(max_pages=2))

    with PageSource(open_again) as source:
        assert [source.page(number).content for number in (1, 2)] == [b"pages:2 #1", b"pages:2 #2"]
    assert held == [True] * 3
