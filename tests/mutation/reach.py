"""Which tests and which histories reach which lines, as one run of all of them shows."""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mutation import mutants, trial
from mutation.children import in_child
from mutation.mutants import Module, Mutant

IMPORT = ""
STORE = mutants.ROOT / ".local" / "mutation"


class TestsFail(Exception):
    """The tests fail without any mutant: there is nothing to measure."""


@dataclass(frozen=True)
class Reach:
    """`tests` are all tests, with the seconds that each takes; `lines` says by module and line who reaches it: a test,
    a seed, a file of tests while it is imported, or the project's own import (an empty name)."""

    tests: dict[str, float]
    lines: dict[str, dict[int, frozenset[str]]]

    def files(self, module: Module, mutant: Mutant) -> set[str]:
        """The files of tests that reach what a mutant changes when they are imported: for cases that they make."""
        place = _place(module, mutant)
        by_line = self.lines.get(module.name, {})
        reaching = {who for line in place[0] for who in by_line.get(line, ())} if place else set()
        return {test.partition("::")[0] for test in self.tests} & reaching

    def at_import(self, module: Module, mutant: Mutant) -> bool:
        """Whether what a mutant changes is done when its module is imported."""
        return _place(module, mutant) is None

    def of(self, module: Module, mutant: Mutant) -> tuple[set[str], list[int]]:
        """The tests and seeds that may notice a mutant; all of them when what it changes is done at import."""
        everything = set(self.tests), list(range(1, trial.HISTORIES + 1))
        place = _place(module, mutant)
        if place is None:
            return everything
        lines, in_lambda = place
        by_line = self.lines.get(module.name, {})
        reaching = {who for line in lines for who in by_line.get(line, ())}
        # A lambda's line is also reached by the import that makes it.
        if IMPORT in reaching and not in_lambda:
            return everything
        tests = {test for test in self.tests if test in reaching or test.partition("::")[0] in reaching}
        return tests, sorted(int(who) for who in reaching if who.isdigit())


def _place(module: Module, mutant: Mutant) -> tuple[range, bool] | None:
    """The lines of the innermost statement that a change is in (of one with a body, those before it), or else of the
    lambda; and whether it is one. None: what is changed is in no function's body."""
    line = module.line(mutant.start)
    inside: ast.FunctionDef | ast.Lambda | None = None
    lines = range(line, line + 1)
    for node in ast.walk(module.tree):  # the outer ones first
        match node:
            case ast.FunctionDef() if node.body[0].lineno <= line <= (node.end_lineno or 0):
                inside = node
            case ast.Lambda() if node.lineno <= line <= (node.end_lineno or 0):
                start, end = module.span(node)
                if start <= mutant.start and mutant.end <= end:
                    inside = node
                    lines = range(node.lineno, (node.end_lineno or 0) + 1)
                    continue
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0):
            body = getattr(node, "body", None)
            after = body[0].lineno if body else (node.end_lineno or 0) + 1
            if line < after:
                lines = range(node.lineno, after)
    return None if inside is None else (lines, isinstance(inside, ast.Lambda))


def measured() -> Reach:
    """As of the project's files as they are now: from the last time if none has changed since. Raises TestsFail."""
    store = STORE / "reach.json"
    digest = _digest()
    try:
        kept = json.loads(store.read_text("utf-8"))
    except FileNotFoundError:
        kept = {}
    if kept.get("digest") != digest:
        kept = {"digest": digest, **in_child(_measure)}
        STORE.mkdir(parents=True, exist_ok=True)
        put(store, json.dumps(kept))
    if kept["failed"]:
        raise TestsFail(kept["failed"])
    names = _names(kept["tests"])
    return Reach(
        kept["tests"],
        {
            module: {int(line): frozenset(names[at] for at in who) for line, who in lines.items()}
            for module, lines in kept["lines"].items()
        },
    )


def put(file: Path, text: str) -> None:
    """The file has this text or, if the process ends before, its old one."""
    new = file.with_suffix(f".{os.getpid()}")
    new.write_text(text, "utf-8")
    new.replace(file)


def _digest() -> str:
    """Of every source that the run depends on: all but ours here."""
    files = sorted(
        file
        for folder in ("layers/textdrop/textdrop", "tests", "functions", "docs", "events")
        for file in (mutants.ROOT / folder).rglob("*")
        if file.suffix != ".pyc" and file.is_file() and "mutation" not in (file.parent.name, file.stem)
    )
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()


class _Contexts:
    """A plugin for pytest, with which coverage tells tests apart, and what is done when a file of tests is imported."""

    def __init__(self, cover: Any) -> None:
        self._cover = cover

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Any:
        self._cover.switch_context(collector.nodeid if isinstance(collector, pytest.Module) else "")
        try:
            return (yield)
        finally:
            self._cover.switch_context("")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._cover.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self._cover.switch_context("")


class _Times(trial.FirstFailure):
    """How long each test works, and the first that fails."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - began


def _measure() -> dict[str, Any]:
    """Runs all tests and histories under coverage. To be called in a child."""
    os.environ["COVERAGE_CORE"] = "ctrace"  # the one that tells tests apart in every Python
    from coverage import Coverage

    package = str(mutants.PACKAGE)
    cover = Coverage(data_file=None, config_file=False, include=[f"{package}/core/*", f"{package}/usecases/*"])
    times = _Times()
    cover.start()
    for name in mutants.names():
        importlib.import_module(mutants.load(name).imported_as)
    trial.run_pytest(trial.TESTS, plugins=[times, _Contexts(cover)])
    by_chance = importlib.import_module("simulation.trial").by_chance
    for seed in range(1, trial.HISTORIES + 1):
        cover.switch_context(str(seed))
        if by_chance(seed) is not None:
            times.failed = times.failed or f"history {seed}"
    cover.stop()
    return {"failed": times.failed, "tests": times.seconds, "lines": _lines(cover.get_data(), times.seconds)}


def _names(tests: Iterable[str]) -> list[str]:
    """Whoever may reach a line; stored by its number here."""
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    return [IMPORT, *tests, *files, *map(str, range(1, trial.HISTORIES + 1))]


def _lines(data: Any, tests: Iterable[str]) -> dict[str, dict[int, list[int]]]:
    """By module and line, the numbers of who reaches it."""
    numbers = {name: at for at, name in enumerate(_names(tests))}
    return {
        str(Path(file).relative_to(mutants.PACKAGE)): {
            line: sorted(numbers[who] for who in contexts) for line, contexts in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
