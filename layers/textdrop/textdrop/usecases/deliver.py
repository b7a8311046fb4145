"""Brings documents whose outcome is fixed to their end: outputs, files, published names, the notice. Nothing else does.

Every step can be repeated, and is written on the row before it begins; so whoever continues after a crash knows what
may have happened.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from textdrop.core import page_ranges, results
from textdrop.core.deliveries import takes_long
from textdrop.core.documents import (
    Billed,
    Document,
    DocumentState,
    Newest,
    Operation,
    OperationState,
    Outcome,
    Resume,
    Step,
)
from textdrop.core.errors import StoreUnavailable
from textdrop.core.ledger import run_of
from textdrop.core.observations import (
    DocumentSeen,
    HoldTold,
    NoticeAccepted,
    PagesCounted,
    StepBegins,
    Taken,
    Unsendable,
)
from textdrop.ports import DeliverPorts
from textdrop.usecases.files import PageMissing, write_files
from textdrop.usecases.outputs import make_outputs
from textdrop.usecases.publish import FileMissing, notify, publish
from textdrop.usecases.reserve import give_back
from textdrop.usecases.side_by_side import side_by_side
from textdrop.usecases.sweep import sweep
from textdrop.usecases.time_left import NoTimeLeft
from textdrop.usecases.transitions import (
    NotOurs,
    return_later,
    transition_document,
    transition_held,
    transition_operation,
)

_HERE = (DocumentState.DELIVERING, DocumentState.DELETING, DocumentState.HELD)


def deliver(ports: DeliverPorts, resumes: Sequence[Resume], deadline: float) -> None:
    """Each of these documents that is still as it was when it was handed out is final afterwards, or comes due again.

    `deadline` is when this invocation is ended by force.
    """
    for resume in resumes:
        ports.workers.start(partial(_deliver, ports, resume, deadline))
    ports.workers.wait()


def _deliver(ports: DeliverPorts, resume: Resume, deadline: float) -> None:
    """Brings one document as far as possible. Never raises."""
    held: Document | None = None
    try:
        document = ports.documents.read(resume.document_id)
        if document is None or document.rev != resume.rev or document.state not in _HERE:
            ports.journal.noted("stale_delivery", document=resume.document_id)
            return
        if not takes_long(document, ports.policy):
            deadline = min(deadline, ports.clock.now() + ports.policy.delivery_seconds)
        held = transition_document(
            ports, document, Taken(ports.clock.token(), deadline + ports.policy.lease_margin_seconds)
        )
        if held is None:
            return
        if held.state is DocumentState.DELETING:
            sweep(ports, held, deadline)
            return
        if held.state is DocumentState.HELD:
            _tell_hold(ports, held)
            transition_held(ports, held, HoldTold())
            return
        held = _counted(ports, held)
        billed = held.billed or Billed()
        held = give_back(ports, held, billed.submitted + billed.unconfirmed)
        _finish(ports, held, deadline)
    except NotOurs:
        return
    except (FileMissing, PageMissing) as error:
        if not _is_deleted(ports, resume.document_id):
            ports.journal.failed("delivery_died", error, document=resume.document_id)
    except (StoreUnavailable, NoTimeLeft) as error:
        ports.journal.failed("delivery_failed", error, document=resume.document_id)
        if held is not None:
            return_later(ports, held, failed=isinstance(error, StoreUnavailable))
    except Exception as error:  # noqa: BLE001 - ours, or no memory: the lease passes, the attempt counts, five fail it
        ports.journal.failed("delivery_died", error, document=resume.document_id)


def _tell_hold(ports: DeliverPorts, document: Document) -> None:
    """The topic, and the event bus if there is one, have accepted the message that the document is held."""
    body = results.hold_message(document, ports.prices)
    attributes = results.hold_attributes(document)
    side_by_side(ports.run_parallel, [partial(each.publish, body, attributes) for each in ports.notices])


def _is_deleted(ports: DeliverPorts, document_id: str) -> bool:
    """Whether the document's files may be gone because a request deleted them. False if that cannot be read."""
    try:
        document = ports.documents.read(document_id)
    except StoreUnavailable:
        return False
    return document is not None and document.state in (DocumentState.DELETING, DocumentState.DELETED)


def _counted(ports: DeliverPorts, document: Document) -> Document:
    """The document with what its run was billed for.

    A document that was cancelled, or whose source is gone, sends nothing more: each page that was not sent is failed,
    so that whoever was about to send it finds nothing to send. Raises NotOurs and StoreUnavailable.
    """
    if document.billed is not None:
        return document
    operations = ports.documents.read_operations(document.id, document.operations_run)
    if document.outcome in (Outcome.CANCELLED, Outcome.SKIPPED) and document.problem is not None:
        rows = {page: Operation(document.id, document.run, page, OperationState.WAITING) for page in _pages(document)}
        rows |= {operation.page: operation for operation in operations}
        seen = Unsendable(document.problem)
        unsent = [row for row in rows.values() if row.state is OperationState.WAITING]
        side_by_side(ports.run_parallel, [partial(_fail, ports, row, seen) for row in unsent])
        operations = ports.documents.read_operations(document.id, document.run)
    return transition_held(ports, document, PagesCounted(tuple(operations)))


def _fail(ports: DeliverPorts, row: Operation, seen: Unsendable) -> None:
    # One that a worker has just begun to send stays that worker's.
    transition_operation(ports, row, seen)


def _pages(document: Document) -> Collection[int]:
    """The numbers of a document's pages, as far as they are known."""
    if document.options is None or not document.file_pages:
        return ()
    return page_ranges.chosen(document.options.pages, document.file_pages, document.file_pages)


def _finish(ports: DeliverPorts, document: Document, deadline: float) -> None:
    """The remaining steps of a document that we hold; it is final afterwards.

    Raises NotOurs when it is no longer ours, and StoreUnavailable, NoTimeLeft, PageMissing and FileMissing.
    """
    operations: Sequence[Operation] = ()
    if document.step in (Step.RENDER, Step.FILES):
        operations = ports.documents.read_operations(document.id, document.operations_run)
    lease_until = deadline + ports.policy.lease_margin_seconds
    newest: Newest | None = None
    done: DocumentSeen
    while document.state is DocumentState.DELIVERING:
        match document.step:
            case Step.RENDER:
                document = make_outputs(ports, document, operations, deadline)
                done = StepBegins(Step.FILES, lease_until)
            case Step.FILES:
                write_files(ports, document, operations, deadline)
                done = StepBegins(Step.PUBLISH, lease_until)
            case Step.PUBLISH:
                newest = publish(ports, document, deadline)
                done = StepBegins(Step.NOTICE, lease_until)
            case _:
                ports.ledger.put(run_of(document, ports.clock.now(), ports.prices))
                notify(ports, document, newest, operations)
                done = NoticeAccepted()
        document = transition_held(ports, document, done)
    uploaded_at = document.began_at or document.source.event_at or document.accepted_at
    ports.journal.measured("UploadToNotice", max(0.0, ports.clock.now() - uploaded_at))
