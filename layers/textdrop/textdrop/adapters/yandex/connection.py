"""Connections for `requests` on which no exchange waits past its deadline, however slowly the bytes come.

The timeouts of requests count from one byte to the next, so an answer that trickles has no end. A submit must have
ended before its document's lease does, or a second worker pays for the same page. So urllib3, which connects for
requests, is given sockets here that wait no longer than the exchange of their thread may.
"""

from __future__ import annotations

import math
import queue
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PIECE_BYTES = 65_536
_MAX_IDLE = 32
_IDLE_SECONDS = 20.0
"""A connection whose last request is older is not used again: the server may be closing it, and a submit be lost."""


class _CurrentExchange(threading.local):
    """The exchange of this thread: what it may still use, and whether some of its request was sent (`has_begun`) or all
    of it (`sent_whole`): every byte was handed to the kernel, over TLS in whole records."""

    def begin(self, *, deadline: float, read_seconds: float, max_bytes: int) -> None:
        """Until `deadline` (monotonic seconds), with so much silence, receiving so many bytes, headers included."""
        self.deadline = deadline
        self.read_seconds = read_seconds
        self.bytes_left = max_bytes
        self.has_begun = False
        self.sent_whole = False


current = _CurrentExchange()


class _Socket(socket.socket):
    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        left = memoryview(data)
        while left:
            self._limit_wait()
            current.has_begun = True
            left = left[self.send(left[:_PIECE_BYTES], flags) :]

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        self._limit_wait()
        received = super().recv_into(buffer, nbytes or memoryview(buffer).nbytes, flags)
        current.bytes_left -= received
        if current.bytes_left < 0:
            raise OSError("the answer is over the limit")
        return received

    def _limit_wait(self) -> None:
        self.settimeout(min(_remaining(current.deadline), current.read_seconds))


class _TlsSocket(_Socket, ssl.SSLSocket):
    pass


class _HttpConnection(HTTPConnection):
    _last_used = -math.inf

    @property
    def is_connected(self) -> bool:
        """Whether urllib3 may use the connection (again): nothing came on it either, nor its end."""
        is_fresh = time.monotonic() - self._last_used < _IDLE_SECONDS
        return is_fresh and (super().is_connected or self._is_open_though_readable())

    def _is_open_though_readable(self) -> bool:
        return False

    def connect(self) -> None:
        super().connect()
        self._last_used = time.monotonic()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._last_used = time.monotonic()
        try:
            super().request(*args, **kwargs)
            current.sent_whole = True
        except OSError:
            if not current.has_begun:
                raise
            # The service may have answered, and closed, before it read all of a body that is too large for it.
            self._last_used = -math.inf

    def _new_conn(self) -> socket.socket:
        """Each address of the host gets an equal share of what time is left, so that one that does not answer does not
        use up the next one's."""
        until = min(current.deadline, time.monotonic() + (self.timeout or 0))
        addresses = _addresses(self._dns_host.strip("[]"), self.port, until)
        for waiting, (family, kind, protocol, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            connected = _Socket(family, kind, protocol)
            try:
                connected.settimeout(_remaining(until) / waiting)
                connected.connect(address)
                # A request goes out as its headers and then its body, neither waiting for the other's receipt.
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # The kernel takes little more than is on its way: megabytes that it still had to send would count as
                # sent, and sending them would pass for the service's silence.
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _PIECE_BYTES)
                connected.settimeout(_remaining(until))
                return self._secured(connected)
            except OSError:
                connected.close()
                if waiting == 1:
                    raise
        raise OSError("the host has no address")

    def _secured(self, plain: socket.socket) -> socket.socket:
        return plain


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    def connect(self) -> None:
        """All here: urllib3 would change the context, which is not safe while other threads connect with it."""
        self.sock = self._new_conn()
        self.is_verified = True
        self._last_used = time.monotonic()

    def _is_open_though_readable(self) -> bool:
        """TLS 1.3 sends its session tickets after the handshake: a connection that was made ahead has them to read."""
        if not isinstance(self.sock, _TlsSocket):
            return False
        self.sock.settimeout(0.0)
        try:
            self.sock.read(1)
        except ssl.SSLWantReadError:
            return True  # nothing came but what is TLS's own
        except OSError:
            return False
        return False

    def _secured(self, plain: socket.socket) -> socket.socket:
        context = self.ssl_context or trust()
        # An answer without a length ends with the connection: only TLS's own ending proves it whole.
        return context.wrap_socket(plain, server_hostname=self.host.strip("[]"), suppress_ragged_eofs=False)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class Adapter(HTTPAdapter):
    """Sends each request once, over connections as described above. Threads may share it."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        """`context`, or the system's authorities, verify certificates; the list that requests brings is not used."""
        self._context = context
        super().__init__(max_retries=0, pool_maxsize=_MAX_IDLE)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def connect(self, url: str, seconds: float) -> None:
        """There is a connection for the next request to that host. Raises OSError and what urllib3 raises."""
        # Of urllib3's pool, which offers nothing else for it.
        pool: Any = self.get_connection_with_tls_context(requests.Request("GET", url).prepare(), verify=True)
        connection = pool._get_conn()
        if not connection.is_connected:
            connection.timeout = seconds
            connection.connect()
        pool._put_conn(connection)


def trust() -> ssl.SSLContext:
    """What verifies the service's certificate: the system's authorities."""
    context = ssl.create_default_context()
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # see _secured; OpenSSL 3 has this
    context.sslsocket_class = _TlsSocket
    return context


def _addresses(host: str, port: int, until: float) -> list[tuple[Any, ...]]:
    """The host's addresses, resolved in a thread of its own, as nothing else bounds the time that this takes."""
    answer: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answer.put([*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:  # UnicodeError: of a name too long for DNS
            answer.put(error)

    threading.Thread(target=resolve, daemon=True).start()
    try:
        found = answer.get(timeout=_remaining(until))
    except queue.Empty:
        raise TimeoutError("the host's name was not resolved before the deadline") from None
    if isinstance(found, Exception):
        raise OSError("the host's name cannot be resolved") from found
    return found


def _remaining(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left
