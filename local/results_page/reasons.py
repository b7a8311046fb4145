"""Every reason with what it says: the program's own words, for files and rows that bring each about."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pikepdf
from PIL import Image

from textdrop.adapters.files.document import open_document
from textdrop.core import options, problems
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import Operation, OperationState, Outcome, Problem
from textdrop.core.errors import SKIPPED, Reason, Refusal, Trace
from textdrop.core.files import FileLimits
from textdrop.core.policy import Policy

HEAD = "| reason | outcome | what was wrong, for example | what to do |\n| --- | --- | --- | --- |\n"
LIMITS = FileLimits(max_pages=1)
SUBMITTED_AT = 1_773_480_415.0


def table() -> str:
    """All reasons, in the order of the closed list, each with everything that is said under it.

    Raises ValueError when nothing here brings a reason about.
    """
    said = [*_refused(), *_later()]
    missing = {str(reason) for reason in Reason} - {str(problem.reason) for problem in said}
    if missing:
        raise ValueError(f"no example for {', '.join(sorted(missing))}")
    return HEAD + "\n".join(_row(problem) for reason in Reason for problem in said if problem.reason is reason)


def _row(problem: Problem) -> str:
    outcome = Outcome.SKIPPED if problem.reason in SKIPPED else Outcome.FAILED
    advice = problem.advice.replace("*", "\\*")
    return f"| `{problem.reason}` | {outcome} | {problem.what} | {advice} |"


def _refused() -> list[Problem]:
    """What a look into the upload says."""
    return [
        _refused_file(b"II*\0"),
        _refused_file(b""),
        problems.object_gone(),
        _refused_file(_pdf()[:-200]),
        _refused_file(_pdf(encryption=pikepdf.Encryption(user="example", owner="example"))),
        _refused_file(_png(60, 50).ljust(12_345_678, b"\0")),
        _refused_file(_png(6_000, 5_000)),
        _refused_file(_pdf(pages=2)),
        _refusal(lambda: options.resolve({options.LANGUAGES: "ru tlh"}, "ru en", "page")),
    ]


def _refused_file(content: bytes) -> Problem:
    return _refusal(lambda: open_document(BytesIO(content), LIMITS))


def _later() -> list[Problem]:
    """What is said once a document is on its way."""
    policy = Policy()
    described = OperationDescription("fd8o8hrp4k2m1n0b7c6d")
    running = Operation("", 1, 1, OperationState.RUNNING, described=described, submitted_at=SUBMITTED_AT)
    trace = Trace(400, 3, "the service's own words")
    return [
        problems.rejected(trace),
        problems.failed_in_service(trace),
        problems.unavailable(policy.deadline_seconds(1)),
        problems.breakdowns(policy.max_breakdowns),
        problems.unconfirmed(policy.max_unconfirmed),
        problems.deadline_exceeded(running, SUBMITTED_AT + policy.deadline_seconds(1)),
        problems.result_expired(running),
        problems.attempts_exhausted(policy.max_attempts),
        problems.delivery_attempts_exhausted(policy.max_attempts),
        problems.result_too_large(trace),
        problems.forbidden(),
    ]


def _refusal(refused: Callable[[], object]) -> Problem:
    try:
        refused()
    except Refusal as refusal:
        return problems.of_refusal(refusal)
    raise ValueError("an example that was to be refused was not")


def _pdf(pages: int = 1, encryption: pikepdf.Encryption | None = None) -> bytes:
    file = BytesIO()
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page()
        document.save(file, encryption=encryption or False)
    return file.getvalue()


def _png(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()
