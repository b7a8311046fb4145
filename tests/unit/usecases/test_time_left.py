"""Nothing is begun that might end after its worker's time."""

from __future__ import annotations

import pytest

from textdrop.usecases.time_left import NoTimeLeft, check_deadline
from world import World


def test_a_call_on_the_results_needs_its_whole_time_before_the_deadline() -> None:
    world = World()
    now, needed = world.clock.now(), world.poll_ports.results.total_seconds
    assert needed > 1.0
    check_deadline(world.poll_ports, now + needed)
    with pytest.raises(NoTimeLeft):
        check_deadline(world.poll_ports, now + needed - 0.5)
