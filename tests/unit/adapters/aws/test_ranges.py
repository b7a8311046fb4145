"""An object in S3 as a file: the same bytes, few requests, and the store's failures in our words."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from textdrop.adapters.aws.ranges import BLOCK_BYTES, BLOCKS_AHEAD, BLOCKS_KEPT, RangedObject, open_range
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectForbidden, ObjectGone, StoreUnavailable, TextdropError

BLOCK = 100
CONTENT = random.Random(1).randbytes(25 * BLOCK + 7)
SOURCE = Source("uploads", "a b.pdf", version_id="v1", etag="e1", size=len(CONTENT))


class Body(io.BytesIO):
    """What botocore reads an answer's body from."""

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self.read()]


@dataclass
class Store:
    """S3 with one object, behind a real client."""

    requests: list[AWSPreparedRequest] = field(default_factory=list)
    instead: Callable[[AWSPreparedRequest], AWSResponse] | None = None

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        self.requests.append(request)
        if self.instead is not None:
            return self.instead(request)
        start, end = (int(place) for place in self.range(-1).split("-"))
        return answered(request, 206, CONTENT[start : end + 1])

    def range(self, place: int) -> str:
        header = self.requests[place].headers["Range"]
        return (header.decode() if isinstance(header, bytes) else str(header)).removeprefix("bytes=")


def answered(request: AWSPreparedRequest, status: int, body: bytes, length: int | None = None) -> AWSResponse:
    headers = HTTPHeaders()
    headers["Content-Length"] = str(len(body) if length is None else length)
    return AWSResponse(request.url, status, headers, Body(body))


@pytest.fixture(scope="module")
def client() -> Any:
    session = boto3.Session("test", "test", region_name="eu-central-1")
    return session.client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 1}))


@pytest.fixture
def store(client: Any) -> Iterator[Store]:
    store = Store()
    client.meta.events.register("before-send.s3", store.answer, unique_id="store")
    yield store
    client.meta.events.unregister("before-send.s3", unique_id="store")


def test_it_reads_as_a_file_does(client: Any, store: Store) -> None:
    file, twin, chance = RangedObject(client, SOURCE, BLOCK), io.BytesIO(CONTENT), random.Random(2)
    for _ in range(500):
        whence = chance.choice([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
        base = {io.SEEK_SET: 0, io.SEEK_CUR: twin.tell(), io.SEEK_END: len(CONTENT)}[whence]
        offset = chance.randrange(len(CONTENT) + 50) - base
        assert file.seek(offset, whence) == twin.seek(offset, whence)
        wanted = chance.choice([0, 1, 20, BLOCK, 3 * BLOCK, len(CONTENT)])
        assert file.read(wanted) == twin.read(wanted)
        assert file.tell() == twin.tell()
    file.seek(3)
    assert file.read() == CONTENT[3:]


def test_nothing_is_asked_before_a_read_or_beyond_the_end(client: Any, store: Store) -> None:
    file = open_range(client, SOURCE)
    file.seek(0, io.SEEK_END)
    assert file.read(10) == b""
    with pytest.raises(ValueError, match="before the start"):
        file.seek(-1)
    assert store.requests == []


def test_reading_through_asks_for_more_and_more_at_once(client: Any, store: Store) -> None:
    file = RangedObject(client, SOURCE, BLOCK)
    assert b"".join(iter(lambda: file.read(30), b"")) == CONTENT
    assert [store.range(place) for place in range(4)] == ["0-99", "100-299", "300-699", "700-1099"]
    assert file.requests == len(store.requests) == 3 + -(-(len(CONTENT) - 700) // (BLOCK * BLOCKS_AHEAD))
    assert file.bytes_read == len(CONTENT)


def test_reading_here_and_there_asks_for_single_blocks_once(client: Any, store: Store) -> None:
    file = RangedObject(client, SOURCE, BLOCK)
    for _ in range(3):
        for place in (2010, 5, 1203, 2501):
            file.seek(place)
            file.read(6)
    asked = [store.range(place) for place in range(len(store.requests))]
    assert asked == ["2000-2099", "0-99", "1200-1299", "2500-2506"]


def test_only_the_blocks_used_last_are_held(client: Any, store: Store) -> None:
    file = RangedObject(client, SOURCE, BLOCK)
    places = [place * BLOCK for place in range(0, 2 * BLOCKS_KEPT + 2, 2)]
    for place in places:
        file.seek(place)
        file.read(1)
    assert len(places) == BLOCKS_KEPT + 1
    file.seek(places[-2])
    file.read(1)
    assert file.requests == BLOCKS_KEPT + 1
    file.seek(places[0])
    file.read(1)
    assert file.requests == BLOCKS_KEPT + 2


def test_what_is_held_is_little() -> None:
    assert BLOCK_BYTES * (BLOCKS_KEPT + BLOCKS_AHEAD) <= 16 * 1024 * 1024


def test_the_very_version_is_read(client: Any, store: Store) -> None:
    RangedObject(client, SOURCE).read(1)
    assert "versionId=v1" in store.requests[-1].url
    RangedObject(client, replace(SOURCE, version_id="")).read(1)
    assert "versionId" not in store.requests[-1].url
    assert store.requests[-1].headers["If-Match"] in (b'"e1"', '"e1"')


def closed(request: AWSPreparedRequest) -> AWSResponse:
    raise ConnectionClosedError(endpoint_url=request.url)


@pytest.mark.parametrize(
    ("instead", "error"),
    [
        (lambda request: answered(request, 404, b""), ObjectGone),
        (lambda request: answered(request, 405, b""), ObjectGone),
        (lambda request: answered(request, 412, b""), ObjectGone),
        (lambda request: answered(request, 403, b""), ObjectForbidden),
        (lambda request: answered(request, 416, b""), StoreUnavailable),
        (lambda request: answered(request, 503, b""), StoreUnavailable),
        (lambda request: answered(request, 200, CONTENT), StoreUnavailable),
        (lambda request: answered(request, 206, CONTENT[:50], length=BLOCK), StoreUnavailable),
        (closed, StoreUnavailable),
    ],
    ids=["gone", "deleted", "changed", "forbidden", "range", "busy", "all of it", "cut short", "connection"],
)
def test_failures_in_our_words(
    client: Any, store: Store, instead: Callable[[AWSPreparedRequest], AWSResponse], error: type[TextdropError]
) -> None:
    file = RangedObject(client, SOURCE, BLOCK)
    store.instead = instead
    with pytest.raises(error) as caught:
        file.read(10)
    assert type(caught.value) is error
    store.instead = None
    assert file.read(10) == CONTENT[:10]
