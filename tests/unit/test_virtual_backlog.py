"""A backlog on virtual time, small: what the figures rest on."""

from __future__ import annotations

import time

import pytest

from benchmarks import backlog, virtual_backlog
from benchmarks.virtual_backlog import Backlog, Process, VirtualClock, VirtualWorkers


def test_threads_run_one_at_a_time_in_the_order_of_their_times() -> None:
    clock = VirtualClock(seed=1)
    began = clock.now()
    seen: list[tuple[str, float]] = []

    def sleeps(name: str, *seconds: float) -> None:
        for each in seconds:
            clock.sleep(each)
            seen.append((name, round(clock.now() - began, 3)))

    clock.start(lambda: sleeps("a", 1.0, 1.5), None)
    clock.start(lambda: sleeps("b", 2.0, 100.0), None)
    really = time.monotonic()
    clock.run()
    assert seen == [("a", 1.0), ("b", 2.0), ("a", 2.5), ("b", 102.0)]
    assert time.monotonic() - really < 5


def test_what_ends_a_thread_ends_the_run() -> None:
    clock = VirtualClock(seed=1)
    clock.start(lambda: clock.sleep(-1), None)
    clock.start(lambda: [][0], None)
    with pytest.raises(IndexError):
        clock.run()


def test_workers_are_so_many_and_are_waited_for() -> None:
    clock = VirtualClock(seed=1)
    workers = VirtualWorkers(clock, 2, Process(1.0))
    began = clock.now()
    ended: list[float] = []

    def task() -> None:
        clock.sleep(1.0)
        ended.append(round(clock.now() - began, 3))

    def main() -> None:
        for _ in range(5):
            workers.start(task)
        assert workers.free() == 0
        workers.wait()
        assert ended == [1.0, 1.0, 2.0, 2.0, 3.0]
        assert workers.free() == 2

    clock.start(main, None)
    clock.run()
    assert len(ended) == 5


def test_a_backlog_is_the_same_each_time_and_every_page_is_paid_for_once() -> None:
    runs = [Backlog(60, 10, "bucket", 5).pass_by() for _ in range(2)]
    assert runs[0] == runs[1]
    assert (len(runs[0].accepted_at), runs[0].throttled, runs[0].notices) == (60, 0, 60)
    assert backlog.use_percent(runs[0].accepted_at, 10) > 90


def test_a_sliding_window_refuses_and_every_image_gets_its_notice() -> None:
    passed = Backlog(150, 10, "sliding", 5).pass_by()
    assert passed.throttled > 0
    assert (len(passed.accepted_at), passed.notices) == (150, 150)


def test_one_at_a_time_is_measured_from_upload_to_notice_without_the_recognition() -> None:
    found = Backlog(12, 10, "bucket", 1).one_at_a_time(4.0)
    assert found == Backlog(12, 10, "bucket", 1).one_at_a_time(4.0)
    assert len(found) == 12
    # Some forty calls, of which the quickest take 6 ms; and one interval of asks.
    assert all(0.2 < seconds < 6 for seconds in found)


def test_a_process_computes_no_faster_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Backlog(40, 50, "bucket", 1).pass_by()
    monkeypatch.setattr(virtual_backlog, "SUBMIT_SHARE", virtual_backlog.SUBMIT_SHARE / 10)
    slow = Backlog(40, 50, "bucket", 1).pass_by()
    assert backlog.use_percent(slow.accepted_at, 50) < 0.5 * backlog.use_percent(quick.accepted_at, 50)
