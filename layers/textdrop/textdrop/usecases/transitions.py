"""Writes what was decided, and logs it: the one place where rows change."""

from __future__ import annotations

from textdrop.core import states
from textdrop.core.documents import Document, Operation, Step
from textdrop.core.errors import TextdropError
from textdrop.core.observations import DocumentSeen, OperationSeen, StepBegins
from textdrop.ports import TransitionPorts


class NotOurs(TextdropError):
    """Another worker holds the document."""


def transition_document(ports: TransitionPorts, before: Document, seen: DocumentSeen) -> Document | None:
    """Decides and writes. The row afterwards; None when nothing was to be written, or another worker was first."""
    decision = states.decide_document(before, seen, ports.clock.now(), ports.policy)
    if decision.row is None or not ports.documents.write(before, decision.row):
        return None
    ports.journal.moved(decision.rule, decision.row)
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
    ports.journal.moved(decision.rule, decision.row)
    return decision.row


def begin_step(ports: TransitionPorts, document: Document, step: Step, lease_until: float) -> Document:
    """The document at its delivery's next step. Raises NotOurs."""
    begun = transition_document(ports, document, StepBegins(step, lease_until))
    if begun is None:
        raise NotOurs
    return begun
