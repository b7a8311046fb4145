"""A world with an operator: its clock is after the ledger's first day."""

from __future__ import annotations

from typing import Any

from fakes.running import FakeClock
from textdrop.core.documents import Document, DueKind
from world import World

NOON = 1_795_953_600.0
"""2026-11-29T12:00:00Z."""


def operated(**options: Any) -> World:
    """A world on the 29th of November 2026, at noon."""
    return World(clock=FakeClock(NOON), **options)


def hold_each(world: World, uploads: dict[str, bytes]) -> dict[str, Document]:
    """Uploads, one after another, that are over a cap: each is held, and its owner told so."""
    held = {}
    for key, body in uploads.items():
        held[key] = world.upload(key, body)
        world.submit()
        world.poll()
        world.deliver()
        world.clock.advance(1.0)
        assert world.row(held[key]).due_kind is DueKind.HELD
    return held


def ids(documents: list[dict[str, Any]]) -> list[str]:
    """The ids of documents in an answer."""
    return [each["document"] for each in documents]


def keys(documents: list[dict[str, Any]]) -> list[str]:
    """The keys of documents in an answer."""
    return [each["key"] for each in documents]


def run_each(world: World, uploads: dict[str, bytes], seconds: float = 10.0) -> dict[str, Document]:
    """Uploads, one after another, each of which is final before the next."""
    done = {}
    for key, body in uploads.items():
        done[key] = world.upload(key, body)
        world.run()
        world.clock.advance(seconds)
    return done


def paged(world: World, command: str, name: str = "documents", **parameters: Any) -> list[dict[str, Any]]:
    """All that the pages of an answer have under a name."""
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(1_000):
        answer = world.ask(command, **parameters, cursor=cursor)
        found += answer[name]
        cursor = answer["cursor"]
        if cursor is None:
            return found
    raise AssertionError("no end")
