"""An upload as a file: read where it is needed, in few requests, and never more of it in memory than a little."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from hypothesis import given, settings
from hypothesis import strategies as st

from textdrop.adapters.aws import ranges
from textdrop.adapters.aws.ranges import BLOCK_BYTES, MAX_BLOCKS_AT_ONCE, WHOLE_BYTES, open_range
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectDeleted, ObjectForbidden, ObjectGone, StoreUnavailable

LARGE = random.Random(1).randbytes(12_000_070)  # no whole number of blocks


class Bucket:
    """One object behind S3's GetObject. `knows_ranges`: else it always answers with the whole."""

    def __init__(self, content: bytes, *, knows_ranges: bool = True) -> None:
        self.content = content
        self.knows_ranges = knows_ranges
        self.asked: list[dict[str, Any]] = []
        self.sent = 0
        self.failing: ClientError | None = None

    def get_object(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self.failing is not None:
            raise self.failing
        content, told = self.content, {}
        if self.knows_ranges and "Range" in asked:
            start, end = (int(place) for place in asked["Range"].removeprefix("bytes=").split("-"))
            content = self.content[start : end + 1]
            told = {"ContentRange": f"bytes {start}-{end}/{len(self.content)}"}
        self.sent += len(content)
        return {"ContentLength": len(content), "Body": StreamingBody(io.BytesIO(content), len(content)), **told}


def opened(bucket: Bucket, size: int | None = None, **named: Any) -> io.BufferedReader:
    source = Source("uploads", "scan.pdf", size=len(bucket.content) if size is None else size, **named)
    return open_range(bucket, source)  # type: ignore[arg-type]  # as much of a client as is used


def failure(status: int) -> ClientError:
    return ClientError({"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]


PLACES = st.tuples(st.integers(0, len(LARGE) + 100), st.integers(0, 3 * BLOCK_BYTES))


@settings(max_examples=25, deadline=None)
@given(reads=st.lists(PLACES, min_size=1, max_size=12), knows_ranges=st.booleans())
def test_whatever_is_read_is_what_stands_there(reads: list[tuple[int, int]], knows_ranges: bool) -> None:
    file = opened(Bucket(LARGE, knows_ranges=knows_ranges))
    for start, length in reads:
        assert file.seek(start) == start
        assert file.read(length) == LARGE[start : start + length]
        assert file.tell() == start + len(LARGE[start : start + length])


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, WHOLE_BYTES])
def test_a_small_object_costs_one_request_and_an_empty_one_none(size: int) -> None:
    bucket = Bucket(LARGE[:size])
    file = opened(bucket)
    assert file.seek(0, io.SEEK_END) == size
    assert bucket.asked == [], "nothing is requested before it is read"
    for start in {size // 2, 0, max(size - 1, 0)}:
        file.seek(start)
        assert file.read(10) == LARGE[:size][start : start + 10]
    assert bucket.asked == [{"Bucket": "uploads", "Key": "scan.pdf"}] * min(size, 1)


def test_read_from_end_to_end_each_byte_comes_once_in_few_requests() -> None:
    bucket = Bucket(LARGE)
    file = opened(bucket)
    assert b"".join(iter(lambda: file.read(100_000), b"")) == LARGE
    assert bucket.sent == len(LARGE)
    blocks = -(-len(LARGE) // BLOCK_BYTES)
    assert len(bucket.asked) <= 6 + blocks // MAX_BLOCKS_AT_ONCE


def read_block(file: io.BufferedReader, number: int) -> None:
    start = number * BLOCK_BYTES + 7
    file.seek(start)
    assert file.read(100) == LARGE[start : start + 100]


def test_what_is_known_already_is_not_requested_again() -> None:
    bucket = Bucket(LARGE)
    file = opened(bucket)
    read_block(file, 5)
    file.seek(0)
    while file.read(100_000):
        pass
    assert bucket.sent == len(LARGE)


def test_what_is_read_again_and_again_is_requested_once() -> None:
    bucket = Bucket(LARGE * 3)
    file = opened(bucket)
    for place in range(0, len(bucket.content), BLOCK_BYTES):
        for start in (0, place):
            file.seek(start)
            assert file.read(100) == bucket.content[start : start + 100]
    assert [asked["Range"].startswith("bytes=0-") for asked in bucket.asked].count(True) == 1


def test_pages_that_stand_behind_their_pictures_are_read_in_few_requests() -> None:
    """Each is read before its picture, so that reading leaps ahead and comes back."""
    bucket = Bucket(LARGE)
    file = opened(bucket)
    for number in range(0, 44, 2):
        read_block(file, number + 1)
        read_block(file, number)
    assert bucket.sent <= len(LARGE)
    assert len(bucket.asked) <= 8


def test_what_was_skipped_is_not_gone_back_to_over_what_is_known() -> None:
    file = opened(Bucket(LARGE))
    for number in (22, 44, 42, 40, 38, 36, 34, 32, 20, 24):
        read_block(file, number)


def test_a_look_at_the_end_costs_little() -> None:
    bucket = Bucket(LARGE)
    file = opened(bucket)
    file.seek(-1_000, io.SEEK_END)
    assert file.read() == LARGE[-1_000:]
    assert bucket.sent <= 2 * BLOCK_BYTES


@pytest.mark.parametrize(
    ("named", "asked"),
    [({"version_id": "v1", "etag": "e1"}, {"VersionId": "v1"}), ({"etag": "e1"}, {"IfMatch": '"e1"'})],
)
def test_each_request_names_the_very_version(named: dict[str, Any], asked: dict[str, str]) -> None:
    bucket = Bucket(LARGE)
    file = opened(bucket, **named)
    file.seek(5_000_000)
    file.read(10)
    [request] = bucket.asked
    assert {name: value for name, value in request.items() if name != "Range"} == {
        "Bucket": "uploads",
        "Key": "scan.pdf",
        **asked,
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, ObjectDeleted),
        (405, ObjectDeleted),
        (412, ObjectGone),
        (403, ObjectForbidden),
        (500, StoreUnavailable),
        (503, StoreUnavailable),
    ],
)
def test_a_failed_read_says_why_and_may_be_repeated(status: int, error: type[Exception]) -> None:
    bucket = Bucket(LARGE)
    file = opened(bucket)
    bucket.failing = failure(status)
    with pytest.raises(error) as raised:
        file.read(10)
    assert type(raised.value) is error
    bucket.failing = None
    file.seek(0)
    assert file.read(10) == LARGE[:10]


@pytest.mark.parametrize("size", [5, len(LARGE) - 1, len(LARGE) + 1])
def test_an_object_of_another_size_than_was_seen_is_never_read(size: int) -> None:
    with pytest.raises(StoreUnavailable, match="expected"):
        opened(Bucket(LARGE, knows_ranges=False), size).read(100)


@pytest.mark.parametrize(
    ("whole", "content_range"),
    [(False, "bytes 7-6/5"), (True, "bytes 1-2/3")],
    ids=["of another range", "as long as the whole"],
)
def test_a_part_that_was_not_asked_for_is_never_read(whole: bool, content_range: str) -> None:
    connection = io.BytesIO(LARGE)

    class Mistaken(Bucket):
        def get_object(self, **asked: Any) -> dict[str, Any]:
            answer = super().get_object(**({} if whole else asked))
            return {**answer, "ContentRange": content_range, "Body": StreamingBody(connection, len(LARGE))}

    with pytest.raises(StoreUnavailable, match="expected"):
        opened(Mistaken(LARGE)).read(100)
    assert connection.closed


@pytest.mark.parametrize("there", [100, 5_000_100])
def test_a_whole_that_ends_before_or_within_the_range_is_never_read(there: int) -> None:
    class Short(Bucket):
        def get_object(self, **asked: Any) -> dict[str, Any]:
            return {**super().get_object(**asked), "Body": StreamingBody(io.BytesIO(LARGE[:there]), there)}

    file = opened(Short(LARGE, knows_ranges=False))
    file.seek(5_000_000)
    with pytest.raises(StoreUnavailable, match="expected"):
        file.read(1_000)


def test_memory_is_bounded_however_much_is_read() -> None:
    file = opened(Bucket(LARGE * 4))
    while file.read(1_000_000):
        pass
    raw: Any = file.raw
    assert sum(map(len, raw._blocks.values())) <= ranges.KEPT_BLOCKS * BLOCK_BYTES
