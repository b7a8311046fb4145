"""Removes objects of a bucket for good: with all versions and delete markers, if the bucket has any."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef, ObjectIdentifierTypeDef

MAX_KEYS = 1000
# DeleteObjects names keys in XML, which has no control characters and turns a carriage return into a line feed (Amazon
# S3 user guide, "Naming objects"): such a key would be refused, or another object deleted.
NOT_IN_XML = re.compile("[\x00-\x1f\ufffe\uffff]")


def remove(
    client: S3Client,
    bucket: str,
    prefix: str,
    wanted: Callable[[str], bool],
    check_deadline: Callable[[], None],
    *,
    current: bool,
) -> int:
    """No version or delete marker is left of the wanted objects whose keys begin with the prefix; unless `current`, a
    current version that is an object stays. How many were removed, counting markers.

    A bucket without versions has one of each object. `check_deadline` is called before each call. Raises what it
    raises, and StoreUnavailable; some may have been removed then.
    """
    versions: list[ObjectIdentifierTypeDef] = []
    markers: list[ObjectIdentifierTypeDef] = []
    for answer in _listing(client, bucket, prefix, check_deadline):
        for version in answer.get("Versions", []):
            if wanted(version["Key"]) and (current or not version["IsLatest"]):
                versions.append({"Key": version["Key"], "VersionId": version["VersionId"]})
        for marker in answer.get("DeleteMarkers", []):
            if wanted(marker["Key"]):
                markers.append({"Key": marker["Key"], "VersionId": marker["VersionId"]})
    # They are listed newest first. The oldest is removed first and markers last, so that nothing that was replaced or
    # deleted becomes current in between.
    found = [*reversed(versions), *markers]
    together = [one for one in found if not NOT_IN_XML.search(one["Key"])]
    for start in range(0, len(together), MAX_KEYS):
        check_deadline()
        delete_together(client, bucket, together[start : start + MAX_KEYS])
    for one in found:
        if NOT_IN_XML.search(one["Key"]):
            check_deadline()
            with as_store_unavailable("s3.DeleteObject"):
                client.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    return len(found)


def delete_together(client: S3Client, bucket: str, objects: Sequence[ObjectIdentifierTypeDef]) -> None:
    """None of these (at most 1,000) exists afterwards. Raises StoreUnavailable."""
    with as_store_unavailable("s3.DeleteObjects"):
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    # 200 with errors inside: some were not deleted.
    for error in answer.get("Errors", []):
        raise StoreUnavailable(f"s3.DeleteObjects: {error.get('Code', 'unknown')}")


def _listing(
    client: S3Client, bucket: str, prefix: str, check_deadline: Callable[[], None]
) -> Iterator[ListObjectVersionsOutputTypeDef]:
    """All versions of what begins with the prefix, one answer at a time."""
    place: dict[str, Any] = {}
    while True:
        check_deadline()
        with as_store_unavailable("s3.ListObjectVersions"):
            # botocore requests the keys URL-encoded, and decodes them: XML could not carry every key.
            answer = client.list_object_versions(Bucket=bucket, Prefix=prefix, **place)
        yield answer
        if not answer.get("IsTruncated"):
            return
        place = {"KeyMarker": answer["NextKeyMarker"]}
        if answer.get("NextVersionIdMarker"):
            place["VersionIdMarker"] = answer["NextVersionIdMarker"]
