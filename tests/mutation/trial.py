"""One mutant's trial, in a process of its own: forked from one that has imported all but the project itself.

So a trial begins in milliseconds, and every module of the project and of its tests is imported with the mutant in
place: what they copy from each other at import is the mutant's, and cases that tests make from it are too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

import hypothesis
import pytest

from mutation.mutants import ROOT, Module

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
HISTORIES = 200
MEMORY_BYTES = 4_000_000_000


@dataclass(frozen=True)
class Stage:
    """What is tried together: tests by their ids, then histories by their seeds."""

    tests: Sequence[str] = ()
    seeds: Sequence[int] = ()


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the module's changed text instead of its file."""

    def __init__(self, module: Module, text: str) -> None:
        self._module = module
        self._code: CodeType = compile(text, str(module.path), "exec")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module.imported_as:
            return None
        return importlib.util.spec_from_file_location(fullname, self._module.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


class _First:
    """Keeps to the chosen tests, in their order, and to those that nobody knew: a mutant may change the names of cases.
    Remembers the first that fails."""

    def __init__(self, chosen: Sequence[str], known: frozenset[str]) -> None:
        self._order = {test: at for at, test in enumerate(chosen)}
        self._known = known
        self.failed: str | None = None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order or item.nodeid not in self._known),
            key=lambda item: self._order.get(item.nodeid, len(self._order)),
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} (importing)"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


def warm_up() -> None:
    """Imports here what collecting the tests imports, but for the project itself."""
    known = set(sys.modules)
    names = in_child(lambda: _imported_by_collecting(known))
    for name in names:
        with contextlib.suppress(Exception):  # what cannot be imported alone is imported by each trial
            importlib.import_module(name)
    hypothesis.settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),  # that it fails is enough
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutation")  # the tests' own profile builds upon it
    gc.collect()
    gc.freeze()


def _imported_by_collecting(known: set[str]) -> list[str]:
    run_pytest(TESTS, "--collect-only")
    importlib.import_module("simulation.trial")
    return [
        name
        for name, module in sys.modules.items()
        if name not in known and not _is_ours(getattr(module, "__file__", None)) and module is not None
    ]


def _is_ours(file: str | None) -> bool:
    return file is not None and file.startswith(f"{ROOT}/") and "/.venv/" not in file


def run_pytest(paths: Sequence[str], *options: str, plugins: Sequence[object] = ()) -> int:
    """Runs tests here, quietly; pytest's exit code."""
    # What was imported before pytest began is imported as it is: that is what warming up is for.
    fixed = ["-x", "-p", "no:cacheprovider", "--no-header", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*fixed, *options, *paths], plugins=list(plugins)))


def trial(module: Module, text: str, stages: Sequence[Stage], known: frozenset[str]) -> str | None:
    """The first test to notice that the module's text is this; None if none does. To be called in a child."""
    sys.meta_path.insert(0, _Mutated(module, text))
    for stage in stages:
        killer = _killer_of(stage, known)
        if killer is not None:
            return killer
    return None


def _killer_of(stage: Stage, known: frozenset[str]) -> str | None:
    if stage.tests:
        first = _First(stage.tests, known)
        files = dict.fromkeys(test.partition("::")[0] for test in stage.tests)
        code = run_pytest(list(files), plugins=[first])
        if first.failed is not None:
            return first.failed
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return f"pytest ended with {code}"
    for seed in stage.seeds:
        by_chance: Callable[[int], object] = importlib.import_module("simulation.trial").by_chance
        if by_chance(seed) is not None:
            return f"history {seed}"
    return None


class ChildEnded(Exception):
    """A child was ended before it was done: out of time, or of memory."""


class ChildFailed(Exception):
    """A child's work raised; the message is the traceback."""


@dataclass
class Child:
    """A process that works something out. It is ended by force at `ends_at`, or after so much work."""

    pid: int
    pipe: int
    ends_at: float

    def overdue(self) -> bool:
        """Whether it has taken too long, for whatever reason."""
        return time.monotonic() > self.ends_at

    def end(self) -> None:
        """Ends it and whatever it began."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def result(self) -> Any:
        """What it worked out. Returns when it has ended. Raises ChildEnded if it was by force, ChildFailed if it could
        not."""
        with os.fdopen(self.pipe, "rb") as read:
            said = read.read()
        if not said:
            raise ChildEnded
        answer = json.loads(said)
        if "error" in answer:
            raise ChildFailed(answer["error"])
        return answer["result"]


def fork(work: Callable[[], Any], cpu_seconds: float = 600.0, wall_seconds: float = 1200.0) -> Child:
    """Begins work in a child; what it returns comes back as JSON. What it prints is dropped."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return Child(pid, read, time.monotonic() + wall_seconds)
    os.close(read)
    try:
        _alone(cpu_seconds)
        try:
            answer = {"result": work()}
        except BaseException:  # noqa: BLE001 - whatever it is, the parent is told
            answer = {"error": traceback.format_exc()}
        said = json.dumps(answer).encode()
        while said:
            said = said[os.write(write, said) :]
    finally:
        os._exit(0)


def _alone(cpu_seconds: float) -> None:
    os.setpgid(0, 0)
    os.chdir(ROOT)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    seconds = int(cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def in_child(work: Callable[[], Any]) -> Any:
    """What the work returns, worked out in a child, which is waited for."""
    child = fork(work)
    try:
        return child.result()
    finally:
        os.waitpid(child.pid, 0)


@contextlib.contextmanager
def coverage_by_test(cover: Any) -> Iterator[object]:
    """A plugin for pytest, with which coverage tells tests apart, and what is done when a file of tests is imported."""

    class Contexts:
        @pytest.hookimpl(wrapper=True)
        def pytest_make_collect_report(self, collector: pytest.Collector) -> Any:
            cover.switch_context(collector.nodeid if isinstance(collector, pytest.Module) else "")
            try:
                return (yield)
            finally:
                cover.switch_context("")

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
            cover.switch_context(item.nodeid)
            try:
                return (yield)
            finally:
                cover.switch_context("")

    cover.start()
    try:
        yield Contexts()
    finally:
        cover.stop()
