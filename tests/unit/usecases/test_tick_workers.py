"""A tick's work takes its time: no more is begun than workers are free, nothing twice, and the tick ends after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from fakes.running import FakeClock
from fakes.timed import Timed
from textdrop.core import intervals
from textdrop.core.documents import Document, DocumentState, DueKind, Source
from textdrop.core.errors import StoreUnavailable
from textdrop.usecases.tick import PollSettings
from world import World


class SlowWorkers:
    """So many workers, each task of which is done `seconds` after it was begun; they work while the clock sleeps.

    `begun` says when each task was. The most that ever worked at once is `at_once`.
    """

    def __init__(self, clock: FakeClock, count: int, seconds: float) -> None:
        self.begun: list[float] = []
        self.at_once = 0
        self.held: list[tuple[float, Callable[[], None]]] = []
        self._clock = clock
        self._count = count
        self._seconds = seconds
        self._sleep = clock.sleep
        clock.sleep = self._work  # type: ignore[method-assign]  # as it was, and work is done meanwhile

    def start(self, task: Callable[[], None]) -> None:
        now = self._clock.now()
        self.begun.append(now)
        self.held.append((now + self._seconds, task))
        self.at_once = max(self.at_once, len(self.held))

    def free(self) -> int:
        return self._count - len(self.held)

    def wait(self) -> None:
        while self.held:
            self._work(self._seconds)

    def _work(self, seconds: float) -> None:
        self._sleep(seconds)
        now = self._clock.now()
        done = [task for at, task in self.held if at <= now]
        self.held = [(at, task) for at, task in self.held if at > now]
        for task in done:
            task()


def slow(count: int, seconds: float, recognition_seconds: float = 1.0) -> tuple[World, Timed, SlowWorkers]:
    clock = FakeClock()
    faults = Timed(clock)
    world = World(clock=clock, faults=faults, recognition_seconds=recognition_seconds)
    workers = SlowWorkers(clock, count, seconds)
    world.poll_ports = replace(world.poll_ports, workers=workers)
    return world, faults, workers


def submitted(world: World, count: int) -> None:
    for number in range(count):
        world.upload(f"{number}.png", b"page %d" % number)
    while world.queue:
        world.submit()


def due(world: World, count: int, kind: DueKind) -> None:
    """So many documents that are due."""
    now = world.clock.now()
    for number in range(count):
        source = Source("uploads", f"{number}.png", "v")
        row = Document(f"{number:032x}", source, DocumentState.RECOGNIZING, now, due_kind=kind, due_at=now, pages=1)
        world.documents.rows[row.id] = replace(row, unfinished=frozenset({1}))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", [DueKind.SUBMIT, DueKind.DELIVER])
def test_of_documents_as_many_are_begun_as_workers_are_free(count: int, kind: DueKind) -> None:
    world, _, workers = slow(count, seconds=1.0)
    due(world, 4, kind)
    began = world.clock.now()
    world.poll()
    assert workers.at_once == count
    assert workers.begun[:count] == [began] * count
    assert len(workers.begun) >= 4


@pytest.mark.parametrize("count", [1, 2])
def test_of_asks_as_many_are_begun_as_workers_are_free(count: int) -> None:
    world, faults, workers = slow(count, seconds=0.5)
    submitted(world, 4)
    world.clock.advance(10.0)
    assert world.poll() == "ended"
    assert workers.at_once == count
    assert len(faults.of("ocr.result")) == 4
    assert world.quiet()


def test_whoever_is_free_again_is_given_work_at_once() -> None:
    world, faults, _ = slow(1, seconds=0.01)
    submitted(world, 8)
    world.clock.advance(10.0)
    world.poll()
    asks = faults.of("ocr.result")
    assert len(asks) == 8
    assert asks[-1] - asks[0] < 8 * 0.03


def test_what_is_still_worked_on_is_not_begun_again() -> None:
    """Its row shows nothing of it yet, for longer than a tick takes the index to lag behind."""
    world, faults, workers = slow(8, seconds=25.0)
    due(world, 1, DueKind.DELIVER)
    began = world.clock.now()
    world.poll()
    first, *others = workers.begun
    assert first == began
    assert all(at >= began + 25.0 for at in others)
    assert all(at >= began + 25.0 for at in faults.of("tick.end")), "and the tick stays for it"


def test_a_tick_hands_over_when_its_workers_are_done() -> None:
    world, faults, _ = slow(8, seconds=19.0, recognition_seconds=600.0)
    submitted(world, 8)
    assert world.poll() == "handed_over"
    [handed_over] = faults.of("tick.hand_over")
    assert max(faults.of("ocr.result")) <= handed_over


def test_a_tick_that_lost_its_row_ends_when_its_workers_are_done() -> None:
    world, faults, workers = slow(8, seconds=7.0, recognition_seconds=600.0)
    submitted(world, 8)
    faults.on["tick.renew"] = lambda: setattr(world.tick, "row", replace(world.tick.row, owner="another"))
    began = world.clock.now()
    assert world.poll() == "lost"
    assert workers.held == []
    assert len(faults.of("ocr.result")) == len(workers.begun) > 0
    assert world.clock.now() - began < world.policy.tick_renew_seconds + 8.0


def test_what_is_done_no_longer_slows_the_asks_for_what_still_runs() -> None:
    world, faults, _ = slow(8, seconds=0.01, recognition_seconds=30.0)
    world.poll_settings = PollSettings(asks_per_second=5.0, submits_per_second=10.0, step_seconds=20.0)
    submitted(world, 80)
    world.ocr.seconds = 600.0
    world.upload("slow.png", b"another page")
    world.submit()
    began = world.clock.now()
    assert world.poll() == "handed_over"
    assert len([row for row in world.documents.operations.values() if row.final]) == 80
    last_of_others = max(row.finished_at or 0.0 for row in world.documents.operations.values())
    asks = [at for at in faults.of("ocr.result") if at > last_of_others + 17.0]
    assert len(asks) > 1
    for earlier, later in pairwise(asks):
        wait = intervals.next_ask_seconds(earlier - began, 30.0, 1, 5.0)
        assert later - earlier < wait + 0.6


def test_a_renewal_is_tried_again_when_chance_says() -> None:
    """So that many ticks do not do so at once."""
    world, faults, _ = slow(8, seconds=0.0, recognition_seconds=600.0)
    submitted(world, 1)
    world.clock.chance = lambda: 0.75  # type: ignore[method-assign]  # no dice
    world.faults.fail("tick.renew", StoreUnavailable("down"), times=1_000)
    assert world.poll() == "lost"
    tries = faults.of("tick.renew")
    assert len(tries) > 5
    assert all(0.75 <= later - earlier < 0.85 for earlier, later in pairwise(tries))


def test_a_tick_does_not_end_by_what_it_saw_before_a_look_that_failed() -> None:
    world, faults, _ = slow(8, seconds=0.0, recognition_seconds=10.0)
    submitted(world, 1)

    def failing() -> None:
        if world.clock.now() >= world.ocr.accepted[0].ready_at:
            faults.on.clear()
            faults.fail("documents.due", StoreUnavailable("down"), times=5)

    faults.on["documents.due"] = failing
    assert world.poll() == "ended"
    assert faults.left() == 0
    assert {entry.name for entry in world.journal.failures} == {"refresh_failed"}
