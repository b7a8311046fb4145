"""An HTTP server on 127.0.0.1 whose answers come from a function: it replaces a service, or is a proxy to it."""

from __future__ import annotations

import logging
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "content-length"})
"""Headers that apply to one connection only and are not passed on; in lower case."""
IDLE_SECONDS = 75


@dataclass(frozen=True, slots=True)
class Request:
    """A request; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body. A larger length in the headers is sent as it is: for a HEAD, which has no body, and for a
body that is cut short together with the connection."""


class HttpServer:
    """Running, over TLS if it has a certificate and its key; port 0 is any that is free. `answer` is called in many
    threads at once; if it returns None, the connection is cut. `errors` are those of `answer`. A client that goes away
    is not an error."""

    def __init__(
        self, answer: Callable[[Request], Answer | None], tls: tuple[Path, Path] | None = None, port: int = 0
    ) -> None:
        self.errors: list[BaseException] = []
        self._http = _Server(answer, self.errors, port)
        scheme = "http"
        if tls:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            # The thread that serves the connection does the handshake, at its first read.
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._http.server_address[1])
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Afterwards the port is free, every connection ended, nothing new is answered. May be called again."""
        self._http.shutdown()
        self._http.server_close()
        self._http.end_connections()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, answer: Callable[[Request], Answer | None], errors: list[BaseException], port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self.errors = errors
        self._connections: set[socket.socket] = set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.discard(request)

    def end_connections(self) -> None:
        """The connections that clients keep alive."""
        for connection in self._connections.copy():
            with suppress(OSError):  # the client closed it first
                socket.socket.shutdown(
                    connection, socket.SHUT_RDWR
                )  # below TLS, because another thread reads from that

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        assert error is not None
        self.errors.append(error)
        log.exception("request failed")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = 65_536  # head and body in one write: two would wait for each other's acknowledgement
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def handle_expect_100(self) -> bool:
        goes_on = super().handle_expect_100()
        self.wfile.flush()  # otherwise the client waits for it
        return goes_on

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.answer(Request(self.command, self.path, headers, self._body()))
        if answer is None:
            self.close_connection = True
            return
        status, given, body = answer
        self.send_response_only(status)
        if "date" not in map(str.lower, given):
            self.send_header("Date", self.date_time_string())
        for name, value in given.items():
            if name.lower() not in OF_THE_CONNECTION:
                self.send_header(name, value)
        told = max((int(value) for name, value in given.items() if name.lower() == "content-length"), default=0)
        self.send_header("Content-Length", str(max(told, len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.close_connection = self.close_connection or len(body) < told

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - named by BaseHTTPRequestHandler

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self._line().split(b";")[0], 16):
            parts.append(self._read(size))
            self._line()
        while self._line().strip():  # headers after the body
            continue
        return b"".join(parts)

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionAbortedError("the client went away")
        return data

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line:
            raise ConnectionAbortedError("the client went away")
        return line
