"""ports.Clock and ports.Workers."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest

from fakes import FakeClock, InlineWorkers
from fakes.running import inline_parallel
from textdrop.adapters.clock import SystemClock
from textdrop.adapters.threads import ParallelThreads, ThreadWorkers
from textdrop.core.errors import StoreUnavailable
from textdrop.ports import Clock, RunParallel, Workers

COUNT = 3
MakeWorkers = Callable[[Callable[[BaseException], None]], Workers]


@pytest.fixture(params=[FakeClock, SystemClock], ids=["fake", "system"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


@pytest.fixture(params=["inline", "threads"])
def make_workers(request: pytest.FixtureRequest) -> MakeWorkers:
    if request.param == "inline":
        return lambda failed: InlineWorkers(failed, COUNT)
    return lambda failed: ThreadWorkers(COUNT, failed)


def test_time_passes_while_sleeping(clock: Clock) -> None:
    before = clock.now()
    clock.sleep(0.002)
    assert clock.now() >= before + 0.002
    clock.sleep(-1)
    assert clock.now() >= before + 0.002


def test_chance_and_tokens_differ(clock: Clock) -> None:
    chances = [clock.chance() for _ in range(20)]
    assert all(0 <= chance < 1 for chance in chances)
    assert len(set(chances)) > 1
    tokens = [clock.token() for _ in range(20)]
    assert len(set(tokens)) == 20
    assert all(str(uuid.UUID(token)) == token for token in tokens)


def test_every_task_has_ended_after_waiting(make_workers: MakeWorkers) -> None:
    workers, ended, failures = make_workers(lambda error: failures.append(error)), [], list[BaseException]()
    workers.wait()
    assert workers.free() == COUNT
    for number in range(20):
        workers.start(lambda number=number: ended.append(number))  # type: ignore[misc]  # a default binds it now
    workers.wait()
    assert sorted(ended) == list(range(20))
    assert workers.free() == COUNT
    assert failures == []


def test_tasks_may_start_tasks(make_workers: MakeWorkers) -> None:
    workers, ended = make_workers(lambda error: None), list[str]()

    def first() -> None:
        workers.start(lambda: ended.append("second"))
        ended.append("first")

    workers.start(first)
    workers.wait()
    assert sorted(ended) == ["first", "second"]


def test_what_a_task_raises_is_reported_and_stops_nobody(make_workers: MakeWorkers) -> None:
    told, ended = list[BaseException](), list[int]()
    workers = make_workers(told.append)
    errors = [ValueError("one"), SystemExit(2)]

    def fail(error: BaseException) -> None:
        raise error

    for error in errors:
        workers.start(lambda error=error: fail(error))  # type: ignore[misc]  # a default binds it now
    for number in range(COUNT):
        workers.start(lambda number=number: ended.append(number))  # type: ignore[misc]  # a default binds it now
    workers.wait()
    assert sorted(map(str, told)) == sorted(map(str, errors))
    assert len(ended) == COUNT
    assert workers.free() == COUNT


def test_threads_run_beside_each_other_and_more_tasks_wait() -> None:
    workers = ThreadWorkers(COUNT, lambda error: None)
    together, go = threading.Barrier(COUNT + 1), threading.Event()
    ran = []

    def task() -> None:
        together.wait(timeout=60)
        go.wait(timeout=60)
        ran.append(threading.get_ident())

    for _ in range(COUNT):
        workers.start(task)
    together.wait(timeout=60)
    assert workers.free() == 0
    workers.start(lambda: ran.append(threading.get_ident()))
    assert workers.free() == 0
    go.set()
    workers.wait()
    assert len(ran) == COUNT + 1
    assert len(set(ran)) <= COUNT
    assert workers.free() == COUNT


def test_inline_without_a_handler_a_task_fails_its_starter() -> None:
    def fail() -> None:
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        InlineWorkers().start(fail)


def test_fake_time_only_moves_on() -> None:
    clock = FakeClock(now=100.0, seed=7)
    clock.advance(5)
    clock.advance(-50)
    assert clock.now() == 105.0
    assert FakeClock(seed=7).token() == FakeClock(seed=7).token()
    assert FakeClock(seed=7).token() != FakeClock(seed=8).token()


@pytest.fixture(params=["inline", "threads"])
def run_parallel(request: pytest.FixtureRequest) -> RunParallel:
    return inline_parallel if request.param == "inline" else ParallelThreads(COUNT)


@pytest.mark.parametrize("max_workers", [0, 1, 2, 3 * COUNT])
def test_the_task_is_done_when_it_returns(run_parallel: RunParallel, max_workers: int) -> None:
    todo, done = list(range(50)), list[int]()

    def task() -> None:
        while True:
            try:
                done.append(todo.pop())
            except IndexError:
                return

    run_parallel(task, max_workers)
    assert sorted(done) == list(range(50))


def test_what_one_of_them_raises_reaches_the_caller(run_parallel: RunParallel) -> None:
    def task() -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable, match="away"):
        run_parallel(task, COUNT)
    run_parallel(lambda: None, COUNT)


def test_what_a_helper_raised_is_raised_after_all_have_ended() -> None:
    run_parallel, caller, begun = ParallelThreads(1), threading.get_ident(), threading.Event()
    ended = list[str]()

    def task() -> None:
        if threading.get_ident() == caller:
            begun.wait(timeout=60)
            ended.append("caller")
            return
        begun.set()
        raise SystemExit("helper")

    with pytest.raises(SystemExit, match="helper"):
        run_parallel(task, 2)
    assert ended == ["caller"]


def test_a_caller_whose_helpers_are_busy_continues_alone_and_leaves_nothing_behind() -> None:
    run_parallel, go, ran = ParallelThreads(1), threading.Event(), list[str]()
    helping = threading.Barrier(2)

    def busy() -> None:
        if threading.current_thread().name.startswith("run_parallel"):
            helping.wait(timeout=60)
            go.wait(timeout=60)
        else:
            helping.wait(timeout=60)

    other = threading.Thread(target=run_parallel, args=(busy, 2))
    other.start()
    while not ran:  # the one helper is busy sooner or later; this run_parallel's task does not wait for it
        run_parallel(lambda: ran.append(threading.current_thread().name), 3)
    assert "MainThread" in ran
    go.set()
    other.join(timeout=60)
    assert not other.is_alive()
