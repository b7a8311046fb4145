"""A document's way through the use cases, on fakes and a virtual clock: outcomes, files, notices."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import pytest

from fakes.ocr import page, synthetic_text
from pagekit.page import Line
from textdrop.core.caps import Caps
from textdrop.core.documents import Document, DocumentState, Outcome
from textdrop.core.errors import (
    ObjectForbidden,
    OcrAnswerLost,
    OcrUnreachable,
    Reason,
    StoreUnavailable,
)
from world import World


def test_an_upload_ends_in_text_json_and_one_notice(world: World) -> None:
    document = world.upload("a/скан +1.png", b"page")
    world.run()
    row = world.row(document)
    assert (row.state, row.outcome) == (DocumentState.FINAL, Outcome.SUCCEEDED)
    assert world.file("a/скан +1.png.txt") == (synthetic_text(b"page") + "\n").encode()
    assert world.json("a/скан +1.png.ocr.json")["outcome"] == "succeeded"
    assert world.file("a/скан +1.png.error.json") is None
    (notice,) = world.notices_of(document)
    assert notice["id"] == f"{document.id}:1:succeeded"
    assert world.notices.published[0].attributes == {"outcome": "succeeded", "model": "page", "prefix": "a/"}
    assert len(world.ocr.accepted) == 1


def until_held(world: World, document: Document) -> None:
    """Minutes pass until it was told that the document is held."""
    for _ in range(9):
        world.submit([world.receive(message) for message in world.visible()])
        world.poll()
        world.deliver()
        world.clock.advance(60.0)
        if world.row(document).hold_told:
            return
    pytest.fail("it is not held")


def test_a_document_over_a_cap_is_told_once_to_be_held_and_has_its_notice_in_the_end(world: World) -> None:
    limits, began_at = Caps(pages_per_day=2), world.clock.now()
    world.submit_settings = replace(world.submit_settings, caps=limits)
    world.poll_settings = replace(world.poll_settings, caps=limits)
    world.upload("first.pdf", b"pages:2")
    document = world.upload("a/second.pdf", b"pages:1")
    until_held(world, document)
    (held,) = world.notices_of(document)
    assert (held["schema"], held["id"]) == ("textdrop.held/1", f"{document.id}:1:held")
    assert (held["pages"], held["cap"], held["period"], held["waits_for_a_person"]) == (1, 2, "day", False)
    attributes = {"held": "true", "model": "page", "prefix": "a/"}
    assert [told.attributes for told in world.notices.published].count(attributes) == 1
    assert world.file("a/second.pdf.txt") is None
    at, turn = (datetime.fromisoformat(held[name]).timestamp() for name in ("at", "turns_at"))
    assert began_at <= at < world.clock.now() < turn
    world.clock.advance(turn - world.clock.now())
    world.run()
    assert [told["schema"] for told in world.notices_of(document)] == ["textdrop.held/1", "textdrop.notice/1"]
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert held["turns_at"] <= world.notices_of(document)[1]["at"]


def test_a_held_message_that_the_topic_may_not_have_taken_is_sent_again_and_is_the_same(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, caps=Caps(pages_per_day=1))
    document = world.upload("larger.pdf", b"pages:2")
    world.faults.fail("notices.publish", lambda: StoreUnavailable("down"), when="after")
    until_held(world, document)
    first, again = world.notices_of(document)
    assert first == again
    assert first["waits_for_a_person"]


def test_a_page_takes_so_many_writes_and_its_row_carries_nothing_of_requests(world: World) -> None:
    """What is billed by the write: one more for the ledger is all that it costs to know what was paid."""
    document = world.upload("x.png", b"page")
    world.run()
    calls = world.faults.calls
    rows = {call: calls.count(call) for call in calls if call.startswith(("documents.", "ledger.", "newest."))}
    assert {call: count for call, count in rows.items() if "read" not in call and call != "documents.due"} == {
        "documents.create": 1,
        "documents.write": 7,
        "documents.write_operation": 3,
        "documents.finish_page": 1,
        "newest.update_if_newer": 1,
        "ledger.put": 1,
    }
    row, defaults = world.row(document), {field.name: field.default for field in fields(Document)}
    of_requests = ["began_at", "requested", "before", "ended_before", "pages_run", "held_until", "sweep_at", "removed"]
    assert [getattr(row, name) for name in of_requests] == [defaults[name] for name in of_requests]
    assert (row.pages_kept, world.operation(document).paid_run) == (0, 0)


@pytest.mark.parametrize(
    ("body", "metadata", "outcome", "reason"),
    [
        (b"", {}, Outcome.SKIPPED, Reason.EMPTY_FILE),
        (b"damaged", {}, Outcome.FAILED, Reason.DAMAGED),
        (b"pages:10", {}, Outcome.FAILED, Reason.TOO_MANY_PAGES),
        (b"page", {"ocr-model": "pages"}, Outcome.FAILED, Reason.INVALID_OPTIONS),
    ],
)
def test_what_cannot_be_recognised_ends_with_its_reason_and_costs_nothing(
    world: World, body: bytes, metadata: dict[str, str], outcome: Outcome, reason: Reason
) -> None:
    document = world.upload("x.bin", body, metadata)
    world.run()
    assert world.row(document).outcome is outcome
    error = world.json("x.bin.error.json")
    assert (error["reason"], error["outcome"]) == (str(reason), str(outcome))
    assert error["what"]
    assert error["advice"]
    assert [notice["reason"] for notice in world.notices_of(document)] == [str(reason)]
    assert world.ocr.accepted == []


def test_a_scaled_image_has_its_positions_in_its_own_pixels_and_its_warnings_in_result_and_notice(world: World) -> None:
    content = b"scaled attached:2"
    square = [[10, 20], [30, 20], [30, 41], [10, 41]]
    line: Line = {"text": "Ж", "polygon": square, "words": [{"text": "Ж", "polygon": square}]}
    world.ocr.table[content] = {
        **page("Ж"),
        "blocks": [{"type": "text", "polygon": square, "languages": [], "lines": [line]}],
        "tables": [
            {
                "rows": 1,
                "columns": 1,
                "polygon": square,
                "cells": [{"row": 0, "column": 0, "row_span": 1, "column_span": 1, "text": "Ж", "polygon": square}],
            }
        ],
    }
    document = world.upload("x.png", content)
    world.run()
    result: Any = world.json("x.png.ocr.json")
    [shown] = result["pages"]
    assert (shown["width"], shown["height"]) == (200, 200)
    [block], [table] = shown["blocks"], shown["tables"]
    parts = [block, *block["lines"], *block["lines"][0]["words"], table, *table["cells"]]
    assert {str(part["polygon"]) for part in parts} == {"[[20, 40], [60, 40], [60, 82], [20, 82]]"}
    assert shown["prepared"] == {"how": "scaled", "scale": 0.5, "warnings": ["low_resolution"]}
    assert result["source"]["attachments"] == 2
    [notice] = world.notices_of(document)
    pages: Any = notice["pages"]
    assert pages["warnings"] == [{"warning": "low_resolution", "count": 1, "pages": "1"}]
    assert len(result["notes"]) == 2
    assert notice["warnings"] == result["notes"]


def test_a_page_that_brings_no_word_is_named(world: World) -> None:
    world.ocr.table[b"page"] = page(" \n")
    document = world.upload("x.png", b"page")
    world.run()
    [notice] = world.notices_of(document)
    assert notice["warnings"] == ["No word was recognised on page 1: see whether there is any on it."]


def test_an_object_deleted_before_it_is_read_is_skipped(world: World, document: Document) -> None:
    world.uploads.forget("x.png", document.source.version_id)
    world.run()
    assert world.json("x.png.error.json")["reason"] == "object_gone"


def test_an_object_that_may_never_be_read_fails(world: World, document: Document) -> None:
    world.faults.fail("sources.head", ObjectForbidden("403"), times=9_999)
    world.submit(world.queue)
    world.queue.clear()
    for hours in (1, 22, 2):
        assert world.row(document).outcome is None
        world.clock.advance(hours * 3600.0)
        world.poll()
    world.run()
    row = world.row(document)
    assert world.json("x.png.error.json")["reason"] == "internal"
    assert (row.outcome_at or 0.0) - row.accepted_at > 86_400


def test_options_come_from_metadata_before_parameters(world: World) -> None:
    world.upload("x.png", b"page", {"ocr-languages": "en, fr", "ocr-model": "page-column-sort"})
    world.run()
    options: Any = world.json("x.png.ocr.json")["options"]
    assert options["languages"] == {"value": ["en", "fr"], "from": "metadata"}
    assert options["model"] == {"value": "page-column-sort", "from": "metadata"}


@pytest.mark.parametrize(
    ("body", "metadata", "file"),
    [
        (b"page", {}, "x.png.ocr.json"),
        (b"damaged", {}, "x.png.error.json"),
        (b"page", {"ocr-model": "pages"}, "x.png.error.json"),
    ],
)
def test_the_uploads_own_metadata_comes_back(world: World, body: bytes, metadata: dict[str, str], file: str) -> None:
    document = world.upload("x.png", body, {"Case": "дело 7", **metadata})
    world.run()
    [notice] = world.notices_of(document)
    for shown in (world.json(file), notice):
        assert (shown["metadata"], shown["metadata_omitted"]) == ({"case": "дело 7"}, 0)


def test_a_repeated_event_does_nothing(world: World, document: Document) -> None:
    event = world.queue[0]
    world.submit([event, event])
    world.run()
    assert world.submit([event]) == []
    world.run()
    assert len(world.ocr.accepted) == 1
    assert len(world.notices_of(document)) == 1


def test_a_file_that_kills_its_worker_is_given_up_and_takes_nobody_along(world: World) -> None:
    killer = world.upload("killer.png", b"killer")
    neighbour = world.upload("x.png", b"page")
    world.run()
    assert world.row(killer).outcome is Outcome.FAILED
    assert world.json("killer.png.error.json")["reason"] == "internal"
    assert world.json("killer.png.error.json")["attempts"] == 5
    assert world.row(neighbour).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1


def test_a_lost_acceptance_costs_one_more_submit_and_is_counted(world: World, document: Document) -> None:
    world.faults.fail("ocr.submit", OcrAnswerLost("timeout"), when="after")
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1 + world.operation(document).unconfirmed == 2
    assert world.journal.counts["SubmitsUnconfirmed"] == 1


def test_three_lost_answers_end_the_page(world: World, document: Document) -> None:
    world.faults.fail("ocr.submit", OcrAnswerLost("timeout"), when="after", times=9)
    world.run()
    error: Any = world.json("x.png.error.json")
    assert error["reason"] == "submit_unconfirmed"
    assert error["service"]["client_request_id"] == world.ocr.accepted[-1].client_request_id
    assert len(world.ocr.accepted) == 3
    assert world.operation(document).unconfirmed == 3


def test_an_outage_longer_than_the_deadline_ends_in_ocr_unavailable(world: World, document: Document) -> None:
    world.faults.fail("ocr.submit", OcrUnreachable("no connection"), times=200)
    world.run()
    assert world.json("x.png.error.json")["reason"] == "ocr_unavailable"
    waited = world.row(document).outcome_at or 0.0
    assert waited - world.row(document).accepted_at > 3600


def test_an_operation_that_never_ends_is_asked_once_more_and_given_up() -> None:
    world = World(recognition_seconds=1e9)
    document = world.upload("x.png", b"page")
    world.run()
    assert world.json("x.png.error.json")["reason"] == "deadline_exceeded"
    operation = world.operation(document)
    assert operation.finished_at is not None
    assert operation.finished_at >= (operation.deadline_at or 0.0)
    assert len(world.ocr.accepted) == 1


def test_a_recognition_just_before_the_deadline_is_taken() -> None:
    world = World(recognition_seconds=3600.0)
    document = world.upload("x.png", b"page")
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("versioned", [True, False])
def test_the_newest_upload_has_the_names_whatever_finishes_last(versioned: bool) -> None:
    world = World(versioned=versioned)
    world.upload("x.png", b"old")
    if versioned:
        world.submit()
    world.clock.advance(2)
    newer = world.upload("x.png", b"damaged new")
    world.run()
    assert world.file("x.png.txt") is None
    assert world.json("x.png.error.json")["id"] == newer.id


def test_an_upload_into_our_own_folder_cannot_reach_another_documents_files(world: World) -> None:
    victim = world.upload("x.png", b"page")
    world.run()
    kept = world.file(f".textdrop/documents/{victim.id}/result.txt")
    world.upload(f".textdrop/documents/{victim.id}/result", b"evil")
    world.run()
    assert world.file(f".textdrop/documents/{victim.id}/result.txt") == kept


def test_only_one_tick_runs(world: World) -> None:
    assert world.tick.take("another", world.clock.now(), world.clock.now() + 20) is not None
    assert world.poll() == "busy"
    world.clock.advance(21)
    assert world.poll() == "ended"


def test_a_crowd_is_asked_for_at_the_pace_and_no_faster() -> None:
    world = World(recognition_seconds=20.0)
    documents = [world.upload(f"{number}.png", b"%d" % number) for number in range(90)]
    world.submit()
    began = world.clock.now()
    world.run()
    assert {world.row(document).outcome for document in documents} == {Outcome.SUCCEEDED}
    pace = world.poll_settings.reads_per_second
    first = [at for at in world.faults.of("ocr.result") if at < began + 5.0]
    assert pace * 4.0 * 0.9 < len(first) <= pace * 4.0
