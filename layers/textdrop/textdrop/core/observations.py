"""What can be seen of a row. `core.states` decides what comes next."""

from __future__ import annotations

from dataclasses import dataclass, field

from pagekit.limits import FileFacts
from pagekit.prepared import Preparation
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import Hold, Operation, Options, Output, Problem, Removed, Rendering, Source, Step
from textdrop.core.errors import Trace


class DocumentSeen:
    """Something that can be seen of a document."""

    __slots__ = ()


class OperationSeen:
    """Something that can be seen of an operation."""

    __slots__ = ()


# --- of a document ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Uploaded(DocumentSeen):
    """An event, a listing or a backfill met this upload. Whoever creates the row holds it until `lease_until`."""

    document_id: str
    source: Source
    holder: str
    lease_until: float


@dataclass(frozen=True, slots=True)
class Taken(DocumentSeen):
    """A worker wants to continue with the document, and to hold it until `lease_until`."""

    holder: str
    lease_until: float


@dataclass(frozen=True, slots=True)
class Refused(DocumentSeen):
    """The source was inspected and cannot be recognised. `source` has what is now known of it."""

    problem: Problem
    source: Source


@dataclass(frozen=True, slots=True)
class Forbidden(DocumentSeen):
    """The source is there and may not be read. It is tried again at `due_at`, for as long as the policy allows."""

    due_at: float


@dataclass(frozen=True, slots=True)
class PagesKnown(DocumentSeen):
    """The source was inspected: it is this file, of which these pages are to be recognised. `kept` are those that an
    earlier run recognised; their operations have been written for this run."""

    pages: frozenset[int]
    facts: FileFacts
    options: Options
    source: Source
    kept: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Returned(DocumentSeen):
    """An orderly return: out of time, no slot, a pause, or a failure that did not kill the worker. Due again at
    `due_at`.

    `failed`: something failed, so the next wait is longer. Waiting for a slot or a pause is no failure.
    """

    due_at: float
    failed: bool


@dataclass(frozen=True, slots=True)
class OperationsRead(DocumentSeen):
    """The operations of the document's run, read consistently."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Reserved(DocumentSeen):
    """Within the caps, `submits` of the run may be billed in all; those that are left, on this day (UTC).

    A held document is released by this: at the turn of the period, or by a person, to be sent whatever the caps
    (`by_hand`). One of many comes `after_live` uploads.
    """

    submits: int
    day: str
    by_hand: bool = False
    after_live: bool = False


@dataclass(frozen=True, slots=True)
class OverCap(DocumentSeen):
    """The pages that are to be sent have no room under a cap."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class HoldTold(DocumentSeen):
    """The topic took the message that the document is held."""


@dataclass(frozen=True, slots=True)
class GivenBack(DocumentSeen):
    """The run has made so many `submits`; what it reserved beyond them is given back."""

    submits: int


@dataclass(frozen=True, slots=True)
class Rendered(DocumentSeen):
    """An output is finished: made, or not to be made."""

    rendering: Rendering


@dataclass(frozen=True, slots=True)
class StepBegins(DocumentSeen):
    """The delivery goes to its next step, and is held until `lease_until`."""

    step: Step
    lease_until: float


@dataclass(frozen=True, slots=True)
class NoticeAccepted(DocumentSeen):
    """The topic took the notice."""


@dataclass(frozen=True, slots=True)
class Backfilled(DocumentSeen):
    """A request takes up this upload, which was there before the stack, or is wanted again."""

    document_id: str
    source: Source


@dataclass(frozen=True, slots=True)
class RetryAsked(DocumentSeen):
    """A request for the next run. `requested` are options, by the names of metadata; all others stay as in the run
    before. One of many comes `after_live` uploads."""

    requested: tuple[tuple[str, str], ...] = ()
    after_live: bool = False


@dataclass(frozen=True, slots=True)
class RenderAsked(DocumentSeen):
    """A request to make the files again from the recognised pages. `outputs` None: those of the run before."""

    outputs: tuple[Output, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cancelled(DocumentSeen):
    """A request says that the document is not wanted any more."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class SourceDeleted(DocumentSeen):
    """The upload was deleted while its document's pages, whose operations these are, were being sent."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class PagesCounted(DocumentSeen):
    """The operations of a run whose outcome is fixed. In a cancelled run none is waiting any more; what was just being
    sent counts as unconfirmed."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class DeleteAsked(DocumentSeen):
    """A request to delete everything that is kept of the document."""


@dataclass(frozen=True, slots=True)
class Swept(DocumentSeen):
    """A pass over everything that is to be deleted, begun at `began_at`, has removed so much. `asked`: so many of its
    pages were running until then, so somebody may still be asking for them."""

    began_at: float
    removed: Removed
    asked: int = 0


# --- of an operation --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Considered(OperationSeen):
    """The document's holder, whose `rev` this is, considers a page before sending it. `attempts` are the document's,
    including this pass; `unavailable_for` is for how many seconds the service has been unavailable to it."""

    holder_rev: int
    attempts: int
    unavailable_for: float
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class TextFound(OperationSeen):
    """The page has usable text of its own, which is stored as its result, with so many bytes."""

    holder_rev: int
    result_bytes: int


@dataclass(frozen=True, slots=True)
class SentBefore(OperationSeen):
    """The service took this page before, with the same model and languages: for the operation `of`, which is either
    recognised, and its result stored for this page too, or running. `prepared`: how this page was made."""

    holder_rev: int
    of: Operation
    prepared: Preparation


@dataclass(frozen=True, slots=True)
class SlotReserved(OperationSeen):
    """We have a slot of the quota, and the body is ready: the intent may be written, then the POST made."""

    holder_rev: int
    client_request_id: str
    prepared: Preparation
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Accepted(OperationSeen):
    """The service took the page under this id."""

    holder_rev: int
    described: OperationDescription
    deadline_seconds: float
    trace: Trace = field(default_factory=Trace)


@dataclass(frozen=True, slots=True)
class NotTaken(OperationSeen):
    """The service certainly did not take the page, and not because of the page: 429, no connection, a page that was not
    sent whole, a 5xx with the service's own body, credentials that were refused or cannot be read.

    `breakdown`: it was the 5xx. The page may be its cause after all, which shows when it happens again and again.
    """

    holder_rev: int
    breakdown: bool = False


@dataclass(frozen=True, slots=True)
class Rejected(OperationSeen):
    """The service refuses this page."""

    holder_rev: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class AnswerLost(OperationSeen):
    """The page was sent, and no answer came that can be trusted."""

    holder_rev: int


@dataclass(frozen=True, slots=True)
class Unsendable(OperationSeen):
    """The source of a page that is still to be sent cannot be opened again, for this reason."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Discarded(OperationSeen):
    """The document is being deleted: what the service still brings is not wanted."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Recognised(OperationSeen):
    """The whole result is stored, with so many bytes."""

    has_words: bool = True
    result_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable(OperationSeen):
    """There is a result, and it is over our limit."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class FailedInService(OperationSeen):
    """The service says that the operation failed."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class NotDone(OperationSeen):
    """An ask that began at `asked_at` brought an answer of the service, but no result. `status_asked`: the status was
    asked for since the page's deadline, and showed no failure."""

    asked_at: float
    status_asked: bool


@dataclass(frozen=True, slots=True)
class AskFailed(OperationSeen):
    """An ask that began at `asked_at` brought no answer of the service, so the page's deadline does not apply.
    `status_asked` as in NotDone."""

    asked_at: float
    status_asked: bool
