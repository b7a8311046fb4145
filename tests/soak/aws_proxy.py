"""A proxy on the functions' way to AWS on which calls fail: over TLS on 127.0.0.1, in each service's own shape."""

import json
import logging
import random
import re
import ssl
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import urllib3
from urllib3.exceptions import HTTPError

log = logging.getLogger("soak.aws_proxy")


class Fault(StrEnum):
    """What may become of one try of a call."""

    THROTTLED = "throttled"  # refused before it is carried out: too many
    FAILED = "failed"  # refused before it is carried out: the service's own failure
    LOST_ANSWER = "lost_answer"  # carried out, and the connection is cut without an answer
    LATE_ANSWER = "late_answer"  # carried out, and the answer does not come before the client has given up


WEIGHTS = {Fault.THROTTLED: 30, Fault.FAILED: 20, Fault.LOST_ANSWER: 45, Fault.LATE_ANSWER: 5}
# Status and error code, from each service's API reference; those of S3, SQS and SNS for throttling are what they send.
REFUSALS = {
    "dynamodb": {
        Fault.THROTTLED: (400, "ProvisionedThroughputExceededException"),
        Fault.FAILED: (500, "InternalServerError"),
    },
    "s3": {Fault.THROTTLED: (503, "SlowDown"), Fault.FAILED: (500, "InternalError")},
    "sqs": {Fault.THROTTLED: (400, "RequestThrottled"), Fault.FAILED: (500, "InternalFailure")},
    "sns": {Fault.THROTTLED: (400, "Throttling"), Fault.FAILED: (500, "InternalError")},
    "lambda": {Fault.THROTTLED: (429, "TooManyRequestsException"), Fault.FAILED: (500, "ServiceException")},
    "secretsmanager": {Fault.THROTTLED: (400, "ThrottlingException"), Fault.FAILED: (500, "InternalServiceError")},
}
PASSED, CALL, CALL_FAILED = "passed", "call", "call_failed"
"""What is counted besides faults: tries that went through, calls, and calls of which every try fails."""
RATE, LASTING = 0.05, 0.5
"""The share of the calls that fail, and of these the share that fails on every try, so that the caller sees it; of the
others the first try fails, which the SDK makes up for."""
UPSTREAM_SECONDS = 60.0
IDLE_SECONDS = 75
_SERVICE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_TRY = re.compile(r"attempt=(\d+)")
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "content-length"})


class FaultyAws:
    """A running proxy of `upstream` (https://127.0.0.1:port), under the same certificate and key.

    Requests go on as they came, the Host header too, so their signatures hold. `message` are the words of its refusals.
    A late answer comes `late_seconds` late, which is to be more than clients wait. As a context manager it ends itself.
    """

    def __init__(
        self,
        upstream: str,
        certificate: Path,
        key: Path,
        *,
        message: str,
        late_seconds: float,
        rate: float = RATE,
        lasting: float = LASTING,
    ) -> None:
        port = urlsplit(upstream).port
        self.upstream = urllib3.HTTPSConnectionPool(
            "127.0.0.1", port, ca_certs=str(certificate), timeout=UPSTREAM_SECONDS, maxsize=256, retries=False
        )
        self.message = message
        self.late_seconds = late_seconds
        self.rate = rate
        self.lasting = lasting
        self.stopping = threading.Event()
        self._counting = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._http = _Server(self)
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(certificate, key)
        # The handshake is made by the thread that serves the connection, when it first reads.
        self._http.socket = own.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="aws-proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Afterwards the port is free and nothing new begins."""
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self.upstream.close()

    def without_faults(self) -> None:
        """From now on no call fails."""
        self.rate = 0.0

    def fault(self, call_id: str, attempt: int) -> Fault | None:
        """What becomes of this try of a call, None: it goes through. All tries of a call have one id, by which chance
        decides whether it fails; each failing try draws its own fault. It is counted."""
        chance = random.Random(call_id)
        fails = chance.random() < self.rate
        lasts = chance.random() < self.lasting
        fault = None
        if fails and (attempt == 1 or lasts):
            fault = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=attempt)[-1]
        with self._counting:
            self._counts[fault or PASSED] += 1
            if attempt == 1:
                self._counts[CALL] += 1
                self._counts[CALL_FAILED] += fails and lasts
        return fault

    def counts(self) -> Counter[str]:
        """How often each Fault, PASSED, CALL and CALL_FAILED was there."""
        with self._counting:
            return Counter(self._counts)


def refusal(service: str, fault: Fault, message: str) -> tuple[int, dict[str, str], bytes]:
    """The service's own answer when it is too busy or has failed, with the message as its words."""
    status, code = REFUSALS[service][fault]
    if service in ("s3", "sns"):
        error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        return status, {}, (error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>").encode()
    return status, {"x-amzn-ErrorType": code}, json.dumps({"__type": code, "message": message}).encode()


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
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: it is counted."""

    def _serve(self) -> None:
        proxy = self.server.proxy
        body = self._body()
        service = _SERVICE.search(self.headers.get("Authorization", ""))
        attempt = _TRY.search(self.headers.get("amz-sdk-request", ""))
        fault = None
        if service and service[1] in REFUSALS and attempt:
            fault = proxy.fault(self.headers.get("amz-sdk-invocation-id", ""), int(attempt[1]))
        if service and fault in (Fault.THROTTLED, Fault.FAILED):
            self._answer(*refusal(service[1], fault, proxy.message))
            return
        status, headers, content = self._ask(body)
        if fault is None:
            self._answer(status, headers, content)
            return
        if fault is Fault.LATE_ANSWER:
            proxy.stopping.wait(proxy.late_seconds)
        self.close_connection = True

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

    def _ask(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """What the endpoint answers; where it gives none, the client gets none either."""
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        try:
            answer = self.server.proxy.upstream.urlopen(
                self.command, self.path, body, headers, redirect=False, assert_same_host=False, decode_content=False
            )
        except HTTPError as failure:
            raise ConnectionAbortedError("the endpoint gave no answer") from failure
        return answer.status, answer.headers, answer.data

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """To a HEAD goes the length that the endpoint gave, and no body."""
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
