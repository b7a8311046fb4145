"""An authorized key's way to a recognised page: the client against the local OCR service, whose clock it shares."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.ocr import authorized_key
from local.ocr.server import OcrServer, start
from local.ocr.settings import Settings
from textdrop.adapters.yandex.client import YandexOcr
from textdrop.adapters.yandex.credentials import Credentials
from textdrop.core.answers import Recognition
from textdrop.core.errors import OcrCredentialsMissing


class Time:
    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def moving() -> Time:
    return Time()


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    return authorized_key.generate()


@pytest.fixture
def server(key: dict[str, str], moving: Time, tmp_path: Path) -> Iterator[OcrServer]:
    authorized_key.write(tmp_path / "key.json", key)
    running = start(
        Settings(
            engine="table",
            seconds=0.0,
            api_keys=(),
            authorized_keys=(tmp_path / "key.json",),
            submits_per_second=1000,
            result_reads_per_second=1000,
        ),
        clock=moving.now,
    )
    yield running
    running.stop()


@pytest.fixture
def make_client(server: OcrServer, moving: Time) -> Iterator[Callable[[dict[str, str]], YandexOcr]]:
    made: list[YandexOcr] = []

    def make(key: dict[str, str]) -> YandexOcr:
        credentials = Credentials(
            lambda: json.dumps(key), iam_base_url=server.url, monotonic=moving.monotonic, now=moving.now
        )
        client = YandexOcr(ocr_base_url=server.url, operation_base_url=server.url, credentials=credentials)
        made.append(client)
        return client

    yield make
    for client in made:
        client.new_connections()


@pytest.fixture
def client(make_client: Callable[[dict[str, str]], YandexOcr], key: dict[str, str]) -> YandexOcr:
    return make_client(key)


def submit(client: YandexOcr, content: bytes = b"page") -> str:
    return client.submit(client.prepare(content, "image/png", ["en"], "page"), "r").operation.id


def issued(server: OcrServer) -> int:
    tokens: dict[str, int] = server.stats()["tokens"]
    return tokens["issued"]


def test_many_pages_are_recognised_with_one_token(client: YandexOcr, server: OcrServer) -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda number: submit(client, b"page %d" % number), range(16)))
        results = list(threads.map(client.result, ids))
        assert all(isinstance(result, Recognition) for result in results)
        assert all(status.done for status in threads.map(client.status, ids))
    assert server.stats()["tokens"] == {"asked": 1, "issued": 1}


def test_a_token_is_renewed_every_hour(client: YandexOcr, server: OcrServer, moving: Time) -> None:
    for hours, tokens in [(0, 1), (0.9, 1), (0.2, 2), (24, 3)]:
        moving.ahead += hours * 3600
        submit(client)
        assert issued(server) == tokens
    assert server.stats()["refused"]["submit"] == {}


def test_a_401_renews_the_token_once(client: YandexOcr, server: OcrServer) -> None:
    submit(client)
    server.add_fault(kind="401", target="submit", count=1)
    submit(client)
    assert issued(server) == 2
    assert server.stats()["submits"]["accepted"] == 2


def test_a_token_that_ends_before_its_time_is_renewed(client: YandexOcr, server: OcrServer) -> None:
    server.add_fault(kind="dead_token", count=1)
    submit(client)
    assert server.stats()["tokens"] == {"asked": 2, "issued": 2}


def test_a_key_that_is_not_known_gets_no_token(
    make_client: Callable[[dict[str, str]], YandexOcr], key: dict[str, str], server: OcrServer
) -> None:
    other = authorized_key.generate()
    wrong = [other, {**key, "private_key": other["private_key"]}, {**key, "service_account_id": "aje"}]
    for number, fields in enumerate(wrong, start=1):
        with pytest.raises(OcrCredentialsMissing, match="IAM refuses the authorized key"):
            submit(make_client(fields))
        assert server.stats()["tokens"] == {"asked": number, "issued": 0}
    assert set(server.stats()["refused"]["iam"]) == {"jwt_key_id", "jwt_signature", "jwt_issuer"}


def test_a_clock_that_is_hours_off_gets_no_token(server: OcrServer, key: dict[str, str]) -> None:
    for seconds in (-7200, 7200):
        off = Time()
        off.ahead = seconds
        credentials = Credentials(lambda: json.dumps(key), iam_base_url=server.url, now=off.now)
        with pytest.raises(OcrCredentialsMissing):
            credentials.authorization()
    assert server.stats()["refused"]["iam"] == {"jwt_times": 2}
