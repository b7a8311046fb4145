"""release: held documents are sent whatever the caps; and what other requests do with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from textdrop.core.documents import DocumentState, DueKind, Operation, OperationState, Outcome
from textdrop.core.errors import OcrUnreachable, StoreUnavailable
from unit.usecases.capped import allow
from unit.usecases.operated import NOON, hold_each, ids, keys, operated, paged
from world import World


@pytest.fixture
def world() -> World:
    """Five pages a day, of which none is sent yet."""
    made = operated()
    allow(made, per_day=5)
    return made


def why(answer: dict[str, Any]) -> str:
    [unchanged] = answer["unchanged"]
    return str(unchanged["why"])


def fill_the_day(world: World) -> None:
    world.upload("first.pdf", b"pages:5")
    world.run()
    assert world.reservations.days == {"2026-11-29": 5}


def test_what_is_released_is_sent_whatever_the_caps_and_counted(world: World) -> None:
    held = hold_each(world, {"large.pdf": b"pages:8"})["large.pdf"]
    would = world.ask("release", documents=["large.pdf"], dry_run=True)
    assert [(each["state"], each["run"]) for each in would["released"]] == [("held", 1)], "it is shown as it is"
    assert (would["pages"], would["cost"]["amount"], would["cursor"]) == (8, "1.0568", None)
    assert world.row(held).state is DocumentState.HELD
    asked = world.ticks_asked
    done = world.ask("release", documents=["large.pdf"])
    assert [(each["state"], each["hold"]) for each in done["released"]] == [("recognizing", None)]
    assert (done["pages"], done["cost"]) == (would["pages"], would["cost"])
    assert world.row(held).due_kind is DueKind.SUBMIT
    assert world.ticks_asked == asked + 1
    world.run()
    assert (world.row(held).outcome, len(world.ocr.accepted)) == (Outcome.SUCCEEDED, 8)
    assert world.reservations.days == {"2026-11-29": 8}


def test_only_pages_that_have_to_be_sent_are_paid_for(world: World) -> None:
    fill_the_day(world)
    world.upload("x.pdf", b"pages:3 text:2", {"ocr-pages": "without-text", "ocr-model": "table"})
    world.submit()
    would = world.ask("release", documents=["x.pdf"], dry_run=True)
    assert (would["pages"], would["cost"]["amount"]) == (2, "2.44")
    assert would["released"][0]["hold"] == {"period": "day", "pages": 2, "waits_for_a_person": False}
    assert world.ask("release", documents=["x.pdf"])["released"], "though its owner was not told yet"
    world.run()
    assert [accepted.content[-2:] for accepted in world.ocr.accepted[5:]] == [b"#1", b"#3"]


def test_only_what_is_held_is_released_and_of_the_others_it_is_said_why(world: World) -> None:
    fill_the_day(world)
    hold_each(world, {"held.png": b"1"})
    world.ocr.seconds = 1_000.0
    allow(world)
    world.upload("sent.png", b"2")
    world.submit()
    allow(world, per_day=5)
    world.ask("delete", documents=["first.pdf"])
    deleted = ids(world.ask("list", outcome="active")["documents"])
    answer = world.ask("release", documents=["sent.png", "first.pdf", "held.png", "none.png"])
    assert keys(answer["released"]) == ["held.png"]
    assert len(deleted) == 2
    assert [each["why"] for each in answer["unchanged"]] == [
        "It is not held: it is in flight.",
        "It is deleted, or being deleted.",
        "No document is known of it.",
    ]


def test_what_has_ended_is_not_released(world: World) -> None:
    fill_the_day(world)
    assert why(world.ask("release", documents=["first.pdf"])) == "It is not held: it is succeeded."


def test_all_below_a_prefix_are_released_the_oldest_first_a_page_a_call(world: World) -> None:
    fill_the_day(world)
    inside = hold_each(world, {f"a/{number}.png": b"%d" % number for number in range(105)})
    hold_each(world, {"b/1.png": b"b"})
    would = paged(world, "release", "released", prefix="a/", dry_run=True)
    assert keys(would) == list(inside)
    answer = world.ask("release", prefix="a/")
    assert (len(answer["released"]), answer["pages"]) == (100, 100)
    assert len(world.ask("release", prefix="a/", cursor=answer["cursor"])["released"]) == 5
    assert keys(world.ask("list", outcome="held")["documents"]) == ["b/1.png"]


@pytest.mark.parametrize(("count", "kind"), [(10, DueKind.SUBMIT), (11, DueKind.BACKFILL)])
def test_many_at_once_are_sent_after_live_uploads(world: World, count: int, kind: DueKind) -> None:
    fill_the_day(world)
    held = hold_each(world, {f"{number}.png": b"%d" % number for number in range(count)})
    world.ask("release", documents=list(held))
    assert {world.row(each).due_kind for each in held.values()} == {kind}


def test_without_caps_a_document_that_is_still_held_is_released_and_nothing_reserved(world: World) -> None:
    hold_each(world, {"large.pdf": b"pages:8"})
    allow(world)
    assert world.ask("release", documents=["large.pdf"])["released"]
    world.run()
    assert (len(world.ocr.accepted), +world.reservations.days) == (8, {})


def test_a_row_of_the_month_that_others_write_is_told_beside_the_others(world: World) -> None:
    fill_the_day(world)
    held = hold_each(world, {"1.png": b"1", "2.png": b"2"})
    world.faults.fail("reservations.write", lambda: StoreUnavailable("dynamodb.TransactWriteItems: conflict"))
    answer = world.ask("release", documents=list(held))
    assert keys(answer["released"]) == ["2.png"]
    assert (answer["pages"], why(answer)) == (1, "Its row could not be read or written: ask again.")


def test_a_document_that_another_has_released_and_is_sending_is_told_beside_the_others(world: World) -> None:
    held = hold_each(world, {"1.pdf": b"pages:6", "2.pdf": b"pages:7"})

    def another_sends() -> None:
        row = world.row(held["1.pdf"])
        sending = replace(row, state=DocumentState.RECOGNIZING, rev=row.rev + 2, due_kind=DueKind.SUBMIT, hold=None)
        world.documents.rows[row.id] = sending
        page = Operation(row.id, 1, 1, OperationState.SUBMITTING, holder_rev=sending.rev)
        world.documents.operations[row.id, 1, 1] = page

    world.faults.happen("documents.read_operations", another_sends)
    answer = world.ask("release", documents=list(held))
    assert keys(answer["released"]) == ["2.pdf"]
    assert why(answer) == "It is not held: it is in flight."


# --- other requests -------------------------------------------------------------------------------------------------


def test_what_is_held_is_in_flight_and_listed_by_itself_too(world: World) -> None:
    fill_the_day(world)
    hold_each(world, {"a/1.png": b"1", "a/2.png": b"2", "b/1.png": b"3"})
    world.upload("untold.png", b"4")
    world.submit()
    assert keys(paged(world, "list", outcome="held", limit=1)) == ["untold.png", "a/1.png", "a/2.png", "b/1.png"]
    assert sorted(keys(paged(world, "list", outcome="active", prefix="a/"))) == ["a/1.png", "a/2.png"]
    allow(world, per_day=100)
    world.upload("sent.png", b"5")
    world.ocr.seconds = 1_000.0
    world.submit()
    assert keys(world.ask("list", outcome="held", prefix="sent")["documents"]) == []
    assert len(world.ask("list", outcome="active")["documents"]) == 5
    assert keys(world.ask("list")["documents"]) == ["first.pdf"]


@pytest.mark.parametrize("chosen", [{"documents": ["x.pdf"]}, {"prefix": "x"}])
def test_what_is_held_is_cancelled_and_nothing_of_it_sent(world: World, chosen: dict[str, Any]) -> None:
    document = hold_each(world, {"x.pdf": b"pages:8"})["x.pdf"]
    assert ids(world.ask("cancel", **chosen)["cancelled"]) == [document.id]
    world.run()
    assert (world.row(document).outcome, world.ocr.accepted) == (Outcome.CANCELLED, [])


def test_what_is_held_is_deleted_and_the_service_has_nothing_of_it(world: World) -> None:
    document = hold_each(world, {"x.pdf": b"pages:8"})["x.pdf"]
    [deleting] = world.ask("delete", prefix="x")["deleting"]
    assert (deleting["hold"], deleting["ocr_result_kept_until"]) == (None, None)
    world.run()
    assert (world.row(document).state, world.ocr.accepted) == (DocumentState.DELETED, [])


def test_the_service_may_have_pages_of_a_document_that_is_held_on_a_later_day(world: World) -> None:
    world.faults.fail("ocr.submit", lambda: OcrUnreachable("no connection"), skip=2, times=100)
    document = world.upload("x.pdf", b"pages:4")
    world.submit()
    world.faults.mend()
    world.clock.advance(86_400.0)
    world.reservations.days["2026-11-30"] = 5
    world.poll()
    world.submit()
    assert (world.row(document).state, len(world.ocr.accepted)) == (DocumentState.HELD, 2)
    [deleting] = world.ask("delete", documents=["x.pdf"])["deleting"]
    assert deleting["ocr_result_kept_until"].startswith("2026-12-03T12:0")


def test_a_held_document_has_been_held_in_its_timeline(world: World) -> None:
    document = hold_each(world, {"x.pdf": b"pages:8"})["x.pdf"]
    [shown] = world.ask("status", documents=[document.id], pages=True)["documents"]
    assert [each["what"] for each in shown["timeline"]] == ["uploaded", "received", "held"]
    assert shown["timeline"][-1]["at"].startswith("2026-11-29T12:00:0")
    assert (shown["state"], shown["waiting_for"]) == (
        "held",
        "a person: 8 pages are more than the whole cap of 5 pages a day (textdrop release)",
    )
    assert shown["page_states"] == [{"pages": "1-8", "state": "waiting", "reason": None, "text_from": None}]


# --- the summary ----------------------------------------------------------------------------------------------------


def test_the_summary_counts_what_is_held_and_how_much_of_the_caps_is_used(world: World) -> None:
    allow(world, per_day=5, per_month=30)
    fill_the_day(world)
    world.reservations.days["2026-11-03"] = 13
    hold_each(world, {"1.png": b"1", "2.png": b"2"})
    world.upload("untold.png", b"3")
    world.submit()
    answer = world.ask("summary")
    assert answer["active"] == {
        **{"accepted": 0, "recognizing": 0, "held": 3, "delivering": 0, "backfill": 0, "pages_running": 0},
        "at_most": False,
    }
    assert answer["caps"] == {
        "day": {"cap": 5, "pages_used": 5, "percent": 100.0, "turns_at": "2026-11-30T00:00:00.000Z"},
        "month": {"cap": 30, "pages_used": 18, "percent": 60.0, "turns_at": "2026-12-01T00:00:00.000Z"},
    }
    assert answer["oldest"] is None, "what is held waits for room, and not for us"
    assert world.ask("check")["due"]["held"] == 2


def test_without_a_cap_there_is_nothing_to_tell_of_it(world: World) -> None:
    allow(world, per_month=7)
    assert world.ask("summary")["caps"] == {
        "day": None,
        "month": {"cap": 7, "pages_used": 0, "percent": 0.0, "turns_at": "2026-12-01T00:00:00.000Z"},
    }
    allow(world)
    reads = len(world.faults.of("reservations.read"))
    assert world.ask("summary")["caps"] is None
    assert len(world.faults.of("reservations.read")) == reads


def test_what_was_held_has_waited_since_its_release(world: World) -> None:
    held = hold_each(world, {"x.pdf": b"pages:8"})["x.pdf"]
    world.clock.advance(3 * 86_400.0)
    world.ask("release", documents=["x.pdf"])
    world.clock.advance(60.0)
    assert world.ask("summary")["oldest"]["waiting_seconds"] == pytest.approx(60.0, abs=1.0)
    assert world.row(held).accepted_at == NOON
