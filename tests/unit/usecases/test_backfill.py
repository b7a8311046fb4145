"""Documents of a backfill: behind all live uploads, a few on their way at a time, and no tick stays for nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aws_events import event
from textdrop.core import identity, states
from textdrop.core.documents import Document, DueKind, Outcome
from textdrop.core.errors import ObjectForbidden, OcrUnreachable, Reason
from textdrop.core.observations import Backfilled, Cancelled
from textdrop.core.policy import Policy
from textdrop.core.problems import cancelled
from textdrop.core.schedule import MIN_BACKFILLS, new
from world import World


def backfill(world: World, count: int, name: str = "old") -> list[Document]:
    """A request has found so many uploads without a row."""
    made = []
    for number in range(count):
        source = world.uploads.put(f"{name}/{number:04d}.png", b"%s %d" % (name.encode(), number))
        seen = Backfilled(identity.document_id(source), source)
        row = states.decide_document(None, seen, world.clock.now(), world.policy).row
        assert row is not None
        assert world.documents.create(row)
        made.append(row)
        world.clock.advance(0.01)
    return made


def outcomes(world: World, documents: list[Document]) -> set[Outcome | None]:
    return {world.row(document).outcome for document in documents}


def test_each_of_many_ends_in_text_and_is_paid_once(world: World) -> None:
    documents = backfill(world, 100)
    world.run()
    assert outcomes(world, documents) == {Outcome.SUCCEEDED}
    assert len(world.ocr.accepted) == 100
    assert world.file("old/0099.png.txt")


def test_a_few_are_on_their_way_at_a_time_and_the_next_follow_them(world: World) -> None:
    documents = backfill(world, 3 * MIN_BACKFILLS)
    world.poll()
    assert len(world.queue) == MIN_BACKFILLS, "what was not taken yet is waited for"
    world.clock.advance(60.0)
    world.poll()
    assert len(world.queue) == MIN_BACKFILLS
    world.submit(world.receive(message) for message in world.visible()[:5])
    world.poll()
    assert len(world.queue) == MIN_BACKFILLS
    waiting = [row for row in documents if world.row(row).due_at == row.due_at]
    assert waiting == documents[MIN_BACKFILLS + 5 :], "the first that was asked for goes first"


def test_what_was_lost_on_its_way_is_handed_out_again(world: World) -> None:
    documents = backfill(world, MIN_BACKFILLS + 5)
    world.poll()
    world.queue.clear()
    world.run()
    assert outcomes(world, documents) == {Outcome.SUCCEEDED}
    assert len(world.ocr.accepted) == len(documents)


@pytest.mark.parametrize(("submits_per_second", "most"), [(0.5, MIN_BACKFILLS), (10.0, 20), (10.1, 21), (40.0, 80)])
def test_as_many_as_keep_submit_busy(submits_per_second: float, most: int) -> None:
    assert new(1.0, 50, submits_per_second, 0.0).max_backfills() == most


def test_live_documents_go_first_however_late_they_are_due(world: World) -> None:
    backfill(world, 30)
    world.clock.advance(100.0)
    live = world.upload("live.pdf", b"pages:9")
    world.pause.row = replace(world.pause.row, operator_since=world.clock.now())
    world.submit()
    world.pause.row = replace(world.pause.row, operator_since=None)
    world.clock.advance(world.policy.probe_seconds)
    world.poll()
    assert live.id in world.queue[0].body


def test_a_live_upload_that_a_backfill_found_first_is_live(world: World) -> None:
    [document] = backfill(world, 1)
    backfill(world, 30, "more")
    world.send(event(document.source))
    world.submit()
    row = world.row(document)
    assert (row.due_kind, row.submit_passes) == (DueKind.RECHECK, 1)
    assert [accepted.content for accepted in world.ocr.accepted] == [b"old 0"]
    world.send(event(document.source))
    world.submit()
    world.run()
    assert len(world.ocr.accepted) == 31
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_an_event_of_what_a_worker_has_already_changes_nothing(world: World) -> None:
    [document] = backfill(world, 1)
    world.poll()
    world.faults.happen("sources.head", lambda: world.send(event(document.source)))
    world.submit()
    world.submit()
    world.run()
    assert len(world.ocr.accepted) == 1


def test_while_submitting_is_paused_nothing_is_handed_out_and_no_tick_stays(world: World) -> None:
    backfill(world, 3)
    world.pause.row = replace(world.pause.row, operator_since=world.clock.now())
    before = world.clock.now()
    assert world.poll() == "ended"
    assert world.clock.now() - before < 5.0
    assert world.queue == []


def test_a_tick_does_not_stay_for_what_may_not_be_handed_out_yet(world: World) -> None:
    backfill(world, 2 * MIN_BACKFILLS)
    before = world.clock.now()
    assert world.poll() == "ended"
    assert world.clock.now() - before < 10.0
    assert world.faults.calls.count("documents.due") < 100


def test_it_is_counted_but_makes_nobody_wait_too_long(world: World) -> None:
    backfill(world, MIN_BACKFILLS + 7)
    world.clock.advance(5_000.0)
    world.poll()
    values = world.journal.values
    assert values["DocumentsToBackfill"] == [MIN_BACKFILLS + 7]
    assert max(values["OldestDueAge"]) == 0.0
    world.clock.advance(60.0)
    world.poll()
    assert values["DocumentsToBackfill"] == [MIN_BACKFILLS + 7] * 2, "also while none may follow"


def test_of_a_source_that_may_not_be_read_others_do_not_have_to_wait_for_long(world: World) -> None:
    """Archived, say. A live upload is tried for a day; here the next ones wait."""
    archived = backfill(world, MIN_BACKFILLS, "archived")
    others = backfill(world, 5)
    head = world.submit_ports.sources.head

    class Archive:
        def head(self, source: object) -> object:
            if "archived" in str(source):
                raise ObjectForbidden("GLACIER")
            return head(source)  # type: ignore[arg-type]

    world.submit_ports = replace(world.submit_ports, sources=Archive())  # type: ignore[arg-type]
    began_at = world.clock.now()
    world.run()
    assert outcomes(world, others) == {Outcome.SUCCEEDED}
    assert outcomes(world, archived) == {Outcome.FAILED}
    problem = world.row(archived[0]).problem
    assert problem is not None
    assert problem.reason is Reason.INTERNAL
    assert (world.row(others[-1]).outcome_at or 0.0) - began_at < 900.0
    tries = [row for row in world.journal.transitions if row.name == "forbidden"]
    assert len(tries) == MIN_BACKFILLS * Policy().max_backfill_failures


def test_what_waited_for_days_in_a_backfill_is_not_given_up_for_one_refusal(world: World) -> None:
    [document] = backfill(world, 1)
    world.clock.advance(3 * 86_400.0)
    world.faults.fail("sources.head", lambda: ObjectForbidden("403"))
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_a_page_of_what_waited_for_days_is_not_given_up_for_one_refusal_either(world: World) -> None:
    [document] = backfill(world, 1)
    world.clock.advance(3 * 86_400.0)
    world.faults.fail("ocr.submit", lambda: OcrUnreachable("no connection"))
    world.faults.fail("sources.head", lambda: ObjectForbidden("403"), skip=1)
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_one_that_waits_can_be_cancelled(world: World) -> None:
    document, other = backfill(world, 2)
    assert world.transition(document, Cancelled(cancelled())) is not None
    world.run()
    assert [world.row(each).outcome for each in (document, other)] == [Outcome.CANCELLED, Outcome.SUCCEEDED]
    assert len(world.ocr.accepted) == 1
    assert world.ledger.runs(document.id)[0].submitted == 0
