"""Every kind of fault as a row of KINDS: what it does, to which requests, its parameters and their defaults.

A kind acts at one of four places: `before` the service acts on a sound request (it may wait, or answer instead), on
the `operation` that a submit creates, on the `token` that IAM issues, or on an answer of 200 `after` it was made.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from local.ocr.protocol import (
    DEADLINE_EXCEEDED,
    FAILED_PRECONDITION,
    HTTP_OF_GRPC,
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
class Value:
    """What a field of a fault may be: `allowed` says in words what `allows` accepts. `default` applies if none is
    given."""

    allowed: str
    allows: Callable[[object], bool]
    default: Any = None


@dataclass(frozen=True)
class Course:
    """What becomes of an operation.

    It takes `extra_seconds` longer and, if `error` is set, ends in it. `error_in_result`: getRecognition reports the
    error; otherwise it says "not ready" forever. `result_late_seconds`: for that long after it is done the result
    cannot be read."""

    extra_seconds: float = 0.0
    error: Mapping[str, Any] | None = None
    error_in_result: bool = True
    result_late_seconds: float = 0.0


@dataclass(frozen=True)
class Kind:
    """One kind of fault: the targets it can have (the first is the default) and its effect, one of the four."""

    targets: tuple[str, ...]
    parameters: Mapping[str, Value] = field(default_factory=dict)
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
    return _refuse(_CODE_OF_STATUS[status], "service failure", status, parameters, target, wait)


def _fail_operation(parameters: Parameters, course: Course) -> Course:
    error = {"code": parameters["code"], "message": parameters["message"], "details": []}
    return replace(course, error=error, error_in_result=parameters["in_result"])


def _longer(parameters: Parameters, course: Course) -> Course:
    seconds = parameters["seconds"]
    return replace(course, extra_seconds=course.extra_seconds + (math.inf if seconds is None else seconds))


def _error_behind(parameters: Parameters, answer: Answer, _wait: Wait) -> Answer:
    """As getRecognition sends it after a page."""
    error = error_answer(RESULT, parameters["code"], parameters["message"])
    return replace(answer, body=answer.body + error.body + b"\n")


def _empty_words(parameters: Parameters, answer: Answer, _wait: Wait) -> Answer:
    """In another page after the existing ones, at three bytes a word."""
    words = ",".join(["{}"] * parameters["words"])
    page = f'{{"result":{{"textAnnotation":{{"blocks":[{{"lines":[{{"words":[{words}]}}]}}]}},"page":"1"}}}}\n'
    return replace(answer, body=answer.body + page.encode())


def _rewritten(answer: Answer, change: Callable[[Any], Any]) -> Answer:
    """With another JSON document. A body that has none, because another fault has changed it, stays as it is."""
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


def is_number(value: object, most: float) -> bool:
    """Whether it is a number, whole or not, from 0 to `most`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


def is_whole(value: object, most: float = math.inf) -> bool:
    """Whether it is a whole number from 0 to `most`."""
    return isinstance(value, int) and is_number(value, most)


def _is_text(value: object) -> bool:
    """Whether it is a text that UTF-8 can carry."""
    return isinstance(value, str) and re.search("[\ud800-\udfff]", value) is None


def _seconds(default: float | None, *, or_none: bool = False) -> Value:
    """Of at most a day; `or_none`: None is allowed too."""
    allowed = "a number of seconds from 0 to 86400" + (", or null" if or_none else "")
    return Value(allowed, lambda value: (or_none and value is None) or is_number(value, 86_400), default)


def _flag(default: bool) -> Value:
    return Value("true or false", lambda value: isinstance(value, bool), default)


def _error(code: int, message: str) -> dict[str, Value]:
    """The error's code and message."""
    codes = "a gRPC code from 1 to 16"
    return {
        "code": Value(codes, lambda value: is_whole(value) and value in HTTP_OF_GRPC, code),
        "message": Value("a text", _is_text, message),
    }


_CODE_OF_STATUS = {500: INTERNAL, 502: UNAVAILABLE, 503: UNAVAILABLE, 504: DEADLINE_EXCEEDED}
_SUBMIT_FIRST = (SUBMIT, STATUS, RESULT, IAM)
_RESULT_FIRST = (RESULT, STATUS, SUBMIT, IAM)
_SECONDS = {"seconds": _seconds(2.0)}
# Whether the service's own body comes, or a proxy's page.
_BODY = {"body": _flag(True)}
_STATUS = {"status": Value("500, 502, 503 or 504", lambda value: is_whole(value) and value in _CODE_OF_STATUS, 503)}
_FAILED = _error(INTERNAL, "recognition failed")

KINDS: dict[str, Kind] = {
    # The request waits before it is served; or it is served, and its answer waits.
    "slow": Kind(_SUBMIT_FIRST, _SECONDS, before=lambda given, _target, wait: wait(given["seconds"])),
    "slow_answer": Kind(_SUBMIT_FIRST, _SECONDS, after=_slow_after),
    # The connection is cut without an answer: before anything is done, or after the submit was accepted.
    "lost_request": Kind(_SUBMIT_FIRST, before=lambda *_: Answer(0, b"", cut=True)),
    "lost_answer": Kind(_SUBMIT_FIRST, after=lambda _, answer, _wait: replace(answer, cut=True)),
    # For a result that is not ready, instead of the 404 (as a client of the service has seen it).
    "400": Kind((RESULT, STATUS), _BODY, before=partial(_refuse, FAILED_PRECONDITION, "operation is not done", 400)),
    "401": Kind(_SUBMIT_FIRST, _BODY, before=partial(_refuse, UNAUTHENTICATED, "The token is invalid", 401)),
    "403": Kind(_SUBMIT_FIRST, _BODY, before=partial(_refuse, PERMISSION_DENIED, "Permission denied", 403)),
    # An operation unknown, expired or foreign, or a wrong address.
    "404": Kind(_RESULT_FIRST, _BODY, before=partial(_refuse, NOT_FOUND, "not found", 404)),
    "429": Kind(_SUBMIT_FIRST, {"retry_after": _seconds(None, or_none=True)}, before=_throttle),
    # Given up by the service, as for a heavy document.
    "499": Kind(_SUBMIT_FIRST, _BODY, before=partial(_refuse, CANCELLED, "request is cancelled", 499)),
    "5xx": Kind(_SUBMIT_FIRST, {**_STATUS, **_BODY}, before=_fail),
    # Bad input.
    "reject": Kind(
        (SUBMIT,),
        _error(INVALID_ARGUMENT, "invalid image"),
        before=lambda given, target, _wait: error_answer(target, given["code"], given["message"]),
    ),
    # The recognition takes that much longer; with None it never ends.
    "slow_recognition": Kind((SUBMIT,), {"seconds": _seconds(30.0, or_none=True)}, operation=_longer),
    "late_result": Kind(
        (SUBMIT,),
        _SECONDS,
        operation=lambda given, course: replace(course, result_late_seconds=given["seconds"]),
    ),
    "failing_operation": Kind((SUBMIT,), {**_FAILED, "in_result": _flag(True)}, operation=_fail_operation),
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
    # Over all limits, by an unknown field.
    "large_body": Kind(
        _RESULT_FIRST,
        {"bytes": Value("a whole number from 0 to 100000000", lambda value: is_whole(value, 100_000_000), 11_000_000)},
        after=lambda given, answer, _: _rewritten(answer, lambda told: {**told, "unknownField": "x" * given["bytes"]}),
    ),
    # Within the limit of bytes, over the limit of values.
    "empty_words": Kind(
        (RESULT,),
        {"words": Value("a whole number from 0 to 3000000", lambda value: is_whole(value, 3_000_000), 500_000)},
        after=_empty_words,
    ),
    # An error behind the page, under the status 200.
    "error_in_stream": Kind((RESULT,), _FAILED, after=_error_behind),
    # The token never works, whatever its `expiresAt` says.
    "dead_token": Kind((IAM,), token=True),
}
