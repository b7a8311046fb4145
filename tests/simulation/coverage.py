"""What histories reached: rules of the state table, states and transitions, acts, and what went wrong at each call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fakes.faults import every_call
from simulation.history import History
from simulation.stack import POLICY
from textdrop.core import states
from textdrop.core.documents import DocumentState

UNREACHABLE: dict[str, str] = {}
"""Rules that are there so that every row has an answer, though no use case can come to them; and why."""

UNCALLED = {
    "tick.read": "a tick takes the row and submit wakes it, which both tell them how it is; only tests look",
}
"""Calls that no use case of the histories makes; and why."""
SELDOM = dict.fromkeys(
    ("ledger.history", "sums.read", "sums.write"), "reconcile sums at its end; the summary's tests fail every call"
) | {"newest.replace": "few are delivered after a newer upload was deleted; the tests of deleting fail it"}
"""Calls that need not meet everything here; and why."""
MISHAPS = ("store before", "store after", "kill before", "kill after", "hold", "lost")
"""What every call is to meet: a failure, a death and a stall of its worker, and an answer that is lost."""


@contextmanager
def counting(counts: Counter[str]) -> Iterator[None]:
    """Within it, every decision is counted: its rule, and from which state to which."""
    document, operation = states.decide_document, states.decide_operation

    def counted(decide: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def call(row: Any, *rest: Any) -> Any:
            decision = decide(row, *rest)
            counts[f"rule {decision.rule}"] += 1
            if decision.row is not None:
                counts[f"{kind} {'new' if row is None else row.state} → {decision.row.state}"] += 1
            return decision

        return call

    states.decide_document = counted(document, "document")
    states.decide_operation = counted(operation, "operation")
    try:
        yield
    finally:
        states.decide_document, states.decide_operation = document, operation


def of(history: History) -> Counter[str]:
    """What this history met, and how its documents ended."""
    counts = Counter(history.counts)
    counts["histories"] += 1
    counts["threads" if history.stack.threads else "no threads"] += 1
    counts["bucket with versions" if history.stack.versioned else "bucket without versions"] += 1
    counts["outcome of a deleted document"] += sum(
        row.state is DocumentState.DELETED for row in history.world.documents.rows.values()
    )
    for row in history.finals.values():
        again = "" if row.run == 1 else " of a later run"
        counts[f"outcome {row.outcome}{again}" + (f": {row.problem.reason}" if row.problem else "")] += 1
        for rendering in row.renderings:
            counts[f"rendering {rendering.output} " + ("made" if rendering.files else "missing")] += 1
    for take in (take for takes in history.takes.values() for take in takes if take.gave_up_outputs):
        failed = take.before.consecutive_failures >= POLICY.render_failures
        counts["rendering given up after " + ("failures" if failed else "deaths")] += 1
    counts["message redriven"] += len(history.world.dead_letters.redriven)
    counts["message kept as dead letter"] += len(history.world.dead_letters.letters)
    counts["message of reconcile"] += len(history.world.uploads_queue.sent)
    for operation in history.world.documents.operations.values():
        if operation.problem is not None:
            counts[f"page failed: {operation.problem.reason}"] += 1
    return counts


def rare_rules(counts: Counter[str], least: int) -> list[str]:
    """The ids of the rules that came less than so often."""
    return [rule.id for rule in states.RULES if counts[f"rule {rule.id}"] < least]


def unmet(counts: Counter[str]) -> list[str]:
    """What some call never met, of `MISHAPS`, each as "kind call"."""
    calls = [call for call in every_call() if call not in UNCALLED.keys() | SELDOM.keys()]
    both = [(kind, call) for call in calls for kind in MISHAPS if can_meet(kind, call)]
    return [f"{kind} {call}" for kind, call in both if not met(counts, kind, call)]


def met(counts: Counter[str], kind: str, call: str) -> int:
    """How often a call met it."""
    moments = [kind.partition(" ")[2]] if " " in kind else ["before", "after", "lost"]
    return sum(counts[f"{kind.partition(' ')[0]} {call} {when}"] for when in moments)


def can_meet(kind: str, call: str) -> bool:
    """Whether there is such a mishap: the OCR service fails in ways of its own, which are counted as its answers."""
    return not (call.startswith("ocr.") and kind.startswith(("store", "lost")))


def report(counts: Counter[str]) -> list[str]:
    """All of it, in lines."""
    lines: list[str] = []
    _table(lines, "acts", counts, "act ")
    _table(lines, "answers of the OCR service", counts, "answer ")
    lines += ["", "mishaps, by kind and moment"]
    kinds: Counter[str] = Counter()
    for name, count in counts.items():
        if name.split()[0] in ("kill", "hold", "store", "forbidden", "lost", "index", "clock"):
            kinds[f"{name.split()[0]} {name.split()[-1]}"] += count
    lines += [f"  {count:>10,}  {kind}" for kind, count in sorted(kinds.items())]
    lines += [f"  {counts['went on']:>10,}  went on after a hold"]
    lines += ["", "mishaps, by call" + " " * 12 + "".join(f"{kind:>13}" for kind in MISHAPS)]
    for call in every_call():
        lines.append(f"  {call:<26}" + "".join(f"{met(counts, kind, call):>13,}" for kind in MISHAPS))
    _table(lines, "events of uploads", counts, "event ")
    _table(lines, "renderings", counts, "rendering ")
    _table(lines, "messages", counts, "message ")
    _table(lines, "transitions of documents", counts, "document ")
    _table(lines, "transitions of operations", counts, "operation ")
    _table(lines, "outcomes", counts, "outcome ")
    _table(lines, "pages", counts, "page failed: ")
    lines += ["", "rules of the state table, decided"]
    lines += [f"  {counts[f'rule {rule.id}']:>10,}  {rule.id}" for rule in states.RULES]
    return lines


def _table(lines: list[str], title: str, counts: Counter[str], prefix: str) -> None:
    found = sorted((name, count) for name, count in counts.items() if name.startswith(prefix))
    lines += ["", title, *(f"  {count:>10,}  {name.removeprefix(prefix)}" for name, count in found)]
