"""Reserves a document's pages within the caps, and gives back what was not sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from textdrop.core import billing, caps
from textdrop.core import observations as see
from textdrop.core.caps import Answer, Caps, Reservation, Used
from textdrop.core.documents import Document, DueKind, Hold, Operation, OperationState, Period
from textdrop.core.errors import StoreUnavailable
from textdrop.core.ledger import day
from textdrop.ports import DeliverPorts, Reservations, SubmitPorts, TransitionPorts
from textdrop.usecases.transitions import (
    NotOurs,
    transition_document,
    transition_held,
    transition_operation,
    transition_reserving,
)

TRIES = 3
ENTRIES_A_READ = 100


def has_room(document: Document, operations: Mapping[int, Operation], now: float) -> bool:
    """Whether the document has reserved everything that is to be sent. `operations` are all of its run's, by page."""
    return _reservation(document, operations, day(now)) is None


def with_unconfirmed(
    ports: TransitionPorts, document: Document, operations: Mapping[int, Operation]
) -> dict[int, Operation]:
    """The operations, by page, after what earlier workers may have sent was counted as unconfirmed.

    So a late answer of theirs cannot lower the count of a day that has ended. Raises StoreUnavailable.
    """
    counted = dict(operations)
    for page in operations:
        while (before := counted[page]).state is OperationState.SUBMITTING:
            after = transition_operation(ports, before, see.Considered(document.rev, 0, 0.0, 0.0))
            if after is None:
                after = ports.documents.read_operation(before.document_id, before.run, page)
            elif after is not before:
                ports.journal.counted("SubmitsUnconfirmed")
            if after is None or after == before:
                raise NotOurs
            counted[page] = after
    return counted


def reserve(ports: SubmitPorts, limits: Caps, held: Document, operations: Mapping[int, Operation]) -> Document:
    """The document, which we hold, with room today for all that is to be sent; or, without room, with what it has left
    of today, or on its way to be held.

    `operations` are all of its run's, by page. Raises NotOurs and StoreUnavailable.
    """
    needed = _needed(held, operations)
    asked = _reservation(held, operations, day(ports.clock.now()))
    if asked is None:
        return held
    has_some = asked.changes[asked.day] < needed
    for _ in range(TRIES):
        hold = None if held.released else _hold(ports, limits, asked, needed)
        if hold is not None:
            return held if has_some else transition_held(ports, held, see.OverCap(hold))
        within = None if held.released else limits
        seen = see.Reserved(asked.submits, asked.day)
        answer = transition_reserving(ports, ports.reservations, held, seen, asked.changes, within)
        if isinstance(answer, Document):
            return answer
        if answer is Answer.LOST:
            raise NotOurs
        # Others took the room between the read and the write.
    raise StoreUnavailable("others reserve pages again and again at the same time")


def _needed(document: Document, operations: Mapping[int, Operation]) -> int:
    """How many of its pages are to be sent."""
    settled = {page for page, operation in operations.items() if operation.final or operation.sent}
    return len(document.unfinished - settled)


def _reservation(document: Document, operations: Mapping[int, Operation], today: str) -> Reservation | None:
    made = billing.submits(tuple(operations.values()))
    return caps.reservation(document, made, _needed(document, operations), today)


def _hold(ports: SubmitPorts, limits: Caps, asked: Reservation, needed: int) -> Hold | None:
    """Why the document is to be held, as far as a read can tell; None if there is room."""
    used = ports.reservations.read(asked.day)
    hold = caps.hold(limits, used, asked, needed)
    if hold is None and used.is_new and _others_wait(ports, limits, used, asked.day):
        # Nobody has sent anything on this day yet: those who have waited for it come first.
        period = Period.DAY if limits.pages_per_day else Period.MONTH
        return Hold(period, needed, cap=limits.most(period))
    return hold


def _others_wait(ports: TransitionPorts, limits: Caps, used: Used, today: str) -> bool:
    """Whether held documents have room today."""
    return any(
        caps.certain_hold(limits, used, document, today) is None
        for documents in waiting(ports)
        for document in documents
    )


def waiting(ports: TransitionPorts) -> Iterator[Sequence[Document]]:
    """The documents that are held, and whose message was sent, the oldest first, a hundred at a time. One that was held
    or released just now may be missing, or among them. Raises StoreUnavailable."""
    since = 0.0
    while True:
        entries = ports.documents.due(DueKind.HELD, ports.clock.now(), ENTRIES_A_READ, since)
        rows = ports.documents.read_many([entry.document_id for entry in entries])
        found = [rows[entry.document_id] for entry in entries if entry.document_id in rows]
        yield [row for row in found if row.due_kind is DueKind.HELD]
        if len(entries) < ENTRIES_A_READ or entries[-1].due_at == since:
            return
        since = entries[-1].due_at


def release(
    ports: TransitionPorts,
    reservations: Reservations,
    limits: Caps,
    document: Document,
    *,
    by_hand: bool,
    after_live: bool,
) -> Document | Hold | Answer:
    """A held document is due for submitting afterwards, with room for its pages; by hand, whatever the caps. Otherwise
    why it has no room, or what became of it. Raises StoreUnavailable."""
    needed = document.hold.pages if document.hold else 0
    today = day(ports.clock.now())
    rows = {row.page: row for row in ports.documents.read_operations(document.id, document.run)}
    try:
        made = billing.submits(tuple(with_unconfirmed(ports, document, rows).values()))
    except NotOurs:
        return Answer.LOST
    asked = caps.reservation(document, made, needed, today) if limits.is_on else None
    if asked is None:
        seen = see.Reserved(document.reserved, document.reserved_on, by_hand, after_live)
        return transition_document(ports, document, seen) or Answer.LOST
    hold = None if by_hand else caps.hold(limits, reservations.read(today), asked, needed)
    if hold is not None:
        return hold
    seen = see.Reserved(asked.submits, asked.day, by_hand, after_live)
    return transition_reserving(ports, reservations, document, seen, asked.changes, None if by_hand else limits)


def give_back(ports: DeliverPorts, held: Document, made: int) -> Document:
    """The document, which we hold and which has made so many submits, has nothing reserved beyond them.

    Raises NotOurs and StoreUnavailable.
    """
    changes = caps.given_back(held, made)
    if not changes:
        return held
    answer = transition_reserving(ports, ports.reservations, held, see.GivenBack(made), changes, None)
    if not isinstance(answer, Document):
        raise NotOurs
    return answer
