"""What can be seen of a row. `core.states.decide` says what comes next."""

from __future__ import annotations

from dataclasses import dataclass, field

from pagekit.limits import FileFacts
from pagekit.prepared import Preparation
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import Operation, Options, Problem, Rendering, Source, Step
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
    """The source was inspected: it is this file, and these of its pages are to be sent."""

    pages: frozenset[int]
    facts: FileFacts
    options: Options
    source: Source


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
class SlotReserved(OperationSeen):
    """A slot of the quota is ours, and the body is ready: the intent may be written, then the POST made."""

    holder_rev: int
    client_request_id: str
    prepared: Preparation


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
