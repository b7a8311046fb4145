"""What each read of a tick gets, and what it does by it: for a few seconds, on rows as they stand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from fakes.running import FakeClock
from fakes.timed import Timed
from textdrop.core import intervals
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueEntry,
    DueKind,
    Operation,
    OperationState,
    Problem,
    Source,
)
from textdrop.core.errors import Reason, StoreUnavailable
from textdrop.core.pause import Pause
from textdrop.core.schedule import FORGET_SECONDS, MIN_KNOWN
from textdrop.usecases.tick import FULL_REFRESH_SECONDS, PAUSE_REFRESH_SECONDS, PollSettings, tick
from world import World

STEP = 20.0
LOOKED_AT_ONCE = 0.6
"""The next refresh comes within so many seconds."""


class Ticking:
    """A world in which one tick runs for some seconds. `asked` are its reads of what is due: when, and how."""

    def __init__(self, asks_per_second: float = 45.0, submits_per_second: float = 10.0) -> None:
        clock = FakeClock()
        self.calls = Timed(clock)
        self.world = World(clock=clock, faults=self.calls, recognition_seconds=600.0)
        self.world.tick.row = replace(self.world.tick.row, typical_seconds=1_000.0)
        self.world.poll_settings = PollSettings(asks_per_second, submits_per_second, STEP)
        self.began = clock.now()
        self.asked: list[tuple[DueKind, float, int, float]] = []
        due = self.world.documents.due

        def told(kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
            self.asked.append((kind, clock.now() - self.began, limit, since))
            return due(kind, until, limit, since)

        self.world.documents.due = told  # type: ignore[method-assign]  # told of

    def run(self, seconds: float) -> str:
        world = self.world
        return tick(world.poll_ports, world.poll_settings, world.clock.now() + STEP + seconds)

    def document(self, name: str, kind: DueKind, due_in: float = 0.0, pages: int = 1) -> Document:
        source = Source("uploads", name, "v")
        row = Document(name, source, DocumentState.RECOGNIZING, self.began, due_kind=kind, due_at=self.began + due_in)
        row = replace(row, submit_passes=1, pages=pages, unfinished=frozenset(range(1, pages + 1)))
        self.world.documents.rows[name] = row
        return row

    def running(self, count: int, age: float = 0.0) -> list[Operation]:
        """So many operations of a document each, that were submitted so many seconds ago."""
        at = self.began - age
        for number in range(count):
            document = self.document(f"{number:032x}", DueKind.DELIVER, due_in=3_600.0)
            described = OperationDescription(f"op{number}")
            row = Operation(document.id, 1, 1, OperationState.RUNNING, described=described)
            row = replace(row, submitted_at=at, due_at=at, due_kind=DueKind.ASK, deadline_at=self.began + 3_600.0)
            self.world.documents.operations[(row.document_id, 1, 1)] = row
        return list(self.world.documents.operations.values())

    def recognised_at_once(self, typical_seconds: float) -> None:
        """An upload has been sent whose recognition takes no time, while recognitions are thought to take so long."""
        self.world.upload("x.png", b"page")
        self.world.ocr.seconds = 0.0
        self.world.submit()
        self.world.tick.row = replace(self.world.tick.row, typical_seconds=typical_seconds)

    def of(self, call: str) -> list[float]:
        """When such calls were made, in seconds since the tick began."""
        return [at - self.began for at in self.calls.of(call)]

    def failures(self) -> list[tuple[str, object]]:
        return [(entry.name, dict(entry.fields)) for entry in self.world.journal.failures]


# --- of what runs ---


@pytest.mark.parametrize(("more", "look_seconds"), [(-1, 0.0), (0, 0.0), (0, 0.01), (1, 0.0)])
def test_of_many_that_run_those_of_late_are_read_and_now_and_then_all(more: int, look_seconds: float) -> None:
    ticking = Ticking()
    ticking.calls.during["documents.due"] = look_seconds
    ticking.running(MIN_KNOWN + more)
    ticking.run(2.2 * FULL_REFRESH_SECONDS)
    reads = [(at, since) for kind, at, _, since in ticking.asked if kind is DueKind.ASK]
    assert len(reads) > 60
    if more < 0:
        assert {since for _, since in reads} == {0.0}
        return
    whole = [at for at, since in reads if since == 0.0]
    assert [round(at) for at in whole] == [0, round(FULL_REFRESH_SECONDS), round(2 * FULL_REFRESH_SECONDS)]
    for (refreshed_at, _), (_, since) in pairwise(reads):
        assert since in (0.0, ticking.began + refreshed_at - FORGET_SECONDS)


@pytest.mark.parametrize(("asks_per_second", "at_once"), [(45.0, 9), (2.0, 1)])
def test_asks_are_begun_together_for_a_fifth_of_a_second(asks_per_second: float, at_once: int) -> None:
    ticking = Ticking(asks_per_second)
    ticking.running(12, age=100.0)
    ticking.run(3.0)
    assert ticking.of("ocr.result").count(0.0) == at_once


def test_what_is_no_longer_there_is_passed_over() -> None:
    """The index still shows a page and a document that are gone."""
    ticking = Ticking()
    [operation] = ticking.running(1, age=100.0)
    ticking.document("gone", DueKind.DELIVER)
    ticking.world.documents.hold_index()
    ticking.world.documents.operations.clear()
    ticking.world.documents.rows.clear()
    ticking.run(1.0)
    assert "documents.read_operation" in ticking.calls.calls
    assert "documents.read" in ticking.calls.calls
    assert ticking.failures() == []
    assert operation.document_id not in ticking.world.documents.rows


def test_a_page_that_waits_again_is_not_finished() -> None:
    """The index still shows it running."""
    ticking = Ticking()
    [operation] = ticking.running(1, age=100.0)
    ticking.world.documents.hold_index()
    waits = Operation(operation.document_id, 1, 1, OperationState.WAITING, holder_rev=1)
    ticking.world.documents.operations[(operation.document_id, 1, 1)] = waits
    ticking.run(1.0)
    assert "documents.read_operation" in ticking.calls.calls
    assert ticking.world.documents.rows[operation.document_id].unfinished == {1}


def test_a_page_that_is_done_is_not_asked_for_again_by_an_index_that_lags() -> None:
    ticking = Ticking()
    ticking.recognised_at_once(typical_seconds=0.1)
    ticking.document("later", DueKind.SUBMIT, due_in=9.0)
    ticking.world.documents.hold_index()
    ticking.calls.calls.clear()
    ticking.run(FORGET_SECONDS - 2.0)
    [row] = ticking.world.documents.operations.values()
    assert ticking.calls.calls.count("ocr.result") == 1
    assert ticking.calls.calls.count("documents.read_operation") == 1
    assert row.state is OperationState.RECOGNIZED


def test_what_a_recognition_took_is_known_from_its_row_not_from_when_it_was_heard_of() -> None:
    ticking = Ticking()
    ticking.recognised_at_once(typical_seconds=10.0)
    ticking.calls.during["documents.write_operation"] = 3.0
    ticking.run(30.0)
    [row] = ticking.world.documents.operations.values()
    assert row.finished_at is not None
    assert row.submitted_at is not None
    taken = (row.finished_at - row.submitted_at) / 2
    assert ticking.world.tick.row.typical_seconds == pytest.approx(intervals.typical_after(10.0, taken), abs=1e-6)


@pytest.mark.parametrize(
    ("error", "name"), [(StoreUnavailable("down"), "step_failed"), (ValueError("ours"), "step_died")]
)
def test_a_step_that_fails_is_told_with_its_page(error: Exception, name: str) -> None:
    ticking = Ticking()
    ticking.document("book", DueKind.DELIVER, due_in=3_600.0, pages=3)
    [row] = ticking.running(1, age=100.0)
    ticking.world.documents.operations.clear()
    ticking.world.documents.operations[("book", 1, 3)] = replace(row, document_id="book", page=3)
    ticking.calls.fail("documents.read_operation", error)
    ticking.run(1.0)
    assert ticking.failures() == [(name, {"document": "book", "page": 3})]


# --- of what is due ---


@pytest.mark.parametrize(
    ("submits_per_second", "most"), [(0.5, 7), (1.0, 12), (2.5, 29), (10.0, 111), (1_000.0, 5_000)]
)
def test_of_a_backlog_no_more_is_read_than_may_be_in_the_index_and_handed_out(
    submits_per_second: float, most: int
) -> None:
    ticking = Ticking(submits_per_second=submits_per_second)
    ticking.run(1.0)
    assert {limit for kind, _, limit, _ in ticking.asked if kind is DueKind.SUBMIT} == {most}


def test_when_no_more_can_be_handed_out_deliveries_go_on() -> None:
    ticking = Ticking(submits_per_second=0.1)
    for number in range(5):
        ticking.document(f"{number}", DueKind.SUBMIT)
    ticking.document("deliver", DueKind.DELIVER, due_in=2.0)
    ticking.run(4.0)
    assert ticking.of("resumes.send") == [0.0]
    assert ticking.of("documents.read")[0] == pytest.approx(2.0, abs=LOOKED_AT_ONCE)


@pytest.mark.parametrize("due_in", [-3.0, 1.0])
def test_what_comes_due_anew_is_worked_on_at_once_whenever_that_is(due_in: float) -> None:
    """It was worked on a moment ago, for another due time."""
    ticking = Ticking()
    ticking.running(1)
    ticking.document("x", DueKind.DELIVER)
    seen: list[float] = []
    read = ticking.world.documents.read

    def read_and_due_anew(document_id: str) -> Document | None:
        seen.append(ticking.world.clock.now() - ticking.began)
        found = read(document_id)
        if len(seen) == 1:
            ticking.document("x", DueKind.DELIVER, due_in)
            return None
        return found

    ticking.world.documents.read = read_and_due_anew  # type: ignore[method-assign]  # told of
    ticking.run(5.0)
    assert seen[0] == 0.0
    assert max(0.0, due_in) <= seen[1] < max(0.0, due_in) + 2 * LOOKED_AT_ONCE


def test_what_the_index_still_shows_after_ten_seconds_is_looked_at_again() -> None:
    ticking = Ticking()
    ticking.running(1)
    ticking.document("gone", DueKind.DELIVER)
    ticking.calls.during["documents.due"] = 0.01
    ticking.world.documents.hold_index()
    del ticking.world.documents.rows["gone"]
    ticking.run(24.0)
    tries = ticking.of("documents.read")
    assert len(tries) == 3
    assert all(
        FORGET_SECONDS <= later - earlier < FORGET_SECONDS + LOOKED_AT_ONCE for earlier, later in pairwise(tries)
    )


def test_a_document_that_is_concluded_when_its_guard_is_due_is_delivered_at_once() -> None:
    """Whoever finished its last page died before the document heard of it."""
    ticking = Ticking()
    [operation] = ticking.running(1)
    problem = Problem(Reason.FAILED_IN_OCR, "It failed.", "Try again.")
    failed = replace(operation, state=OperationState.FAILED, problem=problem, due_kind=None, due_at=None)
    ticking.world.documents.operations[(operation.document_id, 1, 1)] = failed
    document = ticking.document(operation.document_id, DueKind.DELIVER)
    ticking.run(1.0)
    assert ticking.world.row(document).state is DocumentState.FINAL
    assert ticking.of("notices.publish") == [0.0]


# --- of a pause ---


def test_the_pause_is_looked_at_every_other_second_while_something_is_to_be_submitted() -> None:
    ticking = Ticking()
    ticking.running(1)
    ticking.document("x", DueKind.SUBMIT)
    ticking.world.pause.row = Pause(rev=1, operator_since=ticking.began)
    ticking.run(20.0)
    first, *others = ticking.of("pause.read")
    assert first == 0.0
    assert others[0] == 0.0, "and once for the measure"
    assert len(others) >= 7
    for earlier, later in pairwise(others):
        assert PAUSE_REFRESH_SECONDS <= later - earlier < PAUSE_REFRESH_SECONDS + LOOKED_AT_ONCE


def test_an_operators_pause_that_ends_while_a_tick_runs_lets_all_out() -> None:
    ticking = Ticking()
    ticking.running(1)
    for number in range(3):
        ticking.document(f"{number}", DueKind.SUBMIT)
    ticking.world.pause.row = Pause(rev=1, operator_since=ticking.began)

    def resumed() -> None:
        if ticking.world.clock.now() >= ticking.began + 5.0:
            ticking.world.pause.row = Pause(rev=2)

    ticking.calls.on["documents.due"] = resumed
    ticking.run(10.0)
    sent = ticking.of("resumes.send")
    assert len(sent) == 3
    assert all(5.0 <= at < 5.0 + PAUSE_REFRESH_SECONDS + LOOKED_AT_ONCE for at in sent)


def test_what_is_to_be_delivered_is_not_paused() -> None:
    ticking = Ticking()
    ticking.document("x", DueKind.SUBMIT)
    ticking.document("deliver", DueKind.DELIVER)
    ticking.world.pause.row = Pause(rev=1, operator_since=ticking.began)
    ticking.run(1.0)
    assert ticking.of("resumes.send") == []
    assert ticking.of("documents.read")[0] == 0.0


def test_beneath_an_operators_pause_that_ends_the_services_own_has_its_next_probe() -> None:
    ticking = Ticking()
    ticking.running(1)
    ticking.document("x", DueKind.SUBMIT)
    both = Pause(rev=1, since=ticking.began - 100.0, why="unknown", probe_at=ticking.began + 9.0)
    ticking.world.pause.row = replace(both, operator_since=ticking.began)

    def resumed() -> None:
        if ticking.world.clock.now() >= ticking.began + 3.0:
            ticking.world.pause.row = replace(both, rev=2)

    ticking.calls.on["documents.due"] = resumed
    ticking.run(15.0)
    [sent] = ticking.of("resumes.send")
    assert 9.0 <= sent < 9.0 + LOOKED_AT_ONCE


def test_in_a_pause_one_tick_hands_out_one_for_each_probe() -> None:
    """Whoever has it writes the pause's next probe only when it comes to send."""
    ticking = Ticking()
    ticking.running(1)
    for number in range(5):
        ticking.document(f"{number}", DueKind.SUBMIT)
    ticking.world.pause.row = Pause(rev=1, since=ticking.began - 60.0, why="unknown", probe_at=ticking.began + 1.0)
    probe = ticking.world.policy.probe_seconds
    ticking.run(1.0 + probe + 5.0)
    first, second = ticking.of("resumes.send")
    assert 1.0 <= first < 1.0 + LOOKED_AT_ONCE
    assert probe <= second - first < probe + LOOKED_AT_ONCE
