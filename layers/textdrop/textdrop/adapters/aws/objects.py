"""Reading objects in S3: which version is meant, what an answer says about it, and its content."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from textdrop.adapters.aws.failures import code, http_status
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectDeleted, ObjectForbidden, ObjectGone

if TYPE_CHECKING:
    from botocore.response import StreamingBody

# An upload's metadata, up to 2 KB, comes as one header for each entry, and http.client gives up after 100 headers: an
# upload with more entries could never be read.
http.client._MAXHEADERS = 2_200  # type: ignore[attr-defined]  # the only place where it can be set

# Not found; or a delete marker in that version's place.
_DELETED = frozenset({404, 405})
# Another ETag than the upload's.
_REPLACED = 412
# Not allowed, or not with this key; a customer's key that must come with the request; archived.
_FORBIDDEN = frozenset({400, 403})


def which(source: Source) -> dict[str, Any]:
    """The arguments that name exactly this version: by its id, or on condition that the object still has its ETag."""
    named: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key}
    if source.version_id:
        named["VersionId"] = source.version_id
    elif source.etag:
        named["IfMatch"] = f'"{source.etag}"'
    return named


@contextmanager
def as_its_object() -> Iterator[None]:
    """What an answer says about this very object: ObjectDeleted, ObjectGone if it was replaced, or ObjectForbidden.
    Other errors are returned as they are."""
    try:
        yield
    except ClientError as error:
        status = http_status(error)
        if status in _DELETED:
            raise ObjectDeleted(f"the uploaded version is no longer in the bucket ({status})") from error
        if status == _REPLACED:
            raise ObjectGone(f"the object is no longer the one that was uploaded ({status})") from error
        if status in _FORBIDDEN:
            raise ObjectForbidden(f"the uploaded version may not be read ({status}, {code(error)})") from error
        raise


def metadata_value(value: str) -> str:
    """A value of an object's metadata. S3 gives what is not ASCII as encoded words of UTF-8 (RFC 2047); what cannot be
    decoded stays as it came."""
    try:
        parts = decode_header(value)
        return str(make_header(parts)) if {charset for _, charset in parts} <= {None, "utf-8"} else value
    except (HeaderParseError, ValueError):
        return value


def content(body: StreamingBody) -> bytes:
    """The whole content. Its length and checksum are checked, which a `with` around the body itself would skip."""
    with closing(body):
        return body.read()
