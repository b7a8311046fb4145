"""Problems and errors say why, what was wrong and what to do, and carry the exchange they come from."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from documentation import TOP
from pagekit.errors import Reason as FileReason
from pagekit.errors import Refusal
from pagekit.pdf.page_tree import too_many_pages
from textdrop.core import options, page_ranges, problems
from textdrop.core.documents import Operation, OperationState, Problem
from textdrop.core.errors import InvalidOptions, OcrUnreachable, Reason, Trace

OPERATION = Operation("d", 1, 1, OperationState.RUNNING, submitted_at=1.0)
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


# --- what to do -------------------------------------------------------------------------------------------------------


def of_options(metadata: dict[str, str], model: str = "page") -> Problem:
    with pytest.raises(InvalidOptions) as raised:
        options.resolve(metadata, "ru", model)
    return problems.of_refusal(raised.value)


def of_pages(pages: str, file_pages: int, max_pages: int) -> Problem:
    with pytest.raises((InvalidOptions, Refusal)) as raised:
        page_ranges.chosen(pages, file_pages, max_pages)
    assert isinstance(raised.value, InvalidOptions | Refusal)
    return problems.of_refusal(raised.value)


PROBLEMS: list[tuple[Problem, bool, bool]] = [
    # the problem, whether its advice names the retry, whether it asks for another upload
    (problems.attempts_exhausted(5), False, True),
    (problems.delivery_attempts_exhausted(5), True, False),
    (problems.unconfirmed(3), True, False),
    (problems.unavailable(3600.0), True, False),
    (problems.breakdowns(40), True, True),
    (problems.deadline_exceeded(OPERATION, 3601.0), True, False),
    (problems.result_expired(OPERATION), True, False),
    (problems.rejected(TRACE), True, True),
    (problems.failed_in_service(TRACE), True, False),
    (problems.result_too_large(TRACE), False, True),
    (problems.object_gone(), False, True),
    (problems.forbidden(), True, False),
    (problems.cancelled(), True, False),
    (problems.source_deleted(), False, True),
    (problems.deleted(), False, True),
    (of_options({"ocr-lang": "ru"}), True, False),
    (of_options({"ocr-model": "x"}), True, False),
    (of_options({"ocr-pages": "0"}), True, False),
    (of_options({}, model="x"), True, False),
    (of_options({"ocr-languages": "tlh"}), True, False),
    (of_pages("7-", 3, 5_000), True, False),
    (of_pages("all", 6_000, 5_000), True, True),
    (problems.of_refusal(too_many_pages(1)), True, True),
]


@pytest.mark.parametrize(("problem", "retry", "upload"), PROBLEMS, ids=lambda value: getattr(value, "reason", None))
def test_a_file_that_needs_no_mending_is_retried(problem: Problem, retry: bool, upload: bool) -> None:
    assert (
        "textdrop retry" in problem.advice,
        re.search(r"(?i)\bupload (the file|it|those)\b", problem.advice) is not None,
    ) == (retry, upload)
    assert problem.advice[0].isupper()
    assert (problem.what[-1], problem.advice[-1]) == (".", ".")


def test_the_page_of_results_has_their_words() -> None:
    page = (TOP / "docs" / "results.md").read_text("utf-8").replace("\\*", "*")
    rows = re.findall(r"^\| `(\w+)` \| (?:skipped|failed|cancelled) \| (.*) \| (.*) \|$", page, re.MULTILINE)
    of_files = {str(reason) for reason in FileReason} - {FileReason.TOO_MANY_PAGES}
    ours = {
        (problem.reason, problem.what, problem.advice) for problem, _, _ in PROBLEMS if problem != problems.deleted()
    }
    assert {row for row in rows if row[0] not in of_files} <= ours
    # One wrong option stands for the others.
    assert {row for row in ours if row[0] is not Reason.INVALID_OPTIONS} <= set(rows)


def test_every_problem_of_ours_is_among_them() -> None:
    ours = {name for name, each in vars(problems).items() if getattr(each, "__module__", "") == problems.__name__}
    ours -= {"of_refusal", "no_page_has_text"}
    assert len({(problem.what, problem.advice) for problem, _, _ in PROBLEMS[: len(ours)]}) == len(ours)
