"""The wake: an idle tick is started, once; whatever fails of it is told, and harmless."""

from __future__ import annotations

import pytest

from textdrop.core.documents import Outcome
from textdrop.core.errors import StoreUnavailable
from textdrop.ports import Tick
from textdrop.usecases.wake import wake
from world import World


def test_an_idle_tick_is_held_for_whoever_was_invoked_for_a_lease() -> None:
    world = World()
    now = world.clock.now()
    wake(world.submit_ports)
    assert (world.tick.row.state, world.tick.row.lease_until) == ("starting", now + world.policy.tick_lease_seconds)
    assert (world.tick.row.wake, world.tick.row.wake_at) == (1, now)
    assert world.ticks_asked == 1


@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_tick_that_begins_or_runs_is_told_only(state: str) -> None:
    world = World()
    world.tick.row = Tick(state=state, owner="poll", lease_until=world.clock.now() + 20.0)
    wake(world.submit_ports)
    assert (world.tick.row.state, world.tick.row.wake) == (state, 1)
    assert "tick.start" not in world.faults.calls
    assert world.ticks_asked == 0


@pytest.mark.parametrize("call", ["tick.wake", "tick.start", "poller.invoke"])
def test_a_wake_that_fails_is_told_and_keeps_nobody_from_going_on(call: str) -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.faults.fail(call, StoreUnavailable("down"))
    assert world.submit() == []
    assert [entry.name for entry in world.journal.failures] == ["wake_failed"]
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1
