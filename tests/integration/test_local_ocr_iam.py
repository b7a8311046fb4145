"""The local IAM endpoint: a JWT for a token, and a token for the other methods; what is not in order gets none."""

import base64
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from integration.local_ocr_calls import Caller, serving
from local.ocr.authorized_key import generate, write

AUDIENCE = "https://iam.api.cloud.yandex.net/iam/v1/tokens"


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    return generate()


@pytest.fixture(scope="module")
def running(key: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    file = tmp_path_factory.mktemp("iam") / "key.json"
    write(file, key)
    with serving(authorized_keys=(file,)) as caller:
        yield caller


@pytest.fixture
def service(running: Caller) -> Caller:
    running.server.reset()
    return running


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@cache
def private_key(pem: str) -> rsa.RSAPrivateKey:
    """The key behind the mark; its loading, with all checks, takes longer than a test."""
    key = serialization.load_pem_private_key(pem[pem.index("-----BEGIN") :].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def signed(key: dict[str, str], claims: object, *, salt_length: int = 32, **header: Any) -> str:
    """A JWT by the key, its header and signature as the service wants them unless said otherwise."""
    fields = {"typ": "JWT", "alg": "PS256", "kid": key["id"], **header}
    head, body = (encoded(json.dumps(part).encode()) for part in (fields, claims))
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt_length)
    signature = private_key(key["private_key"]).sign(f"{head}.{body}".encode(), pss, hashes.SHA256())
    return f"{head}.{body}.{encoded(signature)}"


def claims(service: Caller, key: dict[str, str], *, issued_ago: int = 0, lives: float = 3600, **other: Any) -> Any:
    at = int(service.now) - issued_ago
    return {"iss": key["service_account_id"], "aud": AUDIENCE, "iat": at, "exp": at + lives, **other}


def token(service: Caller, jwt: object) -> Any:
    return service.post("/iam/v1/tokens", {"jwt": jwt})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_jwt_becomes_a_token_that_works_until_it_expires(service: Caller, key: dict[str, str]) -> None:
    answer = token(service, signed(key, claims(service, key)))
    assert answer.status_code == 200
    assert set(answer.json()) == {"iamToken", "expiresAt"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", answer.json()["expiresAt"])
    headers = bearer(answer.json()["iamToken"])
    service.server.reset()
    operation_id = service.submit(headers=headers).json()["id"]
    service.now += 12 * 3600 - 1
    assert service.status(operation_id, headers=headers).json()["done"]
    assert service.result(operation_id, headers=headers).status_code == 200
    service.now += 1
    late = service.status(operation_id, headers=headers), service.submit(headers=headers)
    assert [(answer.status_code, answer.json()["code"]) for answer in late] == [(401, 16)] * 2


@pytest.mark.parametrize(
    "times",
    [{}, {"lives": 1}, {"issued_ago": 3659}, {"issued_ago": -59}, {"aud": "own"}],
)
def test_a_jwt_in_order_is_taken(service: Caller, key: dict[str, str], times: dict[str, Any]) -> None:
    fields = claims(service, key, **times)
    if fields["aud"] == "own":
        fields["aud"] = f"{service.server.url}/iam/v1/tokens"
    assert token(service, signed(key, fields)).status_code == 200


@pytest.mark.parametrize(
    ("fields", "header", "reason"),
    [
        ({"aud": "https://iam.api.cloud.yandex.net"}, {}, "jwt_audience"),
        ({"aud": None}, {}, "jwt_audience"),
        ({"iss": "somebody"}, {}, "jwt_issuer"),
        ({"lives": 3601}, {}, "jwt_times"),
        ({"lives": 0}, {}, "jwt_times"),
        ({"issued_ago": 3661}, {}, "jwt_times"),
        ({"issued_ago": -61, "lives": 600}, {}, "jwt_times"),
        ({}, {"alg": "RS256"}, "jwt_algorithm"),
        ({}, {"typ": None}, "jwt_algorithm"),
        ({}, {"kid": "ajenobodyknowsthiskey"}, "jwt_key_id"),
        ({}, {"kid": None}, "jwt_key_id"),
        ({}, {"salt_length": 20}, "jwt_signature"),
    ],
)
def test_a_jwt_that_is_not_in_order_is_refused(
    service: Caller, key: dict[str, str], fields: dict[str, Any], header: dict[str, Any], reason: str
) -> None:
    assert refused(service, signed(key, claims(service, key, **fields), **header)) == reason


def refused(service: Caller, jwt: object) -> str:
    """The reason for which IAM refuses a JWT, in the shape of a unary method."""
    answer = token(service, jwt)
    assert set(answer.json()) == {"code", "message", "details"}
    assert (answer.status_code, answer.json()["code"]) == (401, 16)
    [reason] = service.server.stats()["refused"]["iam"]
    assert isinstance(reason, str)
    return reason


def test_claims_changed_after_signing_are_refused(service: Caller, key: dict[str, str]) -> None:
    head, _, signature = signed(key, claims(service, key)).split(".")
    changed = encoded(json.dumps(claims(service, key, lives=60)).encode())
    assert refused(service, f"{head}.{changed}.{signature}") == "jwt_signature"


@pytest.mark.parametrize("jwt", [None, "", "a.b", "a.b.c.d", "..", "eyJ9.e30.x", "e30=.e30.x", "é.e30.x"])
def test_what_is_no_jwt_is_refused(service: Caller, jwt: object) -> None:
    assert refused(service, jwt) == "jwt_form"


def test_no_log_holds_a_jwt_or_a_token(service: Caller, key: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="local.ocr")
    jwt = signed(key, claims(service, key))
    issued = token(service, jwt).json()["iamToken"]
    token(service, jwt[:-8])
    service.submit(headers=bearer(issued))
    assert f"iam issued key={key['id']}" in caplog.messages
    assert not any(jwt.split(".")[2][:20] in message or issued[:20] in message for message in caplog.messages)
