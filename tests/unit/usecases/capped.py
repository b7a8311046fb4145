"""A world with caps, from noon of the 29th of November 2026 on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fakes.running import FakeClock
from textdrop.core.caps import Caps
from textdrop.core.documents import Document, DocumentState, Hold
from textdrop.core.ledger import day
from textdrop.core.observations import DeleteAsked
from textdrop.usecases.reserve import release
from unit.usecases.operated import NOON
from world import World

DAY_SECONDS = 86_400.0
YESTERDAY, TODAY, TOMORROW, NEXT_MONTH = "2026-11-28", "2026-11-29", "2026-11-30", "2026-12-01"


def capped(per_day: int = 0, per_month: int = 0, **options: Any) -> World:
    """A world in which so many pages may be sent in a day and a month."""
    world = World(clock=FakeClock(NOON), **options)
    allow(world, per_day, per_month)
    return world


def allow(world: World, per_day: int = 0, per_month: int = 0) -> None:
    """The stack's caps are these from now on."""
    caps = Caps(per_day, per_month)
    world.submit_settings = replace(world.submit_settings, caps=caps, submits_per_second=100.0)
    world.poll_settings = replace(world.poll_settings, caps=caps, submits_per_second=100.0)
    world.control_settings = replace(world.control_settings, caps=caps)


def uploads(world: World, count: int, name: str = "page") -> list[Document]:
    """So many uploads of one page each, all different, which have yet to be taken in."""
    made = []
    for number in range(count):
        made.append(world.upload(f"{name}-{number}.png", b"%s %d" % (name.encode(), number)))
    return made


def minute(world: World) -> None:
    """All that is to be done now is done; then a minute passes."""
    while batch := [world.receive(message) for message in world.visible()[:10]]:
        world.submit(batch)
    world.poll()
    world.deliver()
    world.clock.advance(60.0)


def work(world: World, until: Callable[[], bool] | None = None, minutes: int = 60) -> None:
    """Minutes pass until it is so, or until nothing changes but for what is held."""
    for _ in range(minutes):
        minute(world)
        if until() if until else not world.queue and all(row.due_at is None or is_held(row) for row in world.rows()):
            return
    raise AssertionError(f"not after {minutes} minutes")


def is_held(row: object) -> bool:
    """Whether a row is a document's that waits to be released."""
    return isinstance(row, Document) and row.state is DocumentState.HELD and row.hold_told


def to_midnight(world: World) -> None:
    """The next day (UTC) begins."""
    world.clock.advance(DAY_SECONDS - world.clock.now() % DAY_SECONDS)


def held(world: World) -> list[Document]:
    """The documents that are held, the oldest first."""
    rows = [row for row in world.documents.rows.values() if row.state is DocumentState.HELD]
    return sorted(rows, key=lambda row: row.accepted_at)


def sent_on(world: World) -> dict[str, int]:
    """How many submits reached the service, by day."""
    days: dict[str, int] = {}
    for at in world.faults.of("ocr.submit"):
        days[day(at)] = days.get(day(at), 0) + 1
    return days


def told(world: World, document: Document) -> list[str]:
    """The schemas of the messages about a document, in order."""
    return [message["schema"] for message in world.notices_of(document)]


def release_by_hand(world: World, document: Document) -> Document:
    """What a request does to release it. The row afterwards."""
    ports, caps = world.control_ports, world.submit_settings.caps
    after = release(ports, ports.reservations, caps, world.row(document), by_hand=True, after_live=False)
    assert isinstance(after, Document)
    return after


def reserved(world: World) -> Mapping[str, int]:
    """The pages that are reserved, of each day that has any."""
    return {day: pages for day, pages in world.reservations.days.items() if pages}


def delete(world: World, document: Document) -> None:
    """A request deletes all that there is of it, now and in the last sweep."""
    world.transition(document, DeleteAsked())
    work(world, lambda: world.row(document).state is DocumentState.DELETED)


def why(document: Document) -> Hold | None:
    """Why it is held, but for the cap and the time."""
    return None if document.hold is None else replace(document.hold, cap=0, at=0.0)
