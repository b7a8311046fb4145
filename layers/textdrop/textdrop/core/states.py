"""One function decides, for every row and everything that can be seen of it, what the row becomes.

The rules are tried from the top; the first whose `when` holds gives the next row. What is seen too late, of a row that
has changed since, changes nothing. Anything else is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from textdrop.core import observations as see
from textdrop.core.document_rules import DOCUMENT_RULES
from textdrop.core.documents import Document, DocumentState, Operation, OperationState
from textdrop.core.errors import TextdropError
from textdrop.core.operation_rules import OPERATION_RULES
from textdrop.core.policy import Policy
from textdrop.core.rules import Rule

Row = TypeVar("Row", Document, Operation)
RULES: tuple[Rule[Any, Any], ...] = DOCUMENT_RULES + OPERATION_RULES

LATE = "late"
"""The rule of a decision that changes nothing, because another worker was first."""

_ENDED = frozenset({OperationState.RECOGNIZED, OperationState.FAILED})
LATE_IN: Mapping[type, frozenset[DocumentState] | frozenset[OperationState]] = {
    see.Uploaded: frozenset(DocumentState),
    see.Taken: frozenset(DocumentState),
    see.Reserved: frozenset(DocumentState) - {DocumentState.RECOGNIZING, DocumentState.HELD},
    see.OperationsRead: frozenset(DocumentState) - {DocumentState.ACCEPTED, DocumentState.RECOGNIZING},
    see.Backfilled: frozenset(DocumentState),
    see.RetryAsked: frozenset(DocumentState) - {DocumentState.FINAL},
    see.RenderAsked: frozenset(DocumentState),
    see.Cancelled: frozenset(DocumentState) - {DocumentState.ACCEPTED, DocumentState.RECOGNIZING, DocumentState.HELD},
    see.DeleteAsked: frozenset({DocumentState.DELETING, DocumentState.DELETED}),
    see.Discarded: _ENDED,
    see.Accepted: _ENDED | {OperationState.RUNNING},
    see.NotTaken: frozenset(OperationState),
    see.Rejected: frozenset(OperationState),
    see.AnswerLost: frozenset(OperationState),
    see.Recognised: _ENDED,
    see.Unreadable: _ENDED,
    see.FailedInService: _ENDED,
    see.NotDone: _ENDED,
    see.AskFailed: _ENDED,
}
"""The states in which a row may be seen so without a rule for it: another worker was first."""


class NoRule(TextdropError):
    """Something was seen of a row that cannot happen: a mistake in this program. Nothing is written."""


@dataclass(frozen=True, slots=True)
class Decision(Generic[Row]):
    """What comes next. `row` is what to write; None: leave the row as it is (`rule` says why)."""

    rule: str
    row: Row | None


def decide_document(
    row: Document | None,
    seen: see.DocumentSeen,
    now: float,
    policy: Policy,
    rules: tuple[Rule[Document, Any], ...] | None = None,
) -> Decision[Document]:
    """What a document's row becomes; its `rev` is one higher. Raises NoRule."""
    rule = _first(DOCUMENT_RULES if rules is None else rules, row, seen, now, policy)
    after = None if rule is None else rule.then(row, seen, now, policy)
    if after is not None and row is not None:
        after = replace(after, rev=row.rev + 1)
    return Decision(LATE if rule is None else rule.id, after)


def decide_operation(
    row: Operation,
    seen: see.OperationSeen,
    now: float,
    policy: Policy,
    rules: tuple[Rule[Operation, Any], ...] | None = None,
) -> Decision[Operation]:
    """What an operation's row becomes. A page that has no row yet is given as `waiting`. Raises NoRule."""
    rule = _first(OPERATION_RULES if rules is None else rules, row, seen, now, policy)
    return Decision(LATE if rule is None else rule.id, None if rule is None else rule.then(row, seen, now, policy))


def _first(
    rules: tuple[Rule[Any, Any], ...], row: Document | Operation | None, seen: object, now: float, policy: Policy
) -> Rule[Any, Any] | None:
    """The rule that applies; None if the row has changed since it was seen so. Raises NoRule."""
    for rule in rules:
        if isinstance(seen, rule.seen) and rule.when(row, seen, now, policy):
            return rule
    if row is not None and row.state in LATE_IN.get(type(seen), ()):
        return None
    raise NoRule(f"no rule for {getattr(row, 'state', 'no row')} seen as {type(seen).__name__}")
