"""Puts the service on a port of 127.0.0.1, over HTTP/1.1 with connections kept alive; tests `start` it here too."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local import http_server
from local.http_server import HttpServer, Request
from local.ocr.authorized_key import public_key
from local.ocr.protocol import IAM_PATH, NOT_FOUND, STATUS, Answer, error_answer, trace_headers
from local.ocr.recognition import Engine
from local.ocr.service import Service
from local.ocr.settings import Settings
from local.ocr.table import TableEngine

SUBMIT_PATH = "/ocr/v1/recognizeTextAsync"
RESULT_PATH = "/ocr/v1/getRecognition"
STATUS_PATH = "/operations/"
ADMIN_PATH = "/_admin/"


class OcrServer:
    """A running service. `url` is the base URL for all of the service's hosts, `stats`, `operations` and `reset` are
    the service's own."""

    def __init__(self, service: Service, engine: Engine, port: int, stopping: threading.Event) -> None:
        self._service = service
        self._engine = engine
        self._stopping = stopping
        self.stats, self.operations, self.reset = service.stats, service.operations, service.reset
        self._http = HttpServer(partial(_served, service), port=port)
        self.port, self.url = self._http.port, self._http.url

    def add_fault(self, **request: Any) -> None:
        """Like POST /_admin/faults; raises local.ocr.faults.FaultRequestError."""
        self._service.add_fault(request)

    def stop(self) -> None:
        """Afterwards the port is free, every connection is closed, and nothing new begins. May be called again."""
        self._stopping.set()
        self._http.stop()
        self._engine.close()


def start(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], None] | None = None,
) -> OcrServer:
    """Start a service on 127.0.0.1 and return once it listens. `clock` gives epoch seconds.

    `wait` returns after the given seconds, for slow faults; without it they really wait, at most until the server
    stops.

    Raises OSError (port taken, no such file), ValueError (a file of another form), local.ocr.tessdata.TessdataError.
    """
    keys = [public_key(json.loads(path.read_text("utf-8"))) for path in settings.authorized_keys]
    stopping = threading.Event()

    def wait_or_stop(seconds: float) -> None:
        stopping.wait(seconds)

    engine = _engine(settings)
    try:
        service = Service(settings, engine, keys=keys, clock=clock, wait=wait or wait_or_stop)
        return OcrServer(service, engine, settings.port, stopping)
    except BaseException:
        engine.close()
        raise


def _engine(settings: Settings) -> Engine:
    if settings.engine == "table":
        table = json.loads(settings.table.read_text("utf-8")) if settings.table else {}
        return TableEngine(table, seconds=settings.seconds, spread=settings.spread, seed=settings.seed)
    from local.ocr.tesseract import TesseractEngine  # the table engine must run without language data

    return TesseractEngine()


def _served(service: Service, request: Request) -> http_server.Answer | None:
    answer = _answer(service, request.method, request.path, request.headers, request.body)
    if answer.cut:
        return None
    headers = {**trace_headers(), **answer.headers, "Content-Type": answer.content_type}
    return answer.status, headers | {"Content-Length": str(len(answer.body))}, answer.body[: answer.sent_bytes]


def _answer(service: Service, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    parts = urlsplit(url)
    if (method, parts.path) == ("POST", SUBMIT_PATH):
        return service.submit(headers, body)
    if (method, parts.path) == ("GET", RESULT_PATH):
        return service.result(headers, parse_qs(parts.query).get("operationId", [""])[0])
    if method == "GET" and parts.path.startswith(STATUS_PATH):
        return service.status(headers, unquote(parts.path.removeprefix(STATUS_PATH)))
    if (method, parts.path) == ("POST", IAM_PATH):
        return service.issue_token(headers, body)
    if parts.path.startswith(ADMIN_PATH):
        return service.administer(method, parts.path.removeprefix(ADMIN_PATH), body)
    return error_answer(STATUS, NOT_FOUND, "Not Found")
