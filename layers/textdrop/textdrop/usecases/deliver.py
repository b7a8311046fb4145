"""Concludes a document whose pages are final, and delivers it: files, then published names, then the notice.

Where outputs are asked for, poll hands the document to the render function before that, which then continues here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textdrop.core import intervals
from textdrop.core.documents import (
    Document,
    DocumentState,
    Newest,
    Operation,
    Resume,
    Step,
)
from textdrop.core.errors import StoreUnavailable
from textdrop.core.observations import NoticeAccepted, OperationsRead, Returned, Taken
from textdrop.ports import DeliverPorts, PollPorts
from textdrop.usecases.files import write_files
from textdrop.usecases.publish import notify, publish
from textdrop.usecases.time_left import NoTimeLeft
from textdrop.usecases.transitions import NotOurs, begin_step, transition_document

CONCLUDE_TRIES = 5


@dataclass(frozen=True, slots=True)
class Concluded:
    """A document whose outcome has just been fixed, and the operations of its run, all final."""

    document: Document
    operations: Sequence[Operation]


def page_finished(ports: PollPorts, operation: Operation, deadline: float) -> None:
    """A page is final: its document no longer waits for it and, if it was the last, has been delivered or is due.

    Raises StoreUnavailable.
    """
    document = ports.documents.finish_page(operation.document_id, operation.run, operation.page)
    if document is not None and not document.unfinished:
        conclude_and_deliver(ports, document, deadline, (operation,) if document.pages == 1 else ())


def conclude_and_deliver(
    ports: PollPorts, document: Document, deadline: float, operations: Sequence[Operation] = ()
) -> None:
    """The outcome of a recognizing document is fixed and delivered, if every page is final. Raises StoreUnavailable."""
    concluded = conclude(ports, document, operations)
    if concluded is not None:
        deliver(ports, concluded.document, deadline, concluded.operations)


def conclude(ports: PollPorts, document: Document, operations: Sequence[Operation] = ()) -> Concluded | None:
    """Derives a recognizing document's next step from its operations. What there is to deliver, if delivery begins.

    `operations` are all of its run's, if they are at hand.
    """
    row: Document | None = document
    for _ in range(CONCLUDE_TRIES):
        if row is None or row.state is not DocumentState.RECOGNIZING:
            return None
        operations = operations or ports.documents.read_operations(row.id, row.run)
        moved = transition_document(ports, row, OperationsRead(tuple(operations)))
        if moved is not None:
            return Concluded(moved, operations) if moved.state is DocumentState.DELIVERING else None
        row, operations = ports.documents.read(row.id), ()
    return None


def deliver(ports: PollPorts, document: Document, deadline: float, operations: Sequence[Operation] = ()) -> bool:
    """Goes through the steps that are left. True: the document is final. Never raises.

    `deadline` is when this worker is ended by force; `operations` are those of the document's run, if they are at hand.
    Every step can be repeated, and is written on the row before it begins; so whoever goes on after a crash knows what
    may have happened.
    """
    held: Document | None = None
    try:
        held = transition_document(
            ports, document, Taken(ports.clock.token(), deadline + ports.policy.lease_margin_seconds)
        )
        if held is None or held.state is not DocumentState.DELIVERING:
            return False
        if held.step is Step.RENDER:
            # It comes due again with our lease, should the message be lost or come late: then it is of another rev.
            ports.render_function.invoke(Resume(held.id, held.rev))
            return False
        return finish(ports, held, deadline, operations)
    except NotOurs:
        return False
    except (StoreUnavailable, NoTimeLeft) as error:
        ports.journal.failed("delivery_failed", error, document=document.id)
        if held is not None:
            return_later(ports, held, failed=isinstance(error, StoreUnavailable))
    except Exception as error:  # noqa: BLE001 - ours, or no memory: the lease passes, the attempt counts, five fail it
        ports.journal.failed("delivery_died", error, document=document.id)
    return False


def finish(ports: DeliverPorts, document: Document, deadline: float, operations: Sequence[Operation] = ()) -> bool:
    """The steps that are left after rendering, of a document that we hold. True: it is final.

    `operations` are those of the document's run, if they are at hand. Raises NotOurs when it is no longer ours, and
    StoreUnavailable, NoTimeLeft and PageMissing.
    """
    lease_until = deadline + ports.policy.lease_margin_seconds
    newest: Newest | None = None
    if document.step is Step.FILES:
        write_files(ports, document, operations, deadline)
        document = begin_step(ports, document, Step.PUBLISH, lease_until)
    if document.step is Step.PUBLISH:
        newest = publish(ports, document, deadline)
        document = begin_step(ports, document, Step.NOTICE, lease_until)
    notify(ports, document, newest, operations)
    if transition_document(ports, document, NoticeAccepted()) is None:
        raise NotOurs
    ports.journal.counted("DocumentsFinished")
    return True


def return_later(ports: DeliverPorts, held: Document, failed: bool) -> None:
    """Leaves the delivery due again, if it is still ours; else its lease does."""
    wait = intervals.backoff_seconds(held.consecutive_failures, ports.clock.chance(), ports.policy) if failed else 0.0
    try:
        row = ports.documents.read(held.id)
        if row is not None and row.holder == held.holder and row.state is DocumentState.DELIVERING:
            transition_document(ports, row, Returned(ports.clock.now() + wait, failed))
    except StoreUnavailable as error:
        ports.journal.failed("return_failed", error, document=held.id)
