"""backfill: what is in the source bucket already, a page of its listing a call; and what it would cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from fakes.ocr import Failure
from textdrop.core.documents import DocumentState, DueKind, Outcome
from textdrop.core.errors import ObjectForbidden, StoreUnavailable
from textdrop.core.reconciling import SourceBucket
from textdrop.usecases.control import estimate
from unit.usecases.capped import allow
from unit.usecases.operated import NOON, operated
from world import World


@pytest.fixture
def world() -> World:
    return operated()


def pages_of(world: World, **parameters: Any) -> list[dict[str, Any]]:
    answers = [world.ask("backfill", **parameters)]
    while answers[-1]["cursor"] is not None:
        answers.append(world.ask("backfill", **parameters, cursor=answers[-1]["cursor"]))
    return answers


def total(answers: list[dict[str, Any]], *names: str) -> list[int]:
    return [sum(each[name] for each in answers) for name in names]


def fill(world: World, count: int, folder: str = "") -> None:
    for number in range(count):
        world.uploads.put(f"{folder}{number:04d}.png", b"page %d" % number)


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("limit", [1, 7, 1_000])
def test_everything_is_taken_once_in_pages_of_any_size(versioned: bool, limit: int) -> None:
    world = operated(versioned=versioned)
    fill(world, 23)
    world.listing.most = 10
    answers = pages_of(world, limit=limit)
    assert total(answers, "listed", "new", "known") == [23, 23, 0]
    assert all(answer["new"] <= limit for answer in answers)
    for dry_run in (True, False):
        again = pages_of(world, limit=limit, dry_run=dry_run)
        assert total(again, "listed", "new", "known", "pages") == [23, 0, 23, 0], "it is safe to repeat"
    world.run()
    assert Counter(world.ocr.billed.values()) == {1: 23}
    assert {row.outcome for row in world.documents.rows.values()} == {Outcome.SUCCEEDED}


def test_only_the_current_version_of_a_key_is_taken_however_a_page_is_cut(world: World) -> None:
    for number in range(6):
        for version in range(1 + number % 3):
            world.uploads.put(f"{number}.png", b"%d of %d" % (version, number))
    world.uploads.put("gone.png", b"gone")
    world.uploads.delete("gone.png")
    for limit in (1, 2, 1_000):
        answers = pages_of(world, limit=limit, dry_run=True)
        assert total(answers, "listed", "new", "older_versions") == [13, 6, 7], limit
    pages_of(world, limit=4)
    world.run()
    assert set(world.ocr.billed) == {b"0 of 0", b"1 of 1", b"2 of 2", b"0 of 3", b"1 of 4", b"2 of 5"}


def test_junk_and_folder_markers_are_ignored_and_told(world: World) -> None:
    for key in ("a/.DS_Store", "a/~$x.docx", "Thumbs.db", "a/b/"):
        world.uploads.put(key, b"" if key.endswith("/") else b"junk")
    world.uploads.put("a/b/c/", b"a file")
    world.uploads.put("a/x.png", b"1")
    answer = world.ask("backfill")
    assert (answer["listed"], answer["ignored"], answer["new"]) == (6, 4, 2)
    assert {row.source.key for row in world.documents.rows.values()} == {"a/b/c/", "a/x.png"}


def test_a_row_waits_for_live_uploads_since_it_was_asked_for(world: World) -> None:
    fill(world, 1)
    world.clock.advance(1_000_000.0)
    world.ask("backfill")
    [row] = world.documents.rows.values()
    assert (row.state, row.due_kind, row.due_at, row.accepted_at) == (
        *(DocumentState.ACCEPTED, DueKind.BACKFILL, NOON + 1_000_000.0, NOON + 1_000_000.0),
    )
    assert (row.source.last_modified, row.source.event_at) == (NOON, 0.0)
    assert world.journal.rules() == ["backfill_new"]
    assert world.ticks_asked == 1
    live = world.upload("live.png", b"live")
    world.run()
    assert [accepted.content for accepted in world.ocr.accepted] == [b"live", b"page 0"]
    assert world.row(live).outcome is Outcome.SUCCEEDED
    assert max(world.journal.values["UploadToNotice"]) < 120.0, "how long it was in the bucket is no delay"


def test_what_was_uploaded_while_the_stack_was_there_is_known(world: World) -> None:
    document = world.upload("x.png", b"1")
    world.run()
    fill(world, 2)
    answer = world.ask("backfill")
    assert (answer["new"], answer["known"]) == (2, 1)
    assert world.row(document).run == 1


def test_only_what_is_below_the_prefixes_is_taken(world: World) -> None:
    fill(world, 2, "scans/a/")
    fill(world, 3, "scans/b/")
    fill(world, 4, "other/")
    source = SourceBucket("uploads", "scans/", own=False, stack="stack/1")
    world.control_ports = replace(world.control_ports, source=source)
    assert world.ask("backfill", dry_run=True)["new"] == 5
    assert world.ask("backfill", prefix="scans/a", dry_run=True)["new"] == 2
    for prefix in ("other/", "scan"):
        error = world.ask_control({"command": "backfill", "prefix": prefix})["error"]
        assert error["code"] == "bad_request"
        assert error["advice"] == "Give a prefix that begins with scans/."
    assert world.documents.rows == {}


def test_a_dry_run_writes_nothing_and_wakes_nobody(world: World) -> None:
    fill(world, 3)
    pages_of(world, dry_run=True)
    assert (world.documents.rows, world.ticks_asked) == ({}, 0)


def test_a_failure_in_the_midst_loses_nothing(world: World) -> None:
    fill(world, 5)
    world.faults.fail("documents.create", lambda: StoreUnavailable("dynamodb.PutItem: 503"), skip=2)
    assert world.ask_control({"command": "backfill"})["error"]["code"] == "unavailable"
    assert (len(world.documents.rows), world.ticks_asked) == (2, 1)
    answer = world.ask("backfill")
    assert (answer["new"], answer["known"]) == (3, 2)


def test_a_row_that_another_made_meanwhile_is_known(world: World) -> None:
    fill(world, 2)
    world.faults.happen("documents.create", lambda: world.ask("backfill") and None)
    answer = world.ask("backfill")
    assert (answer["new"], answer["known"]) == (0, 2)


# --- the estimate -----------------------------------------------------------------------------------------------------


def test_an_estimate_is_by_the_ends_of_names_and_by_some_files_that_are_opened(world: World) -> None:
    for number in range(4):
        world.uploads.put(f"{number}.PDF", b"pages:%d" % (number + 1))
    for key in ("a.JPG", "b.jpeg", "c.tiff", "d.docx", "e", ".hidden", "f.", "g/h.x/i"):
        world.uploads.put(key, b"pages:3" if key == "c.tiff" else b"1")
    answer = world.ask("backfill", dry_run=True)
    assert answer["types"] == {".pdf": 4, "none": 4, ".docx": 1, ".jpeg": 1, ".jpg": 1, ".tiff": 1}
    assert answer["bytes"] == 5 * 7 + 7
    assert (answer["pdfs"], answer["pdfs_sampled"], answer["pdf_pages_sampled"]) == (5, 3, 1 + 3 + 3)
    assert answer["unreadable"] == 5
    pages = 2 + round(5 * 7 / 3)
    assert answer["pages"] == pages
    assert answer["cost"] == {"amount": "1.8494", "currency": "RUB", "prices_of": "2026-05"}
    assert answer["seconds"] == pages / 10.0


def test_files_are_opened_in_dry_runs_alone_and_at_most_three(world: World) -> None:
    for number in range(20):
        world.uploads.put(f"{number}.pdf", b"pages:2")
    world.ask("backfill", dry_run=True)
    assert len(world.faults.of("sources.head")) == 3
    answer = world.ask("backfill")
    assert len(world.faults.of("sources.head")) == 3
    assert (answer["pages"], answer["pdfs_sampled"]) == (20, 0), "a page for each, as nothing is known"


def test_after_a_file_that_takes_long_to_open_no_other_is_opened(world: World) -> None:
    for number in range(3):
        world.uploads.put(f"{number}.pdf", b"pages:2")
    world.faults.happen("sources.head", lambda: world.clock.advance(11.0))
    answer = world.ask("backfill", dry_run=True)
    assert (answer["pages"], answer["pdfs_sampled"]) == (6, 1)


@pytest.mark.parametrize("error", [ObjectForbidden("403"), StoreUnavailable("503")])
def test_a_file_that_cannot_be_opened_counts_as_a_page(world: World, error: Exception) -> None:
    world.uploads.put("1.pdf", b"damaged")
    world.uploads.put("2.pdf", b"pages:8")
    assert world.ask("backfill", dry_run=True)["pages"] == 9
    world.faults.fail("sources.head", lambda: error, times=2)
    assert world.ask("backfill", dry_run=True)["pages"] == 2


@pytest.mark.parametrize(("pages", "counted"), [("1-2,5", 3), ("9-", 0), ("all", 8)])
def test_the_pages_that_the_stack_reads_are_counted(world: World, pages: str, counted: int) -> None:
    world.control_settings = replace(world.control_settings, pages=pages)
    world.uploads.put("1.pdf", b"pages:8")
    assert world.ask("backfill", dry_run=True)["pages"] == counted


def test_a_file_of_more_pages_than_are_allowed_costs_nothing(world: World) -> None:
    world.uploads.put("1.pdf", b"pages:10")
    assert world.ask("backfill", dry_run=True)["pages"] == 0


KINDS = ("pages", "pages_paid", "pages_reused", "pages_skipped")


def estimated(world: World, **parameters: Any) -> list[int]:
    answer = world.ask("backfill", dry_run=True, **parameters)
    return [answer[name] for name in KINDS]


def reuse(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, reuse="yes")
    world.control_settings = replace(world.control_settings, reuse="yes")


def test_pages_that_were_sent_before_are_reused_if_options_and_uploads_allow_it(world: World) -> None:
    reuse(world)
    world.upload("before.pdf", b"pages:4")
    world.run()
    world.uploads.put("a/copy.pdf", b"pages:4")
    world.uploads.put("a/no.pdf", b"pages:4", {"ocr-reuse": "no"})
    world.uploads.put("a/other.pdf", b"pages:4", {"ocr-model": "table"})
    world.uploads.put("b/1.png", b"pages:1")
    calls = len(world.faults.calls)
    answer = world.ask("backfill", dry_run=True, prefix="a/")
    assert [answer[name] for name in KINDS] == [12, 8, 4, 0]
    assert answer["models"] == {"page": 4, "table": 4}
    assert answer["cost"]["amount"] == "5.4084", "each model at its own price"
    assert answer["seconds"] == 0.8, "what is reused takes no slot"
    made = {call for call in world.faults.calls[calls:] if call.split(".")[1] not in ("read", "read_operation")}
    assert made <= {"uploads.after", "documents.known", "sources.head"}, "nothing is claimed or written"
    assert estimated(world, prefix="a/", options={"reuse": "no"}) == [12, 12, 0, 0]
    assert estimated(world, prefix="a/copy", options={"languages": "en"}) == [4, 4, 0, 0]
    world.ask("backfill", prefix="a/")
    world.run()
    assert len(world.ocr.accepted) == 4 + 8


@pytest.mark.parametrize("state", ["failed", "forgotten", "deleted"])
def test_what_was_sent_before_and_can_not_be_taken_is_paid_for(world: World, state: str) -> None:
    reuse(world)
    world.ocr.table = {b"1": Failure()} if state == "failed" else {}
    world.ocr.seconds = 1e9 if state == "forgotten" else 1.0
    document = world.upload("before.png", b"1")
    world.submit()
    if state == "forgotten":
        world.clock.advance(4 * 86_400.0)
    else:
        world.run()
    if state == "deleted":
        world.ask("delete", documents=[document.id])
        world.run()
    world.uploads.put("a/copy.png", b"1")
    assert estimated(world, prefix="a/") == [1, 1, 0, 0]


def test_pages_with_text_of_their_own_are_skipped_where_options_say_so(world: World) -> None:
    world.uploads.put("1.pdf", b"pages:4 text:2")
    world.uploads.put("2.pdf", b"pages:4 text:2", {"ocr-pages": "without-text"})
    assert estimated(world) == [8, 7, 0, 1]
    assert estimated(world, options={"pages": "without-text"}) == [8, 6, 0, 2]
    world.control_settings = replace(world.control_settings, pages="without-text")
    assert estimated(world) == [8, 6, 0, 2]


def test_of_long_files_some_pages_are_looked_at_and_others_counted_like_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "PAGES_A_FILE", 2)
    world.control_settings = replace(world.control_settings, pages="without-text")
    world.uploads.put("1.pdf", b"pages:8 text:3")
    assert estimated(world) == [8, 4, 0, 4], "pages 3 and 7 were looked at"


def test_images_are_looked_into_by_example_too(world: World) -> None:
    reuse(world)
    world.upload("before.png", b"same")
    world.run()
    for number in range(6):
        world.uploads.put(f"a/{number}.png", b"same" if number % 2 else b"%d" % number)
    world.uploads.put("a/7.pdf", b"pages:5")
    answer = world.ask("backfill", dry_run=True, prefix="a/")
    assert (answer["images"], answer["images_sampled"], answer["pdfs"], answer["pdfs_sampled"]) == (6, 3, 1, 1)
    assert [answer[name] for name in KINDS] == [11, 5, 6, 0], "1, 3 and 5 are those at equal distances"


def test_no_page_is_looked_at_after_the_time_for_it(world: World) -> None:
    reuse(world)
    world.upload("before.png", b"same")
    world.upload("before.pdf", b"pages:4")
    world.run()
    world.uploads.put("a/1.pdf", b"pages:4")
    world.uploads.put("a/2.png", b"same")
    world.faults.happen("sources.head", lambda: world.clock.advance(11.0))
    answer = world.ask("backfill", dry_run=True, prefix="a/")
    assert [answer[name] for name in KINDS] == [5, 5, 0, 0]
    assert (answer["pdfs_sampled"], answer["images_sampled"]) == (1, 0)


def test_a_file_whose_options_are_refused_costs_nothing(world: World) -> None:
    world.control_settings = replace(world.control_settings, allowed_models="page")
    world.uploads.put("1.pdf", b"pages:3", {"ocr-model": "handwritten"})
    assert estimated(world) == [0, 0, 0, 0]
    assert estimated(world, options={"model": "handwritten"}) == [3, 3, 0, 0]


def test_the_caps_are_told_beside_it(world: World) -> None:
    fill(world, 2)
    assert world.ask("backfill", dry_run=True)["caps"] is None
    allow(world, per_day=5)
    world.reservations.days["2026-11-29"] = 4
    told = {"cap": 5, "pages_used": 4, "percent": 80.0, "turns_at": "2026-11-30T00:00:00.000Z"}
    assert world.ask("backfill", dry_run=True)["caps"] == {"day": told, "month": None}
