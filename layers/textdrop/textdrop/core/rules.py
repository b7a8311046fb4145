"""What a rule of the state table is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from textdrop.core.policy import Policy

Row = TypeVar("Row")
Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Rule(Generic[Row, Seen]):
    """`when` says whether the rule applies to a row and what was seen of it; `then` makes the next row (or None: the
    row stays as it is). `id` is the name of `then`, whose docstring states the rule."""

    id: str
    seen: type[Seen]
    when: Callable[[Row, Seen, float, Policy], bool]
    then: Callable[[Row, Seen, float, Policy], Row | None]


class RuleTable(Generic[Row]):
    """Rules in the order in which they are tried."""

    def __init__(self) -> None:
        self.rules: list[Rule[Row, Any]] = []

    def on(
        self, seen: type[Seen], when: Callable[[Row, Seen, float, Policy], bool]
    ) -> Callable[[Callable[[Row, Seen, float, Policy], Row | None]], Callable[[Row, Seen, float, Policy], Row | None]]:
        """Makes the decorated function the next rule: what a row becomes when this is seen of it and `when` holds."""

        def add(
            then: Callable[[Row, Seen, float, Policy], Row | None],
        ) -> Callable[[Row, Seen, float, Policy], Row | None]:
            self.rules.append(Rule(then.__name__, seen, when, then))
            return then

        return add
