"""The secret with the key cannot be read for two hours: a pause of its own kind, which fails nobody."""

from __future__ import annotations

import pytest

from textdrop.core.documents import Document, DocumentState, OperationState, Outcome
from world import World

MINUTE, HOURS = 60.0, 2
RECOGNITION_SECONDS = 120.0


@pytest.fixture
def world() -> World:
    return World(recognition_seconds=RECOGNITION_SECONDS)


def live(world: World, minutes: float) -> None:
    until = world.clock.now() + minutes * MINUTE
    while world.clock.now() < until:
        while world.queue:
            assert not world.submit()
        world.poll()
        world.deliver()
        world.clock.advance(MINUTE)


def test_a_secret_unreadable_for_two_hours_fails_no_document(world: World) -> None:
    documents = [world.upload("running.pdf", b"pages:3")]
    world.submit()
    assert {operation.state for operation in world.documents.operations.values()} == {OperationState.RUNNING}
    documents.append(world.upload("waiting.png", b"waiting"))

    world.ocr.secret_readable = False
    began = world.clock.now()
    while world.clock.now() < began + HOURS * 3600.0:
        documents.append(world.upload(f"{len(documents)}.png", b"during %d" % len(documents)))
        live(world, minutes=5)
    assert len(world.ocr.accepted) == 3, "those of before"
    assert {world.row(document).state for document in documents} == {DocumentState.RECOGNIZING}
    assert world.pause.read().why == "secret_unreadable"
    told = [note.fields["why"] for note in world.journal.notes if note.name == "submitting_paused"]
    assert set(told) == {"secret_unreadable"}, "which is what the alarm points to"
    assert len(told) >= HOURS * 60 // 2
    tried = [at for at in world.faults.of("ocr.submit") if at >= began]
    assert len(tried) <= world.policy.failures_before_pause + HOURS * 60, "one probe a minute"

    world.ocr.secret_readable = True
    live(world, minutes=RECOGNITION_SECONDS / MINUTE + 5)
    assert [world.row(document).outcome for document in documents] == [Outcome.SUCCEEDED] * len(documents)
    assert set(world.ocr.billed.values()) == {1}
    assert {operation.unconfirmed for operation in world.documents.operations.values()} == {0}
    assert not world.pause.read().why
    assert not died(world)


def died(world: World) -> list[str]:
    return [entry.name for entry in world.journal.failures if entry.name.endswith("_died")]


def test_one_failure_to_read_the_secret_pauses_nobody(world: World) -> None:
    """Secrets Manager throttled one worker's start."""
    world.ocr.secret_readable = False
    document: Document = world.upload("x.png", b"page")
    world.submit()
    world.ocr.secret_readable = True
    assert not world.pause.read().why
    live(world, minutes=2)
    assert world.operation(document).sent
