"""An authorized key of a service account: the file as Yandex Cloud issues it, and the tokens that it signs.

`cryptography` is imported only if such a key is used: it takes some 50 ms of a cold start, which an API key saves.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textdrop.core.errors import OcrCredentialsMissing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LIFETIME_SECONDS = 3600
"""The most that a signed token may last: IAM accepts no more."""

_ADVICE = (
    "make an authorized key of a service account with the role ai.vision.user and put its file, "
    'as downloaded, into the credentials secret (or {"api_key": "..."} with an API key)'
)


@dataclass(frozen=True, slots=True)
class AuthorizedKey:
    """Two are equal when they came from equal files. Its repr shows nothing of the private key."""

    id: str
    service_account_id: str
    pem: str = field(repr=False)
    private_key: RSAPrivateKey = field(repr=False, compare=False)


def authorized_key(fields: Mapping[str, Any]) -> AuthorizedKey:
    """The key in a key file's JSON.

    `private_key` may have text before its PEM; unknown fields are ignored. Raises OcrCredentialsMissing, which names
    the field that is wrong and contains nothing of the file.
    """
    pem = _text(fields, "private_key")
    if "-----BEGIN " not in pem:
        raise _wrong("its private_key is not in PEM")
    return AuthorizedKey(_text(fields, "id"), _text(fields, "service_account_id"), pem, _rsa_key(pem))


def signed_token(key: AuthorizedKey, audience: str, now: float) -> str:
    """A JWT (RFC 7519) that proves to `audience` that we hold the key, valid for an hour from `now` (epoch seconds).

    Signed with PS256 (RFC 7518, section 3.5): RSASSA-PSS with SHA-256, its MGF1 and a salt of the hash's length.
    """
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from cryptography.hazmat.primitives.hashes import SHA256

    issued_at = int(now)
    header = {"typ": "JWT", "alg": "PS256", "kid": key.id}
    claims = {
        "iss": key.service_account_id,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
    }
    signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"
    signature = key.private_key.sign(signed.encode(), PSS(MGF1(SHA256()), SHA256.digest_size), SHA256())
    return f"{signed}.{_part(signature)}"


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _rsa_key(pem: str) -> RSAPrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    # `from None`: the library's error may quote the key.
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise _wrong("its private_key is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong("its private_key is damaged or cut short") from None
    if not isinstance(key, RSAPrivateKey):
        raise _wrong("its private_key is not an RSA key")
    return key


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(f"it has no {name}")
    return value.strip()


def _wrong(what: str) -> OcrCredentialsMissing:
    return OcrCredentialsMissing(f"the authorized key file cannot be used, as {what}: {_ADVICE}")
