"""A long backlog in the table, as a pause leaves it behind: it is handed out at the quota's rate, and not read over and
over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.documents import FakeDocuments
from fakes.faults import Faults
from textdrop.core import identity
from textdrop.core.documents import Document, DocumentState, DueEntry, DueKind, Source
from textdrop.ports import Clock
from world import World

WAITING = 500


class CountingDocuments(FakeDocuments):
    """`hints` are how many were read of what is due for submitting; the index lags behind by up to `lag_seconds`."""

    def __init__(self, faults: Faults, clock: Clock, lag_seconds: float) -> None:
        super().__init__(faults)
        self.hints = 0
        self._clock = clock
        self._lag_seconds = lag_seconds
        self._seen_at = 0.0

    def due(self, kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
        now = self._clock.now()
        if now >= self._seen_at + self._lag_seconds:
            self._seen_at = now
            self.hold_index()
        found = super().due(kind, until, limit, since)
        self.hints += len(found) if kind is DueKind.SUBMIT else 0
        return found


def backlog(lag_seconds: float) -> tuple[World, CountingDocuments]:
    """A stack in whose table many documents have waited, each longer than the next."""
    world = World()
    documents = CountingDocuments(world.faults, world.clock, lag_seconds)
    world.poll_ports = replace(world.poll_ports, documents=documents)
    for number in range(WAITING):
        source = Source("uploads", f"{number}.png", version_id=f"version-{number}")
        due_at = world.clock.now() - 60.0 + number * 1e-3
        row = Document(identity.document_id(source), source, DocumentState.ACCEPTED, due_at)
        documents.rows[row.id] = replace(row, due_kind=DueKind.SUBMIT, due_at=due_at)
    return world, documents


@pytest.mark.parametrize("lag_seconds", [0.0, 5.0])
def test_a_long_backlog_is_handed_out_at_the_rate_of_the_quota_and_not_read_over_and_over(lag_seconds: float) -> None:
    world, documents = backlog(lag_seconds)
    began = world.clock.now()
    while len(world.queue) < WAITING:
        world.poll()
    took = world.clock.now() - began
    whole = WAITING / world.poll_settings.submits_per_second
    assert whole - 2.0 < took < 1.2 * whole
    assert documents.hints / WAITING < 25
