"""One function decides, for every row and everything that can be seen of it, what the row becomes.

A decision goes through the rules from the top; the first whose `when` holds gives the next row. Each rule has an id,
used in code, logs and docs alike, and a sentence. What no rule matches is an error, said aloud.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from textdrop.core import observations as see
from textdrop.core.document_rules import DOCUMENT_RULES
from textdrop.core.documents import Document, Operation
from textdrop.core.errors import TextdropError
from textdrop.core.operation_rules import OPERATION_RULES
from textdrop.core.policy import Policy
from textdrop.core.rules import Rule

Row = TypeVar("Row", Document, Operation)
RULES: tuple[Rule, ...] = DOCUMENT_RULES + OPERATION_RULES


class NoRule(TextdropError):
    """A row was seen in a way that cannot happen: a mistake in this program. Nothing is written."""


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
    rules: tuple[Rule, ...] | None = None,
) -> Decision[Document]:
    """What becomes of a document's row. Raises NoRule."""
    rule = _first(DOCUMENT_RULES if rules is None else rules, row, seen, now, policy)
    return Decision(rule.id, rule.then(row, seen, now, policy))


def decide_operation(
    row: Operation,
    seen: see.OperationSeen,
    now: float,
    policy: Policy,
    rules: tuple[Rule, ...] | None = None,
) -> Decision[Operation]:
    """What becomes of an operation's row. A page that has no row yet is given as `waiting`. Raises NoRule."""
    rule = _first(OPERATION_RULES if rules is None else rules, row, seen, now, policy)
    return Decision(rule.id, rule.then(row, seen, now, policy))


def _first(rules: tuple[Rule, ...], row: object, seen: object, now: float, policy: Policy) -> Rule:
    for rule in rules:
        if isinstance(seen, rule.seen) and rule.when(row, seen, now, policy):
            return rule
    raise NoRule(f"no rule for {getattr(row, 'state', 'no row')} seen as {type(seen).__name__}")
