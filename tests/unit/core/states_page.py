"""Makes the generated parts of docs/states.md; COMMAND writes them.

Each rule's states, and the diagrams' arrows, come of running the rules: every row of the examples is shown to them seen
in every way of the examples. A rule that decides a row that it should not touch shows on the page.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from textdrop.core import observations as see
from textdrop.core import states
from textdrop.core.document_rules import DOCUMENT_RULES
from textdrop.core.documents import Document, DocumentState, Operation, OperationState
from textdrop.core.operation_rules import OPERATION_RULES
from textdrop.core.rules import Rule
from unit.core.test_states import EXAMPLES, NOW, POLICY

PAGE = Path(__file__).resolve().parents[3] / "docs" / "states.md"
COMMAND = "PYTHONPATH=layers/textdrop:tests .venv/bin/python -m unit.core.states_page"
NO_ROW = "no row"

Row = Document | Operation


@dataclass(frozen=True)
class Run:
    """A row seen in a way, and what a rule made of it (None: left as it is)."""

    rule: str
    before: Row | None
    seen: Any
    after: Row | None


def runs(rules: Sequence[Rule[Any, Any]]) -> Iterator[Run]:
    """Every row and every observation of these rules' examples together; what cannot happen is left out."""
    about = see.OperationSeen if issubclass(rules[0].seen, see.OperationSeen) else see.DocumentSeen
    own = [example for example in EXAMPLES if isinstance(example.seen, about)]
    for row in [example.row for example in own]:
        for seen in [example.seen for example in own]:
            if row is None and not isinstance(seen, see.Uploaded | see.Backfilled):
                continue
            try:
                decide: Any = states.decide_operation if isinstance(row, Operation) else states.decide_document
                decision = decide(row, seen, NOW, POLICY, tuple(rules))
            except states.NoRule:
                continue
            yield Run(decision.rule, row, seen, decision.row)


# --- the table --------------------------------------------------------------------------------------------------------


def table(rules: Sequence[Rule[Any, Any]], order: Sequence[str]) -> str:
    """The rules by what is seen, in the order in which they are tried."""
    made = list(runs(rules))
    parts = []
    for seen in dict.fromkeys(rule.seen for rule in rules):
        rows = [f"**{seen.__name__}**. {_what(seen)}", "", "| rule | a row that is | in words | becomes | and is due |"]
        rows.append("| --- | --- | --- | --- | --- |")
        rows += [
            _line(rule, [run for run in made if run.rule == rule.id], order) for rule in rules if rule.seen is seen
        ]
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def _line(rule: Rule[Any, Any], made: Sequence[Run], order: Sequence[str]) -> str:
    if not made:
        raise ValueError(f"the rule {rule.id} decides nothing of what the examples show")
    before = _listed({_state(run.before) for run in made}, order)
    written = [run for run in made if run.after is not None]
    if not written:
        return f"| `{rule.id}` | {before} | {_what(rule.then)} | unchanged | as before |"
    same = all(_state(run.before) == _state(run.after) for run in written)
    after = "the same" if same else _listed({_state(run.after) for run in written}, order)
    dues = list(dict.fromkeys(_due(run) for run in written))
    return f"| `{rule.id}` | {before} | {_what(rule.then)} | {after} | {' or '.join(dues)} |"


def _what(described: object) -> str:
    return " ".join(inspect.cleandoc(described.__doc__ or "").split())


def _listed(found: set[str], order: Sequence[str]) -> str:
    shown = [state for state in [NO_ROW, *order] if state in found]
    return ", ".join(state if state == NO_ROW else f"`{state}`" for state in shown)


def _state(row: Row | None) -> str:
    return NO_ROW if row is None else str(row.state)


def _due(run: Run) -> str:
    """The row's due time after a rule, in words."""
    before, seen, after = run.before, run.seen, run.after
    assert after is not None
    if after.due_at is None:
        return "never" if isinstance(after, Document) or after.final else "with its document"
    kind = f"`{after.due_kind}` "
    given: Mapping[str, float | None] = {
        "at the lease's end": getattr(seen, "lease_until", None),
        "when it was asked to be": getattr(seen, "due_at", None),
        "now": NOW,
        f"in {POLICY.recheck_seconds / 60:.0f} minutes": NOW + POLICY.recheck_seconds,
        "by when it was accepted, the oldest first": getattr(before, "accepted_at", None),
        "when nobody can be at work on it any more": getattr(after, "sweep_at", None),
    }
    if before is not None and (before.due_kind, before.due_at) == (after.due_kind, after.due_at):
        return "as before"
    for words, at in given.items():
        if at == after.due_at:
            return kind + words
    raise ValueError(f"no words for when {run.rule} makes a row due")


# --- the diagrams -----------------------------------------------------------------------------------------------------


def diagram(rules: Sequence[Rule[Any, Any]], first: str, last: Sequence[str], order: Sequence[str]) -> str:
    """The states and what moves a row from one to the next, or writes it anew, as a Mermaid diagram."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for run in runs(rules):
        if run.after is not None:
            named = arrows.setdefault((_state(run.before), _state(run.after)), [])
            if run.rule not in named:
                named.append(run.rule)
    ids = [rule.id for rule in rules]
    lines = ["```mermaid", "stateDiagram-v2"]
    if not any(before == NO_ROW for before, _ in arrows):
        lines.append(f"    [*] --> {first}")
    for (before, after), named in sorted(arrows.items(), key=lambda arrow: _place(arrow[0], order)):
        start = "[*]" if before == NO_ROW else before
        lines.append(f"    {start} --> {after}: {', '.join(sorted(named, key=ids.index))}")
    lines += [f"    {state} --> [*]" for state in last]
    return "\n".join([*lines, "```"])


def _place(arrow: tuple[str, str], order: Sequence[str]) -> tuple[int, int]:
    places = [NO_ROW, *order]
    return places.index(arrow[0]), places.index(arrow[1])


# --- the numbers ------------------------------------------------------------------------------------------------------


def numbers() -> str:
    """What "too often" and "too long" mean."""
    hours, minutes, days = 3600.0, 60.0, 86_400.0
    base, each_page = POLICY.deadline_base_seconds, POLICY.deadline_page_seconds
    meanings = {
        "workers died too often": f"{POLICY.max_attempts} times, without an orderly return in between",
        "rendering died or failed too often": (
            f"died {POLICY.render_attempts} times, or failed {POLICY.render_failures} times in a row"
        ),
        "too many unconfirmed submits": f"{POLICY.max_unconfirmed} of a page",
        "again and again": f"{POLICY.max_breakdowns} times",
        "may not be read for too long": f"{POLICY.forbidden_seconds / hours:.0f} hours from the run's beginning",
        "keeps a backfill waiting": f"failed {POLICY.max_backfill_failures} times in a row before",
        "can be at work any more": f"{POLICY.longest_lease_seconds / minutes:.0f} minutes after the request",
        "the document's deadline": f"{base / minutes:.0f} minutes and {each_page:.0f} seconds a page",
        "after the service forgot its result": f"{POLICY.result_kept_seconds / days:.0f} days after it took the page",
        "a backoff": (
            f"{POLICY.backoff_first_seconds:.0f} s at first, then by chance up to a bound that doubles each time, "
            f"{POLICY.max_backoff_seconds:.0f} s at most"
        ),
    }
    return "\n".join(
        ["| words | meaning |", "| --- | --- |", *(f"| {words} | {what} |" for words, what in meanings.items())]
    )


def late() -> str:
    """In which states what is seen too late changes nothing."""
    rows = ["| seen of a row that is | |", "| --- | --- |"]
    for seen, found in states.LATE_IN.items():
        order = _DOCUMENT if isinstance(next(iter(found)), DocumentState) else _OPERATION
        rows.append(f"| {seen.__name__} | {_listed({str(state) for state in found}, order)} |")
    return "\n".join(rows)


# --- the page ---------------------------------------------------------------------------------------------------------

_DOCUMENT = [str(state) for state in DocumentState]
_OPERATION = [str(state) for state in OperationState]
PARTS: Mapping[str, Callable[[], str]] = {
    "document diagram": lambda: diagram(DOCUMENT_RULES, "accepted", ["final", "deleted"], _DOCUMENT),
    "document rules": lambda: table(DOCUMENT_RULES, _DOCUMENT),
    "operation diagram": lambda: diagram(OPERATION_RULES, "waiting", ["recognized", "failed"], _OPERATION),
    "operation rules": lambda: table(OPERATION_RULES, _OPERATION),
    "late": late,
    "numbers": numbers,
}
"""The generated parts by name."""


def generated(text: str) -> str:
    """The page with its generated parts made anew. Raises ValueError when a part is missing, twice or unknown."""
    if sorted(re.findall(rf"<!-- generated: ([^(]*) \({re.escape(COMMAND)}\) -->", text)) != sorted(PARTS):
        raise ValueError(f"docs/states.md must have each generated part once: {', '.join(sorted(PARTS))}")
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- generated: {name} \([^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(partial(_filled, make()), text)
    return text


def _filled(content: str, part: re.Match[str]) -> str:
    return f"{part[1]}{content}\n{part[2]}"


def main() -> None:
    PAGE.write_text(generated(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
