"""What a submit sends, and what each answer to it means. A wrong reading here pays twice, or loses a document."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import Any

import pytest

from textdrop.adapters.yandex.client import OPERATION_BYTES, YandexOcr
from textdrop.adapters.yandex.credentials import Credentials
from textdrop.core.answers import OperationDescription
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    SettingsError,
    StoreUnavailable,
    Trace,
)
from unit.adapters.yandex.conftest import KEY, MakeClient
from unit.adapters.yandex.scripted_service import Exchange, Play, ScriptedService, answer, early, raw, reset

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


def own(code: int, message: str = "in the service's words") -> dict[str, Any]:
    return {"code": code, "message": message, "details": []}


def streamed(code: int, status: int) -> dict[str, Any]:
    return {"error": {"grpcCode": code, "httpCode": status, "message": "m", "httpStatus": "S", "details": []}}


def test_sends_one_page_as_the_service_wants_it(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, OPERATION))
    client.submit(client.prepare(b"\x00\xffpage", "image/png", ["ru", "en"], "page"), "client-request")
    (sent,) = service.exchanges
    assert (sent.method, sent.path) == ("POST", "/ocr/v1/recognizeTextAsync")
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
    assert "x-folder-id" not in sent.headers


def test_a_base_url_may_have_a_path_and_end_with_a_slash(service: ScriptedService, make_client: MakeClient) -> None:
    service.plays(answer(200, OPERATION))
    make_client(base_url=f"{service.base_url}/proxied/").submit(b"{}", "r")
    assert service.exchanges[0].path == "/proxied/ocr/v1/recognizeTextAsync"


def test_sends_the_folder_only_where_one_is_set(service: ScriptedService, make_client: MakeClient) -> None:
    service.plays(answer(200, OPERATION))
    make_client(folder_id="b1gfolder").submit(b"{}", "r")
    assert service.exchanges[0].headers["x-folder-id"] == "b1gfolder"


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
    "value",
    [
        {"id": "x"},
        {"id": 12345, "done": True},
        {**OPERATION, "error": {"code": 3, "message": "bad"}},
        {**OPERATION, "metadata": {"@type": "t"}, "new": []},
    ],
)
def test_an_id_is_what_makes_a_submit_accepted(service: ScriptedService, client: YandexOcr, value: Any) -> None:
    service.plays(answer(201, value, chunked=True))
    assert client.submit(b"{}", "r").operation.id == str(value["id"])


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


@pytest.mark.parametrize(("metadata", "kept"), [(DEEP, DEEP), ({"a": DEEP}, None), ([1], None), ("text", None)])
def test_metadata_that_could_not_be_stored_is_left_out(
    service: ScriptedService, client: YandexOcr, metadata: Any, kept: Any
) -> None:
    service.plays(answer(200, {"id": "fd8", "metadata": metadata}))
    assert client.submit(b"{}", "r").operation.metadata == kept


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (answer(400, own(3)), OcrRejected),
        (answer(400, body=b"<html>"), OcrRejected),
        (answer(409, own(6)), OcrRejected),
        (answer(415), OcrRejected),
        (answer(422, streamed(3, 400)), OcrRejected),
        (answer(405), OcrUnavailable),
        (answer(410, {"timestamp": 1, "error": "Gone"}), OcrUnavailable),
        (answer(409, own(10)), OcrUnavailable),
        (answer(425), OcrUnavailable),
        (answer(500, own(2)), OcrUnavailable),
        (answer(503, {"code": "14", "message": "code as a string"}), OcrUnavailable),
        (answer(503, streamed(14, 503)), OcrUnavailable),
        (answer(503, [streamed(14, 503)]), OcrUnavailable),
        (answer(503, {"error": {"httpCode": 503, "message": "no gRPC code"}}), OcrUnavailable),
        (answer(501, own(12)), OcrUnavailable),
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
        answer(500, {"code": 0}),
        answer(500, [1, 2]),
        raw(b'HTTP/1.1 503 X\r\ncontent-length: 90\r\n\r\n{"code": 14, "message": "cut"}'),
        answer(301, headers={"location": "/elsewhere"}),
        answer(307, headers={"location": "/elsewhere"}),
        answer(204),
        answer(200, {"done": False}),
        answer(200, {"id": ""}),
        answer(200, {"id": None}),
        answer(200, {"id": "two words"}),
        answer(200, {"id": "i" * 257}),
        answer(200, [OPERATION]),
        answer(200, body=json.dumps(OPERATION).encode() * 2),
        answer(200, body=b"[" * 50_000),
        answer(200, {**OPERATION, "description": "x" * OPERATION_BYTES}),
        answer(200, body=b" " * (OPERATION_BYTES + 1), chunked=True),
        answer(200, {**OPERATION, "description": "x" * OPERATION_BYTES}, zipped=True),
        answer(200, body=b"not gzip", headers={"content-encoding": "gzip"}),
        answer(200, OPERATION, headers={"content-encoding": "br"}),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n0123"),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n" + b"x" * 5_000),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nx-half"),
        raw(b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 200 + b"\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nx-a: " + b"b" * 100_000 + b"\r\n\r\n"),
        raw(b"HTTP/1.1 two hundred\r\n\r\n"),
        raw(b"SSH-2.0-OpenSSH\r\n"),
        raw(b"\x00\xff\r\n\r\n"),
        reset(b"HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n{"),
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


def test_a_refusal_that_comes_while_the_body_is_being_sent_is_read(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(early(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
    with pytest.raises(OcrRejected):
        client.submit(b"x" * 8_000_000, "r")


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


class Secret:
    """A secret that can be changed, and counts how often it was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reads = 0

    def __call__(self) -> str:
        self.reads += 1
        return self.text


def replacing_key(secret: Secret, key: str, play: Play) -> Play:
    """The key is replaced just before the play."""

    def replacing(exchange: Exchange) -> bool:
        secret.text = json.dumps({"api_key": key})
        return play(exchange)

    return replacing


def test_a_401_is_repeated_once_with_a_key_that_was_replaced(service: ScriptedService, make_client: MakeClient) -> None:
    secret = Secret('{"api_key": "old"}')
    client = make_client(credentials=Credentials(secret, refused_seconds=0))
    service.plays(replacing_key(secret, "new", answer(401, own(16))), answer(200, OPERATION))
    assert client.submit(b"{}", "r").operation.id == OPERATION["id"]
    assert [sent.headers["authorization"] for sent in service.exchanges] == ["Api-Key old", "Api-Key new"]
    assert [sent.body for sent in service.exchanges] == [b"{}", b"{}"]


def test_a_401_is_repeated_only_once(service: ScriptedService, make_client: MakeClient) -> None:
    secret = Secret('{"api_key": "a"}')
    client = make_client(credentials=Credentials(secret, refused_seconds=0))
    service.plays(replacing_key(secret, "b", answer(401, own(16))), replacing_key(secret, "c", answer(401, own(16))))
    with pytest.raises(OcrCredentialsRefused):
        client.submit(b"{}", "r")
    assert len(service.exchanges) == 2


def test_a_401_for_the_key_we_still_have_is_not_repeated(service: ScriptedService, make_client: MakeClient) -> None:
    secret = Secret('{"api_key": "a"}')
    client = make_client(credentials=Credentials(secret, refused_seconds=0))
    service.plays(answer(401, own(16)))
    with pytest.raises(OcrCredentialsRefused):
        client.submit(b"{}", "r")
    assert (len(service.exchanges), secret.reads) == (1, 2)


def test_a_403_does_not_read_the_secret_again(service: ScriptedService, make_client: MakeClient) -> None:
    secret = Secret('{"api_key": "a"}')
    client = make_client(credentials=Credentials(secret, refused_seconds=0))
    service.plays(answer(403, own(7)))
    with pytest.raises(OcrCredentialsRefused):
        client.submit(b"{}", "r")
    assert secret.reads == 1


def test_without_credentials_nothing_is_sent(service: ScriptedService, make_client: MakeClient) -> None:
    with pytest.raises(OcrCredentialsMissing) as raised:
        make_client(credentials=Credentials(lambda: "{}")).submit(b"{}", "r")
    assert raised.value.trace.client_request_id == "r"
    assert not service.exchanges


def test_with_a_secret_that_cannot_be_read_nothing_is_sent(service: ScriptedService, make_client: MakeClient) -> None:
    def unreadable() -> str:
        raise StoreUnavailable("the secrets service throttles us")

    with pytest.raises(OcrUnreachable):
        make_client(credentials=Credentials(unreadable)).submit(b"{}", "r")
    assert not service.exchanges


def test_a_key_that_the_service_repeats_is_in_no_error(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(401, own(16, f"no such key: {KEY}")))
    with pytest.raises(OcrCredentialsRefused) as raised:
        client.submit(b"{}", "r")
    assert raised.value.trace.message == "no such key: [credentials]"
    assert KEY not in f"{raised.value!r} {client!r} {vars(client)!r}"


def test_many_threads_have_their_submits_in_flight_at_once(service: ScriptedService, client: YandexOcr) -> None:
    together = threading.Barrier(8, timeout=60)

    def play(exchange: Exchange) -> bool:
        exchange.read_body()
        together.wait()
        return answer(200, {"id": exchange.headers["x-client-request-id"]})(exchange)

    service.plays(*[play] * 8)
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda n: client.submit(b"{}", f"r{n}").operation.id, range(8)))
    assert ids == [f"r{n}" for n in range(8)]


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "ocr.example",
        "ftp://ocr.example",
        "https://",
        "https://user:password@ocr.example",
        "https://ocr.example/?a=b",
        "https://ocr.example/#x",
        "https://ocr.example:port",
        "https://ocr.example:99999",
        "https://ocr.example:0",
        "https://ocr example",
    ],
)
def test_a_wrong_base_url_is_a_setting_to_mend(make_client: MakeClient, base_url: str) -> None:
    with pytest.raises(SettingsError):
        make_client(base_url=base_url)


def test_a_wrong_folder_id_is_a_setting_to_mend(make_client: MakeClient) -> None:
    with pytest.raises(SettingsError):
        make_client(folder_id="b1g\nfolder")
