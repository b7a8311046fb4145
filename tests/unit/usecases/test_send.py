"""One page on its way: when it may be sent, what is written of every answer, and what the others learn of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pagekit.limits import FileFacts
from pagekit.prepared import How, Preparation, PreparedPage
from textdrop.core.answers import OperationDescription, Submitted
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Options,
    Source,
)
from textdrop.core.errors import (
    ObjectForbidden,
    OcrAnswerLost,
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrRejected,
    OcrSecretUnreadable,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    Reason,
    StoreUnavailable,
    Trace,
)
from textdrop.core.ledger import day
from textdrop.core.pause import BY_OPERATOR, Exchange, Pause
from textdrop.core.quota import Quota
from textdrop.usecases.send import send_page
from textdrop.usecases.sent import Later, Lost, Sent, Settled
from textdrop.usecases.source import PageSource
from world import World

DOWN = StoreUnavailable("down")
DESCRIBED = OperationDescription("o1", "OCR async recognition")
SLOTS = 10.0
PAGE = PreparedPage(b"page", "image/png", Preparation(How.AS_IS))
REV = 3
PAGES = 7


def throttle(retry_after: float | None = None) -> OcrThrottled:
    return OcrThrottled("429", Trace(status=429, code=8), retry_after)


class Opened:
    """A file whose one page is as `prepared` gives it."""

    facts = FileFacts("image/png", 1)

    def __init__(self, prepared: Callable[[], PreparedPage]) -> None:
        self._prepared = prepared

    def page(self, number: int) -> PreparedPage:
        return self._prepared()

    def own_text(self, number: int) -> None:
        return None

    def close(self) -> None:
        pass


class Page(World):
    """A document that a worker holds, and the last of its pages on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.document = Document(
            id="d" * 32,
            source=Source("uploads", "x.png", "v1", "e", 4, event_at=self.now),
            state=DocumentState.RECOGNIZING,
            accepted_at=self.now,
            rev=REV,
            holder="w",
            due_kind=DueKind.SUBMIT,
            due_at=self.now + 305.0,
            attempts=1,
            pages=PAGES,
            media_type="application/pdf",
            options=Options(("ru",), "page"),
            unfinished=frozenset({1}),
        )
        self.documents.rows[self.document.id] = self.document
        self.deadline = self.now + 300.0

    @property
    def now(self) -> float:
        return self.clock.now()

    @property
    def submit_seconds(self) -> float:
        """What its POST may take."""
        return self.ocr.submit_seconds(len(self.ocr.prepare(PAGE.content, PAGE.media_type, ("ru",), "page")))

    @property
    def stored(self) -> Operation | None:
        return self.documents.read_operation(self.document.id, 1, 1)

    def store(self, **changes: object) -> Operation:
        """The page's row, which somebody wrote."""
        row = replace(Operation(self.document.id, 1, 1, OperationState.WAITING), **changes)  # type: ignore[arg-type]
        self.documents.operations[(row.document_id, 1, 1)] = row
        return row

    def send_it(
        self,
        operation: Operation | None = None,
        prepared: Callable[[], PreparedPage] = lambda: PAGE,
        reserved_on: str = "",
    ) -> Sent:
        source = PageSource(lambda: Opened(prepared))
        return send_page(self.submit_ports, SLOTS, self.document, operation, 1, source, self.deadline, reserved_on)

    def settled(self, operation: Operation | None = None) -> Operation:
        """The operation of the page, which could be sent or fails."""
        sent = self.send_it(operation)
        assert isinstance(sent, Settled)
        return sent.operation

    def hold_at_the_intent(self, seconds: float) -> None:
        """Writing the intent takes so long."""
        self.faults.happen("documents.write_operation", lambda: self.clock.advance(seconds))

    def slept(self) -> list[float]:
        """From now on, the seconds of each sleep."""
        sleeps: list[float] = []
        sleep = self.clock.sleep

        def noted(seconds: float) -> None:
            sleeps.append(seconds)
            sleep(seconds)

        self.clock.sleep = noted  # type: ignore[method-assign]  # as it was, but noted
        return sleeps

    def noted(self) -> list[tuple[str, dict[str, str | int | float | None]]]:
        return [(entry.name, dict(entry.fields)) for entry in self.journal.notes]


@pytest.fixture
def page() -> Page:
    return Page()


# --- its row ---


def test_a_page_that_is_taken_runs_under_the_services_id_and_counts(page: Page) -> None:
    operation = page.settled()
    assert operation == page.stored
    assert (operation.state, operation.holder_rev) == (OperationState.RUNNING, REV)
    assert operation.trace.status == 200
    assert operation.deadline_at == page.now + page.policy.deadline_seconds(PAGES)
    assert page.journal.counts["PagesSubmitted"] == 1
    [accepted] = page.ocr.accepted
    assert (accepted.content, accepted.languages, accepted.model) == (b"page", ("ru",), "page")
    assert page.noted() == page.failures() == []


def test_a_page_is_sent_as_what_was_made_of_it(page: Page) -> None:
    """Of a PDF, a page may have been drawn."""
    drawn = PreparedPage(b"picture", "image/png", Preparation(How.DRAWN))
    bodies: list[bytes] = []
    submit = page.ocr.submit

    def noted(body: bytes, client_request_id: str) -> Submitted:
        bodies.append(body)
        return submit(body, client_request_id)

    page.ocr.submit = noted  # type: ignore[method-assign]  # as it was, but noted
    sent = page.send_it(prepared=lambda: drawn)
    assert isinstance(sent, Settled)
    assert sent.operation.prepared == drawn.preparation
    assert bodies == [page.ocr.prepare(drawn.content, drawn.media_type, ("ru",), "page")]


@pytest.mark.parametrize("state", [OperationState.RUNNING, OperationState.FAILED, OperationState.RECOGNIZED])
def test_a_page_that_was_sent_or_is_final_costs_nothing_though_that_was_written_just_now(
    page: Page, state: OperationState
) -> None:
    """The worker may have read its rows a while ago."""
    old = page.store(state=OperationState.SUBMITTING, holder_rev=1)
    done = page.store(state=state, holder_rev=2, described=DESCRIBED if state is OperationState.RUNNING else None)
    assert page.send_it(done) == page.send_it(old) == Settled(done)
    assert page.ocr.accepted == []
    assert page.stored == done


def test_a_row_that_cannot_be_written_and_is_as_it_was_is_lost(page: Page) -> None:
    """Nobody knows why: whoever comes next finds out."""
    old = page.store(state=OperationState.SUBMITTING, holder_rev=1)
    page.documents.write_operation = lambda before, after: False  # type: ignore[method-assign]  # never
    assert page.send_it(old) == Lost()


def test_a_row_that_is_gone_is_lost(page: Page) -> None:
    old = page.store(state=OperationState.SUBMITTING, holder_rev=1)
    page.documents.operations.clear()
    assert page.send_it(old) == Lost()
    assert page.ocr.accepted == []


@pytest.mark.parametrize("rev", [REV, REV + 1])
def test_a_page_whose_intent_is_not_an_earlier_holders_is_left(page: Page, rev: int) -> None:
    row = page.store(state=OperationState.SUBMITTING, holder_rev=rev)
    assert page.send_it(row) == Lost()
    assert page.stored == row
    assert page.journal.counts["SubmitsUnconfirmed"] == 0


def test_an_intent_left_behind_counts_as_unknown_and_its_page_is_sent(page: Page) -> None:
    row = page.store(state=OperationState.SUBMITTING, holder_rev=1)
    assert page.settled(row).state is OperationState.RUNNING
    assert page.journal.counts["SubmitsUnconfirmed"] == 1


def test_a_page_that_fails_before_it_is_sent_counts_no_unknown(page: Page) -> None:
    row = page.store(holder_rev=2, unconfirmed=page.policy.max_unconfirmed)
    assert page.settled(row).state is OperationState.FAILED
    assert page.journal.counts["SubmitsUnconfirmed"] == 0


@pytest.mark.parametrize(("seconds", "state"), [(0.0, OperationState.RUNNING), (1.0, OperationState.FAILED)])
def test_a_page_fails_when_the_service_was_away_for_longer_than_its_document_may_take(
    page: Page, seconds: float, state: OperationState
) -> None:
    began = page.now
    page.clock.advance(page.policy.deadline_seconds(PAGES) + seconds)
    page.deadline = page.now + 300.0
    page.pause.row = Pause(rev=1, failures=1, unavailable_since=began - 60.0, unavailable_at=page.now)
    assert page.settled().state is state


def test_a_source_that_may_not_be_read_fails_its_page_only_when_that_lasts(page: Page) -> None:
    def forbidden() -> PreparedPage:
        raise ObjectForbidden("403")

    page.clock.advance(page.policy.forbidden_seconds)
    page.deadline = page.now + 300.0
    with pytest.raises(ObjectForbidden):
        page.send_it(prepared=forbidden)
    page.clock.advance(1.0)
    sent = page.send_it(prepared=forbidden)
    assert isinstance(sent, Settled)
    assert sent.operation.problem is not None
    assert sent.operation.problem.reason is Reason.INTERNAL


# --- a pause ---


def refused(page: Page, probe_in: float) -> Pause:
    pause = Pause(rev=1, since=page.now - 100.0, why="credentials_refused", probe_at=page.now + probe_in)
    page.pause.row = pause
    return pause


def test_a_probe_is_sent_and_noted(page: Page) -> None:
    pause = refused(page, probe_in=-1.0)
    page.settled()
    assert page.noted() == [("probe", {"why": pause.why}), ("resumed", {"why": pause.why})]


@pytest.mark.parametrize(
    ("why", "due_in"),
    [("before the probe", 30.0), ("another probes", 60.0), (BY_OPERATOR, 60.0)],
)
def test_in_a_pause_nothing_is_sent_and_that_is_no_setback(page: Page, why: str, due_in: float) -> None:
    """Of two that would probe one does; in an operator's pause there is no probe to wait for: both wait as long as a
    pause lets nobody through."""
    refused(page, probe_in=30.0 if why == "before the probe" else 0.0)
    if why == BY_OPERATOR:
        page.pause.row = Pause(rev=1, operator_since=page.now - 5.0)
    page.pause.write = lambda before, after: False  # type: ignore[method-assign]  # another was first
    assert page.send_it() == Later(page.now + due_in, failed=False)
    assert page.noted() == []
    assert page.ocr.accepted == []
    assert page.stored is None


# --- slots ---


def test_without_a_slot_in_time_the_page_waits_and_that_is_no_setback(page: Page) -> None:
    page.quota.row = Quota(next_free_at=page.now + 10_000.0)
    sleeps = page.slept()
    last_start = page.deadline - page.submit_seconds
    sent = page.send_it()
    assert sent == Later(page.now, failed=False)
    assert last_start <= page.now < last_start + 1.0
    assert page.stored is None
    assert page.ocr.accepted == []
    assert "quota.reserve" not in page.faults.calls, "which would be a write, and fail"
    assert all(0.25 <= seconds <= 0.75 for seconds in sleeps), "at most twice a second on the average"
    assert len(set(sleeps)) == len(sleeps), "at times of its own"
    assert 0.4 < sum(sleeps) / len(sleeps) < 0.6
    assert min(sleeps) < 0.3, "and by chance over all of that"


@pytest.mark.parametrize(("free_in", "used"), [(0.5, True), (0.6, False)])
def test_a_slot_is_used_if_it_leaves_the_post_its_time(page: Page, free_in: float, used: bool) -> None:
    page.deadline = page.now + page.submit_seconds + 0.5
    page.quota.row = Quota(next_free_at=page.now + free_in)
    began = page.now
    assert isinstance(page.send_it(), Settled if used else Later)
    assert page.now == began + (0.5 if used else 0.0)
    assert (page.stored is not None) == used


@pytest.mark.parametrize(("content_bytes", "used"), [(100_000, True), (1_000_000, False)])
def test_a_large_page_needs_more_time_for_its_post(page: Page, content_bytes: int, used: bool) -> None:
    page.deadline = page.now + page.ocr.submit_seconds(0) + 5.0
    large = PreparedPage(bytes(content_bytes), "image/png", Preparation(How.AS_IS))
    assert isinstance(page.send_it(prepared=lambda: large), Settled if used else Later)


def test_a_slot_is_as_long_as_the_lowered_rate_makes_it(page: Page) -> None:
    page.quota.row = Quota(factor=0.5, factor_at=page.now)
    page.settled()
    assert page.quota.reserved == [(page.now, 1, 2 / SLOTS)]


def test_a_slot_as_far_ahead_as_slots_may_be_is_taken_at_once(page: Page) -> None:
    page.quota.row = Quota(next_free_at=page.now + page.policy.slot_ahead_seconds)
    sleeps = page.slept()
    page.settled()
    assert sleeps == [page.policy.slot_ahead_seconds]


@pytest.mark.parametrize(("held", "starts_in"), [(0.125, 0.25), (3.0, 4.0)])
def test_the_slot_after_a_late_one_lies_as_far_ahead_as_that_was_late_but_no_further_than_slots_may(
    page: Page, held: float, starts_in: float
) -> None:
    began = page.now
    page.hold_at_the_intent(held)
    page.settled()
    assert [start - began for start, *_ in page.quota.reserved] == [0.0, starts_in]
    assert page.now == began + starts_in


@pytest.mark.parametrize(
    ("deadline_in", "held", "next_free_in"),
    [(0.03125, 0.0625, 0.0), (268.0, 400.0, 0.0), (268.0, 267.75, 9_999.0)],
    ids=["hardly late", "beyond its time", "until there is no other slot"],
)
def test_a_worker_whose_post_could_outlast_it_sends_nothing_and_takes_its_intent_back(
    page: Page, deadline_in: float, held: float, next_free_in: float
) -> None:
    """Left behind, the intent would count as unconfirmed."""
    page.deadline = page.now + page.submit_seconds + deadline_in
    page.hold_at_the_intent(held)
    free = Quota(next_free_at=page.now + next_free_in)
    page.faults.happen("quota.reserve", lambda: setattr(page.quota, "row", free), when="after")
    assert page.send_it() == Later(page.now, failed=False)
    assert page.ocr.accepted == []
    assert page.stored is not None
    assert (page.stored.state, page.stored.unconfirmed) == (OperationState.WAITING, 0)


# --- answers ---


def test_a_throttle_slows_all_down_is_counted_and_the_page_is_tried_again(page: Page) -> None:
    page.pause.row = Pause(rev=1, failures=2, unavailable_since=page.now - 9.0, unavailable_at=page.now - 1.0)
    began = page.now
    page.faults.fail("ocr.submit", throttle(7.0))
    once = iter([PAGE])
    sent = page.send_it(prepared=lambda: next(once))
    assert isinstance(sent, Settled)
    assert sent.operation.unconfirmed == 0
    assert page.journal.counts["SubmitsThrottled"] == 1
    assert page.failures() == []
    assert (page.quota.row.throttles, page.quota.row.throttled_until) == (1, began + 7.0)
    assert page.now >= began + 7.0
    assert len(page.ocr.accepted) == 1


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(None, 1.0), (0.0, 1.0), (0.5, 1.0), (1.5, 1.5), (9_999.0, 300.0)],
)
def test_a_throttle_lasts_as_long_as_the_service_wishes_within_reason_and_shows_that_it_is_there(
    page: Page, retry_after: float | None, seconds: float
) -> None:
    page.deadline = page.now + 10.0
    page.pause.row = Pause(rev=1, unavailable_since=page.now - 9.0, unavailable_at=page.now - 1.0)
    began = page.now
    page.faults.fail("ocr.submit", throttle(retry_after))
    page.send_it()
    assert page.quota.row.throttled_until == began + seconds
    assert page.pause.row.unavailable_since is None


def test_a_throttle_during_anothers_counts_once(page: Page) -> None:
    """Somebody was throttled while this page was on its way."""
    page.deadline = page.now + 10.0
    others = Quota(next_free_at=page.now + 60.0, throttled_until=page.now + 60.0, throttles=1)
    page.faults.happen("ocr.submit", lambda: setattr(page.quota, "row", others))
    page.faults.fail("ocr.submit", throttle(1.0), when="after")
    page.send_it()
    assert page.quota.row.throttles == 1


@pytest.mark.parametrize("error", [None, throttle()], ids=["accepted", "throttled"])
def test_a_page_whose_row_is_gone_when_the_answer_comes_is_not_gone_on_with(
    page: Page, error: OcrThrottled | None
) -> None:
    page.faults.happen("ocr.submit", page.documents.operations.clear)
    if error:
        page.faults.fail("ocr.submit", error, when="after")
    assert page.send_it() == Lost()
    assert len(page.ocr.accepted) == 1


def test_a_refused_page_fails_with_the_services_words_and_counts_towards_a_pause(page: Page) -> None:
    page.faults.fail("ocr.submit", OcrRejected("400", Trace(status=400, code=3, message="bad")))
    problem = page.settled().problem
    assert problem is not None
    assert problem.reason is Reason.REJECTED_BY_OCR
    assert page.pause.row.refusals == 1
    assert page.failures() == []


def test_a_failure_that_is_written_down_late_is_of_when_it_was_seen(page: Page) -> None:
    page.faults.fail("ocr.submit", OcrAnswerLost("reset"))
    page.faults.happen("documents.write_operation", lambda: page.clock.advance(4_000.0), skip=1)
    page.send_it()
    assert (page.pause.row.failures, page.pause.row.unavailable_since) == (1, None)


def test_what_others_count_at_the_same_time_is_counted_too(page: Page) -> None:
    page.faults.fail("ocr.submit", OcrRejected("400", Trace(status=400, code=3)))
    page.faults.happen("pause.write", lambda: setattr(page.pause, "row", Pause(rev=1, refusals=1)))
    page.settled()
    assert page.pause.row.refusals == 2


@pytest.mark.parametrize(
    ("error", "exchange", "unconfirmed", "breakdowns"),
    [
        (OcrAnswerLost("reset"), Exchange.UNCONFIRMED, 1, 0),
        (OcrUnreachable("refused"), Exchange.NOT_SENT, 0, 0),
        (OcrSecretUnreadable("denied"), Exchange.SECRET_UNREADABLE, 0, 0),
        (OcrUnavailable("503", Trace(status=503, code=14)), Exchange.UNAVAILABLE, 0, 1),
        (OcrCredentialsRefused("401", Trace(status=401, code=16)), Exchange.CREDENTIALS_REFUSED, 0, 0),
        (OcrCredentialsMissing("empty"), Exchange.CREDENTIALS_REFUSED, 0, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_page_that_was_not_sent_waits_logged_and_counted_for_what_it_was(
    page: Page, error: OcrError, exchange: Exchange, unconfirmed: int, breakdowns: int
) -> None:
    page.faults.fail("ocr.submit", error)
    sent = page.send_it()
    assert isinstance(sent, Later)
    assert sent.failed
    row = page.stored
    assert row is not None
    assert (row.state, row.unconfirmed, row.breakdowns) == (OperationState.WAITING, unconfirmed, breakdowns)
    assert page.journal.counts["SubmitsUnconfirmed"] == unconfirmed
    assert page.failures() == [
        ("submit_failed", {"document": page.document.id, "page": 1, "exchange": str(exchange)}),
    ]
    if exchange is Exchange.CREDENTIALS_REFUSED:
        assert sent.due_at == page.now + page.policy.probe_seconds
        assert page.noted() == [("paused", {"why": str(exchange)})]
    else:
        assert 1.0 <= sent.due_at - page.now <= page.policy.max_backoff_seconds
        assert page.noted() == []


# --- writing the answer ---


def fail_writes(page: Page, times: int) -> None:
    """So many writes of the answer fail; the intent is written."""
    page.faults.fail("documents.write_operation", DOWN, skip=1)
    page.faults.fail("documents.write_operation", DOWN, times=times - 1)


def test_what_was_accepted_is_written_however_often_it_takes(page: Page) -> None:
    fail_writes(page, 4)
    sleeps = page.slept()
    page.settled()
    assert [seconds for seconds in sleeps if seconds] == [0.2, 0.4, 0.8, 1.6], "longer each time"
    assert page.failures() == [("answer_not_written", {"document": page.document.id, "page": 1})] * 4
    assert page.noted() == []


@pytest.mark.parametrize("accepted", [True, False])
def test_an_id_that_cannot_be_written_stands_in_the_log_and_a_refusal_does_not(page: Page, accepted: bool) -> None:
    if not accepted:
        page.faults.fail("ocr.submit", OcrRejected("400", Trace(status=400, code=3)))
    fail_writes(page, 5)
    assert page.send_it() == Lost()
    assert page.noted() == [
        ("accepted_unwritten", {"document": page.document.id, "operation": submit.operation_id})
        for submit in page.ocr.accepted
    ]
    assert len(page.ocr.accepted) == accepted


def test_an_acceptance_is_written_over_what_a_later_holder_made_of_the_row(page: Page) -> None:
    later = {"state": OperationState.WAITING, "holder_rev": REV + 1, "unconfirmed": 1}
    page.faults.happen("ocr.submit", lambda: page.store(**later))
    operation = page.settled()
    assert (operation.state, operation.unconfirmed) == (OperationState.RUNNING, 1)


# --- within the caps ---


def test_a_page_is_sent_only_on_the_day_on_which_it_is_reserved(page: Page) -> None:
    today = day(page.now)
    page.clock.advance(86_400.0 - page.now % 86_400.0 - 0.5)
    page.quota.row = replace(page.quota.row, next_free_at=page.now + 0.6)
    page.deadline = page.now + 300.0
    sent = page.send_it(reserved_on=today)
    assert sent == Later(page.now, failed=False)
    assert page.stored is not None
    assert (page.stored.state, page.stored.unconfirmed, page.ocr.accepted) == (OperationState.WAITING, 0, [])
    assert isinstance(page.send_it(page.stored, reserved_on=day(page.now)), Settled)


@pytest.mark.parametrize("reserved_on", [True, False])
def test_a_page_whose_room_another_worker_used_is_not_sent_without_more(page: Page, reserved_on: bool) -> None:
    def another_sends_it() -> OcrThrottled:
        page.store(state=OperationState.WAITING, holder_rev=REV + 1, unconfirmed=2)
        return throttle()

    page.faults.happen("ocr.submit", another_sends_it)
    sent = page.send_it(reserved_on=day(page.now) if reserved_on else "")
    assert isinstance(sent, Later if reserved_on else Settled)
    assert len(page.ocr.accepted) == (not reserved_on)


def test_the_intent_of_a_worker_before_counts_as_sent_when_the_page_was_reserved(page: Page) -> None:
    operation = page.store(state=OperationState.SUBMITTING, holder_rev=REV - 1)
    assert isinstance(page.send_it(operation, reserved_on=day(page.now)), Settled)
    assert page.stored is not None
    assert page.stored.unconfirmed == 1
