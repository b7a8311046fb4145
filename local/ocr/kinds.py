"""Every kind of fault as a row of KINDS: what it does, to which requests, its parameters.

A kind acts at one of four places: `before` the service acts on a sound request (it may wait, or answer instead), on
the `operation` that a submit creates, on the `token` that IAM issues, or on an answer of 200 `after` it was made.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from local.ocr import reshaping
from local.ocr.protocol import (
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
    TARGETS,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Answer,
    error_answer,
    proxy_answer,
    stream_error,
)

ANY, OCR = "any", "ocr"
MEANT = {ANY: (SUBMIT, STATUS, RESULT), OCR: (SUBMIT, RESULT), **{target: (target,) for target in TARGETS}}
"""The methods that a target means. `ocr` is the OCR host, `status` the Operation host, `iam` the IAM host."""

CANCELLED, DEADLINE_EXCEEDED = 1, 4

Parameters = Mapping[str, Any]
Wait = Callable[[float], None]


@dataclass(frozen=True)
class Course:
    """What becomes of an operation.

    It takes `extra_seconds` longer and, if `error` is set, ends in it. `error_before_done`: its status shows the error
    from the beginning. `error_in_result`: getRecognition tells the error, else it says "not ready" for ever.
    `result_late_seconds`: so long after it is done the result cannot be read yet. `result_kept_seconds`: so long after
    it is done the result is gone, and with `operation_expires` the operation too. `with_response`: when done it
    carries an empty `response`.
    """

    extra_seconds: float = 0.0
    error: Mapping[str, Any] | None = None
    error_before_done: bool = False
    error_in_result: bool = True
    result_late_seconds: float = 0.0
    result_kept_seconds: float = math.inf
    operation_expires: bool = True
    with_response: bool = False


@dataclass(frozen=True)
class TokenLife:
    """For how many seconds a token works, and for how many `expiresAt` says it does."""

    seconds: float
    said_seconds: float


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kind: its default, what is allowed in words, and the check."""

    default: object
    allowed: str
    check: Callable[[Any], bool]


@dataclass(frozen=True)
class Kind:
    """One kind of fault: the targets it can have (the first is the default) and its effect, one of the four."""

    says: str
    targets: tuple[str, ...]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    before: Callable[[Parameters, str, Wait], Answer | None] | None = None
    operation: Callable[[Parameters, Course], Course] | None = None
    token: Callable[[Parameters, TokenLife], TokenLife] | None = None
    after: Callable[[Parameters, Answer, Wait], Answer] | None = None


def is_number(value: object) -> bool:
    """A number that is finite and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _seconds(default: float | None) -> Parameter:
    optional = default is None
    return Parameter(
        default,
        "a number of seconds from 0 to 3600" + (", or null" if optional else ""),
        lambda value: (optional and value is None) or (is_number(value) and 0 <= value <= 3600),
    )


def _one_of(default: object, *allowed: object) -> Parameter:
    names = ", ".join(map(str, allowed))
    return Parameter(default, f"one of {names}", lambda value: is_number(value) and value in allowed)


def _whole(default: int, least: int, most: int) -> Parameter:
    return Parameter(
        default,
        f"a whole number from {least} to {most}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
    )


def _text(default: str) -> Parameter:
    allowed = "printable text of at most 256 characters"
    return Parameter(
        default, allowed, lambda value: isinstance(value, str) and len(value) <= 256 and value.isprintable()
    )


def _flag(default: bool) -> Parameter:
    return Parameter(default, "true or false", lambda value: isinstance(value, bool))


_GRPC_CODE = _one_of(INTERNAL, *HTTP_OF_GRPC)
_SHARE = Parameter(0.5, "a number from 0, under 1", lambda value: is_number(value) and 0 <= value < 1)
_CONTENT_TYPE = Parameter(
    "application/octet-stream",
    "printable ASCII of at most 256 characters",
    lambda value: isinstance(value, str) and len(value) <= 256 and value.isascii() and value.isprintable(),
)


def _slow(parameters: Parameters, _target: str, wait: Wait) -> None:
    wait(parameters["seconds"])


def _slow_after(parameters: Parameters, answer: Answer, wait: Wait) -> Answer:
    wait(parameters["seconds"])
    return answer


def _cut_before(_parameters: Parameters, _target: str, _wait: Wait) -> Answer:
    return Answer(0, b"", cut=True)


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


def _reject(parameters: Parameters, target: str, _wait: Wait) -> Answer:
    return error_answer(target, parameters["code"], parameters["message"])


def _fail_operation(parameters: Parameters, course: Course, *, before_done: bool = False) -> Course:
    error = {"code": parameters["code"], "message": parameters["message"], "details": []}
    in_result = parameters.get("in_result", True)
    return replace(course, error=error, error_before_done=before_done, error_in_result=in_result)


def _expire(parameters: Parameters, course: Course) -> Course:
    return replace(course, result_kept_seconds=parameters["seconds"], operation_expires=parameters["operation"])


def _longer(parameters: Parameters, course: Course) -> Course:
    return replace(course, extra_seconds=course.extra_seconds + parameters["seconds"])


def _late(parameters: Parameters, course: Course) -> Course:
    return replace(course, result_late_seconds=parameters["seconds"])


def _short_life(parameters: Parameters, life: TokenLife) -> TokenLife:
    said = parameters["seconds"] if parameters["announced"] else life.said_seconds
    return TokenLife(parameters["seconds"], said)


def _cut_body(parameters: Parameters, answer: Answer, _wait: Wait) -> Answer:
    return replace(answer, sent_bytes=int(len(answer.body) * parameters["share"]))


def _zero_error(document: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": 0, "message": "", "details": []}, **document}


def _with_nanoseconds(body: bytes) -> bytes:
    return re.sub(rb"(:\d\d)Z", rb"\1.123456789Z", body)


def _body(reshape: Callable[..., bytes], *names: str) -> Callable[[Parameters, Answer, Wait], Answer]:
    """The effect of a reshaping of the body, which takes these parameters."""

    def after(parameters: Parameters, answer: Answer, _wait: Wait) -> Answer:
        return replace(answer, body=reshape(answer.body, *(parameters[name] for name in names)))

    return after


def _stream_error(body: bytes, code: int, message: str) -> bytes:
    return reshaping.error_in_stream(body, stream_error(code, message, HTTP_OF_GRPC[code]))


def _page_of_html(_parameters: Parameters, answer: Answer, _wait: Wait) -> Answer:
    return replace(proxy_answer(200), headers=answer.headers)


_ALL = (ANY, OCR, *TARGETS)
_SUBMIT_FIRST = (SUBMIT, STATUS, RESULT, IAM, OCR, ANY)
_RESULT_FIRST = (RESULT, STATUS, SUBMIT, IAM, OCR, ANY)
_BODY = {"body": _flag(True)}
_ERROR = {"code": _GRPC_CODE, "message": _text("recognition failed")}


def _of_result(says: str, change: Callable[[Any], Any]) -> Kind:
    return Kind(says, (RESULT,), after=_body(reshaping.each(change)))


def _of_any(says: str, change: Callable[[Any], Any]) -> Kind:
    return Kind(says, _RESULT_FIRST, after=_body(reshaping.each(change)))


KINDS: dict[str, Kind] = {
    "slow": Kind("the request waits, then is served", _ALL, {"seconds": _seconds(2.0)}, before=_slow),
    "slow_answer": Kind(
        "served (a submit: accepted), and the answer waits",
        _SUBMIT_FIRST,
        {"seconds": _seconds(2.0)},
        after=_slow_after,
    ),
    "lost_request": Kind(
        "nothing is done (not accepted), and the connection is cut", _SUBMIT_FIRST, before=_cut_before
    ),
    "lost_answer": Kind(
        "served (a submit: accepted), and the connection is cut without an answer",
        _SUBMIT_FIRST,
        after=lambda _parameters, answer, _wait: replace(answer, cut=True),
    ),
    "401": Kind(
        "the credentials are refused; without `body`, by a proxy's page",
        _SUBMIT_FIRST,
        _BODY,
        before=partial(_refuse, UNAUTHENTICATED, "The token is invalid", 401),
    ),
    "403": Kind(
        "the credentials may not do this (on `status`: an API key of the OCR scope alone)",
        _SUBMIT_FIRST,
        _BODY,
        before=partial(_refuse, PERMISSION_DENIED, "Permission denied", 403),
    ),
    "404": Kind(
        "not found: an operation unknown, expired or foreign, or a wrong address",
        (RESULT, STATUS, SUBMIT, IAM, OCR, ANY),
        _BODY,
        before=partial(_refuse, NOT_FOUND, "not found", 404),
    ),
    "413": Kind(
        "the body is too large; without `body`, by a proxy's page",
        (SUBMIT,),
        {"body": _flag(False)},
        before=partial(_refuse, INVALID_ARGUMENT, "request entity is too large", 413),
    ),
    "429": Kind(
        "throttled, with Retry-After unless it is null",
        _SUBMIT_FIRST,
        {"retry_after": _seconds(None)},
        before=_throttle,
    ),
    "499": Kind(
        "given up by the service, as for a heavy document",
        _SUBMIT_FIRST,
        _BODY,
        before=partial(_refuse, CANCELLED, "request is cancelled", 499),
    ),
    "5xx": Kind(
        "the service fails, with its own error body or with a proxy's page",
        _SUBMIT_FIRST,
        {"status": _one_of(503, 500, 502, 503, 504), **_BODY},
        before=_fail,
    ),
    "reject": Kind(
        "refused at submit as bad input",
        (SUBMIT,),
        {"code": _one_of(INVALID_ARGUMENT, INVALID_ARGUMENT, 9, 11), "message": _text("invalid image")},
        before=_reject,
    ),
    "slow_recognition": Kind("the recognition takes longer", (SUBMIT,), {"seconds": _seconds(30.0)}, operation=_longer),
    "never_done": Kind(
        "the recognition never ends",
        (SUBMIT,),
        operation=lambda _parameters, course: replace(course, extra_seconds=math.inf),
    ),
    "late_result": Kind(
        "the operation is done, and its result cannot be read for a moment",
        (SUBMIT,),
        {"seconds": _seconds(2.0)},
        operation=_late,
    ),
    "expired_result": Kind(
        "so long after the operation is done its result is gone, and with `operation` the operation too",
        (SUBMIT,),
        {"seconds": _seconds(0.0), "operation": _flag(True)},
        operation=_expire,
    ),
    "failing_operation": Kind(
        "accepted, and the recognition ends in an error; without `in_result`, getRecognition never tells it",
        (SUBMIT,),
        {**_ERROR, "in_result": _flag(True)},
        operation=_fail_operation,
    ),
    "error_before_done": Kind(
        "the status shows the error while `done` is still false",
        (SUBMIT,),
        _ERROR,
        operation=partial(_fail_operation, before_done=True),
    ),
    "done_with_response": Kind(
        "the finished operation carries a `response`, as documented",
        (SUBMIT,),
        operation=lambda _parameters, course: replace(course, with_response=True),
    ),
    "zero_error": Kind(
        "an `error` of code 0 in an operation that goes well",
        (STATUS, SUBMIT),
        after=_body(reshaping.each(_zero_error)),
    ),
    "nanosecond_times": Kind(
        "times with nine digits of a second", (STATUS, SUBMIT, ANY), after=_body(_with_nanoseconds)
    ),
    "cut_body": Kind(
        "the connection is cut after a share of the body", _RESULT_FIRST, {"share": _SHARE}, after=_cut_body
    ),
    "truncated_body": Kind(
        "a share of the body, sent as if it were whole",
        _RESULT_FIRST,
        {"share": _SHARE},
        after=_body(reshaping.truncated, "share"),
    ),
    "empty_body": Kind("200 without a body", _RESULT_FIRST, after=_body(lambda _body: b"")),
    "html_body": Kind("200 with a proxy's page", _RESULT_FIRST, after=_page_of_html),
    "wrong_types": _of_any("lists where texts belong, and texts where lists belong", reshaping.of_wrong_types),
    "not_utf8": Kind("letters beyond ASCII in another encoding than UTF-8", (RESULT,), after=_body(reshaping.not_utf8)),
    "chunked": Kind(
        "chunked transfer encoding",
        _RESULT_FIRST,
        after=lambda _parameters, answer, _wait: replace(answer, chunked=True),
    ),
    "content_type": Kind(
        "another Content-Type",
        _RESULT_FIRST,
        {"type": _CONTENT_TYPE},
        after=lambda parameters, answer, _wait: replace(answer, content_type=parameters["type"]),
    ),
    "large_body": Kind(
        "at least so many bytes, by a field nobody knows",
        _RESULT_FIRST,
        {"bytes": _whole(11_000_000, 1, 100_000_000)},
        after=_body(reshaping.padded, "bytes"),
    ),
    "unknown_fields": _of_any("fields nobody knows in every object", reshaping.with_unknown_fields),
    "null_fields": _of_any("null for what is inessential, empty, zero or false", reshaping.with_nulls),
    "missing_fields": _of_any("without what is inessential, empty, zero or false", reshaping.with_missing_fields),
    "no_full_text": _of_result("no `fullText`: text in the lines alone", reshaping.without_full_text),
    "no_blocks": _of_result("no `blocks`: text in `fullText` alone", reshaping.without_blocks),
    "blank_page": _of_result("a page on which nothing was found", reshaping.blank_page),
    "page_alone": _of_result("the page's number and nothing else", reshaping.page_alone),
    "bare": _of_result("no `result` around the page", reshaping.bare),
    "snake_case": _of_result(
        "the older shape: snake_case, text in `lines[].alternatives[].text`", reshaping.snake_case
    ),
    "pretty_printed": Kind("JSON over several lines", _RESULT_FIRST, after=_body(reshaping.pretty_printed)),
    "blank_lines": Kind("blank lines around the lines", (RESULT,), after=_body(reshaping.with_blank_lines)),
    "no_last_newline": Kind("the last line does not end", (RESULT,), after=_body(reshaping.without_last_newline)),
    "concatenated": Kind("two pages, nothing between them", (RESULT,), after=_body(reshaping.concatenated)),
    "pages_out_of_order": Kind(
        "so many pages, the last first",
        (RESULT,),
        {"pages": _whole(2, 2, 100)},
        after=_body(reshaping.out_of_order, "pages"),
    ),
    "missing_page": Kind(
        "so many pages, one in the middle missing",
        (RESULT,),
        {"pages": _whole(3, 3, 100)},
        after=_body(reshaping.with_missing_page, "pages"),
    ),
    "error_in_stream": Kind(
        "a first page, and an error in the second's place",
        (RESULT,),
        _ERROR,
        after=_body(_stream_error, "code", "message"),
    ),
    "short_token": Kind(
        "the token expires after so long; unless `announced`, `expiresAt` says otherwise",
        (IAM,),
        {"seconds": _seconds(0.0), "announced": _flag(True)},
        token=_short_life,
    ),
}
