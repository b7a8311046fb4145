"""The rules of documents: accepted → recognizing → delivering → final. `core.states` raises `rev` of what they make."""

from __future__ import annotations

from dataclasses import replace

from textdrop.core import observations as see
from textdrop.core import page_warnings, problems, renderings
from textdrop.core.documents import Document, DocumentState, DueKind, OperationState, Outcome, Problem, Step
from textdrop.core.errors import SKIPPED
from textdrop.core.policy import Policy
from textdrop.core.rules import RuleTable

_ACCEPTED, _RECOGNIZING = DocumentState.ACCEPTED, DocumentState.RECOGNIZING
_DELIVERING, _FINAL = DocumentState.DELIVERING, DocumentState.FINAL
_table: RuleTable[Document] = RuleTable()
rule = _table.on


# --- an upload ------------------------------------------------------------------------------------------------------


@rule(see.Uploaded, lambda row, seen, now, policy: row is None)  # the one observation of a row that is not there
def upload_new(row: Document, seen: see.Uploaded, now: float, policy: Policy) -> Document:
    """An upload without a row gets one, held by whoever creates it."""
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


# --- somebody takes the document ----------------------------------------------------------------------------------


def _attempts_exhausted(row: Document, policy: Policy) -> bool:
    return row.attempts >= policy.max_attempts


@rule(see.Taken, lambda row, seen, now, policy: row.state is _ACCEPTED and _attempts_exhausted(row, policy))
def attempts_exhausted_unread(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    """A document whose workers died too often before its pages were known fails."""
    return _delivering(row, Outcome.FAILED, problems.attempts_exhausted(row.attempts), 0, now)


@rule(
    see.Taken,
    lambda row, seen, now, policy: row.state in (_ACCEPTED, _RECOGNIZING) and row.due_kind is DueKind.SUBMIT,
)
def taken(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    """A document due for submitting is held by one worker; the attempt counts until it comes back."""
    return replace(
        row,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=row.attempts + 1,
        submit_passes=row.submit_passes + 1,
    )


@rule(
    see.Taken,
    lambda row, seen, now, policy: (
        row.state is _DELIVERING
        and row.step is Step.RENDER
        and (row.attempts >= policy.render_attempts or row.consecutive_failures >= policy.render_failures)
    ),
)
def rendering_given_up(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    """A delivery whose rendering died or failed too often continues without the missing outputs."""
    missing = tuple(renderings.given_up(output, row.attempts) for output in row.to_render)
    return replace(
        row,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=1,
        step=Step.FILES,
        renderings=row.renderings + missing,
    )


@rule(
    see.Taken,
    lambda row, seen, now, policy: (
        row.state is _DELIVERING
        and _attempts_exhausted(row, policy)
        and row.step is not Step.NOTICE
        and not row.outcome_replaced
    ),
)
def delivery_attempts_exhausted(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    """A delivery that died too often before its notice becomes a failure, whose file needs no page."""
    return replace(
        _delivering(row, Outcome.FAILED, problems.delivery_attempts_exhausted(row.attempts), 0, now),
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=1,
        step=Step.FILES,
        outcome_replaced=True,
    )


@rule(see.Taken, lambda row, seen, now, policy: row.state is _DELIVERING)
def delivery_taken(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    """A delivery that was handed out is held by one worker; the attempt counts until it comes back."""
    # A delivery that died continues with the step it had begun: those before it were done.
    return replace(
        row,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=row.attempts + 1,
        step=row.step or Step.FILES,
    )


# --- its source is inspected --------------------------------------------------------------------------------------


@rule(see.Refused, lambda row, seen, now, policy: row.state is _ACCEPTED)
def refused(row: Document, seen: see.Refused, now: float, policy: Policy) -> Document:
    """A source that cannot be recognised is delivered with its reason."""
    outcome = Outcome.SKIPPED if seen.problem.reason in SKIPPED else Outcome.FAILED
    return _delivering(replace(row, source=seen.source), outcome, seen.problem, 0, now)


@rule(
    see.Forbidden,
    lambda row, seen, now, policy: row.state is _ACCEPTED and now - row.accepted_at > policy.forbidden_seconds,
)
def forbidden_too_long(row: Document, seen: see.Forbidden, now: float, policy: Policy) -> Document:
    """A source that may not be read for too long fails its document."""
    return _delivering(row, Outcome.FAILED, problems.forbidden(), 0, now)


@rule(see.Forbidden, lambda row, seen, now, policy: row.state is _ACCEPTED)
def forbidden(row: Document, seen: see.Forbidden, now: float, policy: Policy) -> Document:
    """A source that may not be read is tried again: the permission may be granted."""
    return _due_again(row, seen.due_at, row.consecutive_failures + 1)


@rule(see.PagesKnown, lambda row, seen, now, policy: row.state is _ACCEPTED)
def pages_known(row: Document, seen: see.PagesKnown, now: float, policy: Policy) -> Document:
    """Once its pages are known a document is recognizing, and every page that is to be sent is unfinished."""
    return replace(
        row,
        state=_RECOGNIZING,
        source=seen.source,
        file_pages=seen.facts.pages,
        pages=len(seen.pages),
        media_type=seen.facts.media_type,
        attachments=seen.facts.attachments,
        options=seen.options,
        unfinished=seen.pages,
    )


@rule(see.Returned, lambda row, seen, now, policy: row.state is not _FINAL)
def returned(row: Document, seen: see.Returned, now: float, policy: Policy) -> Document:
    """An orderly return leaves the document due again and clears its attempts."""
    return _due_again(row, seen.due_at, row.consecutive_failures + 1 if seen.failed else 0)


def _due_again(row: Document, due_at: float, consecutive_failures: int) -> Document:
    return replace(row, due_at=due_at, attempts=0, consecutive_failures=consecutive_failures)


# --- its operations are read --------------------------------------------------------------------------------------


@rule(
    see.OperationsRead,
    lambda row, seen, now, policy: (
        row.state is _RECOGNIZING and sum(operation.final for operation in seen.operations) == row.pages
    ),
)
def concluded(row: Document, seen: see.OperationsRead, now: float, policy: Policy) -> Document:
    """When every page is final the outcome is fixed and delivery begins."""
    failed = sorted(
        (operation for operation in seen.operations if operation.state is OperationState.FAILED),
        key=lambda operation: operation.page,
    )
    found = [operation.problem for operation in failed if operation.problem is not None]
    recognized = row.pages - len(failed)
    row = replace(
        row,
        warned_pages=page_warnings.of(seen.operations),
        result_bytes=max((operation.result_bytes for operation in seen.operations), default=0),
    )
    if not failed:
        return _delivering(row, Outcome.SUCCEEDED, None, recognized, now)
    if recognized:
        return _delivering(row, Outcome.PARTIAL, found[0], recognized, now)
    outcome = Outcome.SKIPPED if all(problem.reason in SKIPPED for problem in found) else Outcome.FAILED
    return _delivering(row, outcome, problems.no_page_has_text(found), 0, now)


@rule(
    see.OperationsRead,
    lambda row, seen, now, policy: (
        row.state is _RECOGNIZING
        and len({operation.page for operation in seen.operations if operation.final or operation.sent}) < row.pages
    ),
)
def pages_unsent(row: Document, seen: see.OperationsRead, now: float, policy: Policy) -> Document:
    """A rechecked document with a page that was never sent is due for submitting."""
    return replace(row, due_kind=DueKind.SUBMIT, due_at=now)


@rule(see.OperationsRead, lambda row, seen, now, policy: row.state is _RECOGNIZING)
def every_page_sent(row: Document, seen: see.OperationsRead, now: float, policy: Policy) -> Document:
    """When every page has an id or is final, the document is due for a recheck only, and no attempt counts."""
    return replace(
        row, due_kind=DueKind.RECHECK, due_at=now + policy.recheck_seconds, attempts=0, consecutive_failures=0
    )


# --- it is delivered ----------------------------------------------------------------------------------------------


@rule(
    see.Rendered,
    lambda row, seen, now, policy: row.state is _DELIVERING and row.step is Step.RENDER,
)
def rendered(row: Document, seen: see.Rendered, now: float, policy: Policy) -> Document:
    """An output that was made, or cannot be, is written on the row before the next one is begun."""
    return replace(row, renderings=(*row.renderings, seen.rendering))


@rule(see.StepBegins, lambda row, seen, now, policy: row.state is _DELIVERING)
def step_begins(row: Document, seen: see.StepBegins, now: float, policy: Policy) -> Document:
    """A delivery writes its step before it begins it."""
    return replace(row, step=seen.step, due_at=seen.lease_until)


@rule(see.NoticeAccepted, lambda row, seen, now, policy: row.state is _DELIVERING)
def notice_accepted(row: Document, seen: see.NoticeAccepted, now: float, policy: Policy) -> Document:
    """After the notice was accepted the document is final and nothing is due."""
    return replace(row, state=_FINAL, due_kind=None, due_at=None, holder="", attempts=0, consecutive_failures=0)


def _delivering(
    row: Document, outcome: Outcome, problem: Problem | None, pages_recognized: int, now: float
) -> Document:
    delivering = replace(
        row,
        state=_DELIVERING,
        due_kind=DueKind.DELIVER,
        due_at=now,
        attempts=0,
        consecutive_failures=0,
        # A page that is finished only now is counted already: by its operation.
        unfinished=frozenset(),
        outcome=outcome,
        problem=problem,
        pages_recognized=pages_recognized,
        outcome_at=now,
        step=None,
        renderings=(),
    )
    return replace(delivering, step=Step.RENDER) if delivering.to_render else delivering


DOCUMENT_RULES = tuple(_table.rules)
