"""HTTP exchanges with the OCR service: one request, one answer, within a total time and a size.

http.client and not a richer library, because each of these must hold: a total time (see `connection`), a request that
is never sent twice, and a clear line between "nothing was sent" (OcrUnreachable) and "it may have arrived"
(OcrAnswerLost). Redirects are not followed, and proxies and other settings of the environment are not used: a
proxy's answer could not be told from the service's.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from textdrop.adapters.yandex.connection import Endpoint, TimedSocket, TooMuchReceivedError, connect
from textdrop.core.errors import OcrAnswerLost, OcrUnreachable

_HEADER_BYTES = 1_000_000  # what may come beside a body: http.client itself stops at 100 headers
_PIECE_BYTES = 65_536
_MOST_IDLE = 32
_IDLE_SECONDS = 20.0
"""A connection idle for longer is not used again: the server may be closing it, which would lose a submit's answer."""


class Ending(Enum):
    """How an answer's body ended."""

    WHOLE = "whole"
    CUT = "cut short, or in an encoding that was not asked for"
    TOO_LARGE = "over the limit"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose status and headers came. `headers` by lower-case name; `body` is decoded, b"" unless whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ending: Ending


@dataclass(frozen=True, slots=True)
class _Idle:
    connection: TimedSocket
    since: float


class Transport:
    """Connections to a few endpoints, shared by threads. As many are open as there are exchanges at a time."""

    def __init__(self, *, connect_seconds: float, read_seconds: float, context: ssl.SSLContext | None) -> None:
        """`connect_seconds`: from the look-up of the host to the end of the TLS handshake. `read_seconds`: of silence,
        while sending or receiving. `context` verifies certificates, for endpoints with TLS."""
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._context = context
        self._lock = threading.Lock()
        self._idle: dict[Endpoint, list[_Idle]] = {}
        self._era = 0

    def exchange(
        self,
        where: Endpoint,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        deadline: float,
        most_bytes: int,
    ) -> Answer:
        """Send one request, once, and read its answer by `deadline` (monotonic seconds), up to `most_bytes` of body.

        Raises OcrUnreachable: nothing of the request was sent. OcrAnswerLost: some of it was, and no status came.
        """
        with self._lock:
            era = self._era
        connection = self._take(where) or self._connect(where, deadline)
        answer: Answer | None = None
        lasting = False
        try:
            if time.monotonic() >= deadline:
                raise OcrUnreachable("no time was left to send the request")
            connection.begin(deadline, most_bytes + _HEADER_BYTES)
            answer, lasting = _converse(connection, where, method, path, headers, body, most_bytes)
            return answer
        finally:
            if answer is None or not lasting or not self._keep(where, connection, era):
                connection.hang_up()

    def new_connections(self) -> None:
        """From now on every exchange begins on a connection made from now on."""
        with self._lock:
            self._era += 1
            idle = [each.connection for waiting in self._idle.values() for each in waiting]
            self._idle.clear()
        for connection in idle:
            connection.hang_up()

    def _take(self, where: Endpoint) -> TimedSocket | None:
        while True:
            with self._lock:
                waiting = self._idle.get(where)
                if not waiting:
                    return None
                last = waiting.pop()
            if time.monotonic() - last.since < _IDLE_SECONDS and last.connection.is_quiet():
                return last.connection
            last.connection.hang_up()

    def _keep(self, where: Endpoint, connection: TimedSocket, era: int) -> bool:
        with self._lock:
            waiting = self._idle.setdefault(where, [])
            kept = era == self._era and len(waiting) < _MOST_IDLE
            if kept:
                waiting.append(_Idle(connection, time.monotonic()))
            return kept

    def _connect(self, where: Endpoint, deadline: float) -> TimedSocket:
        until = min(deadline, time.monotonic() + self._connect_seconds)
        try:
            return connect(where, until=until, read_seconds=self._read_seconds, context=self._context)
        except OSError as error:
            raise OcrUnreachable(f"no connection to the OCR service ({type(error).__name__})") from error


def _converse(
    connection: TimedSocket,
    where: Endpoint,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
    most_bytes: int,
) -> tuple[Answer, bool]:
    """The answer, and whether another exchange may follow on the connection."""
    http_connection = http.client.HTTPConnection(where.host, where.port)
    http_connection.sock = connection
    sent_whole = True
    try:
        http_connection.request(method, where.path + path, body, {"host": where.host_header, **headers})
    except OSError:
        # The service may have answered, and closed, before it read all of a body that is too large for it.
        sent_whole = False
    try:
        response = http_connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise OcrAnswerLost(f"sent, and then no answer from the OCR service ({type(error).__name__})") from error
    content, ending = _body(response, most_bytes)
    answer_headers = {name.lower(): value for name, value in response.getheaders()}
    answer = Answer(response.status, answer_headers, content, ending)
    return answer, sent_whole and ending is Ending.WHOLE and not response.will_close


def _body(response: http.client.HTTPResponse, most_bytes: int) -> tuple[bytes, Ending]:
    received = bytearray()
    if response.length and response.length > most_bytes:
        return b"", Ending.TOO_LARGE
    try:
        while piece := response.read(_PIECE_BYTES):
            received += piece
            if len(received) > most_bytes:
                return b"", Ending.TOO_LARGE
    except TooMuchReceivedError:
        return b"", Ending.TOO_LARGE
    except (OSError, http.client.HTTPException):
        return b"", Ending.CUT
    if response.length:  # http.client is silent when fewer bytes come than were promised
        return b"", Ending.CUT
    match response.headers.get("content-encoding", "").strip().lower():
        case "" | "identity":
            return bytes(received), Ending.WHOLE
        case "gzip" | "x-gzip":
            return _unzipped(bytes(received), most_bytes)
    return b"", Ending.CUT


def _unzipped(zipped: bytes, most_bytes: int) -> tuple[bytes, Ending]:
    if not zipped:
        return b"", Ending.WHOLE
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = inflating.decompress(zipped, most_bytes + 1)
    except zlib.error:
        return b"", Ending.CUT
    if len(content) > most_bytes:
        return b"", Ending.TOO_LARGE
    if not inflating.eof or inflating.unused_data:
        return b"", Ending.CUT
    return content, Ending.WHOLE
