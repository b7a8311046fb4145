"""What a rule of the state table is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textdrop.core.policy import Policy

# Rows and observations differ by rule; `decide_document` and `decide_operation` give them back their types.
When = Callable[[Any, Any, float, Policy], bool]
Then = Callable[[Any, Any, float, Policy], Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """`when` says whether the rule applies to a row and what was seen of it, `then` makes the next row (or None)."""

    id: str
    sentence: str
    seen: type
    when: When
    then: Then


def always(row: Any, seen: Any, now: float, policy: Policy) -> bool:
    return True


def unchanged(row: Any, seen: Any, now: float, policy: Policy) -> None:
    return None


def is_in(*states: Any) -> When:
    return lambda row, seen, now, policy: row.state in states
