"""docs/mutation.md: its figures, from the last run of each module, and the survivors with their reasons."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from mutation import mutants, noise
from mutation.mutants import ROOT, Module
from mutation.running import Result
from mutation.survivors import Survivor

PAGE = ROOT / "docs" / "mutation.md"
FIGURES = Path(__file__).with_name("figures.json")
KINDS = {
    "ReplaceBinaryOperator": "another operator of arithmetic",
    "ReplaceComparisonOperator": "another comparison",
    "ReplaceUnaryOperator": "another sign, or none",
    "NumberReplacer": "a number one more or less",
    "AddNot": "a condition turned round",
    "ReplaceAndWithOr": "`and` for `or`",
    "ReplaceOrWithAnd": "`or` for `and`",
    "ReplaceTrueWithFalse": "`True` for `False`",
    "ReplaceFalseWithTrue": "`False` for `True`",
    "RemoveDecorator": "no decorator",
    "ExceptionReplacer": "an exception not caught",
    "ZeroIterationForLoop": "a loop never entered",
    "ReplaceContinueWithBreak": "`break` for `continue`",
    "ReplaceBreakWithContinue": "`continue` for `break`",
    "OmitStatement": "an effect left out (ours)",
    "OmitField": "a field of `replace` left out (ours)",
    "OmitCondition": "a part of a condition left out (ours)",
}


def kind(operator: str) -> str:
    """Which kind of change an operator makes."""
    return operator.partition("_")[0]


def figures_of(module: Module, results: Iterable[Result], left_out: dict[str, int]) -> dict[str, Any]:
    """What is kept of a module's run. `text` tells whether the module is still the one that was tried."""
    kinds: dict[str, list[int]] = {}
    seconds = 0.0
    for result in results:
        counts = kinds.setdefault(kind(result.mutant.operator), [0, 0])
        counts[0] += 1
        counts[1] += result.killer is not None
        seconds += result.cpu_seconds
    kept = {"kinds": dict(sorted(kinds.items())), "left_out": left_out, "cpu_seconds": round(seconds)}
    return {"text": module.digest[:16], **kept}


def load() -> dict[str, Any]:
    """The figures kept, by module: of those that are as they were when they were tried."""
    figures: dict[str, Any] = json.loads(FIGURES.read_text("utf-8"))
    texts = {name: mutants.load(name).digest[:16] for name in mutants.names()}
    return {name: kept for name, kept in figures.items() if name in texts and kept["text"] == texts[name]}


def keep(module: Module, figures: dict[str, Any]) -> None:
    """Puts a module's figures in the place of its last."""
    kept = dict(sorted({**load(), module.name: figures}.items()))
    FIGURES.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def counts(figures: dict[str, Any]) -> tuple[int, int]:
    """How many mutants of a module there were, and how many were killed."""
    kinds = figures["kinds"].values()
    return sum(count for count, _ in kinds), sum(killed for _, killed in kinds)


def share(figures: Iterable[dict[str, Any]]) -> float:
    """Which part of these modules' mutants was killed."""
    some = [counts(kept) for kept in figures]
    planted = sum(count for count, _ in some)
    return sum(killed for _, killed in some) / planted if planted else 1.0


def percent(count: int, killed: int) -> str:
    """As the page says it: never rounded up."""
    return f"{int(1000 * killed / count) / 10:.1f} %" if count else "–"


def module_table(figures: dict[str, Any]) -> str:
    """A line for each module, and for all."""
    rows, total, dead, seconds = [], 0, 0, 0
    for module, kept in figures.items():
        count, killed = counts(kept)
        total, dead, seconds = total + count, dead + killed, seconds + kept["cpu_seconds"]
        rows.append(f"| `{module}` | {count:,} | {count - killed} | {percent(count, killed)} |")
    rows.append(f"| all | {total:,} | {total - dead} | {percent(total, dead)} |")
    said = f"{seconds / max(total, 1):.2f} s of processor time a mutant, {seconds / 60:.0f} minutes in all."
    return "\n".join(["| module | mutants | survived | killed |", "| --- | --- | --- | --- |", *rows, "", said])


def kind_table(figures: dict[str, Any]) -> str:
    """A line for each kind of change."""
    planted: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    for kept in figures.values():
        for name, (count, dead) in kept["kinds"].items():
            planted[name] += count
            killed[name] += dead
    rows = [
        f"| {said} | {planted[name]:,} | {planted[name] - killed[name]} | {percent(planted[name], killed[name])} |"
        for name, said in KINDS.items()
        if planted[name]
    ]
    return "\n".join(["| instead | mutants | survived | killed |", "| --- | --- | --- | --- |", *rows])


def noise_table(figures: dict[str, Any]) -> str:
    """A line for each rule that leaves mutants out."""
    left_out: Counter[str] = Counter()
    for kept in figures.values():
        left_out.update(kept["left_out"])
    rows = [f"| {rule} | {left_out[rule]} | {why} |" for rule, why in noise.RULES.items()]
    return "\n".join(["| left out | mutants | because |", "| --- | --- | --- |", *rows])


def survivor_list(known: Iterable[Survivor]) -> str:
    """Every survivor, with its reason."""
    parts: list[str] = []
    module = ""
    for survivor in sorted(known, key=lambda one: one.module):
        if survivor.module != module:
            module = survivor.module
            parts.append(f"**`{module}`**\n")
        place = f"In `{survivor.scope}`: " if survivor.scope else ""
        becomes = "\n".join(f"  - `{changed}`" if changed else "  - nothing" for changed in survivor.becomes)
        parts.append(f"- {place}`{survivor.line}`\n{becomes}\n\n  {survivor.why}\n")
    return "\n".join(parts).rstrip()


def generated(text: str, figures: dict[str, Any], known: Iterable[Survivor]) -> str:
    """The page with its generated parts made anew. Raises ValueError if one is missing or unknown."""
    made = {
        "modules": module_table(figures),
        "kinds": kind_table(figures),
        "left out": noise_table(figures),
        "survivors": survivor_list(known),
    }
    if sorted(re.findall(r"<!-- generated: ([^(]*) \(", text)) != sorted(made):
        raise ValueError("each generated part once: " + ", ".join(made))
    for name, part in made.items():
        pattern = re.compile(rf"(<!-- generated: {name} \([^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(partial(_between, part), text)
    return text


def _between(part: str, found: re.Match[str]) -> str:
    return f"{found[1]}{part}\n{found[2]}"
