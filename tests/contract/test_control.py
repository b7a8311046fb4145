"""What control asks of the table: lists, sums, changes and backfills come out the same on a real one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.rows import Rows
from textdrop.core.documents import Document, DocumentState, DueKind, Hold, Outcome, Period, Source
from textdrop.core.ledger import Run
from textdrop.usecases.control import active
from unit.usecases.capped import allow
from unit.usecases.operated import NOON, ids, operated, paged
from world import World


@pytest.fixture
def world(rows: Rows) -> World:
    """Its control works with this table."""
    world = operated()
    table = {
        **{"documents": rows.documents, "newest": rows.newest, "ledger": rows.ledger, "sums": rows.sums},
        **{"pause": rows.pause, "tick": rows.tick, "reservations": rows.reservations},
    }
    world.control_ports = replace(world.control_ports, **table)  # type: ignore[arg-type]  # each is the port of its name
    return world


def put(world: World, number: int, outcome: Outcome) -> str:
    """A document that ended so, a minute before the one with the number before."""
    identifier, at = f"{number:032x}", NOON - 60.0 * number
    source = Source("uploads", f"{number % 2}/{number}.png", version_id="1", last_modified=at)
    world.control_ports.documents.create(Document(identifier, source, DocumentState.FINAL, at, outcome=outcome))
    run = Run(identifier, 1, outcome, at, at, at, source.key, model="page", submitted=1, cost="0.5", currency="RUB")
    world.control_ports.ledger.put(run)
    return identifier


def test_a_list_and_a_summary_have_all_that_ended(world: World) -> None:
    made = [put(world, number, list(Outcome)[number % 3]) for number in range(12)]
    assert ids(paged(world, "list", limit=5)) == made
    assert ids(paged(world, "list", outcome="failed", prefix="1/")) == [made[5], made[11]]
    for seconds in (0.0, 0.0, 1_300.0):
        world.clock.advance(seconds)
        answer = world.ask("summary")
        assert {name: count for name, count in answer["documents"].items() if count} == {
            **{"succeeded": 4, "partial": 4, "failed": 4}
        }
        assert (answer["complete"], answer["pages_paid"], answer["cost"]["amount"]) == (True, 12, "6")


def test_what_is_taken_in_is_found_in_flight_once_and_cancelled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active, "ENTRIES_A_READ", 3)
    for number in range(8):
        world.uploads.put(f"{number % 2}/{number}.png", b"%d" % number)
    assert world.ask("backfill", dry_run=True)["new"] == 8
    assert world.ask("backfill")["new"] == 8
    assert world.ask("backfill")["known"] == 8
    assert len({*ids(paged(world, "list", outcome="active", limit=2))}) == 8
    assert world.ask("check")["due"][DueKind.BACKFILL] == 8
    assert len(paged(world, "cancel", "cancelled", prefix="1/")) == 4
    due = world.ask("check")["due"]
    assert due == {"ask": 0, "submit": 0, "backfill": 4, "held": 0, "recheck": 0, "deliver": 4}
    assert world.ask("status", documents=["1/1.png"], pages=True)["documents"][0]["outcome"] == "cancelled"


def test_what_is_held_is_found_the_oldest_first_and_released(world: World) -> None:
    allow(world, per_day=5)
    for number in (2, 1, 3):
        hold = Hold(Period.DAY, 2 * number, is_larger=number == 3, cap=5, at=NOON)
        source = Source("uploads", f"{number}.pdf", version_id="1")
        row = Document(f"{number:032x}", source, DocumentState.HELD, NOON + number, hold=hold, hold_told=True)
        world.control_ports.documents.create(replace(row, due_kind=DueKind.HELD, due_at=row.accepted_at))
    assert [each["key"] for each in paged(world, "list", outcome="held", limit=2)] == ["1.pdf", "2.pdf", "3.pdf"]
    assert world.ask("summary")["active"]["held"] == 3
    answer = world.ask("release", prefix="")
    assert (len(answer["released"]), answer["pages"], answer["unchanged"]) == (3, 12, [])
    assert world.ask("summary")["caps"]["day"]["pages_used"] == 12
    assert world.ask("check")["due"]["submit"] == 3


def test_a_retry_and_a_deletion_are_written(world: World) -> None:
    failed, succeeded = put(world, 1, Outcome.FAILED), put(world, 2, Outcome.SUCCEEDED)
    asked = world.ask("retry", outcome="failed", options={"model": "table"})
    assert asked["unchanged"] == []
    assert ids(asked["began"]) == [failed]
    row = world.control_ports.documents.read(failed)
    assert row is not None
    assert (row.run, row.state, row.requested) == (2, DocumentState.ACCEPTED, (("ocr-model", "table"),))
    assert {*ids(paged(world, "delete", "deleting", prefix=""))} == {failed, succeeded}
    assert [each["state"] for each in world.ask("status", documents=[failed, succeeded])["documents"]] == [
        "deleting"
    ] * 2


def test_a_pause_is_written_and_ended(world: World) -> None:
    assert world.ask("pause")["pause"]["why"] == "operator"
    assert world.ask("summary")["pause"]["why"] == "operator"
    assert world.ask("resume")["pause"]["why"] == ""
