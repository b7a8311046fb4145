"""Puts the service on a port of 127.0.0.1, over HTTP/1.1 with connections kept alive, plain or over TLS; tests too
`start` it here."""

import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from local.ocr.authorized_key import read_public
from local.ocr.protocol import (
    IAM,
    IAM_PATH,
    NOT_FOUND,
    RESULT,
    STATUS,
    SUBMIT,
    Answer,
    error_answer,
    proxy_answer,
    trace_headers,
)
from local.ocr.recognition import Engine
from local.ocr.service import Service
from local.ocr.settings import Settings
from local.ocr.table import TableEngine, load

log = logging.getLogger("local.ocr")

# The largest content in base64 is 13.4 million characters; what is larger, a proxy before the service refuses.
MAX_BODY_BYTES = 16_000_000
# A refused body is still read up to here, so that the client gets to read the answer.
MAX_DRAINED_BYTES = 64_000_000
IDLE_SECONDS = 75
CHUNK_BYTES = 1_000

SUBMIT_PATH = "/ocr/v1/recognizeTextAsync"
RESULT_PATH = "/ocr/v1/getRecognition"
STATUS_PATH = "/operations/"
ADMIN_PATH = "/_admin/"

TARGET_OF_PATH = {SUBMIT_PATH: SUBMIT, RESULT_PATH: RESULT, IAM_PATH: IAM}
_OPERATION_ID = re.compile("[a-z0-9]{1,50}")


class OcrServer:
    """A running service. `url` is the base URL for all of the service's hosts."""

    def __init__(
        self, service: Service, engine: Engine, port: int, stopping: threading.Event, tls: ssl.SSLContext | None = None
    ) -> None:
        self._service = service
        self._engine = engine
        self._stopping = stopping
        self._http = _HttpServer(("127.0.0.1", port), service, tls)
        self.port = int(self._http.server_address[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="ocr-http", daemon=True)
        self._thread.start()

    def stats(self) -> dict[str, Any]:
        """As GET /_admin/stats."""
        return self._service.stats()

    def operations(self) -> list[dict[str, Any]]:
        """As GET /_admin/operations."""
        return self._service.operations()

    def reset(self) -> None:
        """As POST /_admin/reset."""
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

    Raises OSError (port taken, no such certificate), local.ocr.table.TableError, local.ocr.tessdata.TessdataError,
    local.ocr.authorized_key.AuthorizedKeyError.
    """
    keys = [read_public(path) for path in settings.authorized_keys]
    tls = _tls(settings.certificate) if settings.certificate else None
    stopping = threading.Event()

    def wait_or_stop(seconds: float) -> None:
        stopping.wait(seconds)

    engine = _engine(settings)
    try:
        service = Service(settings, engine, keys=keys, clock=clock, wait=wait or wait_or_stop)
        return OcrServer(service, engine, settings.port, stopping, tls)
    except BaseException:
        engine.close()
        raise


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _engine(settings: Settings) -> Engine:
    if settings.engine == "table":
        table = load(settings.table) if settings.table else {}
        return TableEngine(table, seconds=settings.seconds, spread=settings.spread, seed=settings.seed)
    from local.ocr.tesseract import TesseractEngine  # the table engine must run without tesserocr and pypdfium2

    return TesseractEngine(settings.tessdata, settings.workers)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], service: Service, tls: ssl.SSLContext | None) -> None:
        super().__init__(address, _Handler)
        if tls:
            # Each handshake in its connection's thread, with the first read: none keeps the others waiting.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
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
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def _serve(self, answer: Callable[[str, bytes], Answer]) -> None:
        try:
            body = self._body()
            given = proxy_answer(413) if body is None else answer(self.path, body)
            if log.isEnabledFor(logging.INFO) and (told := exchange(self.command, self.path, given)):
                log.info("%s", told)
            self._send(given)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _get(self, path: str, body: bytes) -> Answer:
        service = self.server.service
        parts = urlsplit(path)
        headers = self._headers()
        if parts.path == RESULT_PATH:
            return service.result(headers, _asked_for(parts))
        if parts.path.startswith(STATUS_PATH):
            return service.status(headers, unquote(parts.path.removeprefix(STATUS_PATH)))
        return self._other("GET", parts.path, body)

    def _post(self, path: str, body: bytes) -> Answer:
        parts = urlsplit(path)
        if parts.path == SUBMIT_PATH:
            return self.server.service.submit(self._headers(), body)
        if parts.path == IAM_PATH:
            return self.server.service.issue_token(self._headers(), body)
        return self._other("POST", parts.path, body)

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _other(self, method: str, path: str, body: bytes) -> Answer:
        if path.startswith(ADMIN_PATH):
            return self.server.service.administer(method, path.removeprefix(ADMIN_PATH), body)
        return error_answer(STATUS, NOT_FOUND, "Not Found")

    def _body(self) -> bytes | None:
        """The request's body; None when it is larger than the limit or of a length that is not told."""
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isascii() and length.isdigit() else MAX_DRAINED_BYTES + 1
        if self.headers.get("Transfer-Encoding") or size > MAX_DRAINED_BYTES:
            self.close_connection = True
            return None
        if size > MAX_BODY_BYTES:
            self.close_connection = True
            while size > 0 and (read := self.rfile.read(min(size, 65_536))):
                size -= len(read)
            return None
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionResetError("the client closed in mid-body")
        return body

    def _send(self, answer: Answer) -> None:
        if answer.cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status)
        for name, value in {**trace_headers(), **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        sent = answer.body[: answer.sent_bytes]
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            sent = _in_chunks(sent)
        else:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(sent)
        if answer.sent_bytes is None:
            self.wfile.write(b"0\r\n\r\n" * answer.chunked)
            self.wfile.flush()
        else:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses (a malformed head, an unknown method) is answered as a proxy would."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else there is no head to the answer of a malformed request
        self._send(proxy_answer(code))

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are logged as events by the service, not as lines of HTTP."""


def exchange(method: str, path: str, answer: Answer) -> str:
    """A request and its answer for the log: the method, what was asked of which operation, the status.

    Nothing else of either is in it. Empty for the admin endpoint, whose acts the service logs.
    """
    parts = urlsplit(path)
    if parts.path.startswith(ADMIN_PATH):
        return ""
    target = STATUS if parts.path.startswith(STATUS_PATH) else TARGET_OF_PATH.get(parts.path, "unknown")
    line = f"request method={method} target={target}"
    if (operation_id := _operation_of(target, parts, answer)) and _OPERATION_ID.fullmatch(operation_id):
        line += f" operation={operation_id}"
    if answer.cut:
        return f"{line} status=none"
    sent = "" if answer.sent_bytes is None else f" cut_after_bytes={answer.sent_bytes}"
    return f"{line} status={answer.status}{sent}"


def _operation_of(target: str, parts: SplitResult, answer: Answer) -> str:
    if target == STATUS:
        return parts.path.removeprefix(STATUS_PATH)
    if target == RESULT:
        return _asked_for(parts)
    if target != SUBMIT or answer.status != 200:
        return ""
    try:
        made = json.loads(answer.body)
    except (ValueError, RecursionError):  # a fault has been at it
        return ""
    return str(made.get("id", "")) if isinstance(made, dict) else ""


def _asked_for(parts: SplitResult) -> str:
    """The operation that a request for a result names, or ""."""
    query = parse_qs(parts.query)
    return (query.get("operationId") or query.get("operation_id") or [""])[0]


def _in_chunks(body: bytes) -> bytes:
    """The body in pieces that begin and end anywhere, without the last, empty one that ends it."""
    pieces = [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
