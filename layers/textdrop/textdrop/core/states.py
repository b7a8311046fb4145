"""One function decides, for every row and everything that can be seen of it, what the row becomes.

`decide(row, seen, now, policy)` goes through `RULES` from the top; the first whose `when` holds gives the next row. Each
rule has an id, used in code, logs and docs alike, and a sentence. What no rule matches is an error, said aloud.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from textdrop.core import observations as see
from textdrop.core import problems
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Outcome,
    Problem,
    Step,
)
from textdrop.core.errors import SKIPPED, Reason, TextdropError
from textdrop.core.policy import Policy

Row = TypeVar("Row", Document, Operation)


class NoRule(TextdropError):
    """A row was seen in a way that cannot happen: a mistake in this program. Nothing is written."""


@dataclass(frozen=True, slots=True)
class Decision(Generic[Row]):
    """What comes next. `row` is what to write; None: leave the row as it is (`rule` says why)."""

    rule: str
    row: Row | None


# The rows, observations and results differ by rule; `decide_document` and `decide_operation` give them back their types.
When = Callable[[Any, Any, float, Policy], bool]
Then = Callable[[Any, Any, float, Policy], Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """`when` says whether the rule applies to a row and what was seen of it, `then` makes the next row (or None)."""

    id: str
    sentence: str
    seen: type
    when: When
    then: Then


def decide_document(
    row: Document | None,
    seen: see.DocumentSeen,
    now: float,
    policy: Policy,
    rules: tuple[Rule, ...] | None = None,
) -> Decision[Document]:
    """What becomes of a document's row. Raises NoRule."""
    rule = _first(DOCUMENT_RULES if rules is None else rules, row, seen, now, policy)
    return Decision(rule.id, rule.then(row, seen, now, policy))


def decide_operation(
    row: Operation,
    seen: see.OperationSeen,
    now: float,
    policy: Policy,
    rules: tuple[Rule, ...] | None = None,
) -> Decision[Operation]:
    """What becomes of an operation's row. A page that has no row yet is given as `waiting`. Raises NoRule."""
    rule = _first(OPERATION_RULES if rules is None else rules, row, seen, now, policy)
    return Decision(rule.id, rule.then(row, seen, now, policy))


def _first(
    rules: tuple[Rule, ...], row: object, seen: object, now: float, policy: Policy
) -> Rule:
    for rule in rules:
        if isinstance(seen, rule.seen) and rule.when(row, seen, now, policy):
            return rule
    raise NoRule(
        f"no rule for {getattr(row, 'state', 'no row')} seen as {type(seen).__name__}"
    )


# --- documents --------------------------------------------------------------------------------------------------------

_ACCEPTED, _RECOGNIZING = DocumentState.ACCEPTED, DocumentState.RECOGNIZING
_DELIVERING, _FINAL = DocumentState.DELIVERING, DocumentState.FINAL
_BEFORE_DELIVERY = (_ACCEPTED, _RECOGNIZING)


def _always(row: Any, seen: Any, now: float, policy: Policy) -> bool:
    return True


def _unchanged(row: Any, seen: Any, now: float, policy: Policy) -> None:
    return None


def _in(*states: Any) -> When:
    return lambda row, seen, now, policy: row.state in states


def _worn_out(row: Document, policy: Policy) -> bool:
    return row.attempts >= policy.max_attempts


def _new_document(
    row: None, seen: see.Uploaded, now: float, policy: Policy
) -> Document:
    return Document(
        id=seen.document_id,
        source=seen.source,
        state=_ACCEPTED,
        accepted_at=now,
        holder=seen.holder,
        due_kind=DueKind.SUBMIT,
        due_at=seen.lease_until,
        attempts=1,
        goes=1,
    )


def _taken(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=row.attempts + 1,
        goes=row.goes + 1,
    )


def _delivery_taken(
    row: Document, seen: see.Taken, now: float, policy: Policy
) -> Document:
    # A delivery that died goes on with the step it had begun: those before it were done.
    return replace(
        row,
        rev=row.rev + 1,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=row.attempts + 1,
        step=row.step or Step.FILES,
    )


def _delivering(
    row: Document,
    outcome: Outcome,
    problem: Problem | None,
    recognized: int,
    now: float,
) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        state=_DELIVERING,
        due_kind=DueKind.DELIVER,
        due_at=now,
        attempts=0,
        setbacks=0,
        outcome=outcome,
        problem=problem,
        pages_recognized=recognized,
        outcome_at=now,
        step=None,
    )


def _refused(row: Document, seen: see.Refused, now: float, policy: Policy) -> Document:
    outcome = Outcome.SKIPPED if seen.problem.reason in SKIPPED else Outcome.FAILED
    return _delivering(replace(row, source=seen.source), outcome, seen.problem, 0, now)


def _pages_known(
    row: Document, seen: see.PagesKnown, now: float, policy: Policy
) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        state=_RECOGNIZING,
        source=seen.source,
        pages=seen.pages,
        media_type=seen.media_type,
        options=seen.options,
        unfinished=frozenset(range(1, seen.pages + 1)),
    )


def _returned(
    row: Document, seen: see.Returned, now: float, policy: Policy
) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        due_at=seen.due_at,
        attempts=0,
        setbacks=row.setbacks + 1 if seen.setback else 0,
    )


def _unsent(row: Document, seen: see.PagesLooked) -> bool:
    settled = {
        operation.page
        for operation in seen.operations
        if operation.final or operation.sent
    }
    return len(settled) < row.pages


def _all_final(row: Document, seen: see.PagesLooked) -> bool:
    return sum(operation.final for operation in seen.operations) == row.pages


def _concluded(
    row: Document, seen: see.PagesLooked, now: float, policy: Policy
) -> Document:
    failed = sorted(
        (
            operation
            for operation in seen.operations
            if operation.state is OperationState.FAILED
        ),
        key=lambda operation: operation.page,
    )
    found = [operation.problem for operation in failed if operation.problem is not None]
    recognized = row.pages - len(failed)
    if not failed:
        return _delivering(row, Outcome.SUCCEEDED, None, recognized, now)
    if recognized:
        return _delivering(row, Outcome.PARTIAL, found[0], recognized, now)
    return _delivering(row, Outcome.FAILED, problems.no_page_has_text(found), 0, now)


def _guarded(
    row: Document, seen: see.PagesLooked, now: float, policy: Policy
) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        due_kind=DueKind.DELIVER,
        due_at=now + policy.guard_seconds,
        attempts=0,
        setbacks=0,
    )


def _submit_again(
    row: Document, seen: see.PagesLooked, now: float, policy: Policy
) -> Document:
    return replace(row, rev=row.rev + 1, due_kind=DueKind.SUBMIT, due_at=now)


def _delivery_replaced(
    row: Document, seen: see.Taken, now: float, policy: Policy
) -> Document:
    problem = problems.delivery_worn_out(row.attempts)
    return replace(
        _delivering(row, Outcome.FAILED, problem, 0, now),
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=1,
        step=Step.FILES,
    )


def _delivery_worn_out(row: Document, seen: Any, now: float, policy: Policy) -> bool:
    replaced = (
        row.problem is not None
        and row.outcome is Outcome.FAILED
        and row.problem.reason is Reason.INTERNAL
    )
    return (
        row.state is _DELIVERING
        and _worn_out(row, policy)
        and row.step is not Step.NOTICE
        and not replaced
    )


def _final(
    row: Document, seen: see.NoticeAccepted, now: float, policy: Policy
) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        state=_FINAL,
        due_kind=None,
        due_at=None,
        holder="",
        attempts=0,
        setbacks=0,
    )


DOCUMENT_RULES: tuple[Rule, ...] = (
    Rule(
        "upload_new",
        "An upload without a row gets one, held by whoever creates it.",
        see.Uploaded,
        lambda row, seen, now, policy: row is None,
        _new_document,
    ),
    Rule(
        "upload_repeated",
        "An upload that has a row changes nothing.",
        see.Uploaded,
        _always,
        _unchanged,
    ),
    Rule(
        "worn_out_unread",
        "A document whose workers died too often before its pages were known fails.",
        see.Taken,
        lambda row, seen, now, policy: (
            row.state is _ACCEPTED and _worn_out(row, policy)
        ),
        lambda row, seen, now, policy: _delivering(
            row, Outcome.FAILED, problems.worn_out(row.attempts), 0, now
        ),
    ),
    Rule(
        "taken",
        "A document due for submitting is held by one worker; the attempt counts until it comes back.",
        see.Taken,
        lambda row, seen, now, policy: (
            row.state in _BEFORE_DELIVERY and row.due_kind is DueKind.SUBMIT
        ),
        _taken,
    ),
    Rule(
        "delivery_held",
        "A delivery that is not due is somebody else's.",
        see.Taken,
        lambda row, seen, now, policy: (
            row.state is _DELIVERING and (row.due_at or 0.0) > now
        ),
        _unchanged,
    ),
    Rule(
        "delivery_worn_out",
        "A delivery that died too often before its notice becomes a failure whose files read no page.",
        see.Taken,
        _delivery_worn_out,
        _delivery_replaced,
    ),
    Rule(
        "delivery_taken",
        "A delivery that is due is held by one worker; the attempt counts until it comes back.",
        see.Taken,
        _in(_DELIVERING),
        _delivery_taken,
    ),
    Rule("taken_late", "Nothing is left to take.", see.Taken, _always, _unchanged),
    Rule(
        "refused",
        "A source that cannot be recognised goes to delivery with its reason.",
        see.Refused,
        _in(_ACCEPTED),
        _refused,
    ),
    Rule(
        "pages_known",
        "Once its pages are known a document is recognizing, and every page is unfinished.",
        see.PagesKnown,
        _in(_ACCEPTED),
        _pages_known,
    ),
    Rule(
        "returned",
        "An orderly return leaves the document due again and clears its attempts.",
        see.Returned,
        _in(_ACCEPTED, _RECOGNIZING, _DELIVERING),
        _returned,
    ),
    Rule(
        "concluded",
        "When every page is final the outcome is fixed and delivery begins.",
        see.PagesLooked,
        lambda row, seen, now, policy: (
            row.state is _RECOGNIZING and _all_final(row, seen)
        ),
        _concluded,
    ),
    Rule(
        "pages_unsent",
        "A guarded document with a page that was never sent is due for submitting.",
        see.PagesLooked,
        lambda row, seen, now, policy: row.state is _RECOGNIZING and _unsent(row, seen),
        _submit_again,
    ),
    Rule(
        "every_page_sent",
        "When every page has an id or is final, only a guard is left, and no attempt counts.",
        see.PagesLooked,
        _in(_RECOGNIZING),
        _guarded,
    ),
    Rule(
        "looked_late",
        "The outcome is fixed already.",
        see.PagesLooked,
        _in(_DELIVERING, _FINAL),
        _unchanged,
    ),
    Rule(
        "step_begins",
        "A delivery writes its step before it begins it.",
        see.StepBegins,
        _in(_DELIVERING),
        lambda row, seen, now, policy: replace(
            row, rev=row.rev + 1, step=seen.step, due_at=seen.lease_until
        ),
    ),
    Rule(
        "notice_accepted",
        "After the notice was accepted the document is final and nothing is due.",
        see.NoticeAccepted,
        _in(_DELIVERING),
        _final,
    ),
)

# --- operations -------------------------------------------------------------------------------------------------------

_WAITING, _SUBMITTING, _RUNNING = (
    OperationState.WAITING,
    OperationState.SUBMITTING,
    OperationState.RUNNING,
)
_RECOGNIZED, _FAILED = OperationState.RECOGNIZED, OperationState.FAILED


def _mine(row: Operation, seen: Any, now: float, policy: Policy) -> bool:
    return row.state is _SUBMITTING and row.holder_rev == seen.holder_rev


def _back_to_waiting(row: Operation, unknowns: int) -> Operation:
    return replace(row, state=_WAITING, unknowns=row.unknowns + unknowns)


def _page_failed(
    row: Operation, problem: Problem, now: float, unknowns: int = 0
) -> Operation:
    return replace(
        row,
        state=_FAILED,
        unknowns=row.unknowns + unknowns,
        problem=problem,
        due_kind=None,
        due_at=None,
        finished_at=now,
    )


def _running(
    row: Operation, seen: see.Accepted, now: float, policy: Policy
) -> Operation:
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


def _expired(
    row: Operation, seen: see.NotDone | see.AskFailed, now: float, policy: Policy
) -> bool:
    return (
        row.state is _RUNNING
        and seen.asked_at >= (row.submitted_at or 0.0) + policy.result_kept_seconds
    )


def _past_deadline(
    row: Operation, seen: see.NotDone, now: float, policy: Policy
) -> bool:
    return (
        row.state is _RUNNING
        and row.deadline_at is not None
        and seen.asked_at >= row.deadline_at
    )


OPERATION_RULES: tuple[Rule, ...] = (
    Rule(
        "intent_newer",
        "A page whose intent is of a later holder is left to that holder.",
        see.Considered,
        lambda row, seen, now, policy: (
            row.state is _SUBMITTING and row.holder_rev > seen.holder_rev
        ),
        _unchanged,
    ),
    Rule(
        "worn_out_submitting",
        "A page of a document whose workers died too often is not sent again; it may have been, and counts as unknown.",
        see.Considered,
        lambda row, seen, now, policy: (
            row.state is _SUBMITTING
            and row.holder_rev < seen.holder_rev
            and seen.attempts > policy.max_attempts
        ),
        lambda row, seen, now, policy: _page_failed(
            row, problems.worn_out(policy.max_attempts), now, unknowns=1
        ),
    ),
    Rule(
        "worn_out_waiting",
        "A page of a document whose workers died too often is not sent.",
        see.Considered,
        lambda row, seen, now, policy: (
            row.state is _WAITING and seen.attempts > policy.max_attempts
        ),
        lambda row, seen, now, policy: _page_failed(
            row, problems.worn_out(policy.max_attempts), now
        ),
    ),
    Rule(
        "intent_stale",
        "An intent of an earlier holder may have been sent: it is counted as unknown.",
        see.Considered,
        lambda row, seen, now, policy: (
            row.state is _SUBMITTING and row.holder_rev < seen.holder_rev
        ),
        lambda row, seen, now, policy: _back_to_waiting(row, unknowns=1),
    ),
    Rule(
        "unconfirmed",
        "A page with too many unknown submits is not sent again.",
        see.Considered,
        lambda row, seen, now, policy: (
            row.state is _WAITING and row.unknowns >= policy.max_unknowns
        ),
        lambda row, seen, now, policy: _page_failed(
            row, problems.unconfirmed(row.unknowns), now
        ),
    ),
    Rule(
        "unavailable_too_long",
        "A page fails when the service has been unavailable for longer than the document's deadline.",
        see.Considered,
        lambda row, seen, now, policy: (
            row.state is _WAITING and seen.unavailable_for > seen.deadline_seconds
        ),
        lambda row, seen, now, policy: _page_failed(
            row, problems.unavailable(seen.unavailable_for), now
        ),
    ),
    Rule(
        "considered",
        "A page that may be sent stays as it is until it has a slot.",
        see.Considered,
        _always,
        _unchanged,
    ),
    Rule(
        "intent",
        "With a slot the intent is written, and carries its holder's rev, before anything is sent.",
        see.SlotReserved,
        _in(_WAITING),
        lambda row, seen, now, policy: replace(
            row,
            state=_SUBMITTING,
            holder_rev=seen.holder_rev,
            client_request_id=seen.client_request_id,
        ),
    ),
    Rule(
        "accepted",
        "A page that the service took is running under its id.",
        see.Accepted,
        _mine,
        _running,
    ),
    Rule(
        "accepted_late",
        "A late acceptance is adopted by a row that has no id yet, so that what was paid for is used.",
        see.Accepted,
        lambda row, seen, now, policy: (
            row.state is _WAITING
            or (row.state is _SUBMITTING and row.holder_rev > seen.holder_rev)
        ),
        _running,
    ),
    Rule(
        "accepted_too_late",
        "An acceptance of a page that has an id or is final changes nothing.",
        see.Accepted,
        _in(_RUNNING, _RECOGNIZED, _FAILED),
        _unchanged,
    ),
    Rule(
        "not_taken",
        "A page that the service certainly did not take waits.",
        see.NotTaken,
        _mine,
        lambda row, seen, now, policy: _back_to_waiting(row, unknowns=0),
    ),
    Rule(
        "rejected",
        "A page that the service refuses fails.",
        see.Rejected,
        _mine,
        lambda row, seen, now, policy: _page_failed(row, seen.problem, now),
    ),
    Rule(
        "answer_lost",
        "A page whose answer was lost waits, and is counted as unknown.",
        see.AnswerLost,
        _mine,
        lambda row, seen, now, policy: _back_to_waiting(row, unknowns=1),
    ),
    *(
        Rule(
            f"{rule_id}_late",
            "An answer to an intent that is no longer the row's changes nothing.",
            seen_type,
            _always,
            _unchanged,
        )
        for rule_id, seen_type in (
            ("not_taken", see.NotTaken),
            ("rejected", see.Rejected),
            ("answer_lost", see.AnswerLost),
        )
    ),
    Rule(
        "unsendable",
        "A page whose source cannot be opened again fails.",
        see.Unsendable,
        _in(_WAITING),
        lambda row, seen, now, policy: _page_failed(row, seen.problem, now),
    ),
    Rule(
        "recognised",
        "A page whose whole result is stored is recognised.",
        see.Recognised,
        _in(_RUNNING),
        lambda row, seen, now, policy: replace(
            row, state=_RECOGNIZED, due_kind=None, due_at=None, finished_at=now
        ),
    ),
    Rule(
        "unreadable",
        "A page whose result is over the limit fails.",
        see.Unreadable,
        _in(_RUNNING),
        lambda row, seen, now, policy: _page_failed(row, seen.problem, now),
    ),
    Rule(
        "failed_in_service",
        "A page whose operation failed in the service fails with the service's code.",
        see.FailedInService,
        _in(_RUNNING),
        lambda row, seen, now, policy: _page_failed(row, seen.problem, now),
    ),
    Rule(
        "expired",
        "A page asked for after the service forgot its result has expired.",
        see.NotDone,
        _expired,
        lambda row, seen, now, policy: _page_failed(
            row, problems.result_expired(row), now
        ),
    ),
    Rule(
        "deadline_exceeded",
        "A page that was asked for after its deadline, and is still not done, fails.",
        see.NotDone,
        _past_deadline,
        lambda row, seen, now, policy: _page_failed(
            row, problems.deadline_exceeded(row, now), now
        ),
    ),
    Rule(
        "not_done",
        "A page that is not done stays running; nothing is written.",
        see.NotDone,
        _in(_RUNNING),
        _unchanged,
    ),
    Rule(
        "ask_failed_expired",
        "A page that could not be asked for until the service forgot its result has expired.",
        see.AskFailed,
        _expired,
        lambda row, seen, now, policy: _page_failed(
            row, problems.result_expired(row), now
        ),
    ),
    Rule(
        "ask_failed",
        "An ask without an answer says nothing of the page.",
        see.AskFailed,
        _in(_RUNNING),
        _unchanged,
    ),
    *(
        Rule(
            f"{rule_id}_late",
            "What is seen of a page that is final changes nothing.",
            seen_type,
            _in(_RECOGNIZED, _FAILED),
            _unchanged,
        )
        for rule_id, seen_type in (
            ("recognised", see.Recognised),
            ("unreadable", see.Unreadable),
            ("failed_in_service", see.FailedInService),
            ("not_done", see.NotDone),
            ("ask_failed", see.AskFailed),
        )
    ),
)

RULES: tuple[Rule, ...] = DOCUMENT_RULES + OPERATION_RULES
