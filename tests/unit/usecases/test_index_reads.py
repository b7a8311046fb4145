"""What a tick reads of the index of what is due, and how often."""

from __future__ import annotations

from itertools import pairwise

from textdrop.core.documents import DueEntry, DueKind
from world import World


def test_of_many_that_run_those_of_late_are_looked_for_and_now_and_then_all() -> None:
    world = World(recognition_seconds=600.0)
    for number in range(80):
        world.upload(f"{number}.png", b"page %d" % number)
    while world.queue:
        world.submit()
    looked: list[tuple[float, int]] = []
    due = world.documents.due

    def counted(kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
        found = due(kind, until, limit, since)
        if kind is DueKind.ASK:
            looked.append((world.clock.now(), len(found)))
        return found

    world.documents.due = counted  # type: ignore[method-assign]
    world.clock.advance(30.0)
    world.poll()
    whole = [at for at, found in looked if found == 80]
    assert len(whole) < len(looked) / 4
    assert max(after - before for before, after in pairwise(whole)) < 25.0
    assert {found for _, found in looked} == {0, 80}


def test_an_operation_that_the_index_showed_late_is_found_though_many_run() -> None:
    world = World(recognition_seconds=200.0)
    for number in range(80):
        world.upload(f"{number}.png", b"page %d" % number)
    while world.queue:
        world.submit()
    hidden = min(world.documents.operations.values(), key=lambda row: row.due_at or 0.0)
    began, due = world.clock.now(), world.documents.due

    def lagging(kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
        shown = due(kind, until, limit, since)
        late = world.clock.now() < began + 60.0
        return [entry for entry in shown if not (late and entry.document_id == hidden.document_id and entry.page)]

    world.documents.due = lagging  # type: ignore[method-assign]
    world.run()
    assert all(row.final for row in world.documents.operations.values())
    finished = world.documents.operations[hidden.document_id, 1, 1].finished_at
    assert finished is not None
    assert finished < began + 60.0 + 20.0 + 200.0
