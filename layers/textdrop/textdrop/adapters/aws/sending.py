"""Sends a file into a bucket, in parts if it is large, so that each call ends within its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from textdrop.adapters.aws import parts
from textdrop.adapters.aws.failures import as_store_unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024
"""What is surely sent within the time that a call has. 10,000 parts at most: 80 GB."""


def send(
    client: S3Client, bucket: str, key: str, file: BinaryIO, content_type: str, check_deadline: Callable[[], None]
) -> None:
    """The object has what the file holds from where it stands on. `check_deadline` is called before each call that
    writes.

    Raises what it raises, and StoreUnavailable; the object is then as it was, or, if only the last answer was lost, as
    it should be.
    """
    first = file.read(PART_BYTES)
    if len(first) < PART_BYTES:
        check_deadline()
        with as_store_unavailable("s3.PutObject"):
            client.put_object(Bucket=bucket, Key=key, Body=first, ContentType=content_type)
        return
    pieces = (partial(_part, client, bucket, key, body) for body in _pieces(first, file))
    parts.make(client, bucket, key, content_type, pieces, check_deadline)


def _pieces(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = file.read(PART_BYTES)


def _part(client: S3Client, bucket: str, key: str, body: bytes, upload_id: str, number: int) -> str:
    with as_store_unavailable("s3.UploadPart"):
        sent = client.upload_part(Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=body)
    return sent["ETag"]
