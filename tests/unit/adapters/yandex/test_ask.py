"""What is asked about an operation and its result, and what each answer means."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from contextlib import suppress
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
    OcrOperationUnknown,
    OcrRejected,
    OcrThrottled,
    Trace,
)
from unit.adapters.yandex.conftest import KEY, MakeClient
from unit.adapters.yandex.scripted_service import Exchange, Play, ScriptedService, answer, raw, streamed

PAGE = {"result": {"textAnnotation": {"width": "10", "height": "20", "fullText": "slow\n"}, "page": "0"}}
LINE = json.dumps(PAGE).encode() + b"\n"
GZIP = {"content-encoding": "gzip"}
LIMIT = 100_000  # the fixture's


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        ("result", "/ocr/v1/getRecognition?operationId=a%2Fb%26c%3D..%2Fd"),
        ("status", "/operation-service/operations/a%2Fb%26c%3D..%2Fd"),
    ],
)
def test_asks_for_one_operation(service: ScriptedService, make_client: MakeClient, ask: str, path: str) -> None:
    service.plays(answer(200, body=LINE if ask == "result" else b'{"id": "a/b&c=../d"}'))
    getattr(make_client(folder_id="b1g"), ask)("a/b&c=../d")
    (sent,) = service.exchanges
    assert (sent.method, sent.path) == ("GET", path)
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


@pytest.mark.parametrize(
    "play",
    [
        answer(404, {"code": 5, "message": "operation data is not ready fd8", "details": []}),
        answer(410),
        answer(400, streamed(5, 400)),
        answer(400, streamed(9, 400)),
        answer(400, {"code": 9, "message": "m"}),
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


def test_the_trace_has_the_ids_of_the_exchange_and_the_service_s_words(
    service: ScriptedService, client: YandexOcr
) -> None:
    headers = {"x-request-id": "request", "x-server-trace-id": "trace"}
    service.plays(answer(200, body=LINE, headers=headers), answer(404, streamed(5, 404), headers=headers))
    found, not_ready = client.result("fd8").trace, client.result("fd8").trace
    ids = [sent.headers["x-client-request-id"] for sent in service.exchanges]
    assert found == Trace(200, 0, "", ids[0], "request", "trace")
    assert not_ready == Trace(404, 5, "m", ids[1], "request", "trace")


@pytest.mark.parametrize(
    ("ask", "play", "error"),
    [
        ("result", answer(200, body=b"[1]"), OcrAnswerMalformed),
        ("result", answer(200, body=b'{"error": "without a code"}'), OcrAnswerMalformed),
        ("result", answer(200, body=b"[" * 90_000), OcrAnswerTooLarge),
        ("result", answer(302, headers={"location": "/elsewhere"}), OcrAnswerMalformed),
        ("result", answer(103), OcrAnswerMalformed),
        ("result", raw(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + LINE), OcrAnswerLost),
        ("result", raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9999\r\n" + LINE), OcrAnswerLost),
        ("result", answer(200, body=gzip.compress(LINE)[:-5], headers=GZIP), OcrAnswerLost),
        ("result", answer(200, body=gzip.compress(LINE) + b"more", headers=GZIP), OcrAnswerLost),
        ("result", answer(200, body=LINE, headers={"content-encoding": "br"}), OcrAnswerLost),
        ("result", answer(400, streamed(3, 400)), OcrRejected),
        ("result", answer(200, body=LINE + b'{"error": {"grpc_code": 8}}'), OcrThrottled),
        ("result", answer(200, body=b'{"code": 7, "message": "m"}'), OcrCredentialsRefused),
        ("status", answer(410), OcrOperationUnknown),
        ("status", answer(200, {"error": {"grpcCode": 5, "httpCode": 404}}), OcrOperationUnknown),
        ("status", answer(400, {"code": 9, "message": "m"}), OcrOperationUnknown),
        ("status", answer(400, {"code": 3, "message": "m"}), OcrRejected),
        ("status", answer(302, headers={"location": "/"}), OcrAnswerMalformed),
        ("status", answer(200, {}), OcrAnswerMalformed),
        ("status", answer(200, [{"id": "fd8"}]), OcrAnswerMalformed),
        ("status", answer(200, {"id": "another", "done": True}), OcrAnswerMalformed),
    ],
)
def test_an_answer_that_is_an_error(
    service: ScriptedService, client: YandexOcr, ask: str, play: Play, error: type[OcrError]
) -> None:
    service.plays(play)
    with pytest.raises(error) as raised:
        getattr(client, ask)("fd8")
    assert type(raised.value) is error
    assert raised.value.trace.client_request_id == service.exchanges[0].headers["x-client-request-id"]
    assert len(service.exchanges) == 1


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        ("Sun, 29 Nov 2026 12:00:07 GMT", 7.0),
        ("Sun, 29 Nov 2026 11:00:00 GMT", -3_600.0),
        ("Sun, 29 Nov 2026 12:00:00 GMT", 0.0),
        ("yesterday", None),
        ("Sun, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [200, 404, 403])
def test_the_service_s_clock_is_known_by_its_last_answer(
    service: ScriptedService, make_client: MakeClient, date: str, offset: float | None, status: int
) -> None:
    service.plays(answer(status, body=LINE, headers={"date": date}))
    client = make_client(now=lambda: 1_795_953_600.4)
    assert client.clock_offset_seconds() is None
    with suppress(OcrError):
        client.result("id")
    assert client.clock_offset_seconds() == offset


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


def test_an_error_of_more_than_a_few_words_is_not_read(service: ScriptedService, make_client: MakeClient) -> None:
    service.plays(answer(400, {"code": 9, "message": "m" * 100_000}))
    with pytest.raises(OcrRejected) as refused:
        make_client(max_answer_bytes=1_000_000).result("fd8")
    assert (refused.value.trace.status, refused.value.trace.code) == (400, 0)


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


@pytest.mark.parametrize("zipped", [False, True])
def test_a_result_of_just_the_limit_is_read(service: ScriptedService, make_client: MakeClient, zipped: bool) -> None:
    body = LINE + b" " * 1_000
    service.plays(answer(200, body=body, zipped=zipped))
    assert isinstance(make_client(max_answer_bytes=len(body)).result("fd8"), Recognition)


# --- the operation itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"id": "fd8", "done": True}, 0),
        ({"id": "fd8"}, 0),
        ({"done": True}, 0),
        ({"id": None, "done": True}, 0),
        ({"id": "fd8", "done": "true"}, 0),
        ({"id": "fd8", "done": None, "error": None}, 0),
        ({"id": "fd8", "done": True, "error": {}}, 0),
        ({"id": "fd8", "done": True, "error": {"code": 0, "message": ""}}, 0),
        ({"id": "fd8", "done": True, "error": {"code": "0"}}, 0),
        ({"id": "fd8", "done": True, "error": {"code": 3, "message": "m"}}, 3),
        ({"id": "fd8", "done": False, "error": {"code": "13", "message": "m"}}, 13),
        ({"id": "fd8", "error": {"code": "INTERNAL"}}, 2),
        ({"id": "fd8", "error": {"code": 1234}}, 1234),
        ({"id": "fd8", "error": "words"}, 0),
    ],
)
def test_state(service: ScriptedService, client: YandexOcr, operation: dict[str, Any], code: int) -> None:
    service.plays(answer(200, operation, headers={"x-request-id": "request"}))
    status = client.status("fd8")
    assert (status.error_code, status.trace.request_id) == (code, "request")


def test_a_failure_keeps_the_service_s_words(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, {"id": "fd8", "done": True, "error": {"code": 3, "message": "ы" * 600}}))
    assert client.status("fd8").error_message == "ы" * 500
