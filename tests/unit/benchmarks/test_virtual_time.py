"""Threads in virtual time, and what is counted of them."""

from __future__ import annotations

import random
from functools import partial

import pytest

from benchmarks import virtual_time_account
from benchmarks.virtual_time import most_in_a_second
from benchmarks.virtual_time_account import Account, Function, Handler, Lambda, Latencies, Queue, Setting
from benchmarks.virtual_time_threads import Invocation, Scheduler, VirtualCrew, VirtualLock, VirtualWorkers


def test_threads_run_side_by_side() -> None:
    scheduler = Scheduler(100.0)
    seen: list[tuple[str, float]] = []

    def thread(name: str, *waits: float) -> None:
        for seconds in waits:
            scheduler.sleep(seconds)
            seen.append((name, scheduler.now))

    scheduler.start(lambda: thread("a", 1.0, 1.0, 2.0), Invocation())
    scheduler.start(lambda: thread("b", 1.5, 0.5, 0.5), Invocation())
    scheduler.call_at(102.25, lambda: seen.append(("action", scheduler.now)))
    scheduler.run()
    # At 102 a waits since 101, b since 101.5: who asked first goes first.
    assert seen == [("a", 101), ("b", 101.5), ("a", 102), ("b", 102), ("action", 102.25), ("b", 102.5), ("a", 104)]


def test_workers_and_helpers_are_limited() -> None:
    scheduler = Scheduler(0.0)
    ended: list[float] = []

    def work() -> None:
        scheduler.sleep(1.0)
        ended.append(scheduler.now)

    def share() -> None:
        while len(begun) < 6:
            begun.append(scheduler.now)
            scheduler.sleep(1.0)

    begun: list[float] = []

    def function() -> None:
        workers = VirtualWorkers(scheduler, 2, lambda error: None)
        for _ in range(3):
            workers.start(work)
        assert workers.free() == 0
        workers.wait()
        assert (scheduler.now, workers.free()) == (2.0, 2)
        VirtualCrew(scheduler, 2)(share, 5)
        assert scheduler.now == 4.0

    scheduler.start(function, Invocation())
    scheduler.run()
    assert ended == [1.0, 1.0, 2.0]
    assert begun == [2.0, 2.0, 2.0, 3.0, 3.0, 3.0]


def test_a_lock_is_held_while_its_holder_waits() -> None:
    scheduler = Scheduler(0.0)
    lock = VirtualLock(scheduler)
    seen: list[float] = []

    def thread() -> None:
        with lock:
            scheduler.sleep(1.0)
            seen.append(scheduler.now)

    for _ in range(3):
        scheduler.start(thread, Invocation())
    scheduler.run()
    assert seen == [1.0, 2.0, 3.0]


def test_what_was_ended_by_force_does_nothing_more() -> None:
    scheduler = Scheduler(0.0)
    invocation = Invocation()
    seen: list[float] = []

    def thread() -> None:
        for _ in range(5):
            scheduler.sleep(1.0)
            seen.append(scheduler.now)

    def end() -> None:
        invocation.dead = True

    scheduler.start(thread, invocation)
    scheduler.call_at(2.5, end)
    scheduler.call_at(3.5, lambda: scheduler.start(lambda: seen.append(scheduler.now), invocation))
    scheduler.run()
    assert seen == [1.0, 2.0]


def test_what_a_thread_raises_ends_the_run() -> None:
    scheduler = Scheduler(0.0)

    def thread() -> None:
        scheduler.sleep(1.0)
        raise ValueError("a mistake")

    scheduler.start(thread, Invocation())
    with pytest.raises(ValueError, match="a mistake"):
        scheduler.run()


def test_a_seed_gives_the_same_times() -> None:
    def notices(seed: int) -> list[float]:
        account = Account(Setting(seed=seed))

        def user(account: Account) -> None:
            for number in range(12):
                account.put(f"{number}.png", b"%d" % number, {"ocr-outputs": "markdown"} if number % 2 else {})

        account.serve(user)
        return [upload.noticed_at for upload in account.uploads_made.values()]

    assert notices(1) == notices(1) != notices(2)


def test_the_most_in_a_second() -> None:
    assert most_in_a_second([]) == 0
    assert most_in_a_second([0.0, 0.5, 0.999, 1.0, 5.0]) == 3


def test_calls_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time_account, "SPREAD", 0.0)
    scheduler = Scheduler(0.0)
    seen: list[float] = []

    def call(latencies: Latencies, name: str) -> None:
        latencies.before(name)
        seen.append(scheduler.now)
        latencies.after(name)
        seen.append(scheduler.now)

    def function() -> None:
        latencies = Latencies(scheduler, random.Random(1), 0.0)
        call(latencies, "ocr.result")
        call(latencies, "ocr.result")
        scheduler.sleep(30.0)
        call(latencies, "ocr.result")
        VirtualCrew(scheduler, 1)(partial(call, Latencies(scheduler, random.Random(1), 0.01), "documents.read"), 2)

    scheduler.start(function, Invocation())
    scheduler.run()
    # The first has to connect, and so has the third, as the connection was idle for too long. Of the last two, in two
    # threads, each takes 10 ms of the one processor first.
    asks = [0.1375, 0.175, 0.2125, 0.25, 30.3875, 30.425]
    assert seen == pytest.approx([*asks, 30.4365, 30.438, 30.4465, 30.448])


class Calls:
    """Calls of one function, each of which takes ten seconds, or hangs. `began` is when, with what."""

    def __init__(self, concurrency: int) -> None:
        self.scheduler = Scheduler(0.0)
        self.latencies = Latencies(self.scheduler, random.Random(1), 0.0)
        self.functions = Lambda(self.scheduler, self.latencies, concurrency)
        self.function = Function("function", self._new_process, 30.0, max_age_seconds=20.0)
        self.processes = 0
        self.hangs: set[object] = set()
        self.began: list[tuple[object, int]] = []

    def queue(self, batch_size: int, max_concurrency: int) -> Queue:
        return Queue(self.scheduler, self.latencies, self.functions, self.function, batch_size, max_concurrency, 100.0)

    def _new_process(self) -> Handler:
        self.processes += 1
        return self._handle

    def _handle(self, asked: object, deadline: float) -> None:
        if isinstance(asked, list):
            asked = "".join(message.body for message in asked)
        self.began.append((asked, round(self.scheduler.now)))
        if asked in self.hangs:
            self.hangs.remove(asked)
            self.scheduler.sleep(1000.0)
        self.scheduler.sleep(10.0)


def test_a_queue_has_so_many_batches_in_work() -> None:
    calls = Calls(concurrency=10)
    queue = calls.queue(batch_size=2, max_concurrency=2)
    for body in "abcdefg":
        queue.send(body)
    calls.scheduler.run()
    assert calls.began == [("a", 1), ("b", 1), ("cd", 11), ("ef", 11), ("g", 21)]
    assert (calls.processes, calls.functions.ended) == (2, {("function", "ran"): 5})


def test_what_was_ended_by_force_is_received_again() -> None:
    calls = Calls(concurrency=10)
    calls.hangs = {"a"}
    calls.queue(batch_size=1, max_concurrency=5).send("a")
    calls.scheduler.run()
    assert calls.began == [("a", 1), ("a", 101)]
    assert calls.functions.ended == {("function", "ended by force"): 1, ("function", "ran"): 1}


def test_an_account_without_concurrency_makes_calls_again_or_drops_them() -> None:
    calls = Calls(concurrency=1)
    for name in "abc":
        calls.functions.invoke_later(calls.function, name)
    calls.scheduler.run()
    # Those that wait ask again after 1, 3, 7 and 15 s; the last finds another running then, and is too old after 31 s.
    assert [at for _, at in calls.began] == [1, 15]
    ended = {how: count for (_, how), count in calls.functions.ended.items()}
    assert ended == {"throttled": 9, "ran": 2, "dropped": 1}
