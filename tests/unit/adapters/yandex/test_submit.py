"""What a submit sends, and what each answer to it means. A wrong reading here pays twice, or loses a document."""

from __future__ import annotations

import base64
import json
from contextlib import nullcontext
from functools import reduce
from typing import Any

import pytest

from textdrop.adapters.yandex.client import YandexOcr
from textdrop.adapters.yandex.credentials import Credentials
from textdrop.adapters.yandex.values import SINGLE_BYTES
from textdrop.core.answers import OperationDescription
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrCredentialsRefused,
    OcrError,
    OcrRejected,
    OcrSecretUnreadable,
    OcrThrottled,
    OcrUnavailable,
    SettingsError,
    StoreUnavailable,
    Trace,
)
from unit.adapters.yandex.conftest import KEY, MakeClient
from unit.adapters.yandex.scripted_service import Play, ScriptedService, answer, own, raw, streamed

DEEP: dict[str, Any] = reduce(lambda inner, _: {"a": inner}, range(15), {})
OPERATION = {
    "id": "fd8k2m4s6u8w0y2a4c6e",
    "description": "OCR async recognition",
    "createdAt": "2026-01-02T03:04:05Z",
    "createdBy": "ajeservice",
    "modifiedAt": "2026-01-02T03:04:06Z",
    "done": False,
    "metadata": None,
}


@pytest.mark.parametrize(("base_path", "folder_id"), [("", ""), ("/proxied/", "b1gfolder")])
def test_sends_one_page_as_the_service_wants_it(
    service: ScriptedService, make_client: MakeClient, base_path: str, folder_id: str
) -> None:
    service.plays(answer(200, OPERATION))
    client = make_client(base_url=service.base_url + base_path, folder_id=folder_id)
    client.submit(client.prepare(b"\x00\xffpage", "image/png", ["ru", "en"], "page"), "client-request")
    (sent,) = service.exchanges
    assert (sent.method, sent.path) == ("POST", f"{base_path.rstrip('/')}/ocr/v1/recognizeTextAsync")
    assert json.loads(sent.body) == {
        "content": base64.b64encode(b"\x00\xffpage").decode(),
        "mimeType": "image/png",
        "languageCodes": ["ru", "en"],
        "model": "page",
    }
    assert sent.headers["authorization"] == f"Api-Key {KEY}"
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["x-client-request-id"] == "client-request"
    assert sent.headers["x-data-logging-enabled"] == "false"
    assert sent.headers["host"] == f"127.0.0.1:{service.port}"
    assert sent.headers.get("x-folder-id") == (folder_id or None)


def test_an_accepted_submit_keeps_the_operation_as_described_and_the_ids_of_the_exchange(
    service: ScriptedService, client: YandexOcr
) -> None:
    service.plays(answer(200, OPERATION, headers={"x-request-id": "request", "X-Server-Trace-Id": "trace"}))
    submitted = client.submit(b"{}", "mine")
    assert submitted.operation == OperationDescription(
        id="fd8k2m4s6u8w0y2a4c6e",
        description="OCR async recognition",
        created_at="2026-01-02T03:04:05Z",
        created_by="ajeservice",
        modified_at="2026-01-02T03:04:06Z",
        metadata=None,
    )
    assert submitted.trace == Trace(status=200, client_request_id="mine", request_id="request", server_trace_id="trace")


@pytest.mark.parametrize(
    ("value", "metadata"),
    [
        ({"id": "x"}, None),
        ({"id": 12345, "done": True}, None),
        ({**OPERATION, "error": {"code": 3, "message": "bad"}}, None),
        ({**OPERATION, "metadata": DEEP, "new": []}, DEEP),
        ({**OPERATION, "metadata": {"a": DEEP}}, None),
        ({**OPERATION, "metadata": [1]}, None),
        ({**OPERATION, "metadata": "text"}, None),
    ],
)
def test_an_id_makes_a_submit_accepted_and_metadata_that_cannot_be_stored_is_left_out(
    service: ScriptedService, client: YandexOcr, value: Any, metadata: Any
) -> None:
    service.plays(answer(201, value, chunked=True))
    operation = client.submit(b"{}", "r").operation
    assert (operation.id, operation.metadata) == (str(value["id"]), metadata)


def test_what_an_operation_describes_can_be_stored_and_written(service: ScriptedService, client: YandexOcr) -> None:
    body = (
        rb"""{"id": "fd8", "done": true, "description": "\ud800x", "createdBy": 7, "created_at": "c",
        "metadata": {"\udfff": ["\ud83d\ude00", NaN, 1e999, 5e0, """
        + b"9" * 5_000
        + rb"""]}}"""
    )
    service.plays(answer(200, body=body))
    operation = client.submit(b"{}", "r").operation
    assert (operation.description, operation.created_by, operation.created_at) == ("\ufffdx", "7", "c")
    assert operation.metadata == {"\ufffd": ["😀", None, None, 5.0, None]}
    json.dumps(operation.metadata, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (answer(400, body=b"<html>"), OcrRejected),
        (answer(415), OcrRejected),
        (answer(422, streamed(3, 400)), OcrRejected),
        (answer(200, own(6)), OcrRejected),
        (answer(500, own(2)), OcrUnavailable),
        (answer(501, own(12)), OcrUnavailable),
        (answer(405), OcrUnavailable),
        (answer(410, {"timestamp": 1, "error": "Gone"}), OcrUnavailable),
        (answer(409, own(10)), OcrUnavailable),
        (answer(425), OcrUnavailable),
        (answer(503, {"code": "14", "message": "code as a string"}), OcrUnavailable),
        (answer(503, streamed(14, 503)), OcrUnavailable),
        (answer(503, [streamed(14, 503)]), OcrUnavailable),
        (answer(503, {"error": {"httpCode": 503, "message": "no gRPC code"}}), OcrUnavailable),
        (answer(400, own(16)), OcrCredentialsRefused),
        (answer(429, body=b"slow down"), OcrThrottled),
        (answer(503, own(8)), OcrThrottled),
        (answer(429, body=b"{", headers={"content-length": "100", "connection": "close"}), OcrThrottled),
        (answer(200, streamed(8, 429)), OcrThrottled),
        (answer(200, streamed(3, 400)), OcrRejected),
    ],
)
def test_a_refused_submit_was_not_accepted(
    service: ScriptedService, make_client: MakeClient, play: Play, error: type[OcrError]
) -> None:
    service.plays(play if error is not OcrThrottled else _closing(play))
    with pytest.raises(error) as raised:
        make_client().submit(b"{}", "r")
    assert type(raised.value) is error
    assert len(service.exchanges) == 1


def _closing(play: Play) -> Play:
    return lambda exchange: play(exchange) and False


@pytest.mark.parametrize(
    "play",
    [
        answer(408),
        answer(500, own(4)),
        answer(503, {"error": {"code": 503, "message": "another gateway's shape"}}),
        answer(500, {"timestamp": 1, "status": 500, "error": "Internal Server Error"}),
        answer(500, own(1)),
        answer(500, [1, 2]),
        raw(b'HTTP/1.1 503 X\r\ncontent-length: 90\r\n\r\n{"code": 14, "message": "cut"}'),
        answer(307, headers={"location": "/elsewhere"}),
        answer(204),
        answer(200, {"done": False}),
        answer(200, {"id": None}),
        answer(200, {"id": "two words"}),
        answer(200, {"id": "i" * 257}),
        answer(200, [OPERATION]),
        answer(200, body=json.dumps(OPERATION).encode() * 2),
        answer(200, body=b"[" * 50_000),
        answer(200, {**OPERATION, "description": "x" * SINGLE_BYTES}),
        answer(200, body=b" " * (SINGLE_BYTES + 1), chunked=True),
        answer(200, {**OPERATION, "description": "x" * SINGLE_BYTES}, zipped=True),
        answer(200, body=b"not gzip", headers={"content-encoding": "gzip"}),
        answer(200, OPERATION, headers={"content-encoding": "br"}),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n0123"),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n" + b"x" * 5_000),
        raw(b"HTTP/1.1 200 OK\r\nx-half"),
        raw(b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 200 + b"\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nx-a: " + b"b" * 100_000 + b"\r\n\r\n"),
        raw(b"SSH-2.0-OpenSSH\r\n"),
    ],
)
def test_a_submit_without_a_trusted_answer_may_have_been_accepted(
    service: ScriptedService, client: YandexOcr, play: Play
) -> None:
    service.plays(play)
    with pytest.raises(OcrAnswerLost) as raised:
        client.submit(b"{}", "r")
    assert type(raised.value) is OcrAnswerLost
    assert raised.value.trace.client_request_id == "r"
    assert len(service.exchanges) == 1


def test_the_trace_of_a_failure_says_what_the_service_said(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(400, own(3, "ы" * 600), headers={"x-request-id": "request", "x-server-trace-id": "trace"}))
    with pytest.raises(OcrRejected) as raised:
        client.submit(b"{}", "mine")
    assert raised.value.trace == Trace(400, 3, "ы" * 500, "mine", "request", "trace")


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("999999999", 3600.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Wed, 31 Dec 1969 23:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_throttle_carries_the_service_s_wish(
    service: ScriptedService, make_client: MakeClient, retry_after: str, seconds: float | None
) -> None:
    service.plays(answer(429, own(8), headers={"retry-after": retry_after}))
    with pytest.raises(OcrThrottled) as raised:
        make_client(now=lambda: 100.0).submit(b"{}", "r")
    assert raised.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("keys", "statuses"),
    [("ab", [401, 200]), ("abc", [401, 401]), ("aa", [401]), ("a", [403])],
    ids=["replaced", "refused again", "still the same", "403"],
)
def test_a_401_is_repeated_once_if_the_key_was_replaced(
    service: ScriptedService, make_client: MakeClient, keys: str, statuses: list[int]
) -> None:
    """Each reading of the secret brings the next key."""
    secrets = iter(keys)
    client = make_client(credentials=Credentials(lambda: f'{{"api_key": "{next(secrets)}"}}', refused_seconds=0))
    service.plays(*[answer(status, OPERATION if status == 200 else own(16)) for status in statuses])
    with nullcontext() if 200 in statuses else pytest.raises(OcrCredentialsRefused):
        client.submit(b"{}", "r")
    sent = [(request.headers["authorization"], request.body) for request in service.exchanges]
    assert sent == [(f"Api-Key {key}", b"{}") for key in keys[: len(statuses)]]


def test_with_a_secret_that_cannot_be_read_nothing_is_sent(service: ScriptedService, make_client: MakeClient) -> None:
    def unreadable() -> str:
        raise StoreUnavailable("secretsmanager.GetSecretValue: AccessDeniedException")

    with pytest.raises(OcrSecretUnreadable, match="AccessDenied") as raised:
        make_client(credentials=Credentials(unreadable)).submit(b"{}", "r")
    assert raised.value.trace.client_request_id == "r"
    assert not service.exchanges


def test_a_key_that_the_service_repeats_is_in_no_error(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(401, own(16, f"no such key: {KEY}")))
    with pytest.raises(OcrCredentialsRefused) as raised:
        client.submit(b"{}", "r")
    assert raised.value.trace.message == "no such key: [credentials]"
    assert KEY not in f"{raised.value!r} {client!r} {vars(client)!r}"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("base_url", ""),
        ("base_url", "ocr.example"),
        ("base_url", "ftp://ocr.example"),
        ("base_url", "https://"),
        ("base_url", "https://user:password@ocr.example"),
        ("base_url", "https://ocr.example/?a=b"),
        ("base_url", "https://ocr.example/#x"),
        ("base_url", "https://ocr.example:port"),
        ("base_url", "https://ocr.example:99999"),
        ("base_url", "https://ocr.example:0"),
        ("base_url", "https://ocr example"),
        ("folder_id", "b1g\nfolder"),
    ],
)
def test_a_wrong_setting_is_an_error_at_once(make_client: MakeClient, setting: str, value: str) -> None:
    with pytest.raises(SettingsError):
        make_client(**{setting: value})
