"""Every rule of the state table by an example, and each example fails when its rule is taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

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
SOURCE = Source("uploads", "a/scan.pdf", "v1", "etag", 10, "0A", NOW - 1)
OPTIONS = Options(("ru", "en"), "page")
PROBLEM = Problem(Reason.REJECTED_BY_OCR, "The OCR service refused the page.", "Correct it.")
DESCRIBED = OperationDescription("op1")

ACCEPTED = Document(
    id="d1",
    source=SOURCE,
    state=DocumentState.ACCEPTED,
    accepted_at=NOW - 10,
    holder="w1",
    due_kind=DueKind.SUBMIT,
    due_at=NOW - 1,
    attempts=1,
)
RECOGNIZING = replace(
    ACCEPTED,
    state=DocumentState.RECOGNIZING,
    options=OPTIONS,
    media_type="application/pdf",
    pages=2,
    unfinished=frozenset({1, 2}),
)
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
FINAL = replace(DELIVERING, state=DocumentState.FINAL, due_kind=None, due_at=None, holder="")

WAITING = Operation("d1", 1, 1, OperationState.WAITING)
SUBMITTING = replace(WAITING, state=OperationState.SUBMITTING, holder_rev=5, client_request_id="r1")
RUNNING = replace(
    SUBMITTING,
    state=OperationState.RUNNING,
    described=DESCRIBED,
    submitted_at=NOW - 60,
    deadline_at=NOW + 3540,
    due_kind=DueKind.ASK,
    due_at=NOW - 60,
)
RECOGNIZED = replace(
    RUNNING,
    state=OperationState.RECOGNIZED,
    due_kind=None,
    due_at=None,
    finished_at=NOW - 1,
)
FAILED = replace(
    RUNNING,
    state=OperationState.FAILED,
    problem=PROBLEM,
    due_kind=None,
    due_at=None,
    finished_at=NOW - 1,
)
SECOND = {"page": 2}

TAKEN = see.Taken("w2", NOW + 300)
CONSIDERED = see.Considered(holder_rev=5, attempts=1, unavailable_for=0.0, deadline_seconds=3610.0)
ACCEPTANCE = see.Accepted(5, DESCRIBED, 3610.0, Trace(status=200, request_id="r"))


@dataclass(frozen=True)
class Example:
    """A row seen in a way, the rule that decides it, and what must hold of the row that follows (None: unchanged)."""

    rule: str
    row: Any
    seen: Any
    holds: Callable[[Any], bool] | None


def looked(*operations: Operation) -> see.OperationsRead:
    return see.OperationsRead(operations)


def given_up(row: Operation, unconfirmed: int) -> bool:
    return (
        row.state is OperationState.FAILED
        and row.problem is not None
        and row.problem.reason is Reason.INTERNAL
        and row.unconfirmed == unconfirmed
        and row.finished_at == NOW
    )


def failed_with(reason: Reason) -> Callable[[Operation], bool]:
    return lambda row: (
        row.state is OperationState.FAILED
        and row.problem is not None
        and row.problem.reason is reason
        and row.due_at is None
        and row.due_kind is None
        and row.finished_at == NOW
    )


EXAMPLES = [
    Example(
        "upload_new",
        None,
        see.Uploaded("d1", SOURCE, "w1", NOW + 300),
        lambda row: (
            (
                row.state,
                row.rev,
                row.attempts,
                row.due_at,
                row.due_kind,
                row.holder,
                row.accepted_at,
            )
            == (DocumentState.ACCEPTED, 1, 1, NOW + 300, DueKind.SUBMIT, "w1", NOW)
        ),
    ),
    Example(states.LATE, FINAL, see.Uploaded("d1", SOURCE, "w1", NOW + 300), None),
    Example(states.LATE, ACCEPTED, see.Uploaded("d1", SOURCE, "w1", NOW + 300), None),
    Example(
        "attempts_exhausted_unread",
        replace(ACCEPTED, attempts=5),
        TAKEN,
        lambda row: (
            (row.state, row.outcome, row.problem.reason, row.due_at)
            == (DocumentState.DELIVERING, Outcome.FAILED, Reason.INTERNAL, NOW)
        ),
    ),
    Example(
        "taken",
        replace(ACCEPTED, attempts=4),
        TAKEN,
        lambda row: (
            (row.state, row.rev, row.attempts, row.due_at, row.holder)
            == (DocumentState.ACCEPTED, 2, 5, NOW + 300, "w2")
        ),
    ),
    Example(
        "taken",
        replace(RECOGNIZING, attempts=5),
        TAKEN,
        lambda row: (row.state, row.attempts, row.rev) == (DocumentState.RECOGNIZING, 6, 2),
    ),
    Example("delivery_held", replace(DELIVERING, due_at=NOW + 1, attempts=5), TAKEN, None),
    Example(
        "rendering_given_up",
        replace(TO_RENDER, attempts=2, renderings=(Rendering(Output.MARKDOWN, 1),)),
        TAKEN,
        lambda row: (
            (row.step, row.attempts, row.due_at, row.holder, row.outcome)
            == (Step.FILES, 1, NOW + 300, "w2", Outcome.SUCCEEDED)
            and [(rendering.output, rendering.files, len(rendering.warnings)) for rendering in row.renderings]
            == [(Output.MARKDOWN, 1, 0), (Output.SEARCHABLE_PDF, 0, 1)]
        ),
    ),
    Example(
        "rendering_given_up",
        replace(TO_RENDER, outcome_at=NOW - POLICY.render_seconds - 1),
        TAKEN,
        lambda row: (row.step, len(row.renderings)) == (Step.FILES, 2),
    ),
    Example(
        "rendering_due",
        replace(TO_RENDER, attempts=1, outcome_at=NOW - POLICY.render_seconds),
        TAKEN,
        lambda row: (row.step, row.attempts, row.due_at, row.holder, row.rev) == (Step.RENDER, 1, NOW + 300, "w2", 2),
    ),
    Example("delivery_held", replace(TO_RENDER, due_at=NOW + 1, attempts=5), TAKEN, None),
    Example(
        "rendering_taken",
        replace(TO_RENDER, due_at=NOW + 60),
        see.RenderingTaken("r1", NOW + 900),
        lambda row: (row.step, row.attempts, row.due_at, row.holder, row.rev) == (Step.RENDER, 1, NOW + 900, "r1", 2),
    ),
    Example(states.LATE, replace(TO_RENDER, step=Step.FILES), see.RenderingTaken("r1", NOW + 900), None),
    Example(states.LATE, FINAL, see.RenderingTaken("r1", NOW + 900), None),
    Example(
        "rendered",
        replace(TO_RENDER, renderings=(Rendering(Output.MARKDOWN, 1),), attempts=1),
        see.Rendered(Rendering(Output.SEARCHABLE_PDF, 0, ("why",))),
        lambda row: (
            (row.renderings, row.to_render, row.step, row.attempts, row.rev)
            == ((Rendering(Output.MARKDOWN, 1), Rendering(Output.SEARCHABLE_PDF, 0, ("why",))), (), Step.RENDER, 1, 2)
        ),
    ),
    Example(
        "delivery_attempts_exhausted",
        replace(TO_RENDER, attempts=5, step=Step.PUBLISH, renderings=(Rendering(Output.MARKDOWN, 1),)),
        TAKEN,
        lambda row: (row.step, row.outcome, row.renderings) == (Step.FILES, Outcome.FAILED, ()),
    ),
    Example(
        "delivery_attempts_exhausted",
        replace(DELIVERING, attempts=5, step=Step.PUBLISH),
        TAKEN,
        lambda row: (
            (
                row.outcome,
                row.problem.reason,
                row.step,
                row.attempts,
                row.due_at,
                row.holder,
            )
            == (Outcome.FAILED, Reason.INTERNAL, Step.FILES, 1, NOW + 300, "w2")
        ),
    ),
    Example(
        "delivery_taken",
        DELIVERING,
        TAKEN,
        lambda row: (row.step, row.attempts, row.rev, row.due_at, row.holder) == (Step.FILES, 1, 2, NOW + 300, "w2"),
    ),
    Example(
        "delivery_taken",
        replace(DELIVERING, attempts=5, step=Step.NOTICE),
        TAKEN,
        lambda row: (row.step, row.outcome, row.attempts) == (Step.NOTICE, Outcome.SUCCEEDED, 6),
    ),
    Example(states.LATE, FINAL, TAKEN, None),
    Example(states.LATE, replace(RECOGNIZING, due_kind=DueKind.RECHECK), TAKEN, None),
    Example(
        "refused",
        ACCEPTED,
        see.Refused(
            replace(PROBLEM, reason=Reason.ENCRYPTED),
            replace(SOURCE, last_modified=NOW),
        ),
        lambda row: (
            (
                row.state,
                row.outcome,
                row.problem.reason,
                row.due_kind,
                row.due_at,
                row.source.last_modified,
            )
            == (
                DocumentState.DELIVERING,
                Outcome.FAILED,
                Reason.ENCRYPTED,
                DueKind.DELIVER,
                NOW,
                NOW,
            )
        ),
    ),
    *(
        Example(
            "refused",
            ACCEPTED,
            see.Refused(replace(PROBLEM, reason=reason), SOURCE),
            lambda row: row.outcome is Outcome.SKIPPED,
        )
        for reason in (Reason.UNSUPPORTED_TYPE, Reason.EMPTY_FILE, Reason.OBJECT_GONE)
    ),
    Example(
        "forbidden_too_long",
        replace(ACCEPTED, accepted_at=NOW - DAY_SECONDS - 1),
        see.Forbidden(NOW + 300),
        lambda row: (
            (row.state, row.outcome, row.problem.reason) == (DocumentState.DELIVERING, Outcome.FAILED, Reason.INTERNAL)
        ),
    ),
    Example(
        "forbidden",
        replace(ACCEPTED, accepted_at=NOW - DAY_SECONDS),
        see.Forbidden(NOW + 300),
        lambda row: (
            (row.state, row.due_at, row.attempts, row.consecutive_failures) == (DocumentState.ACCEPTED, NOW + 300, 0, 1)
        ),
    ),
    Example(
        "pages_known",
        ACCEPTED,
        see.PagesKnown(3, "application/pdf", OPTIONS, SOURCE),
        lambda row: (
            (
                row.state,
                row.pages,
                row.unfinished,
                row.options,
                row.due_at,
                row.attempts,
            )
            == (
                DocumentState.RECOGNIZING,
                3,
                frozenset({1, 2, 3}),
                OPTIONS,
                ACCEPTED.due_at,
                1,
            )
        ),
    ),
    Example(
        "returned",
        replace(RECOGNIZING, attempts=3, consecutive_failures=1),
        see.Returned(NOW + 7, failed=True),
        lambda row: (
            (row.state, row.due_at, row.attempts, row.consecutive_failures, row.rev)
            == (DocumentState.RECOGNIZING, NOW + 7, 0, 2, 2)
        ),
    ),
    Example(
        "returned",
        replace(ACCEPTED, consecutive_failures=4),
        see.Returned(NOW, failed=False),
        lambda row: (row.due_at, row.consecutive_failures) == (NOW, 0),
    ),
    Example(
        "returned",
        replace(DELIVERING, attempts=2),
        see.Returned(NOW + 3, failed=True),
        lambda row: (row.state, row.due_at, row.attempts) == (DocumentState.DELIVERING, NOW + 3, 0),
    ),
    Example(
        "concluded",
        RECOGNIZING,
        looked(RECOGNIZED, replace(RECOGNIZED, page=2)),
        lambda row: (
            (
                row.state,
                row.outcome,
                row.problem,
                row.pages_recognized,
                row.outcome_at,
                row.attempts,
            )
            == (DocumentState.DELIVERING, Outcome.SUCCEEDED, None, 2, NOW, 0)
        ),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, options=TO_RENDER.options),
        looked(FAILED, replace(RECOGNIZED, page=2)),
        lambda row: (row.step, row.due_at) == (Step.RENDER, NOW),
    ),
    Example(
        "concluded",
        replace(RECOGNIZING, options=TO_RENDER.options),
        looked(FAILED, replace(FAILED, page=2)),
        lambda row: row.step is None,
    ),
    Example(
        "concluded",
        RECOGNIZING,
        looked(FAILED, replace(RECOGNIZED, page=2)),
        lambda row: (row.outcome, row.problem, row.pages_recognized) == (Outcome.PARTIAL, PROBLEM, 1),
    ),
    Example(
        "concluded",
        RECOGNIZING,
        looked(FAILED, replace(FAILED, page=2)),
        lambda row: (
            (row.outcome, row.problem.reason, row.pages_recognized) == (Outcome.FAILED, Reason.REJECTED_BY_OCR, 0)
        ),
    ),
    Example(
        "pages_unsent",
        replace(RECOGNIZING, due_kind=DueKind.RECHECK),
        looked(RUNNING),
        lambda row: (
            (row.state, row.due_kind, row.due_at, row.rev) == (DocumentState.RECOGNIZING, DueKind.SUBMIT, NOW, 2)
        ),
    ),
    Example(
        "pages_unsent",
        replace(RECOGNIZING, due_kind=DueKind.RECHECK),
        looked(RECOGNIZED, replace(SUBMITTING, page=2)),
        lambda row: row.due_kind is DueKind.SUBMIT,
    ),
    Example(
        "every_page_sent",
        replace(RECOGNIZING, attempts=2, consecutive_failures=3),
        looked(RUNNING, replace(FAILED, page=2)),
        lambda row: (
            (row.state, row.due_kind, row.due_at, row.attempts, row.consecutive_failures)
            == (DocumentState.RECOGNIZING, DueKind.RECHECK, NOW + 900, 0, 0)
        ),
    ),
    Example(states.LATE, DELIVERING, looked(RECOGNIZED, replace(RECOGNIZED, page=2)), None),
    Example(states.LATE, FINAL, looked(RECOGNIZED, replace(RECOGNIZED, page=2)), None),
    Example(
        "step_begins",
        replace(DELIVERING, step=Step.FILES),
        see.StepBegins(Step.PUBLISH, NOW + 90),
        lambda row: (row.step, row.due_at, row.rev) == (Step.PUBLISH, NOW + 90, 2),
    ),
    Example(
        "notice_accepted",
        replace(DELIVERING, step=Step.NOTICE, attempts=1),
        see.NoticeAccepted(),
        lambda row: (
            (row.state, row.due_at, row.due_kind, row.outcome) == (DocumentState.FINAL, None, None, Outcome.SUCCEEDED)
        ),
    ),
    Example(
        "intent_of_another",
        replace(SUBMITTING, holder_rev=6),
        replace(CONSIDERED, attempts=9),
        None,
    ),
    Example(
        "attempts_exhausted_submitting",
        replace(SUBMITTING, holder_rev=4),
        replace(CONSIDERED, attempts=6),
        lambda row: given_up(row, unconfirmed=1),
    ),
    Example(
        "attempts_exhausted_waiting",
        WAITING,
        replace(CONSIDERED, attempts=6),
        lambda row: given_up(row, unconfirmed=0),
    ),
    Example(
        "intent_stale",
        replace(SUBMITTING, holder_rev=4, unconfirmed=1),
        CONSIDERED,
        lambda row: (row.state, row.unconfirmed) == (OperationState.WAITING, 2),
    ),
    Example(
        "unconfirmed",
        replace(WAITING, unconfirmed=3, holder_rev=4),
        CONSIDERED,
        failed_with(Reason.SUBMIT_UNCONFIRMED),
    ),
    Example(
        "unavailable_too_long",
        WAITING,
        replace(CONSIDERED, unavailable_for=3611.0),
        failed_with(Reason.OCR_UNAVAILABLE),
    ),
    Example(
        "breaks_the_service",
        replace(WAITING, breakdowns=40, holder_rev=4),
        CONSIDERED,
        failed_with(Reason.OCR_UNAVAILABLE),
    ),
    Example(
        "considered",
        WAITING,
        replace(CONSIDERED, attempts=5, unavailable_for=3610.0),
        None,
    ),
    Example("intent_of_another", SUBMITTING, CONSIDERED, None),
    Example(
        "intent",
        replace(WAITING, unconfirmed=1, holder_rev=4),
        see.SlotReserved(5, "r2"),
        lambda row: (
            (row.state, row.holder_rev, row.client_request_id, row.unconfirmed)
            == (OperationState.SUBMITTING, 5, "r2", 1)
        ),
    ),
    Example(
        "accepted",
        SUBMITTING,
        ACCEPTANCE,
        lambda row: (
            (
                row.state,
                row.described,
                row.submitted_at,
                row.deadline_at,
                row.due_kind,
                row.due_at,
            )
            == (OperationState.RUNNING, DESCRIBED, NOW, NOW + 3610, DueKind.ASK, NOW)
        ),
    ),
    *(
        Example(
            "accepted_late",
            row,
            ACCEPTANCE,
            lambda row: (
                (row.state, row.described, row.unconfirmed, row.holder_rev, row.trace)
                == (OperationState.RUNNING, DESCRIBED, 1, 5, ACCEPTANCE.trace)
            ),
        )
        for row in (
            replace(WAITING, holder_rev=5, unconfirmed=1),
            replace(SUBMITTING, holder_rev=7, unconfirmed=1),
        )
    ),
    *(
        Example(states.LATE, row, ACCEPTANCE, None)
        for final in (RUNNING, RECOGNIZED, FAILED)
        for row in (final, replace(final, holder_rev=7))
    ),
    Example(
        "intent_stale",
        replace(SUBMITTING, holder_rev=4),
        replace(CONSIDERED, attempts=POLICY.max_attempts),
        lambda row: (row.state, row.unconfirmed) == (OperationState.WAITING, 1),
    ),
    *(
        Example(
            "unconfirmed",
            replace(WAITING, unconfirmed=unconfirmed),
            CONSIDERED,
            failed_with(Reason.SUBMIT_UNCONFIRMED),
        )
        for unconfirmed in (POLICY.max_unconfirmed, POLICY.max_unconfirmed + 1)
    ),
    *(
        Example(
            "breaks_the_service", replace(WAITING, breakdowns=count), CONSIDERED, failed_with(Reason.OCR_UNAVAILABLE)
        )
        for count in (POLICY.max_breakdowns, POLICY.max_breakdowns + 1)
    ),
    Example(
        "not_taken",
        replace(SUBMITTING, unconfirmed=2),
        see.NotTaken(5),
        lambda row: (row.state, row.unconfirmed, row.breakdowns) == (OperationState.WAITING, 2, 0),
    ),
    Example(
        "not_taken",
        replace(SUBMITTING, breakdowns=2),
        see.NotTaken(5, breakdown=True),
        lambda row: (row.state, row.unconfirmed, row.breakdowns) == (OperationState.WAITING, 0, 3),
    ),
    Example(
        "rejected",
        SUBMITTING,
        see.Rejected(5, PROBLEM),
        failed_with(Reason.REJECTED_BY_OCR),
    ),
    Example(
        "answer_lost",
        SUBMITTING,
        see.AnswerLost(5),
        lambda row: (row.state, row.unconfirmed) == (OperationState.WAITING, 1),
    ),
    *(
        Example(states.LATE, row, seen, None)
        for row in (replace(SUBMITTING, holder_rev=7), replace(SUBMITTING, holder_rev=4), RUNNING, FAILED)
        for rule, seen in (
            (states.LATE, see.NotTaken(5)),
            (states.LATE, see.Rejected(5, PROBLEM)),
            (states.LATE, see.AnswerLost(5)),
        )
    ),
    Example(
        "unsendable",
        WAITING,
        see.Unsendable(replace(PROBLEM, reason=Reason.OBJECT_GONE)),
        failed_with(Reason.OBJECT_GONE),
    ),
    Example(
        "recognised",
        RUNNING,
        see.Recognised(),
        lambda row: (
            (row.state, row.due_at, row.due_kind, row.finished_at) == (OperationState.RECOGNIZED, None, None, NOW)
        ),
    ),
    Example(
        "unreadable",
        RUNNING,
        see.Unreadable(replace(PROBLEM, reason=Reason.INTERNAL)),
        failed_with(Reason.INTERNAL),
    ),
    Example(
        "failed_in_service",
        RUNNING,
        see.FailedInService(replace(PROBLEM, reason=Reason.FAILED_IN_OCR)),
        failed_with(Reason.FAILED_IN_OCR),
    ),
    Example(
        "expired",
        replace(RUNNING, submitted_at=NOW - 3 * DAY_SECONDS, deadline_at=NOW - DAY_SECONDS),
        see.NotDone(NOW),
        failed_with(Reason.RESULT_EXPIRED),
    ),
    Example(
        "deadline_exceeded",
        replace(RUNNING, deadline_at=NOW - 1),
        see.NotDone(NOW - 1),
        failed_with(Reason.DEADLINE_EXCEEDED),
    ),
    Example("not_done", RUNNING, see.NotDone(NOW), None),
    Example("not_done", replace(RUNNING, deadline_at=NOW - 1), see.NotDone(NOW - 2), None),
    Example(
        "ask_failed_expired",
        replace(RUNNING, submitted_at=NOW - 3 * DAY_SECONDS, deadline_at=NOW - DAY_SECONDS),
        see.AskFailed(NOW),
        failed_with(Reason.RESULT_EXPIRED),
    ),
    Example("ask_failed", replace(RUNNING, deadline_at=NOW - 1), see.AskFailed(NOW), None),
    *(
        Example(rule, replace(row, submitted_at=NOW - 4 * DAY_SECONDS, deadline_at=NOW - DAY_SECONDS), seen, None)
        for row in (RECOGNIZED, FAILED)
        for rule, seen in ((states.LATE, see.NotDone(NOW)), (states.LATE, see.AskFailed(NOW)))
    ),
    Example(
        "expired",
        replace(RUNNING, submitted_at=NOW - 4 * DAY_SECONDS, deadline_at=NOW - DAY_SECONDS),
        see.NotDone(NOW),
        failed_with(Reason.RESULT_EXPIRED),
    ),
    *(
        Example(rule, row, seen, None)
        for row in (RECOGNIZED, FAILED)
        for rule, seen in (
            (states.LATE, see.Recognised()),
            (states.LATE, see.Unreadable(PROBLEM)),
            (states.LATE, see.FailedInService(PROBLEM)),
            (states.LATE, see.NotDone(NOW)),
            (states.LATE, see.AskFailed(NOW)),
        )
    ),
]


def decide(example: Example, rules: tuple[Rule[Any, Any], ...]) -> states.Decision[Any]:
    if isinstance(example.row, Operation):
        return states.decide_operation(example.row, example.seen, NOW, POLICY, rules)
    return states.decide_document(example.row, example.seen, NOW, POLICY, rules)


def as_expected(example: Example, rules: tuple[Rule[Any, Any], ...]) -> bool:
    """Whether these rules decide the example as its own rule says, whatever the deciding rule is called."""
    try:
        decision = decide(example, rules)
    except states.NoRule:
        return False
    if example.holds is None or decision.row is None:
        return example.holds is None and decision.row is None
    try:
        return example.holds(decision.row)
    except AttributeError:
        # A row of another rule lacks what this example's row has, such as a problem.
        return False


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.rule)
def test_each_example_is_decided_by_its_rule(example: Example) -> None:
    decision = decide(example, states.RULES)
    assert decision.rule == example.rule
    assert as_expected(example, states.RULES)


@pytest.mark.parametrize("rule", states.RULES, ids=lambda rule: rule.id)
def test_each_rule_is_needed(rule: Rule[Any, Any]) -> None:
    """With the rule taken out, at least one of its examples is decided wrongly or not at all."""
    left = tuple(other for other in states.RULES if other is not rule)
    own = [example for example in EXAMPLES if example.rule == rule.id]
    assert own, f"the rule {rule.id} has no example"
    assert not all(as_expected(example, left) for example in own)


def test_rule_ids_are_unique() -> None:
    assert [rule for rule, count in Counter(rule.id for rule in states.RULES).items() if count > 1] == []


@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if example.holds],
    ids=lambda example: example.rule,
)
def test_what_is_written_keeps_the_invariants(example: Example) -> None:
    """A document that is not final has a due time, a final one none; a written document's rev is one higher."""
    row = decide(example, states.RULES).row
    assert row is not None
    if isinstance(row, Document):
        assert (row.due_at is None) == (row.state is DocumentState.FINAL)
        assert (row.due_kind is None) == (row.state is DocumentState.FINAL)
        assert row.rev == (example.row.rev + 1 if example.row else 1)
        if example.row:
            later = decide(replace(example, row=replace(example.row, rev=3)), states.RULES).row
            assert isinstance(later, Document)
            assert later.rev == 4
        assert (row.outcome is None) == (row.state in (DocumentState.ACCEPTED, DocumentState.RECOGNIZING))
    else:
        assert (row.due_at is not None) == (row.state is OperationState.RUNNING)
        assert row.unconfirmed >= example.row.unconfirmed


@pytest.mark.parametrize(
    "example",
    [
        example
        for example in EXAMPLES
        if example.rule in ("attempts_exhausted_unread", "refused", "forbidden_too_long", "concluded")
    ],
    ids=lambda example: example.rule,
)
def test_a_delivery_begins_without_a_setback(example: Example) -> None:
    """What went wrong before must not make it wait longer."""
    row = decide(replace(example, row=replace(example.row, consecutive_failures=7)), states.RULES).row
    assert isinstance(row, Document)
    assert (row.attempts, row.consecutive_failures, row.step) == (0, 0, Step.RENDER if row.to_render else None)


@pytest.mark.parametrize("row", [ACCEPTED, DELIVERING], ids=lambda row: str(row.state))
def test_more_attempts_than_are_allowed_by_now_are_too_many(row: Document) -> None:
    """The policy may have been changed since."""
    due = replace(row, attempts=POLICY.max_attempts + 3, due_at=NOW)
    decision = states.decide_document(due, TAKEN, NOW, POLICY)
    assert decision.rule in ("attempts_exhausted_unread", "delivery_attempts_exhausted")


@pytest.mark.parametrize("row", [RUNNING, RECOGNIZED, FAILED], ids=lambda row: str(row.state))
@pytest.mark.parametrize("holder_rev", [4, 5, 7])
def test_a_page_that_was_sent_is_never_considered(row: Operation, holder_rev: int) -> None:
    """Whatever is known of it: nothing may send it again, or fail it for not being sent."""
    worst = replace(row, holder_rev=holder_rev, unconfirmed=9, breakdowns=99)
    for seen in (CONSIDERED, replace(CONSIDERED, attempts=9), replace(CONSIDERED, unavailable_for=1e6)):
        with pytest.raises(states.NoRule):
            states.decide_operation(worst, seen, NOW, POLICY)


ANYTHING: list[Any] = [
    TAKEN,
    see.Refused(PROBLEM, SOURCE),
    see.Forbidden(NOW + 60),
    see.PagesKnown(2, "application/pdf", OPTIONS, SOURCE),
    see.Returned(NOW + 60, failed=True),
    looked(),
    looked(RECOGNIZED, replace(RECOGNIZED, page=2)),
    see.RenderingTaken("r1", NOW + 900),
    see.Rendered(Rendering(Output.MARKDOWN, 1)),
    see.StepBegins(Step.PUBLISH, NOW + 300),
    see.NoticeAccepted(),
]


@pytest.mark.parametrize("seen", ANYTHING, ids=lambda seen: type(seen).__name__)
@pytest.mark.parametrize("step", [None, *Step])
@pytest.mark.parametrize("attempts", [0, 9])
def test_a_final_document_stays_as_it_is_whatever_is_seen_of_it(seen: Any, step: Step | None, attempts: int) -> None:
    row = replace(FINAL, step=step, attempts=attempts, accepted_at=NOW - 9 * DAY_SECONDS)
    try:
        decision = states.decide_document(row, seen, NOW, POLICY)
    except states.NoRule:
        return
    assert decision.row is None
    assert "late" in decision.rule


@pytest.mark.parametrize("row", [RECOGNIZING, DELIVERING], ids=lambda row: str(row.state))
@pytest.mark.parametrize("seen", ANYTHING[1:4], ids=lambda seen: type(seen).__name__)
def test_what_was_looked_into_is_not_looked_into_again(row: Document, seen: Any) -> None:
    with pytest.raises(states.NoRule):
        states.decide_document(replace(row, accepted_at=NOW - 9 * DAY_SECONDS), seen, NOW, POLICY)


@pytest.mark.parametrize("step", [Step.FILES, Step.PUBLISH, Step.NOTICE])
def test_what_is_past_rendering_is_not_rendered(step: Step) -> None:
    row = replace(TO_RENDER, step=step)
    assert states.decide_document(row, see.RenderingTaken("r1", NOW + 900), NOW, POLICY).row is None
    with pytest.raises(states.NoRule):
        states.decide_document(row, see.Rendered(Rendering(Output.MARKDOWN, 1)), NOW, POLICY)


@pytest.mark.parametrize("due_in", [-1.0, 60.0])
def test_a_guarded_document_is_nobodys_to_send(due_in: float) -> None:
    row = replace(RECOGNIZING, due_kind=DueKind.RECHECK, due_at=NOW + due_in, attempts=9)
    decision = states.decide_document(row, TAKEN, NOW, POLICY)
    assert (decision.rule, decision.row) == (states.LATE, None)


@pytest.mark.parametrize("seen", [looked(), looked(RECOGNIZED)], ids=["none", "one"])
def test_a_fixed_outcome_is_not_looked_for_again(seen: see.OperationsRead) -> None:
    for row in (DELIVERING, FINAL):
        assert states.decide_document(row, seen, NOW, POLICY).rule == states.LATE


@pytest.mark.parametrize("outcome", Outcome)
def test_a_delivery_that_keeps_dying_becomes_a_failure_once(outcome: Outcome) -> None:
    row = replace(DELIVERING, outcome=outcome, problem=PROBLEM, attempts=POLICY.max_attempts, step=Step.PUBLISH)
    decision = states.decide_document(row, TAKEN, NOW, POLICY)
    assert decision.rule == "delivery_attempts_exhausted"
    assert decision.row is not None
    again = replace(decision.row, attempts=POLICY.max_attempts, due_at=NOW)
    assert states.decide_document(again, TAKEN, NOW, POLICY).rule == "delivery_taken"


def test_rendering_that_died_more_often_than_is_allowed_by_now_is_given_up() -> None:
    row = replace(TO_RENDER, attempts=POLICY.render_attempts + 3)
    assert states.decide_document(row, TAKEN, NOW, POLICY).rule == "rendering_given_up"


def test_a_new_document_is_in_its_first_go() -> None:
    row = states.decide_document(None, see.Uploaded("d1", SOURCE, "w1", NOW + 300), NOW, POLICY).row
    assert row is not None
    assert row.submit_passes == 1


def test_what_a_look_showed_is_kept() -> None:
    source = replace(SOURCE, etag="another", size=11)
    row = states.decide_document(ACCEPTED, see.PagesKnown(3, "image/png", OPTIONS, source), NOW, POLICY).row
    assert row is not None
    assert (row.source, row.pages, row.media_type, row.options) == (source, 3, "image/png", OPTIONS)


def test_the_first_failed_page_stands_for_a_partial_document() -> None:
    pages = [
        replace(FAILED, page=number, problem=replace(PROBLEM, what=f"page {number}")) if number > 1 else RECOGNIZED
        for number in (3, 1, 2)
    ]
    row = states.decide_document(replace(RECOGNIZING, pages=3), looked(*pages), NOW, POLICY).row
    assert row is not None
    assert row.outcome is Outcome.PARTIAL
    assert row.problem is not None
    assert row.problem.what == "page 2"


def test_a_final_document_has_no_holder_and_no_setback() -> None:
    row = replace(DELIVERING, consecutive_failures=7, attempts=1, step=Step.NOTICE)
    final = states.decide_document(row, see.NoticeAccepted(), NOW, POLICY).row
    assert final is not None
    assert (final.holder, final.consecutive_failures, final.attempts) == ("", 0, 0)


def test_a_page_that_is_given_up_keeps_the_count_of_what_may_have_been_billed() -> None:
    row = replace(SUBMITTING, holder_rev=4, unconfirmed=1)
    after = states.decide_operation(row, replace(CONSIDERED, attempts=9), NOW, POLICY).row
    assert after is not None
    assert after.unconfirmed == 2


def test_what_cannot_happen_is_said_aloud() -> None:
    with pytest.raises(states.NoRule):
        states.decide_document(ACCEPTED, see.NoticeAccepted(), NOW, POLICY)
    with pytest.raises(states.NoRule):
        states.decide_operation(WAITING, see.Recognised(), NOW, POLICY)
    with pytest.raises(states.NoRule):
        # An answer comes after the intent that it was sent with.
        states.decide_operation(replace(SUBMITTING, holder_rev=4), ACCEPTANCE, NOW, POLICY)
