"""What one tick does next: which ask, delivery or hand-out starts when, and what is learnt from those that ended."""

from __future__ import annotations

import pytest

from textdrop.core.documents import DueEntry, DueKind, Operation, OperationState
from textdrop.core.intervals import FIRST_TYPICAL_SECONDS, first_ask_seconds, next_ask_seconds, typical_after
from textdrop.core.pause import Pause
from textdrop.core.schedule import FORGET_SECONDS, MIN_KNOWN, Job, Schedule, new

NOW = 1_800_000_000.0
PROBE = 60.0
TYPICAL = 100.0


def due(name: str, kind: DueKind = DueKind.SUBMIT, due_in: float = 0.0) -> DueEntry:
    return DueEntry(kind, NOW + due_in, name)


def pages(count: int, age: float = 100.0) -> list[DueEntry]:
    """So many running operations, accepted so many seconds ago."""
    return [DueEntry(DueKind.ASK, NOW - age, f"{number}", 1, 1) for number in range(count)]


def operation(job: Job, state: OperationState = OperationState.RUNNING, finished_at: float | None = None) -> Operation:
    return Operation(job.entry.document_id, 1, 1, state, submitted_at=job.entry.due_at, finished_at=finished_at)


def asking(count: int = 1, asks_per_second: float = 45.0) -> tuple[Schedule, list[Job]]:
    """A schedule that has just begun to ask for so many operations."""
    schedule = new(TYPICAL, asks_per_second, 10.0, NOW - 1_000.0)
    schedule.add_asks(pages(count), NOW)
    return schedule, [next(schedule.asks_to_start(NOW + number / asks_per_second)) for number in range(count)]


def begun(schedule: Schedule, after: float = 0.0) -> list[str]:
    """The documents that start so long from now."""
    return [job.entry.document_id for job in schedule.documents_to_start(NOW + after, PROBE)]


# --- asks ---


@pytest.mark.parametrize(
    ("typical", "age", "wait"),
    [
        (10.0, 1.0, first_ask_seconds(10.0) - 1.0),
        (10.0, 100.0, 0.0),
        (0.0, 1.0, first_ask_seconds(FIRST_TYPICAL_SECONDS) - 1.0),
    ],
)
def test_a_page_is_first_asked_for_when_it_should_be_ready(typical: float, age: float, wait: float) -> None:
    schedule = new(typical, 45.0, 10.0, NOW)
    schedule.add_asks(pages(1, age), NOW)
    assert schedule.next_ask_at() == pytest.approx(NOW + wait, abs=1e-6)


@pytest.mark.parametrize(("asks_per_second", "at_once"), [(45.0, 9), (2.0, 1)])
def test_asks_are_begun_together_for_a_fifth_of_a_second(asks_per_second: float, at_once: int) -> None:
    schedule = new(TYPICAL, asks_per_second, 10.0, NOW)
    schedule.add_asks(pages(12), NOW)
    assert len(list(schedule.asks_to_start(NOW))) == at_once


def test_one_that_is_not_ready_is_asked_again_by_its_age() -> None:
    schedule, [job] = asking()
    schedule.replace_documents([], NOW, NOW)
    schedule.asked(job, operation(job), NOW)
    assert not schedule.is_idle()
    assert schedule.next_ask_at() == NOW + next_ask_seconds(0.0, TYPICAL, 0, 45.0)
    assert list(schedule.asks_to_start(NOW + 1.0)) == []
    schedule.add_asks([job.entry], NOW + 1.0)
    assert list(schedule.asks_to_start(NOW + 900.0)) == [job]
    schedule.asked(job, operation(job), NOW + 900.0)
    assert schedule.next_ask_at() == NOW + 900.0 + next_ask_seconds(1_000.0, TYPICAL, 1, 45.0)


def test_what_is_done_no_longer_slows_the_asks_for_what_still_runs() -> None:
    schedule, [first, second] = asking(2, asks_per_second=0.04)
    for job in (first, second):
        schedule.asked(job, operation(job), NOW + 25.0)
    assert [next(schedule.asks_to_start(NOW + after)) for after in (50.0, 75.0)] == [first, second]
    schedule.asked(second, operation(second, OperationState.FAILED), NOW + 75.0)
    schedule.asked(first, operation(first), NOW + 75.0)
    assert next(schedule.asks_to_start(NOW + 100.0)) is first
    assert first.start_at == NOW + 100.0 + next_ask_seconds(200.0, TYPICAL, 1, 0.04)


def test_after_a_throttle_nothing_is_asked_until_it_is_over() -> None:
    schedule, [job] = asking()
    schedule.ask_broke_off(job)
    schedule.ask_after = NOW + 30.0
    assert schedule.next_ask_at() == NOW + 30.0
    assert list(schedule.asks_to_start(NOW + 29.9)) == []
    assert list(schedule.asks_to_start(NOW + 30.0)) == [job]


@pytest.mark.parametrize(
    ("state", "not_ready_after", "taken"),
    [
        (OperationState.RECOGNIZED, None, 124.0 / 2),
        (OperationState.RECOGNIZED, 2.0, 113.0),
        (OperationState.FAILED, None, None),
    ],
)
def test_what_a_recognition_took_is_learnt_from_its_row(
    state: OperationState, not_ready_after: float | None, taken: float | None
) -> None:
    """It ended at some time since it was last asked for; a failure teaches nothing."""
    schedule, [job] = asking()
    if not_ready_after is not None:
        schedule.asked(job, operation(job), NOW + not_ready_after)
        assert list(schedule.asks_to_start(NOW + 20.0)) == [job]
    schedule.asked(job, operation(job, state, NOW + 24.0), NOW + 29.0)
    assert schedule.typical_seconds == (TYPICAL if taken is None else typical_after(TYPICAL, taken))


def test_a_page_that_is_done_is_not_asked_for_again_by_an_index_that_lags() -> None:
    schedule, [job] = asking()
    schedule.asked(job, operation(job, OperationState.RECOGNIZED), NOW)
    schedule.add_asks([job.entry], NOW + FORGET_SECONDS - 0.1)
    assert schedule.asks == {}
    schedule.add_asks([job.entry], NOW + FORGET_SECONDS)
    assert list(schedule.asks) == [job.entry.name]


@pytest.mark.parametrize(("count", "many"), [(MIN_KNOWN - 1, False), (MIN_KNOWN, True)])
def test_many_are_known_from_fifty_on(count: int, many: bool) -> None:
    schedule = new(TYPICAL, 45.0, 10.0, NOW)
    schedule.add_asks(pages(count), NOW)
    assert schedule.knows_many() == many


# --- documents ---


@pytest.mark.parametrize(
    ("submits_per_second", "most"), [(0.5, 7), (1.0, 12), (2.5, 29), (10.0, 111), (1_000.0, 5_000)]
)
def test_of_a_backlog_no_more_is_read_than_may_be_in_the_index_and_handed_out(
    submits_per_second: float, most: int
) -> None:
    assert new(TYPICAL, 45.0, submits_per_second, NOW).max_submit_entries() == most


def test_when_no_more_can_be_handed_out_deliveries_go_on() -> None:
    schedule = new(TYPICAL, 45.0, 0.1, NOW)
    later = due("deliver", DueKind.DELIVER, 2.0)
    schedule.replace_documents([later, *(due(f"{number}") for number in range(5))], NOW + 10.0, NOW)
    assert begun(schedule) == ["0"]
    assert begun(schedule, 2.0) == ["deliver"]
    assert begun(schedule, 9.9) == []
    assert begun(schedule, 10.0) == ["1"]


def test_what_the_index_still_shows_is_begun_again_after_ten_seconds_or_for_another_due_time() -> None:
    schedule = new(TYPICAL, 45.0, 10.0, NOW)
    entry = due("x", DueKind.DELIVER)
    begun_at = []
    for after, shown in (
        (0.0, entry),
        (0.5, entry),
        (1.0, due("x", DueKind.DELIVER, -3.0)),
        (10.9, entry),
        (11.0, entry),
    ):
        schedule.replace_documents([shown], NOW + 10.0, NOW + after)
        for job in list(schedule.documents_to_start(NOW + after, PROBE)):
            begun_at.append(after)
            schedule.document_ended(job)
    assert begun_at == [0.0, 1.0, 10.9]


def test_what_a_worker_has_is_not_begun_again_and_keeps_the_tick() -> None:
    schedule = new(TYPICAL, 45.0, 10.0, NOW)
    entry = due("x", DueKind.DELIVER)
    schedule.replace_documents([entry], NOW + 10.0, NOW)
    [job] = schedule.documents_to_start(NOW, PROBE)
    schedule.replace_documents([due("x", DueKind.DELIVER, 20.0)], NOW + 10.0, NOW + 20.0)
    assert begun(schedule, 20.0) == []
    assert not schedule.is_idle()
    schedule.document_ended(job)
    assert schedule.is_idle()


# --- a pause ---


def paused(pause: Pause) -> Schedule:
    schedule = new(TYPICAL, 45.0, 10.0, NOW)
    entries = [due("deliver", DueKind.DELIVER), due("1"), due("2"), due("3")]
    schedule.replace_documents(entries, NOW + 10.0, NOW)
    schedule.apply_pause(pause)
    return schedule


def test_while_an_operator_pauses_only_deliveries_go_on_and_then_all() -> None:
    schedule = paused(Pause(operator_since=NOW))
    assert begun(schedule) == ["deliver"]
    assert begun(schedule, 9_999.0) == []
    schedule.apply_pause(Pause())
    assert begun(schedule, 9_999.0) == ["1", "2", "3"]


@pytest.mark.parametrize("operator_first", [False, True])
def test_in_the_services_pause_one_is_handed_out_for_each_probe(operator_first: bool) -> None:
    """Whoever has it writes the next probe only when it comes to send; an operator's may have covered it."""
    probing = Pause(since=NOW - 100.0, why="unknown", probe_at=NOW + 9.0)
    schedule = paused(Pause(operator_since=NOW) if operator_first else probing)
    schedule.apply_pause(probing)
    assert begun(schedule) == ["deliver"]
    assert begun(schedule, 8.9) == []
    assert begun(schedule, 9.0) == ["1"]
    schedule.apply_pause(probing)
    assert begun(schedule, 9.0 + PROBE - 0.1) == []
    assert begun(schedule, 9.0 + PROBE) == ["2"]
