"""HTTP exchanges with the OCR service: one request, one answer, within a total time and a size.

This uses the transport adapter of `requests` without its Session, which would keep cookies and read the body of a
redirect that it does not follow. Proxies and other settings of the environment are not used either: a proxy's answer
could not be told from the service's. Nothing is ever sent twice.
"""

from __future__ import annotations

import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from textdrop.adapters.yandex.connection import Adapter, current
from textdrop.core.errors import OcrAnswerLost, OcrUnreachable, SettingsError, Trace

_HEADER_BYTES = 1_000_000  # what may come beside a body
_PIECE_BYTES = 65_536


class Ending(Enum):
    """How an answer's body ended."""

    WHOLE = "whole"
    CUT = "cut short, or in an encoding that was not asked for"
    TOO_LARGE = "over the limit"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose status and headers came.

    `headers` are found by name in any case; `body` is decoded, b"" unless whole. `sent_whole`: the request had been
    sent whole. A service may answer before it has read all of one, and close the connection.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    ending: Ending
    sent_whole: bool

    @property
    def is_success(self) -> bool:
        return 200 <= self.status <= 299

    def trace(self, client_request_id: str = "") -> Trace:
        """What identifies the exchange."""
        return Trace(
            status=self.status,
            client_request_id=client_request_id,
            request_id=self.headers.get("x-request-id", "")[:200],
            server_trace_id=self.headers.get("x-server-trace-id", "")[:200],
        )


class Transport:
    """Connections to a few services, shared by threads. As many are open as there are exchanges at a time."""

    def __init__(self, *, connect_seconds: float, read_seconds: float, context: ssl.SSLContext | None) -> None:
        """`connect_seconds`: from resolving the host's name to the end of the TLS handshake. `read_seconds`: of
        silence, while sending or receiving. `context` verifies certificates, for services with TLS."""
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._adapter = Adapter(context)

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, deadline: float, max_bytes: int
    ) -> Answer:
        """Sends one request, once, and reads its answer by `deadline` (monotonic seconds), up to `max_bytes` of body.

        If no status came it raises OcrUnreachable if the request was not sent whole, and OcrAnswerLost if it was.
        """
        current.begin(deadline=deadline, read_seconds=self._read_seconds, max_bytes=max_bytes + _HEADER_BYTES)
        try:
            request = requests.Request(method, url, headers, data=body).prepare()
            response = self._adapter.send(request, stream=True, timeout=(self._connect_seconds, self._read_seconds))
        except (OSError, HTTPError) as error:
            kind = _innermost(error)
            if current.sent_whole:
                raise OcrAnswerLost(f"sent, and then no answer from the OCR service ({kind})") from error
            if current.has_begun:
                raise OcrUnreachable(f"the OCR service did not take the whole request ({kind})") from error
            raise OcrUnreachable(f"no connection to the OCR service ({kind})") from error
        with response:
            content, ending = _body(response.raw, max_bytes)
        return Answer(response.status_code, response.headers, content, ending, current.sent_whole)

    def connect_ahead(self, url: str) -> None:
        """A connection to that host is made in a thread of its own; the next exchange that begins once it is there uses
        it.

        If that fails, exchanges make their own connection, and report why they cannot.
        """
        threading.Thread(target=self._connect, args=(url,), daemon=True).start()

    def _connect(self, url: str) -> None:
        current.begin(deadline=time.monotonic() + self._connect_seconds, read_seconds=self._read_seconds, max_bytes=0)
        with suppress(OSError, HTTPError):
            self._adapter.connect(url, self._connect_seconds)

    def new_connections(self) -> None:
        """Every exchange from now on begins on a new connection."""
        self._adapter.close()


def service_url(base_url: str) -> str:
    """A base URL such as `https://ocr.api.cloud.yandex.net`, to which a method's path is added. Raises SettingsError
    for any other text."""
    # The URL itself is in no error: somebody may have put credentials into it.
    wrong = "a base URL of the OCR service must be http(s)://host[:port][/path], without user, query or fragment"
    base_url = base_url.strip()
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        raise SettingsError(wrong) from None
    plain = base_url.isascii() and not any(letter.isspace() for letter in base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not plain or "@" in parts.netloc:
        raise SettingsError(wrong)
    if parts.query or parts.fragment:
        raise SettingsError(wrong)
    return parts._replace(path=parts.path.rstrip("/")).geturl()


def _innermost(error: BaseException) -> str:
    """The kind of the error that the libraries wrapped."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return type(error).__name__


def _body(response: BaseHTTPResponse, max_bytes: int) -> tuple[bytes, Ending]:
    received = bytearray()
    if (response.length_remaining or 0) > max_bytes:
        return b"", Ending.TOO_LARGE
    try:
        while piece := response.read(_PIECE_BYTES, decode_content=False):
            received += piece
            if len(received) > max_bytes:
                return b"", Ending.TOO_LARGE
    except HTTPError:
        return b"", Ending.TOO_LARGE if current.bytes_left < 0 else Ending.CUT
    match response.headers.get("content-encoding", "").strip().lower():
        case "" | "identity":
            return bytes(received), Ending.WHOLE
        case "gzip" | "x-gzip":
            return _unzipped(bytes(received), max_bytes)
    return b"", Ending.CUT


def _unzipped(zipped: bytes, max_bytes: int) -> tuple[bytes, Ending]:
    """Not left to urllib3, which takes a truncated stream for a whole one."""
    if not zipped:
        return b"", Ending.WHOLE
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = inflating.decompress(zipped, max_bytes + 1)
    except zlib.error:
        return b"", Ending.CUT
    if len(content) > max_bytes:
        return b"", Ending.TOO_LARGE
    if not inflating.eof or inflating.unused_data:
        return b"", Ending.CUT
    return content, Ending.WHOLE
