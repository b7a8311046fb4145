"""What the queues bring: S3's events in both of their shapes, and our own messages about documents to continue with.

S3 sends `Records`, whose keys are form-encoded ("+" is a space, the rest percent-encoded UTF-8); this is the only place
that decodes them, once (Amazon S3 user guide, "Event message structure"). Events through EventBridge name one object
each, with the key as it is ("EventBridge event message structure").
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from textdrop.core.documents import Resume, Source
from textdrop.core.errors import TextdropError


class MessageMalformed(TextdropError):
    """A message that is neither S3's nor ours."""


def parse(body: str) -> list[Source | Resume]:
    """What one message asks for; nothing for S3's test event, for events of other kinds and for folder markers.

    Raises MessageMalformed.
    """
    try:
        message = json.loads(body)
        if not isinstance(message, dict):
            raise MessageMalformed("the message is not a JSON object")
        if message.get("textdrop") == "resume":
            return [_resume(message)]
        if message.get("Event") == "s3:TestEvent":
            return []
        if message.get("source") == "aws.s3":
            return _of_event_bridge(message)
        records = message["Records"]
        if not isinstance(records, list):
            raise MessageMalformed("the message's Records are not a list")
        sources = [_source(record) for record in records if _text(record["eventName"]).startswith(_CREATED)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MessageMalformed(f"the message cannot be read: {type(error).__name__}") from error
    return [source for source in sources if source is not None]


_CREATED = ("ObjectCreated:", "s3:ObjectCreated:")
_DOCUMENT_ID = re.compile(r"[!-~]{1,64}")
_MOST = 2**53  # larger integers are neither sizes nor revisions, and not every store can hold them


def is_foreign(source: Source, bucket: str, prefix: str) -> bool:
    """Whether the upload is in another bucket, or not under the prefix, so that it does not concern this stack."""
    return source.bucket != bucket or not source.key.startswith(prefix)


def _resume(message: Mapping[str, Any]) -> Resume:
    document_id = _text(message["document"])
    if not _DOCUMENT_ID.fullmatch(document_id):
        raise ValueError("not a document's id")
    return Resume(document_id, _whole(message["rev"]))


def _of_event_bridge(event: Mapping[str, Any]) -> list[Source | Resume]:
    if event["detail-type"] != "Object Created":
        return []
    detail = event["detail"]
    seen = detail["object"]
    key = _text(seen["key"])
    key.encode()  # as below: what is no UTF-8 is no object's name
    source = _upload(detail["bucket"], key, seen, seen.get("version-id"), seen.get("etag"), event["time"])
    return [] if source is None else [source]


def _source(record: Mapping[str, Any]) -> Source | None:
    """The upload that a record is about; None for a folder marker."""
    seen = record["s3"]["object"]
    # Strict: bytes that are not UTF-8 must not turn into the name of another object.
    key = unquote_plus(_text(seen["key"]), errors="strict")
    return _upload(record["s3"]["bucket"], key, seen, seen.get("versionId"), seen.get("eTag"), record["eventTime"])


def _upload(
    bucket: Mapping[str, Any], key: str, seen: Mapping[str, Any], version: Any, etag: Any, time: Any
) -> Source | None:
    size = seen.get("size")
    name = _text(bucket["name"])
    if not name or not key:
        raise ValueError("a bucket and a key have at least one character")
    if key.endswith("/") and size == 0:
        return None
    version_id = _text(version or "")
    event_time = datetime.fromisoformat(time)
    return Source(
        bucket=name,
        key=key,
        version_id="" if version_id == "null" else version_id,
        etag=_text(etag or "").strip('"'),
        size=0 if size is None else _whole(size),
        sequencer=_text(seen.get("sequencer") or ""),
        # S3's times are UTC. So is one without a zone, wherever this runs.
        event_at=(event_time if event_time.tzinfo else event_time.replace(tzinfo=UTC)).timestamp(),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= _MOST:
        raise ValueError("not a whole number of a usual size")
    return value


def resume_body(resume: Resume) -> str:
    """The message that `parse` reads as this resume."""
    return json.dumps({"textdrop": "resume", "document": resume.document_id, "rev": resume.rev})


def delivery_body(resumes: Sequence[Resume]) -> str:
    """The message that `parse_delivery` reads as these resumes."""
    return json.dumps(
        {
            "textdrop": "deliver",
            "documents": [{"document": resume.document_id, "rev": resume.rev} for resume in resumes],
        }
    )


def parse_delivery(body: str) -> list[Resume]:
    """The documents that a message of the deliver queue names. Raises MessageMalformed."""
    try:
        message = json.loads(body)
        if message["textdrop"] != "deliver":
            raise MessageMalformed("the message is not about deliveries")
        return [_resume(named) for named in message["documents"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MessageMalformed(f"the message cannot be read: {type(error).__name__}") from error


def upload_body(source: Source) -> str:
    """The message that `parse` reads as S3's event of this upload, with the version's time in the bucket.

    It is for an upload that a listing shows and whose event was lost; its document is the one that the event would have
    made.
    """
    seen: dict[str, Any] = {"key": quote_plus(source.key, safe="/"), "size": source.size, "eTag": source.etag}
    if source.version_id:
        seen["versionId"] = source.version_id
    record = {
        "eventSource": "textdrop:reconcile",
        "eventName": "ObjectCreated:Reconciled",
        "eventTime": datetime.fromtimestamp(source.last_modified, UTC).isoformat(),
        "s3": {"bucket": {"name": source.bucket}, "object": seen},
    }
    return json.dumps({"Records": [record]})
