"""The rules of operations: waiting → submitting → running → recognized | failed."""

from __future__ import annotations

from dataclasses import replace

from textdrop.core import observations as see
from textdrop.core import problems
from textdrop.core.documents import DueKind, Operation, OperationState, Problem
from textdrop.core.policy import Policy
from textdrop.core.rules import RuleTable

_WAITING, _SUBMITTING, _RUNNING = OperationState.WAITING, OperationState.SUBMITTING, OperationState.RUNNING
_table: RuleTable[Operation] = RuleTable()
rule = _table.on


# --- its document's holder considers it ---------------------------------------------------------------------------


@rule(
    see.Considered,
    lambda row, seen, now, policy: row.state is _SUBMITTING and row.holder_rev >= seen.holder_rev,
)
def intent_of_another(row: Operation, seen: see.Considered, now: float, policy: Policy) -> None:
    """A page whose intent is a later holder's, or of this very pass, is left to that holder."""


@rule(see.Considered, lambda row, seen, now, policy: row.state is _SUBMITTING and seen.attempts > policy.max_attempts)
def attempts_exhausted_submitting(row: Operation, seen: see.Considered, now: float, policy: Policy) -> Operation:
    """A page of a document whose workers died too often is not sent again; its last submit is unconfirmed."""
    return replace(_failed(row, problems.attempts_exhausted(policy.max_attempts), now), unconfirmed=row.unconfirmed + 1)


@rule(see.Considered, lambda row, seen, now, policy: row.state is _WAITING and seen.attempts > policy.max_attempts)
def attempts_exhausted_waiting(row: Operation, seen: see.Considered, now: float, policy: Policy) -> Operation:
    """A page of a document whose workers died too often is not sent."""
    return _failed(row, problems.attempts_exhausted(policy.max_attempts), now)


@rule(see.Considered, lambda row, seen, now, policy: row.state is _SUBMITTING)
def intent_stale(row: Operation, seen: see.Considered, now: float, policy: Policy) -> Operation:
    """An earlier holder's intent may have been sent: it is counted as unconfirmed."""
    return replace(row, state=_WAITING, unconfirmed=row.unconfirmed + 1)


@rule(
    see.Considered, lambda row, seen, now, policy: row.state is _WAITING and row.unconfirmed >= policy.max_unconfirmed
)
def unconfirmed(row: Operation, seen: see.Considered, now: float, policy: Policy) -> Operation:
    """A page with too many unconfirmed submits is not sent again."""
    return _failed(row, problems.unconfirmed(row.unconfirmed, row.client_request_id), now)


@rule(
    see.Considered,
    lambda row, seen, now, policy: row.state is _WAITING and seen.unavailable_for > seen.deadline_seconds,
)
def unavailable_too_long(row: Operation, seen: see.Considered, now: float, policy: Policy) -> Operation:
    """A page fails when the service has been unavailable for longer than the document's deadline."""
    return _failed(row, problems.unavailable(seen.unavailable_for), now)


@rule(see.Considered, lambda row, seen, now, policy: row.state is _WAITING and row.breakdowns >= policy.max_breakdowns)
def breaks_the_service(row: Operation, seen: see.Considered, now: float, policy: Policy) -> Operation:
    """A page that the service itself keeps failing to take, though it takes others, fails."""
    return _failed(row, problems.breakdowns(row.breakdowns), now)


@rule(see.Considered, lambda row, seen, now, policy: row.state is _WAITING)
def considered(row: Operation, seen: see.Considered, now: float, policy: Policy) -> None:
    """A page that may be sent stays as it is until it has a slot."""


# --- it need not be submitted ---------------------------------------------------------------------------------------


@rule(see.TextFound, lambda row, seen, now, policy: row.state is _WAITING)
def own_text(row: Operation, seen: see.TextFound, now: float, policy: Policy) -> Operation:
    """A page with usable text of its own is recognised by that: it is not sent."""
    return replace(
        row,
        state=OperationState.RECOGNIZED,
        holder_rev=seen.holder_rev,
        own_text=True,
        result_bytes=seen.result_bytes,
        finished_at=now,
    )


@rule(
    see.SentBefore,
    lambda row, seen, now, policy: row.state is _WAITING and seen.of.state is OperationState.RECOGNIZED,
)
def reused(row: Operation, seen: see.SentBefore, now: float, policy: Policy) -> Operation:
    """A page that was recognised before, for any document, takes that result: it is not sent."""
    return replace(
        _sent_before(row, seen),
        state=OperationState.RECOGNIZED,
        has_words=seen.of.has_words,
        result_bytes=seen.of.result_bytes,
        finished_at=now,
    )


@rule(see.SentBefore, lambda row, seen, now, policy: row.state is _WAITING)
def shared(row: Operation, seen: see.SentBefore, now: float, policy: Policy) -> Operation:
    """A page that the service has taken before, for any document, is asked for by that id: it is not sent."""
    return replace(
        _sent_before(row, seen),
        state=_RUNNING,
        deadline_at=seen.of.deadline_at,
        due_kind=DueKind.ASK,
        due_at=now,
    )


def _sent_before(row: Operation, seen: see.SentBefore) -> Operation:
    return replace(
        row,
        holder_rev=seen.holder_rev,
        prepared=seen.prepared,
        fingerprint=seen.of.fingerprint,
        reused_from=seen.of.document_id,
        described=seen.of.described,
        trace=seen.of.trace,
        submitted_at=seen.of.submitted_at,
    )


# --- it is submitted ------------------------------------------------------------------------------------------------


@rule(see.SlotReserved, lambda row, seen, now, policy: row.state is _WAITING)
def intent(row: Operation, seen: see.SlotReserved, now: float, policy: Policy) -> Operation:
    """With a slot the intent is written, and carries its holder's rev, before anything is sent."""
    return replace(
        row,
        state=_SUBMITTING,
        holder_rev=seen.holder_rev,
        client_request_id=seen.client_request_id,
        prepared=seen.prepared,
        fingerprint=seen.fingerprint,
    )


def _is_own(row: Operation, holder_rev: int) -> bool:
    """Whether the intent on the row is the one that was answered."""
    return row.state is _SUBMITTING and row.holder_rev == holder_rev


def _running(row: Operation, seen: see.Accepted, now: float) -> Operation:
    return replace(
        row,
        state=_RUNNING,
        holder_rev=seen.holder_rev,
        described=seen.described,
        trace=seen.trace,
        submitted_at=now,
        deadline_at=now + seen.deadline_seconds,
        due_kind=DueKind.ASK,
        due_at=now,
    )


@rule(see.Accepted, lambda row, seen, now, policy: _is_own(row, seen.holder_rev))
def accepted(row: Operation, seen: see.Accepted, now: float, policy: Policy) -> Operation:
    """A page that the service took is running under its id."""
    return _running(row, seen, now)


@rule(
    see.Accepted,
    lambda row, seen, now, policy: (
        row.state is _WAITING or (row.state is _SUBMITTING and row.holder_rev > seen.holder_rev)
    ),
)
def accepted_late(row: Operation, seen: see.Accepted, now: float, policy: Policy) -> Operation:
    """A late acceptance is adopted by a row that has no id yet, so that what was paid for is used."""
    return _running(row, seen, now)


@rule(see.NotTaken, lambda row, seen, now, policy: _is_own(row, seen.holder_rev))
def not_taken(row: Operation, seen: see.NotTaken, now: float, policy: Policy) -> Operation:
    """A page that the service certainly did not take waits."""
    return replace(row, state=_WAITING, breakdowns=row.breakdowns + int(seen.breakdown))


@rule(see.Rejected, lambda row, seen, now, policy: _is_own(row, seen.holder_rev))
def rejected(row: Operation, seen: see.Rejected, now: float, policy: Policy) -> Operation:
    """A page that the service refuses fails."""
    return _failed(row, seen.problem, now)


@rule(see.AnswerLost, lambda row, seen, now, policy: _is_own(row, seen.holder_rev))
def answer_lost(row: Operation, seen: see.AnswerLost, now: float, policy: Policy) -> Operation:
    """A page whose answer was lost waits, and its submit is counted as unconfirmed."""
    return replace(row, state=_WAITING, unconfirmed=row.unconfirmed + 1)


@rule(see.Unsendable, lambda row, seen, now, policy: row.state is _WAITING)
def unsendable(row: Operation, seen: see.Unsendable, now: float, policy: Policy) -> Operation:
    """A page whose source cannot be opened again fails."""
    return _failed(row, seen.problem, now)


# --- it is asked for ------------------------------------------------------------------------------------------------


@rule(see.Recognised, lambda row, seen, now, policy: row.state is _RUNNING)
def recognised(row: Operation, seen: see.Recognised, now: float, policy: Policy) -> Operation:
    """A page whose whole result is stored is recognised."""
    return replace(
        row,
        state=OperationState.RECOGNIZED,
        has_words=seen.has_words,
        result_bytes=seen.result_bytes,
        due_kind=None,
        due_at=None,
        finished_at=now,
    )


@rule(see.Unreadable, lambda row, seen, now, policy: row.state is _RUNNING)
def unreadable(row: Operation, seen: see.Unreadable, now: float, policy: Policy) -> Operation:
    """A page whose result is over the limit fails."""
    return _failed(row, seen.problem, now)


def _sent_again(row: Operation) -> Operation:
    """As if it had never been sent by this row: its document's run sends it. Submits from before it was shared still
    count."""
    return Operation(
        row.document_id,
        row.run,
        row.page,
        _WAITING,
        holder_rev=row.holder_rev,
        unconfirmed=row.unconfirmed,
        breakdowns=row.breakdowns,
    )


@rule(see.FailedInService, lambda row, seen, now, policy: row.state is _RUNNING and not row.is_sent_here)
def kept_failed_in_service(row: Operation, seen: see.FailedInService, now: float, policy: Policy) -> Operation:
    """A page that another run paid for, and that failed in the service since, is sent in this run."""
    return _sent_again(row)


@rule(see.FailedInService, lambda row, seen, now, policy: row.state is _RUNNING)
def failed_in_service(row: Operation, seen: see.FailedInService, now: float, policy: Policy) -> Operation:
    """A page whose operation failed in the service fails with the service's code."""
    return _failed(row, seen.problem, now)


def _is_forgotten(row: Operation, seen: see.NotDone | see.AskFailed, policy: Policy) -> bool:
    """Whether the service no longer had the result when it was asked for, and reports no failure."""
    forgotten_at = (row.submitted_at or 0.0) + policy.result_kept_seconds
    return row.state is _RUNNING and seen.asked_at >= forgotten_at and seen.status_asked


def _is_overdue(row: Operation, seen: see.NotDone) -> bool:
    is_past = row.deadline_at is not None and seen.asked_at >= row.deadline_at
    return row.state is _RUNNING and is_past and seen.status_asked


@rule(
    see.NotDone,
    lambda row, seen, now, policy: (
        not row.is_sent_here and (_is_forgotten(row, seen, policy) or _is_overdue(row, seen))
    ),
)
def kept_not_done(row: Operation, seen: see.NotDone, now: float, policy: Policy) -> Operation:
    """A page that another run paid for, and that the service has no result of, is sent in this run."""
    return _sent_again(row)


@rule(see.NotDone, lambda row, seen, now, policy: _is_forgotten(row, seen, policy))
def expired(row: Operation, seen: see.NotDone, now: float, policy: Policy) -> Operation:
    """A page asked for after the service deleted its result has expired."""
    return _failed(row, problems.result_expired(row), now)


@rule(see.NotDone, lambda row, seen, now, policy: _is_overdue(row, seen))
def deadline_exceeded(row: Operation, seen: see.NotDone, now: float, policy: Policy) -> Operation:
    """A page that was asked for after its deadline, is not done, and did not fail by its status, fails."""
    return _failed(row, problems.deadline_exceeded(row, now), now)


@rule(see.NotDone, lambda row, seen, now, policy: row.state is _RUNNING)
def not_done(row: Operation, seen: see.NotDone, now: float, policy: Policy) -> None:
    """A page that is not done stays running; nothing is written."""


@rule(see.AskFailed, lambda row, seen, now, policy: not row.is_sent_here and _is_forgotten(row, seen, policy))
def kept_ask_failed(row: Operation, seen: see.AskFailed, now: float, policy: Policy) -> Operation:
    """A page that another run paid for, and that could not be asked for in time, is sent in this run."""
    return _sent_again(row)


@rule(see.AskFailed, lambda row, seen, now, policy: _is_forgotten(row, seen, policy))
def ask_failed_expired(row: Operation, seen: see.AskFailed, now: float, policy: Policy) -> Operation:
    """A page that could not be asked for until the service deleted its result has expired."""
    return _failed(row, problems.result_expired(row), now)


@rule(see.AskFailed, lambda row, seen, now, policy: row.state is _RUNNING)
def ask_failed(row: Operation, seen: see.AskFailed, now: float, policy: Policy) -> None:
    """An ask without an answer says nothing about the page."""


# --- its document is deleted ----------------------------------------------------------------------------------------


@rule(see.Discarded, lambda row, seen, now, policy: row.state is _SUBMITTING)
def discarded_submitting(row: Operation, seen: see.Discarded, now: float, policy: Policy) -> Operation:
    """A page that may have been sent is not wanted any more; its last submit is unconfirmed."""
    return replace(_failed(row, seen.problem, now), unconfirmed=row.unconfirmed + 1)


@rule(see.Discarded, lambda row, seen, now, policy: not row.final)
def discarded(row: Operation, seen: see.Discarded, now: float, policy: Policy) -> Operation:
    """A page of a document that is being deleted is neither sent nor asked for."""
    return _failed(row, seen.problem, now)


def _failed(row: Operation, problem: Problem, now: float) -> Operation:
    return replace(row, state=OperationState.FAILED, problem=problem, due_kind=None, due_at=None, finished_at=now)


OPERATION_RULES = tuple(_table.rules)
