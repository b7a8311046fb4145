"""Joins objects of a bucket into one, within S3 as far as its rules allow.

Every part of a multipart upload except the last must have 5 MiB (Amazon S3 user guide, "Multipart upload limits"), so
smaller objects pass through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from textdrop.adapters.aws import parts
from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.adapters.aws.objects import content
from textdrop.adapters.aws.parts import Range
from textdrop.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIN_PART_BYTES = 5 * 1024 * 1024
MAX_PART_BYTES = 64 * 1024 * 1024
"""Bytes that S3 certainly copies within the time of a call."""


def join(client: S3Client, bucket: str, keys: Sequence[str], to: str, check_deadline: Callable[[], None]) -> None:
    """`to` has the contents of the keys, one after another, and the content type of the first.

    `check_deadline` is called before each call that writes. Raises what it raises, and StoreUnavailable; `to` is then
    as it was, or, if only the last answer was lost, as it should be.
    """
    with as_store_unavailable("s3.HeadObject"):
        heads = [client.head_object(Bucket=bucket, Key=key) for key in keys]
    content_type = heads[0]["ContentType"]
    planned = list(plan([(key, head["ContentLength"]) for key, head in zip(keys, heads, strict=True)]))
    if len(planned) == 1 and len(planned[0]) == 1:
        check_deadline()
        with as_store_unavailable("s3.CopyObject"):
            client.copy_object(Bucket=bucket, Key=to, CopySource={"Bucket": bucket, "Key": planned[0][0].key})
        return
    if len(planned) <= 1:
        body = _fetched(client, bucket, planned[0]) if planned else b""
        parts.put(client, bucket, to, content_type, body, check_deadline)
        return
    pieces = (
        part[0] if len(part) == 1 and part[0].size >= MIN_PART_BYTES else _fetched(client, bucket, part)
        for part in planned
    )
    parts.make(client, bucket, to, content_type, pieces, check_deadline)


def plan(objects: Sequence[tuple[str, int]]) -> Iterator[list[Range]]:
    """The parts of a multipart upload that joins objects of these keys and sizes.

    A part that is one range of at least 5 MiB is copied within S3; any other is fetched and uploaded. Every part but
    the last has at least 5 MiB, and none that is fetched has more than twice that.
    """
    pending: list[Range] = []
    for key, size in objects:
        start = 0
        if pending and size:
            missing = MIN_PART_BYTES - sum(piece.size for piece in pending)
            # All of a small object: what would be left of it could not be copied anyway.
            start = size if size <= MIN_PART_BYTES else missing
            pending.append(Range(key, 0, start))
            if sum(piece.size for piece in pending) >= MIN_PART_BYTES:
                yield pending
                pending = []
        left = size - start
        while left >= MIN_PART_BYTES:
            most = left if left <= MAX_PART_BYTES else min(MAX_PART_BYTES, left - MIN_PART_BYTES)
            yield [Range(key, start, most)]
            start, left = start + most, left - most
        if left:
            pending.append(Range(key, start, left))
    if pending:
        yield pending


def _fetched(client: S3Client, bucket: str, part: Sequence[Range]) -> bytes:
    pieces = []
    for piece in part:
        with as_store_unavailable("s3.GetObject"):
            answer = client.get_object(Bucket=bucket, Key=piece.key, Range=piece.header)
            pieces.append(content(answer["Body"]))
        if len(pieces[-1]) != piece.size:
            raise StoreUnavailable(f"s3.GetObject: {len(pieces[-1])} bytes, {piece.size} expected")
    return b"".join(pieces)
