"""The two buckets: uploads, which are only read, and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from textdrop.adapters.aws import joining, parts, removing
from textdrop.adapters.aws.clients import CALL_SECONDS
from textdrop.adapters.aws.failures import as_store_unavailable, code, http_status
from textdrop.adapters.aws.objects import as_its_object, content, metadata_value, which
from textdrop.adapters.aws.ranges import open_range
from textdrop.adapters.aws.removing import MAX_KEYS, NOT_IN_XML
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectDeleted, ObjectForbidden
from textdrop.ports import SourceObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, HeadObjectOutputTypeDef, ObjectIdentifierTypeDef


class S3Sources:
    """Uploads in S3. Each source names its bucket."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def head(self, source: Source) -> SourceObject:
        if not _is_utf8(source.key):
            raise ObjectDeleted("no object has this key: it is not UTF-8")
        current = self._head_if_current(source) if source.version_id else None
        head = current or self._head(which(source))
        # `version_id` stays as it was: it is part of the document's identity.
        seen = replace(
            source,
            etag=head["ETag"].strip('"'),
            size=head["ContentLength"],
            last_modified=head["LastModified"].timestamp(),
        )
        metadata = {name.lower(): metadata_value(value) for name, value in head.get("Metadata", {}).items()}
        is_current = current is not None or not source.version_id
        return SourceObject(seen, metadata, partial(open_range, self._client, seen), is_current)

    def _head_if_current(self, source: Source) -> HeadObjectOutputTypeDef | None:
        """The upload, if its version is the key's current one. Raises ObjectDeleted if the key has none."""
        try:
            head = self._head({"Bucket": source.bucket, "Key": source.key})
        except ObjectForbidden:  # perhaps a newer one, of which nothing need be known
            return None
        return head if head.get("VersionId") == source.version_id else None

    def _head(self, named: Mapping[str, Any]) -> HeadObjectOutputTypeDef:
        with as_store_unavailable("s3.HeadObject"), as_its_object():
            return self._client.head_object(**named)


def _is_utf8(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


class S3Results:
    """The results bucket in S3, or the part of it below a prefix, with which all its keys begin."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self.bucket = bucket
        self.prefix = prefix
        self.total_seconds = CALL_SECONDS

    def put(self, key: str, body: bytes, content_type: str) -> None:
        with as_store_unavailable("s3.PutObject"):
            self._client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=body, ContentType=content_type)

    def put_file(self, key: str, file: BinaryIO, content_type: str, check_deadline: Callable[[], None]) -> None:
        parts.send(self._client, self.bucket, self.prefix + key, file, content_type, check_deadline)

    def get(self, key: str) -> bytes | None:
        with as_store_unavailable("s3.GetObject"):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=self.prefix + key)
            except ClientError as error:
                # By the status: for a key with control characters S3's own answer is not readable XML.
                if http_status(error) != 404 or code(error) == "NoSuchBucket":
                    raise
                return None
            return content(answer["Body"])

    def copy(self, key: str, to: str) -> None:
        with as_store_unavailable("s3.CopyObject"):
            # A copy keeps the content type. The source is given as a dict, which botocore encodes correctly.
            source: CopySourceTypeDef = {"Bucket": self.bucket, "Key": self.prefix + key}
            self._client.copy_object(Bucket=self.bucket, Key=self.prefix + to, CopySource=source)

    def join(self, keys: Sequence[str], to: str, check_deadline: Callable[[], None]) -> None:
        whole = [self.prefix + key for key in keys]
        joining.join(self._client, self.bucket, whole, self.prefix + to, check_deadline)

    def list_keys(self, prefix: str) -> list[str]:
        with as_store_unavailable("s3.ListObjectsV2"):
            listing = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix
            )
            found = [found["Key"] for page in listing for found in page.get("Contents", [])]
            return [key.removeprefix(self.prefix) for key in found]

    def exists(self, key: str) -> bool:
        if not _is_utf8(key):
            return False
        with as_store_unavailable("s3.HeadObject"):
            try:
                self._client.head_object(Bucket=self.bucket, Key=self.prefix + key)
            except ClientError as error:
                if http_status(error) != 404:
                    raise
                return False
            return True

    def delete(self, keys: Sequence[str]) -> None:
        existing = [self.prefix + key for key in keys if _is_utf8(key)]
        # A single one needs no list, and S3 does not bill DELETE, as it bills POST.
        together = [key for key in existing if not NOT_IN_XML.search(key)] if len(existing) > 1 else []
        for start in range(0, len(together), MAX_KEYS):
            objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in together[start : start + MAX_KEYS]]
            removing.delete_together(self._client, self.bucket, objects)
        for key in existing:
            if key not in together:
                with as_store_unavailable("s3.DeleteObject"):
                    self._client.delete_object(Bucket=self.bucket, Key=key)

    def remove(
        self, prefix: str, wanted: Callable[[str], bool], check_deadline: Callable[[], None], *, current: bool
    ) -> int:
        if not _is_utf8(prefix):
            return 0
        return removing.remove(
            self._client,
            self.bucket,
            self.prefix + prefix,
            lambda key: wanted(key.removeprefix(self.prefix)),
            check_deadline,
            current=current,
        )
