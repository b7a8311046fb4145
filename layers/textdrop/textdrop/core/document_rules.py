"""The rules of documents: accepted → recognizing → delivering → final, and what requests do. `core.states` raises `rev`
of what they make."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from textdrop.core import billing, page_warnings, problems, renderings
from textdrop.core import observations as see
from textdrop.core.billing import TextFrom
from textdrop.core.documents import (
    TO_SUBMIT,
    Billed,
    Document,
    DocumentState,
    DueKind,
    OperationState,
    Outcome,
    Problem,
    Removed,
    Source,
    Step,
)
from textdrop.core.errors import SKIPPED
from textdrop.core.options import NO_OUTPUTS, OUTPUTS
from textdrop.core.policy import Policy
from textdrop.core.rules import RuleTable

_ACCEPTED, _RECOGNIZING, _HELD = DocumentState.ACCEPTED, DocumentState.RECOGNIZING, DocumentState.HELD
_DELIVERING, _FINAL = DocumentState.DELIVERING, DocumentState.FINAL
_DELETING, _DELETED = DocumentState.DELETING, DocumentState.DELETED
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


@rule(
    see.Uploaded,
    lambda row, seen, now, policy: (
        row is not None
        and row.state is _ACCEPTED
        and row.due_kind is DueKind.BACKFILL
        and row.submit_passes == 0
        and row.run == 1
    ),
)
def backfilled_live(row: Document, seen: see.Uploaded, now: float, policy: Policy) -> Document:
    """An upload that a backfill found before its event came is a live one, held by whoever has the event."""
    return replace(
        row, holder=seen.holder, due_kind=DueKind.SUBMIT, due_at=seen.lease_until, attempts=1, submit_passes=1
    )


@rule(see.Backfilled, lambda row, seen, now, policy: row is None)
def backfill_new(row: Document, seen: see.Backfilled, now: float, policy: Policy) -> Document:
    """An upload that a backfill finds without a row gets one, which is taken after all live uploads."""
    return Document(
        id=seen.document_id,
        source=seen.source,
        state=_ACCEPTED,
        accepted_at=now,
        due_kind=DueKind.BACKFILL,
        due_at=now,
    )


# --- somebody takes the document ----------------------------------------------------------------------------------


def _attempts_exhausted(row: Document, policy: Policy) -> bool:
    return row.attempts >= policy.max_attempts


@rule(see.Taken, lambda row, seen, now, policy: row.state is _ACCEPTED and _attempts_exhausted(row, policy))
def attempts_exhausted_unread(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    """A document whose workers died too often before its pages were known fails."""
    return _unsent(row, Outcome.FAILED, problems.attempts_exhausted(row.attempts), now)


@rule(
    see.Taken,
    lambda row, seen, now, policy: row.state in (_ACCEPTED, _RECOGNIZING) and row.due_kind in TO_SUBMIT,
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
    # A delivery that died continues with the step that it had begun: the steps before it were done.
    return replace(
        row,
        holder=seen.holder,
        due_at=seen.lease_until,
        attempts=row.attempts + 1,
        step=row.step or Step.FILES,
        pages_recognized=row.pages_with_text,
    )


@rule(see.Taken, lambda row, seen, now, policy: row.state is _HELD and row.due_kind is DueKind.DELIVER)
def hold_taken(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    """A document whose hold is to be reported is held by one worker."""
    return replace(row, holder=seen.holder, due_at=seen.lease_until, attempts=row.attempts + 1)


@rule(see.Taken, lambda row, seen, now, policy: row.state is _DELETING)
def sweep_taken(row: Document, seen: see.Taken, now: float, policy: Policy) -> Document:
    """A document that is to be deleted is held by one worker."""
    return replace(row, holder=seen.holder, due_at=seen.lease_until, attempts=row.attempts + 1)


# --- its source is inspected --------------------------------------------------------------------------------------


@rule(see.Refused, lambda row, seen, now, policy: row.state is _ACCEPTED)
def refused(row: Document, seen: see.Refused, now: float, policy: Policy) -> Document:
    """A source that cannot be recognised is delivered with its reason."""
    outcome = Outcome.SKIPPED if seen.problem.reason in SKIPPED else Outcome.FAILED
    return _unsent(replace(row, source=seen.source), outcome, seen.problem, now)


def is_forbidden_too_long(row: Document, now: float, policy: Policy) -> bool:
    """Whether to give up a source that may not be read. In a backfill the number of tries decides, as the document
    keeps others waiting, and may itself have waited for days before its first try. One that was held comes after live
    uploads too, and has the time."""
    if row.due_kind is DueKind.BACKFILL and not row.released_at:
        return row.consecutive_failures >= policy.max_backfill_failures
    return now - row.waits_since > policy.forbidden_seconds


@rule(
    see.Forbidden,
    lambda row, seen, now, policy: row.state is _ACCEPTED and is_forbidden_too_long(row, now, policy),
)
def forbidden_too_long(row: Document, seen: see.Forbidden, now: float, policy: Policy) -> Document:
    """A source that may not be read for too long, or that keeps a backfill waiting, fails its document."""
    return _unsent(row, Outcome.FAILED, problems.forbidden(), now)


@rule(see.Forbidden, lambda row, seen, now, policy: row.state is _ACCEPTED)
def forbidden(row: Document, seen: see.Forbidden, now: float, policy: Policy) -> Document:
    """A source that may not be read is tried again: the permission may be granted."""
    return _due_again(row, seen.due_at, row.consecutive_failures + 1)


@rule(see.PagesKnown, lambda row, seen, now, policy: row.state is _ACCEPTED)
def pages_known(row: Document, seen: see.PagesKnown, now: float, policy: Policy) -> Document:
    """Once its pages are known a document is recognizing, and every page that is to be recognised is unfinished."""
    return replace(
        row,
        state=_RECOGNIZING,
        source=seen.source,
        file_pages=seen.facts.pages,
        pages=len(seen.pages),
        media_type=seen.facts.media_type,
        attachments=seen.facts.attachments,
        options=seen.options,
        unfinished=seen.pages - seen.kept,
        pages_recognized=len(seen.kept),
        pages_kept=len(seen.kept),
    )


@rule(see.Returned, lambda row, seen, now, policy: row.state not in (_FINAL, _DELETED))
def returned(row: Document, seen: see.Returned, now: float, policy: Policy) -> Document:
    """An orderly return leaves the document due again and clears its attempts."""
    return _due_again(row, seen.due_at, row.consecutive_failures + 1 if seen.failed else 0)


def _due_again(row: Document, due_at: float, consecutive_failures: int) -> Document:
    return replace(row, due_at=due_at, attempts=0, consecutive_failures=consecutive_failures)


# --- its pages are counted against the caps -----------------------------------------------------------------------


@rule(see.Reserved, lambda row, seen, now, policy: row.state is _RECOGNIZING)
def reserved(row: Document, seen: see.Reserved, now: float, policy: Policy) -> Document:
    """Before pages are sent their number is reserved within the caps, on the day on which they are sent."""
    return replace(row, reserved=seen.submits, reserved_on=seen.day)


@rule(see.Reserved, lambda row, seen, now, policy: row.state is _HELD)
def released(row: Document, seen: see.Reserved, now: float, policy: Policy) -> Document:
    """A held document is due for submitting when its pages are reserved: in a new period, or by request."""
    return replace(
        _freed(row, DueKind.BACKFILL if seen.after_live else DueKind.SUBMIT, now),
        state=_RECOGNIZING,
        reserved=seen.submits,
        reserved_on=seen.day,
        released=row.released or seen.by_hand,
        released_at=now,
        hold=None,
    )


@rule(see.OverCap, lambda row, seen, now, policy: row.state is _RECOGNIZING)
def held(row: Document, seen: see.OverCap, now: float, policy: Policy) -> Document:
    """A document whose pages have no room under a cap is held: nothing more of it is sent, and one message in each run
    says so."""
    waits = _freed(row, DueKind.HELD, row.accepted_at) if row.hold_told else _freed(row, DueKind.DELIVER, now)
    return replace(waits, state=_HELD, hold=replace(seen.hold, at=now))


@rule(see.HoldTold, lambda row, seen, now, policy: row.state is _HELD)
def hold_told(row: Document, seen: see.HoldTold, now: float, policy: Policy) -> Document:
    """After that message was accepted a held document waits, in the order in which documents were accepted."""
    return replace(_freed(row, DueKind.HELD, row.accepted_at), hold_told=True)


def _freed(row: Document, due_kind: DueKind, due_at: float) -> Document:
    """Taken from its worker, and due for this."""
    return replace(row, due_kind=due_kind, due_at=due_at, holder="", attempts=0, consecutive_failures=0)


@rule(see.GivenBack, lambda row, seen, now, policy: row.state in (_DELIVERING, _DELETING))
def given_back(row: Document, seen: see.GivenBack, now: float, policy: Policy) -> Document:
    """When a run sends nothing more, what it has reserved and not used is given back."""
    return replace(row, reserved=seen.submits)


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
    texts_from = Counter(billing.text_from(operation, row.run) for operation in seen.operations)
    row = replace(
        row,
        pages_kept=texts_from[TextFrom.EARLIER_RUN],
        pages_reused=texts_from[TextFrom.REUSED],
        pages_skipped=texts_from[TextFrom.FILE],
        warned_pages=page_warnings.of(seen.operations),
        result_bytes=max((operation.result_bytes for operation in seen.operations), default=0),
        billed=billing.billed(seen.operations),
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
    """A document with a page that has to be sent after all is due for submitting, and no attempt counts."""
    return replace(row, due_kind=DueKind.SUBMIT, due_at=now, attempts=0, consecutive_failures=0)


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


# --- requests -----------------------------------------------------------------------------------------------------


@rule(see.RetryAsked, lambda row, seen, now, policy: row.state is _FINAL)
def retried(row: Document, seen: see.RetryAsked, now: float, policy: Policy) -> Document:
    """A final document begins its next run."""
    return replace(
        _next_run(row, now),
        state=_ACCEPTED,
        requested=tuple({**dict(row.requested), **dict(seen.requested)}.items()),
        due_kind=DueKind.BACKFILL if seen.after_live else DueKind.SUBMIT,
        due_at=now,
        submit_passes=0,
        file_pages=0,
        pages=0,
        pages_run=0,
        outcome=None,
        problem=None,
        pages_recognized=0,
        warned_pages=(),
        result_bytes=0,
        outcome_at=None,
        renderings=(),
    )


@rule(
    see.RenderAsked,
    lambda row, seen, now, policy: row.state is _FINAL and row.outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL),
)
def render_again(row: Document, seen: see.RenderAsked, now: float, policy: Policy) -> Document:
    """A final document with text is delivered again, in a run without operations of its own."""
    options, requested = row.options, row.requested
    if options is not None and seen.outputs is not None:
        options = replace(options, outputs=seen.outputs, outputs_from="request")
        asked = " ".join(seen.outputs) or NO_OUTPUTS  # a retry makes them again
        requested = tuple({**dict(requested), OUTPUTS: asked}.items())
    next_run = replace(
        _next_run(row, now),
        options=options,
        requested=requested,
        pages_run=row.operations_run,
        pages_kept=row.pages_recognized,
        billed=Billed(),
    )
    return _delivering(next_run, row.outcome or Outcome.SUCCEEDED, row.problem, row.pages_recognized, now)


@rule(see.Cancelled, lambda row, seen, now, policy: row.state in (_ACCEPTED, _RECOGNIZING, _HELD))
def cancelled(row: Document, seen: see.Cancelled, now: float, policy: Policy) -> Document:
    """A document that has no outcome yet is cancelled: its worker loses it, and what runs is still asked for."""
    return _cancelled(row, seen.problem, now)


@rule(
    see.SourceDeleted,
    lambda row, seen, now, policy: row.state is _RECOGNIZING and billing.billed(seen.operations) == Billed(),
)
def source_gone(row: Document, seen: see.SourceDeleted, now: float, policy: Policy) -> Document:
    """A document whose source was deleted before any page was sent had nothing to recognise."""
    return replace(_cancelled(row, problems.object_gone(), now), outcome=Outcome.SKIPPED)


@rule(see.SourceDeleted, lambda row, seen, now, policy: row.state is _RECOGNIZING)
def source_deleted(row: Document, seen: see.SourceDeleted, now: float, policy: Policy) -> Document:
    """A document whose source was deleted while its pages were being sent is cancelled."""
    return _cancelled(row, problems.source_deleted(), now)


@rule(see.PagesCounted, lambda row, seen, now, policy: row.state is _DELIVERING)
def pages_counted(row: Document, seen: see.PagesCounted, now: float, policy: Policy) -> Document:
    """What a cancelled run was billed for is counted once every page that was not sent has failed."""
    return replace(row, billed=billing.billed(seen.operations))


@rule(see.DeleteAsked, lambda row, seen, now, policy: row.state not in (_DELETING, _DELETED))
def delete_asked(row: Document, seen: see.DeleteAsked, now: float, policy: Policy) -> Document:
    """A document that is to be deleted is swept at once, and again when no earlier worker can still be at work."""
    unended = row.outcome is None
    return replace(
        row,
        state=_DELETING,
        due_kind=DueKind.DELIVER,
        due_at=now,
        holder="",
        attempts=0,
        consecutive_failures=0,
        unfinished=frozenset(),
        hold=None,
        outcome=Outcome.CANCELLED if unended else row.outcome,
        problem=problems.deleted() if unended else row.problem,
        outcome_at=now if unended else row.outcome_at,
        pages_recognized=0 if unended else row.pages_recognized,
        sweep_at=max(_held_until(row, now), now + policy.longest_lease_seconds),
        removed=Removed(),
    )


@rule(see.Swept, lambda row, seen, now, policy: row.state is _DELETING and seen.asked > 0)
def swept_asked(row: Document, seen: see.Swept, now: float, policy: Policy) -> Document:
    """A document with pages that somebody may still be asking for is swept again after that."""
    return _swept(replace(row, sweep_at=max(row.sweep_at, now + policy.longest_lease_seconds)), seen, now)


@rule(see.Swept, lambda row, seen, now, policy: row.state is _DELETING and seen.began_at < row.sweep_at)
def swept_early(row: Document, seen: see.Swept, now: float, policy: Policy) -> Document:
    """A document that was swept while an earlier worker may have been at work is swept again after that."""
    return _swept(row, seen, now)


@rule(see.Swept, lambda row, seen, now, policy: row.state is _DELETING)
def deleted(row: Document, seen: see.Swept, now: float, policy: Policy) -> Document:
    """A document that was swept when nobody was at work on it is deleted: what stays names neither bucket nor key."""
    return Document(
        id=row.id,
        source=Source("", ""),
        state=_DELETED,
        accepted_at=row.accepted_at,
        rev=row.rev,
        run=row.run,
        outcome_at=now,
        removed=_added(row.removed or Removed(), seen.removed),
    )


def _swept(row: Document, seen: see.Swept, now: float) -> Document:
    removed = _added(row.removed or Removed(), seen.removed)
    return replace(_due_again(row, max(now, row.sweep_at), 0), holder="", removed=removed)


def _cancelled(row: Document, problem: Problem, now: float) -> Document:
    cancelled = _delivering(row, Outcome.CANCELLED, problem, 0, now)
    return replace(cancelled, holder="", billed=None, held_until=_held_until(row, now))


def _next_run(row: Document, now: float) -> Document:
    return replace(
        row,
        run=row.run + 1,
        began_at=now,
        before=row.shown,
        # A run that ended before there was a ledger is in no sum, so nothing may be subtracted for it.
        ended_before=None if row.billed is None else row.outcome,
        holder="",
        attempts=0,
        consecutive_failures=0,
        outcome_replaced=False,
        step=None,
        billed=None,
        pages_kept=0,
        pages_reused=0,
        pages_skipped=0,
        reserved=0,
        reserved_on="",
        released=False,
        hold_told=False,
    )


def _held_until(row: Document, now: float) -> float:
    """Until when a worker that loses this row may be at work: the end of its lease, or of an earlier worker's."""
    return max(row.held_until, row.due_at if row.attempts and row.due_at is not None else now)


def _added(one: Removed, other: Removed) -> Removed:
    return Removed(one.objects + other.objects, one.rows + other.rows)


def _unsent(row: Document, outcome: Outcome, problem: Problem, now: float) -> Document:
    return replace(_delivering(row, outcome, problem, 0, now), billed=Billed())


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
        # A page that has just finished is counted already, by its operation.
        unfinished=frozenset(),
        hold=None,
        outcome=outcome,
        problem=problem,
        pages_recognized=pages_recognized,
        outcome_at=now,
        step=None,
        renderings=(),
    )
    return replace(delivering, step=Step.RENDER) if delivering.to_render else delivering


DOCUMENT_RULES = tuple(_table.rules)
