"""One tick: its lease, its reads, its pace, how long it stays and how it ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from fakes.running import FakeClock
from fakes.timed import Timed
from textdrop.core import intervals
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueEntry,
    DueKind,
    OperationState,
    Outcome,
    Problem,
    Source,
)
from textdrop.core.errors import OcrThrottled, Reason, StoreUnavailable, Trace
from textdrop.core.pause import Pause
from textdrop.ports import Tick
from textdrop.usecases.tick import PollSettings
from world import POLL_SECONDS, World

DOWN = StoreUnavailable("down")
STEP = 20.0


def timed(recognition_seconds: float = 1.0) -> tuple[World, Timed]:
    clock = FakeClock()
    faults = Timed(clock)
    return World(clock=clock, faults=faults, recognition_seconds=recognition_seconds), faults


def failures(world: World) -> list[tuple[str, dict[str, str | int | float | None]]]:
    return [(entry.name, dict(entry.fields)) for entry in world.journal.failures]


def submitted(world: World, key: str = "x.png", body: bytes = b"page") -> Document:
    document = world.upload(key, body)
    world.submit()
    return document


def due_documents(world: World, count: int, due_in: float = 0.0) -> list[Document]:
    """So many documents that are due for submitting."""
    now = world.clock.now()
    for number in range(count):
        row = Document(
            id=f"{number:032x}",
            source=Source("uploads", f"{number}.png", "v"),
            state=DocumentState.ACCEPTED,
            accepted_at=now,
            due_kind=DueKind.SUBMIT,
            due_at=now + due_in,
        )
        world.documents.rows[row.id] = row
    return list(world.documents.rows.values())


# --- the lease ---


def test_its_lease_is_renewed_in_time_for_as_long_as_it_runs() -> None:
    world, faults = timed(recognition_seconds=60.0)
    submitted(world)
    began = world.clock.now()
    leases: list[tuple[float, float]] = []
    faults.on["documents.due"] = lambda: leases.append((world.clock.now(), world.tick.row.lease_until))
    assert world.poll() == "ended"
    lease, renew = world.policy.tick_lease_seconds, world.policy.tick_renew_seconds
    assert leases[0] == (began, began + lease)
    assert all(lease - renew - 1.0 <= until - now <= lease for now, until in leases)
    renewals = [began, *faults.of("tick.renew")]
    assert all(renew <= later - earlier < renew + 1.0 for earlier, later in pairwise(renewals))
    assert len(renewals) > 10


def test_a_renewal_that_fails_is_told_and_tried_again_soon_until_the_lease_is_over() -> None:
    world, faults = timed(recognition_seconds=600.0)
    submitted(world)
    began = world.clock.now()
    world.faults.fail("tick.renew", DOWN, times=1_000)
    assert world.poll() == "lost"
    lease, renew = world.policy.tick_lease_seconds, world.policy.tick_renew_seconds
    tries = faults.of("tick.renew")
    assert {name for name, _ in failures(world)} == {"renew_failed"}
    assert began + renew <= tries[0] < began + renew + 1.0
    assert all(0.0 <= later - earlier < 1.1 for earlier, later in pairwise(tries))
    assert began + lease <= world.clock.now() < began + lease + 1.5


# --- how it ends ---


def test_with_nothing_to_do_it_ends_when_the_index_has_settled() -> None:
    world, _ = timed()
    world.tick.row = Tick(wake=7, wake_at=world.clock.now(), typical_seconds=3.5)
    began = world.clock.now()
    assert world.poll() == "ended"
    settle = world.policy.tick_settle_seconds
    assert settle <= world.clock.now() - began < settle + 1.0
    assert (world.tick.row.state, world.tick.row.typical_seconds) == ("idle", 3.5)


def test_it_stays_for_what_is_due_soon_and_for_nothing_later() -> None:
    for due_in, stays in ((9.5, True), (10.5, False)):
        world, _ = timed()
        [document] = due_documents(world, 1, due_in)
        began = world.clock.now()
        assert world.poll() == "ended"
        handed_out = world.row(document).due_at != document.due_at
        assert handed_out == stays
        assert (world.clock.now() - began >= due_in) == stays


def test_what_was_woken_since_its_last_look_keeps_it() -> None:
    world, faults = timed()
    woken = [True]

    def wake_once() -> None:
        if woken:
            woken.pop()
            world.tick.row = replace(world.tick.row, wake=world.tick.row.wake + 1, wake_at=world.clock.now())

    faults.on["tick.end"] = wake_once
    assert world.poll() == "ended"
    first, second = faults.of("tick.end")
    assert second - first >= world.policy.tick_settle_seconds


def test_an_end_that_fails_is_told_and_tried_again() -> None:
    world, faults = timed()
    faults.fail("tick.end", DOWN)
    assert world.poll() == "ended"
    assert failures(world) == [("end_failed", {})]
    assert len(faults.of("tick.end")) == 2


def test_out_of_time_its_successor_starts_at_once() -> None:
    world, _ = timed(recognition_seconds=600.0)
    submitted(world)
    world.tick.row = replace(world.tick.row, typical_seconds=3.5)
    began, asked = world.clock.now(), world.ticks_asked
    assert world.poll() == "handed_over"
    assert world.ticks_asked == asked + 1
    assert POLL_SECONDS - STEP <= world.clock.now() - began < POLL_SECONDS - STEP + 1.0
    lease_until = world.clock.now() + world.policy.tick_lease_seconds
    assert (world.tick.row.state, world.tick.row.lease_until) == ("starting", lease_until)
    assert world.tick.row.typical_seconds == 3.5


def test_out_of_time_and_overtaken_it_starts_nobody() -> None:
    world, faults = timed(recognition_seconds=600.0)
    submitted(world)
    asked = world.ticks_asked
    faults.on["tick.hand_over"] = lambda: setattr(world.tick, "row", replace(world.tick.row, owner="another"))
    assert world.poll() == "lost"
    assert world.ticks_asked == asked


# --- its reads ---


# --- handing out ---


def test_with_less_than_one_submit_a_second_one_is_handed_out_at_a_time() -> None:
    world, faults = timed()
    world.poll_settings = PollSettings(asks_per_second=45.0, submits_per_second=0.5, step_seconds=STEP)
    due_documents(world, 3)
    world.poll()
    sent = faults.of("resumes.send")
    assert len(sent) == 3
    assert all(2.0 <= later - earlier < 3.0 for earlier, later in pairwise(sent))


def test_what_was_handed_out_is_put_off_until_the_message_may_be_lost() -> None:
    world, _ = timed()
    [document] = due_documents(world, 1)
    now = world.clock.now()
    world.poll()
    row = world.row(document)
    assert (row.rev, row.attempts) == (document.rev, document.attempts)
    assert row.due_at == now + world.policy.handed_out_seconds
    [note] = [entry for entry in world.journal.notes if entry.name == "handed_out"]
    assert note.fields == {"document": document.id}


def test_in_a_pause_one_is_handed_out_for_each_probe() -> None:
    world, faults = timed()
    due_documents(world, 5)
    now = world.clock.now()
    world.pause.row = Pause(rev=1, since=now - 60.0, why="unknown", probe_at=now + 5.0)
    world.poll()
    sent = faults.of("resumes.send")
    assert 5.0 <= sent[0] - now < 6.0
    assert all(later - earlier >= world.policy.probe_seconds for earlier, later in pairwise(sent))
    world.pause.row = Pause(rev=2)
    world.clock.advance(5.0)
    left = 5 - len(sent)
    world.poll()
    assert len(faults.of("resumes.send")) == len(sent) + left


# --- asks ---


def test_a_page_is_first_asked_for_when_it_should_be_ready() -> None:
    world, faults = timed(recognition_seconds=5.0)
    world.tick.row = replace(world.tick.row, typical_seconds=10.0)
    submitted(world)
    began = world.clock.now()
    world.poll()
    first = faults.of("ocr.result")[0]
    assert intervals.first_ask_seconds(10.0) <= first - began < intervals.first_ask_seconds(10.0) + 0.6


def test_one_that_is_not_ready_is_asked_again_by_its_age() -> None:
    world, faults = timed(recognition_seconds=40.0)
    submitted(world)
    began = world.clock.now()
    world.poll()
    asks = [at for name, at in faults.times if name == "ocr.result"]
    for earlier, later in pairwise(asks):
        least = intervals.next_ask_seconds(earlier - began, intervals.FIRST_TYPICAL_SECONDS, 1, 45.0)
        assert least - 1e-3 <= later - earlier < least + 0.6


@pytest.mark.parametrize(("wish", "seconds"), [(None, 1.0), (2.5, 2.5), (9_999.0, 300.0)])
def test_a_throttle_of_asks_is_bounded(wish: float | None, seconds: float) -> None:
    world, faults = timed(recognition_seconds=1.0)
    submitted(world)
    faults.fail("ocr.result", OcrThrottled("429", Trace(status=429, code=8), wish))
    while world.poll() == "handed_over":
        pass
    first, second, *_ = faults.of("ocr.result")
    if seconds < 100.0:
        assert seconds <= second - first < seconds + 0.6
    else:
        assert second - first >= POLL_SECONDS - STEP - 3.0, "this tick asks no more"


def test_what_recognitions_take_is_learnt_and_handed_on() -> None:
    world, _ = timed(recognition_seconds=12.0)
    document = submitted(world)
    world.poll()
    operation = world.operation(document)
    assert operation.finished_at is not None
    assert operation.submitted_at is not None
    taken = operation.finished_at - operation.submitted_at
    expected = intervals.typical_after(intervals.FIRST_TYPICAL_SECONDS, taken)
    assert world.tick.row.typical_seconds == pytest.approx(expected)


def test_one_that_failed_teaches_nothing_of_how_long_recognitions_take() -> None:
    world, _ = timed(recognition_seconds=1.0)
    world.tick.row = replace(world.tick.row, typical_seconds=3.5)
    document = world.upload("x.png", b"page")
    world.ocr.seconds = 10_000.0
    world.submit()
    row = world.operation(document)
    late = replace(row, deadline_at=world.clock.now())
    world.documents.operations[(row.document_id, 1, 1)] = late
    world.poll()
    assert world.operation(document).state is OperationState.FAILED
    assert world.tick.row.typical_seconds == 3.5


# --- what fails ---


def test_a_mistake_in_a_step_is_told_and_ends_no_tick() -> None:
    world, faults = timed()
    document = submitted(world)
    other = submitted(world, "other.png", b"another page")
    faults.fail("ocr.result", ValueError("ours"))
    assert world.poll() == "ended"
    assert [name for name, _ in failures(world)] == ["step_died"]
    assert {world.row(one).outcome for one in (document, other)} == {Outcome.SUCCEEDED}


def test_a_final_page_whose_document_never_heard_of_it_is_delivered() -> None:
    """Whoever made it final died before it told the document; the index still shows it."""
    world, _ = timed()
    document = submitted(world)
    operation = world.operation(document)
    world.documents.operations[(document.id, 1, 1)] = replace(
        operation,
        state=OperationState.FAILED,
        problem=Problem(Reason.FAILED_IN_OCR, "It failed.", "Try again."),
        due_kind=None,
        due_at=None,
        finished_at=world.clock.now(),
    )
    world.documents.hold_index()
    world.documents._held_index = [DueEntry(DueKind.ASK, world.clock.now(), document.id, 1, 1)]
    world.poll()
    assert world.row(document).state in (DocumentState.DELIVERING, DocumentState.FINAL)
    assert world.ocr.asked == {}
