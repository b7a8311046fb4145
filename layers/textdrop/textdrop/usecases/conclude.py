"""Fixes the outcome of a document whose pages are final; then the document is to be delivered."""

from __future__ import annotations

from collections.abc import Sequence

from textdrop.core.documents import Document, DocumentState, DueKind, Operation
from textdrop.core.observations import OperationsRead
from textdrop.ports import PollPorts
from textdrop.usecases.transitions import transition_document

CONCLUDE_TRIES = 5


def page_finished(ports: PollPorts, operation: Operation) -> Document | None:
    """A page is final: its document no longer waits for it and, if it was the last one, has its outcome. The document
    is returned if it is to be delivered. Raises StoreUnavailable."""
    document = ports.documents.finish_page(operation)
    if document is None or document.unfinished:
        return None
    return conclude(ports, document, (operation,) if document.pages == 1 else ())


def send_again(ports: PollPorts, operation: Operation) -> None:
    """A page that an earlier run paid for has to be sent after all: its document is due for submitting. A worker that
    has the document now reads the operations before it returns. Raises StoreUnavailable."""
    document = ports.documents.read(operation.document_id)
    if document is not None and document.run == operation.run and document.due_kind is DueKind.RECHECK:
        conclude(ports, document)


def conclude(ports: PollPorts, document: Document, operations: Sequence[Operation] = ()) -> Document | None:
    """A recognizing document whose pages are all final has its outcome, and is returned. Otherwise it is due as its
    operations require. `operations` are all of its run's, if they are at hand. Raises StoreUnavailable."""
    row: Document | None = document
    for _ in range(CONCLUDE_TRIES):
        if row is None or row.state is not DocumentState.RECOGNIZING:
            return None
        operations = operations or ports.documents.read_operations(row.id, row.run)
        after = transition_document(ports, row, OperationsRead(tuple(operations)))
        if after is not None:
            return after if after.state is DocumentState.DELIVERING else None
        row, operations = ports.documents.read(row.id), ()
    return None
