"""The rules of operations: waiting → submitting → running → recognized | failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textdrop.core import observations as see
from textdrop.core import problems
from textdrop.core.documents import DueKind, Operation, OperationState, Problem
from textdrop.core.policy import Policy
from textdrop.core.rules import Rule, always, is_in, unchanged

_WAITING, _SUBMITTING, _RUNNING = (
    OperationState.WAITING,
    OperationState.SUBMITTING,
    OperationState.RUNNING,
)
_RECOGNIZED, _FAILED = OperationState.RECOGNIZED, OperationState.FAILED


def _mine(row: Operation, seen: Any, now: float, policy: Policy) -> bool:
    return row.state is _SUBMITTING and row.holder_rev == seen.holder_rev


def _back_to_waiting(row: Operation, unconfirmed: int) -> Operation:
    return replace(row, state=_WAITING, unconfirmed=row.unconfirmed + unconfirmed)


def _page_failed(row: Operation, problem: Problem, now: float, unconfirmed: int = 0) -> Operation:
    return replace(
        row,
        state=_FAILED,
        unconfirmed=row.unconfirmed + unconfirmed,
        problem=problem,
        due_kind=None,
        due_at=None,
        finished_at=now,
    )


def _running(row: Operation, seen: see.Accepted, now: float, policy: Policy) -> Operation:
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


def _expired(row: Operation, seen: see.NotDone | see.AskFailed, now: float, policy: Policy) -> bool:
    return row.state is _RUNNING and seen.asked_at >= (row.submitted_at or 0.0) + policy.result_kept_seconds


def _past_deadline(row: Operation, seen: see.NotDone, now: float, policy: Policy) -> bool:
    return row.state is _RUNNING and row.deadline_at is not None and seen.asked_at >= row.deadline_at


OPERATION_RULES: tuple[Rule, ...] = (
    Rule(
        "intent_of_another",
        "A page whose intent is of a later holder is left to that holder, as is one that this go has left behind.",
        see.Considered,
        lambda row, seen, now, policy: row.state is _SUBMITTING and row.holder_rev >= seen.holder_rev,
        unchanged,
    ),
    Rule(
        "attempts_exhausted_submitting",
        "A page of a document whose workers died too often is not sent again; it may have been, and counts as unknown.",
        see.Considered,
        lambda row, seen, now, policy: row.state is _SUBMITTING and seen.attempts > policy.max_attempts,
        lambda row, seen, now, policy: _page_failed(
            row, problems.attempts_exhausted(policy.max_attempts), now, unconfirmed=1
        ),
    ),
    Rule(
        "attempts_exhausted_waiting",
        "A page of a document whose workers died too often is not sent.",
        see.Considered,
        lambda row, seen, now, policy: row.state is _WAITING and seen.attempts > policy.max_attempts,
        lambda row, seen, now, policy: _page_failed(row, problems.attempts_exhausted(policy.max_attempts), now),
    ),
    Rule(
        "intent_stale",
        "An intent of an earlier holder may have been sent: it is counted as unknown.",
        see.Considered,
        is_in(_SUBMITTING),
        lambda row, seen, now, policy: _back_to_waiting(row, unconfirmed=1),
    ),
    Rule(
        "unconfirmed",
        "A page with too many unknown submits is not sent again.",
        see.Considered,
        lambda row, seen, now, policy: row.state is _WAITING and row.unconfirmed >= policy.max_unconfirmed,
        lambda row, seen, now, policy: _page_failed(
            row, problems.unconfirmed(row.unconfirmed, row.client_request_id), now
        ),
    ),
    Rule(
        "unavailable_too_long",
        "A page fails when the service has been unavailable for longer than the document's deadline.",
        see.Considered,
        lambda row, seen, now, policy: row.state is _WAITING and seen.unavailable_for > seen.deadline_seconds,
        lambda row, seen, now, policy: _page_failed(row, problems.unavailable(seen.unavailable_for), now),
    ),
    Rule(
        "breaks_the_service",
        "A page that the service itself fails to take again and again fails, though it takes others.",
        see.Considered,
        lambda row, seen, now, policy: row.state is _WAITING and row.breakdowns >= policy.max_breakdowns,
        lambda row, seen, now, policy: _page_failed(row, problems.breakdowns(row.breakdowns), now),
    ),
    Rule(
        "considered",
        "A page that may be sent stays as it is until it has a slot.",
        see.Considered,
        is_in(_WAITING),
        unchanged,
    ),
    Rule(
        "intent",
        "With a slot the intent is written, and carries its holder's rev, before anything is sent.",
        see.SlotReserved,
        is_in(_WAITING),
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
            row.state is _WAITING or (row.state is _SUBMITTING and row.holder_rev > seen.holder_rev)
        ),
        _running,
    ),
    Rule(
        "accepted_too_late",
        "An acceptance of a page that has an id or is final changes nothing.",
        see.Accepted,
        is_in(_RUNNING, _RECOGNIZED, _FAILED),
        unchanged,
    ),
    Rule(
        "not_taken",
        "A page that the service certainly did not take waits.",
        see.NotTaken,
        _mine,
        lambda row, seen, now, policy: replace(
            _back_to_waiting(row, unconfirmed=0), breakdowns=row.breakdowns + int(seen.breakdown)
        ),
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
        lambda row, seen, now, policy: _back_to_waiting(row, unconfirmed=1),
    ),
    *(
        Rule(
            f"{rule_id}_late",
            "An answer to an intent that is no longer the row's changes nothing.",
            seen_type,
            always,
            unchanged,
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
        is_in(_WAITING),
        lambda row, seen, now, policy: _page_failed(row, seen.problem, now),
    ),
    Rule(
        "recognised",
        "A page whose whole result is stored is recognised.",
        see.Recognised,
        is_in(_RUNNING),
        lambda row, seen, now, policy: replace(row, state=_RECOGNIZED, due_kind=None, due_at=None, finished_at=now),
    ),
    Rule(
        "unreadable",
        "A page whose result is over the limit fails.",
        see.Unreadable,
        is_in(_RUNNING),
        lambda row, seen, now, policy: _page_failed(row, seen.problem, now),
    ),
    Rule(
        "failed_in_service",
        "A page whose operation failed in the service fails with the service's code.",
        see.FailedInService,
        is_in(_RUNNING),
        lambda row, seen, now, policy: _page_failed(row, seen.problem, now),
    ),
    Rule(
        "expired",
        "A page asked for after the service forgot its result has expired.",
        see.NotDone,
        _expired,
        lambda row, seen, now, policy: _page_failed(row, problems.result_expired(row), now),
    ),
    Rule(
        "deadline_exceeded",
        "A page that was asked for after its deadline, and is still not done, fails.",
        see.NotDone,
        _past_deadline,
        lambda row, seen, now, policy: _page_failed(row, problems.deadline_exceeded(row, now), now),
    ),
    Rule(
        "not_done",
        "A page that is not done stays running; nothing is written.",
        see.NotDone,
        is_in(_RUNNING),
        unchanged,
    ),
    Rule(
        "ask_failed_expired",
        "A page that could not be asked for until the service forgot its result has expired.",
        see.AskFailed,
        _expired,
        lambda row, seen, now, policy: _page_failed(row, problems.result_expired(row), now),
    ),
    Rule(
        "ask_failed",
        "An ask without an answer says nothing of the page.",
        see.AskFailed,
        is_in(_RUNNING),
        unchanged,
    ),
    *(
        Rule(
            f"{rule_id}_late",
            "What is seen of a page that is final changes nothing.",
            seen_type,
            is_in(_RECOGNIZED, _FAILED),
            unchanged,
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
