"""AWS on a port of 127.0.0.1: moto in this process, for functions that run in another."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from local import http_server
from local.http_server import HttpServer

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


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
    `errors` are those of this server itself, and of moto. `stop` it in the end."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.mishap: Mishap = lambda request: None
        # moto's conditional writes are not atomic by themselves, DynamoDB's are: one request at a time.
        self._serving = threading.Lock()
        self._http = HttpServer(self.answer)
        self.url, self.errors, self.stop = self._http.url, self._http.errors, self._http.stop

    def answer(self, asked: http_server.Request) -> http_server.Answer:
        """What AWS answers."""
        region, service = _scope(asked.headers)
        action = asked.headers.get("x-amz-target", "").rpartition(".")[2]
        request = Request(service, action, asked.method, asked.path, asked.body)
        self.requests.append(request)
        refusal = self.mishap(request)
        if refusal is not None:
            return refusal.status, {"content-type": "application/x-amz-json-1.0"}, refusal.body
        if service == "lambda":
            return 202, {}, b""  # nothing is invoked by it
        url = f"https://{service}.{region}.amazonaws.com{asked.path}"
        headers = HTTPHeaders.from_dict(dict(asked.headers))
        prepared = AWSPreparedRequest(asked.method, url, headers, asked.body, stream_output=False)
        with self._serving:
            served = botocore_stubber("before-send", prepared)
        assert served is not None, f"moto does not know {url}"
        given = {name: str(value) for name, value in served.headers.items()}
        return served.status_code, given, served.content


def _scope(headers: Mapping[str, str]) -> tuple[str, str]:
    """The region and the service that a request is signed for."""
    found = _SCOPE.search(headers.get("authorization", ""))
    assert found, "a request to AWS is signed"
    return found[1], found[2]
