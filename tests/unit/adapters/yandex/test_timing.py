"""What may have been sent and what was not; totals that hold however slowly bytes come; which connections are used.

A total is short here, and what it cuts off would go on for as long as the test runs.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests.adapters

from textdrop.adapters.yandex.client import Timeouts, YandexOcr
from textdrop.adapters.yandex.credentials import Credentials
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrCredentialsRefused,
    OcrError,
    OcrRejected,
    OcrThrottled,
    OcrUnreachable,
)
from unit.adapters.yandex.conftest import LATE_SECONDS, QUICK, MakeClient
from unit.adapters.yandex.scripted_service import (
    HEADERS,
    Exchange,
    Play,
    ScriptedService,
    answer,
    raw,
    silence,
    trickle,
)

OPERATION = {"id": "fd8k2m4s6u8w0y2a4c6e", "done": False}


def took_at_most_its_total(call: Callable[[], object], error: type[OcrError]) -> None:
    began = time.monotonic()
    with pytest.raises(error) as raised:
        call()
    assert type(raised.value) is error
    assert time.monotonic() - began < LATE_SECONDS


# --- an answer that takes too long was perhaps accepted -----------------------------------------------------------


ENDLESS: dict[str, Play] = {
    "nothing": silence(),
    "status line": trickle(b"", b"H"),
    "one header": trickle(b"HTTP/1.1 200 OK\r\nx-slow: "),
    "headers": trickle(HEADERS, b"x-y: z\r\n"),
    "interim answers": trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": trickle(HEADERS + b"content-length: 2000\r\n\r\n", b" "),
    "body without length": trickle(HEADERS + b"\r\n", b" "),
    "chunks": trickle(HEADERS + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailers": trickle(HEADERS + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
    "body of an error": trickle(b"HTTP/1.1 503 X\r\ncontent-length: 2000\r\n\r\n", b" "),
}


def test_a_submit_whose_answer_does_not_end_is_lost_in_time(service: ScriptedService, make_client: MakeClient) -> None:
    def play(exchange: Exchange) -> bool:
        return ENDLESS[exchange.headers["x-client-request-id"]](exchange)

    def submit(kind: str) -> type[OcrError] | None:
        try:
            client.submit(b"{}", kind)
        except OcrError as error:
            return type(error)
        return None

    service.plays(*[play] * len(ENDLESS))
    client = make_client(timeouts=Timeouts(60, 60, submit_total_seconds=2))
    began = time.monotonic()
    with ThreadPoolExecutor(len(ENDLESS)) as threads:
        ends = dict(zip(ENDLESS, threads.map(submit, ENDLESS), strict=True))
    assert time.monotonic() - began < LATE_SECONDS
    assert ends == dict.fromkeys(ENDLESS, OcrAnswerLost)
    assert len(service.exchanges) == len(ENDLESS)


CHUNKS = ENDLESS["chunks"]


@pytest.mark.parametrize(
    ("timeouts", "play", "call"),
    [
        (QUICK, CHUNKS, lambda client: client.result("fd8")),
        (QUICK, CHUNKS, lambda client: client.status("fd8")),
        (Timeouts(60, 1, 60, 60), silence(), lambda client: client.submit(b"{}", "r")),
    ],
    ids=["result", "status", "silence is not waited for until the total"],
)
def test_a_call_that_does_not_end_is_lost_in_time(
    service: ScriptedService,
    make_client: MakeClient,
    timeouts: Timeouts,
    play: Play,
    call: Callable[[YandexOcr], object],
) -> None:
    service.plays(play)
    client = make_client(timeouts=timeouts)
    took_at_most_its_total(lambda: call(client), OcrAnswerLost)


@pytest.mark.parametrize("exchanges", [0, 1], ids=["at first", "after a 401"])
def test_nothing_is_sent_once_reading_the_secret_has_used_up_the_total(
    service: ScriptedService, make_client: MakeClient, exchanges: int
) -> None:
    keys = iter("ab")

    def slow_secret() -> str:
        if len(service.exchanges) == exchanges:
            threading.Event().wait(1.1)
        return f'{{"api_key": "{next(keys)}"}}'

    service.plays(answer(401), answer(200, OPERATION))
    client = make_client(timeouts=Timeouts(60, 60, 1, 60), credentials=Credentials(slow_secret, refused_seconds=0))
    with pytest.raises(OcrUnreachable):
        client.submit(b"{}", "r")
    assert len(service.exchanges) == exchanges


# --- what was not sent whole was not accepted ---------------------------------------------------------------------

LARGE = b"x" * 30_000_000
"""More than two sockets' buffers hold, whatever the machine."""
GOOD = answer(200, OPERATION)


def unread(content: bytes) -> Play:
    """This answer, or none, and an end of the connection: most of the body is still on its way."""

    def play(exchange: Exchange) -> bool:
        exchange.connection.sendall(content)
        return False

    return play


def head(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize(
    "play",
    [
        unread(b""),
        unread(b"HTTP/1.1 200 OK\r\nx-half"),
        unread(head(200, b'{"done": false}')),
        unread(head(307)),
        unread(head(408)),
        unread(head(502, b"<html>a proxy</html>")),
        unread(head(504)),
        unread(b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n" + json.dumps(OPERATION).encode()),
        silence(reading=False),
    ],
    ids=["closed", "half", "no id", "redirect", "408", "502", "504", "cut", "not taken"],
)
@pytest.mark.parametrize("server", ["service", "tls_service"])
def test_a_page_that_was_not_sent_whole_was_not_accepted(
    server: str, request: pytest.FixtureRequest, make_client: MakeClient, play: Play
) -> None:
    service: ScriptedService = request.getfixturevalue(server)
    service.plays(play)
    client = make_client(base_url=service.base_url, timeouts=QUICK)
    took_at_most_its_total(lambda: client.submit(LARGE, "r"), OcrUnreachable)
    assert len(service.exchanges) == 1


def test_what_the_kernel_has_yet_to_send_is_not_sent(service: ScriptedService, make_client: MakeClient) -> None:
    """It would take all of a page of this size, and say so, while the service reads none of it."""
    service.plays(silence(reading=False))
    took_at_most_its_total(lambda: make_client(timeouts=QUICK).submit(b"x" * 1_500_000, "r"), OcrUnreachable)


@pytest.mark.parametrize("server", ["service", "tls_service"])
def test_a_page_that_was_sent_whole_may_have_been_accepted(
    server: str, request: pytest.FixtureRequest, make_client: MakeClient
) -> None:
    service: ScriptedService = request.getfixturevalue(server)
    service.plays(raw(b""))
    with pytest.raises(OcrAnswerLost):
        make_client(base_url=service.base_url).submit(b"x" * 1_000_000, "r")
    assert len(service.exchanges[0].body) == 1_000_000


@pytest.mark.parametrize(("status", "error"), [(413, OcrRejected), (429, OcrThrottled), (401, OcrCredentialsRefused)])
def test_a_refusal_holds_though_the_page_was_not_sent_whole(
    service: ScriptedService, client: YandexOcr, status: int, error: type[OcrError]
) -> None:
    service.plays(unread(head(status)))
    with pytest.raises(error):
        client.submit(LARGE, "r")


def test_an_id_is_an_acceptance_however_much_was_sent(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(unread(head(200, json.dumps(OPERATION).encode())))
    assert client.submit(LARGE, "r").operation.id == OPERATION["id"]


@pytest.mark.parametrize(
    ("plays", "error"),
    [((unread(head(401)), raw(b"")), OcrAnswerLost), ((answer(401), unread(b"")), OcrUnreachable)],
    ids=["the second was", "the first was"],
)
def test_of_two_attempts_the_last_decides_whether_the_page_was_sent_whole(
    service: ScriptedService, make_client: MakeClient, plays: tuple[Play, ...], error: type[OcrError]
) -> None:
    keys = iter("ab")
    service.plays(*plays)
    client = make_client(credentials=Credentials(lambda: f'{{"api_key": "{next(keys)}"}}', refused_seconds=0))
    with pytest.raises(error):
        client.submit(LARGE, "r")
    assert len(service.exchanges) == 2


def test_a_large_page_has_the_time_that_it_takes_on_a_slow_line(
    service: ScriptedService, make_client: MakeClient
) -> None:
    content = b"x" * 4_000_000

    def slowly(exchange: Exchange) -> bool:
        while len(exchange.body) < len(content):
            exchange.over.wait(0.01)
            exchange.body += exchange.connection.recv(65_536)
        return GOOD(exchange)

    service.plays(slowly)
    slow = Timeouts(60, 60, submit_total_seconds=0.2, submit_bytes_per_second=len(content) / 60)
    client = make_client(timeouts=slow)
    assert client.submit_seconds(len(content)) == pytest.approx(60.2)
    assert client.submit(content, "r").operation.id == OPERATION["id"]


# --- nothing was sent ---------------------------------------------------------------------------------------------


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full: it answers no further one."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = []
        for _ in range(3):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(listening.getsockname())
            waiting.append(connection)
        yield listening.getsockname()[1]
        for connection in waiting:
            connection.close()


@pytest.mark.parametrize("timeouts", [Timeouts(0.2, 60, 60, 60), Timeouts(60, 60, 0.2, 60)])
def test_a_connection_that_is_not_made_in_time_sends_nothing(
    full_port: int, make_client: MakeClient, timeouts: Timeouts
) -> None:
    client = make_client(base_url=f"http://127.0.0.1:{full_port}", timeouts=timeouts)
    took_at_most_its_total(lambda: client.submit(b"{}", "r"), OcrUnreachable)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    full_port: int, service: ScriptedService, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_addresses(host: str, port: int, **_: object) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("127.0.0.1", full_port)), (*kind, ("127.0.0.1", service.port))]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    service.plays(answer(200, OPERATION))
    client = make_client(base_url="http://ocr.example", timeouts=Timeouts(2, 60, 60, 60))
    assert client.submit(b"{}", "r").operation.id == OPERATION["id"]


@pytest.mark.parametrize("host", ["no-such-host.example", "endless.example", f"{'a' * 70}.example"])
def test_a_host_whose_name_is_not_resolved_in_time_is_sent_nothing(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    over, real = threading.Event(), socket.getaddrinfo

    def resolve(name: str, *arguments: Any, **named: Any) -> list[Any]:
        if name == "endless.example":
            over.wait()
        if name == "no-such-host.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    client = make_client(base_url=f"http://{host}", timeouts=Timeouts(0.2, 60, 60, 60))
    took_at_most_its_total(lambda: client.submit(b"{}", "r"), OcrUnreachable)
    over.set()


# --- TLS ----------------------------------------------------------------------------------------------------------


def test_speaks_tls_to_a_service_whose_authority_is_trusted(
    tls_service: ScriptedService, make_client: MakeClient
) -> None:
    tls_service.plays(answer(200, OPERATION), answer(200, OPERATION))
    client = make_client(base_url=tls_service.base_url)
    assert client.submit(b"x" * 1_000_000, "r").operation.id == OPERATION["id"]
    client.submit(b"{}", "r")
    assert len(tls_service.exchanges[0].body) == 1_000_000
    assert [sent.connection_number for sent in tls_service.exchanges] == [1, 1]


@pytest.mark.parametrize(
    ("host", "authority"), [("127.0.0.1", "nobody's"), ("127.0.0.1", "a library's"), ("ocr.example", "the system's")]
)
def test_a_certificate_that_is_not_trusted_or_of_another_host_sends_nothing(
    tls_service: ScriptedService,
    make_client: MakeClient,
    ca_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    authority: str,
) -> None:
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(*kind, ("127.0.0.1", tls_service.port))])
    if authority != "the system's":
        monkeypatch.delenv("SSL_CERT_FILE")
    if authority == "a library's":
        monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(ca_file))
    with pytest.raises(OcrUnreachable):
        make_client(base_url=f"https://{host}:{tls_service.port}").submit(b"{}", "r")
    assert not tls_service.exchanges


def test_a_handshake_with_something_else_sends_nothing(service: ScriptedService, make_client: MakeClient) -> None:
    client = make_client(base_url=service.base_url.replace("http", "https"), timeouts=Timeouts(0.2, 60, 60, 60))
    took_at_most_its_total(lambda: client.submit(b"{}", "r"), OcrUnreachable)
    assert not service.exchanges


def test_a_tls_answer_that_trickles_is_lost_in_time(tls_service: ScriptedService, make_client: MakeClient) -> None:
    tls_service.plays(trickle(HEADERS + b"content-length: 2000\r\n\r\n", b" "))
    client = make_client(base_url=tls_service.base_url, timeouts=QUICK)
    took_at_most_its_total(lambda: client.submit(b"{}", "r"), OcrAnswerLost)


def test_an_answer_without_a_length_that_tls_did_not_end_is_cut(
    tls_service: ScriptedService, make_client: MakeClient
) -> None:
    tls_service.plays(raw(HEADERS + b'\r\n{"result": {"page": "0"}}\n'))  # and a close of TCP alone
    with pytest.raises(OcrAnswerLost):
        make_client(base_url=tls_service.base_url).result("fd8")


# --- what a library could add -------------------------------------------------------------------------------------


def test_a_proxy_that_the_environment_names_is_not_used(
    service: ScriptedService, client: YandexOcr, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    service.plays(answer(200, OPERATION))
    assert client.submit(b"{}", "r").operation.id == OPERATION["id"]


def test_nothing_of_an_answer_is_sent_with_the_next_request(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, OPERATION, headers={"set-cookie": "a=b; path=/"}), answer(200, OPERATION))
    client.submit(b"{}", "r")
    client.submit(b"{}", "r")
    assert "cookie" not in service.exchanges[1].headers


def test_a_redirect_is_not_followed_nor_its_body_read_past_the_limit(
    service: ScriptedService, client: YandexOcr
) -> None:
    headers = HEADERS.replace(b"200", b"307") + b"location: /elsewhere\r\n\r\n"
    service.plays(raw(headers + b" " * 5_000_000, stay=True))
    took_at_most_its_total(lambda: client.result("fd8"), OcrAnswerMalformed)
    assert len(service.exchanges) == 1


# --- connections --------------------------------------------------------------------------------------------------


Between = Callable[[YandexOcr, ScriptedService, pytest.MonkeyPatch], object]


def nothing(client: YandexOcr, service: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call comes at once."""


def idle_for_long(client: YandexOcr, service: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textdrop.adapters.yandex.connection._IDLE_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("play", "between", "connections"),
    [
        (GOOD, nothing, 1),
        (answer(404, {"code": 5}), nothing, 1),
        (answer(200, OPERATION, chunked=True), nothing, 1),
        (GOOD, lambda client, *_: client.new_connections(), 2),
        (GOOD, lambda _, service, __: service.hang_up(), 2),
        (GOOD, idle_for_long, 2),
        (answer(200, OPERATION, headers={"connection": "close"}), nothing, 2),
        (answer(500, body=b"x", headers={"content-length": "9"}), nothing, 2),
        (answer(200, {**OPERATION, "description": "x" * 200_000}), nothing, 2),
    ],
    ids=[
        "good",
        "404",
        "chunked",
        "invocation begins",
        "closed",
        "idle",
        "to be closed",
        "bytes to come",
        "bytes left",
    ],
)
def test_a_connection_is_used_again_unless_it_may_be_dead_or_something_is_left_on_it(
    service: ScriptedService,
    make_client: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
    play: Play,
    between: Between,
    connections: int,
) -> None:
    client = make_client(timeouts=Timeouts(60, 1, 60, 60))
    service.plays(play, GOOD)
    with contextlib.suppress(OcrError):
        client.submit(b"{}", "r")
    between(client, service, monkeypatch)
    client.submit(b"{}", "r")
    assert [sent.connection_number for sent in service.exchanges] == [1, connections]


def test_a_connection_in_use_when_an_invocation_begins_is_not_kept(service: ScriptedService, client: YandexOcr) -> None:
    def begin_invocation(exchange: Exchange) -> bool:
        client.new_connections()
        return answer(200, OPERATION)(exchange)

    service.plays(begin_invocation, answer(200, OPERATION))
    client.submit(b"{}", "r")
    client.submit(b"{}", "r")
    assert [sent.connection_number for sent in service.exchanges] == [1, 2]


def test_a_connection_on_which_a_body_was_not_sent_whole_is_not_used_again(
    service: ScriptedService, make_client: MakeClient
) -> None:
    def refuse_at_once(exchange: Exchange) -> bool:
        exchange.connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        return silence(reading=False)(exchange)

    service.plays(refuse_at_once, answer(200, OPERATION))
    client = make_client(timeouts=Timeouts(60, 1, 60, 60))
    with pytest.raises(OcrRejected):
        client.submit(LARGE, "r")
    client.submit(b"{}", "r")
    assert [sent.connection_number for sent in service.exchanges] == [1, 2]


def test_a_lost_submit_is_not_sent_again_on_a_kept_connection(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, OPERATION), raw(b""), answer(200, OPERATION))
    client.submit(b"{}", "r")
    with pytest.raises(OcrAnswerLost):
        client.submit(b"{}", "r")
    assert [sent.connection_number for sent in service.exchanges] == [1, 1]


class InlineThread:
    """Does what a thread would, in its caller."""

    def __init__(self, target: Callable[..., None], args: tuple[object, ...] = (), **_: object) -> None:
        self.start = lambda: target(*args)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is made ahead is there when the call returns."""
    monkeypatch.setattr("textdrop.adapters.yandex.transport.threading", SimpleNamespace(Thread=InlineThread))


@pytest.mark.parametrize("server", ["service", "tls_service"])
def test_a_connection_that_was_made_ahead_is_used(
    server: str, request: pytest.FixtureRequest, make_client: MakeClient, at_once: None
) -> None:
    service: ScriptedService = request.getfixturevalue(server)
    client = make_client(base_url=service.base_url)
    service.plays(GOOD, GOOD)
    for _ in range(2):
        client.new_connections()
        client.connect_ahead()
        client.connect_ahead()
        client.submit(b"{}", "r")
    assert [sent.connection_number for sent in service.exchanges] == [1, 2]


def test_a_connection_that_was_made_long_ahead_is_not_used(
    service: ScriptedService, client: YandexOcr, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.plays(GOOD)
    client.connect_ahead()
    idle_for_long(client, service, monkeypatch)
    client.submit(b"{}", "r")
    assert [sent.connection_number for sent in service.exchanges] == [2]


def test_a_connection_that_cannot_be_made_ahead_is_told_by_the_submit(make_client: MakeClient, at_once: None) -> None:
    client = make_client(base_url="http://127.0.0.1:9")
    client.connect_ahead()
    with pytest.raises(OcrUnreachable):
        client.submit(b"{}", "r")
