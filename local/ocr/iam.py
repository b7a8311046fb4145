"""The IAM endpoint: a JWT signed with an authorized key for an IAM token, and the tokens that work.

The rules are the service's own: PS256 over header and claims, `kid` the key's id, `iss` the service account's, `aud`
the address of the endpoint, `exp` at most an hour after `iat`.
"""

import base64
import json
import re
import secrets
import threading
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from local.ocr.authorized_key import PublicKey
from local.ocr.protocol import INVALID_ARGUMENT, UNAUTHENTICATED, RefusedError

MOST_LIFE_SECONDS = 3600
# By how much the clocks of caller and service may differ; how much the service allows is not documented.
CLOCK_SKEW_SECONDS = 60

_BASE64URL = re.compile("[A-Za-z0-9_-]+")
# RFC 7518, 3.5: the salt is as long as the hash, for the mask too.
_PADDING = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256().digest_size)


class Tokens:
    """The tokens issued, each until its time is over. Safe to call from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expires_at: dict[str, float] = {}

    def issue(self, now: float, seconds: float) -> str:
        """A new token that works for so long; those whose time is over are forgotten."""
        token = f"t1.{secrets.token_urlsafe(60)}.{secrets.token_urlsafe(64)}"
        with self._lock:
            self._expires_at = {known: end for known, end in self._expires_at.items() if end > now}
            self._expires_at[token] = now + seconds
        return token

    def works(self, token: str, now: float) -> bool:
        """Whether the token was issued and has not expired."""
        with self._lock:
            expires_at = self._expires_at.get(token)
        return expires_at is not None and now < expires_at


def check_jwt(jwt: object, keys: Iterable[PublicKey], audiences: Iterable[str], now: float) -> PublicKey:
    """The key that signed a JWT which is in order at `now` (epoch seconds).

    Raises RefusedError, its reason naming the part that is wrong. The signature is checked before any claim is read.
    """
    if not isinstance(jwt, str) or not jwt:
        raise RefusedError(INVALID_ARGUMENT, "jwt is empty; expected a signed JWT", "jwt")
    parts = jwt.split(".")
    if len(parts) != 3:
        raise _refused("the JWT must have a header, claims and a signature", "jwt_form")
    header = _object(parts[0])
    if header.get("alg") != "PS256":
        raise _refused("the JWT's algorithm must be PS256", "jwt_algorithm")
    if header.get("typ", "JWT") != "JWT":
        raise _refused("the JWT's type must be JWT", "jwt_form")
    if not header.get("kid"):
        raise _refused("the required field 'kid' is missing from the JWT header", "jwt_key_id")
    key = next((key for key in keys if key.key_id == header["kid"]), None)
    if key is None:
        raise _refused("no such key", "jwt_key_id")
    try:
        key.key.verify(_decoded(parts[2]), f"{parts[0]}.{parts[1]}".encode(), _PADDING, hashes.SHA256())
    except InvalidSignature:
        raise _refused("the JWT's signature is not the key's", "jwt_signature") from None
    _check_claims(_object(parts[1]), key, audiences, now)
    return key


def _check_claims(claims: dict[str, Any], key: PublicKey, audiences: Iterable[str], now: float) -> None:
    if claims.get("iss") != key.service_account_id:
        raise _refused("the JWT's issuer is not the key's service account", "jwt_issuer")
    said = claims.get("aud")
    if not any(audience in (said if isinstance(said, list) else [said]) for audience in audiences):
        raise _refused("the JWT's audience is not this endpoint", "jwt_audience")
    issued_at, expires_at = _epoch_seconds(claims.get("iat")), _epoch_seconds(claims.get("exp"))
    if issued_at is None or expires_at is None:
        raise _refused("the JWT's iat and exp must be numbers of seconds", "jwt_times")
    if not 0 < expires_at - issued_at <= MOST_LIFE_SECONDS:
        raise _refused(f"the JWT's exp must be at most {MOST_LIFE_SECONDS} s after its iat", "jwt_times")
    if issued_at > now + CLOCK_SKEW_SECONDS:
        raise _refused("the JWT is issued in the future", "jwt_times")
    if expires_at <= now - CLOCK_SKEW_SECONDS:
        raise _refused("the JWT is expired", "jwt_times")


def _refused(message: str, reason: str) -> RefusedError:
    return RefusedError(UNAUTHENTICATED, message, reason)


def _epoch_seconds(value: object) -> float | None:
    """A NumericDate of RFC 7519."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _decoded(part: str) -> bytes:
    """Base64url without padding, as RFC 7515 has it."""
    if not _BASE64URL.fullmatch(part) or len(part) % 4 == 1:
        raise _refused("a part of the JWT is not base64url without padding", "jwt_form")
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        raise _refused("a part of the JWT is not JSON", "jwt_form") from None
    if not isinstance(value, dict):
        raise _refused("a part of the JWT is not a JSON object", "jwt_form")
    return value
