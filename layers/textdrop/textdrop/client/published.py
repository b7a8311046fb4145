"""What textdrop writes for its users, as docs/schemas describes it: notices, results, errors, and the message that a
document is held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from textdrop.client.errors import NotReadable
from textdrop.client.reading import check_schema, read

VERSION = 1
Polygon = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class File:
    """An object of the results bucket."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The tables of a document as CSV files: how many there are, and what their keys begin with."""

    bucket: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Files:
    """Where a document's files are; None: there is no such file."""

    text: File | None = None
    json: File | None = None
    markdown: File | None = None
    searchable_pdf: File | None = None
    workbook: File | None = None
    tables: TableFiles | None = None
    error: File | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One version of one object in the source bucket. `size` in bytes."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    size: int = 0
    media_type: str | None = None
    file_pages: int | None = None
    attachments: int | None = None


@dataclass(frozen=True, slots=True)
class PagesOfReason:
    """Pages that failed for one reason: how many, and which, such as "1-3, 7"."""

    reason: str
    count: int
    pages: str


@dataclass(frozen=True, slots=True)
class PagesOfWarning:
    """Recognised pages to compare with the original: how many, and which."""

    warning: str
    count: int
    pages: str


@dataclass(frozen=True, slots=True)
class NoticePages:
    """How many pages had to be recognised, and what became of them."""

    total: int
    recognized: int
    failed: int
    failures: tuple[PagesOfReason, ...] = ()
    warnings: tuple[PagesOfWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """A price, by the list prices of that month, or by the stack's own (None). `amount` is a decimal number; None if a
    model has no known price: `unpriced` names it if there are several."""

    amount: str | None = None
    currency: str = ""
    prices_of: str | None = None
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Billing:
    """What a run cost: pages that the OCR service took, submits without an answer, which may have been billed besides,
    and pages that cost nothing: of an earlier run, recognised before for another document or as another page, and those
    that have text of their own."""

    pages_paid: int
    pages_unconfirmed: int
    pages_kept: int
    cost: Cost
    pages_reused: int = 0
    pages_skipped: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """A document has reached its outcome. Sent at least once: drop repeats by `id`."""

    id: str
    document: str
    run: int
    outcome: str
    reason: str | None
    what: str | None
    advice: str | None
    source: Source
    files: Files
    pages: NoticePages
    at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    metadata_omitted: int = 0
    warnings: tuple[str, ...] = ()
    published: bool = False
    newest: bool = False
    model: str | None = None
    billing: Billing | None = None
    duration_seconds: float = 0.0

    @classmethod
    def from_json(cls, value: Any) -> Notice:
        """The notice in a JSON object. Raises NotReadable."""
        check_schema(value, "notice", VERSION)
        return read(cls, value)

    @classmethod
    def from_message(cls, body: str) -> Notice:
        """The notice in a message of a queue: raw, in SNS's envelope, or as an event of EventBridge.

        Raises NotReadable, which says so if the message tells that a document is held.
        """
        told = read_message(body)
        if isinstance(told, HeldNotice):
            raise NotReadable(
                f"This message says that {told.source.key} is held, not how it has ended.",
                "Read messages with read_message, or let the queue have those with an outcome alone.",
            )
        return told


@dataclass(frozen=True, slots=True)
class HeldNotice:
    """A document waits, because its `pages` have no room under the cap of the `period`, which ends at `turns_at`; it
    has no outcome yet. Sent at least once: drop repeats by `id`. `cost` is what the pages will cost when they are
    sent."""

    id: str
    document: str
    run: int
    what: str
    advice: str
    source: Source
    model: str
    pages: int
    period: str
    cap: int
    turns_at: datetime
    waits_for_a_person: bool
    cost: Cost
    at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    metadata_omitted: int = 0

    @classmethod
    def from_json(cls, value: Any) -> HeldNotice:
        """The message in a JSON object. Raises NotReadable."""
        check_schema(value, "held", VERSION)
        return read(cls, value)


def read_message(body: str) -> Notice | HeldNotice:
    """What a queue's message says: how a document has ended, or that it is held. Raw, in SNS's envelope, or as an event
    of EventBridge. Raises NotReadable."""
    try:
        value = json.loads(body)
        if isinstance(value, dict) and value.get("Type") == "Notification":
            value = json.loads(value["Message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotReadable("This message is not a notice.", "Subscribe the queue to the results topic.") from None
    if isinstance(value, dict) and "detail-type" in value:
        value = value.get("detail")
    if isinstance(value, dict) and str(value.get("schema")).startswith("textdrop.held/"):
        return HeldNotice.from_json(value)
    return Notice.from_json(value)


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its four corners."""

    text: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text."""

    text: str
    polygon: Polygon
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together."""

    type: str
    polygon: Polygon
    lines: tuple[Line, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; row and column are counted from 0."""

    row: int
    column: int
    row_span: int
    column_span: int
    text: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Table:
    """A table; a place that another cell covers has no cell of its own."""

    rows: int
    columns: int
    polygon: Polygon
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """A field that a template model found."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no text. `service` is the exchange with the OCR service, if that is the cause."""

    reason: str
    what: str
    advice: str
    service: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a result: its text, where that is from and its position, or its problem."""

    number: int
    status: str
    reason: str | None = None
    problem: Problem | None = None
    text_from: str | None = None
    prepared: Mapping[str, Any] | None = None
    width: int | None = None
    height: int | None = None
    rotate: int | None = None
    text: str = ""
    blocks: tuple[Block, ...] = ()
    tables: tuple[Table, ...] = ()
    entities: tuple[Entity, ...] = ()
    markdown: str | None = None
    operation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """When the document was accepted, and when its run began and ended."""

    accepted_at: datetime
    outcome_at: datetime
    duration_seconds: float
    uploaded_at: datetime | None = None
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The file `<key>.ocr.json`: everything that was recognised."""

    id: str
    run: int
    outcome: str
    source: Source
    model: str
    pages: tuple[Page, ...]
    timings: Timings
    billing: Billing | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    metadata_omitted: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Any) -> Result:
        """The result in a JSON object. Raises NotReadable."""
        check_schema(value, "result", VERSION)
        return read(cls, value)


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """A page of a document without text."""

    number: int
    status: str
    problem: Problem | None = None
    unconfirmed_submits: int = 0
    operation: Mapping[str, Any] | None = None
    submit: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ErrorFile:
    """The file `<key>.error.json`: why there is no text, and what to do."""

    id: str
    run: int
    outcome: str
    source: Source
    reason: str
    what: str
    advice: str
    timings: Timings
    billing: Billing | None = None
    service: Mapping[str, Any] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    metadata_omitted: int = 0
    options: Mapping[str, Any] | None = None
    attempts: int = 0
    pages: tuple[ErrorPage, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Any) -> ErrorFile:
        """The error in a JSON object. Raises NotReadable."""
        check_schema(value, "error", VERSION)
        return read(cls, value)
