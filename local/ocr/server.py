"""Puts the service on a port of 127.0.0.1, over HTTP/1.1 with connections kept alive; tests too `start` it here."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local.ocr.authorized_key import public_key
from local.ocr.protocol import IAM_PATH, NOT_FOUND, STATUS, Answer, error_answer, trace_headers
from local.ocr.recognition import Engine
from local.ocr.service import Service
from local.ocr.settings import Settings
from local.ocr.table import TableEngine

log = logging.getLogger("local.ocr")

IDLE_SECONDS = 75

SUBMIT_PATH = "/ocr/v1/recognizeTextAsync"
RESULT_PATH = "/ocr/v1/getRecognition"
STATUS_PATH = "/operations/"
ADMIN_PATH = "/_admin/"


class OcrServer:
    """A running service. `url` is the base URL for all of the service's hosts."""

    def __init__(self, service: Service, engine: Engine, port: int, stopping: threading.Event) -> None:
        self._service = service
        self._engine = engine
        self._stopping = stopping
        self._http = _HttpServer(("127.0.0.1", port), service)
        self.port = int(self._http.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="ocr-http", daemon=True)
        self._thread.start()

    def stats(self) -> dict[str, Any]:
        """As GET /_admin/stats."""
        return self._service.stats()

    def operations(self) -> list[dict[str, Any]]:
        """See Service.operations."""
        return self._service.operations()

    def reset(self) -> None:
        """See Service.reset."""
        self._service.reset()

    def add_fault(self, **request: Any) -> None:
        """As POST /_admin/faults; raises local.ocr.faults.FaultRequestError."""
        self._service.add_fault(request)

    def stop(self) -> None:
        """Afterwards the port is free, every connection closed, nothing new begins. May be called again."""
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._http.close_connections()
        self._thread.join()
        self._engine.close()


def start(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], None] | None = None,
) -> OcrServer:
    """Start a service on 127.0.0.1 and return once it listens. `clock` gives epoch seconds.

    `wait` returns after so many seconds, for the faults that are slow; without it they really wait, at most until
    the server stops.

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


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        super().__init__(address, _Handler)
        self.service = service
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                self._connections.discard(request)

    def close_connections(self) -> None:
        """End the connections that clients keep alive."""
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server; anything else is logged with its traceback."""
        log.exception("request failed")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "local-ocr"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = 65_536  # head and body in one write: two would wait for each other's acknowledgement
    server: _HttpServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        try:
            size = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(size)
            if len(body) < size:
                raise ConnectionResetError("the client closed in mid-body")
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(_answer(self.server.service, self.command, self.path, headers, body))
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _send(self, answer: Answer) -> None:
        if answer.cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status)
        for name, value in {**trace_headers(), **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: answer.sent_bytes])
        self.wfile.flush()
        if answer.sent_bytes is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are logged as events by the service, not as lines of HTTP."""


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
