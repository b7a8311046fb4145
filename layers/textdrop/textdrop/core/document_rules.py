"""The rules of documents: accepted → recognizing → delivering → final."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textdrop.core import observations as see
from textdrop.core import problems, renderings
from textdrop.core.documents import Document, DocumentState, DueKind, OperationState, Outcome, Problem, Step
from textdrop.core.errors import SKIPPED, Reason
from textdrop.core.policy import Policy
from textdrop.core.rules import Rule, always, is_in, unchanged

_ACCEPTED, _RECOGNIZING = DocumentState.ACCEPTED, DocumentState.RECOGNIZING
_DELIVERING, _FINAL = DocumentState.DELIVERING, DocumentState.FINAL
_BEFORE_DELIVERY = (_ACCEPTED, _RECOGNIZING)


def _attempts_exhausted(row: Document, policy: Policy) -> bool:
    return row.attempts >= policy.max_attempts


def _new_document(row: None, seen: see.Uploaded, now: float, policy: Policy) -> Document:
    return Document(
        id=seen.document_id,
        source=seen.source,
        state=_ACCEPTED,
        accepted_at=now,
        holder=seen.holder,
        due_kind=DueKind.SUBMIT,
        due_at=seen.lease_until,
        attempts=1,
        submit_passes=1,
    )


def _taken(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=row.attempts + 1,
        submit_passes=row.submit_passes + 1,
    )


def _delivery_taken(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    # A delivery that died goes on with the step it had begun: those before it were done.
    return replace(
        row,
        rev=row.rev + 1,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=row.attempts + 1,
        step=row.step or Step.FILES,
    )


def _rendering_over(row: Document, policy: Policy, now: float) -> bool:
    return row.attempts >= policy.render_attempts or now > (row.outcome_at or now) + policy.render_seconds


def _rendering_given_up(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    missing = tuple(renderings.given_up(output, row.attempts) for output in row.to_render)
    return replace(
        row,
        rev=row.rev + 1,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=1,
        step=Step.FILES,
        renderings=row.renderings + missing,
    )


def _delivering(
    row: Document,
    outcome: Outcome,
    problem: Problem | None,
    recognized: int,
    now: float,
) -> Document:
    delivering = replace(
        row,
        rev=row.rev + 1,
        state=_DELIVERING,
        due_kind=DueKind.DELIVER,
        due_at=now,
        attempts=0,
        consecutive_failures=0,
        outcome=outcome,
        problem=problem,
        pages_recognized=recognized,
        outcome_at=now,
        step=None,
        renderings=(),
    )
    return replace(delivering, step=Step.RENDER) if delivering.to_render else delivering


def _refused(row: Document, seen: see.Refused, now: float, policy: Policy) -> Document:
    outcome = Outcome.SKIPPED if seen.problem.reason in SKIPPED else Outcome.FAILED
    return _delivering(replace(row, source=seen.source), outcome, seen.problem, 0, now)


def _pages_known(row: Document, seen: see.PagesKnown, now: float, policy: Policy) -> Document:
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


def _returned(row: Document, seen: see.Returned, now: float, policy: Policy) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        due_at=seen.due_at,
        attempts=0,
        consecutive_failures=row.consecutive_failures + 1 if seen.failed else 0,
    )


def _unsent(row: Document, seen: see.OperationsRead) -> bool:
    settled = {operation.page for operation in seen.operations if operation.final or operation.sent}
    return len(settled) < row.pages


def _all_final(row: Document, seen: see.OperationsRead) -> bool:
    return sum(operation.final for operation in seen.operations) == row.pages


def _concluded(row: Document, seen: see.OperationsRead, now: float, policy: Policy) -> Document:
    failed = sorted(
        (operation for operation in seen.operations if operation.state is OperationState.FAILED),
        key=lambda operation: operation.page,
    )
    found = [operation.problem for operation in failed if operation.problem is not None]
    recognized = row.pages - len(failed)
    if not failed:
        return _delivering(row, Outcome.SUCCEEDED, None, recognized, now)
    if recognized:
        return _delivering(row, Outcome.PARTIAL, found[0], recognized, now)
    outcome = Outcome.SKIPPED if all(problem.reason in SKIPPED for problem in found) else Outcome.FAILED
    return _delivering(row, outcome, problems.no_page_has_text(found), 0, now)


def _sent_and_rechecked_later(row: Document, seen: see.OperationsRead, now: float, policy: Policy) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        due_kind=DueKind.DELIVER,
        due_at=now + policy.recheck_seconds,
        attempts=0,
        consecutive_failures=0,
    )


def _submit_again(row: Document, seen: see.OperationsRead, now: float, policy: Policy) -> Document:
    return replace(row, rev=row.rev + 1, due_kind=DueKind.SUBMIT, due_at=now)


def _delivery_replaced(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    problem = problems.delivery_attempts_exhausted(row.attempts)
    return replace(
        _delivering(row, Outcome.FAILED, problem, 0, now),
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=1,
        step=Step.FILES,
    )


def _delivery_attempts_exhausted(row: Document, seen: Any, now: float, policy: Policy) -> bool:
    replaced = row.problem is not None and row.outcome is Outcome.FAILED and row.problem.reason is Reason.INTERNAL
    return (
        row.state is _DELIVERING and _attempts_exhausted(row, policy) and row.step is not Step.NOTICE and not replaced
    )


def _final(row: Document, seen: see.NoticeAccepted, now: float, policy: Policy) -> Document:
    return replace(
        row,
        rev=row.rev + 1,
        state=_FINAL,
        due_kind=None,
        due_at=None,
        holder="",
        attempts=0,
        consecutive_failures=0,
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
        always,
        unchanged,
    ),
    Rule(
        "attempts_exhausted_unread",
        "A document whose workers died too often before its pages were known fails.",
        see.Taken,
        lambda row, seen, now, policy: row.state is _ACCEPTED and _attempts_exhausted(row, policy),
        lambda row, seen, now, policy: _delivering(
            row, Outcome.FAILED, problems.attempts_exhausted(row.attempts), 0, now
        ),
    ),
    Rule(
        "taken",
        "A document due for submitting is held by one worker; the attempt counts until it comes back.",
        see.Taken,
        lambda row, seen, now, policy: row.state in _BEFORE_DELIVERY and row.due_kind is DueKind.SUBMIT,
        _taken,
    ),
    Rule(
        "delivery_held",
        "A delivery that is not due is somebody else's.",
        see.Taken,
        lambda row, seen, now, policy: row.state is _DELIVERING and (row.due_at or 0.0) > now,
        unchanged,
    ),
    Rule(
        "rendering_given_up",
        "A delivery whose rendering died too often, or takes too long, goes on without what was not made.",
        see.Taken,
        lambda row, seen, now, policy: (
            row.state is _DELIVERING and row.step is Step.RENDER and _rendering_over(row, policy, now)
        ),
        _rendering_given_up,
    ),
    Rule(
        "rendering_due",
        "A delivery that is to be rendered is handed to the render function, which counts as no attempt.",
        see.Taken,
        lambda row, seen, now, policy: row.state is _DELIVERING and row.step is Step.RENDER,
        lambda row, seen, now, policy: replace(row, rev=row.rev + 1, holder=seen.holder, due_at=seen.lease_until),
    ),
    Rule(
        "delivery_attempts_exhausted",
        "A delivery that died too often before its notice becomes a failure whose files read no page.",
        see.Taken,
        _delivery_attempts_exhausted,
        _delivery_replaced,
    ),
    Rule(
        "delivery_taken",
        "A delivery that is due is held by one worker; the attempt counts until it comes back.",
        see.Taken,
        is_in(_DELIVERING),
        _delivery_taken,
    ),
    Rule("taken_late", "Nothing is left to take.", see.Taken, always, unchanged),
    Rule(
        "refused",
        "A source that cannot be recognised goes to delivery with its reason.",
        see.Refused,
        is_in(_ACCEPTED),
        _refused,
    ),
    Rule(
        "forbidden_too_long",
        "A source that may not be read for too long fails its document.",
        see.Forbidden,
        lambda row, seen, now, policy: row.state is _ACCEPTED and now - row.accepted_at > policy.forbidden_seconds,
        lambda row, seen, now, policy: _delivering(row, Outcome.FAILED, problems.forbidden(), 0, now),
    ),
    Rule(
        "forbidden",
        "A source that may not be read is tried again: whoever forbade it may allow it.",
        see.Forbidden,
        is_in(_ACCEPTED),
        lambda row, seen, now, policy: _returned(row, see.Returned(seen.due_at, failed=True), now, policy),
    ),
    Rule(
        "pages_known",
        "Once its pages are known a document is recognizing, and every page is unfinished.",
        see.PagesKnown,
        is_in(_ACCEPTED),
        _pages_known,
    ),
    Rule(
        "returned",
        "An orderly return leaves the document due again and clears its attempts.",
        see.Returned,
        is_in(_ACCEPTED, _RECOGNIZING, _DELIVERING),
        _returned,
    ),
    Rule(
        "concluded",
        "When every page is final the outcome is fixed and delivery begins.",
        see.OperationsRead,
        lambda row, seen, now, policy: row.state is _RECOGNIZING and _all_final(row, seen),
        _concluded,
    ),
    Rule(
        "pages_unsent",
        "A guarded document with a page that was never sent is due for submitting.",
        see.OperationsRead,
        lambda row, seen, now, policy: row.state is _RECOGNIZING and _unsent(row, seen),
        _submit_again,
    ),
    Rule(
        "every_page_sent",
        "When every page has an id or is final, only a guard is left, and no attempt counts.",
        see.OperationsRead,
        is_in(_RECOGNIZING),
        _sent_and_rechecked_later,
    ),
    Rule(
        "operations_read_late",
        "The outcome is fixed already.",
        see.OperationsRead,
        is_in(_DELIVERING, _FINAL),
        unchanged,
    ),
    Rule(
        "rendering_taken",
        "The render function holds a document that was handed to it; the attempt counts until it comes back.",
        see.RenderingTaken,
        lambda row, seen, now, policy: row.state is _DELIVERING and row.step is Step.RENDER,
        lambda row, seen, now, policy: replace(
            row, rev=row.rev + 1, holder=seen.holder, due_at=seen.lease_until, attempts=row.attempts + 1
        ),
    ),
    Rule("rendering_taken_late", "Nothing is left to render.", see.RenderingTaken, always, unchanged),
    Rule(
        "rendered",
        "An output that was made, or cannot be, is written on the row before the next one is begun.",
        see.Rendered,
        lambda row, seen, now, policy: row.state is _DELIVERING and row.step is Step.RENDER,
        lambda row, seen, now, policy: replace(row, rev=row.rev + 1, renderings=(*row.renderings, seen.rendering)),
    ),
    Rule(
        "step_begins",
        "A delivery writes its step before it begins it.",
        see.StepBegins,
        is_in(_DELIVERING),
        lambda row, seen, now, policy: replace(row, rev=row.rev + 1, step=seen.step, due_at=seen.lease_until),
    ),
    Rule(
        "notice_accepted",
        "After the notice was accepted the document is final and nothing is due.",
        see.NoticeAccepted,
        is_in(_DELIVERING),
        _final,
    ),
)
