"""The local OCR service as tests call it: one on a free port, with a clock that the test moves."""

import base64
import hashlib
from collections.abc import Iterator
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


class Caller:
    """Calls a service as a client would, on one connection kept alive. `now`: epoch seconds, which only tests move."""

    def __init__(self, settings: Settings) -> None:
        self.now = 1_800_000_000.25
        self.server = server.start(settings, clock=lambda: self.now)
        self.session = requests.Session()

    def submit(
        self, content: bytes = CONTENT, /, *, headers: dict[str, str] = HEADERS, **fields: Any
    ) -> requests.Response:
        body = {"content": base64.b64encode(content).decode(), "mimeType": "image/jpeg", "languageCodes": ["ru"]}
        return self.post("/ocr/v1/recognizeTextAsync", {**body, "model": "page", **fields}, headers=headers)

    def status(self, operation_id: str, *, headers: dict[str, str] = HEADERS) -> requests.Response:
        return self.session.get(f"{self.server.url}/operations/{operation_id}", headers=headers, timeout=60)

    def result(self, operation_id: str, *, headers: dict[str, str] = HEADERS) -> requests.Response:
        url = f"{self.server.url}/ocr/v1/getRecognition"
        return self.session.get(url, params={"operationId": operation_id}, headers=headers, timeout=60)

    def post(self, path: str, body: object, *, headers: dict[str, str] = HEADERS) -> requests.Response:
        return self.session.post(self.server.url + path, json=body, headers=headers, timeout=60)

    def finished(self, content: bytes = CONTENT, **fields: Any) -> str:
        """The id of an operation that is done."""
        operation_id = self.submit(content, **fields).json()["id"]
        self.now += SECONDS
        assert isinstance(operation_id, str)
        return operation_id


@contextmanager
def serving(engine: str = "table", **settings: Any) -> Iterator[Caller]:
    """A service with the engine, and one to call it."""
    caller = Caller(Settings(engine=engine, seconds=SECONDS, **settings))
    try:
        yield caller
    finally:
        caller.session.close()
        caller.server.stop()
