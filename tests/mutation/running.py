"""Runs the trials of a module's mutants, several at a time, those tests first that are likely to notice."""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mutation import children
from mutation.children import Child
from mutation.mutants import Module, Mutant
from mutation.reach import Reach
from mutation.swap import functions_of
from mutation.trial import Collected, Stage, quick, whole

FIRST_TESTS = 40
FIRST_FILES = 2
SHARE_MOST = 0.125
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
    """Which tests come first: whatever has killed the most for its time, then those of the module's own name."""

    def __init__(self, module: Module, reach: Reach, killers: Iterable[str]) -> None:
        """`killers` are those of an earlier run."""
        self._module = module
        self._reach = reach
        self._tests: Counter[str] = Counter()
        self._files: Counter[str] = Counter()
        self._own = {f"tests/unit/{kind}/test_{module.path.stem}.py" for kind in ("core", "usecases")}
        for killer in killers:
            self.killed_by(killer)

    def killed_by(self, killer: str) -> None:
        """Learns from a trial."""
        self._tests[killer] += 1
        self._files[_file(killer)] += 1

    def stages(self, mutant: Mutant) -> tuple[list[Stage], float]:
        """What to try in which order, and how many seconds all of it takes at most: of the tests that may notice, as
        many as take a part of the time that all tests take."""
        tests, seeds = self._reach.of(self._module, mutant)
        left = SHARE_MOST * sum(self._reach.tests.values())
        order: list[str] = []
        for test in sorted(tests, key=lambda test: (-self._worth(test), test)):
            if self._reach.tests[test] <= left:
                left -= self._reach.tests[test]
                order.append(test)
        first = set(order[:FIRST_TESTS])
        if self._reach.at_import(self._module, mutant):
            # Then each file of tests is collected anew.
            files = list(dict.fromkeys(map(_file, order)))[:FIRST_FILES]
            first = {test for test in order if _file(test) in files}
        stages = [
            Stage([test for test in order if test in first]),
            Stage(seeds=seeds[:FIRST_SEEDS]),
            Stage([test for test in order if test not in first]),
            Stage(seeds=seeds[FIRST_SEEDS:]),
        ]
        seconds = sum(self._reach.tests[test] for test in order) + HISTORY_SECONDS * len(seeds)
        return [stage for stage in stages if stage.tests or stage.seeds], seconds

    def made_anew(self, mutant: Mutant, stages: list[Stage]) -> list[Stage]:
        """Of these tests those whose cases may be other ones with the mutant."""
        files = self._reach.files(self._module, mutant)
        tests = [test for stage in stages for test in stage.tests if _file(test) in files]
        return [Stage(tests)] if tests else []

    def _worth(self, test: str) -> float:
        """How likely a test is to kill for its time, roughly."""
        file = _file(test)
        likely = self._tests[test] + 0.02 * self._files[file] + (0.1 if file in self._own else 0.01)
        return likely / (0.003 + self._reach.tests[test])


def _file(test: str) -> str:
    return test.partition("::")[0]


def results(
    module: Module, mutants: Iterable[Mutant], reach: Reach, order: Order, collected: Collected, workers: int
) -> Iterator[Result]:
    """Each mutant's result, as they come. Raises ChildFailed when a trial could not be made."""
    todo = iter(mutants)
    running: dict[int, tuple[Mutant, Child]] = {}
    known = frozenset(reach.tests)
    gc.unfreeze()
    functions = functions_of(module)
    gc.freeze()  # a child that collected its garbage would copy all there is

    def begun(mutant: Mutant, stages: list[Stage], seconds: float) -> Child:
        text = mutant.source(module.text)

        def work() -> str | None:
            was_enough, killer = quick(module, text, functions, stages, collected)
            if not was_enough:
                return whole(module, text, stages, known)
            return killer or whole(module, text, order.made_anew(mutant, stages), known)

        cpu_seconds = 10.0 + 2.0 * seconds
        return children.fork(work, cpu_seconds, wall_seconds=30.0 + 4.0 * cpu_seconds)

    try:
        while True:
            mutant = next(todo, None) if len(running) < workers else None
            if mutant is not None:
                stages, seconds = order.stages(mutant)
                if not stages:
                    yield Result(mutant, None, 0.0)
                else:
                    child = begun(mutant, stages, seconds)
                    running[child.pid] = (mutant, child)
                continue
            if not running:
                return
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


def _killer(child: Child) -> str | None:
    try:
        killer: str | None = child.result()
    except children.ChildEnded:
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
        time.sleep(0.002)
