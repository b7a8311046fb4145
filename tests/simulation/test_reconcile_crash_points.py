"""Every external call of reconcile fails once, before and after its effect; the next run finds what is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from aws_events import event
from fakes.faults import Faults
from fakes.files import KilledError
from simulation.test_crash_points import Nth, killed, unavailable
from textdrop.core.documents import DocumentState, Outcome
from textdrop.core.errors import StoreUnavailable
from world import World

UNHEARD = ("a.png", "c.png", "e.png")


def lost_events(faults: Faults) -> World:
    """Uploads of which some were never heard of, and one whose message was given up."""
    world = World()
    for key in ("a.png", "b.png", "c.png", "d.png", "e.png"):
        source = world.uploads.put(key, key.encode())
        if key == "d.png":
            world.dead_letters.put(event(source))
        elif key not in UNHEARD:
            world.send(event(source))
    world.run()
    world.clock.advance(7_200.0)
    world.listing.most = 2
    ports = world.reconcile_ports
    for fake in (world.listing, world.dead_letters, world.progress, world.successor, world.documents, ports.queue):
        fake.faults = faults  # type: ignore[union-attr]
    return world


def calls() -> list[str]:
    faults = Faults()
    lost_events(faults).reconcile()
    return list(faults.calls)


CALLS = list(enumerate(calls(), start=1))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [killed, unavailable])
@pytest.mark.parametrize(("nth", "call"), CALLS, ids=[f"{nth}-{call}" for nth, call in CALLS])
def test_the_next_run_finds_what_is_left(nth: int, call: str, error: Callable[[], BaseException], when: str) -> None:
    faults = Nth(nth, error, when)
    world = lost_events(faults)
    with suppress(KilledError, StoreUnavailable):
        world.reconcile()
    assert faults.fired == call
    world.clock.advance(180.0)
    assert world.reconcile() == "ended"
    world.run()
    rows = world.documents.rows.values()
    assert {row.source.key: (row.state, row.outcome) for row in rows} == dict.fromkeys(
        ("a.png", "b.png", "c.png", "d.png", "e.png"), (DocumentState.FINAL, Outcome.SUCCEEDED)
    )
    assert len(world.ocr.accepted) == 5
    assert world.dead_letters.letters == []
    assert all(letter.redriven == 1 for letter in world.dead_letters.redriven)
    assert world.progress.row.ended_at
