"""Objects that are made of several parts: begun, filled part by part, and completed; or aborted, if anything fails.

Every part but the last must have 5 MiB (Amazon S3 user guide, "Multipart upload limits").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 8 * 1024 * 1024
"""Bytes that are certainly sent within the time of a call. 10,000 parts at most: 80 GB."""


@dataclass(frozen=True, slots=True)
class Range:
    """A part of an object: `size` bytes from `start` on."""

    key: str
    start: int
    size: int

    @property
    def header(self) -> str:
        """As an HTTP header."""
        return f"bytes={self.start}-{self.start + self.size - 1}"


def send(
    client: S3Client, bucket: str, to: str, file: BinaryIO, content_type: str, check_deadline: Callable[[], None]
) -> None:
    """`to` has the rest of the file, from its current position on; a large one is sent in parts, so that each call ends
    within its time. Deadline and errors as for `make`."""
    first = file.read(PART_BYTES)
    if len(first) == PART_BYTES:
        make(client, bucket, to, content_type, chain([first], iter(lambda: file.read(PART_BYTES), b"")), check_deadline)
        return
    put(client, bucket, to, content_type, first, check_deadline)


def put(
    client: S3Client, bucket: str, to: str, content_type: str, body: bytes, check_deadline: Callable[[], None]
) -> None:
    """Makes `to` with one call."""
    check_deadline()
    with as_store_unavailable("s3.PutObject"):
        client.put_object(Bucket=bucket, Key=to, Body=body, ContentType=content_type)


def make(
    client: S3Client,
    bucket: str,
    to: str,
    content_type: str,
    parts: Iterable[bytes | Range],
    check_deadline: Callable[[], None],
) -> None:
    """`to` is made of these parts; a range is copied within S3.

    `check_deadline` is called before each call that writes. Raises what it raises, and StoreUnavailable; `to` is then
    as it was, or, if only the last answer was lost, as it should be.
    """
    check_deadline()
    with as_store_unavailable("s3.CreateMultipartUpload"):
        upload_id = client.create_multipart_upload(Bucket=bucket, Key=to, ContentType=content_type)["UploadId"]
    try:
        made: list[CompletedPartTypeDef] = []
        for number, part in enumerate(parts, start=1):
            check_deadline()
            made.append({"PartNumber": number, "ETag": _made(client, bucket, to, upload_id, number, part)})
        check_deadline()
        with as_store_unavailable("s3.CompleteMultipartUpload"):
            client.complete_multipart_upload(Bucket=bucket, Key=to, UploadId=upload_id, MultipartUpload={"Parts": made})
    except Exception:
        # What cannot be removed now is removed by the bucket's lifecycle rule.
        with suppress(StoreUnavailable), as_store_unavailable("s3.AbortMultipartUpload"):
            client.abort_multipart_upload(Bucket=bucket, Key=to, UploadId=upload_id)
        raise


def _made(client: S3Client, bucket: str, to: str, upload_id: str, number: int, part: bytes | Range) -> str:
    """Makes one part of the upload. Returns its ETag."""
    if isinstance(part, bytes):
        with as_store_unavailable("s3.UploadPart"):
            return client.upload_part(Bucket=bucket, Key=to, UploadId=upload_id, PartNumber=number, Body=part)["ETag"]
    with as_store_unavailable("s3.UploadPartCopy"):
        copied = client.upload_part_copy(
            Bucket=bucket,
            Key=to,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": part.key},
            CopySourceRange=part.header,
        )
    return copied["CopyPartResult"]["ETag"]
