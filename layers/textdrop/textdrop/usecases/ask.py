"""Asks the service for a running operation, and stores what it brings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textdrop.core import intervals, keys, problems
from textdrop.core.answers import NotReady, Recognition
from textdrop.core.documents import Operation, OperationState
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrAnswerTooLarge,
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
)
from textdrop.core.observations import (
    AskFailed,
    FailedInService,
    NotDone,
    OperationSeen,
    Recognised,
    Unreadable,
)
from textdrop.ports import PollPorts
from textdrop.usecases.transitions import transition_operation

UNAUTHENTICATED = 401
_ANSWERED = (OcrRejected, OcrCredentialsRefused, OcrUnavailable, OcrOperationUnknown)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an ask came to: the row afterwards (None: another worker was first, or it is gone), and for how many seconds
    nothing at all should be asked."""

    operation: Operation | None
    throttled_seconds: float = 0.0


def ask(ports: PollPorts, operation: Operation, typical_seconds: float) -> Asked:
    """Asks once. A result is stored before its row says so. Raises StoreUnavailable; the row is then as it was."""
    asked_at = ports.clock.now()
    throttled_seconds = 0.0
    try:
        seen = _result(ports, operation, asked_at, typical_seconds)
    except OcrThrottled as error:
        ports.journal.counted("AsksThrottled")
        retry_after_seconds = error.retry_after_seconds
        seconds = ports.policy.throttle_pause_seconds if retry_after_seconds is None else retry_after_seconds
        throttled_seconds = min(seconds, ports.policy.max_throttle_seconds)
        seen = AskFailed(asked_at)
        # A recognition that used up some resource of the service ends in the very code of a quota.
        if _overdue(operation, asked_at, typical_seconds):
            seen = _status(ports, operation, seen)
    return Asked(transition_operation(ports, operation, seen), throttled_seconds)


def _result(ports: PollPorts, operation: Operation, asked_at: float, typical_seconds: float) -> OperationSeen:
    """What the service has, as an observation; a whole result has been stored. Raises OcrThrottled."""
    operation_id = operation.described.id if operation.described else ""
    try:
        answer = ports.ocr.result(operation_id)
    except OcrThrottled:
        raise
    except OcrAnswerTooLarge as error:
        return Unreadable(problems.result_too_large(error.trace))
    except OcrError as error:
        seen = _unanswered(ports, operation, error, asked_at)
        # The service answered, without a result: it may still tell whether the operation failed. A 499 or 504 in its
        # own words may be the operation's, which was cancelled or took too long.
        own = error.trace.code != 0 and _overdue(operation, asked_at, typical_seconds)
        return _status(ports, operation, seen) if own or isinstance(error, _ANSWERED) else seen
    match answer:
        case Recognition(body, has_words):
            key = keys.page(operation.document_id, operation.run, operation.page)
            ports.results.put(key, body, keys.CONTENT_TYPES[keys.JSON])
            return Recognised(has_words, len(body))
        case NotReady():
            seen = NotDone(asked_at)
            return _status(ports, operation, seen) if _overdue(operation, asked_at, typical_seconds) else seen


def _overdue(operation: Operation, asked_at: float, typical_seconds: float) -> bool:
    return intervals.overdue(asked_at - (operation.submitted_at or asked_at), typical_seconds)


def _status(ports: PollPorts, operation: Operation, seen: OperationSeen) -> OperationSeen:
    """What the operation itself says, if it says that it failed; else `seen`."""
    operation_id = operation.described.id if operation.described else ""
    try:
        status = ports.ocr.status(operation_id)
    except OcrError as error:
        # Whether a key may read operations is not documented: the result alone is enough.
        ports.journal.failed("status_failed", error, document=operation.document_id, page=operation.page)
        return seen
    if status.error_code:
        said = replace(status.trace, code=status.error_code, message=status.error_message)
        return FailedInService(problems.failed_in_service(said))
    return seen


def _unanswered(ports: PollPorts, operation: Operation, error: OcrError, asked_at: float) -> OperationSeen:
    """What an error to an ask says of the page: an answer about this page runs its deadline, no answer does not."""
    ports.journal.failed("ask_failed", error, document=operation.document_id, page=operation.page)
    match error:
        case OcrUnreachable() | OcrUnavailable() | OcrAnswerLost() | OcrCredentialsMissing():
            return AskFailed(asked_at)
        case OcrCredentialsRefused() if error.trace.status == UNAUTHENTICATED:
            # The key is wrong for everything; the results stay in the service for three days.
            return AskFailed(asked_at)
        case _:
            return NotDone(asked_at)


def is_running(operation: Operation | None) -> bool:
    """Whether there is something to ask for."""
    return operation is not None and operation.state is OperationState.RUNNING
