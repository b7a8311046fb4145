"""Runs the trials of a module's mutants, several at a time, those tests first that are likely to notice."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mutation import trial
from mutation.mutants import Module, Mutant
from mutation.reach import Reach
from mutation.trial import Child, Stage

FIRST_FILES = 2
FIRST_SEEDS = 20
HISTORY_SECONDS = 0.03
FORCED = "out of time or memory"


@dataclass(frozen=True)
class Result:
    """How a mutant fared. `killer` is the first test to fail, or FORCED; None: it survived."""

    mutant: Mutant
    killer: str | None
    cpu_seconds: float


class Order:
    """Which tests come first: those of the module's own name, and then whatever has killed the most."""

    def __init__(self, module: Module, reach: Reach, killers: Iterable[str]) -> None:
        """`killers` are those of an earlier run."""
        self._module = module
        self._reach = reach
        self._kills = Counter(killers)
        stem = module.path.stem
        self._own = {f"tests/unit/{kind}/test_{stem}.py" for kind in ("core", "usecases")}

    def killed_by(self, killer: str) -> None:
        """Learns from a trial."""
        self._kills[killer] += 1

    def stages(self, mutant: Mutant) -> tuple[list[Stage], float]:
        """What to try in which order, and how many seconds all of it takes at most."""
        tests, seeds = self._reach.of(self._module, mutant)
        files: dict[str, list[str]] = defaultdict(list)
        for test in sorted(tests, key=lambda test: (-self._kills[test], self._reach.tests[test], test)):
            files[test.partition("::")[0]].append(test)
        ranked = sorted(files, key=lambda file: (-self._worth(file, files[file]), file))
        first = [test for file in ranked[:FIRST_FILES] for test in files[file]]
        rest = [test for file in ranked[FIRST_FILES:] for test in files[file]]
        stages = [Stage(first), Stage(seeds=seeds[:FIRST_SEEDS]), Stage(rest), Stage(seeds=seeds[FIRST_SEEDS:])]
        seconds = sum(self._reach.tests[test] for test in tests) + HISTORY_SECONDS * len(seeds)
        return stages, seconds

    def _worth(self, file: str, tests: list[str]) -> float:
        """How much a file of tests is likely to kill for its time."""
        kills = sum(self._kills[test] for test in tests) + (10 if file in self._own else 1)
        return kills / (0.2 + sum(self._reach.tests[test] for test in tests))


def results(module: Module, mutants: Iterable[Mutant], reach: Reach, order: Order, workers: int) -> Iterator[Result]:
    """Each mutant's result, as they come. Raises ChildFailed when a trial could not be made."""
    todo = iter(mutants)
    running: dict[int, tuple[Mutant, Child]] = {}
    known = frozenset(reach.tests)
    more = True
    try:
        while more or running:
            while more and len(running) < workers:
                mutant = next(todo, None)
                if mutant is None:
                    more = False
                    break
                stages, seconds = order.stages(mutant)
                if not any(stage.tests or stage.seeds for stage in stages):
                    yield Result(mutant, None, 0.0)
                    continue
                child = _begun(module, mutant, stages, known, seconds)
                running[child.pid] = (mutant, child)
            if running:
                pid, cpu_seconds = _next_ended(running)
                mutant, child = running.pop(pid)
                child.end()  # what it began may still be there
                result = Result(mutant, _killer(child), cpu_seconds)
                if result.killer is not None:
                    order.killed_by(result.killer)
                yield result
    finally:
        for _, child in running.values():
            child.end()


def _begun(module: Module, mutant: Mutant, stages: list[Stage], known: frozenset[str], seconds: float) -> Child:
    text = mutant.source(module.text)
    cpu_seconds = 5.0 + 3.0 * seconds
    return trial.fork(
        lambda: trial.trial(module, text, stages, known),
        cpu_seconds=cpu_seconds,
        wall_seconds=30.0 + 4.0 * cpu_seconds,
    )


def _killer(child: Child) -> str | None:
    try:
        killer: str | None = child.result()
    except trial.ChildEnded:
        return FORCED
    return killer


def _next_ended(running: dict[int, tuple[Mutant, Child]]) -> tuple[int, float]:
    """Waits for the first to end, and ends those that take too long."""
    while True:
        for pid in list(running):
            ended, _, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                return pid, usage.ru_utime + usage.ru_stime
            if running[pid][1].overdue():
                running[pid][1].end()
        time.sleep(0.005)
