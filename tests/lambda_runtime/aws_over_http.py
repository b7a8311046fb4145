"""AWS on a port of 127.0.0.1: moto in this process, for functions that run in another."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_NOT_PASSED_ON = {"connection", "content-length", "date", "server", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a function asked of AWS. `service` as in signatures, such as "dynamodb"; `action` as AWS's JSON protocols
    name it, such as "PutItem", else ""."""

    service: str
    action: str
    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of AWS's without any effect."""

    status: int
    code: str
    message: str

    @property
    def body(self) -> bytes:
        return f'{{"__type": "{self.code}", "message": "{self.message}"}}'.encode()


Mishap = Callable[[Request], Refusal | None]


class AwsOverHttp:
    """`requests` are all that came; `mishap` is asked about each before it is served, and may refuse it or wait.
    `errors` are those of this server itself, and of moto."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.mishap: Mishap = lambda request: None
        self.errors: list[BaseException] = []
        # moto's conditional writes are not atomic by themselves, DynamoDB's are: one request at a time.
        self._serving = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing new is served afterwards."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        region, service = _scope(headers)
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        request = Request(service, action, method, path, body)
        self.requests.append(request)
        refusal = self.mishap(request)
        if refusal is not None:
            return refusal.status, {"content-type": "application/x-amz-json-1.0"}, refusal.body
        url = f"https://{service}.{region}.amazonaws.com{path}"
        prepared = AWSPreparedRequest(method, url, HTTPHeaders.from_dict(headers), body, stream_output=False)
        with self._serving:
            served = botocore_stubber("before-send", prepared)
        assert served is not None, f"moto does not know {url}"
        passed = {name.lower(): str(value) for name, value in served.headers.items()}
        return served.status_code, passed, served.content


def _scope(headers: dict[str, str]) -> tuple[str, str]:
    """The region and the service that a request is signed for."""
    found = _SCOPE.search(headers.get("authorization", ""))
    assert found, "a request to AWS is signed"
    return found[1], found[2]


def _as_botocore_has_them(headers: dict[str, str]) -> HTTPHeaders:
    given = HTTPHeaders()
    for name, value in headers.items():
        given[name] = value
    return given


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], aws: AwsOverHttp) -> None:
        super().__init__(address, _Handler)
        self.aws = aws

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that was ended by force closes its connections anywhere; that is no error."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.aws.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 (http.server's names)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, given, content = self.server.aws.answer(self.command, self.path, headers, body)
        self.send_response(status)
        for name, value in given.items():
            if name not in _NOT_PASSED_ON:
                self.send_header(name, value)
        length = given.get("content-length", "0") if self.command == "HEAD" else str(len(content))
        self.send_header("content-length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        """An upload's body comes after this."""
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
