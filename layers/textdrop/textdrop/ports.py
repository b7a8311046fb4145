"""What the use cases need from the outside. Each method says what is atomic and what may be repeated.

Every method may raise `StoreUnavailable` (a cloud service failed or throttled us) unless it says otherwise; then the
call may or may not have taken effect. A conditional write that returns True was applied, once, by this call, even if
the first answer was lost and the repeat met its own write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeVar

from pagekit import prepared
from pagekit.limits import FileLimits
from pagekit.page import RecognisedPage
from textdrop.core.answers import NotReady, OperationStatus, Recognition, Submitted
from textdrop.core.caps import Answer, Caps, Used
from textdrop.core.documents import Document, DueEntry, DueKind, Newest, Operation, Outcome, Source
from textdrop.core.ledger import DaySums, HistoryCursor, HistoryPage, Run
from textdrop.core.pause import Pause
from textdrop.core.policy import Policy
from textdrop.core.prices import Prices
from textdrop.core.quota import Quota
from textdrop.core.reconciling import Cursor, DeadLetter, ListingPage, ReconcileRun, SourceBucket
from textdrop.core.reuse import SentPage

Row = TypeVar("Row")


class Clock(Protocol):
    """Time and chance, so that tests and simulations control both."""

    def now(self) -> float:
        """Epoch seconds."""

    def sleep(self, seconds: float) -> None:
        """Returns after so many seconds."""

    def chance(self) -> float:
        """A random number in [0, 1)."""

    def token(self) -> str:
        """A new random UUID, as text."""


class Documents(Protocol):
    """Document and operation rows, and the index of what is due."""

    def create(self, document: Document) -> bool:
        """Puts the row if there is none with its id. False: there is one already (of another holder)."""

    def read(self, document_id: str) -> Document | None:
        """The row, read consistently."""

    def write(self, before: Document, after: Document) -> bool:
        """Changes the row from `before` to `after` (whose `rev` is one higher) if its `rev` is still `before.rev`.

        `unfinished` and `pages_recognized` are only written if the two differ in them: `finish_page` changes them
        concurrently.
        """

    def postpone(self, due: DueEntry, due_at: float) -> Document | None:
        """Moves the document's `due_at` if its kind and time are still those of the entry; nothing else changes.

        The row afterwards; None if the entry is out of date. A repeat may return None though the first try took effect:
        the row then comes due at the later time.
        """

    def finish_page(self, operation: Operation) -> Document | None:
        """Takes the page of a final operation out of `unfinished`; if it was in there and is recognised, counts it in
        `pages_recognized`.

        The document's row afterwards; None if it is gone or of another run. Leaves `rev` alone. May be repeated.
        """

    def due(self, kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
        """At most `limit` rows of that kind with `since` ≤ `due_at` ≤ `until`, oldest first. Entries may lag behind the
        rows."""

    def read_operation(self, document_id: str, run: int, page: int) -> Operation | None:
        """The row, read consistently."""

    def read_operations(self, document_id: str, run: int) -> list[Operation]:
        """All operations of a run, by page, read consistently."""

    def write_operation(self, before: Operation | None, after: Operation) -> bool:
        """Changes the row if its state, `holder_rev` and `unconfirmed` are still those of `before` (None: no row)."""

    def known(self, document_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a document row; any number may be asked for. A row made just now may be
        missing."""

    def read_many(self, document_ids: Sequence[str]) -> dict[str, Document]:
        """Those of the rows that exist, by id; any number may be asked for. A write made just now may be missing."""

    def delete_operations(self, operations: Sequence[Operation]) -> None:
        """None of these operations has a row afterwards. May be repeated."""

    def kept_since(self) -> float:
        """When the rows' table was made, in epoch seconds: it knows of no earlier uploads."""


class NewestUploads(Protocol):
    """Which document is the newest of its key."""

    def update_if_newer(self, source: Source, newest: Newest) -> Newest:
        """Makes `newest` the key's newest if its order is higher than the row's. The row afterwards, read
        consistently."""

    def replace(self, source: Source, before: Newest, after: Newest) -> Newest:
        """Makes `after` the key's newest, whatever its order, if that is still the document of `before`; the row
        afterwards, consistently."""

    def read(self, source: Source) -> Newest | None:
        """The key's newest, read consistently."""

    def expect_outputs(self, source: Source) -> None:
        """From now on the key's row has `has_outputs`, whichever document is its newest. May be repeated."""


class Ledger(Protocol):
    """What became of each run, kept forever; and its index `history`, by month and outcome."""

    def put(self, run: Run) -> Run:
        """The run has a row, which is returned: this one, unless there was one already. May be repeated."""

    def runs(self, document_id: str) -> list[Run]:
        """The rows of a document, by run, read consistently."""

    def forget_key(self, document_id: str) -> None:
        """No row of the document carries its key afterwards. May be repeated."""

    def history(
        self,
        month: str,
        outcome: Outcome,
        since: float,
        until: float,
        limit: int,
        after: HistoryCursor | None = None,
        *,
        newest_first: bool = False,
    ) -> HistoryPage:
        """At most `limit` rows of the month ("2026-11") and outcome with `since` ≤ `ended_at` ≤ `until`, after the
        cursor, by `ended_at`.

        One read of the index, which may lag behind the rows for a moment. Raises HistoryMissing if there is no such
        index.
        """


class Sums(Protocol):
    """The sums of the ledger, a row a day."""

    def read(self, since: str, until: str) -> list[DaySums]:
        """The rows of these days ("2026-11-29") and the days between, by day, read consistently."""

    def write(self, before: DaySums, after: DaySums) -> bool:
        """Replaces the day's row if its `rev` is still `before.rev` (0: there is none)."""


class SubmitQuota(Protocol):
    """The row of the submit quota, shared by all workers."""

    def read(self) -> Quota:
        """The row, read consistently; a fresh one if there is none."""

    def reserve(self, slots: int, interval_seconds: float, now: float, ahead_seconds: float) -> float | None:
        """Reserves so many slots, one interval apart, and returns when the first begins (≥ `now`).

        None: the next free time is more than `ahead_seconds` away, and nothing was reserved. One atomic update; the
        slots of a reservation whose answer was lost are left unused.
        """

    def write(self, before: Quota, after: Quota) -> bool:
        """Replaces the row if its `throttles` is still `before`'s; `next_free_at` never moves back."""


class Reservations(Protocol):
    """How many pages documents have reserved: one row a month, with its days."""

    def read(self, day: str) -> Used:
        """What is reserved on that day ("2026-11-29") and in its month, read consistently."""

    def write(self, before: Document, after: Document, changes: Mapping[str, int], caps: Caps | None) -> Answer:
        """Changes the document as `Documents.write` does, and the pages of each day: both or neither.

        With `caps`, no day to which pages are added has more than its cap afterwards, nor has its month; otherwise the
        answer is OVER.
        """


class SentPages(Protocol):
    """Which page was sent for a fingerprint."""

    def read(self, fingerprint: str) -> SentPage | None:
        """The row, read consistently."""

    def claim(self, before: SentPage | None, after: SentPage) -> bool:
        """Replaces the row if it is still `before` (None: there is none)."""

    def forget(self, fingerprints: Sequence[str], document_id: str) -> None:
        """None of the rows names the document afterwards. May be repeated."""


class VersionedRow(Protocol[Row]):
    """One row that is read, and replaced if nobody else has done so meanwhile: the pause, and reconcile's run."""

    def read(self) -> Row:
        """The row, read consistently; one with rev 0 if there is none."""

    def write(self, before: Row, after: Row) -> bool:
        """Replaces the row if its `rev` is still `before.rev`."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The tick row. `wake` grows with each wake; `wake_at` is when it last did."""

    state: str = "idle"  # idle, starting, running
    owner: str = ""
    lease_until: float = 0.0
    wake: int = 0
    wake_at: float = 0.0
    typical_seconds: float = 0.0


class TickRow(Protocol):
    """The row that lets one tick run at a time. Every method but `read` is one atomic update."""

    def read(self) -> Tick:
        """The row, read consistently; an idle one if there is none."""

    def wake(self, now: float) -> Tick:
        """Adds 1 to `wake` and sets `wake_at`; the row afterwards. A repeat counts twice, which does no harm."""

    def start(self, now: float, lease_until: float) -> bool:
        """idle → starting. True for the one caller that changed it, who then invokes poll."""

    def take(self, owner: str, now: float, lease_until: float) -> Tick | None:
        """idle, starting or an expired lease → running, owned. None: somebody else runs."""

    def renew(self, owner: str, lease_until: float) -> Tick | None:
        """A later lease for the owner; the row afterwards. None: the row is no longer the owner's."""

    def end(self, owner: str, wake: int, typical_seconds: float) -> bool:
        """running → idle, if the owner is still this one and nobody has called `wake` since."""

    def hand_over(self, owner: str, lease_until: float, typical_seconds: float) -> bool:
        """running → starting, if the owner is still this one, who then invokes poll."""


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An upload as the bucket shows it.

    `source` is complete (etag, size, last_modified, version); `metadata` is the user's, with lower-case names; `open()`
    returns the content as a seekable file, which fetches what is read. Reading may raise ObjectGone or
    StoreUnavailable. `is_current`: no newer upload of its key was seen.
    """

    source: Source
    metadata: Mapping[str, str]
    open: Callable[[], BinaryIO]
    is_current: bool = True


class Sources(Protocol):
    """The source bucket."""

    def head(self, source: Source) -> SourceObject:
        """HEAD of that version (or, without versions, of the object if it still has that ETag). Raises ObjectGone, and
        ObjectDeleted if there is no such version or a delete marker is the key's current one."""


class Results(Protocol):
    """The results bucket, or the part of it whose keys begin with `prefix`. Keys here leave out the prefix."""

    bucket: str
    prefix: str
    total_seconds: float
    """The longest that one call can take in total."""

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """The object is there, whole, afterwards. May be repeated."""

    def put_file(self, key: str, file: BinaryIO, content_type: str, check_deadline: Callable[[], None]) -> None:
        """The object has the whole content of the file afterwards, however large it is.

        Takes several calls, before each of which `check_deadline` is called; what that raises goes to the caller, and
        the object is then as it was. May be repeated.
        """

    def get(self, key: str) -> bytes | None:
        """The object's content; None if there is none."""

    def copy(self, key: str, to: str) -> None:
        """`to` has the content and type of `key` afterwards. May be repeated."""

    def join(self, keys: Sequence[str], to: str, check_deadline: Callable[[], None]) -> None:
        """`to` has the contents of the keys one after another, however large, and the type of the first.

        Takes several calls, before each of which `check_deadline` is called; what that raises goes to the caller, and
        `to` is then as it was. May be repeated.
        """

    def list_keys(self, prefix: str) -> list[str]:
        """The keys that begin with the prefix, in the order of their UTF-8 bytes."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object now."""

    def delete(self, keys: Sequence[str]) -> None:
        """None of them exists afterwards. May be repeated. In S3 a key that has no object gets a delete marker."""

    def remove(
        self, prefix: str, wanted: Callable[[str], bool], check_deadline: Callable[[], None], *, current: bool
    ) -> int:
        """No version or delete marker is left of the wanted objects whose keys begin with the prefix; unless `current`,
        a current version that is an object stays. How many were removed.

        Takes several calls, before each of which `check_deadline` is called; what that raises goes to the caller. May
        be repeated.
        """


class Notices(Protocol):
    """Where notices are sent: the results topic, an event bus."""

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        """It has accepted the notice. May be repeated: notices are sent at least once. A bus does not get the
        attributes."""


class Function(Protocol):
    """A function of the stack that another, or it itself, invokes: poll, reconcile."""

    def invoke(self) -> None:
        """It has been asked to run, asynchronously. May be repeated."""


Pages = Iterable[tuple[int, RecognisedPage | None]]
"""A document's pages in order, each with its number; None for one that was not recognised."""


MakeSearchablePdf = Callable[[BinaryIO, str, Pages, BinaryIO, Collection[int], Collection[int]], Sequence[str]]
"""Arguments: source, its media type, pages, the file to write, the numbers of the pages that were drawn, and of those
whose text is the file's own. Returns warnings."""


@dataclass(frozen=True, slots=True)
class Renderers:
    """Makes outputs of recognised pages. Each raises NotRenderable and whatever reading the pages or the source raises.
    Files to write are temporary ones, written from their beginning.

    `markdown`: the document, piece by piece. `csv_files`: each table as CSV, with its page and its number on the page,
    both from 1. `workbook`: all tables as XLSX, each on a sheet. `searchable_pdf`: the source with its text in it, as
    MakeSearchablePdf. `no_tables`: the sentence that there are none and, by the model, what may help.
    """

    markdown: Callable[[Pages], Iterator[str]]
    csv_files: Callable[[Pages], Iterator[tuple[int, int, bytes]]]
    workbook: Callable[[Pages, BinaryIO], None]
    searchable_pdf: MakeSearchablePdf
    no_tables: Callable[[str], str]


class Ocr(Protocol):
    """The OCR service. Methods raise `OcrError`s, never StoreUnavailable. Safe to call from several threads."""

    ask_total_seconds: float
    """The longest that one ask can take in total."""

    def prepare(self, content: bytes, media_type: str, languages: Sequence[str], model: str) -> bytes:
        """The body of a submit, made before a slot is reserved."""

    def submit_seconds(self, body_bytes: int) -> float:
        """The longest that one submit of a body of so many bytes can take in total."""

    def submit(self, body: bytes, client_request_id: str) -> Submitted:
        """Sends the page once. Every call may cost money."""

    def result(self, operation_id: str) -> Recognition | NotReady:
        """Asks for the result. May be repeated."""

    def status(self, operation_id: str) -> OperationStatus:
        """Asks for the operation's state. May be repeated."""

    def read_page(self, body: bytes) -> RecognisedPage:
        """Reads a stored result again."""

    def clock_offset_seconds(self) -> float | None:
        """The service's time minus ours by the last answer, in whole seconds; None if it is not known yet."""


ReadPage = Callable[[bytes], RecognisedPage]
"""Reads a stored result again."""

OpenedDocument = prepared.Document
"""A file that was inspected, and can be sent page by page."""

OpenDocument = Callable[[BinaryIO, FileLimits], OpenedDocument]
"""Inspects a file: what it is, by its content, not its name. The document reads the file as long as it is used.

Raises Refusal, whatever the bytes, and whatever reading the file raises; nothing else.
"""

RunParallel = Callable[[Callable[[], None], int], None]
"""Runs a task that can be shared, in this thread and, as far as threads are free, in others at the same time, up to
that many in total. Returns when all have ended, or raises what one of them raised."""


class Workers(Protocol):
    """Threads for work that waits on the network."""

    def start(self, task: Callable[[], None]) -> None:
        """Runs the task, now or soon, beside the caller. The task handles its own errors."""

    def free(self) -> int:
        """How many more tasks could begin at once."""

    def wait(self) -> None:
        """Returns when every task started has ended."""


class Journal(Protocol):
    """Logs and metrics. They never contain text of a document. Never raises."""

    def transition(self, rule: str, row: Document | Operation) -> None:
        """A row was written by this rule: one INFO line a transition."""

    def noted(self, event: str, **fields: str | float | None) -> None:
        """Something else worth a line."""

    def counted(self, metric: str, value: float = 1) -> None:
        """A metric that counts."""

    def measured(self, metric: str, seconds: float) -> None:
        """A metric that measures a time."""

    def failed(self, event: str, error: BaseException, **fields: str | float | None) -> None:
        """Something went wrong that is not a document's fault: one line with the error's kind and place."""


class UploadListing(Protocol):
    """The source bucket, as a list of everything in it under the prefix."""

    def after(self, cursor: Cursor) -> ListingPage:
        """At most 1,000 versions of objects after the cursor, without delete markers.

        A bucket without versions has one of each object, with `version_id` "". What comes or goes meanwhile may be
        listed or not; everything else is.
        """


class Queue(Protocol):
    """A queue to submit, for uploads and documents to continue with; or to deliver."""

    def send(self, bodies: Sequence[str]) -> None:
        """All the messages are in the queue, however many. May be repeated: receivers drop repeats, by row or `rev`.
        After a failure some of them may be in the queue."""


class ReceivedMessages(Protocol):
    """The messages of the uploads queue that submit has received, by their receipt handles."""

    def hide(self, receipt: str, seconds: float) -> None:
        """The message comes again so many whole seconds from now, unless it is deleted. May be repeated."""


class DeadLetters(Protocol):
    """The messages that submit gave back too often."""

    def receive(self) -> list[DeadLetter]:
        """Some of them, at most ten, which nobody else receives for two minutes. None: no message was seen there."""

    def redrive(self, letter: DeadLetter) -> None:
        """The message is in the uploads queue, its body as it was, with this history. May be repeated."""

    def delete(self, letter: DeadLetter) -> None:
        """It is no longer among them. May be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionPorts:
    """What every function works with, to write rows."""

    clock: Clock
    documents: Documents
    journal: Journal
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class WakePorts(TransitionPorts):
    """What waking poll needs."""

    tick: TickRow
    poller: Function


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitPorts(WakePorts):
    """What the submit function works with."""

    ledger: Ledger
    quota: SubmitQuota
    reservations: Reservations
    sent_pages: SentPages
    pause: VersionedRow[Pause]
    sources: Sources
    results: Results
    ocr: Ocr
    open_document: OpenDocument
    received: ReceivedMessages
    workers: Workers
    run_parallel: RunParallel


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPorts(TransitionPorts):
    """What the poll function works with."""

    reservations: Reservations
    pause: VersionedRow[Pause]
    tick: TickRow
    ocr: Ocr
    results: Results
    resumes: Queue
    deliveries: Queue
    deliveries_alone: Queue
    poller: Function
    workers: Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverPorts(TransitionPorts):
    """What the deliver function works with."""

    newest: NewestUploads
    ledger: Ledger
    reservations: Reservations
    sent_pages: SentPages
    prices: Prices
    sources: Sources
    results: Results
    read_page: ReadPage
    renderers: Renderers
    notices: Sequence[Notices]
    workers: Workers
    run_parallel: RunParallel


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePorts(TransitionPorts):
    """What the reconcile function works with."""

    source: SourceBucket
    uploads: UploadListing
    queue: Queue
    ledger: Ledger
    sums: Sums
    dead_letters: DeadLetters
    progress: VersionedRow[ReconcileRun]
    successor: Function


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPorts(WakePorts):
    """What the control function works with. `uploads` lists the part of the source below a prefix of keys."""

    source: SourceBucket
    newest: NewestUploads
    ledger: Ledger
    sums: Sums
    reservations: Reservations
    sent_pages: SentPages
    prices: Prices
    pause: VersionedRow[Pause]
    sources: Sources
    uploads: Callable[[str], UploadListing]
    ocr: Ocr
    open_document: OpenDocument
    run_parallel: RunParallel
