"""A document's way through the use cases, on fakes and a virtual clock: outcomes, files, notices."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from fakes.ocr import Failure, synthetic_text
from textdrop.core.answers import NotReady, Recognition
from textdrop.core.documents import DocumentState, Newest, OperationState, Outcome, Source
from textdrop.core.errors import (
    ObjectForbidden,
    OcrAnswerLost,
    OcrAnswerMalformed,
    OcrAnswerTooLarge,
    OcrCredentialsRefused,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    Reason,
    StoreUnavailable,
    Trace,
)
from textdrop.core.identity import order
from world import World


def test_an_upload_ends_in_text_json_and_one_notice() -> None:
    world = World()
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


def test_the_notice_names_files_that_are_there() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.run()
    files: Any = world.notices_of(document)[0]["files"]
    there = {name: world.file(place["key"]) is not None for name, place in files.items() if place}
    assert there == {"text": True, "json": True}


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
    body: bytes, metadata: dict[str, str], outcome: Outcome, reason: Reason
) -> None:
    world = World()
    document = world.upload("x.bin", body, metadata)
    world.run()
    assert world.row(document).outcome is outcome
    error = world.json("x.bin.error.json")
    assert (error["reason"], error["outcome"]) == (str(reason), str(outcome))
    assert error["what"]
    assert error["advice"]
    assert [notice["reason"] for notice in world.notices_of(document)] == [str(reason)]
    assert world.ocr.accepted == []


def test_an_object_deleted_before_it_is_read_is_skipped() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.uploads.forget("x.png", document.source.version_id)
    world.run()
    assert world.json("x.png.error.json")["reason"] == "object_gone"


def test_an_object_that_may_not_be_read_is_tried_again_for_a_day() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.faults.fail("sources.head", ObjectForbidden("403"), times=3)
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_an_object_that_may_never_be_read_fails() -> None:
    world = World()
    document = world.upload("x.png", b"page")

    def forbidden(source: Source) -> NoReturn:
        raise ObjectForbidden("403")

    world.submit_ports.sources.head = forbidden  # type: ignore[method-assign]  # for ever
    world.run(minutes=3_000)
    row = world.row(document)
    assert world.json("x.png.error.json")["reason"] == "internal"
    assert (row.outcome_at or 0.0) - row.accepted_at > 86_400


def test_options_come_from_metadata_before_parameters() -> None:
    world = World()
    world.upload("x.png", b"page", {"ocr-languages": "en, fr", "ocr-model": "page-column-sort"})
    world.run()
    options: Any = world.json("x.png.ocr.json")["options"]
    assert options["languages"] == {"value": ["en", "fr"], "from": "metadata"}
    assert options["model"] == {"value": "page-column-sort", "from": "metadata"}


def test_a_repeated_event_does_nothing() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    event = world.queue[0]
    world.submit([event, event])
    world.run()
    assert world.submit([event]) == []
    world.run()
    assert len(world.ocr.accepted) == 1
    assert len(world.notices_of(document)) == 1


def test_a_bad_message_comes_again_and_its_neighbours_go_on() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    bad = type(world.queue[0])("bad", "no json")
    assert world.submit([bad, *world.queue]) == ["bad"]
    world.queue.clear()
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_a_file_that_kills_its_worker_is_given_up_and_takes_nobody_along() -> None:
    world = World()
    killer = world.upload("killer.png", b"killer")
    neighbour = world.upload("x.png", b"page")
    world.run()
    assert world.row(killer).outcome is Outcome.FAILED
    assert world.json("killer.png.error.json")["reason"] == "internal"
    assert world.json("killer.png.error.json")["attempts"] == 5
    assert world.row(neighbour).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1


def test_a_failed_page_leaves_the_others_their_text() -> None:
    world = World()
    document = world.upload("x.pdf", b"pages:3")
    world.faults.fail("ocr.submit", OcrRejected("refused", Trace(status=400, code=3, message="bad")), skip=1)
    world.run()
    row = world.row(document)
    assert (row.outcome, row.pages_recognized) == (Outcome.PARTIAL, 2)
    result: Any = world.json("x.pdf.ocr.json")
    assert [page["status"] for page in result["pages"]] == ["recognized", "failed", "recognized"]
    assert result["pages"][1]["problem"]["service"]["code"] == 3
    assert result["notes"] == ["Without text: 1 of 3 pages: 2 (rejected_by_ocr)."]
    text = world.file("x.pdf.txt")
    assert text is not None
    assert text.count(b"\f") == 2


def test_a_document_without_any_page_fails_with_the_services_words() -> None:
    world = World()
    world.ocr.table[b"page"] = Failure(13, "engine broke")
    document = world.upload("x.png", b"page")
    world.run()
    assert world.row(document).outcome is Outcome.FAILED
    error: Any = world.json("x.png.error.json")
    assert error["reason"] == "failed_in_ocr"
    assert error["pages"][0]["operation"]["id"] == world.ocr.accepted[0].operation_id
    assert (error["service"]["code"], error["service"]["message"]) == (13, "engine broke")


@pytest.mark.parametrize(
    ("error", "submits", "unconfirmed"),
    [
        (OcrUnreachable("no connection"), 1, 0),
        (OcrUnavailable("503", Trace(status=503, code=14)), 1, 0),
        (OcrThrottled("429", Trace(status=429, code=8)), 1, 0),
        (OcrCredentialsRefused("401", Trace(status=401, code=16)), 1, 0),
        (OcrAnswerLost("reset"), 1, 1),
    ],
)
def test_a_submit_that_fails_once_is_made_again(error: Exception, submits: int, unconfirmed: int) -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.submit", error)
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == submits
    assert world.operation(document).unconfirmed == unconfirmed
    assert world.row(document).attempts == 0


def test_a_lost_acceptance_costs_one_more_submit_and_is_counted() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.submit", OcrAnswerLost("timeout"), when="after")
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1 + world.operation(document).unconfirmed == 2
    assert world.journal.counts["SubmitsUnconfirmed"] == 1


def test_three_lost_answers_end_the_page() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.submit", OcrAnswerLost("timeout"), when="after", times=9)
    world.run()
    error: Any = world.json("x.png.error.json")
    assert error["reason"] == "submit_unconfirmed"
    assert error["service"]["client_request_id"] == world.ocr.accepted[-1].client_request_id
    assert len(world.ocr.accepted) == 3
    assert world.operation(document).unconfirmed == 3


def test_refused_credentials_pause_submitting_until_a_probe_is_accepted() -> None:
    world = World()
    documents = [world.upload(f"{number}.png", b"page%d" % number) for number in range(5)]
    world.faults.fail("ocr.submit", OcrCredentialsRefused("401", Trace(status=401, code=16)), times=3)
    world.submit()
    assert world.pause.read().since is not None
    asked = world.faults.calls.count("ocr.submit")
    assert asked == 1, "while paused nobody but the probe submits"
    world.poll()
    assert world.journal.counts["SubmittingPaused"] == 1
    world.run()
    assert [world.row(document).outcome for document in documents] == [Outcome.SUCCEEDED] * 5
    assert world.pause.read().since is None
    assert len(world.ocr.accepted) == 5


def test_an_outage_longer_than_the_deadline_ends_in_ocr_unavailable() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.submit", OcrUnreachable("no connection"), times=200)
    world.run()
    assert world.json("x.png.error.json")["reason"] == "ocr_unavailable"
    waited = world.row(document).outcome_at or 0.0
    assert waited - world.row(document).accepted_at > 3600


@pytest.mark.parametrize(
    "error",
    [
        OcrUnreachable("no connection"),
        OcrUnavailable("503", Trace(status=503, code=14)),
        OcrThrottled("429", Trace(status=429, code=8), 2.0),
        OcrCredentialsRefused("403", Trace(status=403, code=7)),
        OcrAnswerLost("reset"),
        OcrAnswerMalformed("cut"),
    ],
)
def test_an_ask_that_fails_once_is_made_again(error: Exception) -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.faults.fail("ocr.result", error)
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1


def test_a_result_over_the_limit_fails_its_page() -> None:
    world = World()
    world.upload("x.png", b"page")
    world.faults.fail("ocr.result", OcrAnswerTooLarge("20 MB"))
    world.run()
    assert world.json("x.png.error.json")["reason"] == "internal"


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
    else:
        world.clock.advance(2)
        newer = world.upload("x.png", b"damaged new")
    world.run()
    assert world.file("x.png.txt") is None
    assert world.json("x.png.error.json")["id"] == newer.id


def test_an_older_upload_that_finishes_last_publishes_nothing_over_the_newer() -> None:
    world = World()
    old = world.upload("x.png", b"damaged old")
    held = world.queue.pop()
    world.clock.advance(2)
    newer = world.upload("x.png", b"new")
    world.run()
    world.queue.append(held)
    world.run()
    assert world.json("x.png.ocr.json")["id"] == newer.id
    assert world.file("x.png.error.json") is None
    (notice,) = world.notices_of(old)
    assert (notice["newest"], notice["published"]) == (False, False)
    files: Any = notice["files"]
    assert world.file(files["error"]["key"]) is not None


def test_a_newer_upload_that_appears_while_publishing_wins() -> None:
    """Another worker raises the newest row, and publishes, between our copy and our second HEAD."""
    world = World()
    document = world.upload("x.png", b"old")
    world.clock.advance(2)
    newer = world.upload("x.png", b"damaged new")
    newer_event = world.queue.pop()
    world.submit()
    world.submit([newer_event])
    row = world.row(newer)
    copied = world.poll_ports.results.copy

    def copy_and_be_overtaken(key: str, to: str) -> None:
        copied(key, to)
        if key.startswith(f".textdrop/documents/{document.id}"):
            world.results.put(f".textdrop/documents/{newer.id}/result.error.json", b"{}")
            world.newest.update_if_newer(row.source, Newest(order(row.source), newer.id))

    world.poll_ports.results.copy = copy_and_be_overtaken  # type: ignore[method-assign]  # one call of the real fake, then a race
    world.run()
    assert world.file("x.png.txt") is None
    assert world.file("x.png.error.json") is not None


def test_a_key_too_long_for_a_suffix_keeps_its_files_under_the_documents_name() -> None:
    world = World()
    key = "я" * 510
    document = world.upload(key, b"page")
    world.run()
    (notice,) = world.notices_of(document)
    assert notice["published"] is False
    files: Any = notice["files"]
    assert world.file(files["text"]["key"]) is not None
    assert [name for name in sorted(world.results.versions) if not name.startswith(".textdrop/")] == []


def test_an_upload_into_our_own_folder_cannot_reach_another_documents_files() -> None:
    world = World()
    victim = world.upload("x.png", b"page")
    world.run()
    kept = world.file(f".textdrop/documents/{victim.id}/result.txt")
    world.upload(f".textdrop/documents/{victim.id}/result", b"evil")
    world.run()
    assert world.file(f".textdrop/documents/{victim.id}/result.txt") == kept


def test_a_slow_recognition_outlives_a_tick() -> None:
    world = World(recognition_seconds=500.0)
    document = world.upload("x.png", b"page")
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert world.ticks_asked > 1, "out of time, a tick invokes its successor"


def test_only_one_tick_runs() -> None:
    world = World()
    assert world.tick.take("another", world.clock.now(), world.clock.now() + 20) is not None
    assert world.poll() == "busy"
    world.clock.advance(21)
    assert world.poll() == "ended"


def test_a_tick_that_lost_its_row_stops() -> None:
    world = World(recognition_seconds=60.0)
    world.upload("x.png", b"page")
    world.submit()
    slept = world.clock.sleep

    def sleep_and_be_robbed(seconds: float) -> None:
        slept(seconds)
        world.tick.row = type(world.tick.row)(state="running", owner="thief", lease_until=world.clock.now() + 999)

    world.clock.sleep = sleep_and_be_robbed  # type: ignore[method-assign]  # the row changes under the tick
    assert world.poll() == "lost"


def test_a_wake_while_nothing_is_due_keeps_the_tick_until_the_index_has_settled() -> None:
    world = World()
    world.tick.wake(world.clock.now())
    began = world.clock.now()
    assert world.poll() == "ended"
    assert world.clock.now() - began >= world.policy.tick_settle_seconds


def test_submit_wakes_an_idle_tick_once() -> None:
    world = World()
    for number in range(3):
        world.upload(f"{number}.png", b"page%d" % number)
    world.submit()
    assert world.ticks_asked == 1
    assert world.tick.read().state == "starting"


def test_a_page_result_is_stored_before_the_row_says_so() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.run()
    calls = world.faults.calls
    stored = calls.index("results.put")
    recognised = next(
        place for place, call in enumerate(calls) if place > stored and call == "documents.write_operation"
    )
    assert stored < recognised
    assert world.operation(document).state is OperationState.RECOGNIZED
    assert world.file(f".textdrop/documents/{document.id}/pages/0001-000001.json") is not None


def test_an_ask_that_the_store_breaks_off_is_made_again_by_the_same_tick() -> None:
    world = World()
    document = world.upload("x.png", b"page")
    world.submit()
    world.faults.fail("results.put", StoreUnavailable("s3.PutObject: InternalError"))
    assert world.poll() == "ended"
    assert world.faults.left() == 0
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_a_crowd_is_asked_for_at_the_pace_and_no_faster() -> None:
    world = World(recognition_seconds=20.0)
    documents = [world.upload(f"{number}.png", b"%d" % number) for number in range(90)]
    world.submit()
    asked: list[float] = []
    result = world.ocr.result

    def noted(operation_id: str) -> Recognition | NotReady:
        asked.append(world.clock.now())
        return result(operation_id)

    world.ocr.result = noted  # type: ignore[method-assign]  # to see when
    began = world.clock.now()
    world.run()
    assert {world.row(document).outcome for document in documents} == {Outcome.SUCCEEDED}
    pace = world.poll_settings.asks_per_second
    first = [at for at in asked if at < began + 5.0]
    assert pace * 5.0 * 0.9 < len(first) <= pace * 5.2
