"""Sends one page: considers it, waits for a slot, writes the intent, POSTs once, writes the answer."""

from __future__ import annotations

from textdrop.core import intervals, ledger, problems
from textdrop.core.documents import Document, Operation, OperationState, Options
from textdrop.core.errors import (
    OcrCredentialsRefused,
    OcrError,
    OcrRejected,
    OcrSecretUnreadable,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    StoreUnavailable,
)
from textdrop.core.observations import (
    Accepted,
    AnswerLost,
    Considered,
    NotTaken,
    OperationSeen,
    Rejected,
    SlotReserved,
)
from textdrop.core.pause import Exchange, Pause, observed, probing, unavailable_seconds, why_paused
from textdrop.core.quota import interval_seconds, throttled
from textdrop.ports import SubmitPorts
from textdrop.usecases.ready import Ready, make_ready
from textdrop.usecases.sent import Later, Lost, Sent, Settled
from textdrop.usecases.source import PageSource
from textdrop.usecases.transitions import transition_operation

WRITE_TRIES = 5
_COUNTED = {
    Exchange.ACCEPTED: "PagesSubmitted",
    Exchange.THROTTLED: "SubmitsThrottled",
    Exchange.UNCONFIRMED: "SubmitsUnconfirmed",
}


def send_page(
    ports: SubmitPorts,
    submits_per_second: float,
    document: Document,
    operation: Operation | None,
    page: int,
    source: PageSource,
    deadline: float,
    reserved_on: str = "",
) -> Sent:
    """Sends a page of a document that we hold, if it is still to be sent.

    With caps one submit that may be billed is reserved for the page on the day `reserved_on`; on another day it is not
    sent. Raises StoreUnavailable.
    """
    counted = 0 if operation is None else operation.unconfirmed + (operation.state is OperationState.SUBMITTING)
    ready: Ready | None = None
    body = b""
    while True:
        pause = ports.pause.read()
        considered = _consider(ports, document, operation, page, pause)
        if not isinstance(considered, Operation):
            return considered
        if reserved_on and considered.unconfirmed > counted:
            # Another worker has used what is reserved for the page.
            return Later(ports.clock.now(), failed=False, is_own=True)
        later = _paused(ports, pause)
        if later is not None:
            return later
        if ready is None:
            made = make_ready(ports, document, considered, source)
            if not isinstance(made, Ready):
                return made
            ready = made
            options = document.options or Options(languages=(), model="")
            content = ready.page.content
            body = ports.ocr.prepare(content, ready.page.media_type, options.languages, options.model)
        last_start = deadline - ports.ocr.submit_seconds(len(body))
        slot = _reserve(ports, submits_per_second, last_start)
        if slot is None:
            return Later(ports.clock.now(), failed=False)
        seen = SlotReserved(document.rev, ports.clock.token(), ready.page.preparation, ready.fingerprint)
        intent = _put_intent(ports, considered, seen)
        if intent is None:
            return Lost()
        is_at_slot = _at_slot(ports, submits_per_second, slot, last_start)
        if not is_at_slot or (reserved_on and ledger.day(ports.clock.now()) != reserved_on):
            _write_answer(ports, intent, NotTaken(document.rev))
            return Later(ports.clock.now(), failed=False)
        sent = _exchange(ports, document, intent, body)
        if sent is not None:
            return sent
        operation = ports.documents.read_operation(document.id, document.run, page)


def _consider(
    ports: SubmitPorts,
    document: Document,
    operation: Operation | None,
    page: int,
    pause: Pause,
) -> Operation | Settled | Lost:
    """The page's row as it is to be sent (waiting, or not there yet), or why it is not sent."""
    seen = Considered(
        holder_rev=document.rev,
        attempts=document.attempts,
        unavailable_for=unavailable_seconds(pause, document.waits_since),
        deadline_seconds=ports.policy.deadline_seconds(document.pages),
    )
    row = operation or Operation(document.id, document.run, page, OperationState.WAITING)
    while True:
        if row.final or row.sent:
            return Settled(row)
        after = transition_operation(ports, row, seen)
        if after is None:
            stored = ports.documents.read_operation(document.id, document.run, page)
            if stored is None or stored == row:
                return Lost()
            row = stored
        elif after is row:
            return Lost() if row.state is OperationState.SUBMITTING else row
        else:
            if after.unconfirmed > row.unconfirmed:
                # A worker left this intent behind: the page may have been sent, and billed.
                ports.journal.counted("SubmitsUnconfirmed")
            row = after


def _paused(ports: SubmitPorts, pause: Pause) -> Later | None:
    """Why nothing may be sent now; None if it may, perhaps as the one probe of a pause."""
    if not why_paused(pause):
        return None
    now = ports.clock.now()
    probe = probing(pause, now, ports.policy)
    if probe is not None and ports.pause.write(pause, probe):
        ports.journal.noted("probe", why=pause.why)
        return None
    # While an operator pauses there is no next probe, and poll hands out nothing, whatever is due.
    due_at = pause.probe_at if pause.probe_at > now else now + ports.policy.probe_seconds
    return Later(due_at, failed=False)


def _reserve(
    ports: SubmitPorts, submits_per_second: float, last_start: float, lead_seconds: float = 0.0
) -> float | None:
    """When our POST may begin, at least `lead_seconds` from now; None if no slot can be had until `last_start`, after
    which the POST would lack time."""
    while ports.clock.now() < last_start:
        quota = ports.quota.read()
        now = ports.clock.now()
        earliest, ahead = now + lead_seconds, ports.policy.slot_ahead_seconds
        # A try that is sure to fail would still be a write, which all who wait would make again and again.
        if quota.next_free_at <= earliest + ahead:
            start = ports.quota.reserve(1, interval_seconds(quota, submits_per_second, now), earliest, ahead)
            if start is not None:
                return start if start <= last_start else None
        # Everybody who waits tries again at a time of their own, at most twice a second.
        ports.clock.sleep(0.5 * (0.5 + ports.clock.chance()))
    return None


def _put_intent(ports: SubmitPorts, row: Operation, seen: SlotReserved) -> Operation | None:
    intent = transition_operation(ports, row, seen)
    return None if intent is row else intent


def _at_slot(ports: SubmitPorts, submits_per_second: float, slot: float | None, last_start: float) -> bool:
    """Returns at the slot, or at a later one if this one has passed. False: there is no time left for the POST."""
    lead_seconds = 0.0
    while slot is not None:
        ports.clock.sleep(max(0.0, slot - ports.clock.now()))
        now = ports.clock.now()
        if now > last_start:
            return False
        if now <= slot + ports.policy.slot_late_seconds:
            return True
        # Used late, a slot would let a stalled worker burst beside the others' slots. If reserving itself takes so long
        # (a slow table, no processor time), the next slot has to lie as far ahead, or it would be late as well.
        lead_seconds = min(lead_seconds + now - slot, ports.policy.slot_ahead_seconds)
        slot = _reserve(ports, submits_per_second, last_start, lead_seconds)
    return False


def _exchange(ports: SubmitPorts, document: Document, intent: Operation, body: bytes) -> Settled | Later | Lost | None:
    """The POST, and the write of its answer. None: throttled; everybody has slowed down, and the page may be tried
    again."""
    error: OcrError | None = None
    seen: OperationSeen
    try:
        submitted = ports.ocr.submit(body, intent.client_request_id)
        deadline_seconds = ports.policy.deadline_seconds(document.pages)
        seen = Accepted(document.rev, submitted.operation, deadline_seconds, submitted.trace)
        exchange = Exchange.ACCEPTED
    except OcrError as caught:
        error = caught
        exchange, seen = _refused(document.rev, error)
    answered_at = ports.clock.now()
    if exchange in _COUNTED:
        ports.journal.counted(_COUNTED[exchange])
    if error is not None and exchange not in (Exchange.THROTTLED, Exchange.REJECTED):
        ports.journal.failed("submit_failed", error, document=document.id, page=intent.page, exchange=str(exchange))
    # First the answer: an intent left behind would count as unconfirmed, and one may be known not to be taken.
    written = _write_answer(ports, intent, seen)
    if isinstance(error, OcrThrottled):
        _slow_down(ports, error.retry_after_seconds)
    pause = _observe(ports, exchange, answered_at)
    if exchange in (Exchange.ACCEPTED, Exchange.REJECTED):
        return _settled(ports, intent)
    if exchange is Exchange.THROTTLED:
        return None if written else Lost()
    now = ports.clock.now()
    if pause.since is not None:
        return Later(max(now, pause.probe_at), failed=True)
    wait = intervals.backoff_seconds(document.consecutive_failures, ports.clock.chance(), ports.policy)
    return Later(now + wait, failed=True)


def _refused(rev: int, error: OcrError) -> tuple[Exchange, OperationSeen]:
    """What an answer without an id means for all documents, and for the page."""
    match error:
        case OcrThrottled():
            return Exchange.THROTTLED, NotTaken(rev)
        case OcrRejected():
            return Exchange.REJECTED, Rejected(rev, problems.rejected(error.trace))
        case OcrCredentialsRefused():
            return Exchange.CREDENTIALS_REFUSED, NotTaken(rev)
        case OcrSecretUnreadable():
            return Exchange.SECRET_UNREADABLE, NotTaken(rev)
        case OcrUnreachable():
            return Exchange.NOT_SENT, NotTaken(rev)
        case OcrUnavailable():
            return Exchange.UNAVAILABLE, NotTaken(rev, breakdown=True)
        case _:
            # An answer that does not say whether the page was taken: it may have been.
            return Exchange.UNCONFIRMED, AnswerLost(rev)


def _write_answer(ports: SubmitPorts, intent: Operation, seen: OperationSeen) -> bool:
    """Writes the answer to the POST. What was accepted is paid for, so its id is tried to be written several times."""
    row = intent
    for tried in range(WRITE_TRIES):
        try:
            if transition_operation(ports, row, seen) is not None:
                return True
            stored = ports.documents.read_operation(intent.document_id, intent.run, intent.page)
            if stored is None:
                return False
            row = stored
        except StoreUnavailable as error:
            ports.journal.failed(
                "answer_not_written",
                error,
                document=intent.document_id,
                page=intent.page,
            )
            ports.clock.sleep(0.2 * 2**tried)
    if isinstance(seen, Accepted):
        # The id is at least in the log; the next holder counts the intent as unconfirmed.
        ports.journal.noted(
            "accepted_unwritten",
            document=intent.document_id,
            operation=seen.described.id,
        )
    return False


def _settled(ports: SubmitPorts, intent: Operation) -> Settled | Lost:
    stored = ports.documents.read_operation(intent.document_id, intent.run, intent.page)
    if stored is None or not (stored.final or stored.sent):
        return Lost()
    return Settled(stored)


def _slow_down(ports: SubmitPorts, retry_after_seconds: float | None) -> None:
    least, most = ports.policy.throttle_pause_seconds, ports.policy.max_throttle_seconds
    quota = ports.quota.read()
    after = throttled(quota, ports.clock.now(), min(max(retry_after_seconds or 0.0, least), most))
    if after is not None:
        # If it is not written, another has reported a throttle meanwhile, which slows everybody down as well.
        ports.quota.write(quota, after)


def _observe(ports: SubmitPorts, exchange: Exchange, answered_at: float) -> Pause:
    """Counts the exchange for all documents, as of when it ended: a worker that was stopped since then saw no later
    failure. The pause row afterwards."""
    # Read again: since the page was considered others may have failed, which an acceptance must clear.
    pause = ports.pause.read()
    for _ in range(WRITE_TRIES):
        after = observed(pause, exchange, answered_at, ports.policy, ports.clock.now())
        if after is None:
            return pause
        if ports.pause.write(pause, after):
            if (after.since is None) != (pause.since is None):
                event = "resumed" if after.since is None else "paused"
                ports.journal.noted(event, why=after.why or pause.why)
            return after
        pause = ports.pause.read()
    return pause
