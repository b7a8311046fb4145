"""The service's REST protocol: targets, answers, both error shapes, operations and result lines as JSON.

Source of every shape: the service's public API pages and recordings of its traffic. Proto3 JSON: 64-bit integers are
strings.
"""

import json
import secrets
import string
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

SUBMIT, STATUS, RESULT, IAM = "submit", "status", "result", "iam"
QUOTA_TARGETS = (SUBMIT, STATUS, RESULT)
TARGETS = (*QUOTA_TARGETS, IAM)
METHODS = {SUBMIT: "POST", STATUS: "GET", RESULT: "GET", IAM: "POST"}

IAM_AUDIENCE = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
IAM_PATH = "/iam/v1/tokens"

INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16

HTTP_OF_GRPC = {
    1: 499,
    2: 500,
    INVALID_ARGUMENT: 400,
    DEADLINE_EXCEEDED: 504,
    NOT_FOUND: 404,
    6: 409,
    PERMISSION_DENIED: 403,
    RESOURCE_EXHAUSTED: 429,
    FAILED_PRECONDITION: 400,
    10: 409,
    11: 400,
    12: 501,
    INTERNAL: 500,
    UNAVAILABLE: 503,
    15: 500,
    UNAUTHENTICATED: 401,
}

# The service account in whose name every operation is created: ids are 20 lower-case letters and digits.
CREATED_BY = "ajelocalocrservice00"
_ID_CHARACTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Answer:
    """One HTTP answer.

    `cut`: the connection is closed without a byte of it. `sent_bytes`: the connection is closed after that many bytes
    of the body, although its length said more; None sends the whole body.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: bool = False
    sent_bytes: int | None = None


class RefusedError(Exception):
    """A request is refused: the gRPC code, a message for the caller, the reason's name under which it is counted."""

    def __init__(self, code: int, message: str, reason: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason


def json_answer(value: object, status: int = 200) -> Answer:
    """An answer with a JSON body, with Cyrillic unescaped."""
    return Answer(status, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def error_answer(
    target: str, code: int, message: str, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """An error in the shape of the method: getRecognition streams, so it wraps its error; the others do not.

    `status`: an HTTP status other than that of the gRPC code.
    """
    status = HTTP_OF_GRPC[code] if status is None else status
    error: dict[str, Any] = {"code": code, "message": message, "details": []}
    if target == RESULT:
        phrase = _phrase(status)
        error = {"grpcCode": code, "httpCode": status, "message": message, "httpStatus": phrase, "details": []}
        error = {"error": error}
    return replace(json_answer(error, status), headers=headers or {})


def proxy_answer(status: int) -> Answer:
    """An error as a proxy before the service gives it: without the service's own body."""
    title = f"{status} {_phrase(status)}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return Answer(status, page.encode(), content_type="text/html")


def throttled_message(target: str, per_second: float) -> str:
    """What the service says when a quota is used up."""
    name = {SUBMIT: "ai.textRecognition.async", STATUS: "operation.get", RESULT: "ai.getRecognition"}[target]
    return f"{name}.rate rate quota limit exceed: allowed {per_second:g} requests"


def new_operation_id() -> str:
    """20 lower-case letters and digits."""
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(20))


def trace_headers() -> dict[str, str]:
    """The two headers by which the service's support finds a request."""
    trace = secrets.token_hex(8)
    return {"x-request-id": str(uuid.uuid4()), "x-server-trace-id": f"{trace}:{secrets.token_hex(8)}:{trace}:1"}


def operation_json(
    operation_id: str, created_at: float, modified_at: float, *, done: bool, error: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The Operation. A finished one without error has neither `response` nor `error`, as seen at the real service."""
    value: dict[str, Any] = {
        "id": operation_id,
        "description": "OCR async recognition",
        "createdAt": _rfc3339(created_at),
        "createdBy": CREATED_BY,
        "modifiedAt": _rfc3339(modified_at),
        "done": done,
        "metadata": None,
    }
    if error is not None:
        value["error"] = dict(error)
    return value


def result_line(annotation: Mapping[str, Any], page: int) -> bytes:
    """One line of getRecognition's JSON Lines; pages count from 0, as strings."""
    line = {"result": {"textAnnotation": annotation, "page": str(page)}}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _phrase(status: int) -> str:
    return "Client Closed Request" if status == 499 else HTTPStatus(status).phrase


def token_json(token: str, expires_at: float) -> dict[str, Any]:
    """The answer of the IAM endpoint, its time with nanoseconds."""
    nanoseconds = int(expires_at % 1 * 1e9)
    return {"iamToken": token, "expiresAt": f"{_rfc3339(expires_at)[:-1]}.{nanoseconds:09d}Z"}


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
