"""One connection to the OCR service, on which nothing waits past a deadline, however slowly the bytes come.

No library's timeouts do that: they count from one byte to the next, so an answer that trickles has no end. A submit
must have ended before its document's lease does, or a second worker pays for the same page.
"""

from __future__ import annotations

import io
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from textdrop.core.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service is. `path` comes before each of its methods' paths."""

    host: str
    port: int
    path: str
    tls: bool

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def endpoint(base_url: str) -> Endpoint:
    """The endpoint of a base URL such as `https://ocr.api.cloud.yandex.net`; SettingsError for any other text."""
    # The URL itself is in no error: somebody may have put credentials into it.
    wrong = "a base URL of the OCR service must be http(s)://host[:port][/path], without user, query or fragment"
    try:
        parts = urlsplit(base_url.strip())
        port = parts.port
    except ValueError:
        raise SettingsError(wrong) from None
    host = parts.hostname or ""
    plain = host.isascii() and not any(letter.isspace() for letter in base_url.strip())
    if parts.scheme not in ("http", "https") or not host or not plain or "@" in parts.netloc:
        raise SettingsError(wrong)
    if parts.query or parts.fragment or not parts.path.isascii():
        raise SettingsError(wrong)
    tls = parts.scheme == "https"
    return Endpoint(host, port if port is not None else (443 if tls else 80), parts.path.rstrip("/"), tls)


class TooMuchReceivedError(OSError):
    """The other side sent more than any answer we would read."""


class TimedSocket:
    """A connected socket as http.client uses one; every wait on it ends by the deadline of the exchange."""

    def __init__(self, plain: socket.socket, read_seconds: float) -> None:
        self._socket = plain
        self._read_seconds = read_seconds
        self._deadline = 0.0
        self._allowance = 0

    def begin(self, deadline: float, most_bytes: int) -> None:
        """Start an exchange: until `deadline` (monotonic seconds), receiving so many bytes, headers and all."""
        self._deadline = deadline
        self._allowance = most_bytes

    def sendall(self, data: ReadableBuffer) -> None:
        left = memoryview(data)
        while left:
            self._wait_no_longer()
            left = left[self._socket.send(left) :]

    def receive_into(self, buffer: WriteableBuffer) -> int:
        self._wait_no_longer()
        received = self._socket.recv_into(buffer)
        self._allowance -= received
        if self._allowance < 0:
            raise TooMuchReceivedError("the answer is over the limit")
        return received

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Nothing: http.client closes before it has read the body of a last answer. `hang_up` closes."""

    def hang_up(self) -> None:
        self._socket.close()

    def is_quiet(self) -> bool:
        """Whether an idle connection is still of use: nothing has come on it, neither bytes nor its end."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def _wait_no_longer(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the total time of the exchange is over")
        self._socket.settimeout(min(left, self._read_seconds))


class _Reader(io.RawIOBase):
    """What http.client reads an answer from."""

    def __init__(self, source: TimedSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._source.receive_into(buffer)


def connect(where: Endpoint, *, until: float, read_seconds: float, context: ssl.SSLContext | None) -> TimedSocket:
    """A connection, its TLS handshake done (with `context`, where the endpoint has TLS). `until` in monotonic seconds.

    Raises OSError when there is none by then; nothing of a request was sent. Each address of the host gets an equal
    share of what time is left, so that one that does not answer does not use up the next one's.
    """
    addresses = _addresses(where.host, where.port, until)
    for number, (family, kind, protocol, address) in enumerate(addresses):
        try:
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(_left(until) / (len(addresses) - number))
                plain.connect(address)
                # A request goes out as its headers and then its body, neither waiting for the other's receipt.
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                plain.settimeout(_left(until))
                if where.tls:
                    if context is None:
                        raise SettingsError("an endpoint with TLS needs what verifies its certificate")
                    plain = context.wrap_socket(plain, server_hostname=where.host, suppress_ragged_eofs=False)
                return TimedSocket(plain, read_seconds)
            except BaseException:
                plain.close()
                raise
        except OSError:
            if number == len(addresses) - 1:
                raise
    raise OSError("the host has no address")


def trust(ca_file: str = "") -> ssl.SSLContext:
    """What verifies the service's certificate: the authorities in `ca_file`, or the system's. Raises SettingsError."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise SettingsError("the file of certificate authorities cannot be read") from error
    # An answer without a length ends with the connection: only TLS's own ending proves it whole. (OpenSSL 3 has this.)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context


def _addresses(host: str, port: int, until: float) -> list[tuple[int, int, int, Any]]:
    """The host's addresses. Looked up in a thread of its own, as nothing bounds the time a look-up takes."""
    found: list[tuple[int, int, int, Any]] = []
    failures: list[OSError] = []

    def look_up() -> None:
        try:
            looked_up = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((family, kind, protocol, address) for family, kind, protocol, _, address in looked_up)
        except OSError as error:
            failures.append(error)
        except UnicodeError as error:  # what Python raises for a name too long for DNS
            failures.append(OSError(str(error)))

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(_left(until))
    if failures:
        raise failures[0]
    if thread.is_alive():
        raise TimeoutError("the host's address was not found in time")
    return found


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time is left to connect")
    return left
