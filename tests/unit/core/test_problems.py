"""Problems and errors say why, what was wrong and what to do, and carry the exchange they come from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pagekit.errors import Reason as FileReason
from pagekit.errors import Refusal
from textdrop.core import problems
from textdrop.core.documents import Problem
from textdrop.core.errors import InvalidOptions, OcrUnreachable, Reason, Trace

TRACE = Trace(400, 3, "bad image", "c1", "r1", "s1")


def test_a_refusal_is_stated_as_it_is() -> None:
    refusal = Refusal(FileReason.ENCRYPTED, "The PDF asks for a password.", "Save it without one.")
    assert problems.of_refusal(refusal) == Problem(Reason.ENCRYPTED, refusal.what, refusal.advice)
    invalid = InvalidOptions("There is no model x.", "Choose another.")
    assert problems.of_refusal(invalid) == Problem(Reason.INVALID_OPTIONS, invalid.what, invalid.advice)


@pytest.mark.parametrize("make", [problems.rejected, problems.failed_in_service, problems.result_too_large])
def test_the_services_words_stay_in_the_trace(make: Callable[[Trace], Problem]) -> None:
    problem = make(TRACE)
    assert "bad image" not in problem.what + problem.advice


def test_the_first_page_stands_for_a_document_without_text() -> None:
    first, second = problems.rejected(TRACE), problems.unconfirmed(3)
    assert problems.no_page_has_text([first]) == first
    both = problems.no_page_has_text([first, second])
    assert both.what == "All 2 pages failed; the first: The OCR service refused the page."
    assert (both.reason, both.advice, both.trace) == (first.reason, first.advice, first.trace)


def test_an_error_without_an_answer_has_a_trace_that_says_so() -> None:
    trace = OcrUnreachable("no connection").trace
    assert (trace.status, trace.code) == (0, 0)
    assert trace == Trace()
