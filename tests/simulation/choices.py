"""What the acts of a history choose from, by their picks."""

from __future__ import annotations

import json
from typing import Any

from aws_events import TEST_EVENT, event, event_bridge_event, event_record
from textdrop.core.caps import NO_CAPS, Caps
from textdrop.core.documents import Output, Resume, Source
from textdrop.core.events import resume_body
from textdrop.core.options import NO, YES
from world import RECONCILE_SECONDS

CONTENTS = (
    *("page", "page", "page", "page", "pages:3", "pages:3", "pages:4,bad:2"),
    *("pages:4,deadly:2", "broken", "damaged", "killer", "pages:9"),
    *("mortal", "unrenderable", "clumsy", "heavy", "bulky", "bulky"),
    *("pages:3,text:2", "pages:4,same:2"),
)
"""A `mortal` one kills whoever renders it, the two behind that cannot be rendered. The result of a `heavy` one kills
whoever reads it, and those of two `bulky` ones whoever reads both. The last but one has text of its own on a page; of
the last all pages from the second on are alike."""
RECOGNITIONS_SECONDS = (0.0, 0.5, 4.0, 4.0, 20.0, 20.0, 20.0, 500.0)
OPTIONS = (("ru en", "page"), ("ru en", "page"), ("en", "table"), ("*", "markdown"))
TEXT_PAGE, SAME_PAGES = 2, 2
WITHOUT_TEXT, OTHER_MODEL = {"ocr-pages": "without-text"}, {"ocr-model": "table", "ocr-languages": "en"}
EXTRAS: tuple[tuple[str, dict[str, str]], ...] = (
    *[("", {})] * 21,
    *[("again", {})] * 5,
    ("again", OTHER_MODEL),
    ("again", {"ocr-reuse": "no"}),
    ("", {"ocr-reuse": "no"}),
    ("", WITHOUT_TEXT),
    ("again", WITHOUT_TEXT),
    ("", OTHER_MODEL),
)
"""Whether an upload has the content of an earlier one, and what metadata it has besides."""
CAPS = (
    *(Caps(2), Caps(3), Caps(4), Caps(9), Caps(1), Caps(6, 9)),
    *(Caps(0, 4), Caps(0, 9), Caps(3, 7), Caps(12), Caps(0, 30), NO_CAPS),
)
"""The caps of a day and a month."""
REUSES = (YES, YES, YES, NO)
ALLOWED_MODELS = (*("",) * 7, "page")
TURNS_SECONDS = (-20.0, -7.0, -1.0, -0.3, -0.1, 0.0, 0.3, 60.0)
"""How long after a day's or a month's end the clock is; under 0 before it."""
OUTPUTS = ("", "", "", "", "markdown tables searchable-pdf", "searchable-pdf", "tables", "markdown")
"""What an upload asks for."""
INVALID_MODEL = "no such"
RETRIES: tuple[tuple[tuple[str, str], ...], ...] = (
    *((), (), (), ()),
    (("ocr-model", "table"), ("ocr-languages", "en")),
    (("ocr-languages", "ru en"), ("ocr-model", "page")),
    (("ocr-pages", "1"),),
    (("ocr-pages", "all"), ("ocr-outputs", "markdown")),
    (("ocr-model", INVALID_MODEL),),
)
"""The options that a retry asks for."""
RENDERS: tuple[tuple[Output, ...] | None, ...] = (None, (), (Output.MARKDOWN,), tuple(Output))
"""The outputs that are asked for again."""
EVENTS = ("sent", "lost", "sent", "sent", "with another", "beside nonsense", "through EventBridge", *("sent",) * 9)
"""How an upload's event comes: not at all, in one message with another's, with a record that cannot be read, or in its
other shape."""
RECONCILE_RUN_SECONDS = (RECONCILE_SECONDS, RECONCILE_SECONDS, 130.0, 10.0)
"""How long a run of reconcile has: the last two are out of time sooner or later."""
NO_RECORD: dict[str, Any] = {"eventName": "ObjectCreated:Put"}


def records(*some: object) -> str:
    """A message of the form of S3's events."""
    return json.dumps({"Records": some})


_OTHER = Source("uploads", "folder/", etag="d41d8cd98f00b204e9800998ecf8427e", sequencer="1", event_at=1_700_000_000.0)
_FOREIGN = Source("another", "a.png", "1", "e", 1, "FFFFFFFFFFFFFFFF", event_at=2_000_000_000.0)
_NOBODY = "0123456789abcdef0123456789abcdef"
_NO_UTF8 = event_record(_OTHER) | {"s3": {"bucket": {"name": "uploads"}, "object": {"key": "%FF.png"}}}
UNREADABLE_MESSAGES = (
    "not JSON",
    "[]",
    records(NO_RECORD),
    records(_NO_UTF8),
    json.dumps({"textdrop": "resume", "document": _NOBODY, "rev": "3"}),
)
ODD_MESSAGES = (
    TEST_EVENT,
    event(_OTHER),
    records(event_record(_OTHER, "ObjectRemoved:DeleteMarkerCreated")),
    resume_body(Resume(_NOBODY, 3)),
    event(_FOREIGN),
    event_bridge_event(_FOREIGN),
    *UNREADABLE_MESSAGES,
)
"""Messages of which no document comes."""
