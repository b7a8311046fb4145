"""One page on its way: when it may be sent, what is written of every answer, and what the others are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from textdrop.core.answers import OperationDescription
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
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    Reason,
    StoreUnavailable,
    Trace,
)
from textdrop.core.pause import BY_OPERATOR, Exchange, Pause
from textdrop.core.quota import Quota
from textdrop.usecases.send import Later, Lost, Sent, Settled, send_page
from world import World

DOWN = StoreUnavailable("down")
DESCRIBED = OperationDescription("o1", "OCR async recognition")
SLOTS = 10.0
REV = 3


class Page:
    """A document of one page that a worker holds, and its page on the way."""

    def __init__(self) -> None:
        self.world = World()
        now = self.now
        self.document = Document(
            id="d" * 32,
            source=Source("uploads", "x.png", "v1", "e", 4, event_at=now),
            state=DocumentState.RECOGNIZING,
            accepted_at=now,
            rev=REV,
            holder="w",
            due_kind=DueKind.SUBMIT,
            due_at=now + 305.0,
            attempts=1,
            pages=1,
            media_type="image/png",
            options=Options(("ru",), "page"),
            unfinished=frozenset({1}),
        )
        self.world.documents.rows[self.document.id] = self.document
        self.deadline = now + 300.0

    @property
    def now(self) -> float:
        return self.world.clock.now()

    @property
    def row(self) -> Operation | None:
        return self.world.documents.read_operation(self.document.id, 1, 1)

    def stored(self, **changes: object) -> Operation:
        """The page's row, which somebody wrote."""
        row = Operation(self.document.id, 1, 1, OperationState.WAITING)
        row = replace(row, **changes)  # type: ignore[arg-type]  # its fields
        self.world.documents.operations[(row.document_id, 1, 1)] = row
        return row

    def send(self, operation: Operation | None = None, content: Callable[[], bytes] = lambda: b"page") -> Sent:
        return send_page(self.world.submit_ports, SLOTS, self.document, operation, 1, content, self.deadline)

    def answers(self, error: OcrError) -> Sent:
        """Sends it, and this is the service's answer."""
        self.world.faults.fail("ocr.submit", error)
        return self.send()

    def slept(self) -> list[float]:
        """From now on, the seconds of each sleep."""
        sleeps: list[float] = []
        sleep = self.world.clock.sleep

        def counted(seconds: float) -> None:
            sleeps.append(seconds)
            sleep(seconds)

        self.world.clock.sleep = counted  # type: ignore[method-assign]  # as it was, but that it is told of
        return sleeps

    def noted(self) -> list[tuple[str, dict[str, str | int | float | None]]]:
        return [(entry.name, dict(entry.fields)) for entry in self.world.journal.notes]

    def failures(self) -> list[tuple[str, dict[str, str | int | float | None]]]:
        return [(entry.name, dict(entry.fields)) for entry in self.world.journal.failures]


@pytest.fixture
def page() -> Page:
    return Page()


# --- taken ---


def test_a_page_that_is_taken_runs_under_the_services_id_and_counts(page: Page) -> None:
    sent = page.send()
    assert isinstance(sent, Settled)
    assert sent.operation == page.row
    assert (sent.operation.state, sent.operation.holder_rev) == (OperationState.RUNNING, REV)
    assert sent.operation.trace.status == 200
    assert sent.operation.deadline_at == page.now + page.world.policy.deadline_seconds(1)
    assert page.world.journal.counts["PagesSubmitted"] == 1
    [accepted] = page.world.ocr.accepted
    assert (accepted.content, accepted.languages, accepted.model) == (b"page", ("ru",), "page")
    assert page.noted() == page.failures() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"state": OperationState.RUNNING, "holder_rev": 2, "described": DESCRIBED},
        {"state": OperationState.FAILED, "holder_rev": 2},
        {"state": OperationState.RECOGNIZED, "holder_rev": 2},
    ],
    ids=lambda changes: str(changes["state"]),
)
def test_a_page_that_was_sent_or_is_final_costs_nothing(page: Page, changes: dict[str, object]) -> None:
    row = page.stored(**changes)
    assert page.send(row) == Settled(row)
    assert page.world.ocr.accepted == []
    assert page.row == row


def test_what_another_has_made_of_the_page_meanwhile_is_looked_at(page: Page) -> None:
    """The worker read its rows a while ago."""
    old = page.stored(state=OperationState.SUBMITTING, holder_rev=1)
    done = page.stored(state=OperationState.RUNNING, holder_rev=2, described=DESCRIBED)
    assert page.send(old) == Settled(done)
    assert page.world.ocr.accepted == []


def test_a_row_that_cannot_be_written_and_is_as_it_was_is_lost(page: Page) -> None:
    """Nobody knows why: whoever comes next finds out."""
    old = page.stored(state=OperationState.SUBMITTING, holder_rev=1)
    page.world.documents.write_operation = lambda before, after: False  # type: ignore[method-assign]  # never
    assert page.send(old) == Lost()


def test_a_row_that_is_gone_is_lost(page: Page) -> None:
    old = page.stored(state=OperationState.SUBMITTING, holder_rev=1)
    page.world.documents.operations.clear()
    assert page.send(old) == Lost()
    assert page.world.ocr.accepted == []


@pytest.mark.parametrize("rev", [REV, REV + 1])
def test_a_page_whose_intent_is_not_an_earlier_holders_is_left(page: Page, rev: int) -> None:
    row = page.stored(state=OperationState.SUBMITTING, holder_rev=rev)
    assert page.send(row) == Lost()
    assert page.row == row
    assert page.world.journal.counts["SubmitsUnconfirmed"] == 0


def test_an_intent_left_behind_counts_as_unknown_and_its_page_is_sent(page: Page) -> None:
    row = page.stored(state=OperationState.SUBMITTING, holder_rev=1)
    assert isinstance(page.send(row), Settled)
    assert page.world.journal.counts["SubmitsUnconfirmed"] == 1


def test_a_page_that_fails_before_it_is_sent_counts_no_unknown(page: Page) -> None:
    row = page.stored(holder_rev=2, unconfirmed=page.world.policy.max_unconfirmed)
    assert isinstance(page.send(row), Settled)
    assert page.row is not None
    assert page.row.state is OperationState.FAILED
    assert page.world.journal.counts["SubmitsUnconfirmed"] == 0


# --- a source that may not be read ---


def test_a_source_that_may_not_be_read_fails_its_page_only_when_that_lasts(page: Page) -> None:
    def forbidden() -> bytes:
        raise ObjectForbidden("403")

    page.world.clock.advance(page.world.policy.forbidden_seconds)
    page.deadline = page.now + 300.0
    with pytest.raises(ObjectForbidden):
        page.send(content=forbidden)
    page.world.clock.advance(1.0)
    sent = page.send(content=forbidden)
    assert isinstance(sent, Settled)
    assert sent.operation.problem is not None
    assert sent.operation.problem.reason is Reason.INTERNAL


# --- a pause ---


def paused(page: Page, **changes: object) -> Pause:
    pause = Pause(rev=1, since=page.now - 100.0, why="credentials_refused", probe_at=page.now + 30.0)
    changed: Pause = replace(pause, **changes)  # type: ignore[arg-type]  # its fields
    page.world.pause.row = changed
    return changed


def test_in_a_pause_nothing_is_sent_until_the_next_probe_and_that_is_no_setback(page: Page) -> None:
    paused(page)
    assert page.send() == Later(page.now + 30.0, failed=False)
    assert page.row is None


def test_a_probe_is_sent_and_noted(page: Page) -> None:
    pause = paused(page, probe_at=page.now - 1.0)
    assert isinstance(page.send(), Settled)
    assert page.noted() == [("probe", {"why": pause.why}), ("resumed", {"why": pause.why})]


def test_of_two_that_would_probe_one_does(page: Page) -> None:
    """The other waits as long as a pause lets nobody through."""
    paused(page, probe_at=page.now)
    page.world.pause.write = lambda before, after: False  # type: ignore[method-assign]  # another was first
    assert page.send() == Later(page.now + page.world.policy.probe_seconds, failed=False)
    assert page.noted() == []
    assert page.world.ocr.accepted == []


def test_in_an_operators_pause_there_is_no_probe_to_wait_for(page: Page) -> None:
    paused(page, since=None, why="", probe_at=0.0, operator_since=page.now - 5.0)
    assert page.send() == Later(page.now + page.world.policy.probe_seconds, failed=False)
    assert BY_OPERATOR not in {name for name, _ in page.noted()}


# --- slots ---


def test_without_a_slot_in_time_the_page_waits_and_that_is_no_setback(page: Page) -> None:
    page.world.quota.row = Quota(next_free_at=page.now + 10_000.0)
    sleeps = page.slept()
    last_start = page.deadline - page.world.ocr.submit_total_seconds
    sent = page.send()
    assert sent == Later(page.now, failed=False)
    assert last_start <= page.now < last_start + 1.0
    assert page.row is None
    assert page.world.ocr.accepted == []
    assert "quota.reserve" not in page.world.faults.calls, "which would be a write, and fail"
    assert all(0.25 <= seconds <= 0.75 for seconds in sleeps), "at most twice a second on the average"
    assert len(set(sleeps)) == len(sleeps), "at times of its own"
    assert 0.4 < sum(sleeps) / len(sleeps) < 0.6
    assert min(sleeps) < 0.3, "and by chance over all of that"


def test_a_slot_that_leaves_the_post_less_than_its_time_is_not_taken(page: Page) -> None:
    page.deadline = page.now + page.world.ocr.submit_total_seconds + 0.5
    page.world.quota.row = Quota(next_free_at=page.now + 0.6)
    assert page.send() == Later(page.now, failed=False)
    assert page.row is None


def test_a_slot_at_the_last_moment_is_used(page: Page) -> None:
    page.deadline = page.now + page.world.ocr.submit_total_seconds + 0.5
    page.world.quota.row = Quota(next_free_at=page.now + 0.5)
    began = page.now
    assert isinstance(page.send(), Settled)
    assert page.now == began + 0.5


def test_a_slot_as_far_ahead_as_slots_may_be_is_taken_at_once(page: Page) -> None:
    page.world.quota.row = Quota(next_free_at=page.now + page.world.policy.slot_ahead_seconds)
    sleeps = page.slept()
    assert isinstance(page.send(), Settled)
    assert sleeps == [page.world.policy.slot_ahead_seconds]


def held_at_the_intent(page: Page, seconds: float) -> None:
    """Once, writing the intent takes so long."""
    write = page.world.documents.write_operation
    first = [seconds]

    def slow(before: Operation | None, after: Operation) -> bool:
        if first and after.state is OperationState.SUBMITTING:
            page.world.clock.advance(first.pop())
        return write(before, after)

    page.world.documents.write_operation = slow  # type: ignore[method-assign]  # slower


def test_the_slot_after_a_late_one_lies_as_far_ahead_as_that_was_late(page: Page) -> None:
    began = page.now
    held_at_the_intent(page, 0.125)
    assert isinstance(page.send(), Settled)
    assert [start - began for start, *_ in page.world.quota.reserved] == [0.0, 0.25]
    assert page.now == began + 0.25


def test_a_slot_that_is_hardly_late_is_not_used_when_the_post_could_outlast_its_worker(page: Page) -> None:
    page.deadline = page.now + page.world.ocr.submit_total_seconds + 0.03125
    held_at_the_intent(page, 0.0625)
    assert page.send() == Later(page.now, failed=False)
    assert page.world.ocr.accepted == []


def test_a_worker_that_stalled_beyond_its_time_sends_nothing_and_says_so(page: Page) -> None:
    """The intent is taken back: left behind, it would count as unconfirmed."""
    held_at_the_intent(page, 400.0)
    assert page.send() == Later(page.now, failed=False)
    assert page.world.ocr.accepted == []
    assert page.row is not None
    assert (page.row.state, page.row.unconfirmed) == (OperationState.WAITING, 0)


def test_a_worker_that_stalled_until_there_is_no_other_slot_sends_nothing(page: Page) -> None:
    last_start = page.deadline - page.world.ocr.submit_total_seconds
    held_at_the_intent(page, last_start - page.now - 0.25)
    page.world.quota.reserve = _once(page.world.quota.reserve)  # type: ignore[method-assign]  # then none
    assert page.send() == Later(page.now, failed=False)
    assert page.world.ocr.accepted == []
    assert page.row is not None
    assert page.row.state is OperationState.WAITING


def _once(reserve: Callable[[int, float, float, float], float | None]) -> Callable[..., float | None]:
    left = [reserve]

    def once(slots: int, interval: float, now: float, ahead: float) -> float | None:
        return left.pop()(slots, interval, now, ahead) if left else None

    return once


# --- answers ---


def test_a_throttle_slows_all_down_is_counted_and_the_page_is_tried_again(page: Page) -> None:
    page.world.pause.row = Pause(rev=1, failures=2, unavailable_since=page.now - 9.0, unavailable_at=page.now - 1.0)
    began = page.now
    assert isinstance(page.answers(OcrThrottled("429", Trace(status=429, code=8), 7.0)), Settled)
    assert page.world.journal.counts["SubmitsThrottled"] == 1
    assert page.world.quota.row.throttles == 1
    assert page.world.quota.row.throttled_until == began + 7.0
    assert page.now >= began + 7.0
    assert len(page.world.ocr.accepted) == 1
    assert page.row is not None
    assert page.row.unconfirmed == 0


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(None, 1.0), (0.0, 1.0), (0.5, 1.0), (1.5, 1.5), (9_999.0, 300.0)],
)
def test_a_throttle_lasts_as_long_as_the_service_wishes_within_reason(
    page: Page, retry_after: float | None, seconds: float
) -> None:
    page.deadline = page.now + 10.0
    began = page.now
    page.answers(OcrThrottled("429", Trace(status=429, code=8), retry_after))
    assert page.world.quota.row.throttled_until == began + seconds


def test_a_throttle_shows_that_the_service_is_there(page: Page) -> None:
    page.deadline = page.now + 10.0
    page.world.pause.row = Pause(rev=1, unavailable_since=page.now - 9.0, unavailable_at=page.now - 1.0)
    page.answers(OcrThrottled("429", Trace(status=429, code=8), 300.0))
    assert page.world.pause.row.unavailable_since is None


def test_a_throttled_page_whose_row_is_gone_is_not_sent_again(page: Page) -> None:
    def gone() -> OcrThrottled:
        page.world.documents.operations.clear()
        return OcrThrottled("429", Trace(status=429, code=8))

    page.world.faults.fail("ocr.submit", gone)
    assert page.send() == Lost()
    assert page.world.ocr.accepted == []


def test_a_throttle_during_anothers_counts_once(page: Page) -> None:
    """Somebody was throttled while this page was on its way."""
    page.deadline = page.now + 10.0

    def throttled_both() -> OcrThrottled:
        page.world.quota.row = Quota(next_free_at=page.now + 60.0, throttled_until=page.now + 60.0, throttles=1)
        return OcrThrottled("429", Trace(status=429, code=8), 1.0)

    page.world.faults.fail("ocr.submit", throttled_both)
    page.send()
    assert page.world.quota.row.throttles == 1


def test_a_refused_page_fails_with_the_services_words_and_counts_towards_a_pause(page: Page) -> None:
    sent = page.answers(OcrRejected("400", Trace(status=400, code=3, message="bad")))
    assert isinstance(sent, Settled)
    assert sent.operation.problem is not None
    assert sent.operation.problem.reason is Reason.REJECTED_BY_OCR
    assert page.world.pause.row is not None
    assert page.world.pause.row.refusals == 1
    assert page.failures() == []


@pytest.mark.parametrize(
    ("error", "exchange", "unconfirmed", "breakdowns"),
    [
        (OcrAnswerLost("reset"), Exchange.UNCONFIRMED, 1, 0),
        (OcrUnreachable("refused"), Exchange.NOT_SENT, 0, 0),
        (OcrUnavailable("503", Trace(status=503, code=14)), Exchange.UNAVAILABLE, 0, 1),
        (OcrCredentialsRefused("401", Trace(status=401, code=16)), Exchange.CREDENTIALS_REFUSED, 0, 0),
        (OcrCredentialsMissing("empty"), Exchange.CREDENTIALS_REFUSED, 0, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_page_that_was_not_sent_waits_told_and_counted_for_what_it_was(
    page: Page, error: OcrError, exchange: Exchange, unconfirmed: int, breakdowns: int
) -> None:
    sent = page.answers(error)
    assert isinstance(sent, Later)
    assert sent.failed
    assert page.row is not None
    assert (page.row.state, page.row.unconfirmed, page.row.breakdowns) == (
        OperationState.WAITING,
        unconfirmed,
        breakdowns,
    )
    assert page.world.journal.counts["SubmitsUnconfirmed"] == unconfirmed
    assert page.failures() == [
        ("submit_failed", {"document": page.document.id, "page": 1, "exchange": str(exchange)}),
    ]
    if exchange is Exchange.CREDENTIALS_REFUSED:
        assert sent.due_at == page.now + page.world.policy.probe_seconds
        assert page.noted() == [("paused", {"why": str(exchange)})]
    else:
        assert 1.0 <= sent.due_at - page.now <= page.world.policy.max_backoff_seconds
        assert page.noted() == []


# --- writing the answer ---


def test_what_was_accepted_is_written_however_often_it_takes(page: Page) -> None:
    page.world.faults.fail("documents.write_operation", DOWN, skip=1)
    page.world.faults.fail("documents.write_operation", DOWN, times=3)
    sleeps = page.slept()
    assert isinstance(page.send(), Settled)
    waits = [seconds for seconds in sleeps if seconds]
    assert waits == [0.2, 0.4, 0.8, 1.6], "longer each time"
    assert page.failures() == [("answer_not_written", {"document": page.document.id, "page": 1})] * 4
    assert page.noted() == []


def test_an_id_that_cannot_be_written_stands_in_the_log(page: Page) -> None:
    page.world.faults.fail("documents.write_operation", DOWN, skip=1)
    page.world.faults.fail("documents.write_operation", DOWN, times=4)
    assert page.send() == Lost()
    [accepted] = page.world.ocr.accepted
    assert page.noted() == [
        ("accepted_unwritten", {"document": page.document.id, "operation": accepted.operation_id}),
    ]


def test_a_refusal_that_cannot_be_written_is_no_acceptance(page: Page) -> None:
    page.world.faults.fail("ocr.submit", OcrRejected("400", Trace(status=400, code=3)))
    page.world.faults.fail("documents.write_operation", DOWN, skip=1)
    page.world.faults.fail("documents.write_operation", DOWN, times=4)
    assert page.send() == Lost()
    assert page.noted() == []


def test_an_answer_to_a_row_that_is_gone_ends_the_go(page: Page) -> None:
    submit = page.world.ocr.submit

    def gone(body: bytes, client_request_id: str) -> object:
        page.world.documents.operations.clear()
        return submit(body, client_request_id)

    page.world.ocr.submit = gone  # type: ignore[method-assign,assignment]  # and the row is gone
    assert page.send() == Lost()


def test_an_acceptance_is_written_over_what_a_later_holder_made_of_the_row(page: Page) -> None:
    submit = page.world.ocr.submit

    def overtaken(body: bytes, client_request_id: str) -> object:
        assert page.row is not None
        page.stored(state=OperationState.WAITING, holder_rev=REV + 1, unconfirmed=1)
        return submit(body, client_request_id)

    page.world.ocr.submit = overtaken  # type: ignore[method-assign,assignment]  # by a later holder
    sent = page.send()
    assert isinstance(sent, Settled)
    assert (sent.operation.state, sent.operation.unconfirmed) == (OperationState.RUNNING, 1)
