"""An operator pauses submitting, and resumes it, by one attribute of one row."""

from __future__ import annotations

from dataclasses import replace

from textdrop.core.documents import Document, DocumentState, DueKind, Outcome
from textdrop.core.errors import OcrCredentialsRefused, OcrUnreachable, Trace
from textdrop.core.pause import Pause
from world import World

REFUSED = OcrCredentialsRefused("401", Trace(status=401, code=16))
MINUTE = 60.0


def write(world: World, since: float | None) -> None:
    """What an operator's command does."""
    row = world.pause.row or Pause()
    world.pause.row = replace(row, rev=row.rev + 1, operator_since=since)


def live(world: World, minutes: int) -> None:
    for _ in range(minutes):
        assert not world.submit()
        world.poll()
        world.clock.advance(MINUTE)


def test_nothing_is_sent_until_the_operator_resumes(world: World) -> None:
    write(world, world.clock.now())
    documents = [world.upload(f"{number}.png", b"page %d" % number) for number in range(20)]
    live(world, minutes=200)
    assert world.ocr.accepted == []
    assert {world.row(document).state for document in documents} == {DocumentState.RECOGNIZING}
    assert {world.row(document).due_kind for document in documents} == {DueKind.SUBMIT}
    write(world, None)
    live(world, minutes=3)
    assert {world.row(document).outcome for document in documents} == {Outcome.SUCCEEDED}


def test_an_acceptance_that_was_under_way_does_not_resume(world: World, document: Document) -> None:
    world.faults.happen("ocr.submit", lambda: write(world, world.clock.now()))
    live(world, minutes=2)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert world.pause.read().operator_since is not None


def test_beneath_an_operators_pause_the_services_own_goes_on(world: World, document: Document) -> None:
    world.faults.fail("ocr.submit", REFUSED, times=2)
    world.submit()
    write(world, world.clock.now())
    live(world, minutes=30)
    assert world.faults.calls.count("ocr.submit") == 1
    write(world, None)
    live(world, minutes=2)
    assert world.faults.calls.count("ocr.submit") == 2
    assert world.pause.read().why == "credentials_refused"
    live(world, minutes=4)
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_that_the_secret_became_unreadable_shows_when_the_operator_resumes(world: World) -> None:
    write(world, world.clock.now())
    document = world.upload("x.png", b"page")
    world.ocr.secret_readable = False
    live(world, minutes=30)
    assert "ocr.submit" not in world.faults.calls
    write(world, None)
    live(world, minutes=10)
    assert world.pause.read().why == "secret_unreadable"
    world.ocr.secret_readable = True
    live(world, minutes=4)
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_an_operators_pause_runs_no_deadline(world: World) -> None:
    world.faults.fail("ocr.submit", lambda: OcrUnreachable("no connection"))
    document = world.upload("x.png", b"page")
    world.submit()
    write(world, world.clock.now())
    live(world, minutes=60 * 30)
    write(world, None)
    live(world, minutes=3)
    assert world.row(document).outcome is Outcome.SUCCEEDED
