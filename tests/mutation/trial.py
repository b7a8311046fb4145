"""A mutant's trial: do the tests notice it? To be made in a child, which has collected the tests already.

Mostly functions get other code, and the tests are run as they were collected. A mutant of what is done at import is
imported instead, with all that has imported it, and the tests are collected anew: what modules copy from each other is
the mutant's then, and cases that tests make from it are too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import hypothesis
import pytest

from mutation.mutants import ROOT, Module, compiled
from mutation.swap import Functions, swapped

TESTS = (
    "tests/unit/core",
    "tests/unit/usecases",
    "tests/unit/functions",
    "tests/unit/test_schemas.py",
    "tests/unit/test_results_page.py",
    "tests/unit/test_observability.py",
    "tests/unit/adapters/aws/test_items.py",
    "tests/simulation/test_crash_points.py",
    "tests/simulation/test_reconcile_crash_points.py",
)
HISTORIES = 100
# Without a mutant the slowest takes less than half of it.
TEST_CPU_SECONDS = 3.0
HISTORY_CPU_SECONDS = 1.0


@dataclass(frozen=True)
class Stage:
    """What is tried together: tests by their ids, then histories by their seeds."""

    tests: Sequence[str] = ()
    seeds: Sequence[int] = ()


class FirstFailure:
    """A plugin for pytest that remembers the first test to fail."""

    failed: str | None = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} (importing)"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


class _Limit:
    """A plugin for pytest that ends the process when a test works for too long: a mutant made it endless."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Any:
        with _limit(TEST_CPU_SECONDS):
            return (yield)


@contextlib.contextmanager
def _limit(cpu_seconds: float) -> Iterator[None]:
    """What is within ends the process if it works for longer."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


class _Only:
    """Keeps to the chosen tests, in their order, and to those that nobody knew: a mutant may change the names of
    cases."""

    def __init__(self, chosen: Sequence[str], known: frozenset[str]) -> None:
        self._order = {test: at for at, test in enumerate(chosen)}
        self._known = known

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order or item.nodeid not in self._known),
            key=lambda item: self._order.get(item.nodeid, len(self._order)),
        )


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the module's changed text instead of its file."""

    def __init__(self, module: Module, text: str) -> None:
        self._module = module
        self._code = compiled(module, text)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module.imported_as:
            return None
        return importlib.util.spec_from_file_location(fullname, self._module.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


@dataclass
class Collected:
    """The tests as pytest has collected them here, by their ids, and the plugin that is told how they end."""

    items: Mapping[str, pytest.Item]
    first: FirstFailure


def with_tests_collected(work: Callable[[Collected], Any], paths: Sequence[str] = TESTS) -> Any:
    """Collects the tests here, and returns what `work` does. Raises RuntimeError if they cannot be collected."""
    os.chdir(ROOT)
    sys.dont_write_bytecode = False  # what trials import anew is compiled once
    hypothesis.settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),  # that it fails is enough
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutation")  # the tests' own profile builds upon it
    done: list[Any] = []
    raised: list[BaseException] = []
    first = FirstFailure()

    class Instead:
        """Instead of running the tests: the work. pytest itself prints nothing."""

        @pytest.hookimpl(trylast=True)
        def pytest_configure(self, config: pytest.Config) -> None:
            config.pluginmanager.unregister(name="terminalreporter")

        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            importlib.import_module("simulation.trial")
            gc.collect()
            try:
                done.append(work(Collected({item.nodeid: item for item in session.items}, first)))
            except BaseException as error:  # noqa: BLE001 - pytest would make an error of its own of it
                raised.append(error)
            return True

    code = run_pytest(paths, "--capture=no", plugins=[Instead(), first, _Limit()])
    if raised:
        raise raised[0]
    if not done:
        raise RuntimeError(f"the tests cannot be collected: {first.failed or code}")
    return done[0]


def run_pytest(paths: Sequence[str], *options: str, plugins: Sequence[object] = ()) -> int:
    """Runs tests here; pytest's exit code."""
    # What was imported before pytest began is imported as it is.
    fixed = ["-x", "-p", "no:cacheprovider", "--no-header", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*fixed, *options, *paths], plugins=list(plugins)))


def quick(
    module: Module, text: str, functions: Functions, stages: Sequence[Stage], collected: Collected
) -> tuple[bool, str | None]:
    """Whether it was enough to give functions other code; if so, the first test to notice, None if none does."""
    if not swapped(module, text, functions):
        return False, None
    for stage in stages:
        for test in stage.tests:
            item = collected.items[test]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if collected.first.failed is not None:
                return True, collected.first.failed
        killer = _killing_history(stage)
        if killer is not None:
            return True, killer
    return True, None


def whole(module: Module, text: str, stages: Sequence[Stage], known: frozenset[str]) -> str | None:
    """The first test to notice when all is imported and collected anew; None if none does. `known` are the ids of all
    tests without the mutant."""
    _forget_ours()
    sys.meta_path.insert(0, _Mutated(module, text))
    for stage in stages:
        if stage.tests:
            first = FirstFailure()
            files = dict.fromkeys(test.partition("::")[0] for test in stage.tests)
            code = run_pytest(list(files), plugins=[first, _Only(stage.tests, known), _Limit()])
            if first.failed is not None:
                return first.failed
            if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                return f"pytest ended with {code}"
        killer = _killing_history(stage)
        if killer is not None:
            return killer
    return None


def _killing_history(stage: Stage) -> str | None:
    for seed in stage.seeds:
        try:
            by_chance: Callable[[int], object] = importlib.import_module("simulation.trial").by_chance
            with _limit(HISTORY_CPU_SECONDS):
                broken = by_chance(seed) is not None
        except Exception:  # noqa: BLE001 - the mutant keeps a history from even beginning
            broken = True
        if broken:
            return f"history {seed}"
    return None


def _forget_ours() -> None:
    """Whoever imports a module of the project or its tests gets it anew; but for the modules of these trials."""
    ours = {
        name.partition(".")[0]
        for name, module in sys.modules.items()
        if (file := getattr(module, "__file__", None)) and file.startswith(f"{ROOT}/") and "/.venv/" not in file
    } - {"mutation", "__main__"}
    for name in list(sys.modules):
        if name.partition(".")[0] in ours:
            del sys.modules[name]
