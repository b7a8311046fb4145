"""Every kind of fault as a row of KINDS: what it does, to which requests, its parameters and their defaults.

A kind acts at one of four places: `before` the service acts on a sound request (it may wait, or answer instead), on
the `operation` that a submit creates, on the `token` that IAM issues, or on an answer of 200 `after` it was made.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from local.ocr.protocol import (
    DEADLINE_EXCEEDED,
    IAM,
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    RESULT,
    STATUS,
    SUBMIT,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Answer,
    error_answer,
    proxy_answer,
)

CANCELLED = 1

Parameters = Mapping[str, Any]
Wait = Callable[[float], None]


@dataclass(frozen=True)
class Course:
    """What becomes of an operation.

    It takes `extra_seconds` longer and, if `error` is set, ends in it. `error_in_result`: getRecognition tells the
    error, else it says "not ready" for ever. `result_late_seconds`: so long after it is done the result cannot be read
    yet.
    """

    extra_seconds: float = 0.0
    error: Mapping[str, Any] | None = None
    error_in_result: bool = True
    result_late_seconds: float = 0.0


@dataclass(frozen=True)
class Kind:
    """One kind of fault: the targets it can have (the first is the default) and its effect, one of the four."""

    targets: tuple[str, ...]
    parameters: Parameters = field(default_factory=dict)
    before: Callable[[Parameters, str, Wait], Answer | None] | None = None
    operation: Callable[[Parameters, Course], Course] | None = None
    token: bool = False
    after: Callable[[Parameters, Answer, Wait], Answer] | None = None


def _slow_after(parameters: Parameters, answer: Answer, wait: Wait) -> Answer:
    wait(parameters["seconds"])
    return answer


def _refuse(code: int, message: str, status: int, parameters: Parameters, target: str, _wait: Wait) -> Answer:
    if not parameters["body"]:
        return proxy_answer(status)
    return error_answer(target, code, message, status=status)


def _throttle(parameters: Parameters, target: str, _wait: Wait) -> Answer:
    after = parameters["retry_after"]
    headers = {} if after is None else {"Retry-After": f"{after:g}"}
    return error_answer(target, RESOURCE_EXHAUSTED, "rate quota limit exceed", headers=headers)


def _fail(parameters: Parameters, target: str, wait: Wait) -> Answer:
    status = parameters["status"]
    code = {500: INTERNAL, 502: UNAVAILABLE, 503: UNAVAILABLE, 504: DEADLINE_EXCEEDED}[status]
    return _refuse(code, "service failure", status, parameters, target, wait)


def _fail_operation(parameters: Parameters, course: Course) -> Course:
    error = {"code": parameters["code"], "message": parameters["message"], "details": []}
    return replace(course, error=error, error_in_result=parameters["in_result"])


def _longer(parameters: Parameters, course: Course) -> Course:
    seconds = parameters["seconds"]
    return replace(course, extra_seconds=course.extra_seconds + (math.inf if seconds is None else seconds))


def _error_behind(parameters: Parameters, answer: Answer, _wait: Wait) -> Answer:
    """As getRecognition sends it behind a page."""
    error = error_answer(RESULT, parameters["code"], parameters["message"])
    return replace(answer, body=answer.body + error.body + b"\n")


def _rewritten(answer: Answer, change: Callable[[Any], Any]) -> Answer:
    """With another JSON document; a body that holds none, because another fault has been at it, stays as it is."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return answer
    return replace(answer, body=json.dumps(change(document), ensure_ascii=False).encode())


def _of_wrong_types(value: Any) -> Any:
    """A text for every list, and a list for every text."""
    if isinstance(value, dict):
        return {key: _of_wrong_types(item) for key, item in value.items()}
    if isinstance(value, list):
        return "list"
    return [value] if isinstance(value, str) else value


_SUBMIT_FIRST = (SUBMIT, STATUS, RESULT, IAM)
_RESULT_FIRST = (RESULT, STATUS, SUBMIT, IAM)
_SECONDS = {"seconds": 2.0}
# Whether the service's own body comes, or a proxy's page.
_BODY = {"body": True}
_FAILED = {"code": INTERNAL, "message": "recognition failed"}

KINDS: dict[str, Kind] = {
    # The request waits, then is served; it is served, and the answer waits.
    "slow": Kind(_SUBMIT_FIRST, _SECONDS, before=lambda given, _target, wait: wait(given["seconds"])),
    "slow_answer": Kind(_SUBMIT_FIRST, _SECONDS, after=_slow_after),
    # The connection is cut without an answer: before anything is done; after the submit was accepted.
    "lost_request": Kind(_SUBMIT_FIRST, before=lambda *_: Answer(0, b"", cut=True)),
    "lost_answer": Kind(_SUBMIT_FIRST, after=lambda _, answer, _wait: replace(answer, cut=True)),
    "401": Kind(_SUBMIT_FIRST, _BODY, before=partial(_refuse, UNAUTHENTICATED, "The token is invalid", 401)),
    "403": Kind(_SUBMIT_FIRST, _BODY, before=partial(_refuse, PERMISSION_DENIED, "Permission denied", 403)),
    # An operation unknown, expired or foreign, or a wrong address.
    "404": Kind(_RESULT_FIRST, _BODY, before=partial(_refuse, NOT_FOUND, "not found", 404)),
    "429": Kind(_SUBMIT_FIRST, {"retry_after": None}, before=_throttle),
    # Given up by the service, as for a heavy document.
    "499": Kind(_SUBMIT_FIRST, _BODY, before=partial(_refuse, CANCELLED, "request is cancelled", 499)),
    "5xx": Kind(_SUBMIT_FIRST, {"status": 503, **_BODY}, before=_fail),
    # Bad input.
    "reject": Kind(
        (SUBMIT,),
        {"code": INVALID_ARGUMENT, "message": "invalid image"},
        before=lambda given, target, _wait: error_answer(target, given["code"], given["message"]),
    ),
    # The recognition takes so much longer; with None it never ends.
    "slow_recognition": Kind((SUBMIT,), {"seconds": 30.0}, operation=_longer),
    "late_result": Kind(
        (SUBMIT,),
        _SECONDS,
        operation=lambda given, course: replace(course, result_late_seconds=given["seconds"]),
    ),
    "failing_operation": Kind((SUBMIT,), {**_FAILED, "in_result": True}, operation=_fail_operation),
    # Half of the body, and a cut connection; half of it, sent as if it were whole.
    "cut_body": Kind(_RESULT_FIRST, after=lambda _, answer, _wait: replace(answer, sent_bytes=len(answer.body) // 2)),
    "truncated_body": Kind(
        _RESULT_FIRST,
        after=lambda _, answer, _wait: replace(answer, body=answer.body[: len(answer.body) // 2]),
    ),
    "empty_body": Kind(_RESULT_FIRST, after=lambda _, answer, _wait: replace(answer, body=b"")),
    # 200 with a proxy's page.
    "html_body": Kind(_RESULT_FIRST, after=lambda _, answer, _wait: replace(proxy_answer(200), headers=answer.headers)),
    "wrong_types": Kind(_RESULT_FIRST, after=lambda _, answer, _wait: _rewritten(answer, _of_wrong_types)),
    # Over all limits, by a field nobody knows.
    "large_body": Kind(
        _RESULT_FIRST,
        {"bytes": 11_000_000},
        after=lambda given, answer, _: _rewritten(answer, lambda told: {**told, "unknownField": "x" * given["bytes"]}),
    ),
    # An error behind the page, under the status 200.
    "error_in_stream": Kind((RESULT,), _FAILED, after=_error_behind),
    # The token never works, whatever its `expiresAt` says.
    "dead_token": Kind((IAM,), token=True),
}
