"""What one tick does next: which ask, delivery or hand-out starts when, and what is learnt from those that ended."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field, replace
from math import inf

import pytest

from textdrop.core.answers import OperationDescription
from textdrop.core.documents import DueEntry, DueKind, Operation, OperationState
from textdrop.core.intervals import (
    FIRST_TYPICAL_SECONDS,
    first_ask_seconds,
    first_status_seconds,
    next_ask_seconds,
    next_status_seconds,
    typical_after,
)
from textdrop.core.pause import Pause
from textdrop.core.schedule import FORGET_SECONDS, MIN_KNOWN, READ_AHEAD_SECONDS, Job, Schedule, Step, new

NOW = 1_800_000_000.0
PROBE = 60.0
TYPICAL = 100.0
DEADLINE = 3_600.0


def due(name: str, kind: DueKind = DueKind.SUBMIT, due_in: float = 0.0) -> DueEntry:
    return DueEntry(kind, NOW + due_in, name)


def pages(count: int, age: float = 100.0) -> list[DueEntry]:
    """So many running operations, accepted so many seconds ago."""
    return [DueEntry(DueKind.ASK, NOW - age, f"{number}", 1, 1) for number in range(count)]


def operation(job: Job, state: OperationState = OperationState.RUNNING) -> Operation:
    at = job.entry.due_at
    row = Operation(job.entry.document_id, 1, 1, state, described=OperationDescription("op1"))
    return replace(row, submitted_at=at, deadline_at=at + DEADLINE)


def started(schedule: Schedule, after: float = 0.0) -> list[Job]:
    """The asks that begin so long from now. Rows are read at once."""
    jobs = []
    while (job := schedule.ask_to_start(NOW + after)) is not None:
        schedule.began(job, NOW + after)
        if job.step is Step.READ:
            schedule.asked(job, operation(job), NOW + after)
        else:
            jobs.append(job)
    return jobs


def steps(schedule: Schedule, after: float = 0.0) -> list[Step]:
    """What begins so long from now, all of which ends at once with nothing new."""
    jobs = started(schedule, after)
    for job in jobs:
        schedule.asked(job, operation(job), NOW + after)
    return [job.step for job in jobs]


def running(count: int = 1, reads_per_second: int = 50, age: float = 100.0) -> Schedule:
    """A schedule in the midst of its tick that has just heard of so many operations."""
    schedule = new(TYPICAL, reads_per_second, 10.0, NOW - 1_000.0)
    schedule.add_asks(pages(count, age), NOW)
    return schedule


def begun(schedule: Schedule, after: float = 0.0) -> list[str]:
    """The documents that start so long from now."""
    return [job.entry.document_id for job in schedule.documents_to_start(NOW + after, PROBE)]


# --- results ---


@pytest.mark.parametrize(("typical", "age"), [(10.0, 1.0), (10.0, 100.0), (0.0, 0.0)])
def test_a_page_is_first_asked_for_when_it_may_be_ready_and_its_row_read_before(typical: float, age: float) -> None:
    schedule = new(typical, 50, 10.0, NOW - 1_000.0)
    schedule.add_asks(pages(1, age), NOW)
    typical = typical or FIRST_TYPICAL_SECONDS
    first_at = NOW - age + first_ask_seconds(typical, 0.0)
    assert schedule.next_ask_at() == first_at - READ_AHEAD_SECONDS
    job = schedule.ask_to_start(max(NOW, first_at - READ_AHEAD_SECONDS))
    assert job is not None
    schedule.asked(job, operation(job), NOW)
    assert schedule.next_ask_at() == first_at
    assert schedule.ask_to_start(max(NOW, first_at)) is job
    assert job.step is Step.RESULT


def test_no_more_rows_are_read_than_can_be_asked_for_in_a_second() -> None:
    schedule = running(20, reads_per_second=5)
    schedule.results.after = NOW + 60.0
    read = []
    while (job := schedule.ask_to_start(NOW)) is not None:
        read.append(job)
        schedule.asked(job, operation(job), NOW)
    assert len(read) == 5
    assert schedule.next_ask_at() == NOW + 60.0


def test_a_row_that_could_not_be_read_is_read_again_a_second_later() -> None:
    schedule = running()
    job = schedule.ask_to_start(NOW)
    assert job is not None
    schedule.ask_broke_off(job, NOW)
    assert schedule.ask_to_start(NOW + 0.99) is None
    assert schedule.ask_to_start(NOW + 1.0) is job


def test_an_ask_that_broke_off_is_made_again_a_second_later_however_old_the_page_is() -> None:
    schedule = running(reads_per_second=5)
    read = schedule.ask_to_start(NOW)
    assert read is not None
    schedule.asked(read, operation(read), NOW)
    job = schedule.ask_to_start(NOW)
    assert job is not None
    schedule.ask_broke_off(job, NOW)
    assert schedule.ask_to_start(NOW + 0.99) is None
    assert schedule.ask_to_start(NOW + 1.0) is job


def test_a_tick_that_begins_asks_for_nothing_in_its_first_second() -> None:
    schedule = new(TYPICAL, 50, 10.0, NOW)
    schedule.add_asks(pages(3), NOW)
    assert started(schedule, 1.0) == []
    assert len(started(schedule, 1.05)) == 3


def test_when_the_lease_is_no_longer_sure_nothing_is_asked_for() -> None:
    schedule = running()
    schedule.asks_until = NOW + 1.0
    assert started(schedule, 1.0) == []
    schedule.asks_until = NOW + 2.0
    assert len(started(schedule, 1.0)) == 1


def test_one_that_is_not_ready_is_asked_again_by_its_age() -> None:
    schedule = running()
    [job] = started(schedule)
    schedule.replace_documents([], NOW, NOW)
    schedule.asked(job, operation(job), NOW)
    assert not schedule.is_idle()
    schedule.add_asks([job.entry], NOW + 1.0)
    wait = next_ask_seconds(100.0, TYPICAL, 0, 50.0)
    assert started(schedule, wait - 0.01) == []
    assert started(schedule, wait + 0.01) == [job]


def test_what_is_done_no_longer_slows_the_asks_for_what_still_runs() -> None:
    schedule = new(1.0, 1, 10.0, NOW - 1_000.0)
    schedule.add_asks(pages(2, age=10.0), NOW)
    waits = []
    for second, state in enumerate([OperationState.RUNNING] * 4 + [OperationState.FAILED, OperationState.RUNNING]):
        [job] = [job for job in started(schedule, 2.2 * second) if job.step is Step.RESULT]
        waits.append(job.start_at - job.asked_at)
        schedule.asked(job, operation(job, state), NOW + 2.2 * second)
    assert waits[3] == pytest.approx(2 * 1.04)
    assert waits[5] == pytest.approx(1.04)


@pytest.mark.parametrize("step", [Step.RESULT, Step.STATUS])
def test_after_a_throttle_nothing_of_its_kind_is_asked_until_it_is_over(step: Step) -> None:
    schedule = running(age=300.0)
    assert set(steps(schedule)) == {Step.RESULT}
    [status] = [job for job in started(schedule, 0.01) if job.step is Step.STATUS]
    schedule.asked(status, operation(status), NOW + 0.01)
    throttled = schedule.statuses.jobs if step is Step.STATUS else schedule.results.jobs
    [job] = throttled.values()
    schedule.throttle(job, NOW + 400.0)
    assert step not in steps(schedule, 399.9)
    assert step in steps(schedule, 400.0)


@pytest.mark.parametrize(("state", "taken"), [(OperationState.RECOGNIZED, 110.0), (OperationState.FAILED, None)])
def test_what_a_recognition_took_lies_between_the_last_two_asks(state: OperationState, taken: float | None) -> None:
    """A failure teaches nothing."""
    schedule = running()
    [job] = started(schedule)
    schedule.asked(job, operation(job), NOW + 5.0)
    assert started(schedule, 20.0) == [job]
    schedule.asked(job, operation(job, state), NOW + 29.0)
    assert schedule.typical_seconds == (TYPICAL if taken is None else typical_after(TYPICAL, taken))


def test_a_page_that_is_done_is_not_asked_for_again_by_an_index_that_lags() -> None:
    schedule = running()
    [job] = started(schedule)
    schedule.asked(job, operation(job, OperationState.RECOGNIZED), NOW)
    schedule.add_asks([job.entry], NOW + FORGET_SECONDS - 0.1)
    assert schedule.results.jobs == {}
    schedule.add_asks([job.entry], NOW + FORGET_SECONDS)
    assert list(schedule.results.jobs) == [job.entry.name]


@pytest.mark.parametrize(("count", "many"), [(MIN_KNOWN - 1, False), (MIN_KNOWN, True)])
def test_many_are_known_from_fifty_on(count: int, many: bool) -> None:
    assert running(count).knows_many() == many


# --- statuses ---


def test_the_status_of_what_is_not_ready_is_asked_for_after_most_have_ended() -> None:
    schedule = running(age=60.0)
    assert steps(schedule) == [Step.RESULT]
    first = first_status_seconds(TYPICAL) - 60.0
    assert Step.STATUS not in steps(schedule, first - 0.1)
    assert Step.STATUS in steps(schedule, first)
    second = first + next_status_seconds(60.0 + first)
    assert Step.STATUS not in steps(schedule, second - 0.1)
    assert Step.STATUS in steps(schedule, second + 0.01)


def test_after_an_error_the_status_is_asked_for_soon_but_not_again_at_once() -> None:
    schedule = new(10.0, 50, 10.0, NOW - 1_000.0)
    schedule.add_asks(pages(1, age=8.0), NOW)
    asked_at: dict[Step, list[float]] = {Step.RESULT: [], Step.STATUS: []}
    for tenths in range(60):
        for job in started(schedule, tenths / 10):
            asked_at[job.step].append(tenths / 10)
            schedule.asked(job, operation(job), NOW + tenths / 10, may_have_failed=job.step is Step.RESULT)
    assert len(asked_at[Step.RESULT]) > 10
    assert asked_at[Step.STATUS] == [0.1, 2.1, 4.1]


def test_a_page_is_given_up_only_after_its_status_was_asked_for_since_its_deadline() -> None:
    schedule = running(age=DEADLINE - 10.0)
    assert steps(schedule) == [Step.RESULT]
    assert steps(schedule, 0.01) == [Step.STATUS]
    [job] = started(schedule, 30.0)
    assert not job.status_asked
    schedule.asked(job, operation(job), NOW + 30.0)
    [status] = started(schedule, 30.0)
    assert status.step is Step.STATUS
    schedule.asked(status, operation(status), NOW + 30.0)
    assert started(schedule, 30.0) == [job]
    assert job.status_asked


@pytest.mark.parametrize("ends_first", [Step.RESULT, Step.STATUS])
def test_what_one_ask_has_ended_the_other_leaves_alone(ends_first: Step) -> None:
    schedule = running(age=300.0)
    assert steps(schedule) == [Step.RESULT]
    by_step = {job.step: job for job in started(schedule, 100.0)}
    first = by_step.pop(ends_first)
    [other] = by_step.values()
    schedule.asked(first, operation(first, OperationState.FAILED), NOW + 100.0)
    schedule.asked(other, operation(other), NOW + 100.0)
    assert (schedule.busy, schedule.results.jobs, schedule.statuses.jobs) == (0, {}, {})
    assert schedule.next_ask_at() == inf


# --- many of them ---


@dataclass
class Crowd:
    """So many operations, accepted at this rate, with recognitions around 3 s, that a tick asks for. `asked` says when
    each ask began, `late` how long after a result was there it was read, by operation."""

    count: int
    per_second: float
    sigma: float
    asked: dict[Step, list[float]] = field(default_factory=lambda: {step: [] for step in Step})
    late: dict[str, float] = field(default_factory=dict)

    def run(self, reads_per_second: int = 50) -> Crowd:
        chance = random.Random(1)
        ready_at = {}
        schedule = new(3.0, reads_per_second, 10.0, NOW - 2.0)
        now, accepted, busy = NOW, 0, list[tuple[float, int, Job]]()
        while len(self.late) < self.count:
            while accepted < self.count and accepted / self.per_second <= now - NOW:
                entry = DueEntry(DueKind.ASK, NOW + accepted / self.per_second, f"{accepted}", 1, 1)
                ready_at[entry.document_id] = entry.due_at + 3.0 * chance.lognormvariate(0.0, self.sigma)
                schedule.add_asks([entry], now)
                accepted += 1
            while busy and busy[0][0] <= now:
                _, _, job = heapq.heappop(busy)
                name = job.entry.document_id
                done = job.step is Step.RESULT and ready_at[name] <= job.asked_at
                if done:
                    self.late[name] = now - ready_at[name]
                schedule.asked(job, operation(job, OperationState.RECOGNIZED if done else OperationState.RUNNING), now)
            while (begun := schedule.ask_to_start(now)) is not None:
                schedule.began(begun, now)
                self.asked[begun.step].append(now)
                heapq.heappush(busy, (now + 0.1, sum(map(len, self.asked.values())), begun))
            now += 0.01
        self.ended_at = now
        self.last_ready_at = max(ready_at.values())
        return self


@pytest.mark.parametrize("sigma", [0.25, 0.5])
def test_when_the_quota_is_short_hardly_an_ask_is_in_vain_and_the_last_is_read_in_time(sigma: float) -> None:
    crowd = Crowd(1_000, 50.0, sigma).run()
    assert len(crowd.asked[Step.RESULT]) <= 1.35 * crowd.count
    needed = max(crowd.last_ready_at - NOW, 1.0 + crowd.count / 50)
    assert crowd.ended_at - NOW <= 1.15 * needed


def test_when_few_run_each_is_read_soon_after_it_is_ready() -> None:
    crowd = Crowd(60, 1.0, 0.5).run()
    late = sorted(crowd.late.values())
    assert late[len(late) // 2] <= 0.3
    assert late[-1] <= 1.0


# --- documents ---


@pytest.mark.parametrize(
    ("submits_per_second", "most"), [(0.5, 7), (1.0, 12), (2.5, 29), (10.0, 111), (1_000.0, 5_000)]
)
def test_of_a_backlog_no_more_is_read_than_may_be_in_the_index_and_handed_out(
    submits_per_second: float, most: int
) -> None:
    assert new(TYPICAL, 50, submits_per_second, NOW).max_submit_entries() == most


def test_when_no_more_can_be_handed_out_deliveries_go_on() -> None:
    schedule = new(TYPICAL, 50, 0.1, NOW)
    later = due("deliver", DueKind.DELIVER, 2.0)
    schedule.replace_documents([later, *(due(f"{number}") for number in range(5))], NOW + 10.0, NOW)
    assert begun(schedule) == ["0"]
    assert begun(schedule, 2.0) == ["deliver"]
    assert begun(schedule, 9.9) == []
    assert begun(schedule, 10.0) == ["1"]


def test_what_is_due_later_than_soon_is_none_of_its_jobs() -> None:
    schedule = new(TYPICAL, 50, 10.0, NOW)
    entries = [due(f"{in_seconds}", DueKind.DELIVER, in_seconds) for in_seconds in (-1.0, 10.0, 10.1)]
    schedule.replace_documents(entries, NOW + 10.0, NOW)
    assert [name for name, _, _ in schedule.documents] == ["-1.0", "10.0"]


def test_what_the_index_still_shows_is_begun_again_after_ten_seconds_or_for_another_due_time() -> None:
    schedule = new(TYPICAL, 50, 10.0, NOW)
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
    schedule = new(TYPICAL, 50, 10.0, NOW)
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
    schedule = new(TYPICAL, 50, 10.0, NOW)
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
