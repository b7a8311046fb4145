"""Writes what was decided, and logs it: the one place where rows change."""

from __future__ import annotations

from collections.abc import Mapping

from textdrop.core import intervals, states
from textdrop.core.caps import Answer, Caps
from textdrop.core.documents import Document, Operation
from textdrop.core.errors import StoreUnavailable, TextdropError
from textdrop.core.observations import DocumentSeen, OperationSeen, Returned
from textdrop.ports import Reservations, TransitionPorts


class NotOurs(TextdropError):
    """Another worker holds the document."""


def transition_document(ports: TransitionPorts, before: Document, seen: DocumentSeen) -> Document | None:
    """Decides and writes. The row afterwards; None when nothing was to be written, or another worker was first."""
    decision = states.decide_document(before, seen, ports.clock.now(), ports.policy)
    if decision.row is None or not ports.documents.write(before, decision.row):
        return None
    ports.journal.transition(decision.rule, decision.row)
    return decision.row


def transition_reserving(
    ports: TransitionPorts,
    reservations: Reservations,
    before: Document,
    seen: DocumentSeen,
    changes: Mapping[str, int],
    caps: Caps | None,
) -> Document | Answer:
    """Decides and writes, together with the change of the reserved pages: both or neither.

    The row afterwards; OVER when a cap has no room, LOST when nothing was to be written, or another worker was first.
    """
    decision = states.decide_document(before, seen, ports.clock.now(), ports.policy)
    if decision.row is None:
        return Answer.LOST
    answer = reservations.write(before, decision.row, changes, caps)
    if answer is not Answer.WRITTEN:
        return answer
    ports.journal.transition(decision.rule, decision.row)
    return decision.row


def transition_operation(ports: TransitionPorts, before: Operation, seen: OperationSeen) -> Operation | None:
    """Decides and writes. The row afterwards (`before` when nothing was to be written); None when another worker was
    first, so that the row must be read again."""
    decision = states.decide_operation(before, seen, ports.clock.now(), ports.policy)
    if decision.row is None:
        return before
    # Every stored row carries its holder's rev, so one without has not been stored yet.
    if not ports.documents.write_operation(before if before.holder_rev else None, decision.row):
        return None
    ports.journal.transition(decision.rule, decision.row)
    return decision.row


def transition_held(ports: TransitionPorts, held: Document, seen: DocumentSeen) -> Document:
    """The next row of a document that we hold, which is written. Raises NotOurs."""
    after = transition_document(ports, held, seen)
    if after is None:
        raise NotOurs
    return after


def return_later(ports: TransitionPorts, held: Document, *, failed: bool) -> None:
    """Makes the document due again, after a backoff if something failed, if it is still ours; otherwise its lease
    brings it back."""
    wait = intervals.backoff_seconds(held.consecutive_failures, ports.clock.chance(), ports.policy) if failed else 0.0
    try:
        row = ports.documents.read(held.id)
        if row is not None and row.holder == held.holder and row.due_kind is held.due_kind:
            transition_document(ports, row, Returned(ports.clock.now() + wait, failed))
    except StoreUnavailable as error:
        ports.journal.failed("return_failed", error, document=held.id)
