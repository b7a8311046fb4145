"""The local OCR service: what is known of the real one, as far as our client does not look at it; and what it has for
tests. Its faults are proven by what the client, and a whole document, makes of them."""

import io
import json
import re
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pikepdf
import pytest
import requests
from PIL import Image

from integration.local_ocr_calls import CONTENT, HEADERS, SECONDS, SHA256, Caller, serving
from local.ocr import server
from local.ocr.settings import Settings

LINES = "Первая строка\nsecond line 😀\n\nanother block"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    table = tmp_path_factory.mktemp("ocr") / "table.json"
    table.write_text(json.dumps({SHA256: {"text": LINES}}))
    with serving(table=table) as caller:
        yield caller


@pytest.fixture
def service(running: Caller) -> Caller:
    running.server.reset()
    return running


def annotation(service: Caller, content: bytes = CONTENT, **fields: Any) -> dict[str, Any]:
    """The one page of a content's result."""
    [line] = service.result(service.finished(content, **fields)).content.splitlines()
    value = json.loads(line)["result"]["textAnnotation"]
    assert isinstance(value, dict)
    return value


def refusal(answer: requests.Response) -> tuple[int, int]:
    """HTTP status and gRPC code of a unary method's error."""
    body = answer.json()
    assert set(body) == {"code", "message", "details"}
    return answer.status_code, body["code"]


def picture(form: str, width: int = 8, height: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, form)
    return file.getvalue()


def pdf(pages: int) -> bytes:
    file = io.BytesIO()
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page()
        document.save(file)
    return file.getvalue()


def test_a_submit_is_answered_with_an_operation_that_runs_and_then_is_done(service: Caller) -> None:
    operation = service.submit().json()
    assert set(operation) == {"id", "description", "createdAt", "createdBy", "modifiedAt", "done", "metadata"}
    assert all(re.fullmatch("[a-z0-9]{20}", operation[name]) for name in ("id", "createdBy"))
    assert operation["createdAt"] == operation["modifiedAt"] == "2027-01-15T08:00:00Z"
    assert (operation["done"], operation["metadata"]) == (False, None)
    assert service.status(operation["id"]).json() == operation
    service.now += SECONDS
    done = {**operation, "done": True, "modifiedAt": "2027-01-15T08:00:03Z"}
    assert service.status(operation["id"]).json() == done


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("PNG", 5_000, 4_000), "image/png"),
        (pdf(1), "application/pdf"),
        (CONTENT + bytes(10_000_000 - len(CONTENT)), "image/jpeg"),
        # What only decoding shows ends the operation.
        (b"%PDF-1.4 and nothing", "application/pdf"),
        (picture("PNG")[:20], "image/png"),
    ],
)
def test_a_page_is_taken(service: Caller, content: bytes, mime_type: str) -> None:
    assert service.submit(content, mimeType=mime_type).status_code == 200


@pytest.mark.parametrize(
    ("content", "fields", "reason"),
    [
        (b"", {}, "content"),
        (CONTENT, {"content": "not base64!"}, "content"),
        (CONTENT + bytes(10_000_000), {}, "size"),
        (CONTENT, {"mimeType": "image/tiff"}, "mime_type"),
        (picture("PNG"), {}, "mime_type"),
        (picture("PNG", 5_000, 4_001), {"mimeType": "image/png"}, "pixels"),
        (pdf(2), {"mimeType": "application/pdf"}, "pages"),
        (CONTENT, {"model": "pages"}, "model"),
        (CONTENT, {"languageCodes": ["ru", "xx"]}, "language"),
        (CONTENT, {"languageCodes": "ru"}, "language"),
    ],
)
def test_bad_input_is_refused_and_counted(service: Caller, content: bytes, fields: dict[str, Any], reason: str) -> None:
    assert refusal(service.submit(content, **fields)) == (400, 3)
    assert service.server.stats()["refused"]["submit"] == {reason: 1}
    assert service.server.stats()["submits"]["accepted"] == 0


def test_each_method_has_its_own_quota_a_second(service: Caller) -> None:
    answers = [service.submit() for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert refusal(answers[-1]) == (429, 8)
    assert "Retry-After" not in answers[-1].headers
    assert [service.status("x").status_code for _ in range(51)] == [404] * 50 + [429]
    assert [service.result("x").status_code for _ in range(51)] == [404] * 50 + [429]
    service.now += 0.1
    assert [service.submit().status_code for _ in range(2)] == [200, 429]
    assert service.server.stats()["throttled"] == {"submit": 2, "status": 1, "result": 1}


def test_a_result_that_is_not_ready_is_a_404_in_the_stream_s_shape(service: Caller) -> None:
    operation_id = service.submit().json()["id"]
    answer = service.result(operation_id)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "grpcCode": 5,
            "httpCode": 404,
            "message": f"operation data is not ready {operation_id}",
            "httpStatus": "Not Found",
            "details": [],
        }
    }


def test_what_is_not_known_is_not_found(service: Caller) -> None:
    other = service.session.get(f"{service.server.url}/ocr/v1/recognizeText", headers=HEADERS, timeout=60)
    assert refusal(service.status("nobody000knows000this")) == refusal(other) == (404, 5)
    assert service.result("nobody000knows000this").json()["error"]["grpcCode"] == 5
    assert service.result("").json()["error"]["grpcCode"] == 3


def test_a_result_is_a_line_with_the_documented_fields_and_no_confidence(service: Caller) -> None:
    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {name for item in value.values() for name in names(item)}
        return {name for item in value for name in names(item)} if isinstance(value, list) else set()

    body = service.result(service.finished()).content
    assert body.endswith(b"\n")
    assert json.loads(body)["result"]["page"] == "0"
    page = annotation(service)
    assert set(page) == {
        *["width", "height", "blocks", "entities", "tables", "fullText", "rotate", "markdown", "pictures"]
    }
    assert names(page["blocks"]) == {
        *["boundingBox", "vertices", "x", "y", "lines", "text", "words", "entityIndex", "textSegments", "startIndex"],
        *["length", "orientation", "languages", "languageCode", "layoutType"],
    }
    assert page["fullText"] == LINES.replace("\n\n", "\n") + "\n"
    assert [len(block["lines"]) for block in page["blocks"]] == [2, 1]


def test_every_answer_carries_its_date_and_the_ids_that_support_asks_for(service: Caller) -> None:
    answers = [service.submit(), service.status("x"), service.result("x"), service.submit(headers={})]
    assert all(answer.headers["x-server-trace-id"] for answer in answers)
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    assert all(parsedate_to_datetime(answer.headers["Date"]) for answer in answers)


@pytest.mark.parametrize("sent", [None, "Api-Key another", "Api-Key", "Bearer local-test-key", "Bearer", "Basic bG9="])
def test_wrong_credentials_are_refused_in_the_shape_of_each_method(service: Caller, sent: str | None) -> None:
    headers = {"Authorization": sent} if sent else {}
    assert refusal(service.submit(headers=headers)) == refusal(service.status("x", headers=headers)) == (401, 16)
    result = service.result("x", headers=headers)
    assert (result.status_code, result.json()["error"]["grpcCode"]) == (401, 16)
    refused = service.server.stats()["refused"]
    assert refused == {**{target: {"unauthenticated": 1} for target in ("submit", "status", "result")}, "iam": {}}


# What it has for tests


def test_every_request_is_counted(service: Caller) -> None:
    operation_id = service.submit().json()["id"]
    service.result(operation_id)
    service.status(operation_id)
    told = service.session.get(f"{service.server.url}/_admin/stats", timeout=60).json()
    assert told == {
        "submits": {"asked": 1, "accepted": 1, "by_sha256": {SHA256: 1}},
        "asks": {"status": 1, "result": 1},
        "tokens": {"asked": 0, "issued": 0},
        "throttled": {"submit": 0, "status": 0, "result": 0},
        "refused": {"submit": {}, "status": {}, "result": {}, "iam": {}},
        "faults": {},
    }


def test_operations_tell_when_they_were_accepted_and_when_they_can_be_read(service: Caller) -> None:
    accepted_at = service.now
    service.server.add_fault(kind="late_result", count=1, seconds=5)
    operation_id = service.submit().json()["id"]
    [told] = service.server.operations()
    assert told == {
        "id": operation_id,
        "sha256": SHA256,
        "accepted_at": accepted_at,
        "readable_at": accepted_at + SECONDS + 5,
        "read_at": None,
    }
    service.now = told["readable_at"] + 2
    for _ in range(2):
        assert service.result(operation_id).status_code == 200
        service.now += 3
    assert service.server.operations() == [{**told, "read_at": told["readable_at"] + 2}]


def test_times_are_spread_around_the_median_and_follow_from_seed_and_content() -> None:
    def times(seed: int) -> list[float]:
        with serving(spread=0.5, seed=seed, submits_per_second=1000) as service:
            for number in range(200):
                service.submit(b"%d" % number)
            return [told["readable_at"] - service.now for told in service.server.operations()]

    first = times(7)
    assert statistics.median(first) == pytest.approx(SECONDS, rel=0.15)
    assert min(first) < SECONDS / 2 < SECONDS * 2 < max(first)
    assert first == times(7) != times(8)


def test_faults_are_asked_for_and_ended_by_the_admin_endpoint(service: Caller) -> None:
    faults: list[object] = [{"kind": "429", "count": 1, "retry_after": 2}, {"kind": "5xx", "rate": 1}]
    faults += [{"kind": "earthquake", "count": 1}, {"kind": "5xx", "count": 1, "status": "503"}, []]
    asked = [service.post("/_admin/faults", fault).status_code for fault in faults]
    assert asked == [200, 200, 400, 400, 400]
    throttled = service.submit()
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "2")
    assert service.submit().status_code == 503
    assert service.post("/_admin/calm", {}).status_code == 200
    assert service.submit().status_code == 200
    assert service.server.stats()["faults"] == {"429": 1, "5xx": 1}


def test_faults_meet_a_sound_request_and_a_result_that_is_ready_alone(service: Caller) -> None:
    service.server.add_fault(kind="429", count=1)
    service.server.add_fault(kind="empty_body", count=1)
    answers = [service.submit(mimeType="image/tiff"), service.submit(headers={}), service.submit()]
    assert [answer.status_code for answer in answers] == [400, 401, 429]
    operation_id = service.submit().json()["id"]
    assert service.result(operation_id).status_code == 404
    service.now += SECONDS
    assert service.result(operation_id).content == b""


def test_the_log_has_events_but_no_text_and_no_key(service: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="local.ocr")
    service.server.add_fault(kind="lost_answer", count=1, target="status")
    operation_id = service.submit(b"confidential").json()["id"]
    service.submit(headers={"Authorization": "Api-Key confidential"})
    service.submit(model="confidential\nmodel")
    service.status("confidential%0aid")
    with pytest.raises(requests.ConnectionError):
        service.status(operation_id)
    for told in (
        f"request method=POST target=submit operation={operation_id} status=200",
        "submit refused reason=unauthenticated",
        "request method=POST target=submit status=401",
        "request method=GET target=status status=404",
        "fault met kind=lost_answer target=status",
        f"request method=GET target=status operation={operation_id} status=none",
    ):
        assert told in caplog.messages
    assert not any(re.search("confidential|local-test-key|\n", message) for message in caplog.messages)


def test_stop_frees_the_port_and_ends_connections_and_waits() -> None:
    before = set(threading.enumerate())
    started = server.start(Settings(engine="table"))
    started.add_fault(kind="slow", rate=1, seconds=600, target="status")
    with socket.create_connection(("127.0.0.1", started.port), timeout=60) as slow:
        slow.sendall(b"GET /operations/x HTTP/1.1\r\nHost: x\r\nAuthorization: Api-Key local-test-key\r\n\r\n")
        while not started.stats()["faults"]:
            time.sleep(0.01)
        started.stop()
        while slow.recv(4096):
            pass
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()
    started.stop()
    server.start(Settings(engine="table", port=started.port)).stop()
