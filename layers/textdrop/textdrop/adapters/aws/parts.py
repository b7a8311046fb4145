"""Objects that are made of several parts: begun, filled part by part, and completed; or aborted, if anything fails.

Every part but the last must have 5 MiB (Amazon S3 user guide, "Multipart upload limits").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MakePart = Callable[[str, int], str]
"""Makes one part of the upload with this id, under this number; its ETag."""


def make(
    client: S3Client,
    bucket: str,
    to: str,
    content_type: str,
    parts: Iterable[MakePart],
    check_deadline: Callable[[], None],
) -> None:
    """`to` is made of these parts. `check_deadline` is called before each call.

    Raises what it raises, and StoreUnavailable; `to` is then as it was, or, if only the last answer was lost, as it
    should be.
    """
    check_deadline()
    with as_store_unavailable("s3.CreateMultipartUpload"):
        upload_id = client.create_multipart_upload(Bucket=bucket, Key=to, ContentType=content_type)["UploadId"]
    try:
        made: list[CompletedPartTypeDef] = []
        for number, part in enumerate(parts, start=1):
            check_deadline()
            made.append({"PartNumber": number, "ETag": part(upload_id, number)})
        check_deadline()
        with as_store_unavailable("s3.CompleteMultipartUpload"):
            client.complete_multipart_upload(Bucket=bucket, Key=to, UploadId=upload_id, MultipartUpload={"Parts": made})
    except Exception:
        # What cannot be taken away now is so by the bucket's lifecycle rule.
        with suppress(StoreUnavailable), as_store_unavailable("s3.AbortMultipartUpload"):
            client.abort_multipart_upload(Bucket=bucket, Key=to, UploadId=upload_id)
        raise
