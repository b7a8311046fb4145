"""Names in the results bucket. They mirror the uploads bucket, and no two uploads meet in one name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from textdrop.core.documents import Document, Outcome

OWN_FOLDER = ".textdrop/"
TEXT, JSON, ERROR = ".txt", ".ocr.json", ".error.json"
SUFFIXES = (TEXT, JSON, ERROR)
"""No suffix is the end of another, so `key + suffix` is different for every pair of key and suffix."""

CONTENT_TYPES = {
    TEXT: "text/plain; charset=utf-8",
    JSON: "application/json",
    ERROR: "application/json",
}
MAX_KEY_BYTES = 1024
_SEGMENT = re.compile(rf"-(\d{{6}})-(\d{{6}}){re.escape(JSON)}$")


def own(document_id: str, suffix: str) -> str:
    """The document's own file: it stays, whatever is uploaded later under the same key."""
    return f"{OWN_FOLDER}documents/{document_id}/result{suffix}"


def page(document_id: str, run: int, number: int) -> str:
    """The service's answer for one page, as received."""
    return f"{OWN_FOLDER}documents/{document_id}/pages/{run:04d}-{number:06d}.json"


def segments(document_id: str, run: int) -> str:
    """What the names of all segments begin with, of which a long document's result is made."""
    return f"{OWN_FOLDER}documents/{document_id}/segments/{run:04d}-"


def segment(document_id: str, run: int, first: int, last: int, suffix: str) -> str:
    """The result of the pages from first to last, as a part of the whole."""
    return f"{segments(document_id, run)}{first:06d}-{last:06d}{suffix}"


def segments_of(names: Iterable[str]) -> list[tuple[int, int]]:
    """First and last page of each segment among the names whose JSON, which is written after the text, is there."""
    found = (_SEGMENT.search(name) for name in names)
    return sorted((int(match[1]), int(match[2])) for match in found if match is not None)


def suffixes(outcome: Outcome) -> tuple[str, ...]:
    """The files that an outcome has."""
    return (TEXT, JSON) if outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL) else (ERROR,)


def can_be_published(key: str) -> bool:
    """Whether the upload's own name can carry every suffix: it is short enough, and not within our own folder."""
    longest = max(len(suffix) for suffix in SUFFIXES)
    return len(key.encode("utf-8", "surrogatepass")) + longest <= MAX_KEY_BYTES and not key.startswith(OWN_FOLDER)


def prefix(key: str) -> str:
    """The place of an upload, for filters: up to and with the last "/"; "/" at the top of the bucket."""
    return key[: key.rfind("/") + 1] or "/"


def files(document: Document, published: bool) -> dict[str, str]:
    """Where the files of a document with an outcome are: suffix → key in the results bucket."""
    if document.outcome is None:
        return {}
    return {
        suffix: document.source.key + suffix if published else own(document.id, suffix)
        for suffix in suffixes(document.outcome)
    }
