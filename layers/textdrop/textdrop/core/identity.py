"""Who is who: the document of an upload, the notice of an outcome, and which of two uploads of a key is newer."""

from __future__ import annotations

import hashlib
import json

from textdrop.core.documents import Document, Source

SEQUENCER_WIDTH = 64


def version(source: Source) -> str:
    """What tells this version of the object from others: S3's version id, or what both HEAD and a listing give."""
    if source.version_id:
        return source.version_id
    return f"{source.etag}@{_seconds(source)}"


def document_id(source: Source) -> str:
    """32 hex digits, the same for every event, listing and backfill that finds this version of this object."""
    name = json.dumps(
        [source.bucket, source.key, version(source)],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def key_id(source: Source) -> str:
    """32 hex digits that name the object's key, whatever its version."""
    name = json.dumps([source.bucket, source.key], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def notice_id(document: Document) -> str:
    """`<document id>:<run>:<outcome>`: the same each time this notice is sent, so that a repeat can be dropped."""
    return f"{document.id}:{document.run}:{document.outcome}"


def order(source: Source) -> str:
    """A text that sorts as the uploads of one key do: by time of the version, then sequencer, then version id.

    S3's sequencers differ in length; the shorter is padded with zeros on the right before they are compared as text
    (Amazon S3 user guide, event message structure).
    """
    return f"{_seconds(source):012d}|{source.sequencer.upper().ljust(SEQUENCER_WIDTH, '0')}|{source.version_id}"


def _seconds(source: Source) -> int:
    """When the version was created, truncated to whole seconds: HEAD knows nothing finer, though listings and events
    may."""
    return int(source.last_modified or source.event_at)


def hold_id(document: Document) -> str:
    """The id of the message that this run of the document is held; the same on each repeat."""
    return f"{document.id}:{document.run}:held"
