"""The local IAM endpoint: a JWT for a token, and a token for the other methods."""

import base64
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
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
    folder = tmp_path_factory.mktemp("iam")
    file, public_only = folder / "key.json", folder / "other.json"
    write(file, key)
    write(public_only, {name: value for name, value in generate().items() if name != "private_key"})
    with serving(authorized_keys=(public_only, file), iam_token_seconds=600.0) as caller:
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


def claims(service: Caller, key: dict[str, str], **other: Any) -> dict[str, Any]:
    now = int(service.clock.now)
    return {"iss": key["service_account_id"], "aud": AUDIENCE, "iat": now, "exp": now + 3600, **other}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refused(service: Caller, jwt: object) -> str:
    """The reason for which IAM refuses a JWT, in the shape of a unary method."""
    answer = service.token(jwt)
    assert set(answer.json()) == {"code", "message", "details"}
    assert (answer.status_code, answer.json()["code"]) in ((401, 16), (400, 3))
    [reason] = service.server.stats()["refused"]["iam"]
    assert isinstance(reason, str)
    return reason


def test_a_jwt_becomes_a_token_that_works_until_it_expires(service: Caller, key: dict[str, str]) -> None:
    answer = service.token(signed(key, claims(service, key)))
    assert answer.status_code == 200
    assert set(answer.json()) == {"iamToken", "expiresAt"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", answer.json()["expiresAt"])
    headers = bearer(answer.json()["iamToken"])
    operation_id = service.submit(headers=headers).json()["id"]
    service.clock.now += 599
    assert service.status(operation_id, headers=headers).json()["done"]
    assert service.result(operation_id, headers=headers).status_code == 200
    service.clock.now += 1
    late = service.status(operation_id, headers=headers), service.submit(headers=headers)
    assert [(answer.status_code, answer.json()["code"]) for answer in late] == [(401, 16)] * 2
    assert service.server.stats()["tokens"] == {"asked": 1, "issued": 1}


def test_every_answer_is_another_token_and_all_work(service: Caller, key: dict[str, str]) -> None:
    jwt = signed(key, claims(service, key))
    tokens = {service.token(jwt).json()["iamToken"] for _ in range(3)}
    assert len(tokens) == 3
    assert all(service.status("x", headers=bearer(token)).status_code == 404 for token in tokens)


def test_a_reset_leaves_tokens_working(service: Caller, key: dict[str, str]) -> None:
    token = service.token(signed(key, claims(service, key))).json()["iamToken"]
    service.server.reset()
    assert service.submit(headers=bearer(token)).status_code == 200


def test_the_audience_may_be_the_service_s_own_address(service: Caller, key: dict[str, str]) -> None:
    own = f"{service.server.url}/iam/v1/tokens"
    assert service.token(signed(key, claims(service, key, aud=own))).status_code == 200
    assert service.token(signed(key, claims(service, key, aud=["https://a", own]))).status_code == 200


@pytest.mark.parametrize("audience", ["", None, "https://iam.api.cloud.yandex.net", [], 7, AUDIENCE + "/"])
def test_another_audience_is_refused(service: Caller, key: dict[str, str], audience: object) -> None:
    assert refused(service, signed(key, claims(service, key, aud=audience))) == "jwt_audience"


@pytest.mark.parametrize("issuer", ["somebody", "", None])
def test_another_issuer_is_refused(service: Caller, key: dict[str, str], issuer: object) -> None:
    assert refused(service, signed(key, claims(service, key, iss=issuer))) == "jwt_issuer"


@pytest.mark.parametrize(
    ("issued_ago", "lives"), [(0, 3600), (0, 1), (3600, 3600), (3659, 3600), (-59, 3600), (30, 60.5)]
)
def test_times_within_an_hour_and_a_small_skew_are_taken(
    service: Caller, key: dict[str, str], issued_ago: int, lives: float
) -> None:
    at = int(service.clock.now) - issued_ago
    assert service.token(signed(key, claims(service, key, iat=at, exp=at + lives))).status_code == 200


@pytest.mark.parametrize(("issued_ago", "lives"), [(0, 3601), (0, 0), (0, -5), (3661, 3600), (-61, 600)])
def test_other_times_are_refused(service: Caller, key: dict[str, str], issued_ago: int, lives: int) -> None:
    at = int(service.clock.now) - issued_ago
    assert refused(service, signed(key, claims(service, key, iat=at, exp=at + lives))) == "jwt_times"


@pytest.mark.parametrize("name", ["iat", "exp"])
@pytest.mark.parametrize("value", [None, "1800000000", True, float("nan"), float("inf")])
def test_times_that_are_no_numbers_are_refused(service: Caller, key: dict[str, str], name: str, value: object) -> None:
    assert refused(service, signed(key, claims(service, key, **{name: value}))) == "jwt_times"


@pytest.mark.parametrize("algorithm", ["RS256", "none", "HS256", "ps256", None])
def test_another_algorithm_is_refused(service: Caller, key: dict[str, str], algorithm: object) -> None:
    assert refused(service, signed(key, claims(service, key), alg=algorithm)) == "jwt_algorithm"


@pytest.mark.parametrize("key_id", ["", None, "ajenobodyknowsthiskey", ["a"]])
def test_another_key_id_is_refused(service: Caller, key: dict[str, str], key_id: object) -> None:
    assert refused(service, signed(key, claims(service, key), kid=key_id)) == "jwt_key_id"


def test_another_key_s_signature_is_refused(service: Caller, key: dict[str, str]) -> None:
    stranger = {**generate(), "id": key["id"]}
    assert refused(service, signed(stranger, claims(service, key))) == "jwt_signature"


def test_a_salt_of_another_length_is_refused(service: Caller, key: dict[str, str]) -> None:
    assert refused(service, signed(key, claims(service, key), salt_length=20)) == "jwt_signature"


def test_claims_changed_after_signing_are_refused(service: Caller, key: dict[str, str]) -> None:
    head, _, signature = signed(key, claims(service, key)).split(".")
    changed = encoded(json.dumps(claims(service, key, exp=int(service.clock.now) + 60)).encode())
    assert refused(service, f"{head}.{changed}.{signature}") == "jwt_signature"


@pytest.mark.parametrize("jwt", ["a.b", "a.b.c.d", "..", "eyJ9.e30.x", "W10.e30.x", "e30=.e30.x", "é.e30.x"])
def test_what_is_no_jwt_is_refused(service: Caller, jwt: str) -> None:
    assert refused(service, jwt) == "jwt_form"


@pytest.mark.parametrize("jwt", ["", None, 7, ["a.b.c"]])
def test_no_jwt_is_a_bad_request(service: Caller, jwt: object) -> None:
    assert refused(service, jwt) == "jwt"


def test_a_body_that_is_no_json_is_a_bad_request(service: Caller) -> None:
    answer = service.session.post(f"{service.server.url}/iam/v1/tokens", data=b"jwt", timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (400, 3)


def test_iam_takes_no_part_in_the_quotas(service: Caller, key: dict[str, str]) -> None:
    jwt = signed(key, claims(service, key))
    assert {service.token(jwt).status_code for _ in range(60)} == {200}


def test_no_log_holds_a_jwt_or_a_token(service: Caller, key: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="local.ocr")
    jwt = signed(key, claims(service, key))
    token = service.token(jwt).json()["iamToken"]
    service.token(jwt[:-8])
    service.submit(headers=bearer(token))
    assert f"iam issued key={key['id']} works_seconds=600" in caplog.messages
    assert not any(jwt.split(".")[2][:20] in message or token[:20] in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("kind", "fields", "status"),
    [
        ("401", {}, 401),
        ("403", {}, 403),
        ("429", {"retry_after": 3}, 429),
        ("5xx", {"status": 500}, 500),
        ("5xx", {"status": 503, "body": False}, 503),
    ],
)
def test_iam_can_fail(service: Caller, key: dict[str, str], kind: str, fields: dict[str, Any], status: int) -> None:
    service.fault(kind, target="iam", **fields)
    jwt = signed(key, claims(service, key))
    assert [service.token(jwt).status_code for _ in range(2)] == [status, 200]
    assert service.server.stats()["tokens"] == {"asked": 2, "issued": 1}


def test_faults_of_any_method_leave_iam_alone(service: Caller, key: dict[str, str]) -> None:
    service.fault("401", rate=1, target="any")
    assert service.token(signed(key, claims(service, key))).status_code == 200


def test_faults_meet_only_a_jwt_that_is_in_order(service: Caller, key: dict[str, str]) -> None:
    service.fault("429", target="iam")
    assert [service.token(jwt).status_code for jwt in ("a.b", signed(key, claims(service, key)))] == [401, 429]


@pytest.mark.parametrize(("announced", "said"), [(True, "2027-01-15T08:00:00.250000000Z"), (False, None)])
def test_a_token_can_expire_at_once(service: Caller, key: dict[str, str], announced: bool, said: str | None) -> None:
    service.clock.now = 1_800_000_000.25
    service.fault("short_token", announced=announced)
    answer = service.token(signed(key, claims(service, key))).json()
    assert answer["expiresAt"] == (said or "2027-01-15T08:10:00.250000000Z")
    assert service.submit(headers=bearer(answer["iamToken"])).status_code == 401
    again = service.token(signed(key, claims(service, key))).json()["iamToken"]
    assert service.submit(headers=bearer(again)).status_code == 200


def test_without_a_key_no_jwt_is_taken(key: dict[str, str], tmp_path: Path) -> None:
    with serving() as caller:
        assert refused(caller, signed(key, claims(caller, key))) == "jwt_key_id"
