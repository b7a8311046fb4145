"""What the uploads queue brings: S3's events, and our own resume messages.

Keys in S3's events are form-encoded ("+" is a space, the rest percent-encoded UTF-8); this is the one place that
decodes them, once (Amazon S3 user guide, "Event message structure").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from textdrop.core.documents import Resume, Source
from textdrop.core.errors import TextdropError


class MessageMalformed(TextdropError):
    """A message that is neither S3's nor ours. It goes to the dead letter queue, where a person can see it."""


def parse(body: str) -> list[Source | Resume]:
    """What one message asks for; empty for S3's test event and for folder markers. Raises MessageMalformed."""
    try:
        message = json.loads(body)
        if not isinstance(message, dict):
            raise MessageMalformed("the message is not a JSON object")
        if message.get("textdrop") == "resume":
            return [Resume(document_id=str(message["document"]), rev=int(message["rev"]))]
        if message.get("Event") == "s3:TestEvent":
            return []
        sources = [_source(record) for record in message["Records"] if str(record["eventName"]).startswith(_CREATED)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MessageMalformed(f"the message cannot be read: {type(error).__name__}") from error
    return [source for source in sources if not _is_folder_marker(source)]


_CREATED = ("ObjectCreated:", "s3:ObjectCreated:")


def _source(record: Mapping[str, Any]) -> Source:
    bucket, seen = record["s3"]["bucket"], record["s3"]["object"]
    version_id = seen.get("versionId") or ""
    return Source(
        bucket=bucket["name"],
        key=unquote_plus(seen["key"]),
        version_id="" if version_id == "null" else version_id,
        etag=str(seen.get("eTag") or "").strip('"'),
        size=int(seen.get("size") or 0),
        sequencer=str(seen.get("sequencer") or ""),
        event_at=datetime.fromisoformat(record["eventTime"]).timestamp(),
    )


def _is_folder_marker(source: Source) -> bool:
    return source.key.endswith("/") and source.size == 0


def resume_body(resume: Resume) -> str:
    """The message that `parse` gives back as this resume."""
    return json.dumps({"textdrop": "resume", "document": resume.document_id, "rev": resume.rev})
