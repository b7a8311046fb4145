"""Before a document's pages are reserved: which of them need not be sent, so that they do not count against a cap."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from textdrop.core.documents import Document, Operation, OperationState
from textdrop.ports import SubmitPorts
from textdrop.usecases.ready import Ready, make_ready
from textdrop.usecases.sent import Later, Lost, Settled, SourceGone
from textdrop.usecases.side_by_side import side_by_side
from textdrop.usecases.source import PageSource
from textdrop.usecases.transitions import NotOurs


def settle_ahead(
    ports: SubmitPorts, document: Document, operations: Mapping[int, Operation], source: PageSource, until: float
) -> dict[int, Operation] | Later | SourceGone:
    """The operations, with those pages settled that need not be sent: they have text of their own, were sent before, or
    cannot be sent.

    After `until` no more pages are checked: `Later` if some were settled, as others may be next time. The document is
    held by us. Raises NotOurs and StoreUnavailable.
    """
    settled = dict(operations)
    if document.attempts > ports.policy.max_attempts // 2:
        # A page of it may have killed its workers: each page is opened when it is sent, so that all others get through.
        return settled
    gone: list[SourceGone] = []
    waiting = [
        operations.get(page) or Operation(document.id, document.run, page, OperationState.WAITING)
        for page in sorted(document.unfinished)
    ]
    side_by_side(
        ports.run_parallel,
        [
            partial(_settle, ports, document, row, source, until, settled, gone)
            for row in waiting
            if row.state is OperationState.WAITING
        ],
    )
    if gone:
        return gone[0]
    now = ports.clock.now()
    return Later(now, failed=False) if now >= until and settled != operations else settled


def _settle(
    ports: SubmitPorts,
    document: Document,
    row: Operation,
    source: PageSource,
    until: float,
    settled: dict[int, Operation],
    gone: list[SourceGone],
) -> None:
    if gone or ports.clock.now() >= until:
        return
    made = make_ready(ports, document, row, source)
    match made:
        case Ready(page):
            source.keep(row.page, page)
        case Settled(operation):
            settled[row.page] = operation
            if operation.final:
                ports.documents.finish_page(operation)
        case SourceGone():
            gone.append(made)
        case Lost():
            raise NotOurs
