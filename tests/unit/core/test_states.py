"""Every rule of the state table by an example, and each example fails when its rule is taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pagekit.limits import FileFacts
from pagekit.prepared import How, Preparation
from textdrop.core import observations as see
from textdrop.core import states
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Billed,
    Document,
    DocumentState,
    DueKind,
    Hold,
    Operation,
    OperationState,
    Options,
    Outcome,
    Output,
    Period,
    Problem,
    Removed,
    Rendering,
    Shown,
    Source,
    Step,
)
from textdrop.core.errors import Reason, Trace
from textdrop.core.policy import DAY_SECONDS, Policy
from textdrop.core.rules import Rule

POLICY = Policy()
NOW = 1_800_000_000.0
LEASE = NOW + 300
SOURCE = Source("uploads", "a/scan.pdf", "v1", "etag", 10, "0A", NOW - 1)
SEEN_SOURCE = replace(SOURCE, etag="another", size=11, last_modified=NOW)
OPTIONS = Options(("ru", "en"), "page")
CUT = Preparation(How.CUT)
PROBLEM = Problem(Reason.REJECTED_BY_OCR, "The OCR service refused the page.", "Correct it.")
GONE = replace(PROBLEM, reason=Reason.OBJECT_GONE)
DESCRIBED = OperationDescription("op1")
MARKDOWN = Rendering(Output.MARKDOWN, 1)
PAST_RENDERING = (Step.FILES, Step.PUBLISH, Step.NOTICE)
NO_RULE = "no rule"

# --- rows -------------------------------------------------------------------------------------------------------------

BEFORE_UPLOAD = Document("d1", SOURCE, DocumentState.ACCEPTED, accepted_at=NOW, rev=0)
ACCEPTED = replace(
    BEFORE_UPLOAD,
    accepted_at=NOW - 10,
    rev=4,
    holder="w1",
    due_kind=DueKind.SUBMIT,
    due_at=NOW - 1,
    attempts=1,
    submit_passes=1,
    consecutive_failures=7,
)
RECOGNIZING = replace(
    ACCEPTED,
    state=DocumentState.RECOGNIZING,
    options=OPTIONS,
    media_type="application/pdf",
    pages=2,
    unfinished=frozenset({1, 2}),
)
GUARDED = replace(RECOGNIZING, due_kind=DueKind.RECHECK)
DYING_GUARDED = replace(GUARDED, attempts=9)
DELIVERING = replace(
    RECOGNIZING,
    state=DocumentState.DELIVERING,
    due_kind=DueKind.DELIVER,
    outcome=Outcome.SUCCEEDED,
    outcome_at=NOW - 2,
    pages_recognized=2,
    attempts=0,
)
TO_RENDER = replace(
    DELIVERING, options=replace(OPTIONS, outputs=(Output.MARKDOWN, Output.SEARCHABLE_PDF)), step=Step.RENDER
)
FINAL = replace(DELIVERING, state=DocumentState.FINAL, due_kind=None, due_at=None, holder="", step=Step.NOTICE)
FINAL_PARTIAL = replace(
    FINAL,
    options=TO_RENDER.options,
    outcome=Outcome.PARTIAL,
    problem=PROBLEM,
    pages_recognized=1,
    renderings=(MARKDOWN,),
    billed=Billed(2, 1),
    held_until=NOW - 50,
    requested=(("ocr-model", "table"), ("ocr-pages", "1-2")),
    consecutive_failures=0,
)
CANCELLED = replace(
    FINAL, outcome=Outcome.CANCELLED, problem=PROBLEM, pages_recognized=1, held_until=NOW + 40, billed=Billed(2)
)
HOLD = Hold(Period.DAY, 2, cap=500)
WAITING_FOR_ROOM = replace(
    RECOGNIZING,
    state=DocumentState.HELD,
    hold=HOLD,
    holder="",
    due_kind=DueKind.HELD,
    due_at=ACCEPTED.accepted_at,
    attempts=0,
    reserved=3,
    reserved_on="2027-01-14",
    hold_told=True,
)
TO_BE_TOLD = replace(WAITING_FOR_ROOM, due_kind=DueKind.DELIVER, due_at=NOW - 1, hold_told=False)
BACKFILLED = Document("d1", SOURCE, DocumentState.ACCEPTED, NOW, due_kind=DueKind.BACKFILL, due_at=NOW - 1)
RETRIED_BACKFILL = replace(BACKFILLED, submit_passes=1)
DELETING = replace(
    FINAL,
    state=DocumentState.DELETING,
    due_kind=DueKind.DELIVER,
    due_at=NOW - 1,
    holder="w1",
    attempts=1,
    sweep_at=NOW,
    removed=Removed(3, 0),
)
DELETING_AGAIN = replace(DELETING, consecutive_failures=7)
TOMBSTONE = Document(
    "d1", Source("", ""), DocumentState.DELETED, DELETING.accepted_at, outcome_at=NOW, removed=Removed(3, 2)
)

WAITING = Operation("d1", 1, 1, OperationState.WAITING)
SUBMITTING = replace(WAITING, state=OperationState.SUBMITTING, holder_rev=5, client_request_id="r1")
STALE = replace(SUBMITTING, holder_rev=4)
RUNNING = replace(
    SUBMITTING,
    state=OperationState.RUNNING,
    described=DESCRIBED,
    submitted_at=NOW - 60,
    deadline_at=NOW + 3540,
    due_kind=DueKind.ASK,
    due_at=NOW - 60,
)
OVERDUE = replace(RUNNING, deadline_at=NOW - 1)
FORGOTTEN = replace(RUNNING, submitted_at=NOW - 3 * DAY_SECONDS, deadline_at=NOW - DAY_SECONDS)
RECOGNIZED = replace(RUNNING, state=OperationState.RECOGNIZED, due_kind=None, due_at=None, finished_at=NOW - 1)
FAILED = replace(RECOGNIZED, state=OperationState.FAILED, problem=PROBLEM)
SECOND = replace(RECOGNIZED, page=2)
SECOND_FAILED = replace(FAILED, page=2)
REUSED = replace(RECOGNIZED, reused_from="d2")
OWN_TEXT = replace(WAITING, state=OperationState.RECOGNIZED, own_text=True)
KEPT = replace(FORGOTTEN, run=2, paid_run=1, deadline_at=NOW - 1)
WORST = replace(RUNNING, unconfirmed=9, breakdowns=99)

# --- observations -----------------------------------------------------------------------------------------------------

UPLOADED = see.Uploaded("d1", SOURCE, "w1", LEASE)
TAKEN = see.Taken("w2", LEASE)
CONSIDERED = see.Considered(holder_rev=5, attempts=1, unavailable_for=0.0, deadline_seconds=3610.0)
DYING = replace(CONSIDERED, attempts=6)
UNAVAILABLE = replace(CONSIDERED, unavailable_for=1e6)
ACCEPTANCE = see.Accepted(5, DESCRIBED, 3610.0, Trace(status=200, request_id="r"))
RESERVED = see.Reserved(5, "2027-01-15")
ANSWERS = [see.NotTaken(5), see.Rejected(5, PROBLEM), see.AnswerLost(5)]
RESULTS = [
    see.Recognised(),
    see.Unreadable(PROBLEM),
    see.FailedInService(PROBLEM),
    see.NotDone(NOW, True),
    see.AskFailed(NOW, True),
]


def missing(what: str) -> Rendering:
    return Rendering(Output.SEARCHABLE_PDF, warnings=(f"There is no {what}",))


def read(*operations: Operation) -> see.OperationsRead:
    return see.OperationsRead(operations)


# --- what becomes of a row --------------------------------------------------------------------------------------------

Changes = Mapping[str, Any]
HELD: Changes = {"holder": "w2", "due_at": LEASE}
RELEASED: Changes = {
    "state": DocumentState.RECOGNIZING,
    "reserved": 5,
    "reserved_on": "2027-01-15",
    "hold": None,
    "released_at": NOW,
    "due_at": NOW,
    "consecutive_failures": 0,
}
RUNS: Changes = {
    "state": OperationState.RUNNING,
    "holder_rev": 5,
    "described": DESCRIBED,
    "trace": ACCEPTANCE.trace,
    "submitted_at": NOW,
    "deadline_at": NOW + 3610,
    "due_kind": DueKind.ASK,
    "due_at": NOW,
}


def delivers(outcome: Outcome, problem: Problem | Reason | None = None, recognized: int = 0, **more: Any) -> Changes:
    """A delivery begins. What went wrong before does not make it wait longer."""
    return {
        "state": DocumentState.DELIVERING,
        "due_kind": DueKind.DELIVER,
        "due_at": NOW,
        "attempts": 0,
        "consecutive_failures": 0,
        "outcome": outcome,
        "problem": problem,
        "pages_recognized": recognized,
        "unfinished": frozenset(),
        "outcome_at": NOW,
        "step": None,
        "renderings": (),
        **more,
    }


def fails(problem: Problem | Reason, **more: Any) -> Changes:
    return {
        "state": OperationState.FAILED,
        "problem": problem,
        "due_kind": None,
        "due_at": None,
        "finished_at": NOW,
        **more,
    }


def waits(**more: Any) -> Changes:
    return {"state": OperationState.WAITING, **more}


@dataclass(frozen=True)
class Example:
    """A row seen in a way, the rule that decides it, and what changes in the row (None: it is left as it is).

    A reason stands for any problem with it. That the `rev` of a document grows by one is not said each time.
    """

    rule: str
    row: Document | Operation | None
    seen: Any
    changes: Changes | None = None


TOO_MANY = (POLICY.max_attempts, POLICY.max_attempts + 3)  # the policy may have allowed more
INTERNAL = (Outcome.FAILED, Reason.INTERNAL)
BACK: Changes = {"attempts": 0, "consecutive_failures": 0}
NEW: Changes = {"holder": "w1", "due_kind": DueKind.SUBMIT, "due_at": LEASE, "attempts": 1, "submit_passes": 1}
NOT_RENDERED: Changes = {**HELD, "attempts": 1, "step": Step.FILES}
BEGINS: Changes = {"attempts": 1, "step": Step.FILES}
DELIVERY_FAILS = delivers(*INTERNAL, **NOT_RENDERED, outcome_replaced=True)
UNSENT: Changes = {"billed": Billed()}
KNOWN: Changes = {
    "state": DocumentState.RECOGNIZING,
    "source": SEEN_SOURCE,
    "pages": 3,
    "file_pages": 9,
    "media_type": "image/tiff",
    "attachments": 2,
    "options": OPTIONS,
    "unfinished": frozenset({2, 3, 7}),
}
ENDS: Changes = {"state": DocumentState.FINAL, "due_kind": None, "due_at": None, "holder": "", **BACK}

SENT_AGAIN: Changes = {
    name: getattr(replace(WAITING, run=2, holder_rev=5), name) for name in Operation.__dataclass_fields__
}
NEXT_RUN: Changes = {
    "run": 2,
    "began_at": NOW,
    "before": Shown(1, Outcome.PARTIAL, 1, (MARKDOWN,)),
    "ended_before": Outcome.PARTIAL,
    "step": None,
    "billed": None,
}
AGAIN: Changes = {
    "state": DocumentState.DELIVERING,
    "due_kind": DueKind.DELIVER,
    "due_at": NOW,
    "pages_run": 1,
    "pages_kept": 1,
    "billed": Billed(),
    "unfinished": frozenset(),
}
DELETES: Changes = {
    "state": DocumentState.DELETING,
    "due_kind": DueKind.DELIVER,
    "due_at": NOW,
    "holder": "",
    **BACK,
    "sweep_at": NOW + 960,
    "removed": Removed(),
}
SENDER = replace(
    RUNNING,
    document_id="d2",
    page=7,
    trace=Trace(status=200, request_id="r7"),
    fingerprint="f1",
    has_words=False,
    result_bytes=70,
    prepared=Preparation(How.DRAWN),
)
SHARES: Changes = {
    "holder_rev": 5,
    "prepared": CUT,
    "fingerprint": "f1",
    "reused_from": "d2",
    "described": DESCRIBED,
    "trace": SENDER.trace,
    "submitted_at": SENDER.submitted_at,
}
SKIPPED_GONE = (Outcome.SKIPPED, Reason.OBJECT_GONE)

EXAMPLES = [
    # A document is taken.
    Example("upload_new", None, UPLOADED, NEW),
    Example("backfill_new", None, see.Backfilled("d1", SOURCE), {"due_kind": DueKind.BACKFILL, "due_at": NOW}),
    Example("backfilled_live", BACKFILLED, UPLOADED, NEW),
    Example("sweep_taken", DELETING, TAKEN, {**HELD, "attempts": 2}),
    *(
        Example("attempts_exhausted_unread", replace(ACCEPTED, attempts=count), TAKEN, delivers(*INTERNAL, **UNSENT))
        for count in TOO_MANY
    ),
    Example("taken", replace(ACCEPTED, attempts=4), TAKEN, {**HELD, "attempts": 5, "submit_passes": 2}),
    Example("taken", replace(RECOGNIZING, attempts=5), TAKEN, {**HELD, "attempts": 6, "submit_passes": 2}),
    *(
        Example(
            "rendering_given_up",
            replace(TO_RENDER, attempts=count, renderings=(MARKDOWN,)),
            TAKEN,
            {**NOT_RENDERED, "renderings": (MARKDOWN, missing(f"searchable PDF. Making it broke off {count} times."))},
        )
        for count in (2, 5)
    ),
    Example(
        "rendering_given_up",
        replace(TO_RENDER, consecutive_failures=POLICY.render_failures, renderings=(MARKDOWN,)),
        TAKEN,
        {**NOT_RENDERED, "renderings": (MARKDOWN, missing("searchable PDF. Making it failed again and again."))},
    ),
    Example(
        "delivery_taken",
        replace(TO_RENDER, attempts=1, consecutive_failures=POLICY.render_failures - 1, outcome_at=NOW - 1e6),
        TAKEN,
        {**HELD, "attempts": 2},
    ),
    *(
        Example("delivery_attempts_exhausted", replace(row, attempts=count, step=Step.PUBLISH), TAKEN, DELIVERY_FAILS)
        for row in (DELIVERING, replace(TO_RENDER, renderings=(MARKDOWN,)), replace(DELIVERING, outcome=Outcome.FAILED))
        for count in TOO_MANY
    ),
    Example("delivery_taken", DELIVERING, TAKEN, {**HELD, "attempts": 1, "step": Step.FILES}),
    Example("delivery_taken", replace(DELIVERING, due_at=NOW + 60), TAKEN, {**HELD, "attempts": 1, "step": Step.FILES}),
    Example("delivery_taken", replace(DELIVERING, attempts=5, step=Step.NOTICE), TAKEN, {**HELD, "attempts": 6}),
    Example(
        "delivery_taken",
        replace(DELIVERING, attempts=5, step=Step.PUBLISH, outcome_replaced=True),
        TAKEN,
        {**HELD, "attempts": 6},
    ),
    *(
        Example("delivery_taken", replace(DELIVERING, outcome=outcome), TAKEN, {**HELD, **BEGINS, **more})
        for outcome, more in ((Outcome.PARTIAL, {}), (Outcome.CANCELLED, {"pages_recognized": 0}))
    ),
    # Its source is inspected.
    *(
        Example(
            "refused",
            ACCEPTED,
            see.Refused(problem, SEEN_SOURCE),
            delivers(outcome, problem, source=SEEN_SOURCE, **UNSENT),
        )
        for outcome, reasons in (
            (Outcome.FAILED, [Reason.ENCRYPTED]),
            (Outcome.SKIPPED, [Reason.UNSUPPORTED_TYPE, Reason.EMPTY_FILE, Reason.OBJECT_GONE]),
        )
        for problem in (replace(PROBLEM, reason=reason) for reason in reasons)
    ),
    Example(
        "forbidden_too_long",
        replace(ACCEPTED, accepted_at=NOW - DAY_SECONDS - 1),
        see.Forbidden(LEASE),
        delivers(*INTERNAL, **UNSENT),
    ),
    Example(
        "forbidden_too_long",
        replace(BACKFILLED, consecutive_failures=3),
        see.Forbidden(LEASE),
        delivers(*INTERNAL, **UNSENT),
    ),
    Example(
        "forbidden",
        replace(BACKFILLED, consecutive_failures=2),
        see.Forbidden(LEASE),
        {"due_at": LEASE, "attempts": 0, "consecutive_failures": 3},
    ),
    Example(
        "forbidden",
        replace(ACCEPTED, accepted_at=NOW - DAY_SECONDS),
        see.Forbidden(LEASE),
        {"due_at": LEASE, "attempts": 0, "consecutive_failures": 8},
    ),
    Example(
        "pages_known",
        ACCEPTED,
        see.PagesKnown(frozenset({2, 3, 7}), FileFacts("image/tiff", 9, 2), OPTIONS, SEEN_SOURCE),
        KNOWN,
    ),
    *(
        Example(
            "returned", row, see.Returned(NOW + 7, failed), {"due_at": NOW + 7, **BACK, "consecutive_failures": count}
        )
        for row in (
            ACCEPTED,
            replace(RECOGNIZING, attempts=3),
            replace(DELIVERING, attempts=2),
            DELETING_AGAIN,
            replace(TO_BE_TOLD, attempts=1),
        )
        for failed, count in ((True, 8), (False, 0))
    ),
    # Its pages are counted against the caps.
    Example("hold_taken", replace(TO_BE_TOLD, attempts=1), TAKEN, {**HELD, "attempts": 2}),
    Example("reserved", RECOGNIZING, RESERVED, {"reserved": 5, "reserved_on": "2027-01-15"}),
    *(
        Example("released", row, replace(RESERVED, by_hand=by_hand, after_live=not by_hand), {**RELEASED, **more})
        for row, by_hand, more in (
            (WAITING_FOR_ROOM, True, {"due_kind": DueKind.SUBMIT, "released": True}),
            (WAITING_FOR_ROOM, False, {"due_kind": DueKind.BACKFILL}),
            (replace(WAITING_FOR_ROOM, released=True), False, {"due_kind": DueKind.BACKFILL}),
            (replace(TO_BE_TOLD, holder="w1", attempts=2), False, {"due_kind": DueKind.BACKFILL, "holder": "", **BACK}),
        )
    ),
    *(
        Example(
            "held",
            replace(RECOGNIZING, attempts=3, hold_told=told),
            see.OverCap(HOLD),
            {"state": DocumentState.HELD, "hold": replace(HOLD, at=NOW), "holder": "", **BACK, **due},
        )
        for told, due in (
            (False, {"due_kind": DueKind.DELIVER, "due_at": NOW}),
            (True, {"due_kind": DueKind.HELD, "due_at": ACCEPTED.accepted_at}),
        )
    ),
    Example(
        "hold_told",
        replace(TO_BE_TOLD, holder="w1", due_at=LEASE, attempts=1),
        see.HoldTold(),
        {"hold_told": True, "holder": "", "due_kind": DueKind.HELD, "due_at": ACCEPTED.accepted_at, **BACK},
    ),
    *(
        Example("given_back", replace(row, reserved=5, reserved_on="2027-01-15"), see.GivenBack(2), {"reserved": 2})
        for row in (DELIVERING, DELETING)
    ),
    # Its operations are read.
    Example(
        "concluded",
        RECOGNIZING,
        read(replace(RECOGNIZED, result_bytes=70), replace(SECOND, result_bytes=60)),
        delivers(Outcome.SUCCEEDED, None, 2, result_bytes=70, billed=Billed(2)),
    ),
    Example("concluded", RECOGNIZING, read(FAILED, SECOND), delivers(Outcome.PARTIAL, PROBLEM, 1, billed=Billed(2))),
    Example(
        "concluded",
        RECOGNIZING,
        read(replace(FAILED, described=None, unconfirmed=3), SECOND_FAILED),
        delivers(Outcome.FAILED, PROBLEM.reason, billed=Billed(1, 3)),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, pages=3),
        read(replace(FAILED, page=3, problem=GONE), replace(RECOGNIZED, paid_run=1), SECOND_FAILED),
        delivers(Outcome.PARTIAL, PROBLEM, 1, billed=Billed(2), pages_kept=1),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, pages=6),
        read(
            RECOGNIZED,
            *(replace(REUSED, page=page) for page in (2, 3)),
            replace(OWN_TEXT, page=4),
            # What an earlier run had brought in is kept, however it came by it; what failed has brought nothing.
            *(replace(row, page=page, paid_run=1) for page, row in ((5, REUSED), (6, OWN_TEXT))),
        ),
        delivers(Outcome.SUCCEEDED, None, 6, billed=Billed(1), pages_kept=2, pages_reused=2, pages_skipped=1),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, pages=1),
        read(replace(FAILED, problem=GONE)),
        delivers(Outcome.SKIPPED, GONE, billed=Billed(1)),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, options=TO_RENDER.options),
        read(FAILED, SECOND),
        delivers(Outcome.PARTIAL, PROBLEM, 1, step=Step.RENDER, billed=Billed(2)),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, options=TO_RENDER.options),
        read(FAILED, SECOND_FAILED),
        delivers(Outcome.FAILED, PROBLEM.reason, billed=Billed(2)),
    ),
    *(
        Example("pages_unsent", GUARDED, read(*operations), {"due_kind": DueKind.SUBMIT, "due_at": NOW, **BACK})
        for operations in ([RUNNING], [RECOGNIZED, replace(SUBMITTING, page=2)])
    ),
    Example(
        "every_page_sent",
        replace(RECOGNIZING, attempts=2),
        read(RUNNING, SECOND_FAILED),
        {"due_kind": DueKind.RECHECK, "due_at": NOW + 900, **BACK},
    ),
    # It is delivered.
    Example(
        "rendered",
        replace(TO_RENDER, renderings=(MARKDOWN,), attempts=1),
        see.Rendered(missing("searchable PDF.")),
        {"renderings": (MARKDOWN, missing("searchable PDF."))},
    ),
    Example(
        "step_begins",
        replace(DELIVERING, step=Step.FILES),
        see.StepBegins(Step.PUBLISH, NOW + 90),
        {"step": Step.PUBLISH, "due_at": NOW + 90},
    ),
    Example("notice_accepted", replace(DELIVERING, step=Step.NOTICE, attempts=1), see.NoticeAccepted(), ENDS),
    # Requests.
    Example(
        "retried",
        FINAL_PARTIAL,
        see.RetryAsked((("ocr-pages", "2"), ("ocr-languages", "ru"))),
        {
            **NEXT_RUN,
            "state": DocumentState.ACCEPTED,
            "requested": (("ocr-model", "table"), ("ocr-pages", "2"), ("ocr-languages", "ru")),
            "due_kind": DueKind.SUBMIT,
            "due_at": NOW,
            "submit_passes": 0,
            "pages": 0,
            "outcome": None,
            "outcome_at": None,
            "problem": None,
            "pages_recognized": 0,
            "renderings": (),
        },
    ),
    Example(
        "retried",
        replace(
            CANCELLED,
            pages_run=2,
            run=3,
            outcome_replaced=True,
            pages_kept=4,
            pages_reused=3,
            pages_skipped=2,
            reserved=7,
            reserved_on="2027-01-14",
            released=True,
            hold_told=True,
        ),
        see.RetryAsked(),
        {
            "state": DocumentState.ACCEPTED,
            "run": 4,
            "began_at": NOW,
            "before": Shown(3, Outcome.CANCELLED),  # a page that was counted beside the cancel has no text in a file
            "consecutive_failures": 0,
            "pages_recognized": 0,
            "ended_before": Outcome.CANCELLED,
            "step": None,
            "billed": None,
            "outcome_replaced": False,
            "pages_kept": 0,
            "pages_reused": 0,
            "pages_skipped": 0,
            "reserved": 0,
            "reserved_on": "",
            "released": False,
            "hold_told": False,
            "pages_run": 0,
            "due_kind": DueKind.SUBMIT,
            "due_at": NOW,
            "submit_passes": 0,
            "pages": 0,
            "outcome": None,
            "outcome_at": None,
            "problem": None,
        },
    ),
    Example(
        "render_again",
        FINAL_PARTIAL,
        see.RenderAsked(),
        {**NEXT_RUN, **AGAIN, "outcome_at": NOW, "step": Step.RENDER, "renderings": ()},
    ),
    Example(
        "render_again",
        replace(FINAL_PARTIAL, run=3, pages_run=2),
        see.RenderAsked(()),
        {
            **NEXT_RUN,
            **AGAIN,
            "run": 4,
            "pages_run": 2,
            "before": Shown(3, Outcome.PARTIAL, 1, (MARKDOWN,)),
            "options": replace(OPTIONS, outputs_from="request"),
            "requested": (*FINAL_PARTIAL.requested, ("ocr-outputs", "none")),
            "outcome_at": NOW,
            "renderings": (),
        },
    ),
    *(
        Example(
            "cancelled",
            replace(row, due_at=NOW + 40, attempts=attempts, held_until=NOW + before),
            see.Cancelled(PROBLEM),
            delivers(Outcome.CANCELLED, PROBLEM, holder="", held_until=NOW + until),
        )
        for row in (ACCEPTED, RECOGNIZING)
        for attempts, before, until in ((1, -50, 40), (1, 70, 70), (0, -50, 0))
    ),
    *(
        Example(
            "cancelled",
            replace(row, held_until=NOW - 50),
            see.Cancelled(PROBLEM),
            delivers(Outcome.CANCELLED, PROBLEM, hold=None, held_until=NOW),
        )
        for row in (WAITING_FOR_ROOM, TO_BE_TOLD)
    ),
    *(
        Example(
            "source_gone",
            RECOGNIZING,
            see.SourceDeleted(operations),
            delivers(*SKIPPED_GONE, holder="", held_until=NOW - 1),
        )
        for operations in ((), (replace(RECOGNIZED, paid_run=1), replace(WAITING, page=2)))
    ),
    *(
        Example(
            "source_deleted",
            RECOGNIZING,
            see.SourceDeleted((operation,)),
            delivers(Outcome.CANCELLED, Reason.SOURCE_DELETED, holder="", held_until=NOW - 1),
        )
        for operation in (RUNNING, SUBMITTING, replace(WAITING, unconfirmed=1))
    ),
    Example(
        "pages_counted",
        DELIVERING,
        see.PagesCounted((RUNNING, replace(SUBMITTING, page=2, unconfirmed=1), replace(SECOND, page=3, paid_run=1))),
        {"billed": Billed(1, 2)},
    ),
    *(
        Example(
            "delete_asked",
            row,
            see.DeleteAsked(),
            {
                **DELETES,
                "outcome": Outcome.CANCELLED,
                "outcome_at": NOW,
                "problem": Reason.CANCELLED,
                "pages_recognized": 0,
                "unfinished": frozenset(),
                "hold": None,
            },
        )
        for row in (ACCEPTED, replace(RECOGNIZING, pages_recognized=1), WAITING_FOR_ROOM)
    ),
    Example("delete_asked", FINAL_PARTIAL, see.DeleteAsked(), {**DELETES, "unfinished": frozenset()}),
    Example(
        "delete_asked",
        replace(DELIVERING, attempts=1, due_at=NOW + 2_000),
        see.DeleteAsked(),
        {**DELETES, "sweep_at": NOW + 2_000, "unfinished": frozenset()},
    ),
    Example(
        "swept_early",
        DELETING,
        see.Swept(NOW - 1, Removed(4, 0)),
        {"due_at": NOW, **BACK, "holder": "", "removed": Removed(7, 0)},
    ),
    Example(
        "swept_early",
        replace(DELETING, sweep_at=NOW + 60),
        see.Swept(NOW - 1, Removed(4, 0)),
        {"due_at": NOW + 60, **BACK, "holder": "", "removed": Removed(7, 0)},
    ),
    *(
        Example(
            "swept_asked",
            DELETING,
            see.Swept(began_at, Removed(4, 0), asked=1),
            {"due_at": NOW + 960, "sweep_at": NOW + 960, **BACK, "holder": "", "removed": Removed(7, 0)},
        )
        for began_at in (NOW - 1, NOW)
    ),
    Example(
        "deleted",
        DELETING,
        see.Swept(NOW, Removed(0, 2)),
        {name: getattr(TOMBSTONE, name) for name in Document.__dataclass_fields__ if name != "rev"},
    ),
    # A page is considered.
    Example("intent_of_another", SUBMITTING, CONSIDERED),
    Example("intent_of_another", replace(SUBMITTING, holder_rev=6), DYING),
    Example(
        "attempts_exhausted_submitting",
        replace(STALE, unconfirmed=1),
        DYING,
        fails(Reason.INTERNAL, unconfirmed=2),
    ),
    Example("attempts_exhausted_waiting", WAITING, DYING, fails(Reason.INTERNAL)),
    *(
        Example(
            "intent_stale", replace(STALE, unconfirmed=1), replace(CONSIDERED, attempts=count), waits(unconfirmed=2)
        )
        for count in (1, POLICY.max_attempts)
    ),
    *(
        Example("unconfirmed", replace(WAITING, unconfirmed=count), CONSIDERED, fails(Reason.SUBMIT_UNCONFIRMED))
        for count in (3, 4)
    ),
    Example(
        "unavailable_too_long",
        WAITING,
        replace(CONSIDERED, unavailable_for=3611.0),
        fails(Reason.OCR_UNAVAILABLE),
    ),
    *(
        Example("breaks_the_service", replace(WAITING, breakdowns=count), CONSIDERED, fails(Reason.OCR_UNAVAILABLE))
        for count in (40, 41)
    ),
    Example(
        "considered",
        replace(WAITING, unconfirmed=2, breakdowns=39),
        replace(CONSIDERED, attempts=5, unavailable_for=3610.0),
    ),
    # It need not be submitted.
    Example(
        "own_text",
        replace(WAITING, holder_rev=4, unconfirmed=1),
        see.TextFound(5, 70),
        {
            "state": OperationState.RECOGNIZED,
            "holder_rev": 5,
            "own_text": True,
            "result_bytes": 70,
            "finished_at": NOW,
        },
    ),
    Example(
        "reused",
        WAITING,
        see.SentBefore(5, replace(SENDER, state=OperationState.RECOGNIZED, due_kind=None, due_at=None), CUT),
        {
            **SHARES,
            "state": OperationState.RECOGNIZED,
            "has_words": False,
            "result_bytes": 70,
            "finished_at": NOW,
        },
    ),
    Example(
        "shared",
        WAITING,
        see.SentBefore(5, SENDER, CUT),
        {
            **SHARES,
            "state": OperationState.RUNNING,
            "deadline_at": SENDER.deadline_at,
            "due_kind": DueKind.ASK,
            "due_at": NOW,
        },
    ),
    # It is submitted.
    Example(
        "intent",
        replace(WAITING, unconfirmed=1, holder_rev=4),
        see.SlotReserved(5, "r2", CUT, "f1"),
        {
            "state": OperationState.SUBMITTING,
            "holder_rev": 5,
            "client_request_id": "r2",
            "prepared": CUT,
            "fingerprint": "f1",
        },
    ),
    Example("accepted", SUBMITTING, ACCEPTANCE, RUNS),
    *(
        Example("accepted_late", replace(row, unconfirmed=1), ACCEPTANCE, RUNS)
        for row in (replace(WAITING, holder_rev=5), replace(SUBMITTING, holder_rev=7))
    ),
    Example("not_taken", replace(SUBMITTING, unconfirmed=2), see.NotTaken(5), waits()),
    Example("not_taken", replace(SUBMITTING, breakdowns=2), see.NotTaken(5, breakdown=True), waits(breakdowns=3)),
    Example("rejected", SUBMITTING, see.Rejected(5, PROBLEM), fails(PROBLEM)),
    Example("answer_lost", SUBMITTING, see.AnswerLost(5), waits(unconfirmed=1)),
    Example("unsendable", WAITING, see.Unsendable(GONE), fails(GONE)),
    # It is asked for.
    Example(
        "recognised",
        RUNNING,
        see.Recognised(has_words=False, result_bytes=70),
        {
            "state": OperationState.RECOGNIZED,
            "has_words": False,
            "result_bytes": 70,
            "due_kind": None,
            "due_at": None,
            "finished_at": NOW,
        },
    ),
    Example("unreadable", RUNNING, see.Unreadable(PROBLEM), fails(PROBLEM)),
    Example("failed_in_service", RUNNING, see.FailedInService(PROBLEM), fails(PROBLEM)),
    Example("expired", FORGOTTEN, see.NotDone(NOW, True), fails(Reason.RESULT_EXPIRED)),
    Example(
        "expired",
        replace(FORGOTTEN, submitted_at=1.0),
        see.NotDone(NOW, True),
        fails(Reason.RESULT_EXPIRED),
    ),
    Example("deadline_exceeded", OVERDUE, see.NotDone(NOW - 1, True), fails(Reason.DEADLINE_EXCEEDED)),
    Example("not_done", RUNNING, see.NotDone(NOW, True)),
    Example("not_done", OVERDUE, see.NotDone(NOW - 2, True)),
    Example("not_done", FORGOTTEN, see.NotDone(NOW, False)),
    Example("not_done", OVERDUE, see.NotDone(NOW, False)),
    Example("ask_failed", FORGOTTEN, see.AskFailed(NOW, False)),
    Example("ask_failed_expired", FORGOTTEN, see.AskFailed(NOW, True), fails(Reason.RESULT_EXPIRED)),
    Example("ask_failed", OVERDUE, see.AskFailed(NOW, True)),
    *(
        Example(rule, KEPT, seen, SENT_AGAIN)
        for rule, seen in (
            ("kept_failed_in_service", see.FailedInService(PROBLEM)),
            ("kept_not_done", see.NotDone(NOW, True)),
            ("kept_ask_failed", see.AskFailed(NOW, True)),
        )
    ),
    *(
        Example(rule, replace(FORGOTTEN, run=2, holder_rev=5, reused_from="d2", fingerprint="f1"), seen, SENT_AGAIN)
        for rule, seen in (
            ("kept_failed_in_service", see.FailedInService(PROBLEM)),
            ("kept_not_done", see.NotDone(NOW, True)),
            ("kept_ask_failed", see.AskFailed(NOW, True)),
        )
    ),
    Example("kept_not_done", replace(KEPT, submitted_at=NOW - 60), see.NotDone(NOW, True), SENT_AGAIN),
    *(
        Example("not_done", row, see.NotDone(NOW, asked))
        for row, asked in ((KEPT, False), (replace(KEPT, submitted_at=NOW - 60, deadline_at=NOW + 1), True))
    ),
    Example("ask_failed", replace(KEPT, submitted_at=NOW - 60), see.AskFailed(NOW, True)),
    # Its document is deleted.
    Example("discarded_submitting", SUBMITTING, see.Discarded(GONE), fails(GONE, unconfirmed=1)),
    *(Example("discarded", row, see.Discarded(GONE), fails(GONE)) for row in (WAITING, RUNNING)),
    # What comes too late, or cannot happen.
    *(
        Example(rule, row, seen)
        for rule, rows, observations in (
            (states.LATE, [ACCEPTED, FINAL, DELETING, TOMBSTONE], [UPLOADED, see.Backfilled("d1", SOURCE)]),
            (states.LATE, [BACKFILLED, RETRIED_BACKFILL], [see.Backfilled("d1", SOURCE)]),
            (states.LATE, [RETRIED_BACKFILL, replace(BACKFILLED, run=2)], [UPLOADED]),
            (states.LATE, [ACCEPTED, RECOGNIZING, DELIVERING, DELETING, TOMBSTONE], [see.RetryAsked()]),
            (
                states.LATE,
                [RECOGNIZING, DELIVERING, DELETING, TOMBSTONE, replace(FINAL, outcome=Outcome.FAILED)],
                [see.RenderAsked()],
            ),
            (states.LATE, [DELIVERING, FINAL, DELETING, TOMBSTONE], [see.Cancelled(PROBLEM)]),
            (states.LATE, [DELETING, TOMBSTONE], [see.DeleteAsked(), read(RECOGNIZED)]),
            (states.LATE, [TOMBSTONE, WAITING_FOR_ROOM], [TAKEN]),
            (
                states.LATE,
                [WAITING_FOR_ROOM, TO_BE_TOLD],
                [UPLOADED, see.RetryAsked(), see.RenderAsked(), read(SECOND)],
            ),
            (states.LATE, [ACCEPTED, DELIVERING, FINAL, DELETING, TOMBSTONE], [RESERVED]),
            (NO_RULE, [ACCEPTED, DELIVERING, FINAL], [see.OverCap(HOLD), see.HoldTold()]),
            (NO_RULE, [RECOGNIZING, FINAL], [see.GivenBack(0)]),
            (NO_RULE, [SUBMITTING, RUNNING, FAILED], [see.TextFound(5, 70), see.SentBefore(5, RECOGNIZED, CUT)]),
            (states.LATE, [RECOGNIZED, FAILED], [see.Discarded(GONE)]),
            (NO_RULE, [DELETING, TOMBSTONE], [see.StepBegins(Step.FILES, LEASE), see.NoticeAccepted()]),
            (NO_RULE, [FINAL, TOMBSTONE], [see.Returned(NOW, True), see.Swept(NOW, Removed())]),
            (
                states.LATE,
                [
                    FINAL,
                    replace(FINAL, step=Step.RENDER, attempts=9),
                    DYING_GUARDED,
                    replace(DYING_GUARDED, due_at=NOW + 60),
                ],
                [TAKEN],
            ),
            (states.LATE, [DELIVERING, FINAL], [read(), read(RECOGNIZED), read(RECOGNIZED, SECOND)]),
            (NO_RULE, [FINAL, *(replace(TO_RENDER, step=step) for step in PAST_RENDERING)], [see.Rendered(MARKDOWN)]),
            (NO_RULE, [ACCEPTED], [see.NoticeAccepted()]),
            (states.LATE, [RUNNING, RECOGNIZED, FAILED, replace(RUNNING, holder_rev=7)], [ACCEPTANCE]),
            (states.LATE, [replace(SUBMITTING, holder_rev=7), STALE, RUNNING, FAILED], ANSWERS),
            (states.LATE, [RECOGNIZED, FAILED, replace(FAILED, submitted_at=1.0)], RESULTS),
            (NO_RULE, [replace(WORST, holder_rev=rev) for rev in (4, 5, 7)], [CONSIDERED, DYING, UNAVAILABLE]),
            (NO_RULE, [WAITING], RESULTS),
            (NO_RULE, [STALE], [ACCEPTANCE]),  # an answer comes after the intent that it was sent with
        )
        for row in rows
        for seen in observations
    ),
]


def decide(example: Example, rules: tuple[Rule[Any, Any], ...] = states.RULES) -> states.Decision[Any]:
    decides: Any = states.decide_operation if isinstance(example.row, Operation) else states.decide_document
    try:
        decision: states.Decision[Any] = decides(example.row, example.seen, NOW, POLICY, rules)
    except states.NoRule:
        return states.Decision(NO_RULE, None)
    return decision


def expected(example: Example, found: Document | Operation | None) -> Document | Operation | None:
    """The row that must follow; where the example says but a reason, with the problem that was found for it."""
    if example.changes is None:
        return None
    changes = dict(example.changes)
    if found and found.problem and found.problem.reason is changes.get("problem"):
        changes["problem"] = found.problem
    if isinstance(example.row, Operation):
        return replace(example.row, **changes)
    before = example.row or BEFORE_UPLOAD
    return replace(before, rev=before.rev + 1, **changes)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.rule)
def test_each_example_is_decided_by_its_rule(example: Example) -> None:
    decision = decide(example)
    assert decision.rule == example.rule
    assert decision.row == expected(example, decision.row)


@pytest.mark.parametrize("rule", states.RULES, ids=lambda rule: rule.id)
def test_each_rule_is_needed(rule: Rule[Any, Any]) -> None:
    """With the rule taken out, at least one of its examples is decided wrongly or not at all."""
    left = tuple(other for other in states.RULES if other is not rule)
    own = [(example, decide(example, left)) for example in EXAMPLES if example.rule == rule.id]
    assert any(found.rule == NO_RULE or found.row != expected(example, found.row) for example, found in own)


def test_rule_ids_are_unique() -> None:
    assert len({rule.id for rule in states.RULES}) == len(states.RULES)
