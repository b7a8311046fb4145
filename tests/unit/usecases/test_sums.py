"""The sums of the ledger: each run once, whoever sums, whatever fails meanwhile, in few reads."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from math import nextafter
from typing import Any

import pytest

from fakes.faults import Faults
from fakes.ledger import FakeLedger
from textdrop.core import ledger, summing
from textdrop.core.documents import Outcome
from textdrop.core.errors import StoreUnavailable
from textdrop.core.ledger import DaySums, HistoryCursor, HistoryPage, Run
from textdrop.usecases import sums
from textdrop.usecases.sums import Summed, summed
from unit.usecases.operated import NOON, operated
from world import World

DAY = 86_400.0


@pytest.fixture
def world() -> World:
    return operated()


def put(world: World, number: int, ended_at: float, outcome: Outcome = Outcome.FAILED, **fields: Any) -> Run:
    run = Run(
        f"{number:032x}",
        1,
        outcome,
        ended_at,
        ended_at,
        ended_at,
        "k",
        "damaged",
        "page",
        submitted=1,
        cost="0.1",
        **fields,
    )
    return world.ledger.put(replace(run, currency="RUB"))


def counted(done: Summed) -> dict[str, Counter[str]]:
    return {day.day: Counter(day.outcomes) for day in done.days if day.outcomes}


def truth(world: World, since: float, until: float) -> dict[str, Counter[str]]:
    days: dict[str, Counter[str]] = {}
    for run in world.ledger.rows.values():
        if since <= run.ended_at <= until:
            days.setdefault(ledger.day(run.ended_at), Counter())[str(run.outcome)] += 1
    return days


def test_all_that_ended_until_now_is_summed_and_only_what_is_old_enough_is_stored(world: World) -> None:
    ages = [3 * DAY, 2 * DAY, 1_300.0, 1_200.0, 1_100.0, 0.0]
    for number, age in enumerate(ages):
        put(world, number, NOON - age)
    put(world, 10, NOON + 5.0)
    done = summed(world.control_ports, NOON - 5 * DAY, NOON)
    assert done.is_complete
    assert [day.day for day in done.days] == [f"2026-11-{day}" for day in range(24, 30)]
    assert counted(done) == truth(world, NOON - 5 * DAY, NOON)
    assert sum(sum(row.outcomes.values()) for row in world.sums.rows.values()) == 4
    assert world.sums.rows["2026-11-29"].until["failed"] == NOON - 1_200.0


def test_what_was_summed_is_not_read_again(world: World) -> None:
    for number in range(50):
        put(world, number, NOON - number * DAY / 5)
    summed(world.control_ports, NOON - 20 * DAY, NOON)
    for seconds, writes in ((60.0, 0), (540.0, 1), (60.0, 0)):
        world.clock.advance(seconds)
        read = len(world.faults.of("ledger.history"))
        written = len(world.faults.of("sums.write"))
        assert counted(summed(world.control_ports, NOON - 20 * DAY, NOON)) == truth(world, NOON - 20.5 * DAY, NOON)
        assert len(world.faults.of("ledger.history")) - read == len(Outcome)
        assert len(world.faults.of("sums.write")) - written == writes


def test_money_and_pages_are_summed_by_model_to_the_last_digit(world: World) -> None:
    for number in range(3):
        put(world, number, NOON - DAY, recognized=2, unconfirmed=1, kept=1)
    [row] = [each for each in summed(world.control_ports, NOON - DAY, NOON - DAY).days if each.outcomes]
    sums_of_page = {"runs": 3, "recognized": 6, "paid": 3, "unconfirmed": 3, "kept": 3, "unpriced": 0}
    sums_of_page |= {"reused": 0, "skipped": 0}
    assert row.models == {"page": sums_of_page}
    assert Decimal(row.costs["page"]["RUB"]) == Decimal("0.3")
    assert row.reasons == {"damaged": 3}


def test_runs_at_the_very_ends_of_days_and_months_count_where_they_belong(world: World) -> None:
    world.clock.advance(10 * DAY)
    first = ledger.day_began_at("2026-12-01")
    before = [nextafter(at, 0.0) for at in (first, first + DAY)]
    for number, at in enumerate([first, first + DAY, first - 3 * DAY, *before]):
        put(world, number, at)
    done = summed(world.control_ports, first - 5 * DAY, first + 5 * DAY)
    assert counted(done) == truth(world, 0.0, first + 5 * DAY)
    assert set(counted(done)) == {"2026-11-28", "2026-11-30", "2026-12-01", "2026-12-02"}


def test_days_that_were_summed_between_others_are_left_alone(world: World) -> None:
    for number in range(10):
        put(world, number, NOON - number * DAY)
    summed(world.control_ports, NOON - 5 * DAY, NOON - 4 * DAY)
    assert counted(summed(world.control_ports, NOON - 9 * DAY, NOON)) == truth(world, 0.0, NOON)


def test_many_that_end_at_the_same_time_are_not_torn_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "RUNS_A_READ", 3)
    for number in range(40):
        put(world, number, NOON - DAY + number // 10)
    assert counted(summed(world.control_ports, NOON - DAY, NOON)) == truth(world, 0.0, NOON)


def test_what_is_too_much_for_a_call_is_gone_on_with_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "RUNS_A_READ", 10)
    monkeypatch.setattr(sums, "READS_A_CALL", 7)
    for number in range(500):
        put(world, number, NOON - 10 * DAY + number * 1_000.0, list(Outcome)[number % 2])
    for calls in range(1, 30):
        read = len(world.faults.of("ledger.history"))
        done = summed(world.control_ports, NOON - 11 * DAY, NOON)
        assert len(world.faults.of("ledger.history")) - read <= 7 + len(Outcome)
        if done.is_complete:
            break
        assert sum_of(done) >= min(500, 60 * calls)
    assert counted(done) == truth(world, 0.0, NOON)
    assert 500 / 10 / 7 <= calls <= 500 / 10 / 7 + 3, "what was read is not read again"


def test_a_call_that_is_cut_off_has_got_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "RUNS_A_READ", 2)
    for number in range(100):
        put(world, number, NOON - DAY + number)
    world.faults.fail("ledger.history", lambda: StoreUnavailable("503"), skip=30)
    with pytest.raises(StoreUnavailable):
        summed(world.control_ports, NOON - DAY, NOON)
    assert sum(world.sums.rows["2026-11-28"].outcomes.values()) >= 30


@pytest.mark.parametrize("seed", range(40))
def test_whatever_fails_and_whoever_sums_beside_each_run_counts_once(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(sums, "RUNS_A_READ", chance.choice([2, 3, 10, 1_000]))
    monkeypatch.setattr(sums, "READS_A_CALL", chance.choice([6, 15, 100]))
    monkeypatch.setattr(sums, "READS_A_WRITE", chance.choice([1, 2, 20]))
    world = operated()
    number = 0
    for _ in range(25):
        for _ in range(chance.randrange(8)):
            # A row may come with a time of up to twenty minutes before.
            number += 1
            late = chance.choice([0.0, 1.0, 600.0, 1_199.0])
            put(world, number, float(round(world.clock.now() - late)), chance.choice(list(Outcome)))
        call = chance.choice(["ledger.history", "sums.write", "sums.read"])
        match chance.randrange(5):
            case 0:
                world.faults.fail(call, lambda: StoreUnavailable("503"), skip=chance.randrange(4))
            case 1:
                world.faults.fail(call, lambda: StoreUnavailable("503"), when="after", skip=chance.randrange(4))
            case 2:
                world.faults.lose_answer("sums.write")
            case 3:
                world.faults.happen(call, lambda: another_sums(world), skip=chance.randrange(6))
        since = NOON - chance.randrange(4) * DAY
        now = world.clock.now()
        with suppress(StoreUnavailable):
            done = summed(world.control_ports, since, now)
            assert not done.is_complete or counted(done) == truth(world, ledger.day_began_at(ledger.day(since)), now)
        world.faults.mend()
        world.clock.advance(chance.choice([0.0, 30.0, 1_300.0, 20_000.0]))
    world.clock.advance(2_000.0)
    for _ in range(50):
        done = summed(world.control_ports, NOON - 4 * DAY, world.clock.now())
        if done.is_complete:
            break
    assert counted(done) == truth(world, 0.0, world.clock.now())


def another_sums(world: World) -> None:
    summed(world.control_ports, NOON - 3 * DAY, world.clock.now())


def sum_of(done: Summed) -> int:
    return sum(sum(day.outcomes.values()) for day in done.days)


def test_more_that_is_new_than_can_be_read_is_left_out_and_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "RUNS_A_READ", 5)
    monkeypatch.setattr(sums, "NEW_READS", 4)
    for number in range(100):
        put(world, number, NOON - 1_230.0 + number, list(Outcome)[number % 2])
    done = summed(world.control_ports, NOON - DAY, NOON)
    assert (done.is_complete, done.until) == (True, NOON - 1_200.0)
    assert counted(done) == truth(world, 0.0, NOON - 1_200.0)
    world.clock.advance(1_200.0)
    done = summed(world.control_ports, NOON - DAY, NOON + 1_200.0)
    assert (done.is_complete, done.until) == (True, NOON + 1_200.0)
    assert counted(done) == truth(world, 0.0, NOON)


@pytest.mark.parametrize(("times", "is_complete"), [(2, True), (3, False)])
def test_others_that_write_again_and_again_leave_it_incomplete(world: World, times: int, is_complete: bool) -> None:
    put(world, 1, NOON - 2_000.0)

    def another_writes() -> None:
        row = world.sums.rows.get("2026-11-29", DaySums("2026-11-29"))
        world.sums.rows["2026-11-29"] = replace(row, rev=row.rev + 1)

    world.faults.happen("sums.write", another_writes, times=times)
    assert summed(world.control_ports, NOON, NOON).is_complete == is_complete
    assert summed(world.control_ports, NOON, NOON).is_complete


def test_what_others_have_added_meanwhile_counts_once_in_an_incomplete_answer_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "ROUNDS", 1)
    put(world, 1, NOON - 2_000.0)
    put(world, 2, NOON - 600.0)

    def another_sums_later() -> None:
        world.clock.advance(700.0)
        another_sums(world)

    world.faults.happen("sums.write", another_sums_later)
    done = summed(world.control_ports, NOON, NOON)
    assert (done.is_complete, sum_of(done)) == (False, 2)


class SortedLedger(FakeLedger):
    """The ledger's index as it is: each partition sorted, so that a read of many rows takes no time."""

    def __init__(self, faults: Faults, runs: list[Run]) -> None:
        super().__init__(faults)
        self._partitions: dict[tuple[str, Outcome], list[Run]] = {}
        for run in sorted(runs, key=_place):
            self._partitions.setdefault((ledger.month(run.ended_at), run.outcome), []).append(run)
        self._places = {name: [_place(run) for run in found] for name, found in self._partitions.items()}

    def history(
        self,
        month: str,
        outcome: Outcome,
        since: float,
        until: float,
        limit: int,
        after: HistoryCursor | None = None,
        *,
        newest_first: bool = False,
    ) -> HistoryPage:
        self.faults.before("ledger.history")
        places = self._places.get((month, outcome), [])
        start = bisect_left(places, (since, "", 0))
        if after is not None:
            start = max(start, bisect_right(places, (after.ended_at, after.document_id, after.run)))
        end = bisect_right(places, (until, "g", 0))
        found = self._partitions.get((month, outcome), [])[start : min(end, start + limit)]
        last = HistoryCursor(*_place(found[-1])) if len(found) == limit else None
        return HistoryPage(tuple(found), last)


def _place(run: Run) -> tuple[float, str, int]:
    return run.ended_at, run.document_id, run.run


def test_a_hundred_thousand_runs_are_summed_in_few_calls_and_then_in_one(world: World) -> None:
    outcomes = [Outcome.SUCCEEDED] * 8 + [Outcome.FAILED, Outcome.PARTIAL]
    runs = [
        Run(f"{number:032x}", 1, outcomes[number % 10], NOON - 25 * DAY + number * 21.0, 0.0, 0.0, model="page")
        for number in range(100_000)
    ]
    many = SortedLedger(world.faults, runs)
    ports = replace(world.control_ports, ledger=many)
    calls = [summed(ports, NOON - 29 * DAY, NOON) for _ in range(3)]
    assert [done.is_complete for done in calls] == [False, False, True]
    done = calls[-1]
    assert sum_of(done) == 100_000
    assert len(world.faults.of("ledger.history")) <= 100_000 / sums.RUNS_A_READ + 2 * len(Outcome) + 5
    assert len(world.faults.of("sums.write")) <= 150
    read = len(world.faults.of("ledger.history"))
    assert sum_of(summed(ports, NOON - 29 * DAY, NOON)) == 100_000
    assert len(world.faults.of("ledger.history")) - read == len(Outcome)


def test_a_stretch_ends_with_its_month_and_at_what_is_summed() -> None:
    first = ledger.day_began_at("2026-12-01")
    rows = {day: DaySums(day) for day in ("2026-11-29", "2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03")}
    rows["2026-12-02"] = replace(rows["2026-12-02"], until={"failed": first + 2 * DAY - 1e-6})
    found = summing.open_stretches(rows, Outcome.FAILED, first + 2.5 * DAY)
    assert [(each.month, each.days) for each in found] == [
        ("2026-11", ("2026-11-29", "2026-11-30")),
        ("2026-12", ("2026-12-01",)),
        ("2026-12", ("2026-12-02", "2026-12-03")),
    ]
    assert found[-1].until == first + 2.5 * DAY


# --- reconcile --------------------------------------------------------------------------------------------------------


def test_reconcile_sums_what_ended_since_yesterday(world: World) -> None:
    for number in range(5):
        put(world, number, NOON - DAY * number / 2)
    world.reconcile()
    assert sum(sum(row.outcomes.values()) for row in world.sums.rows.values()) == 4
    read = len(world.faults.of("ledger.history"))
    assert sum_of(summed(world.control_ports, NOON - 3 * DAY, NOON)) == 5
    assert len(world.faults.of("ledger.history")) - read == len(Outcome)


@pytest.mark.parametrize(("seconds", "stored"), [(900.0, 100), (100.0, 59)])
def test_reconcile_sums_more_than_a_call_reads_for_as_long_as_it_has_time(
    world: World, monkeypatch: pytest.MonkeyPatch, seconds: float, stored: int
) -> None:
    monkeypatch.setattr(sums, "RUNS_A_READ", 10)
    monkeypatch.setattr(sums, "READS_A_CALL", 6)
    for number in range(100):
        put(world, number, NOON - DAY + number, Outcome.SUCCEEDED)
    world.reconcile(seconds=seconds)
    assert sum(sum(row.outcomes.values()) for row in world.sums.rows.values()) == stored


def test_that_it_cannot_sum_is_no_failure_of_reconcile(world: World) -> None:
    world.faults.fail("ledger.history", lambda: StoreUnavailable("dynamodb.Query: ValidationException"))
    assert world.reconcile() == "ended"
    assert [entry.name for entry in world.journal.failures] == ["not_summed"]
