"""IAM: turns an authorized key's signed token into one that the OCR service accepts."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from textdrop.adapters.yandex.authorized_key import AuthorizedKey, signed_token
from textdrop.adapters.yandex.connection import trust
from textdrop.adapters.yandex.failures import failure, retry_after_seconds, service_error
from textdrop.adapters.yandex.transport import Answer, Transport, service_url
from textdrop.adapters.yandex.values import SINGLE_BYTES, either, mapping, single
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrRejected,
    OcrThrottled,
    OcrUnreachable,
)

BASE_URL = "https://iam.api.cloud.yandex.net"

TOTAL_SECONDS = 5.0
"""The longest that an exchange takes, from resolving the host's name to the last byte."""

RENEW_SECONDS = 3600.0
"""A token lives for up to 12 hours; the service's documentation asks to take a new one every hour."""

_MIN_SECONDS = 10.0
_PART_OF_LIFE = 0.9


@dataclass(frozen=True, slots=True)
class Token:
    """An Authorization header's value, when to take a new one, and when it ends: both in epoch seconds."""

    authorization: str = field(repr=False)
    renew_at: float
    expires_at: float


def tokens_url(base_url: str) -> str:
    """The address where tokens are issued; it is also the audience of what is signed. Raises SettingsError."""
    return f"{service_url(base_url)}/iam/v1/tokens"


def token(url: str, key: AuthorizedKey, *, deadline: float, now: float) -> Token:
    """A fresh token for the key, by `deadline` (monotonic seconds) or in TOTAL_SECONDS, from `url` as `tokens_url`
    gives it. `now` in epoch seconds. One exchange, on a connection of its own.

    No request with the token has begun, so none of the errors leaves a submit in doubt. Raises OcrCredentialsMissing if
    IAM refuses the key; OcrThrottled; OcrUnreachable for anything else, including an answer that was lost or cannot be
    understood: asking again costs nothing. No error contains anything of the key, of what it signed or of the token.
    """
    jwt = signed_token(key, url, now)
    transport = Transport(
        connect_seconds=TOTAL_SECONDS,
        read_seconds=TOTAL_SECONDS,
        context=trust() if url.startswith("https:") else None,
    )
    try:
        answer = transport.exchange(
            "POST",
            url,
            {"content-type": "application/json", "accept-encoding": "identity"},
            json.dumps({"jwt": jwt}).encode(),
            deadline=min(deadline, time.monotonic() + TOTAL_SECONDS),
            max_bytes=SINGLE_BYTES,
        )
    except (OcrAnswerLost, OcrUnreachable) as error:
        kind = type(error.__cause__).__name__
        raise OcrUnreachable(f"no token from IAM ({kind}), so nothing was sent to the OCR service") from error
    finally:
        transport.new_connections()
    # If IAM repeats what was signed, the signature is removed: without it that is no credential.
    value = single(answer.body.replace(jwt.rpartition(".")[2].encode(), b"[signature]"))
    if not answer.is_success:
        raise _refusal(answer, value, now)
    text = either(mapping(value), "iamToken", "iam_token")
    if not isinstance(text, str) or not fits_a_header(text):
        raise OcrUnreachable(
            "IAM's answer holds no token, so nothing was sent to the OCR service: check the IAM base URL",
            answer.trace(),
        )
    renew_at, expires_at = times(either(mapping(value), "expiresAt", "expires_at"), now)
    return Token(f"Bearer {text}", renew_at, expires_at)


def times(expires: Any, now: float) -> tuple[float, float]:
    """When to renew the token, and when it ends.

    It is renewed after an hour, or after nine tenths of its life if that is shorter. With a wrong clock, or without a
    usable `expires`, the life may seem to be over already: it is renewed at most every 10 s for that, as a 401 renews
    it too.
    """
    try:
        at = datetime.fromisoformat(expires)
        expires_at = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        expires_at = now + RENEW_SECONDS
    life = (expires_at - now) * _PART_OF_LIFE
    return now + min(max(life, _MIN_SECONDS), RENEW_SECONDS), expires_at


def _refusal(answer: Answer, value: Any, now: float) -> OcrError:
    """The error for an answer that is no success: as `failures.failure` reads one to a submit, except that nothing is
    in doubt."""
    retry_after = retry_after_seconds(answer.headers, now)
    error = failure(
        answer.status, service_error(value), answer.trace(), submitting=True, retry_after_seconds=retry_after
    )
    trace = error.trace
    said = f"HTTP {answer.status}" + (f", code {trace.code}" if trace.code else "")
    match error:
        case OcrThrottled():
            return OcrThrottled(f"IAM is over a quota ({said})", trace, retry_after)
        case OcrCredentialsRefused() | OcrRejected():
            return OcrCredentialsMissing(
                f"IAM refuses the authorized key in the credentials secret ({said}): check that the key and its "
                "service account still exist, and in the region of the IAM base URL, or put a new key into the secret",
                trace,
            )
        case _:
            return OcrUnreachable(f"IAM failed ({said}), so nothing was sent to the OCR service", trace)


def fits_a_header(text: str) -> bool:
    """Whether the text may stand in an Authorization header after the scheme."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
