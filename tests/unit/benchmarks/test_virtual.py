"""Virtual time: threads go on in the order of their times, and nothing waits for real."""

from __future__ import annotations

import pytest

from benchmarks.virtual import START, VirtualWorkers, World


def test_threads_go_on_in_the_order_of_their_times() -> None:
    world, seen = World(), []

    def sleeper(name: str, seconds: float) -> None:
        for _ in range(2):
            world.sleep(seconds)
            seen.append((name, world.now - START))

    world.start(lambda: sleeper("slow", 2.0))
    world.start(lambda: sleeper("quick", 0.5), after=1.0)
    world.run(lambda: len(seen) == 4)
    assert seen == [("quick", 1.5), ("slow", 2.0), ("quick", 2.0), ("slow", 4.0)]


def test_what_a_thread_raises_ends_the_world() -> None:
    world = World()
    world.start(lambda: [].pop())
    with pytest.raises(IndexError):
        world.run(lambda: False)


def test_a_world_in_which_nothing_is_left_to_happen_says_so() -> None:
    world = World()
    world.start(lambda: None)
    with pytest.raises(RuntimeError, match="nothing is left"):
        world.run(lambda: False)


def test_workers_do_so_many_tasks_at_once_and_are_waited_for() -> None:
    world, ended = World(), []
    workers = VirtualWorkers(world, 2)

    def first() -> None:
        for _ in range(5):
            workers.start(lambda: world.sleep(1.0))
        free = workers.free()
        workers.wait()
        ended.append((free, workers.free(), world.now - START))

    world.start(first)
    world.run(lambda: bool(ended))
    assert ended == [(0, 2, 3.0)]


def test_a_thread_works_for_whom_its_starter_works() -> None:
    world, owners = World(), []

    def note() -> None:
        assert world.current is not None
        owners.append(world.current.owner)

    def first() -> None:
        assert world.current is not None
        world.current.owner = "environment"
        world.start(note)

    world.start(first)
    world.run(lambda: bool(owners))
    assert owners == ["environment"]
