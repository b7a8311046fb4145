"""The local OCR service over HTTP, with the table engine and a clock that the test moves."""

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.ocr import server
from local.ocr.settings import Settings

HEADERS = {"Authorization": "Api-Key local-test-key"}
CONTENT = b"\xff\xd8\xff some content"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SECONDS = 3.0


class Clock:
    """Epoch seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.25

    def __call__(self) -> float:
        return self.now


class Caller:
    """Calls a service as a client would, on one connection kept alive."""

    def __init__(self, running: server.OcrServer) -> None:
        self.server = running
        self.session = requests.Session()

    def submit(
        self, content: bytes = CONTENT, *, headers: dict[str, str] = HEADERS, **fields: Any
    ) -> requests.Response:
        body = {"content": base64.b64encode(content).decode(), "mimeType": "JPEG", "languageCodes": ["ru"], **fields}
        return self.session.post(f"{self.server.url}/ocr/v1/recognizeTextAsync", json=body, headers=headers, timeout=10)

    def status(self, operation_id: str, *, headers: dict[str, str] = HEADERS) -> requests.Response:
        return self.session.get(f"{self.server.url}/operations/{operation_id}", headers=headers, timeout=10)

    def result(self, operation_id: str, *, headers: dict[str, str] = HEADERS) -> requests.Response:
        url = f"{self.server.url}/ocr/v1/getRecognition"
        return self.session.get(url, params={"operationId": operation_id}, headers=headers, timeout=10)

    def admin(self, name: str, body: object = None) -> requests.Response:
        url = f"{self.server.url}/_admin/{name}"
        return self.session.get(url, timeout=10) if body is None else self.session.post(url, json=body, timeout=10)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(clock: Clock) -> Iterator[server.OcrServer]:
    started = server.start(Settings(engine="table", seconds=SECONDS, folder_id="folder"), clock=clock)
    yield started
    started.stop()


@pytest.fixture
def service(running: server.OcrServer) -> Iterator[Caller]:
    running.reset()
    caller = Caller(running)
    yield caller
    caller.session.close()


def test_a_recognition_from_submit_to_result(service: Caller, clock: Clock) -> None:
    submitted = service.submit()
    assert submitted.status_code == 200
    operation = submitted.json()
    assert re.fullmatch(r"[a-z0-9]{20}", operation["id"])
    assert re.fullmatch(r"[a-z0-9]{20}", operation["createdBy"])
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.now))
    assert operation == {
        "id": operation["id"],
        "description": "OCR async recognition",
        "createdAt": at,
        "createdBy": operation["createdBy"],
        "modifiedAt": at,
        "done": False,
        "metadata": None,
    }
    assert service.status(operation["id"]).json() == operation

    early = service.result(operation["id"])
    assert early.status_code == 404
    assert early.json() == {
        "error": {
            "grpcCode": 5,
            "httpCode": 404,
            "message": f"operation data is not ready {operation['id']}",
            "httpStatus": "Not Found",
            "details": [],
        }
    }

    clock.now += SECONDS
    finished = service.status(operation["id"]).json()
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.now))
    assert finished == {**operation, "done": True, "modifiedAt": later}
    result = service.result(operation["id"])
    assert result.status_code == 200
    assert result.content.endswith(b"\n")
    [line] = result.content.splitlines()
    read = json.loads(line)["result"]
    assert read["page"] == "0"
    assert SHA256[:12] in read["textAnnotation"]["fullText"]
    assert service.server.stats() == {
        "submits": {"asked": 1, "accepted": 1, "by_sha256": {SHA256: 1}},
        "asks": {"status": 2, "result": 2, "not_ready": 1},
        "throttled": {"submit": 0, "status": 0, "result": 0},
        "refused": {"submit": {}, "status": {}, "result": {}},
        "faults": {},
        "operations": {"running": 0, "succeeded": 1, "failed": 0},
    }
    assert service.admin("stats").json() == service.server.stats()


def test_a_repeated_submit_is_another_operation(service: Caller) -> None:
    assert service.submit().json()["id"] != service.submit().json()["id"]
    assert service.server.stats()["submits"]["by_sha256"] == {SHA256: 2}


def test_results_are_kept_three_days(service: Caller, clock: Clock) -> None:
    operation_id = service.submit().json()["id"]
    clock.now += SECONDS + 3 * 24 * 3600 - 1
    assert service.result(operation_id).status_code == 200
    clock.now += 1
    assert service.result(operation_id).status_code == service.status(operation_id).status_code == 404
    service.submit()
    assert service.server.stats()["operations"] == {"running": 1, "succeeded": 0, "failed": 0}


@pytest.mark.parametrize("operation_id", ["nobody000knows000this", "", "../_admin"])
def test_an_operation_that_is_not_known(service: Caller, operation_id: str) -> None:
    status, result = service.status(operation_id), service.result(operation_id)
    code, http = (5, 404) if operation_id else (3, 400)
    assert result.status_code == http
    assert result.json()["error"]["grpcCode"] == code
    assert status.status_code in (http, 404)
    assert status.json()["code"] in (code, 5)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Api-Key another"},
        {"Authorization": "Api-Key"},
        {"Authorization": "Bearer local-test-key"},
        {"Authorization": "local-test-key"},
        {"Authorization": "Basic bG9jYWw="},
    ],
)
def test_a_wrong_key_is_refused_in_the_shape_of_each_method(service: Caller, headers: dict[str, str]) -> None:
    answers = [
        service.submit(headers=headers),
        service.status("x", headers=headers),
        service.result("x", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert [answers[0].json()["code"], answers[1].json()["code"], answers[2].json()["error"]["grpcCode"]] == [
        16,
        16,
        16,
    ]
    refused = service.server.stats()["refused"]
    assert refused == {target: {"unauthenticated": 1} for target in ("submit", "status", "result")}


def test_another_folder_is_refused_and_the_own_or_none_accepted(service: Caller) -> None:
    wrong = service.submit(headers={**HEADERS, "x-folder-id": "other"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, 3)
    assert service.submit(headers={**HEADERS, "x-folder-id": "folder"}).status_code == 200


def test_every_answer_carries_the_ids_that_support_asks_for(service: Caller) -> None:
    answers = [service.submit(), service.status("x"), service.result("x"), service.submit(headers={})]
    assert all(answer.headers["x-server-trace-id"] for answer in answers)
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_bad_input_is_a_400_counted_by_reason(service: Caller) -> None:
    answers = [service.submit(b""), service.submit(mimeType="image/tiff"), service.submit(model="pages")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(400, 3)] * 3
    assert service.server.stats()["refused"]["submit"] == {"content": 1, "mime_type": 1, "model": 1}
    assert service.server.stats()["submits"]["accepted"] == 0


def test_each_method_has_its_quota(service: Caller, clock: Clock) -> None:
    submits = [service.submit() for _ in range(11)]
    assert [answer.status_code for answer in submits] == [200] * 10 + [429]
    assert submits[-1].json()["code"] == 8
    operation_id = submits[0].json()["id"]
    statuses = [service.status(operation_id).status_code for _ in range(51)]
    assert statuses == [200] * 50 + [429]
    results = [service.result(operation_id) for _ in range(51)]
    assert [answer.status_code for answer in results] == [404] * 50 + [429]
    assert results[-1].json()["error"]["grpcCode"] == 8
    assert service.server.stats()["throttled"] == {"submit": 1, "status": 1, "result": 1}
    clock.now += 0.1
    assert [service.submit().status_code for _ in range(2)] == [200, 429]
    clock.now += 1


def test_the_quota_can_be_a_sliding_window(clock: Clock) -> None:
    settings = Settings(engine="table", submits_per_second=4, quota_window="sliding")
    started = server.start(settings, clock=clock)
    try:
        service = Caller(started)
        assert [service.submit().status_code for _ in range(5)] == [200] * 4 + [429]
        clock.now += 0.9
        assert service.submit().status_code == 429
        clock.now += 0.1
        assert service.submit().status_code == 200
        service.session.close()
    finally:
        started.stop()


def test_a_body_too_large_is_read_and_answered_as_by_a_proxy(service: Caller) -> None:
    size = 30_000_000
    head = f"POST /ocr/v1/recognizeTextAsync HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=30) as connection:
        connection.sendall(head.encode() + bytes(size))
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Content-Type: text/html" in answer


@pytest.mark.parametrize("path", ["/", "/ocr/v1/recognizeText", "/ocr/v1/getRecognition/x"])
def test_an_unknown_path_is_not_found(service: Caller, path: str) -> None:
    answer = service.session.get(service.server.url + path, headers=HEADERS, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (404, 5)


@pytest.mark.parametrize(
    "sent",
    [
        b"BREW /ocr/v1/recognizeTextAsync HTTP/1.1\r\nHost: x\r\n\r\n",
        b"no http at all\r\n\r\n",
        b"POST /ocr/v1/recognizeTextAsync HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /ocr/v1/recognizeTextAsync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /ocr/v1/recognizeTextAsync HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_and_ends_the_connection(service: Caller, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert re.match(rb"HTTP/1.1 (400|413|501) ", received)
    assert service.submit().status_code == 200


def test_connections_are_kept_alive(service: Caller) -> None:
    request = b"GET /operations/x HTTP/1.1\r\nHost: x\r\nAuthorization: Api-Key local-test-key\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")


def test_faults_are_asked_for_by_the_admin_endpoint(service: Caller) -> None:
    assert service.admin("faults", {"kind": "429", "count": 1, "retry_after": 2}).status_code == 200
    throttled = service.submit()
    assert (throttled.status_code, throttled.headers["Retry-After"], throttled.json()["code"]) == (429, "2", 8)
    assert service.submit().status_code == 200
    stats = service.server.stats()
    assert (stats["faults"], stats["submits"]["accepted"], stats["throttled"]["submit"]) == ({"429": 1}, 1, 0)


def test_a_lost_answer_is_accepted_and_the_connection_cut(service: Caller) -> None:
    service.server.add_fault(kind="lost_answer", count=1)
    with pytest.raises(requests.ConnectionError):
        service.submit()
    assert service.submit().status_code == 200
    assert service.server.stats()["submits"]["accepted"] == 2


def test_only_an_accepted_submit_can_lose_its_answer(service: Caller) -> None:
    service.server.add_fault(kind="lost_answer", count=1)
    assert service.submit(mimeType="image/tiff").status_code == 400
    with pytest.raises(requests.ConnectionError):
        service.submit()


def test_a_failing_operation_says_so_on_both_methods(service: Caller, clock: Clock) -> None:
    service.server.add_fault(kind="failing_operation", count=1, code=13, message="engine failure")
    operation_id = service.submit().json()["id"]
    assert "error" not in service.status(operation_id).json()
    clock.now += SECONDS
    operation = service.status(operation_id).json()
    assert operation["done"]
    assert operation["error"] == {"code": 13, "message": "engine failure", "details": []}
    result = service.result(operation_id)
    assert (result.status_code, result.json()["error"]["grpcCode"]) == (500, 13)
    assert service.server.stats()["operations"]["failed"] == 1


def test_a_slow_recognition_takes_so_much_longer(service: Caller, clock: Clock) -> None:
    service.server.add_fault(kind="slow_recognition", count=1, seconds=60)
    operation_id = service.submit().json()["id"]
    clock.now += SECONDS + 59
    assert not service.status(operation_id).json()["done"]
    clock.now += 1
    assert service.status(operation_id).json()["done"]


def test_a_slow_answer_keeps_no_other_request_waiting(service: Caller) -> None:
    service.server.add_fault(kind="slow", count=1, seconds=0.2, target="submit")
    began = time.monotonic()
    assert service.submit().status_code == 200
    assert time.monotonic() - began >= 0.2
    assert service.submit().elapsed.total_seconds() < 0.2


def test_a_fault_can_be_for_one_content_alone(service: Caller) -> None:
    service.server.add_fault(kind="reject", rate=1, sha256=SHA256)
    assert [service.submit(content).status_code for content in (CONTENT, b"another", CONTENT)] == [400, 200, 400]
    service.server.add_fault(kind="5xx", rate=1, target="result", sha256=hashlib.sha256(b"third").hexdigest())
    assert service.result(service.submit(b"another").json()["id"]).status_code == 404
    assert service.result(service.submit(b"third").json()["id"]).status_code == 503


@pytest.mark.parametrize("body", [{"kind": "earthquake", "count": 1}, {"kind": "slow"}, [], "slow"])
def test_an_unknown_fault_is_a_400_that_says_what_is_allowed(service: Caller, body: object) -> None:
    answer = service.admin("faults", body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_reset_empties_everything(service: Caller) -> None:
    answers = [service.submit() for _ in range(10)]
    operation_id = answers[0].json()["id"]
    service.server.add_fault(kind="reject", rate=1)
    empty = {"running": 0, "succeeded": 0, "failed": 0}
    assert service.admin("reset", {}).status_code == 200
    assert service.server.stats()["operations"] == empty
    assert service.server.stats()["submits"] == {"asked": 0, "accepted": 0, "by_sha256": {}}
    assert service.status(operation_id).status_code == 404
    assert service.submit().status_code == 200


def test_health_names_the_engine(service: Caller) -> None:
    assert service.admin("health").json() == {
        "status": "ok",
        "engine": "table",
        "entries": 0,
        "seconds": SECONDS,
        "spread": 0.0,
    }
    assert service.admin("nothing").status_code == 404
    assert "5xx" in service.admin("faults").json()["kinds"]


def test_the_log_has_events_but_no_text_and_no_key(service: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="local.ocr")
    service.submit(b"confidential")
    service.submit(headers={"Authorization": "Api-Key confidential"})
    service.submit(model="confidential\nmodel")
    messages = [record.getMessage() for record in caplog.records]
    assert any(message.startswith("submit accepted operation=") for message in messages)
    assert "submit refused reason=unauthenticated" in messages
    assert not any("confidential" in message or "local-test-key" in message or "\n" in message for message in messages)


def test_stop_frees_the_port_and_ends_connections_and_waits() -> None:
    before = set(threading.enumerate())
    started = server.start(Settings(engine="table"))
    service = Caller(started)
    service.submit()
    started.add_fault(kind="slow", rate=1, seconds=600, target="status")
    with socket.create_connection(("127.0.0.1", started.port), timeout=10) as slow:
        slow.sendall(b"GET /operations/x HTTP/1.1\r\nHost: x\r\nAuthorization: Api-Key local-test-key\r\n\r\n")
        while not started.stats()["faults"]:
            pass
        began = time.monotonic()
        started.stop()
        assert time.monotonic() - began < 2
        while slow.recv(4096):
            pass
    with pytest.raises(requests.ConnectionError):
        service.submit()
    service.session.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()
    started.stop()
    again = server.start(Settings(engine="table", port=started.port))
    again.stop()
