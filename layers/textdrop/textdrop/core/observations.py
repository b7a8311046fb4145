"""What can be seen of a row. `core.states.decide` says what comes next."""

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
    """A worker wants to go on with the document, and to hold it until `lease_until`."""

    holder: str
    lease_until: float


@dataclass(frozen=True, slots=True)
class Refused(DocumentSeen):
    """The source was inspected and cannot be recognised. `source` carries what is now known of it."""

    problem: Problem
    source: Source


@dataclass(frozen=True, slots=True)
class Forbidden(DocumentSeen):
    """The source is there and may not be read. Again at `due_at`, for as long as the policy allows."""

    due_at: float


@dataclass(frozen=True, slots=True)
class PagesKnown(DocumentSeen):
    """The source was inspected: it is this file, and these of its pages are to be recognised. `kept`: those of them
    that were recognised in an earlier run, whose operations are written for this one."""

    pages: frozenset[int]
    facts: FileFacts
    options: Options
    source: Source
    kept: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Returned(DocumentSeen):
    """An orderly return: out of time, no slot, a pause, a failure that did not kill the worker. Again at `due_at`.

    `failed`: something failed, so that the next wait is longer. Waiting for a slot or a pause is none.
    """

    due_at: float
    failed: bool


@dataclass(frozen=True, slots=True)
class OperationsRead(DocumentSeen):
    """The operations of the document's run, read consistently."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Reserved(DocumentSeen):
    """Within the caps, all in all so many submits of the run may be billed; those that are left on this day (UTC).

    Of a held document: it is released by the period's turn, or by a person, to be sent whatever the caps (`by_hand`);
    one of many `after_live` uploads.
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
    """What was reserved and not sent is given back: so many submits of the run were made."""

    submits: int


@dataclass(frozen=True, slots=True)
class Rendered(DocumentSeen):
    """An output has come to its end, made or not."""

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
    """A request takes in this upload, which was there before the stack, or is asked for again."""

    document_id: str
    source: Source


@dataclass(frozen=True, slots=True)
class RetryAsked(DocumentSeen):
    """A request for the next run. `requested` are options, by the names of metadata; those of the run before stay. One
    of many is taken `after_live` uploads."""

    requested: tuple[tuple[str, str], ...] = ()
    after_live: bool = False


@dataclass(frozen=True, slots=True)
class RenderAsked(DocumentSeen):
    """A request to make the files again of the pages there are. `outputs` None: those of the run before."""

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
    """The operations of a run whose outcome is fixed. Of one that was cancelled none is waiting any more; what was on
    its way to the service just then counts as unconfirmed."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class DeleteAsked(DocumentSeen):
    """A request to delete all that there is of the document."""


@dataclass(frozen=True, slots=True)
class Swept(DocumentSeen):
    """A pass over all that is to be deleted, which began at `began_at`, has removed so much. `asked`: so many of its
    pages were running until then, so that somebody may still be asking for them."""

    began_at: float
    removed: Removed
    asked: int = 0


# --- of an operation --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Considered(OperationSeen):
    """The document's holder, whose `rev` this is, looks at a page before sending it.

    `attempts` are the document's, with this pass; `unavailable_for` is how many seconds the service has been
    unavailable to it.
    """

    holder_rev: int
    attempts: int
    unavailable_for: float
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class TextFound(OperationSeen):
    """The page has usable text of its own, which is stored as its result, of so many bytes."""

    holder_rev: int
    result_bytes: int


@dataclass(frozen=True, slots=True)
class SentBefore(OperationSeen):
    """The page, with its model and languages, is one that the service took before: for the operation `of`, which is
    recognised, and its result stored for this page too, or is running. `prepared`: how this one was made."""

    holder_rev: int
    of: Operation
    prepared: Preparation


@dataclass(frozen=True, slots=True)
class SlotReserved(OperationSeen):
    """A slot of the quota is ours, and the body is ready: the intent may be written, then the POST made."""

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
    """The service certainly did not take the page, for a reason that is not the page's: 429, no connection, a page that
    was not sent whole, a 5xx with the service's own body, credentials refused or not to be read.

    `breakdown`: it was the 5xx. This page may be its cause, which shows when it happens again and again.
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
    """Sent, and no answer that can be trusted."""

    holder_rev: int


@dataclass(frozen=True, slots=True)
class Unsendable(OperationSeen):
    """The source of a page that has yet to be sent cannot be opened again, for this reason."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Discarded(OperationSeen):
    """The document is being deleted: whatever the service still brings is not wanted."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Recognised(OperationSeen):
    """The whole result is stored, which has so many bytes."""

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
    """An ask that began at `asked_at` brought an answer of the service, and no result. `status_asked`: since the page's
    deadline its status was asked for before, and told of no failure."""

    asked_at: float
    status_asked: bool


@dataclass(frozen=True, slots=True)
class AskFailed(OperationSeen):
    """An ask that began at `asked_at` brought no answer of the service: no deadline is held against the page.
    `status_asked` as in NotDone."""

    asked_at: float
    status_asked: bool
