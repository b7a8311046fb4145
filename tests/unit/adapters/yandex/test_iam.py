"""One exchange with IAM: what is sent, what its answers mean, and what it may take."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.ocr.authorized_key import public_key
from local.ocr.iam import check_jwt
from textdrop.adapters.yandex import iam
from textdrop.adapters.yandex.authorized_key import AuthorizedKey
from textdrop.core.errors import OcrCredentialsMissing, OcrError, OcrThrottled, OcrUnreachable
from unit.adapters.yandex.conftest import LATE_SECONDS
from unit.adapters.yandex.scripted_service import HEADERS, Exchange, ScriptedService, answer, own, trickle

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
GOOD = {"iamToken": "t1.SECRET", "expiresAt": "2026-01-01T12:00:00.123456789Z"}


def exchanged(service: ScriptedService, key: AuthorizedKey, seconds: float = 10) -> iam.Token:
    return iam.token(iam.tokens_url(service.base_url), key, deadline=time.monotonic() + seconds, now=NOW)


def test_a_signed_token_is_exchanged_for_a_token(
    service: ScriptedService, key: AuthorizedKey, key_file: dict[str, str]
) -> None:
    service.plays(answer(200, GOOD))
    assert exchanged(service, key) == iam.Token("Bearer t1.SECRET", NOW + 3600, NOW + 43_200.123456)
    [sent] = service.exchanges
    assert (sent.method, sent.path) == ("POST", "/iam/v1/tokens")
    assert sent.headers["content-type"] == "application/json"
    assert "authorization" not in sent.headers
    body = json.loads(sent.body)
    assert list(body) == ["jwt"]
    check_jwt(body["jwt"], [public_key(key_file)], [f"{service.base_url}/iam/v1/tokens"], NOW)


@pytest.mark.parametrize(
    "said",
    [
        {"iam_token": "t1.SECRET", "expires_at": "2026-01-01T12:00:00Z"},
        {"iamToken": "t1.SECRET"},
        {"iamToken": "t1.SECRET", "expiresAt": None, "new": [1]},
        {"iamToken": "t1.SECRET", "expiresAt": "tomorrow"},
        {"iamToken": "t1.SECRET", "expiresAt": 5},
        {"iamToken": "t1.SECRET", "expiresAt": "0001-01-01T00:00:00+23:59"},
        {"iamToken": "t1.SECRET", "expiresAt": "2026-01-01T12:00:00"},
    ],
)
def test_a_token_is_read_in_any_shape_and_renewed_within_the_hour(
    service: ScriptedService, key: AuthorizedKey, said: dict[str, Any]
) -> None:
    service.plays(answer(200, said))
    token = exchanged(service, key)
    assert token.authorization == "Bearer t1.SECRET"
    assert NOW < token.renew_at <= NOW + 3600


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, None, OcrCredentialsMissing),
        (405, None, OcrUnreachable),
        (429, None, OcrThrottled),
        (504, own(4), OcrUnreachable),
        (408, None, OcrUnreachable),
        (302, None, OcrUnreachable),
        (200, {}, OcrUnreachable),
        (200, [GOOD], OcrUnreachable),
        (200, {"iamToken": ""}, OcrUnreachable),
        (200, {"iamToken": 5}, OcrUnreachable),
        (200, {"iamToken": "SECRET\r\nx: y"}, OcrUnreachable),
        (200, own(16), OcrUnreachable),
        (200, {"iamToken": "S" * 200_000}, OcrUnreachable),
    ],
)
def test_an_answer_without_a_token_leaves_nothing_in_doubt(
    service: ScriptedService, key: AuthorizedKey, status: int, body: Any, error: type[OcrError]
) -> None:
    service.plays(answer(status, body, headers={"x-request-id": "r-1"}))
    with pytest.raises(OcrError) as raised:
        exchanged(service, key)
    assert type(raised.value) is error
    assert (raised.value.trace.status, raised.value.trace.request_id) == (status, "r-1")
    assert "SECRET" not in repr(raised.value)
    assert len(service.exchanges) == 1


def test_iams_words_and_its_wish_are_kept(service: ScriptedService, key: AuthorizedKey) -> None:
    service.plays(answer(429, own(8, "slowly"), headers={"retry-after": "7"}))
    with pytest.raises(OcrThrottled) as raised:
        exchanged(service, key)
    assert raised.value.retry_after_seconds == 7
    assert (raised.value.trace.code, raised.value.trace.message) == (8, "slowly")


def test_a_refusal_says_what_to_do(service: ScriptedService, key: AuthorizedKey) -> None:
    service.plays(answer(401, own(16)))
    with pytest.raises(OcrCredentialsMissing, match=r"HTTP 401, code 16.*put a new key into the secret"):
        exchanged(service, key)


def test_a_signed_token_that_iam_repeats_is_in_no_error(service: ScriptedService, key: AuthorizedKey) -> None:
    sent: list[str] = []

    def repeat(exchange: Exchange) -> bool:
        exchange.read_body()
        sent.append(json.loads(exchange.body)["jwt"])
        return answer(401, own(16, f"wrong: {sent[0]}"[-495:]))(exchange)

    service.plays(repeat)
    with pytest.raises(OcrCredentialsMissing) as raised:
        exchanged(service, key)
    assert raised.value.trace.message.endswith(".[signature]")
    assert sent[0].rpartition(".")[2][:20] not in f"{raised.value!r} {raised.value.trace!r}"


@pytest.mark.parametrize(("total_seconds", "seconds_left"), [(0.3, 600), (600, 0.3)])
def test_an_exchange_ends_by_its_own_total_and_by_its_deadline(
    service: ScriptedService,
    key: AuthorizedKey,
    monkeypatch: pytest.MonkeyPatch,
    total_seconds: float,
    seconds_left: float,
) -> None:
    monkeypatch.setattr(iam, "TOTAL_SECONDS", total_seconds)
    service.plays(trickle(HEADERS + b"content-length: 2000\r\n\r\n", b" "))
    began = time.monotonic()
    with pytest.raises(OcrUnreachable):
        exchanged(service, key, seconds=seconds_left)
    assert time.monotonic() - began < LATE_SECONDS


def test_without_a_connection_it_says_that_nothing_was_sent(key: AuthorizedKey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OcrUnreachable, match=r"no token from IAM \(\w+\), so nothing was sent"):
        iam.token(f"http://127.0.0.1:{port}/iam/v1/tokens", key, deadline=time.monotonic() + 10, now=NOW)


def test_each_exchange_has_a_connection_of_its_own(service: ScriptedService, key: AuthorizedKey) -> None:
    service.plays(answer(200, GOOD), answer(200, GOOD))
    exchanged(service, key)
    exchanged(service, key)
    assert [sent.connection_number for sent in service.exchanges] == [1, 2]


@given(life_seconds=st.integers(-(10**8), 10**8), zone_hours=st.integers(-12, 12))
@example(life_seconds=43_200, zone_hours=0)
@example(life_seconds=0, zone_hours=0)
def test_a_token_is_renewed_hourly_or_before_it_ends_and_not_all_the_time(life_seconds: int, zone_hours: int) -> None:
    ends = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=life_seconds)
    shown = (ends + timedelta(hours=zone_hours)).strftime("%Y-%m-%dT%H:%M:%S") + f"{zone_hours:+03d}:00"
    renew_at, expires_at = iam.times(shown, NOW)
    assert expires_at == NOW + life_seconds
    assert NOW + 10 <= renew_at <= NOW + 3600
    if life_seconds >= 12:
        assert renew_at <= expires_at - life_seconds * 0.09
    if life_seconds >= 4000:
        assert renew_at == NOW + 3600


@pytest.mark.parametrize("base_url", ["https://iam.api.cloud.yandex.net", " https://iam.api.cloud.yandex.net/ "])
def test_the_audience_is_the_address_of_the_tokens(base_url: str) -> None:
    assert iam.tokens_url(base_url) == "https://iam.api.cloud.yandex.net/iam/v1/tokens"
