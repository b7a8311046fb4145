"""Problems that arise from our own decisions: in plain words, what was wrong and what to do."""

from __future__ import annotations

from dataclasses import replace

from pagekit.errors import Refusal
from textdrop.core.documents import Operation, Problem
from textdrop.core.errors import InvalidOptions, Reason, Trace

RETRY = "retry the document (textdrop retry)"
"""What to do if the file itself is fine: pages that were recognised are not paid for again."""

UPLOAD_AGAIN = "Upload the file again if its text is still wanted."


def of_refusal(refusal: Refusal | InvalidOptions) -> Problem:
    """The problem behind a refusal. Each reason of pagekit is one of ours, with the same name."""
    reason = Reason(refusal.reason) if isinstance(refusal, Refusal) else Reason.INVALID_OPTIONS
    return Problem(reason, refusal.what, refusal.advice)


def attempts_exhausted(attempts: int) -> Problem:
    """The document's workers died too often."""
    return Problem(
        Reason.INTERNAL,
        f"Processing this file broke off {attempts} times, without an error that could be caught.",
        "Check that the file opens in a viewer, save it again (for a PDF: print it to PDF) and upload it again.",
    )


def delivery_attempts_exhausted(attempts: int) -> Problem:
    """The delivery's workers died too often."""
    return Problem(
        Reason.INTERNAL,
        f"Writing the result broke off {attempts} times. The pages as received are kept in the results bucket.",
        f"Raise the deliver function's memory or timeout, then {RETRY}: they are not paid for again.",
    )


def unconfirmed(unconfirmed: int, client_request_id: str = "") -> Problem:
    """Too many submits whose answers were lost; each may have been billed. The id is the last one's."""
    return Problem(
        Reason.SUBMIT_UNCONFIRMED,
        f"The page was sent {unconfirmed} times and the answer was lost each time, so each may have been billed.",
        f"Check the network between the stack and the OCR service, then {RETRY}.",
        Trace(client_request_id=client_request_id),
    )


def unavailable(seconds: float) -> Problem:
    """The service could not be reached for longer than the document's deadline."""
    return Problem(
        Reason.OCR_UNAVAILABLE,
        f"The OCR service has been unavailable for {seconds / 60:.0f} minutes.",
        f"Look at the service's status page, and {RETRY} once the service works.",
    )


def breakdowns(times: int) -> Problem:
    """The service failed at this page each time, while it took others."""
    return Problem(
        Reason.OCR_UNAVAILABLE,
        f"The OCR service answered {times} times that it failed to take the page.",
        f"{RETRY.capitalize()} later. If it happens again, save the file again and upload it again, or ask the "
        "service's support.",
    )


def deadline_exceeded(operation: Operation, now: float) -> Problem:
    """The service has not finished within the deadline."""
    age = now - (operation.submitted_at or now)
    return Problem(
        Reason.DEADLINE_EXCEEDED,
        f"The OCR service had not finished {age / 60:.0f} minutes after it took the page.",
        f"To ask for the page once more, {RETRY}. If it happens again, give the operation's id to the service's "
        "support.",
        operation.trace,
    )


def result_expired(operation: Operation) -> Problem:
    """The service keeps results for three days."""
    return Problem(
        Reason.RESULT_EXPIRED,
        "The OCR service no longer has the result: it keeps results for three days.",
        f"To send the page again, {RETRY}.",
        operation.trace,
    )


def rejected(trace: Trace) -> Problem:
    """The service refused the page at submit."""
    return Problem(
        Reason.REJECTED_BY_OCR,
        "The OCR service refused the page.",
        "See the service's code and message in the result or error file. If the file is wrong, correct it and upload "
        f"it again; if its options or the stack are, correct those and {RETRY}.",
        trace,
    )


def failed_in_service(trace: Trace) -> Problem:
    """The service took the page and failed to recognise it."""
    return Problem(
        Reason.FAILED_IN_OCR,
        "The OCR service failed to recognise the page.",
        f"See the service's code and message in the result or error file. If the file looks right, {RETRY}.",
        trace,
    )


def result_too_large(trace: Trace) -> Problem:
    """The result has more bytes, values or levels than we read."""
    return Problem(
        Reason.INTERNAL,
        "The OCR service's result for the page is too large to be read.",
        "Split the page into several with less text on each and upload those. If there is little text on it, give the "
        "operation's id to the service's support.",
        trace,
    )


def object_gone() -> Problem:
    """The upload is no longer in the bucket."""
    return Problem(
        Reason.OBJECT_GONE,
        "The uploaded object was deleted or replaced before it could be read.",
        UPLOAD_AGAIN,
    )


def forbidden() -> Problem:
    """The uploaded object could not be read for as long as we try."""
    return Problem(
        Reason.INTERNAL,
        "The uploaded object is there, but the submit function may not read it.",
        "Let the submit function's role read the object and use its encryption key (or restore it from the archive), "
        f"then {RETRY}.",
    )


def no_page_has_text(problems: list[Problem]) -> Problem:
    """All pages of a document failed: the first page's problem stands for the document."""
    first = problems[0]
    if len(problems) == 1:
        return first
    return replace(first, what=f"All {len(problems)} pages failed; the first: {first.what}")


def cancelled() -> Problem:
    """A request cancelled the document."""
    return Problem(
        Reason.CANCELLED,
        "The document was cancelled by request.",
        f"To have it recognised after all, {RETRY}: pages that were recognised before are not paid for again.",
    )


def source_deleted() -> Problem:
    """The source was deleted while its pages were being sent."""
    return Problem(
        Reason.SOURCE_DELETED,
        "The uploaded object was deleted before all its pages were sent, so the rest was not sent.",
        UPLOAD_AGAIN,
    )


def deleted() -> Problem:
    """A request to delete the document came before its outcome."""
    return Problem(
        Reason.CANCELLED,
        "The document was deleted by request before it had an outcome.",
        UPLOAD_AGAIN,
    )
