"""Dead letters are sent back while there is time, and what became of each is told."""

from __future__ import annotations

import pytest

from textdrop.core.errors import StoreUnavailable
from textdrop.usecases.redrive import redrive
from world import World


def with_letters(count: int) -> World:
    world = World()
    for number in range(count):
        world.dead_letters.put(f"{number}")
    return world


@pytest.mark.parametrize("count", [0, 1, 2])
def test_when_time_is_up_after_some_went_back_there_may_be_more(count: int) -> None:
    """Receiving takes all the time there is."""
    world = with_letters(count)
    receive = world.dead_letters.receive

    def slow() -> object:
        world.clock.advance(10.0)
        return receive()

    world.dead_letters.receive = slow  # type: ignore[method-assign,assignment]  # slower
    assert redrive(world.reconcile_ports, world.clock.now() + 10.0) is (count > 0)
    assert len(world.dead_letters.redriven) == count


def test_a_letter_that_goes_back_is_told_as_it_goes() -> None:
    world = with_letters(1)
    redrive(world.reconcile_ports, world.clock.now() + 10.0)
    [note] = world.journal.notes
    [again] = world.dead_letters.redriven
    assert note.name == "message_redriven"
    assert note.fields == {
        "message_id": "dead-1",
        "redriven": 1,
        "first_sent_at": again.first_sent_at,
        "former_ids": "",
        "cause": again.cause,
    }


def test_a_queue_that_is_down_is_told_of() -> None:
    world = with_letters(1)
    world.faults.fail("dead_letters.receive", StoreUnavailable("down"))
    assert not redrive(world.reconcile_ports, world.clock.now() + 10.0)
    [failure] = world.journal.failures
    assert (failure.name, str(failure.error), failure.fields) == ("redrive_failed", "down", {})
