"""The rows: a document and its operations, and the records in them. Frozen data; `core.states` makes the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pagekit.prepared import PageWarning, Preparation
from textdrop.core.answers import OperationDescription
from textdrop.core.errors import Reason, Trace


class DocumentState(StrEnum):
    """accepted → recognizing → delivering → final; recognizing ⇄ held; by request, final → accepted, and any → deleting
    → deleted."""

    ACCEPTED = "accepted"  # → recognizing, when its pages are known; → delivering, when it is refused or cancelled
    RECOGNIZING = "recognizing"  # → delivering, when every page is final, or it is cancelled; → held, over a cap
    HELD = "held"  # → recognizing, when its pages are reserved: in a new period, or by request
    DELIVERING = "delivering"  # → final, when the notice was accepted
    FINAL = "final"  # → accepted or delivering, by a retry
    DELETING = "deleting"  # → deleted, when nothing of it can be written any more
    DELETED = "deleted"


class OperationState(StrEnum):
    """waiting → submitting → running → recognized | failed."""

    WAITING = "waiting"  # → submitting, with a slot; → failed, when it will never be sent
    SUBMITTING = "submitting"  # → running | failed | waiting, by the answer
    RUNNING = "running"  # → recognized | failed, by what asking brings
    RECOGNIZED = "recognized"
    FAILED = "failed"


class Outcome(StrEnum):
    """How a document ended."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class DueKind(StrEnum):
    """The kind of work that a row is due for; the partition of the index `due`."""

    ASK = "ask"  # of a running operation: ask the service for its result
    SUBMIT = "submit"  # inspect the source, send pages
    BACKFILL = "backfill"  # the same, after all that is due for SUBMIT
    HELD = "held"  # nothing, over a cap; `due_at` is when it was accepted, so that the oldest is released first
    RECHECK = "recheck"  # every page is with the service: conclude the document if nobody has done so
    DELIVER = "deliver"  # write files, publish, send the notice; or remove what is to be deleted


TO_SUBMIT = frozenset({DueKind.SUBMIT, DueKind.BACKFILL})
"""The kinds of work that submit does."""


class Step(StrEnum):
    """The steps of a delivery, in order. Each is written on the row before it begins. Only documents with text that ask
    for outputs have RENDER."""

    RENDER = "render"
    FILES = "files"
    PUBLISH = "publish"
    NOTICE = "notice"


class Output(StrEnum):
    """What can be made of the recognised pages besides text and JSON; made in this order, the least risky first."""

    MARKDOWN = "markdown"
    TABLES = "tables"
    SEARCHABLE_PDF = "searchable-pdf"


@dataclass(frozen=True, slots=True)
class Source:
    """One version of one object in the source bucket.

    `version_id` is "" in a bucket without versions, where `etag` and `last_modified` name the version. Times are epoch
    seconds; `last_modified` is 0 until the object was seen. `sequencer` is S3's, as received ("" unknown). `metadata`
    are the entries to echo, each a name and a value; `metadata_omitted` counts those that had no room.
    """

    bucket: str
    key: str
    version_id: str = ""
    etag: str = ""
    size: int = 0
    sequencer: str = ""
    event_at: float = 0.0
    last_modified: float = 0.0
    metadata: tuple[tuple[str, str], ...] = ()
    metadata_omitted: int = 0


OptionFrom = Literal["request", "metadata", "parameter"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a document is to be recognised, and where each choice came from.

    A request (such as a retry) takes precedence over the upload's metadata, and metadata over the stack's parameters.
    `pages` is written as in `page_ranges`.
    """

    languages: tuple[str, ...]
    model: str
    languages_from: OptionFrom = "parameter"
    model_from: OptionFrom = "parameter"
    outputs: tuple[Output, ...] = ()
    outputs_from: OptionFrom = "parameter"
    pages: str = "all"
    pages_from: OptionFrom = "parameter"
    reuse: bool = False  # pages that were recognised before, of any document, are not sent again
    reuse_from: OptionFrom = "parameter"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no text: the reason, what was wrong, what to do, and the exchange with the service, if there was
    one."""

    reason: Reason
    what: str
    advice: str
    trace: Trace = field(default_factory=Trace)


@dataclass(frozen=True, slots=True)
class Rendering:
    """What became of an output: `files` counts the files that the document has of it now (0: none); `warnings` say in
    plain words what is missing in it, or why there is none."""

    output: Output
    files: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WarnedPages:
    """Recognised pages that their owner should know something about: how many, and which, as in "1-3, 7"."""

    warning: PageWarning
    count: int
    pages: str


class Period(StrEnum):
    """What a cap is for, in UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a document is held: `pages` are to be sent, and the cap of the `period` has no room for them.

    `is_larger`: they are more than the whole cap, so that no new period helps and the document waits for a person. `at`
    is when it was held (epoch seconds).
    """

    period: Period
    pages: int
    is_larger: bool = False
    cap: int = 0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Billed:
    """How many pages the service took in a run (`submitted`); how many more it may have taken without our learning it
    (`unconfirmed`); and how many of those it took it failed to recognise (`unbilled`), as it bills recognised pages
    only."""

    submitted: int = 0
    unconfirmed: int = 0
    unbilled: int = 0

    @property
    def paid(self) -> int:
        """How many pages are billed."""
        return self.submitted - self.unbilled


@dataclass(frozen=True, slots=True)
class Shown:
    """A run whose files have the upload's names in the results bucket, and what those files are."""

    run: int
    outcome: Outcome
    pages_recognized: int = 0
    renderings: tuple[Rendering, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed of a document that is being deleted: `objects` counts each version, `rows` counts pages."""

    objects: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """Our row for an upload. Times are epoch seconds.

    The row of a deleted document stays, without the source's bucket and key, so that the upload is not read again.
    """

    id: str  # the table's partition key; from `core.identity.document_id`
    source: Source
    state: DocumentState
    accepted_at: float  # when the row was made
    rev: int = 1  # grows with every write but that of a finished page; the fencing token
    run: int = 1  # each has its own operations and files; a retry begins the next
    began_at: float = 0.0  # when this run began; 0: it is the first, which began at acceptance
    requested: tuple[tuple[str, str], ...] = ()  # options that a retry asks for, by the names of metadata
    before: Shown | None = None  # the run that had the upload's names when this run began
    ended_before: Outcome | None = None  # the outcome of the run before, if the ledger has it
    pages_run: int = 0  # the run whose operations are this one's too, as nothing is recognised again; 0: its own
    held_until: float = 0.0  # a worker that lost the row to a request may be at work until then
    sweep_at: float = 0.0  # while it is being deleted: when no earlier worker can be at work any more
    removed: Removed | None = None  # while it is being deleted
    holder: str = ""  # who has the lease: a token of one worker
    due_kind: DueKind | None = None  # the kind of work it is due for; None: final
    due_at: float | None = None  # when; in the future with a holder: a lease. None: final
    attempts: int = 0  # passes that have not come back; 0 after an orderly return
    consecutive_failures: int = 0  # orderly returns after a failure, in a row; for the backoff
    submit_passes: int = 0  # all passes of submit
    options: Options | None = None  # None until the source was inspected
    media_type: str = ""  # by content; "" until the source was inspected
    file_pages: int = 0  # how many the file has; 0 until the source was inspected
    pages: int = 0  # how many are to be recognised, by the options; 0 until the source was inspected
    attachments: int = 0  # files in the upload, which are not read
    unfinished: frozenset[int] = frozenset()  # pages not known to be final; shrinks beside other writes
    outcome: Outcome | None = None  # fixed once, before delivery begins
    problem: Problem | None = None  # why there is no text; for a partial document, why its first failed page has none
    pages_recognized: int = 0  # how many have text: of the finished pages, or, once the outcome is fixed, of all
    warned_pages: tuple[WarnedPages, ...] = ()  # of recognised pages; fixed with the outcome
    result_bytes: int = 0  # of the largest stored result among its pages; fixed with the outcome
    billed: Billed | None = None  # what this run was billed for; None: not counted yet
    pages_kept: int = 0  # how many were recognised in an earlier run
    pages_reused: int = 0  # how many were recognised for another document, or as another page; fixed with the outcome
    pages_skipped: int = 0  # how many have text of their own in the file, and were not sent; fixed with the outcome
    reserved: int = 0  # submits of this run that may be billed under the caps, including those that were made
    reserved_on: str = ""  # the day (UTC) on which the rest of them may be made, "2026-11-29"; "": none
    released: bool = False  # a person has this run sent whatever the caps
    released_at: float = 0.0  # when it was last released; 0: it was not held
    hold: Hold | None = None  # why it is held, while it is
    hold_told: bool = False  # a message has said that this run is held
    outcome_at: float | None = None  # when the outcome was fixed
    outcome_replaced: bool = False  # the outcome became a failure because its delivery kept dying
    step: Step | None = None  # the step that the delivery has begun
    renderings: tuple[Rendering, ...] = ()  # outputs that were made, or cannot be made

    @property
    def run_began_at(self) -> float:
        """When this run began."""
        return self.began_at or self.accepted_at

    @property
    def waits_since(self) -> float:
        """Since when it waits for us and the service: no deadline runs while it is held."""
        return max(self.run_began_at, self.released_at)

    @property
    def operations_run(self) -> int:
        """The run whose operations are this one's."""
        return self.pages_run or self.run

    @property
    def pages_with_text(self) -> int:
        """How many pages its files have text of. A page may have been counted as recognised just as the document was
        cancelled; the files do not have it."""
        return self.pages_recognized if self.outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL) else 0

    @property
    def shown(self) -> Shown | None:
        """What the upload's names should show: the last run with an outcome, unless an earlier one has more recognised
        pages. None if there is none yet, or the document is being deleted."""
        if self.state in (DocumentState.DELETING, DocumentState.DELETED):
            return None
        recognized = self.pages_with_text
        if self.outcome is None or (self.before is not None and self.before.pages_recognized > recognized):
            return self.before
        return Shown(self.run, self.outcome, recognized, self.renderings)

    @property
    def to_render(self) -> tuple[Output, ...]:
        """The outputs that are wanted, can be made, and are not finished."""
        if self.options is None or self.outcome not in (Outcome.SUCCEEDED, Outcome.PARTIAL):
            return ()
        ended = {rendering.output for rendering in self.renderings}
        return tuple(output for output in Output if output in self.options.outputs and output not in ended)


@dataclass(frozen=True, slots=True)
class Operation:
    """One recognizeTextAsync call, for one page of a document's run. Times are epoch seconds."""

    document_id: str  # the table's partition key
    run: int
    page: int  # from 1
    state: OperationState
    holder_rev: int = 0  # the `rev` of the document's holder who wrote the intent
    unconfirmed: int = 0  # submits that may have been accepted without our learning it
    breakdowns: int = 0  # submits that the service answered with a failure of its own
    client_request_id: str = ""  # the id that we gave the last submit
    prepared: Preparation | None = None  # how the page that was sent last was made
    has_words: bool = True  # False: the service found none
    result_bytes: int = 0  # of the stored result
    described: OperationDescription | None = None  # the service's own description, from acceptance on
    paid_run: int = 0  # the run in which the page was sent, which its stored result is named after; 0: this one
    fingerprint: str = ""  # of what was sent with its model and languages, if it may be reused
    reused_from: str = ""  # the document for which a page with the same fingerprint was sent; "": none
    own_text: bool = False  # the text is the file's own; nothing was sent
    submitted_at: float | None = None  # when the acceptance was written
    deadline_at: float | None = None  # an answer without a result after this fails the page
    due_kind: DueKind | None = None  # ASK while it is running
    due_at: float | None = None  # when it was accepted, while it is running
    finished_at: float | None = None  # when it became final
    problem: Problem | None = None  # why the page has no text
    trace: Trace = field(default_factory=Trace)  # the exchange in which it was accepted

    @property
    def result_run(self) -> int:
        """The run that the page's stored result is named after."""
        return self.paid_run or self.run

    @property
    def is_sent_here(self) -> bool:
        """Whether the service took the page by this row: it was neither kept nor reused."""
        return self.sent and not self.paid_run and not self.reused_from

    @property
    def final(self) -> bool:
        """Nothing will change this row any more."""
        return self.state in (OperationState.RECOGNIZED, OperationState.FAILED)

    @property
    def sent(self) -> bool:
        """The service's id is stored: the page is paid for and must not be sent again."""
        return self.described is not None


@dataclass(frozen=True, slots=True)
class DueEntry:
    """An entry of the index: this row may be due. The row itself is the truth. `page` 0 stands for the document's
    row."""

    kind: DueKind
    due_at: float
    document_id: str
    run: int = 0
    page: int = 0

    @property
    def name(self) -> tuple[str, int, int]:
        """The row's key: document id, run, page."""
        return self.document_id, self.run, self.page


@dataclass(frozen=True, slots=True)
class Newest:
    """Which document is the newest upload of its key.

    `order` is from `core.identity.order`. `has_outputs`: outputs may have the key's names, so whoever publishes another
    document deletes them.
    """

    order: str
    document_id: str
    has_outputs: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """A message from poll to submit or deliver: continue with this document, if its `rev` is still this one."""

    document_id: str
    rev: int
