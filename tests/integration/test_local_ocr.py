"""The local OCR service as a server: its admin endpoint, counts, logs, and what it does with HTTP that is none.

That it answers as the real one is in test_local_ocr_contract, its faults in test_local_ocr_faults.
"""

import re
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from integration.local_ocr_calls import HEADERS, SECONDS, SHA256, Caller, serving
from local.ocr import server
from local.ocr.fault_table import as_markdown
from local.ocr.kinds import KINDS
from local.ocr.settings import Settings


@pytest.fixture(scope="module")
def running() -> Iterator[Caller]:
    with serving() as caller:
        yield caller


@pytest.fixture
def service(running: Caller) -> Caller:
    running.server.reset()
    return running


def test_every_request_is_counted(service: Caller) -> None:
    operation_id = service.submit().json()["id"]
    service.result(operation_id)
    service.clock.now += SECONDS
    service.status(operation_id)
    assert service.result(operation_id).status_code == 200
    assert service.server.stats() == {
        "submits": {"asked": 1, "accepted": 1, "by_sha256": {SHA256: 1}},
        "asks": {"status": 1, "result": 2, "not_ready": 1},
        "tokens": {"asked": 0, "issued": 0},
        "throttled": {"submit": 0, "status": 0, "result": 0},
        "refused": {"submit": {}, "status": {}, "result": {}, "iam": {}},
        "faults": {},
        "operations": {"running": 0, "succeeded": 1, "failed": 0},
    }
    assert service.admin("stats").json() == service.server.stats()


def test_operations_tell_when_they_were_accepted_and_when_they_can_be_read(service: Caller) -> None:
    accepted_at = service.clock.now
    operation_id = service.submit().json()["id"]
    service.clock.now += 1
    [told] = service.admin("operations").json()["operations"]
    assert told == {
        "id": operation_id,
        "sha256": SHA256,
        "accepted_at": accepted_at,
        "readable_at": accepted_at + SECONDS,
        "read_at": None,
    }
    service.clock.now = told["readable_at"] - 0.001
    assert service.result(operation_id).status_code == 404
    assert service.server.operations() == [told]
    service.clock.now = told["readable_at"] + 2
    assert service.result(operation_id).status_code == 200
    service.clock.now += 3
    assert service.result(operation_id).status_code == 200
    assert service.server.operations() == [{**told, "read_at": told["readable_at"] + 2}]


def test_a_result_that_comes_late_is_told_so(service: Caller) -> None:
    service.server.add_fault(kind="late_result", rate=1, seconds=5)
    service.submit()
    [told] = service.server.operations()
    assert told["readable_at"] - told["accepted_at"] == SECONDS + 5


def test_bad_input_is_a_400_counted_by_reason(service: Caller) -> None:
    answers = [service.submit(b""), service.submit(mimeType="image/tiff"), service.submit(model="pages")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(400, 3)] * 3
    assert service.server.stats()["refused"]["submit"] == {"content": 1, "mime_type": 1, "model": 1}
    assert service.server.stats()["submits"]["accepted"] == 0


def test_the_quota_can_be_a_sliding_window() -> None:
    with serving(submits_per_second=4, quota_window="sliding") as service:
        assert [service.submit().status_code for _ in range(5)] == [200] * 4 + [429]
        service.clock.now += 0.9
        assert service.submit().status_code == 429
        service.clock.now += 0.1
        assert service.submit().status_code == 200


def test_a_body_too_large_is_read_and_answered_as_by_a_proxy(service: Caller) -> None:
    size = 30_000_000
    head = f"POST /ocr/v1/recognizeTextAsync HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=120) as connection:
        connection.sendall(head.encode() + bytes(size))
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Content-Type: text/html" in answer


@pytest.mark.parametrize("path", ["/", "/ocr/v1/recognizeText", "/ocr/v1/getRecognition/x"])
def test_an_unknown_path_is_not_found(service: Caller, path: str) -> None:
    answer = service.session.get(service.server.url + path, headers=HEADERS, timeout=60)
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
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=60) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert re.match(rb"HTTP/1.1 (400|413|501) ", received)
    assert service.submit().status_code == 200


def test_connections_are_kept_alive(service: Caller) -> None:
    request = b"GET /operations/x HTTP/1.1\r\nHost: x\r\nAuthorization: Api-Key local-test-key\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=60) as connection:
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


def test_calm_ends_faults_and_nothing_else(service: Caller) -> None:
    service.server.add_fault(kind="5xx", rate=1)
    assert service.submit().status_code == 503
    assert service.admin("calm", {}).status_code == 200
    assert service.submit().status_code == 200
    assert service.server.stats()["submits"]["asked"] == 2


def test_the_kinds_of_faults_are_told_with_their_parameters(service: Caller) -> None:
    told = service.admin("faults").json()
    assert set(told["kinds"]) == set(KINDS)
    assert told["kinds"]["429"]["parameters"]["retry_after"]["default"] is None
    assert all(f"| `{kind}` |" in as_markdown() for kind in KINDS)


def test_health_names_the_engine(service: Caller) -> None:
    assert service.admin("health").json() == {
        "status": "ok",
        "engine": "table",
        "entries": 0,
        "seconds": SECONDS,
        "spread": 0.0,
    }
    assert service.admin("nothing").status_code == 404


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
    submit = requests.Request("POST", f"{started.url}/ocr/v1/recognizeTextAsync", HEADERS, data=b"{}")
    with requests.Session() as session:
        assert session.send(submit.prepare(), timeout=60).status_code == 400
    started.add_fault(kind="slow", rate=1, seconds=600, target="status")
    with socket.create_connection(("127.0.0.1", started.port), timeout=60) as slow:
        slow.sendall(b"GET /operations/x HTTP/1.1\r\nHost: x\r\nAuthorization: Api-Key local-test-key\r\n\r\n")
        while not started.stats()["faults"]:
            pass
        started.stop()
        while slow.recv(4096):
            pass
    with requests.Session() as session, pytest.raises(requests.ConnectionError):
        session.send(submit.prepare(), timeout=60)
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()
    started.stop()
    again = server.start(Settings(engine="table", port=started.port))
    again.stop()
