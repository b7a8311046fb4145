"""What of a key file is read, and what is signed with it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from textdrop.adapters.yandex.authorized_key import AuthorizedKey, authorized_key, signed_token
from textdrop.core.errors import OcrCredentialsMissing

AUDIENCE = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


def decoded(part: str) -> bytes:
    assert "=" not in part
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def test_a_token_says_what_iam_asks_for(key: AuthorizedKey, key_file: dict[str, str]) -> None:
    """Its signature is verified where one is exchanged."""
    header, claims, _ = signed_token(key, AUDIENCE, 1_767_225_600.9).split(".")
    assert json.loads(decoded(header)) == {"typ": "JWT", "alg": "PS256", "kid": key_file["id"]}
    assert json.loads(decoded(claims)) == {
        "iss": key_file["service_account_id"],
        "aud": AUDIENCE,
        "iat": 1_767_225_600,
        "exp": 1_767_229_200,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"key_algorithm": None, "new_in_2030": {"a": [1]}},
        {"public_key": 5},
        {"id": " {id}\n"},
        {"private_key": "  \n{private_key}\n\n"},
    ],
    ids=["fields that are not known", "a field that is not needed", "blanks", "blank lines"],
)
def test_what_does_not_matter_in_a_key_file(
    key: AuthorizedKey, key_file: dict[str, str], change: dict[str, Any]
) -> None:
    filled = {name: value.format(**key_file) if isinstance(value, str) else value for name, value in change.items()}
    assert authorized_key({**key_file, **filled}).id == key.id


@pytest.mark.parametrize(
    "before", ["", "PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <aje>\n", "one\r\ntwo\n"]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("form", [PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_a_pem_may_have_text_before_it(
    key: AuthorizedKey,
    key_file: dict[str, str],
    before: str,
    line_end: str,
    form: serialization.PrivateFormat,
) -> None:
    pem = key.private_key.private_bytes(PEM, form, PLAIN).decode().replace("\n", line_end)
    assert authorized_key({**key_file, "private_key": before + pem}).private_key.private_numbers() == (
        key.private_key.private_numbers()
    )


def spoilt_keys() -> dict[str, tuple[str, str]]:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    public = elliptic.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    password = serialization.BestAvailableEncryption(b"password")
    return {
        "no PEM": ("MIIEvQIBADANSECRET", "not in PEM"),
        "no end": ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANSECRET", "damaged or cut short"),
        "no key": ("-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n", "damaged or cut short"),
        "no base64": ("-----BEGIN PRIVATE KEY-----\nключ\n-----END PRIVATE KEY-----\n", "damaged or cut short"),
        "no text": ("-----BEGIN PRIVATE KEY-----\n\ud800\n-----END PRIVATE KEY-----\n", "damaged or cut short"),
        "public": (public.decode(), "damaged or cut short"),
        "encrypted": (elliptic.private_bytes(PEM, PKCS8, password).decode(), "encrypted"),
        "elliptic": (elliptic.private_bytes(PEM, PKCS8, PLAIN).decode(), "not an RSA key"),
    }


@pytest.mark.parametrize(("pem", "says"), spoilt_keys().values(), ids=spoilt_keys())
def test_a_key_that_cannot_be_used_is_an_error_that_does_not_show_it(
    key_file: dict[str, str], pem: str, says: str
) -> None:
    with pytest.raises(OcrCredentialsMissing, match=says) as raised:
        authorized_key({**key_file, "private_key": pem})
    assert "make an authorized key of a service account" in str(raised.value)
    assert not [line for line in pem.split() if len(line) > 12 and line in repr(raised.value)]
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("name", ["id", "service_account_id", "private_key"])
@pytest.mark.parametrize("value", [None, "", " ", 5, ["a"]])
def test_a_key_file_without_a_field_says_which(key_file: dict[str, str], name: str, value: Any) -> None:
    with pytest.raises(OcrCredentialsMissing, match=f"has no {name}:"):
        authorized_key({**key_file, name: value})


def test_a_key_is_equal_to_that_of_the_same_file_and_shows_nothing(
    key: AuthorizedKey, key_file: dict[str, str], other_key_file: dict[str, str]
) -> None:
    assert authorized_key(dict(key_file)) == key
    assert authorized_key({**key_file, "private_key": other_key_file["private_key"]}) != key
    assert repr(key) == f"AuthorizedKey(id={key.id!r}, service_account_id={key.service_account_id!r})"


def test_an_api_key_costs_no_import_of_cryptography() -> None:
    program = """
import sys
from textdrop.adapters.yandex.credentials import Credentials
assert Credentials(lambda: '{"api_key": "k"}').authorization() == "Api-Key k"
assert not [name for name in sys.modules if name.partition(".")[0] == "cryptography"]
"""
    paths = [path for path in sys.path if path]
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:] = {paths!r}\n{program}"], check=True)
