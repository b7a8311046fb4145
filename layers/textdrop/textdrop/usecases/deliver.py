"""Concludes a document whose pages are final, and delivers it: files, then published names, then the notice.

Where outputs are asked for, poll hands the document to the render function before that, which then continues here.
"""

from __future__ import annotations

from collections.abc import Sequence

from textdrop.core.documents import (
    Document,
    DocumentState,
    Newest,
    Operation,
    Resume,
    Step,
)
from textdrop.core.errors import StoreUnavailable
from textdrop.core.observations import DocumentSeen, NoticeAccepted, OperationsRead, StepBegins, Taken
from textdrop.ports import DeliverPorts, PollPorts
from textdrop.usecases.files import write_files
from textdrop.usecases.publish import notify, publish
from textdrop.usecases.time_left import NoTimeLeft
from textdrop.usecases.transitions import NotOurs, return_later, transition_document, transition_held

CONCLUDE_TRIES = 5


def page_finished(ports: PollPorts, operation: Operation, deadline: float) -> None:
    """A page is final: its document no longer waits for it and, if it was the last, has been delivered or is due.

    Raises StoreUnavailable.
    """
    document = ports.documents.finish_page(operation)
    if document is not None and not document.unfinished:
        conclude_and_deliver(ports, document, deadline, (operation,) if document.pages == 1 else ())


def conclude_and_deliver(
    ports: PollPorts, document: Document, deadline: float, operations: Sequence[Operation] = ()
) -> None:
    """The outcome of a recognizing document is fixed and delivered, if every page is final; else it is due as its
    operations say, which are all of its run's, if they are at hand. Raises StoreUnavailable."""
    row: Document | None = document
    for _ in range(CONCLUDE_TRIES):
        if row is None or row.state is not DocumentState.RECOGNIZING:
            return
        operations = operations or ports.documents.read_operations(row.id, row.run)
        after = transition_document(ports, row, OperationsRead(tuple(operations)))
        if after is not None:
            if after.state is DocumentState.DELIVERING:
                deliver(ports, after, deadline, operations)
            return
        row, operations = ports.documents.read(row.id), ()


def deliver(ports: PollPorts, document: Document, deadline: float, operations: Sequence[Operation] = ()) -> None:
    """Goes through the steps that are left. Never raises.

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
            return
        if held.step is Step.RENDER:
            # It comes due again with our lease, should the message be lost or come late: then it is of another rev.
            ports.render_function.invoke(Resume(held.id, held.rev))
        else:
            finish(ports, held, deadline, operations)
    except NotOurs:
        return
    except (StoreUnavailable, NoTimeLeft) as error:
        ports.journal.failed("delivery_failed", error, document=document.id)
        if held is not None:
            return_later(ports, held, failed=isinstance(error, StoreUnavailable))
    except Exception as error:  # noqa: BLE001 - ours, or no memory: the lease passes, the attempt counts, five fail it
        ports.journal.failed("delivery_died", error, document=document.id)


def finish(ports: DeliverPorts, document: Document, deadline: float, operations: Sequence[Operation] = ()) -> None:
    """The steps that are left after rendering, of a document that we hold; it is final afterwards.

    `operations` are those of the document's run, if they are at hand. Raises NotOurs when it is no longer ours, and
    StoreUnavailable, NoTimeLeft and PageMissing.
    """
    lease_until = deadline + ports.policy.lease_margin_seconds
    newest: Newest | None = None
    done: DocumentSeen
    while document.state is DocumentState.DELIVERING:
        match document.step:
            case Step.FILES:
                write_files(ports, document, operations, deadline)
                done = StepBegins(Step.PUBLISH, lease_until)
            case Step.PUBLISH:
                newest = publish(ports, document, deadline)
                done = StepBegins(Step.NOTICE, lease_until)
            case _:
                notify(ports, document, newest, operations)
                done = NoticeAccepted()
        document = transition_held(ports, document, done)
    ports.journal.counted("DocumentsFinished")
