"""The local OCR service's faults as a client meets them, over HTTP: a test a kind, named after it.

Those that give a result another form are in test_local_ocr_fault_forms.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from integration.local_ocr_calls import CONTENT, SECONDS, SHA256, Caller, serving
from local.ocr.kinds import KINDS


@pytest.fixture(scope="module")
def running() -> Iterator[Caller]:
    with serving() as caller:
        yield caller


@pytest.fixture
def service(running: Caller) -> Caller:
    running.server.reset()
    running.waits.clear()
    running.meanwhile = lambda: None
    return running


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_test_of_its_name(kind: str) -> None:
    sources = [file.read_text() for file in Path(__file__).parent.glob("test_local_ocr_fault*.py")]
    assert sum(f"\ndef test_{kind}(service: Caller" in source for source in sources) == 1


def code(answer: requests.Response) -> int:
    """The gRPC code of an error, in either of the two shapes."""
    body = answer.json()
    found = body["error"]["grpcCode"] if "error" in body else body["code"]
    assert isinstance(found, int)
    return found


TARGETS = pytest.mark.parametrize("target", ["submit", "status", "result"])


# Before a request is served


@TARGETS
def test_slow(service: Caller, target: str) -> None:
    service.fault("slow", seconds=0.1, target=target)
    assert service.ask(target).status_code == service.ask(target).status_code == 200
    assert service.waits == [0.1]


@TARGETS
def test_lost_request(service: Caller, target: str) -> None:
    service.fault("lost_request", target=target)
    with pytest.raises(requests.ConnectionError):
        service.ask(target)
    accepted = service.server.stats()["submits"]["accepted"]
    assert accepted == (0 if target == "submit" else 1)
    assert service.ask(target).status_code == 200


def assert_refuses(service: Caller, target: str, status: int, grpc: int) -> None:
    """The kind of that name refuses once in the service's own shape, once as a proxy."""
    service.fault(str(status), target=target)
    own = service.ask(target)
    assert (own.status_code, code(own)) == (status, grpc)
    service.fault(str(status), target=target, body=False)
    foreign = service.ask(target)
    assert (foreign.status_code, foreign.headers["Content-Type"]) == (status, "text/html")
    assert service.ask(target).status_code == 200


@TARGETS
def test_401(service: Caller, target: str) -> None:
    assert_refuses(service, target, 401, 16)


@TARGETS
def test_403(service: Caller, target: str) -> None:
    assert_refuses(service, target, 403, 7)


@TARGETS
def test_404(service: Caller, target: str) -> None:
    assert_refuses(service, target, 404, 5)


@TARGETS
def test_499(service: Caller, target: str) -> None:
    assert_refuses(service, target, 499, 1)


@pytest.mark.parametrize(("target", "others"), [("status", ["submit", "result"]), ("ocr", ["status"])])
def test_a_host_can_refuse_while_the_other_serves(service: Caller, target: str, others: list[str]) -> None:
    operation_id = service.finished()
    service.fault("403", rate=1, target=target)
    answers = {
        "submit": service.submit(),
        "status": service.status(operation_id),
        "result": service.result(operation_id),
    }
    assert {name for name, answer in answers.items() if answer.status_code == 200} == set(others)


@pytest.mark.parametrize("body", [True, False])
def test_413(service: Caller, body: bool) -> None:
    service.fault("413", body=body)
    answer = service.submit()
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == ("application/json" if body else "text/html")
    assert service.server.stats()["submits"]["accepted"] == 0


@TARGETS
@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (0, "0"), (2.5, "2.5")])
def test_429(service: Caller, target: str, retry_after: float | None, header: str | None) -> None:
    service.fault("429", target=target, retry_after=retry_after)
    answer = service.ask(target)
    assert (answer.status_code, code(answer), answer.headers.get("Retry-After")) == (429, 8, header)
    assert service.ask(target).status_code == 200
    assert service.server.stats()["throttled"][target] == 0


def test_a_burst_of_429(service: Caller) -> None:
    service.fault("429", burst=4)
    assert [service.submit().status_code for _ in range(6)] == [429] * 4 + [200] * 2
    assert service.server.stats()["faults"] == {"429": 4}


@TARGETS
@pytest.mark.parametrize(("status", "grpc"), [(500, 13), (502, 14), (503, 14), (504, 4)])
def test_5xx(service: Caller, target: str, status: int, grpc: int) -> None:
    service.fault("5xx", target=target, status=status)
    own = service.ask(target)
    assert (own.status_code, code(own)) == (status, grpc)
    service.fault("5xx", target=target, status=status, body=False)
    foreign = service.ask(target)
    assert (foreign.status_code, foreign.headers["Content-Type"]) == (status, "text/html")


@pytest.mark.parametrize("grpc", [3, 9, 11])
def test_reject(service: Caller, grpc: int) -> None:
    service.fault("reject", code=grpc, message="the image is damaged")
    answer = service.submit()
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (400, grpc, "the image is damaged")
    assert service.server.stats()["submits"]["accepted"] == 0


# What becomes of an operation


def test_slow_recognition(service: Caller) -> None:
    service.fault("slow_recognition", seconds=60)
    operation_id = service.finished()
    service.clock.now += 59
    assert not service.status(operation_id).json()["done"]
    service.clock.now += 1
    assert service.status(operation_id).json()["done"]


def test_never_done(service: Caller) -> None:
    service.fault("never_done")
    operation_id = service.finished()
    service.clock.now += 10 * 24 * 3600
    assert service.status(operation_id).json()["done"] is False
    assert "not ready" in service.result(operation_id).json()["error"]["message"]
    assert service.server.stats()["operations"] == {"running": 1, "succeeded": 0, "failed": 0}


def test_late_result(service: Caller) -> None:
    service.fault("late_result", seconds=5)
    operation_id = service.finished()
    assert service.status(operation_id).json()["done"]
    early = service.result(operation_id)
    assert (early.status_code, code(early)) == (404, 5)
    service.clock.now += 5
    assert service.result(operation_id).status_code == 200


def test_expired_result(service: Caller) -> None:
    service.fault("expired_result", seconds=5)
    whole = service.finished()
    assert service.result(whole).status_code == 200
    service.clock.now += 5
    assert service.result(whole).status_code == service.status(whole).status_code == 404
    service.fault("expired_result", operation=False)
    result_alone = service.finished()
    assert service.status(result_alone).json()["done"]
    assert code(service.result(result_alone)) == 5


def test_failing_operation(service: Caller) -> None:
    service.fault("failing_operation", code=13, message="engine failure")
    operation_id = service.submit().json()["id"]
    assert "error" not in service.status(operation_id).json()
    service.clock.now += SECONDS
    operation = service.status(operation_id).json()
    assert operation["done"]
    assert operation["error"] == {"code": 13, "message": "engine failure", "details": []}
    answer = service.result(operation_id)
    assert (answer.status_code, code(answer)) == (500, 13)
    assert service.server.stats()["operations"]["failed"] == 1


def test_a_failing_operation_that_the_result_does_not_tell(service: Caller) -> None:
    service.fault("failing_operation", in_result=False)
    operation_id = service.finished()
    assert service.status(operation_id).json()["error"]["code"] == 13
    assert code(service.result(operation_id)) == 5


def test_error_before_done(service: Caller) -> None:
    service.fault("error_before_done", code=3)
    operation_id = service.submit().json()["id"]
    early = service.status(operation_id).json()
    assert (early["done"], early["error"]["code"]) == (False, 3)
    assert code(service.result(operation_id)) == 5
    service.clock.now += SECONDS
    late = service.status(operation_id).json()
    assert (late["done"], late["error"]["code"]) == (True, 3)
    assert code(service.result(operation_id)) == 3


def test_done_with_response(service: Caller) -> None:
    service.fault("done_with_response")
    operation_id = service.submit().json()["id"]
    assert "response" not in service.status(operation_id).json()
    service.clock.now += SECONDS
    operation = service.status(operation_id).json()
    assert isinstance(operation["response"], dict)
    assert "error" not in operation


# Answers that do not arrive whole


@TARGETS
def test_slow_answer(service: Caller, target: str) -> None:
    service.fault("slow_answer", seconds=0.1, target=target)
    assert service.ask(target).status_code == 200
    assert service.waits == [0.1]


@TARGETS
def test_lost_answer(service: Caller, target: str) -> None:
    service.fault("lost_answer", target=target)
    with pytest.raises(requests.ConnectionError):
        service.ask(target)
    assert service.server.stats()["submits"]["accepted"] == 1
    assert service.ask(target).status_code == 200


def test_only_an_accepted_submit_can_lose_its_answer(service: Caller) -> None:
    service.fault("lost_answer")
    assert service.submit(mimeType="image/tiff").status_code == 400
    with pytest.raises(requests.ConnectionError):
        service.submit()


@TARGETS
@pytest.mark.parametrize("share", [0, 0.99])
def test_cut_body(service: Caller, target: str, share: float) -> None:
    service.fault("cut_body", target=target, share=share)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        service.ask(target)
    assert service.server.stats()["faults"] == {"cut_body": 1}
    assert service.ask(target).status_code == 200


def test_a_chunked_body_can_be_cut(service: Caller) -> None:
    service.fault("chunked")
    service.fault("cut_body")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        service.ask("result")


@TARGETS
def test_truncated_body(service: Caller, target: str) -> None:
    service.fault("truncated_body", target=target)
    answer = service.ask(target)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert answer.content


@TARGETS
def test_empty_body(service: Caller, target: str) -> None:
    service.fault("empty_body", target=target)
    answer = service.ask(target)
    assert (answer.status_code, answer.content) == (200, b"")


@TARGETS
def test_html_body(service: Caller, target: str) -> None:
    service.fault("html_body", target=target)
    answer = service.ask(target)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    assert answer.text.startswith("<html>")


@TARGETS
def test_chunked(service: Caller, target: str) -> None:
    service.fault("chunked", target=target)
    chunked, plain = service.ask(target), service.ask(target)
    assert chunked.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in chunked.headers
    assert chunked.json().keys() == plain.json().keys()
    if target == "result":
        assert chunked.content == plain.content


@TARGETS
def test_large_body(service: Caller, target: str) -> None:
    service.fault("large_body", target=target, bytes=200_000)
    answer = service.ask(target)
    assert 200_000 <= len(answer.content) < 201_000
    assert isinstance(answer.json(), dict)


# Tokens; what it does to one, and how IAM itself fails, is in test_local_ocr_iam


def test_short_token(service: Caller) -> None:
    service.fault("short_token", rate=1)
    assert service.ask("submit").status_code == service.ask("status").status_code == 200
    assert service.server.stats()["faults"] == {}


# Whom a fault strikes


def test_a_fault_can_be_for_one_content_alone(service: Caller) -> None:
    service.fault("reject", rate=1, sha256=SHA256)
    assert [service.submit(content).status_code for content in (CONTENT, b"another", CONTENT)] == [400, 200, 400]
    service.fault("5xx", rate=1, target="result", sha256=hashlib.sha256(b"third").hexdigest())
    assert service.result(service.submit(b"another").json()["id"]).status_code == 404
    assert service.result(service.submit(b"third").json()["id"]).status_code == 503


def test_faults_meet_a_sound_request_alone(service: Caller) -> None:
    service.fault("429")
    assert service.submit(mimeType="image/tiff").status_code == 400
    assert service.submit(headers={}).status_code == 401
    assert service.submit().status_code == 429


def test_faults_on_results_wait_for_one_that_is_ready(service: Caller) -> None:
    service.fault("empty_body")
    operation_id = service.submit().json()["id"]
    assert service.result(operation_id).status_code == 404
    service.clock.now += SECONDS
    assert service.result(operation_id).content == b""


def test_a_slow_answer_keeps_no_other_request_waiting(service: Caller) -> None:
    others: list[requests.Response] = []
    health = f"{service.server.url}/_admin/health"
    service.meanwhile = lambda: others.append(requests.get(health, timeout=60))
    service.fault("slow", seconds=0.2, target="submit")
    assert service.submit().status_code == 200
    assert [other.status_code for other in others] == [200]
