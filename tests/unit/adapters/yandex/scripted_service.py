"""A loopback server that plays an OCR service byte by byte, so that it can break off, trickle or lie at any point."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

JSON = {"content-type": "application/json"}
HEADERS = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def own(code: int, message: str = "in the service's words") -> dict[str, Any]:
    """An error as the unary methods send it."""
    return {"code": code, "message": message, "details": []}


def streamed(code: int, status: int) -> dict[str, Any]:
    """An error as the streaming method sends it."""
    return {"error": {"grpcCode": code, "httpCode": status, "message": "m", "httpStatus": "S", "details": []}}


@dataclass
class Exchange:
    """One request as it came. Its body is still to be read: a play may answer without."""

    connection: socket.socket
    connection_number: int
    method: str
    path: str
    headers: dict[str, str]
    over: threading.Event
    body: bytes = b""
    """As much of it as was read."""

    def read_body(self) -> None:
        while len(self.body) < int(self.headers.get("content-length", "0")):
            self.body += self.connection.recv(1_000_000)


Play = Callable[[Exchange], bool]
"""What to do with a request; returns whether the connection stays open."""


def answer(
    status: int = 200,
    value: Any = None,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    chunked: bool = False,
    zipped: bool = False,
) -> Play:
    """A whole answer: `value` as JSON, or `body` as it is."""
    content = (b"" if value is None else json.dumps(value).encode()) if body is None else body
    content = gzip.compress(content) if zipped else content
    all_headers = {**JSON, **({"content-encoding": "gzip"} if zipped else {}), **(headers or {})}
    if chunked:
        all_headers["transfer-encoding"] = "chunked"
        pieces = [content[at : at + 7] for at in range(0, len(content), 7)]
        content = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        all_headers.setdefault("content-length", str(len(content)))
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in all_headers.items())]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + content, stay=True)


def raw(content: bytes, *, stay: bool = False) -> Play:
    """These bytes, then an orderly close, or (`stay`) the next request."""

    def play(exchange: Exchange) -> bool:
        exchange.read_body()
        exchange.connection.sendall(content)
        return stay

    return play


def trickle(first: bytes, piece: bytes = b"x", *, gap_seconds: float = 0.02) -> Play:
    """These bytes, then a piece after every gap, without end."""

    def play(exchange: Exchange) -> bool:
        exchange.read_body()
        exchange.connection.sendall(first)
        while not exchange.over.wait(gap_seconds):
            exchange.connection.sendall(piece)
        return False

    return play


def silence(*, reading: bool = True) -> Play:
    """No answer at all; `reading=False`: not even the request's body is taken."""

    def play(exchange: Exchange) -> bool:
        if reading:
            exchange.read_body()
        exchange.over.wait()
        return False

    return play


class ScriptedService:
    """Plays one play a request, in order, whichever connection it comes on. `exchanges` holds what came."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.exchanges: list[Exchange] = []
        self._tls = tls
        self._plays: list[Play] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._connections: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def plays(self, *plays: Play) -> None:
        self._plays.extend(plays)

    def hang_up(self) -> None:
        """Close every open connection, as a server does with those idle for long."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.hang_up()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._connections.append(connection)
                number = len(self._connections)
                threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
        with connection, contextlib.suppress(OSError):
            while (exchange := self._receive(connection, number)) and self._next_play(exchange)(exchange):
                pass

    def _receive(self, connection: socket.socket, number: int) -> Exchange | None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65_536)
            if not received:
                return None
            head += received
        head, begun = head.split(b"\r\n\r\n", 1)
        request, *lines = head.decode().split("\r\n")
        method, path, _ = request.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return Exchange(connection, number, method, path, headers, self._over, begun)

    def _next_play(self, exchange: Exchange) -> Play:
        with self._lock:
            self.exchanges.append(exchange)
            return self._plays.pop(0) if self._plays else raw(b"no play is left for this request")
