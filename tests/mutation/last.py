"""What the last run of each module came to: kept under .local, so that the next need not begin at nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

from mutation.mutants import Module, Mutant
from mutation.reach import STORE, put
from mutation.running import Result


def killers(module: Module) -> list[str]:
    """The tests that killed, as often as they did; also of a module that has changed since."""
    return [killer for *_, killer, _ in _read(module)[1] if killer]


def results(module: Module) -> dict[Mutant, Result]:
    """By mutant. None of a module that has changed since."""
    digest, rows = _read(module)
    if digest != module.digest:
        return {}
    found = {}
    for operator, start, end, new, killer, cpu_seconds in rows:
        mutant = Mutant(operator, start, end, new)
        found[mutant] = Result(mutant, killer, cpu_seconds)
    return found


def keep(module: Module, done: Iterable[Result]) -> None:
    """Instead of what was kept of this module."""
    rows = [[*astuple(result.mutant), result.killer, result.cpu_seconds] for result in done]
    STORE.mkdir(parents=True, exist_ok=True)
    put(_file(module), json.dumps({"digest": module.digest, "results": rows}))


def _read(module: Module) -> tuple[str, list[tuple[str, int, int, str, str | None, float]]]:
    try:
        kept = json.loads(_file(module).read_text("utf-8"))
    except FileNotFoundError:
        return "", []
    return kept["digest"], [tuple(row) for row in kept["results"]]


def _file(module: Module) -> Path:
    return STORE / f"{module.name.replace('/', '.')}.json"
