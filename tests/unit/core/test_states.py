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
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Options,
    Outcome,
    Output,
    Problem,
    Rendering,
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
WORST = replace(RUNNING, unconfirmed=9, breakdowns=99)

# --- observations -----------------------------------------------------------------------------------------------------

UPLOADED = see.Uploaded("d1", SOURCE, "w1", LEASE)
TAKEN = see.Taken("w2", LEASE)
CONSIDERED = see.Considered(holder_rev=5, attempts=1, unavailable_for=0.0, deadline_seconds=3610.0)
DYING = replace(CONSIDERED, attempts=6)
UNAVAILABLE = replace(CONSIDERED, unavailable_for=1e6)
ACCEPTANCE = see.Accepted(5, DESCRIBED, 3610.0, Trace(status=200, request_id="r"))
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
DELIVERY_FAILS = delivers(*INTERNAL, **NOT_RENDERED, outcome_replaced=True)
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

EXAMPLES = [
    # A document is taken.
    Example("upload_new", None, UPLOADED, NEW),
    *(
        Example("attempts_exhausted_unread", replace(ACCEPTED, attempts=count), TAKEN, delivers(*INTERNAL))
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
    # Its source is inspected.
    *(
        Example("refused", ACCEPTED, see.Refused(problem, SEEN_SOURCE), delivers(outcome, problem, source=SEEN_SOURCE))
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
        delivers(*INTERNAL),
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
        for row in (ACCEPTED, replace(RECOGNIZING, attempts=3), replace(DELIVERING, attempts=2))
        for failed, count in ((True, 8), (False, 0))
    ),
    # Its operations are read.
    Example(
        "concluded",
        RECOGNIZING,
        read(replace(RECOGNIZED, result_bytes=70), replace(SECOND, result_bytes=60)),
        delivers(Outcome.SUCCEEDED, None, 2, result_bytes=70),
    ),
    Example("concluded", RECOGNIZING, read(FAILED, SECOND), delivers(Outcome.PARTIAL, PROBLEM, 1)),
    Example("concluded", RECOGNIZING, read(FAILED, SECOND_FAILED), delivers(Outcome.FAILED, PROBLEM.reason)),
    Example(
        "concluded",
        replace(RECOGNIZING, pages=3),
        read(replace(FAILED, page=3, problem=GONE), RECOGNIZED, SECOND_FAILED),
        delivers(Outcome.PARTIAL, PROBLEM, 1),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, pages=1),
        read(replace(FAILED, problem=GONE)),
        delivers(Outcome.SKIPPED, GONE),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, options=TO_RENDER.options),
        read(FAILED, SECOND),
        delivers(Outcome.PARTIAL, PROBLEM, 1, step=Step.RENDER),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, options=TO_RENDER.options),
        read(FAILED, SECOND_FAILED),
        delivers(Outcome.FAILED, PROBLEM.reason),
    ),
    *(
        Example("pages_unsent", GUARDED, read(*operations), {"due_kind": DueKind.SUBMIT, "due_at": NOW})
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
    # It is submitted.
    Example(
        "intent",
        replace(WAITING, unconfirmed=1, holder_rev=4),
        see.SlotReserved(5, "r2", CUT),
        {"state": OperationState.SUBMITTING, "holder_rev": 5, "client_request_id": "r2", "prepared": CUT},
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
    # What comes too late, or cannot happen.
    *(
        Example(rule, row, seen)
        for rule, rows, observations in (
            (states.LATE, [ACCEPTED, FINAL], [UPLOADED]),
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
