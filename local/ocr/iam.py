"""The IAM endpoint: exchanges a JWT, signed with an authorized key, for an IAM token.

The rules are the service's own: PS256 over header and claims, `kid` the key's id, `iss` the service account's, `aud`
the address of the endpoint, `exp` at most an hour after `iat`.
"""

import base64
import json
from collections.abc import Collection, Iterable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from local.ocr.authorized_key import PublicKey
from local.ocr.protocol import UNAUTHENTICATED, RefusedError

MOST_LIFE_SECONDS = 3600
# How much the clocks of caller and service may differ; the real service's limit is not documented.
CLOCK_SKEW_SECONDS = 60

# RFC 7518, 3.5: the salt is as long as the hash, for the mask too.
_PADDING = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256().digest_size)


def check_jwt(jwt: object, keys: Iterable[PublicKey], audiences: Collection[object], now: float) -> PublicKey:
    """The key that signed a JWT which is valid at `now` (epoch seconds).

    Raises RefusedError, whose reason names the wrong part. The signature is checked before any claim is read.
    """
    try:
        head, claims, signature = str(jwt).split(".")
        header, said = json.loads(_decoded(head)), json.loads(_decoded(claims))
        signed, proof = f"{head}.{claims}".encode(), _decoded(signature)
    except (ValueError, RecursionError):
        raise _refused("jwt_form") from None
    if header.get("alg") != "PS256" or header.get("typ") != "JWT":
        raise _refused("jwt_algorithm")
    key = next((key for key in keys if key.key_id == header.get("kid")), None)
    if key is None:
        raise _refused("jwt_key_id")
    try:
        key.key.verify(proof, signed, _PADDING, hashes.SHA256())
    except InvalidSignature:
        raise _refused("jwt_signature") from None
    _check_claims(said, key, audiences, now)
    return key


def _check_claims(claims: dict[str, Any], key: PublicKey, audiences: Collection[object], now: float) -> None:
    if claims.get("iss") != key.service_account_id:
        raise _refused("jwt_issuer")
    if claims.get("aud") not in audiences:
        raise _refused("jwt_audience")
    issued_at, expires_at = claims.get("iat", 0), claims.get("exp", 0)
    if not (
        0 < expires_at - issued_at <= MOST_LIFE_SECONDS
        and issued_at <= now + CLOCK_SKEW_SECONDS
        and expires_at > now - CLOCK_SKEW_SECONDS
    ):
        raise _refused("jwt_times")


def _refused(reason: str) -> RefusedError:
    return RefusedError(UNAUTHENTICATED, f"the JWT is not in order: {reason}", reason)


def _decoded(part: str) -> bytes:
    """Base64url without padding, as RFC 7515 has it."""
    if "=" in part:
        raise ValueError
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
