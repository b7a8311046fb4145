"""The local OCR service as tests call it: one on a free port, with a clock that the test moves."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from local.ocr import server
from local.ocr.settings import Settings

HEADERS = {"Authorization": "Api-Key local-test-key"}
CONTENT = b"\xff\xd8\xff some content"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SECONDS = 3.0
"""What a recognition of the table engine takes."""


class Clock:
    """Epoch seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.25

    def __call__(self) -> float:
        return self.now


class Caller:
    """Calls a service as a client would, on one connection kept alive. The service never waits: `waits` are the seconds
    that it would have, and `meanwhile` is called in each."""

    def __init__(self, settings: Settings) -> None:
        self.clock = Clock()
        self.waits: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.server = server.start(settings, clock=self.clock, wait=self._wait)
        self.session = requests.Session()

    def submit(
        self, content: bytes = CONTENT, *, headers: dict[str, str] = HEADERS, **fields: Any
    ) -> requests.Response:
        body = {"content": base64.b64encode(content).decode(), "mimeType": "JPEG", "languageCodes": ["ru"], **fields}
        return self.session.post(f"{self.server.url}/ocr/v1/recognizeTextAsync", json=body, headers=headers, timeout=60)

    def status(self, operation_id: str, *, headers: dict[str, str] = HEADERS) -> requests.Response:
        return self.session.get(f"{self.server.url}/operations/{operation_id}", headers=headers, timeout=60)

    def result(self, operation_id: str, *, headers: dict[str, str] = HEADERS) -> requests.Response:
        url = f"{self.server.url}/ocr/v1/getRecognition"
        return self.session.get(url, params={"operationId": operation_id}, headers=headers, timeout=60)

    def token(self, jwt: object) -> requests.Response:
        return self.session.post(f"{self.server.url}/iam/v1/tokens", json={"jwt": jwt}, timeout=60)

    def admin(self, name: str, body: object = None) -> requests.Response:
        url = f"{self.server.url}/_admin/{name}"
        return self.session.get(url, timeout=60) if body is None else self.session.post(url, json=body, timeout=60)

    def fault(self, kind: str, **fields: Any) -> None:
        """Put a fault in force: once, unless `count` or `rate` says otherwise."""
        self.server.add_fault(kind=kind, **({"count": 1} if "rate" not in fields else {}) | fields)

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.meanwhile()

    def ask(self, target: str) -> requests.Response:
        """One request to a method; the operation it is about is done."""
        if target == "submit":
            return self.submit()
        operation_id = self.finished()
        return self.status(operation_id) if target == "status" else self.result(operation_id)

    def finished(self, content: bytes = CONTENT, **fields: Any) -> str:
        """The id of an operation that is done."""
        operation_id = self.submit(content, **fields).json()["id"]
        self.clock.now += SECONDS
        assert isinstance(operation_id, str)
        return operation_id


@contextmanager
def serving(**settings: Any) -> Iterator[Caller]:
    """A service with the table engine, and one to call it."""
    caller = Caller(Settings(engine="table", **{"seconds": SECONDS, **settings}))
    try:
        yield caller
    finally:
        caller.session.close()
        caller.server.stop()
