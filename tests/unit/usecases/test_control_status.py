"""status: the documents that references name, and how they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from textdrop.core import control
from textdrop.core.caps import Caps
from textdrop.core.documents import Billed, Document, DocumentState, DueKind, Hold, Outcome, Period, Removed, Source
from textdrop.core.errors import OcrCredentialsRefused, Trace
from textdrop.core.ledger import Run
from textdrop.core.observations import DeleteAsked, RetryAsked
from textdrop.core.pause import Pause
from textdrop.core.policy import Policy
from textdrop.core.reconciling import SourceBucket
from unit.usecases.operated import NOON, ids, operated
from world import World


@pytest.fixture
def world() -> World:
    return operated()


def one(world: World, asked: str, **parameters: Any) -> dict[str, Any]:
    [found] = world.ask("status", documents=[asked], **parameters)["documents"]
    return dict(found)


def test_a_document_is_named_by_id_by_key_and_by_address(world: World) -> None:
    document = world.upload("a/x.png", b"1")
    world.run()
    asked = ["s3://uploads/a/x.png", document.id, "a/x.png", "a/x.png"]
    answer = world.ask("status", documents=asked)
    assert ids(answer["documents"]) == [document.id] * 4
    assert [each["asked"] for each in answer["documents"]] == asked
    assert answer["missing"] == []


def test_what_is_not_known_is_told_beside_the_others_in_their_order(world: World) -> None:
    for key in ("b.png", "a.png"):
        world.upload(key, key.encode())
    world.run()
    answer = world.ask("status", documents=["b.png", "f" * 32, "c.png", "a.png", "s3://elsewhere/a.png"])
    assert [each["key"] for each in answer["documents"]] == ["b.png", "a.png"]
    assert answer["missing"] == ["f" * 32, "c.png", "s3://elsewhere/a.png"]


@pytest.mark.parametrize("versioned", [True, False])
def test_a_key_names_its_current_version_not_one_that_merely_begins_so(versioned: bool) -> None:
    world = operated(versioned=versioned)
    world.upload("x.png", b"old")
    world.run()
    world.clock.advance(2.0)
    new = world.upload("x.png", b"new")
    world.upload("x.png.bak", b"other")
    world.run()
    assert one(world, "x.png")["document"] == new.id


def test_a_key_whose_upload_is_deleted_names_what_was_published_of_it(world: World) -> None:
    document = world.upload("x.png", b"1")
    world.upload("x.png.bak", b"other")
    world.run()
    world.uploads.delete("x.png")
    assert one(world, "x.png")["document"] == document.id


def test_an_upload_that_is_not_taken_yet_is_not_mistaken_for_the_one_before(world: World) -> None:
    world.upload("x.png", b"old")
    world.run()
    world.clock.advance(2.0)
    world.upload_unheard("x.png", b"new")
    assert world.ask("status", documents=["x.png"]) == {"documents": [], "missing": ["x.png"]}


def test_a_key_outside_of_the_prefix_is_not_looked_for_in_the_bucket(world: World) -> None:
    source = SourceBucket("uploads", "scans/", own=False, stack="stack/1")
    world.control_ports = replace(world.control_ports, source=source)
    document = world.upload("x.png", b"1")
    world.run()
    calls = len(world.faults.calls)
    assert one(world, "x.png")["document"] == document.id, "it was published of it, before the prefix was given"
    assert "uploads.after" not in world.faults.calls[calls:]


def test_one_document_is_read_consistently_and_many_in_one_call(world: World) -> None:
    made = [world.upload(f"{number}.png", b"%d" % number) for number in range(3)]
    world.run()
    before = len(world.faults.calls)
    one(world, made[0].id)
    assert [call for call in world.faults.calls[before:] if call.startswith("documents.")] == ["documents.read"]
    before = len(world.faults.calls)
    world.ask("status", documents=[each.id for each in made])
    assert [call for call in world.faults.calls[before:] if call.startswith("documents.")] == ["documents.read_many"]


def test_a_document_that_ended_shows_what_came_of_it(world: World) -> None:
    document = world.upload("a/x.pdf", b"pages:3 bad:2")
    world.run()
    shown = one(world, document.id)
    own = f".textdrop/documents/{document.id}/result"
    at = shown.pop("outcome_at")
    assert at.startswith("2026-11-29T12:00:0")
    assert shown == {
        "asked": document.id,
        "document": document.id,
        "key": "a/x.pdf",
        "bucket": "uploads",
        "version_id": "version-000001",
        "run": 1,
        "state": "final",
        "outcome": "partial",
        "reason": "damaged",
        "what": "Page 2 is damaged.",
        "advice": "Scan it again.",
        "pages": {
            **{"total": 3, "recognized": 2, "failed": 1, "finished": 3, "paid": 2, "unconfirmed": 0, "kept": 0},
            **{"reused": 0, "skipped": 0},
        },
        "model": "page",
        "cost": {"amount": "0.2642", "currency": "RUB", "prices_of": "2026-05"},
        "accepted_at": "2026-11-29T12:00:00.000Z",
        "began_at": "2026-11-29T12:00:00.000Z",
        "due_at": None,
        "waiting_for": None,
        "hold": None,
        "files": {
            "text": {"bucket": "results", "key": f"{own}.txt"},
            "json": {"bucket": "results", "key": f"{own}.ocr.json"},
            **dict.fromkeys(("markdown", "searchable_pdf", "workbook", "tables")),
        },
    }
    assert world.file(shown["files"]["text"]["key"]) is not None


def test_a_document_in_flight_shows_how_far_it_is(world: World) -> None:
    world.ocr.seconds = 1_000.0
    document = world.upload("x.pdf", b"pages:3 bad:2")
    world.submit()
    shown = one(world, document.id)
    assert shown["state"] == "recognizing"
    assert shown["pages"] == {
        **{"total": 3, "recognized": 0, "failed": 1, "finished": 1, "paid": 0, "unconfirmed": 0, "kept": 0},
        **{"reused": 0, "skipped": 0},
    }
    assert (shown["outcome"], shown["files"], shown["cost"], shown["outcome_at"]) == (None, None, None, None)
    assert shown["waiting_for"] == "the OCR service"
    assert shown["due_at"].startswith("2026-11-29T12:15:0")


def test_details_are_pages_by_state_times_and_runs(world: World) -> None:
    document = world.upload("x.pdf", b"pages:4 bad:2")
    world.run()
    world.clock.advance(3_600.0)
    world.transition(document, RetryAsked())
    world.run()
    shown = one(world, document.id, pages=True)
    assert shown["page_states"] == [
        {"pages": "1, 3-4", "state": "recognized", "reason": None, "text_from": "earlier_run"},
        {"pages": "2", "state": "failed", "reason": "damaged", "text_from": None},
    ]
    assert [(run["run"], run["outcome"], run["paid"], run["kept"]) for run in shown["runs"]] == [
        (1, "partial", 3, 0),
        (2, "partial", 0, 3),
    ]
    assert shown["runs"][0]["cost"] == {"amount": "0.3963", "currency": "RUB", "prices_of": None}
    told = [(each["at"][:13], each["what"]) for each in shown["timeline"]]
    assert told == [
        ("2026-11-29T12", "uploaded"),
        ("2026-11-29T12", "received"),
        ("2026-11-29T12", "run 1: partial"),
        ("2026-11-29T12", "run 1 ended"),
        ("2026-11-29T13", "run 2 began"),
        ("2026-11-29T13", "last page finished so far"),
        ("2026-11-29T13", "run 2: partial"),
        ("2026-11-29T13", "run 2 ended"),
    ]


def test_where_the_text_of_pages_is_from_is_told_with_what_cost_nothing(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, reuse="yes")
    for key in ("a.pdf", "b.pdf"):
        world.upload(key, b"pages:3 text:2", {"ocr-pages": "without-text"})
        world.run()
    first, second = (one(world, key, pages=True) for key in ("a.pdf", "b.pdf"))
    assert [(each["pages"], each["text_from"]) for each in first["page_states"]] == [("1, 3", "service"), ("2", "file")]
    assert [(each["pages"], each["text_from"]) for each in second["page_states"]] == [("1, 3", "reused"), ("2", "file")]
    for shown in (second["pages"], second["runs"][0]):
        assert (shown["paid"], shown["kept"], shown["reused"], shown["skipped"]) == (0, 0, 2, 1)
    world.clock.advance(1_300.0)
    summary = world.ask("summary")
    names = ("pages_recognized", "pages_paid", "pages_kept", "pages_reused", "pages_skipped")
    assert [summary[name] for name in names] == [6, 2, 0, 2, 2]
    assert [summary["models"]["page"][name] for name in names] == [6, 2, 0, 2, 2]


def test_pages_without_a_row_wait(world: World) -> None:
    world.faults.fail("ocr.submit", lambda: OcrCredentialsRefused("401", Trace(status=401)))
    document = world.upload("x.pdf", b"pages:3")
    world.submit()
    shown = one(world, document.id, pages=True)
    assert shown["page_states"] == [{"pages": "1-3", "state": "waiting", "reason": None, "text_from": None}]
    assert shown["waiting_for"] == "the end of a pause: the OCR service refuses the credentials"
    assert [each["what"] for each in shown["timeline"]] == ["uploaded", "received"]


def test_a_deleted_document_shows_what_was_removed(world: World) -> None:
    document = world.upload("x.png", b"1")
    world.run()
    world.transition(document, DeleteAsked())
    assert one(world, document.id)["state"] == "deleting"
    world.run()
    shown = one(world, document.id)
    assert (shown["state"], shown["key"], shown["files"], shown["due_at"]) == ("deleted", "", None, None)
    assert shown["removed"]["rows"] == 1
    assert shown["removed"]["objects"] >= 5


ROW = Document("a" * 32, Source("b", "k"), DocumentState.ACCEPTED, NOON, due_kind=DueKind.SUBMIT, due_at=NOON)
DELIVERED = {"state": DocumentState.DELIVERING, "due_kind": DueKind.DELIVER}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "a free slot"),
        ({"attempts": 1}, None),
        ({"consecutive_failures": 1}, "the next try, after a failure"),
        ({"due_kind": DueKind.BACKFILL}, "a free slot, after all live uploads"),
        ({"state": DocumentState.RECOGNIZING, "due_kind": DueKind.RECHECK}, "the OCR service"),
        (DELIVERED, "delivery"),
        ({**DELIVERED, "state": DocumentState.DELETING, "removed": Removed()}, "removal"),
        ({**DELIVERED, "state": DocumentState.DELETING, "removed": Removed(objects=1)}, "the last sweep"),
        ({"state": DocumentState.FINAL, "due_kind": None, "due_at": None}, None),
    ],
)
def test_what_a_document_waits_for_is_told_in_words(fields: dict[str, Any], words: str | None) -> None:
    assert control.waiting_for(replace(ROW, **fields), Pause(), Caps()) == words


def test_the_service_may_keep_what_an_earlier_run_may_have_sent() -> None:
    row = replace(ROW, run=2, state=DocumentState.FINAL, outcome=Outcome.SKIPPED, billed=Billed(), outcome_at=NOON)
    run = Run(row.id, 1, Outcome.CANCELLED, NOON - 60.0, NOON - 90.0, NOON - 86_400.0, unconfirmed=1)
    kept = [control.kept_by_service_until(row, [each], NOON, Policy()) for each in (run, replace(run, unconfirmed=0))]
    assert kept == ["2026-12-01T12:00:00.000Z", None]


CAPS = Caps(pages_per_day=500, pages_per_month=1_200)


@pytest.mark.parametrize(
    ("hold", "limits", "words"),
    [
        (
            Hold(Period.DAY, 60, cap=400),
            CAPS,
            "the next day (UTC): the cap of 500 pages a day has no room for 60 pages",
        ),
        (Hold(Period.MONTH, 1), CAPS, "the next month (UTC): the cap of 1,200 pages a month has no room for 1 page"),
        (
            Hold(Period.DAY, 501, is_larger=True),
            CAPS,
            "a person: 501 pages are more than the whole cap of 500 pages a day (textdrop release)",
        ),
        (Hold(Period.DAY, 500), CAPS, "the next day (UTC): the cap of 500 pages a day has no room for 500 pages"),
        (
            Hold(Period.DAY, 2, is_larger=True),
            Caps(pages_per_month=1),
            "a person: 2 pages are more than the whole cap of 1 page a month (textdrop release)",
        ),
        (Hold(Period.DAY, 60), Caps(pages_per_month=90), "its turn: there is no cap of pages a day any more"),
    ],
)
@pytest.mark.parametrize("kind", [DueKind.DELIVER, DueKind.HELD])
def test_a_held_document_waits_for_room_or_a_person_by_the_caps_of_now(
    hold: Hold, limits: Caps, words: str, kind: DueKind
) -> None:
    row = replace(ROW, state=DocumentState.HELD, due_kind=kind, hold=hold, attempts=1)
    assert control.waiting_for(row, Pause(operator_since=NOON), limits) == words


@pytest.mark.parametrize(
    ("pause", "words"),
    [
        (Pause(operator_since=NOON, since=NOON, why="not_sent"), "the end of a pause: by request"),
        (
            Pause(since=NOON, why="secret_unreadable"),
            "the end of a pause: the secret with the credentials cannot be ",
        ),
        (Pause(since=NOON, why="not_sent"), "the end of a pause: the OCR service cannot be reached"),
        (Pause(since=NOON, why="unconfirmed"), "the end of a pause: the OCR service's answers are lost"),
        (Pause(since=NOON, why="rejected"), "the end of a pause: the OCR service refused many pages in a row"),
        (Pause(why="not_sent"), "a free slot"),
    ],
)
def test_a_pause_holds_what_is_to_be_sent_and_nothing_else(pause: Pause, words: str) -> None:
    assert str(control.waiting_for(ROW, pause, Caps())).startswith(words)
    recheck = replace(ROW, due_kind=DueKind.RECHECK)
    assert control.waiting_for(recheck, pause, Caps()) == "the OCR service"


def test_a_key_that_is_no_utf8_can_be_sent() -> None:
    row = replace(ROW, source=Source("b", "a\udcff"), outcome=Outcome.FAILED)
    shown = control.document(row, Pause(), operated().control_ports.prices, Caps(), "r", "")
    answer = control.answered({"documents": [shown]})
    answer["answer"]["documents"][0]["key"].encode()
