"""Problems say why, what was wrong and what to do, and carry the exchange they come from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pagekit.errors import Reason as FileReason
from pagekit.errors import Refusal
from textdrop.core import problems
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import Operation, OperationState, Problem
from textdrop.core.errors import SKIPPED, InvalidOptions, Reason, Trace

NOW = 1_800_000_000.0
TRACE = Trace(400, 3, "bad image", "c1", "r1", "s1")
RUNNING = Operation(
    "d1", 1, 2, OperationState.RUNNING, described=OperationDescription("op1"), submitted_at=NOW - 3_660, trace=TRACE
)


@pytest.mark.parametrize(
    ("problem", "reason", "what", "trace"),
    [
        (problems.attempts_exhausted(5), Reason.INTERNAL, "broke off 5 times", Trace()),
        (problems.delivery_attempts_exhausted(5), Reason.INTERNAL, "broke off 5 times", Trace()),
        (problems.unconfirmed(3), Reason.SUBMIT_UNCONFIRMED, "may have been billed", Trace()),
        (problems.unavailable(3_610.0), Reason.OCR_UNAVAILABLE, "for 60 minutes", Trace()),
        (problems.unavailable(3_590.0), Reason.OCR_UNAVAILABLE, "for 60 minutes", Trace()),
        (problems.deadline_exceeded(RUNNING, NOW), Reason.DEADLINE_EXCEEDED, "61 minutes after", TRACE),
        (problems.deadline_exceeded(RUNNING, NOW + 50.0), Reason.DEADLINE_EXCEEDED, "62 minutes after", TRACE),
        (problems.result_expired(RUNNING), Reason.RESULT_EXPIRED, "three days", TRACE),
        (problems.rejected(TRACE), Reason.REJECTED_BY_OCR, "refused the page", TRACE),
        (problems.failed_in_service(TRACE), Reason.FAILED_IN_OCR, "failed to recognise", TRACE),
        (problems.result_too_large(TRACE), Reason.INTERNAL, "too large to be read", TRACE),
        (problems.object_gone(), Reason.OBJECT_GONE, "deleted or replaced", Trace()),
    ],
)
def test_a_problem_names_reason_what_and_advice(problem: Problem, reason: Reason, what: str, trace: Trace) -> None:
    assert problem.reason is reason
    assert what in problem.what
    assert problem.trace == trace
    assert problem.advice.endswith(".")


def test_a_refusal_is_stated_as_it_is() -> None:
    refusal = Refusal(FileReason.ENCRYPTED, "The PDF asks for a password.", "Save it without one.")
    assert problems.of_refusal(refusal) == Problem(Reason.ENCRYPTED, refusal.what, refusal.advice)
    invalid = InvalidOptions("There is no model x.", "Choose another.")
    assert problems.of_refusal(invalid) == Problem(Reason.INVALID_OPTIONS, invalid.what, invalid.advice)


@pytest.mark.parametrize("reason", FileReason)
def test_every_reason_of_a_file_is_one_of_ours(reason: FileReason) -> None:
    assert str(problems.of_refusal(Refusal(reason, "What.", "Advice.")).reason) == str(reason)


@pytest.mark.parametrize("make", [problems.rejected, problems.failed_in_service, problems.result_too_large])
def test_the_services_words_stay_in_the_trace(make: Callable[[Trace], Problem]) -> None:
    problem = make(TRACE)
    assert "bad image" not in problem.what + problem.advice


def test_what_there_was_nothing_to_recognise_in_is_skipped() -> None:
    assert {Reason.UNSUPPORTED_TYPE, Reason.EMPTY_FILE, problems.object_gone().reason} == SKIPPED


def test_the_first_page_stands_for_a_document_without_text() -> None:
    first, second = problems.rejected(TRACE), problems.unconfirmed(3)
    assert problems.no_page_has_text([first]) == first
    both = problems.no_page_has_text([first, second])
    assert both.what == "All 2 pages failed; the first: The OCR service refused the page."
    assert (both.reason, both.advice, both.trace) == (first.reason, first.advice, first.trace)
