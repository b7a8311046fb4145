"""The proxy: over TLS on 127.0.0.1, each connection of a client with one of its own to the endpoint."""

import http.client
import logging
import ssl
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from soak.aws_calls import Call, read_call
from soak.aws_faults import Chances, Fault
from soak.aws_refusals import SERVICES, Why, refusal

log = logging.getLogger("soak.aws_proxy")

PASSED, CALL, CALL_FAILED = "passed", "call", "call_failed"
"""What else is counted: tries that nothing befell, first tries of calls, and calls that failed on their last try."""
UPSTREAM_SECONDS = 60.0
IDLE_SECONDS = 75
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "content-length"})


class FaultyAws:
    """A running proxy of `upstream` (https://127.0.0.1:port), under the same certificate and key.

    Requests go on as they came, the Host header too, so their signatures hold. `message` are the words of its refusals.
    A late answer comes `late_seconds` late, which is to be more than clients wait. As a context manager it ends itself.
    """

    def __init__(
        self, upstream: str, certificate: Path, key: Path, chances: Chances, *, message: str, late_seconds: float
    ) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 443)
        self.trusted = ssl.create_default_context(cafile=str(certificate))
        self.message = message
        self.late_seconds = late_seconds
        self.stopping = threading.Event()
        self._chances = chances
        self._counting = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._http = _Server(self)
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(certificate, key)
        # The handshake is made by the thread that serves the connection, when it first reads.
        self._http.socket = own.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="faulty-aws", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def calm(self) -> None:
        """From now on nothing befalls any call."""
        self._chances = replace(self._chances, rate=0.0)

    def fault(self, call: Call) -> Fault | None:
        """What befalls this try of a call, which is counted."""
        fault = self._chances.fault(call) if call.service in SERVICES else None
        with self._counting:
            self._counts[call.service, call.operation, fault or PASSED] += 1
            self._counts[call.service, call.operation, CALL] += call.attempt == 1
            if fault is not None and call.last:
                self._counts[call.service, call.operation, CALL_FAILED] += 1
        return fault

    def counts(self) -> Counter[tuple[str, str, str]]:
        """How often what befell which operation: (service, operation, fault | PASSED | CALL | CALL_FAILED)."""
        with self._counting:
            return Counter(self._counts)

    def stop(self) -> None:
        """Afterwards the port is free and nothing new begins."""
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, proxy: FaultyAws) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """What is wrong with the proxy itself. A client that went away, or was killed, is no error of it."""
        log.exception("request failed")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = 65_536
    server: _Server

    def setup(self) -> None:
        super().setup()
        host, port = self.server.proxy.upstream
        trusted = self.server.proxy.trusted
        self._upstream = http.client.HTTPSConnection(host, port, timeout=UPSTREAM_SECONDS, context=trusted)

    def finish(self) -> None:
        self._upstream.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: it is counted."""

    def handle_expect_100(self) -> bool:
        """The client waits for this before it sends a body."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _serve(self) -> None:
        proxy = self.server.proxy
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body()
        call = read_call(self.command, self.path, headers, body)
        fault = proxy.fault(call)
        match fault:
            case Fault.THROTTLED | Fault.FAILED:
                told = refusal(call.service, Why(fault), proxy.message)
                self._answer(told.status, list(told.headers.items()), told.body)
            case Fault.LOST_ANSWER | Fault.LATE_ANSWER:
                self._ask(body)
                if fault is Fault.LATE_ANSWER:
                    proxy.stopping.wait(proxy.late_seconds)
                self.close_connection = True
            case _:
                status, answered, content = self._ask(body)
                self._answer(status, answered, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - named by BaseHTTPRequestHandler

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self._line().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self._line()
        while self._line().strip():  # headers after the body
            continue
        return b"".join(parts)

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line:
            raise ConnectionAbortedError("the client went away")
        return line

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the endpoint answers. A connection that it has closed meanwhile ends the client's too."""
        self._upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
                self._upstream.putheader(name, value)
        self._upstream.putheader("Content-Length", str(len(body)))
        try:
            self._upstream.endheaders(body)
            with self._upstream.getresponse() as answer:
                return answer.status, answer.getheaders(), answer.read()
        except (http.client.HTTPException, OSError) as failure:
            raise ConnectionAbortedError("the endpoint gave no answer") from failure

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """To a HEAD goes the length that the endpoint told, and no body."""
        self.send_response_only(status)
        told = [value for name, value in headers if name.lower() == "content-length"]
        for name, value in headers:
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        is_head = self.command == "HEAD"
        self.send_header("Content-Length", told[0] if is_head and told else str(0 if is_head else len(body)))
        self.end_headers()
        if not is_head:
            self.wfile.write(body)
        self.wfile.flush()

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()
