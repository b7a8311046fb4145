"""What random histories found: races, outages and ends that each broke a promise once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from fakes.files import KilledError
from fakes.running import InlineWorkers
from textdrop.core.answers import Submitted
from textdrop.core.documents import Billed, Document, DueKind, OperationState, Outcome
from textdrop.core.errors import (
    ObjectForbidden,
    OcrAnswerLost,
    OcrCredentialsRefused,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    Reason,
    StoreUnavailable,
    Trace,
)
from textdrop.core.pause import Pause
from textdrop.core.policy import Policy
from world import SUBMIT_SECONDS, World

REFUSED = OcrCredentialsRefused("401", Trace(status=401, code=16))
BROKEN = OcrUnavailable("500", Trace(status=500, code=13))


def reason(world: World, document: Document) -> Reason | None:
    problem = world.row(document).problem
    return None if problem is None else problem.reason


def kill(world: World, call: str, when: Literal["before", "after"]) -> None:
    """The worker dies at this call; what it left is the table's."""
    world.faults.fail(call, KilledError, when=when)
    with pytest.raises(KilledError):
        world.submit()
    world.queue.clear()


def test_an_upload_deleted_after_its_worker_died_while_sending_is_gone(world: World, document: Document) -> None:
    """The intent may have been sent, so the document is cancelled; nobody knows whether the page is billed."""
    kill(world, "ocr.submit", "before")
    world.uploads.forget("x.png", document.source.version_id)
    world.run()
    assert reason(world, document) is Reason.SOURCE_DELETED
    assert world.row(document).billed == Billed(submitted=0, unconfirmed=1)
    assert "pass_died" not in {entry.name for entry in world.journal.failures}


def test_an_upload_that_may_not_be_read_again_for_its_last_pages_fails_in_the_end() -> None:
    world = World(policy=Policy(forbidden_seconds=1_800.0))
    document = world.upload("x.png", b"page")
    kill(world, "ocr.submit", "before")
    world.faults.fail("sources.head", ObjectForbidden("403"), times=100)
    world.run()
    assert reason(world, document) is Reason.INTERNAL
    assert (world.row(document).outcome_at or 0.0) - world.row(document).accepted_at > world.policy.forbidden_seconds


def test_a_failure_before_a_long_pause_for_the_key_is_no_outage(world: World, document: Document) -> None:
    world.faults.fail("ocr.submit", OcrAnswerLost("reset"))
    world.faults.fail("ocr.submit", REFUSED, times=90)
    world.faults.fail("ocr.submit", OcrAnswerLost("reset"))
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert (world.row(document).outcome_at or 0.0) - world.row(document).accepted_at > 3_610


def test_a_time_in_which_nobody_tried_is_no_outage(world: World, document: Document) -> None:
    world.faults.fail("ocr.submit", BROKEN)
    world.submit()
    world.clock.advance(7_200)
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_a_page_that_breaks_the_service_is_given_up_while_others_are_taken(world: World) -> None:
    submit: Callable[[bytes, str], Submitted] = world.ocr.submit
    poison = world.ocr.prepare(b"poison", "image/png", ["ru", "en"], "page")

    def break_at_poison(body: bytes, client_request_id: str) -> Submitted:
        if body == poison:
            raise BROKEN
        return submit(body, client_request_id)

    world.ocr.submit = break_at_poison  # type: ignore[method-assign]  # one page breaks the service
    document = world.upload("x.png", b"poison")
    for number in range(600):
        if world.quiet():
            break
        world.upload(f"{number}.png", b"page %d" % number)
        world.submit()
        world.poll()
        world.clock.advance(60.0)
    assert reason(world, document) is Reason.OCR_UNAVAILABLE
    assert world.operation(document).breakdowns == world.policy.max_breakdowns


def test_a_throttle_is_no_unknown_though_the_quota_cannot_be_read(world: World, document: Document) -> None:
    world.faults.fail("ocr.submit", OcrThrottled("429", Trace(status=429, code=8)))
    world.faults.fail("quota.write", StoreUnavailable("throttled too"))
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert world.operation(document).unconfirmed == 0


def test_no_pass_begins_that_could_not_send_any_more(world: World) -> None:
    """A document whose last worker died waits for its neighbours, who may wait for slots until the end."""
    suspect = world.upload("x.png", b"page")
    kill(world, "documents.create", "after")
    world.clock.advance(SUBMIT_SECONDS + 10)
    world.poll()
    neighbours_done = InlineWorkers.wait

    class SlowWorkers(InlineWorkers):
        def wait(self) -> None:
            neighbours_done(self)
            world.clock.advance(SUBMIT_SECONDS - 2)

    world.submit_ports = replace(world.submit_ports, workers=SlowWorkers())
    before = world.row(suspect)
    world.submit()
    assert world.row(suspect) == before
    assert before.attempts == 1


def test_a_refused_last_page_ends_its_document_at_once() -> None:
    """The page before it became final beside us, so that nobody else concludes the document."""
    world = World(recognition_seconds=0.0)
    document = world.upload("x.pdf", b"pages:2")

    def poll_before_the_second() -> OcrRejected:
        world.poll()
        return OcrRejected("400", Trace(status=400, code=3))

    world.faults.happen("ocr.submit", poll_before_the_second, skip=1)
    world.submit()
    assert world.operation(document, 1).state is OperationState.RECOGNIZED
    assert world.row(document).outcome is Outcome.PARTIAL
    assert world.row(document).due_kind is DueKind.DELIVER


def test_names_that_were_copied_while_their_delivery_became_a_failure_are_copied_again(world: World) -> None:
    world.upload("x.png", b"old")
    older = world.queue.pop()
    world.clock.advance(2)
    newer = world.upload("x.png", b"new")
    world.run()
    world.queue.append(older)

    def overtaken() -> None:
        """By another worker's delivery."""
        row = world.row(newer)
        if row.outcome is Outcome.SUCCEEDED:
            world.results.put(f".textdrop/documents/{newer.id}/result.error.json", b"{}")
            world.documents.rows[newer.id] = replace(row, outcome=Outcome.FAILED)

    world.faults.happen("results.copy", overtaken, times=99)
    world.run()
    assert world.file("x.png.error.json") == b"{}"
    assert world.file("x.png.txt") is None


def test_an_operation_that_hung_does_not_keep_the_next_waiting() -> None:
    world = World(recognition_seconds=1e9)
    world.upload("hung.png", b"hung")
    world.run()
    world.ocr.seconds = 1.0
    document = world.upload("x.png", b"page")
    began = world.clock.now()
    world.run()
    assert (world.row(document).outcome_at or 0.0) - began < 5.0


def test_a_worker_stalled_past_its_lease_writes_no_file_of_an_outcome_that_was_replaced() -> None:
    world = World(policy=Policy(max_attempts=1))
    document = world.upload("x.png", b"damaged")
    world.submit()
    world.poll()

    def stall() -> None:
        world.clock.advance(world.policy.delivery_seconds + 30)
        world.run()

    world.faults.happen("documents.write", stall, when="after")
    world.deliver()
    assert reason(world, document) is Reason.INTERNAL
    assert world.json(f".textdrop/documents/{document.id}/result.error.json")["reason"] == "internal"
    assert world.json("x.png.error.json")["reason"] == "internal"


def test_a_worker_held_before_it_reports_a_failure_makes_no_outage(world: World, document: Document) -> None:
    """What it saw was over when it was held: only that counts."""
    world.faults.fail("ocr.submit", OcrAnswerLost("reset"))
    written = world.pause.write
    held: list[Pause] = []

    def write_late(before: Pause, after: Pause) -> bool:
        if not held:
            held.append(after)
            written(before, after)  # another worker, which saw a failure at the same time
            world.clock.advance(4_000)
            return False
        return written(before, after)

    world.pause.write = write_late  # type: ignore[method-assign]  # one call, and then a stall
    world.run()
    assert held
    assert world.row(document).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("seconds", [0.0, 0.04, 0.09, 0.3])
def test_however_slow_the_table_is_a_slot_is_had_and_none_is_used_late(world: World, seconds: float) -> None:
    """Every call of the quota row takes its time; one in four, twice that."""

    def slow() -> None:
        world.clock.advance(seconds * (2 if len(world.faults.calls) % 4 == 0 else 1))

    for call in ("quota.read", "quota.reserve"):
        world.faults.happen(call, slow, times=999)
    for number in range(3):
        world.upload(f"{number}.png", f"page {number}".encode())
    began = world.clock.now()
    world.submit()
    posts = world.faults.of("ocr.submit")
    assert len(posts) == 3
    assert world.clock.now() - began < 3 * (1.0 + 20 * seconds)
    for at in posts:
        assert any(start <= at <= start + world.policy.slot_late_seconds for start, _, _ in world.quota.reserved)
