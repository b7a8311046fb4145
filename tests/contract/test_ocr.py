"""ports.Ocr: the client against the local OCR service over HTTP, and the fake."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fakes import FakeClock, FakeOcr, Faults
from fakes.ocr import INTERNAL, INVALID_ARGUMENT, Failure, page
from local.ocr.server import OcrServer, start
from local.ocr.settings import DEFAULT_API_KEY, Settings
from pagekit.limits import FileLimits
from pagekit.page import RecognisedPage
from textdrop.adapters.yandex.client import YandexOcr
from textdrop.adapters.yandex.credentials import Credentials
from textdrop.core.answers import NotReady, Recognition
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrCredentialsRefused,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    Trace,
)
from textdrop.core.options import SHARED_LANGUAGES
from textdrop.ports import Ocr

SECONDS = 30.0
GOOD, BLANK, BROKEN, REFUSED_LATE = b"a good page", b"a blank page", b"a broken page", b"a page refused late"
TEXTS = {GOOD: "Hello\nПривет", BLANK: ""}
FAILURES = {BROKEN: Failure(INTERNAL, "broken"), REFUSED_LATE: Failure(INVALID_ARGUMENT, "refused")}
TROUBLES: dict[str, type[OcrError]] = {
    "throttled": OcrThrottled,
    "unavailable": OcrUnavailable,
    "rejected": OcrRejected,
    "lost": OcrAnswerLost,
    "proxy": OcrAnswerLost,
    "credentials": OcrCredentialsRefused,
    "unreachable": OcrUnreachable,
}
BILLED = frozenset({"lost"})


@dataclass
class Service:
    """The port, the number of submits the service took, and what can happen to the next submit.

    Some troubles are those of a client with other settings, which `ocr` is afterwards.
    """

    ocr: Ocr
    billed: Callable[[], int]
    pass_time: Callable[[float], None]
    trouble: Callable[[str], None]


def fake_service() -> Service:
    clock, faults = FakeClock(), Faults()
    table: dict[bytes, RecognisedPage | Failure] = {content: page(text) for content, text in TEXTS.items()}
    ocr = FakeOcr(clock, faults, {**table, **FAILURES}, seconds=SECONDS)

    def trouble(name: str) -> None:
        kind = TROUBLES[name]
        trace = Trace(client_request_id="request")
        error = OcrThrottled("over", trace, 7.0) if kind is OcrThrottled else kind(name, trace)
        faults.fail("ocr.submit", error, when="after" if name in BILLED else "before")

    return Service(ocr, lambda: len(ocr.accepted), clock.advance, trouble)


class MovableTime:
    """The system's time, moved on when told to."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def move(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OcrServer, MovableTime]]:
    """The local service on loopback, answering from a table."""
    entries: dict[str, Any] = {_digest(content): {"text": text} for content, text in TEXTS.items()}
    for content, failure in FAILURES.items():
        entries[_digest(content)] = {"error": {"code": failure.code, "message": failure.message}}
    table: Path = tmp_path_factory.mktemp("ocr") / "table.json"
    table.write_text(json.dumps(entries), encoding="utf-8")
    moving = MovableTime()
    settings = Settings(
        engine="table",
        table=table,
        seconds=SECONDS,
        submits_per_second=1000,
        status_reads_per_second=1000,
        result_reads_per_second=1000,
    )
    running = start(settings, clock=moving.now)
    yield running, moving
    running.stop()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_client(url: str, api_key: str = DEFAULT_API_KEY) -> YandexOcr:
    credentials = Credentials(lambda: json.dumps({"api_key": api_key}))
    return YandexOcr(ocr_base_url=url, operation_base_url=url, credentials=credentials)


def real_service(server: OcrServer, moving: MovableTime) -> Service:
    def trouble(name: str) -> None:
        match name:
            case "throttled":
                server.add_fault(kind="429", target="submit", count=1, retry_after=7)
            case "unavailable":
                server.add_fault(kind="5xx", target="submit", count=1)
            case "rejected":
                server.add_fault(kind="reject", count=1)
            case "lost":
                server.add_fault(kind="lost_answer", count=1)
            case "proxy":
                server.add_fault(kind="5xx", target="submit", count=1, status=502, body=False)
            case "credentials":
                made.ocr = make_client(server.url, "wrong")
            case "unreachable":
                made.ocr = make_client("http://127.0.0.1:9")

    made = Service(make_client(server.url), lambda: int(server.stats()["submits"]["accepted"]), moving.move, trouble)
    return made


@pytest.fixture(params=["fake", "local"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service that has taken nothing yet."""
    if request.param == "fake":
        yield fake_service()
        return
    server, moving = request.getfixturevalue("server")
    server.reset()
    service = real_service(server, moving)
    yield service
    assert isinstance(service.ocr, YandexOcr)
    service.ocr.new_connections()


def submit(service: Service, content: bytes = GOOD) -> str:
    body = service.ocr.prepare(content, "application/pdf", ["ru", "en"], "page")
    return service.ocr.submit(body, "request").operation.id


@pytest.mark.parametrize(
    ("content", "text"),
    [(GOOD, "Hello\nПривет"), (BLANK, ""), (b"another page", _digest(b"another page")[:12])],
    ids=["good", "blank", "of no table"],
)
def test_a_page_is_taken_recognised_and_read(service: Service, content: bytes, text: str) -> None:
    operation_id = submit(service, content)
    assert operation_id
    assert isinstance(service.ocr.result(operation_id), NotReady)
    assert service.ocr.status(operation_id).error_code == 0
    service.pass_time(SECONDS + 1)
    assert service.ocr.status(operation_id).error_code == 0
    found = service.ocr.result(operation_id)
    assert isinstance(found, Recognition)
    read = service.ocr.read_page(found.body)
    assert text in read["text"] if content not in TEXTS else read["text"].strip() == text
    assert read.keys() == RecognisedPage.__annotations__.keys()
    again = service.ocr.result(operation_id)
    assert isinstance(again, Recognition)
    assert again.body == found.body


def test_an_acceptance_says_which_request_it_answers(service: Service) -> None:
    body = service.ocr.prepare(GOOD, "application/pdf", ["ru"], "page")
    submitted = service.ocr.submit(body, "11111111-2222-4333-8444-555555555555")
    assert submitted.trace.client_request_id == "11111111-2222-4333-8444-555555555555"
    assert submitted.trace.status == 200
    assert submitted.operation.description == "OCR async recognition"


def test_every_submit_is_billed(service: Service) -> None:
    assert submit(service) != submit(service)
    assert service.billed() == 2


@pytest.mark.parametrize(("content", "failure"), FAILURES.items(), ids=["internal", "invalid"])
def test_a_failed_operation_has_its_code(service: Service, content: bytes, failure: Failure) -> None:
    operation_id = submit(service, content)
    service.pass_time(SECONDS + 1)
    status = service.ocr.status(operation_id)
    assert (status.error_code, status.error_message) == (failure.code, failure.message)
    with pytest.raises(OcrUnavailable if failure.code == INTERNAL else OcrRejected) as told:
        service.ocr.result(operation_id)
    assert (told.value.trace.code, told.value.trace.message) == (failure.code, failure.message)


def test_an_operation_that_never_was_is_unknown(service: Service) -> None:
    with pytest.raises(OcrOperationUnknown):
        service.ocr.status("never")
    assert isinstance(service.ocr.result("never"), NotReady)


def test_a_result_is_forgotten_after_three_days(service: Service) -> None:
    operation_id = submit(service)
    service.pass_time(SECONDS + 3 * 86_400 + 1)
    assert isinstance(service.ocr.result(operation_id), NotReady)
    with pytest.raises(OcrOperationUnknown):
        service.ocr.status(operation_id)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_happens_to_a_submit_is_in_its_error(service: Service, trouble: str) -> None:
    service.trouble(trouble)
    with pytest.raises(OcrError) as told:
        submit(service)
    assert type(told.value) is TROUBLES[trouble]
    assert told.value.trace.client_request_id == "request"
    assert service.billed() == (1 if trouble in BILLED else 0)
    if isinstance(told.value, OcrThrottled):
        assert told.value.retry_after_seconds == 7.0


def test_an_empty_content_is_rejected(service: Service) -> None:
    with pytest.raises(OcrRejected):
        submit(service, b"")
    assert service.billed() == 0


@pytest.mark.parametrize("body", [b"", b"{", b"text", b"[]", b'{"result": {}'])
def test_a_stored_body_that_is_no_page_is_malformed(service: Service, body: bytes) -> None:
    with pytest.raises(OcrAnswerMalformed):
        service.ocr.read_page(body)


def test_calls_are_bounded(service: Service) -> None:
    largest = bytes(FileLimits().max_bytes)
    body = service.ocr.prepare(largest, "application/pdf", SHARED_LANGUAGES, "vehicle-registration-front")
    assert 0 < service.ocr.submit_seconds(0) <= 60
    assert service.ocr.submit_seconds(0) < service.ocr.submit_seconds(len(body)) <= 120
    assert 0 < service.ocr.ask_total_seconds <= 60
