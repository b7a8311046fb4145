"""The two buckets: uploads, which are only read, and results."""

from __future__ import annotations

import http.client
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from textdrop.adapters.aws import joining
from textdrop.adapters.aws.clients import CALL_SECONDS
from textdrop.adapters.aws.failures import as_store_unavailable, code, http_status
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectForbidden, ObjectGone, StoreUnavailable
from textdrop.ports import SourceObject

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

# An upload's metadata, up to 2 KB of it, comes as a header an entry, and http.client breaks off after 100 headers: an
# upload with more entries could never be looked at.
http.client._MAXHEADERS = 2_200  # type: ignore[attr-defined]  # the only place where it can be set

# Not found; a delete marker in that version's place; another ETag than the upload's.
_GONE = frozenset({404, 405, 412})
# Not allowed, or not with this key; a customer's key that must come with the request; archived.
_FORBIDDEN = frozenset({400, 403})
_MOST_KEYS = 1000
# DeleteObjects names keys in XML, which has no control characters and turns a carriage return into a line feed
# (Amazon S3 user guide, "Naming objects"): such a key would be refused, or another one deleted.
_NOT_IN_XML = re.compile("[\x00-\x1f\ufffe\uffff]")


class S3Sources:
    """Uploads in S3. A bucket is named by each source."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def look(self, source: Source) -> SourceObject:
        if not _is_utf8(source.key):
            raise ObjectGone("no object has this key: it is not UTF-8")
        with as_store_unavailable("s3.HeadObject"), _as_its_object():
            head = self._client.head_object(**_which(source))
        # `version_id` stays as it was: it is a part of who the document is.
        seen = replace(
            source,
            etag=head["ETag"].strip('"'),
            size=head["ContentLength"],
            last_modified=head["LastModified"].timestamp(),
        )
        metadata = {name.lower(): value for name, value in head.get("Metadata", {}).items()}
        return SourceObject(seen, metadata, lambda: io.BytesIO(self._read(seen)))

    def _read(self, source: Source) -> bytes:
        with as_store_unavailable("s3.GetObject"), _as_its_object():
            answer = self._client.get_object(**_which(source))
            if answer["ContentLength"] != source.size:
                # No more than HEAD told of: what has another size is not what was looked at.
                answer["Body"].close()
                raise StoreUnavailable(f"s3.GetObject: {answer['ContentLength']} bytes, {source.size} expected")
            return _content(answer["Body"])


def _which(source: Source) -> dict[str, Any]:
    """The arguments that name this very version: by its id, or as long as the object still has its ETag."""
    named: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key}
    if source.version_id:
        named["VersionId"] = source.version_id
    elif source.etag:
        named["IfMatch"] = f'"{source.etag}"'
    return named


@contextmanager
def _as_its_object() -> Iterator[None]:
    """What an answer says of this very object."""
    try:
        yield
    except ClientError as error:
        status = http_status(error)
        if status in _GONE:
            raise ObjectGone(f"the uploaded version is no longer in the bucket ({status})") from error
        if status in _FORBIDDEN:
            raise ObjectForbidden(f"the uploaded version may not be read ({status}, {code(error)})") from error
        raise


def _content(body: StreamingBody) -> bytes:
    """All of it. Its length and checksum are checked, which a `with` around the body itself would leave out."""
    with closing(body):
        return body.read()


def _is_utf8(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


class S3Results:
    """The results bucket in S3."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self.bucket = bucket
        self.total_seconds = CALL_SECONDS

    def put(self, key: str, body: bytes, content_type: str) -> None:
        with as_store_unavailable("s3.PutObject"):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    def get(self, key: str) -> bytes | None:
        with as_store_unavailable("s3.GetObject"):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                # By the status: S3's own words for a key with control characters are no XML that can be read.
                if http_status(error) != 404 or code(error) == "NoSuchBucket":
                    raise
                return None
            return _content(answer["Body"])

    def copy(self, key: str, to: str) -> None:
        with as_store_unavailable("s3.CopyObject"):
            # A copy takes the content type along. The source is given as a dict, which botocore encodes as it must be.
            self._client.copy_object(Bucket=self.bucket, Key=to, CopySource={"Bucket": self.bucket, "Key": key})

    def join(self, keys: Sequence[str], to: str, in_time: Callable[[], None]) -> None:
        joining.join(self._client, self.bucket, keys, to, in_time)

    def under(self, prefix: str) -> list[str]:
        with as_store_unavailable("s3.ListObjectsV2"):
            listing = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return [found["Key"] for page in listing for found in page.get("Contents", [])]

    def delete(self, keys: Sequence[str]) -> None:
        existing = [key for key in keys if _is_utf8(key)]
        together = [key for key in existing if not _NOT_IN_XML.search(key)]
        for start in range(0, len(together), _MOST_KEYS):
            self._delete_together(together[start : start + _MOST_KEYS])
        for key in existing:
            if _NOT_IN_XML.search(key):
                with as_store_unavailable("s3.DeleteObject"):
                    self._client.delete_object(Bucket=self.bucket, Key=key)

    def _delete_together(self, keys: Sequence[str]) -> None:
        with as_store_unavailable("s3.DeleteObjects"):
            answer = self._client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        # 200 with errors inside: some keys were not deleted.
        for error in answer.get("Errors", []):
            raise StoreUnavailable(f"s3.DeleteObjects: {error.get('Code', 'unknown')}")
