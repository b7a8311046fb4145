"""summary: documents by their last run, pages and cost to the page, what is in flight, and the pause."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from fakes.ocr import Failure
from textdrop.core import control
from textdrop.core.documents import Document, DocumentState, DueKind, Source
from textdrop.core.ledger import DaySums
from textdrop.core.pause import Pause
from textdrop.core.prices import Prices
from textdrop.core.results import timestamp
from textdrop.usecases import sums
from textdrop.usecases.control import in_flight
from unit.usecases.operated import NOON, operated, run_each
from world import World

NONE = dict.fromkeys(("succeeded", "partial", "failed", "skipped", "cancelled"), 0)
ROUBLES = {"currency": "RUB", "prices_of": "2026-05"}


@pytest.fixture
def world() -> World:
    return operated()


def test_documents_pages_and_cost_are_those_of_the_runs_that_ended(world: World) -> None:
    world.ocr.table = {b"failing": Failure()}
    run_each(world, {"1.png": b"1", "2.pdf": b"pages:3 bad:1", "3.png": b"failing", "4.png": b"damaged", "5.png": b""})
    world.upload("6.png", b"6", {"ocr-model": "table"})
    world.run()
    answer = world.ask("summary")
    assert answer["documents"] == {**NONE, "succeeded": 2, "partial": 1, "failed": 2, "skipped": 1}
    assert answer["retried"] == NONE
    assert answer["reasons"] == {"damaged": 2, "failed_in_ocr": 1, "empty_file": 1}
    unsent = {"pages_kept": 0, "pages_reused": 0, "pages_skipped": 0}
    page = {"pages_recognized": 3, "pages_paid": 3, "pages_unconfirmed": 0, **unsent}
    table = {"pages_recognized": 1, "pages_paid": 1, "pages_unconfirmed": 0, **unsent}
    assert answer["models"] == {
        "page": {**page, "cost": {"amount": "0.3963", **ROUBLES}},
        "table": {**table, "cost": {"amount": "1.22", **ROUBLES}},
    }
    assert {name: answer[name] for name in page} == {**page, "pages_recognized": 4, "pages_paid": 4}
    assert answer["cost"] == {"amount": "1.6163", **ROUBLES}
    assert answer["days"] == [
        {"day": "2026-11-29", "documents": 6, "pages_paid": 4, "cost": {"amount": "1.6163", **ROUBLES}}
    ]
    assert len(world.ocr.accepted) == 5, "of which one failed in the service, and is not billed"
    assert (answer["complete"], answer["cursor"]) == (True, None)


def test_a_document_that_was_run_again_counts_once_and_its_pages_as_often_as_they_are_paid(world: World) -> None:
    world.ocr.table = {b"pages:4 #2": Failure()}
    run_each(world, {"1.pdf": b"pages:4"})
    world.ocr.table = {}
    world.ask("retry", documents=["1.pdf"])
    world.run()
    world.ask("render", documents=["1.pdf"], outputs="markdown")
    world.run()
    answer = world.ask("summary")
    assert answer["documents"] == {**NONE, "succeeded": 1}
    assert answer["retried"] == {**NONE, "partial": 1, "succeeded": 1}
    assert (answer["pages_paid"], answer["pages_recognized"], answer["pages_kept"]) == (4, 4, 3 + 4)
    assert Decimal(answer["cost"]["amount"]) == 4 * Decimal("0.1321")
    assert answer["days"][0]["documents"] == 1


def test_a_run_that_replaces_one_from_before_the_first_day_takes_nothing_from_others(world: World) -> None:
    run_each(world, {"1.png": b"damaged", "2.png": b"damaged 2"})
    world.clock.advance(2 * 86_400.0)
    world.ask("retry", documents=["1.png"])
    world.run()
    answer = world.ask("summary", since="2026-12-01")
    assert answer["since"] == "2026-12-01T00:00:00.000Z"
    assert answer["documents"] == {**NONE}
    assert answer["retried"] == {**NONE, "failed": 1}
    assert world.ask("summary")["documents"] == {**NONE, "failed": 2}


def test_whole_days_are_summed_and_told(world: World) -> None:
    run_each(world, {"1.png": b"1"})
    world.clock.advance(86_400.0)
    run_each(world, {"2.png": b"2"})
    answer = world.ask("summary", since="2026-11-29T15:00:00Z", until="2026-11-29T16:00:00Z")
    assert (answer["since"], answer["until"]) == ("2026-11-29T00:00:00.000Z", "2026-11-29T23:59:59.999Z")
    assert answer["documents"]["succeeded"] == 1
    assert [day["day"] for day in world.ask("summary", since="2026-11-29")["days"]] == ["2026-11-29", "2026-11-30"]
    assert world.ask("summary")["since"] == "2026-10-31T00:00:00.000Z"
    assert world.ask("summary")["until"] == timestamp(world.clock.now())
    assert world.ask("summary", until="2099-01-01")["since"] == "2026-10-31T00:00:00.000Z"
    assert world.ask("summary", since="2027-11-29")["days"][0]["day"] == "2026-11-30"


def test_too_many_days_are_refused(world: World) -> None:
    error = world.ask_control({"command": "summary", "since": "2023-11-01"})["error"]
    assert (error["code"], error["what"]) == ("bad_request", "The summary would be of more than 1,100 days.")


def test_what_is_too_much_for_one_call_is_gone_on_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_each(world, {f"{number}.png": b"%d" % number for number in range(30)})
    monkeypatch.setattr(sums, "READS_A_CALL", 6)
    monkeypatch.setattr(sums, "RUNS_A_READ", 4)
    world.clock.advance(3_600.0)
    answer = world.ask("summary")
    assert answer["complete"] is False
    while not answer["complete"]:
        answer = world.ask("summary", cursor=answer["cursor"])
    assert answer["documents"]["succeeded"] == 30


def test_a_model_without_a_price_is_named_and_no_amount_made_up(world: World) -> None:
    world.upload("1.png", b"1", {"ocr-model": "markdown"})
    run_each(world, {"2.png": b"2"})
    answer = world.ask("summary")
    assert answer["cost"] == {"amount": None, **ROUBLES, "unpriced": ["markdown"]}
    assert answer["models"]["markdown"]["cost"] == {"amount": None, **ROUBLES, "unpriced": ["markdown"]}
    assert answer["models"]["page"]["cost"] == {"amount": "0.1321", **ROUBLES}


def test_amounts_of_another_currency_are_not_added_up() -> None:
    counts = {"page": {"runs": 2, "paid": 2, "unpriced": 0}}
    day = DaySums("2026-11-29", models=counts, costs={"page": {"RUB": "0.1", "KZT": "0.7"}})
    answer = control.sums([day], Prices(currency="KZT", noted=""))
    assert answer["cost"] == {"amount": None, "currency": "KZT", "prices_of": None, "unpriced": ["page"]}
    free = replace(day, costs={"page": {"RUB": "0", "KZT": "0.7"}})
    assert control.sums([free], Prices(currency="KZT", noted=""))["cost"]["amount"] == "0.7"


# --- in flight --------------------------------------------------------------------------------------------------------


def due(world: World, number: int, kind: DueKind, due_at: float = NOON, **fields: object) -> None:
    row = Document(f"{number:032x}", Source("uploads", f"{number}.png"), DocumentState.ACCEPTED, NOON - number)
    world.documents.rows[row.id] = replace(row, due_kind=kind, due_at=due_at, **fields)  # type: ignore[arg-type]


def test_what_is_in_flight_is_counted_by_state_and_the_oldest_named(world: World) -> None:
    for number in range(3):
        due(world, number, DueKind.SUBMIT)
    for number in range(3, 5):
        due(world, number, DueKind.SUBMIT, state=DocumentState.RECOGNIZING)
    due(world, 10, DueKind.RECHECK, state=DocumentState.RECOGNIZING)
    for number in range(20, 24):
        due(world, number, DueKind.DELIVER, state=DocumentState.DELIVERING)
    for number in range(30, 35):
        due(world, number, DueKind.BACKFILL)
    due(world, 99, DueKind.DELIVER, state=DocumentState.DELETING)
    answer = world.ask("summary")
    assert answer["active"] == {
        **{"accepted": 3, "recognizing": 3, "delivering": 5, "backfill": 5, "pages_running": 0, "at_most": False},
        "held": 0,
    }
    assert answer["oldest"] == {"document": f"{34:032x}", "key": "34.png", "waiting_seconds": 34.0}
    assert world.ask("check")["oldest"] == answer["oldest"]
    assert world.ask("check")["due"] == {
        **{"ask": 0, "submit": 5, "backfill": 5, "held": 0, "recheck": 1, "deliver": 5}
    }


def test_what_was_never_held_has_waited_since_it_came_on_whatever_day_its_pages_are_sent(world: World) -> None:
    due(world, 50_000, DueKind.SUBMIT, state=DocumentState.RECOGNIZING, reserved_on="2026-11-29")
    assert world.ask("summary")["oldest"]["waiting_seconds"] == 50_000.0


def test_pages_with_the_service_are_counted(world: World) -> None:
    world.ocr.seconds = 1_000.0
    world.upload("1.pdf", b"pages:3")
    world.submit()
    active = world.ask("summary")["active"]
    assert (active["recognizing"], active["pages_running"]) == (1, 3)


def test_more_than_can_be_counted_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "MAX_COUNTED", 4)
    for number in range(4):
        due(world, number, DueKind.BACKFILL)
    assert world.ask("summary")["active"]["at_most"] is False
    due(world, 5, DueKind.BACKFILL)
    active = world.ask("summary")["active"]
    assert (active["backfill"], active["at_most"]) == (4, True)


def test_what_is_held_is_told_from_what_waits_and_few_rows_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "LAST_READ", 5)
    for number in range(300):
        due(world, number, DueKind.SUBMIT, NOON - 10)
    for number in range(300, 303):
        due(world, number, DueKind.SUBMIT, NOON + 100, state=DocumentState.RECOGNIZING, attempts=1)
    active = world.ask("summary")["active"]
    assert (active["accepted"], active["recognizing"]) == (300, 3)
    assert len(world.faults.of("documents.read_many")) == 1


def test_the_pause_is_told(world: World) -> None:
    assert world.ask("summary")["pause"] == {"why": "", "since": None, "probe_at": None}
    world.pause.row = Pause(rev=1, since=NOON, why="not_sent", probe_at=NOON + 60)
    told = {"why": "not_sent", "since": "2026-11-29T12:00:00.000Z", "probe_at": "2026-11-29T12:01:00.000Z"}
    assert world.ask("summary")["pause"] == told
    world.pause.row = replace(world.pause.row, operator_since=NOON - 60)
    by_hand = {"why": "operator", "since": "2026-11-29T11:59:00.000Z", "probe_at": None}
    assert world.ask("summary")["pause"] == by_hand
