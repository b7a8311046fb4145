"""What the control function answers, typed. `Document` is also the handle for following a document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textdrop.client.errors import ControlRefused, NoText, NotReadable
from textdrop.client.published import Cost, ErrorFile, Files, Result
from textdrop.client.reading import named, not_json, read

if TYPE_CHECKING:
    from textdrop.client.connection import Textdrop

UPLOADED = "uploaded"
"""The state of a document that was uploaded here and that control does not know yet."""
HELD = "held"
"""The state of a document whose pages have no room under a cap."""
DONE = ("final", "deleted")
READ = ("succeeded", "partial")
"""Outcomes with a text."""


@dataclass(frozen=True, slots=True)
class Pages:
    """How many pages of a document are to be read, have a text, failed, are finished, were paid for, may have been paid
    for because the answer was lost, were kept from an earlier run, were reused from another document or page, and were
    skipped because they have text of their own."""

    total: int = 0
    recognized: int = 0
    failed: int = 0
    finished: int = 0
    paid: int = 0
    unconfirmed: int = 0
    kept: int = 0
    reused: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class PageState:
    """Some pages of a document, such as "1-3, 7": their state, and where their text is from (service, earlier_run,
    reused or file)."""

    pages: str
    state: str
    reason: str | None = None
    text_from: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a document, in plain words, and when."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a document, from its upload or a retry to its outcome."""

    run: int
    outcome: str | None = None
    reason: str | None = None
    model: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    pages: int = 0
    recognized: int = 0
    paid: int = 0
    unconfirmed: int = 0
    kept: int = 0
    reused: int = 0
    skipped: int = 0
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a document is held: the cap of the `period`, day or month, has no room for its `pages`. A document that is
    larger than a whole cap waits for a person, who releases or cancels it."""

    period: str
    pages: int = 0
    waits_for_a_person: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was last seen: one version of one uploaded object. Frozen: each look returns a new one.

    `state`: uploaded, accepted, recognizing, held, delivering, final, deleting or deleted. `page_states`, `timeline`
    and `runs` are None unless they were asked for.
    """

    id: str = named("document")
    key: str = ""
    bucket: str = ""
    version_id: str | None = None
    run: int = 1
    state: str = UPLOADED
    outcome: str | None = None
    reason: str | None = None
    what: str | None = None
    advice: str | None = None
    pages: Pages = field(default_factory=Pages)
    model: str | None = None
    cost: Cost | None = None
    accepted_at: datetime | None = None
    began_at: datetime | None = None
    outcome_at: datetime | None = None
    due_at: datetime | None = None
    waiting_for: str | None = None
    hold: Hold | None = None
    files: Files | None = None
    removed: Mapping[str, int] | None = None
    ocr_result_kept_until: datetime | None = None
    asked: str | None = None
    page_states: tuple[PageState, ...] | None = None
    timeline: tuple[Event, ...] | None = None
    runs: tuple[Run, ...] | None = None
    textdrop: Any = not_json()  # noqa: RUF009  # it makes a field

    @property
    def done(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in DONE

    @property
    def progress(self) -> str:
        """How far it is, in words for people."""
        if self.state == "recognizing":
            pages = "page" if self.pages.total == 1 else "pages"
            return f"reading, {self.pages.finished} of {self.pages.total} {pages}" if self.pages.total else "reading"
        words = {UPLOADED: "uploaded", "accepted": "received", "delivering": "writing"}
        if self.state != "final":
            return words.get(self.state, self.state)
        outcome = "done" if self.outcome == "succeeded" else self.outcome or "done"
        return f"{outcome}: {self.reason}" if self.reason else outcome

    @property
    def text(self) -> str:
        """The text, a form feed between pages. Raises NoText."""
        return self.read("text").decode("utf-8")

    @property
    def result(self) -> Result:
        """All that was recognised. Raises NoText."""
        return Result.from_json(json.loads(self.read("json")))

    @property
    def error(self) -> ErrorFile | None:
        """Why there is no text; None if there is one, or if the document is not done."""
        if self.files is None or self.files.error is None:
            return None
        return ErrorFile.from_json(json.loads(self.read("error")))

    def read(self, name: str) -> bytes:
        """One of its files: text, json, markdown, searchable_pdf, workbook or error. Raises NoText."""
        found = getattr(self.files, name, None) if self.files else None
        if found is None:
            if self.state == HELD:
                raise NoText(f"{self.key} is held. It waits for {self.waiting_for}.", "Wait, or release it.")
            if not self.done:
                raise NoText(f"{self.key} is not done yet: {self.progress}.", "Wait for it first.")
            if self.outcome in READ:
                raise NoText(f"{self.key} has no such file: {name}.", "Name the output when you upload or render it.")
            raise NoText(f"{self.key} has no text ({self.progress}). {self.what or ''}".rstrip(), self.advice or "")
        return self._textdrop.read(found)

    def refresh(self) -> Document:
        """The document as it is now; as it was if control does not know of it yet."""
        found, _ = self._textdrop.status([self.id])
        return found[0] if found else self

    def wait(self, timeout: float | None = None) -> Document:
        """The document when it is done; without a `timeout` also when it is held. Raises WaitTimedOut after `timeout`
        seconds."""
        return self._textdrop.wait([self], timeout)[0]

    def retry(self, options: Options | None = None) -> Document:
        """The document in its next run. Raises ControlRefused if a rule forbids it."""
        return self._textdrop.retry([self], options=options).only()

    def cancel(self) -> Document:
        """The document, of which no more pages are sent. Raises ControlRefused if it is too late."""
        return self._textdrop.cancel([self]).only()

    def release(self) -> Document:
        """The document, which was held and is now sent whatever the caps. Raises ControlRefused if it is not held."""
        return self._textdrop.release([self]).only()

    def delete(self, *, upload: bool = False) -> Document:
        """The document, whose rows and results are being removed; with `upload` the uploaded version is gone too."""
        return self._textdrop.delete([self], upload=upload).only()

    def render(self, outputs: str | None = None) -> Document:
        """The document, whose outputs are being made again; nothing is paid for."""
        return self._textdrop.render([self], outputs).only()

    @property
    def _textdrop(self) -> Textdrop:
        if self.textdrop is None:
            raise NotReadable("This document was read from JSON and has no connection.", "Get it from a Textdrop.")
        connection: Textdrop = self.textdrop
        return connection

    @classmethod
    def from_json(cls, value: Any) -> Document:
        """The document that control's answer shows. Raises NotReadable."""
        return read(cls, value)


@dataclass(frozen=True, slots=True)
class Options:
    """How a document is to be read; what is None comes from the stack. Written as the metadata ocr-*. With `reuse`
    pages that were read before, in any document, are not paid for again."""

    languages: str | None = None
    model: str | None = None
    outputs: str | None = None
    pages: str | None = None
    reuse: bool | None = None

    def given(self) -> dict[str, str]:
        """Those that are not None, by their names."""
        names = ("languages", "model", "outputs", "pages")
        texts = {name: value for name in names if (value := getattr(self, name)) is not None}
        return texts if self.reuse is None else {**texts, "reuse": "yes" if self.reuse else "no"}


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document that a command left as it is, and why."""

    asked: str
    why: str
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a command did, or with `dry_run` would do: the documents that changed, those that did not, and for a retry
    or a release about how many pages are to be paid for, and their price."""

    documents: tuple[Document, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    pages: int = 0
    cost: Cost | None = None
    dry_run: bool = False

    def only(self) -> Document:
        """The one document that it concerned. Raises ControlRefused if it did not change."""
        if not self.documents:
            why = self.unchanged[0].why if self.unchanged else "Nothing was changed."
            raise ControlRefused("conflict", why, "Look at its status.")
        return self.documents[0]


@dataclass(frozen=True, slots=True)
class Pause:
    """Why nothing is sent: "operator", or what the OCR service answered; "" if sending is not paused."""

    why: str = ""
    since: datetime | None = None
    probe_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Active:
    """How many documents are in flight, by state, and pages with the OCR service; `at_most`: there may be more."""

    accepted: int = 0
    recognizing: int = 0
    held: int = 0
    delivering: int = 0
    backfill: int = 0
    pages_running: int = 0
    at_most: bool = False

    @property
    def documents(self) -> int:
        """How many are in flight, without those that are held."""
        return self.accepted + self.recognizing + self.delivering + self.backfill


@dataclass(frozen=True, slots=True)
class Oldest:
    """The document in flight that has waited for the longest."""

    document: str
    key: str = ""
    waiting_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelSum:
    """Pages and price of one model."""

    pages_recognized: int = 0
    pages_paid: int = 0
    pages_unconfirmed: int = 0
    pages_kept: int = 0
    pages_reused: int = 0
    pages_skipped: int = 0
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What ended on one day."""

    day: str
    documents: int = 0
    pages_paid: int = 0
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """The most pages of a day or month (UTC), how many of them are used, also in percent, and when the next period
    begins."""

    cap: int
    pages_used: int = 0
    percent: float = 0.0
    turns_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """The stack's caps; None: no cap."""

    day: Cap | None = None
    month: Cap | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of documents between two times, and what is in flight now."""

    since: datetime | None = None
    until: datetime | None = None
    complete: bool = True
    documents: Mapping[str, int] = field(default_factory=dict)
    retried: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    models: Mapping[str, ModelSum] = field(default_factory=dict)
    pages_recognized: int = 0
    pages_paid: int = 0
    pages_unconfirmed: int = 0
    pages_kept: int = 0
    pages_reused: int = 0
    pages_skipped: int = 0
    cost: Cost | None = None
    active: Active = field(default_factory=Active)
    oldest: Oldest | None = None
    pause: Pause = field(default_factory=Pause)
    caps: Caps | None = None
    days: tuple[Day, ...] = ()

    @classmethod
    def from_json(cls, value: Any) -> Summary:
        """The summary that control answers. Raises NotReadable."""
        return read(cls, value)


@dataclass(frozen=True, slots=True)
class Backfill:
    """What was found in the source bucket so far, and with `dry_run` what it would cost.

    `types`: the new objects by the endings of their names; `unreadable`: how many of them are not documents by their
    names. `pages`: about how many pages they have, and how many of those are paid for (also by model: `models`), reused
    and skipped, estimated from the files that were opened (`pdfs_sampled`, `images_sampled`). `pages_over_cap`: how
    many have no room under the `caps` now; all have room within `days`, if nothing else is read. `seconds`: how long
    all takes at the quota. `cursor`: how to continue if it is interrupted; None: it is complete."""

    listed: int = 0
    new: int = 0
    known: int = 0
    ignored: int = 0
    unreadable: int = 0
    older_versions: int = 0
    bytes: int = 0
    types: Mapping[str, int] = field(default_factory=dict)
    pages: int = 0
    pages_paid: int = 0
    pages_reused: int = 0
    pages_skipped: int = 0
    models: Mapping[str, int] = field(default_factory=dict)
    pdfs: int = 0
    pdfs_sampled: int = 0
    pdf_pages_sampled: int = 0
    images: int = 0
    images_sampled: int = 0
    cost: Cost | None = None
    caps: Caps | None = None
    pages_over_cap: int = 0
    days: int = 1
    seconds: float = 0.0
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """Whether the OCR service answers a harmless request with the stack's credentials."""

    ok: bool
    what: str | None = None
    advice: str | None = None
    latency_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """The OCR service's time minus the functions', in seconds; None: not known."""

    offset_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that the functions use, and whether it answers."""

    name: str
    url: str = ""
    ok: bool = True
    what: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What control has checked of its own stack."""

    version: str
    ocr: ServiceCheck
    clock: Clock = field(default_factory=Clock)
    endpoints: tuple[Endpoint, ...] = ()
    history_index: bool = True
    pause: Pause = field(default_factory=Pause)
    oldest: Oldest | None = None
    due: Mapping[str, int] = field(default_factory=dict)
    languages: str | None = None
    model: str | None = None
    outputs: str | None = None
    pages: str | None = None
    submits_per_second: float | None = None
    source_bucket: str | None = None
    source_prefix: str | None = None
    results_bucket: str | None = None
    results_prefix: str | None = None

    @classmethod
    def from_json(cls, value: Any) -> Check:
        """What control answers to `check`. Raises NotReadable."""
        return read(cls, value)
