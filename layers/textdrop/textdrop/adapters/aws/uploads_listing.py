"""The source bucket as a list of all versions of all objects under the prefix, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from textdrop.adapters.aws.failures import as_store_unavailable, code
from textdrop.core.documents import Source
from textdrop.core.reconciling import Cursor, ListingPage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef, ObjectVersionTypeDef

NO_VERSION = "null"


class S3UploadListing:
    """The source bucket in S3, under the prefix.

    ListObjectVersions lists a bucket without versions too: each object as its only version, named "null".
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def after(self, cursor: Cursor) -> ListingPage:
        with as_store_unavailable("s3.ListObjectVersions"):
            try:
                answer = self._list(cursor)
            except ClientError as error:
                # A cursor that S3 no longer accepts must not end all reconciling: start again from the beginning.
                if not cursor.key or code(error) != "InvalidArgument":
                    raise
                answer = self._list(Cursor())
        versions = answer.get("Versions", [])
        sources = tuple(map(self._source, versions))
        current = tuple(source for source, version in zip(sources, versions, strict=True) if version["IsLatest"])
        if not answer.get("IsTruncated"):
            return ListingPage(sources, None, current)
        return ListingPage(sources, Cursor(answer["NextKeyMarker"], answer.get("NextVersionIdMarker", "")), current)

    def _list(self, cursor: Cursor) -> ListObjectVersionsOutputTypeDef:
        place: dict[str, Any] = {}
        if cursor.key:
            place["KeyMarker"] = cursor.key
        if cursor.version_id:
            place["VersionIdMarker"] = cursor.version_id
        # botocore requests the keys URL-encoded, and decodes them: XML could not carry every key.
        return self._client.list_object_versions(Bucket=self._bucket, Prefix=self._prefix, **place)

    def _source(self, version: ObjectVersionTypeDef) -> Source:
        modified = version["LastModified"].timestamp()
        return Source(
            bucket=self._bucket,
            key=version["Key"],
            version_id="" if version["VersionId"] == NO_VERSION else version["VersionId"],
            etag=version["ETag"].strip('"'),
            size=version["Size"],
            event_at=modified,
            last_modified=modified,
        )
