"""What each answer to getRecognition means."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from textdrop.adapters.yandex.client import YandexOcr
from textdrop.core.answers import NotReady, Recognition
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrAnswerTooLarge,
    OcrCredentialsRefused,
    OcrError,
    OcrRejected,
    OcrThrottled,
)
from unit.adapters.yandex.conftest import KEY, MakeClient
from unit.adapters.yandex.scripted_service import Exchange, Play, ScriptedService, answer, raw, reset

PAGE = {"result": {"textAnnotation": {"width": "10", "height": "20", "fullText": "slow\n"}, "page": "0"}}
LINE = json.dumps(PAGE).encode() + b"\n"
LIMIT = 100_000  # the fixture's


def streamed(code: int, status: int) -> dict[str, Any]:
    return {"error": {"grpcCode": code, "httpCode": status, "message": "m", "httpStatus": "S", "details": []}}


def test_asks_for_one_operation(service: ScriptedService, make_client: MakeClient) -> None:
    service.plays(answer(200, body=LINE))
    make_client(folder_id="b1g").result("a/b&c=../d")
    (sent,) = service.exchanges
    assert (sent.method, sent.path) == ("GET", "/ocr/v1/getRecognition?operationId=a%2Fb%26c%3D..%2Fd")
    assert sent.headers["authorization"] == f"Api-Key {KEY}"
    assert sent.headers["x-data-logging-enabled"] == "false"
    assert sent.headers["x-folder-id"] == "b1g"
    assert len(sent.headers["x-client-request-id"]) == 36


@pytest.mark.parametrize(
    "play",
    [
        answer(200, body=LINE),
        answer(200, body=LINE, chunked=True),
        answer(200, body=LINE, zipped=True),
        answer(200, body=LINE, zipped=True, chunked=True),
        answer(206, body=LINE, headers={"content-type": "text/html"}),
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + LINE),
        raw(b"HTTP/1.0 200 OK\r\n\r\n" + LINE),
    ],
)
def test_a_result_is_kept_exactly_as_it_came(service: ScriptedService, client: YandexOcr, play: Play) -> None:
    service.plays(play)
    result = client.result("fd8")
    assert isinstance(result, Recognition)
    assert result.body == LINE
    assert client.read_page(result.body)["text"] == "slow\n"


def test_the_trace_has_the_ids_of_the_exchange(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, body=LINE, headers={"x-request-id": "request", "x-server-trace-id": "trace"}))
    trace = client.result("fd8").trace
    assert (trace.status, trace.request_id, trace.server_trace_id) == (200, "request", "trace")
    assert trace.client_request_id == service.exchanges[0].headers["x-client-request-id"]


@pytest.mark.parametrize(
    "play",
    [
        answer(404, {"code": 5, "message": "operation data is not ready fd8", "details": []}),
        answer(410),
        answer(400, streamed(5, 400)),
        answer(200),
        answer(204),
        answer(200, body=b" \r\n\n"),
        answer(200, body=b"", zipped=True),
        answer(200, {}),
        answer(200, {"result": None}),
        answer(200, {"result": {}}),
        answer(200, streamed(5, 404)),
        answer(200, body=LINE + json.dumps(streamed(5, 404)).encode()),
    ],
)
def test_not_ready(service: ScriptedService, client: YandexOcr, play: Play) -> None:
    service.plays(play)
    assert isinstance(client.result("fd8"), NotReady)


def test_not_ready_says_what_the_service_said(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(404, streamed(5, 404)))
    trace = client.result("fd8").trace
    assert (trace.status, trace.code, trace.message) == (404, 5, "m")


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (answer(200, body=LINE + b'{"result": {"page": "1"'), OcrAnswerMalformed),
        (answer(200, body=b"[1]"), OcrAnswerMalformed),
        (answer(200, body=b'{"error": "without a code"}'), OcrAnswerMalformed),
        (answer(200, body=b"[" * 90_000), OcrAnswerMalformed),
        (answer(302, headers={"location": "/elsewhere"}), OcrAnswerMalformed),
        (answer(103), OcrAnswerMalformed),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + LINE), OcrAnswerLost),
        (raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9999\r\n" + LINE), OcrAnswerLost),
        (answer(200, body=gzip.compress(LINE)[:-5], headers={"content-encoding": "gzip"}), OcrAnswerLost),
        (answer(200, body=gzip.compress(LINE) + b"more", headers={"content-encoding": "gzip"}), OcrAnswerLost),
        (answer(200, body=LINE, headers={"content-encoding": "br"}), OcrAnswerLost),
        (reset(b"HTTP/1.1 200 OK\r\n\r\n" + LINE), OcrAnswerLost),
        (answer(400, streamed(3, 400)), OcrRejected),
        (answer(200, body=LINE + b'{"error": {"grpc_code": 8}}'), OcrThrottled),
        (answer(200, body=b'{"code": 7, "message": "m"}'), OcrCredentialsRefused),
    ],
)
def test_no_result(service: ScriptedService, client: YandexOcr, play: Play, error: type[OcrError]) -> None:
    service.plays(play)
    with pytest.raises(error) as raised:
        client.result("fd8")
    assert type(raised.value) is error
    assert raised.value.trace.client_request_id == service.exchanges[0].headers["x-client-request-id"]
    assert len(service.exchanges) == 1


@pytest.mark.parametrize(
    "play",
    [
        answer(200, body=LINE, headers={"content-length": "999999999999"}),
        answer(200, body=b" " * (LIMIT + 1)),
        answer(200, body=b" " * (LIMIT + 1), chunked=True),
        answer(200, body=b" " * (LIMIT + 1), zipped=True),
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (LIMIT + 1)),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n" + b" " * 3_000_000),
    ],
)
def test_a_result_over_the_limit(service: ScriptedService, client: YandexOcr, play: Play) -> None:
    service.plays(play)
    with pytest.raises(OcrAnswerTooLarge):
        client.result("fd8")


def test_no_more_is_received_than_any_answer_has(service: ScriptedService, client: YandexOcr) -> None:
    pieces: list[int] = []

    def flood(exchange: Exchange) -> bool:
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n")(exchange)
        while len(pieces) < 200:
            pieces.append(exchange.connection.send(b" " * 1_000_000))
        return False

    service.plays(flood)
    with pytest.raises(OcrAnswerTooLarge):
        client.result("fd8")
    assert sum(pieces) < 50_000_000  # most of it in the buffers of the system


def test_a_bomb_is_not_unpacked(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, body=b" " * 20_000_000, zipped=True))
    tracemalloc.start()
    try:
        with pytest.raises(OcrAnswerTooLarge):
            client.result("fd8")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_result_of_just_the_limit_is_read(service: ScriptedService, make_client: MakeClient) -> None:
    body = LINE + b" " * 1_000
    service.plays(answer(200, body=body), answer(200, body=body, zipped=True))
    client = make_client(max_answer_bytes=len(body))
    assert isinstance(client.result("fd8"), Recognition)
    assert isinstance(client.result("fd8"), Recognition)
