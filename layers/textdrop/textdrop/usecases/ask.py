"""Asks the service for a running operation, and stores the result."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textdrop.core import keys, problems
from textdrop.core.answers import Recognition
from textdrop.core.documents import Operation
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrAnswerTooLarge,
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
    OcrSecretUnreadable,
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
    """What an ask came to: the row afterwards (None: another worker was first, or the row is gone); whether the service
    answered with an error, so that the operation may have failed; and for how many seconds nothing of the kind should
    be asked."""

    operation: Operation | None
    may_have_failed: bool = False
    throttled_seconds: float = 0.0


def ask_result(ports: PollPorts, operation: Operation, status_asked: bool) -> Asked:
    """Asks once for the result, which is stored before its row says so.

    Unless `status_asked` (whether the operation failed has been asked) a page without a result stays running. Raises
    StoreUnavailable; the row is then as it was.
    """
    asked_at = ports.clock.now()
    seen: OperationSeen
    may_have_failed, throttled_seconds = False, 0.0
    try:
        answer = ports.ocr.result(_id(operation))
    except OcrThrottled as error:
        seen = AskFailed(asked_at, status_asked)
        # A recognition that used up some resource of the service ends in the same code as a quota.
        may_have_failed = True
        throttled_seconds = _throttled_seconds(ports, error)
    except OcrAnswerTooLarge as error:
        seen = Unreadable(problems.result_too_large(error.trace))
    except OcrError as error:
        _log_failed(ports, "ask_failed", operation, error)
        seen = (NotDone if _is_answer(error) else AskFailed)(asked_at, status_asked)
        # A 499 or 504 in the service's own words may be about the operation, which was cancelled or took too long.
        may_have_failed = error.trace.code != 0 or isinstance(error, _ANSWERED)
        throttled_seconds = _unread_seconds(ports, error)
    else:
        seen = _kept(ports, operation, answer) if isinstance(answer, Recognition) else NotDone(asked_at, status_asked)
    return Asked(transition_operation(ports, operation, seen), may_have_failed, throttled_seconds)


def ask_status(ports: PollPorts, operation: Operation) -> Asked:
    """Asks once whether the operation failed. Raises StoreUnavailable; the row is then as it was."""
    try:
        status = ports.ocr.status(_id(operation))
    except OcrThrottled as error:
        return Asked(operation, throttled_seconds=_throttled_seconds(ports, error))
    except OcrError as error:
        # It is not documented whether a key may read operations: the result alone is enough.
        _log_failed(ports, "status_failed", operation, error)
        return Asked(operation, throttled_seconds=_unread_seconds(ports, error))
    if not status.error_code:
        return Asked(operation)
    said = replace(status.trace, code=status.error_code, message=status.error_message)
    return Asked(transition_operation(ports, operation, FailedInService(problems.failed_in_service(said))))


def _id(operation: Operation) -> str:
    return operation.described.id if operation.described else ""


def _kept(ports: PollPorts, operation: Operation, answer: Recognition) -> Recognised:
    """A whole result has been stored."""
    key = keys.page(operation.document_id, operation.result_run, operation.page)
    ports.results.put(key, answer.body, keys.CONTENT_TYPES[keys.JSON])
    return Recognised(answer.has_words, len(answer.body))


def _throttled_seconds(ports: PollPorts, error: OcrThrottled) -> float:
    ports.journal.counted("AsksThrottled")
    seconds = ports.policy.throttle_pause_seconds if error.retry_after_seconds is None else error.retry_after_seconds
    return min(seconds, ports.policy.max_throttle_seconds)


def _unread_seconds(ports: PollPorts, error: OcrError) -> float:
    """For how long nothing is asked because the secret cannot be read: each ask would try to read it again, at a
    price."""
    return ports.policy.throttle_pause_seconds if isinstance(error, OcrSecretUnreadable) else 0.0


def _is_answer(error: OcrError) -> bool:
    """Whether an error is an answer about the page, so that the page's deadline applies."""
    match error:
        case OcrUnreachable() | OcrUnavailable() | OcrAnswerLost() | OcrCredentialsMissing() | OcrSecretUnreadable():
            return False
        case OcrCredentialsRefused() if error.trace.status == UNAUTHENTICATED:
            # The key is wrong for everything; the service keeps the results for three days.
            return False
        case _:
            return True


def _log_failed(ports: PollPorts, event: str, operation: Operation, error: OcrError) -> None:
    ports.journal.failed(event, error, document=operation.document_id, page=operation.page)
