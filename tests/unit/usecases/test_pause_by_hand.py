"""An operator pauses submitting, and resumes it, by one attribute of one row; and what a tick measures."""

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
    submit = world.ocr.submit

    def pausing(body: bytes, client_request_id: str) -> object:
        write(world, world.clock.now())
        return submit(body, client_request_id)

    world.ocr.submit = pausing  # type: ignore[assignment, method-assign]
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


def test_an_operators_pause_runs_no_deadline(world: World) -> None:
    world.faults.fail("ocr.submit", lambda: OcrUnreachable("no connection"))
    document = world.upload("x.png", b"page")
    world.submit()
    write(world, world.clock.now())
    live(world, minutes=60 * 30)
    write(world, None)
    live(world, minutes=3)
    assert world.row(document).outcome is Outcome.SUCCEEDED


# --- what a tick measures ---------------------------------------------------------------------------------------------


def test_a_tick_that_finds_nothing_measures_that_nothing_is_due(world: World) -> None:
    world.poll()
    assert world.journal.values == {"OldestDueAge": [0.0]}


def test_a_tick_measures_how_long_the_oldest_has_been_due_of_any_kind() -> None:
    for kind in DueKind:
        world = World()
        document = world.upload("x.png", b"page")
        write(world, world.clock.now())
        world.submit()
        row = world.row(document)
        world.documents.rows[row.id] = replace(row, due_kind=kind, due_at=world.clock.now() - 500.0)
        world.documents.rows["2"] = replace(row, id="2", due_at=world.clock.now() - 20.0)
        world.poll()
        assert world.journal.values["OldestDueAge"][0] == 500.0


def test_a_long_tick_measures_once_a_minute() -> None:
    world = World(recognition_seconds=1_000.0)
    world.upload("x.png", b"page")
    world.submit()
    began = world.clock.now()
    assert world.poll() == "handed_over"
    passed = world.clock.now() - began
    assert 90 < passed < 120
    assert len(world.journal.values["OldestDueAge"]) == 2


def test_a_pause_is_told_of_once_a_minute_with_its_reason_though_nothing_waits(world: World) -> None:
    write(world, world.clock.now())
    live(world, minutes=3)
    assert world.journal.counts["SubmittingPaused"] == 3
    assert {entry.fields["why"] for entry in world.journal.notes if entry.name == "submitting_paused"} == {"operator"}
