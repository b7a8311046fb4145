"""What the OCR service's refusals and breakdowns mean: one answer in, one error of `core.errors` out.

The HTTP status decides, and the gRPC code of the service's own body where it says more; never the text of a message.
See `failure` for the table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from textdrop.adapters.yandex.values import either, integer, mapping, text
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrCredentialsRefused,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    Trace,
)

MESSAGE_CHARACTERS = 500
MAX_RETRY_AFTER_SECONDS = 3600.0

# google.rpc.Code, and the status under which the service's gateway sends each.
CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED = 1, 2, 4, 5, 7
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, UNAUTHENTICATED = 8, 9, 10, 16
SCOPE = "yc.ai.vision.execute (which an API key that AI Studio made in one click lacks)"
_IF_REFUSED = (
    f"check the key, its scope {SCOPE}, its service account's role, and after a 403 whether a billing account is active"
)
_STATUS_OF_CODE = {
    CANCELLED: 499,
    UNKNOWN: 500,
    3: 400,
    DEADLINE_EXCEEDED: 504,
    NOT_FOUND: 404,
    6: 409,
    PERMISSION_DENIED: 403,
    RESOURCE_EXHAUSTED: 429,
    FAILED_PRECONDITION: 400,
    ABORTED: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    UNAUTHENTICATED: 401,
}


@dataclass(frozen=True, slots=True)
class ServiceError:
    """An error in the service's own words. `code` is 0 if only a status was given; `status` is never 0."""

    code: int
    status: int
    message: str


def service_error(value: Any) -> ServiceError | None:
    """The error in an answer's JSON, in either of the service's two shapes; None when it has neither.

    Unary methods: `{"code", "message", "details"}`. The streaming method: `{"error": {"grpcCode", "httpCode",
    "message", ...}}`. A code outside google.rpc.Code is not the service's: other gateways put a status there.
    """
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    whole = mapping(value)
    error = mapping(whole.get("error")) or whole
    code = integer(either(error, "grpcCode", "grpc_code", "code"))
    status = integer(either(error, "httpCode", "http_code")) if error is not whole else 0
    if code not in _STATUS_OF_CODE:
        code = 0
    if not 400 <= status <= 599:
        status = _STATUS_OF_CODE.get(code, 0)
    return ServiceError(code, status, bounded(error.get("message"))) if status else None


def bounded(message: Any) -> str:
    """A message of the service, at most 500 characters of it."""
    return text(message)[:MESSAGE_CHARACTERS]


def failure(
    status: int, error: ServiceError | None, trace: Trace, *, submitting: bool, retry_after_seconds: float | None = None
) -> OcrError:
    """What an answer that is no success means. `error` is the service's own body, None if there was no readable one.

    | answer                                     | submit                | ask                   |
    | 429, or code 8                             | OcrThrottled          | OcrThrottled          |
    | 401, 403, or code 16 or 7                  | OcrCredentialsRefused | OcrCredentialsRefused |
    | 408, 499, 502, 504, or code 1 or 4         | OcrAnswerLost         | OcrAnswerLost         |
    | other 5xx with / without the service's body| Unavailable / Lost    | Unavailable / Lost    |
    | 425, or code 10                            | OcrUnavailable        | OcrUnavailable        |
    | 404, 410, or code 5                        | see below             | OcrOperationUnknown   |
    | code 9                                     | OcrRejected           | OcrOperationUnknown   |
    | other 4xx                                  | OcrRejected           | OcrRejected           |
    | anything else: a redirect, 1xx             | OcrAnswerLost         | OcrAnswerMalformed    |

    408: gateways in front of a service also send it while the request is still being worked on, so it says nothing.
    404, 405 and 410 on a submit: with the service's own body it refuses this request; without it, the base URL is not
    the OCR service's, which is no fault of the document: OcrUnavailable, and all wait until the setting is corrected.
    Code 9 on an ask: the operation cannot be read in its state, so it means the same as a 404. A client of the service
    met it, with the status 400, for a result that was not ready. The same holds for an ask for the status.
    """
    code = error.code if error else 0
    trace = replace(trace, code=code, message=error.message if error else "")
    said = f"HTTP {status}" + (f", code {code}" if code else "")
    if status == 429 or code == RESOURCE_EXHAUSTED:
        return OcrThrottled(f"the OCR service is over a quota ({said})", trace, retry_after_seconds)
    if status in (401, 403) or code in (UNAUTHENTICATED, PERMISSION_DENIED):
        return OcrCredentialsRefused(f"the OCR service refused the credentials ({said}): {_IF_REFUSED}", trace)
    if status in (408, 499, 502, 504) or code in (CANCELLED, DEADLINE_EXCEEDED):
        return OcrAnswerLost(f"the OCR service's answer was lost on its side ({said})", trace)
    if 500 <= status <= 599:
        if error is None:
            return OcrAnswerLost(f"something other than the OCR service answered ({said})", trace)
        return OcrUnavailable(f"the OCR service failed ({said})", trace)
    if status == 425 or code == ABORTED:
        return OcrUnavailable(f"the OCR service did not begin ({said})", trace)
    if not submitting and (status in (404, 410) or code in (NOT_FOUND, FAILED_PRECONDITION)):
        return OcrOperationUnknown(f"the OCR service does not know the operation ({said})", trace)
    if submitting and error is None and status in (404, 405, 410):
        return OcrUnavailable(f"nothing recognises text at this address: check the base URL ({said})", trace)
    if 400 <= status <= 499:
        return OcrRejected(f"the OCR service refused the request ({said})", trace)
    unclear = f"the OCR service's answer cannot be understood ({said})"
    return OcrAnswerLost(unclear, trace) if submitting else OcrAnswerMalformed(unclear, trace)


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that Retry-After asks for, as a number or an HTTP date, from 0 to an hour. `now` in epoch seconds."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        at = _http_date(value)
        if at is None:
            return None
        seconds = at - now
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None


def date(headers: Mapping[str, str]) -> float | None:
    """When the answer was made, by its Date, in epoch seconds; None if it has no readable one."""
    return _http_date(headers.get("date", ""))


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text.strip()).timestamp()
    except (ValueError, OverflowError):
        return None
