"""Asks the service for a running operation, and stores what it brings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textdrop.core import keys, problems
from textdrop.core.answers import NotReady, Recognition
from textdrop.core.documents import Operation
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
    """What an ask came to: the row afterwards (None: another worker was first, or it is gone), whether the service
    answered with an error, so that the operation may have failed, and for how many seconds nothing of the kind should
    be asked."""

    operation: Operation | None
    may_have_failed: bool = False
    throttled_seconds: float = 0.0


def ask_result(ports: PollPorts, operation: Operation, may_give_up: bool) -> Asked:
    """Asks once for the result, which is stored before its row says so. Unless it `may_give_up`, a page without one
    stays running, however old it is. Raises StoreUnavailable; the row is then as it was."""
    asked_at = ports.clock.now()
    seen: OperationSeen
    may_have_failed, throttled_seconds = False, 0.0
    try:
        answer = ports.ocr.result(_id(operation))
    except OcrThrottled as error:
        # A recognition that used up some resource of the service ends in the very code of a quota.
        seen, may_have_failed, throttled_seconds = AskFailed(asked_at), True, _throttled_seconds(ports, error)
    except OcrAnswerTooLarge as error:
        seen = Unreadable(problems.result_too_large(error.trace))
    except OcrError as error:
        seen = _unanswered(ports, operation, error, asked_at)
        # A 499 or 504 in the service's own words may be the operation's, which was cancelled or took too long.
        may_have_failed = error.trace.code != 0 or isinstance(error, _ANSWERED)
    else:
        seen = _result(ports, operation, answer, asked_at)
    if isinstance(seen, NotDone | AskFailed) and not may_give_up:
        return Asked(operation, may_have_failed, throttled_seconds)
    return Asked(transition_operation(ports, operation, seen), may_have_failed, throttled_seconds)


def ask_status(ports: PollPorts, operation: Operation) -> Asked:
    """Asks once whether the operation failed. Raises StoreUnavailable; the row is then as it was."""
    try:
        status = ports.ocr.status(_id(operation))
    except OcrThrottled as error:
        return Asked(operation, throttled_seconds=_throttled_seconds(ports, error))
    except OcrError as error:
        # Whether a key may read operations is not documented: the result alone is enough.
        ports.journal.failed("status_failed", error, document=operation.document_id, page=operation.page)
        return Asked(operation)
    if not status.error_code:
        return Asked(operation)
    said = replace(status.trace, code=status.error_code, message=status.error_message)
    return Asked(transition_operation(ports, operation, FailedInService(problems.failed_in_service(said))))


def _id(operation: Operation) -> str:
    return operation.described.id if operation.described else ""


def _result(
    ports: PollPorts, operation: Operation, answer: Recognition | NotReady, asked_at: float
) -> Recognised | NotDone:
    """What the service answered, as an observation; a whole result has been stored."""
    if isinstance(answer, NotReady):
        return NotDone(asked_at)
    key = keys.page(operation.document_id, operation.run, operation.page)
    ports.results.put(key, answer.body, keys.CONTENT_TYPES[keys.JSON])
    return Recognised(answer.has_words)


def _throttled_seconds(ports: PollPorts, error: OcrThrottled) -> float:
    ports.journal.counted("AsksThrottled")
    seconds = ports.policy.throttle_pause_seconds if error.retry_after_seconds is None else error.retry_after_seconds
    return min(seconds, ports.policy.max_throttle_seconds)


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
