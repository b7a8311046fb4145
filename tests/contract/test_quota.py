"""ports.SubmitQuota: slots that never overlap."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.fighting import fight
from contract.rows import Rows
from textdrop.core.quota import Quota, throttled

NOW = 1_700_000_000.25
MICROSECOND = 1e-6


def near(seconds: float) -> object:
    return pytest.approx(seconds, abs=MICROSECOND, rel=0)


def test_nothing_reserved_yet(rows: Rows) -> None:
    assert rows.quota.read() == Quota()


def test_too_far_ahead_nothing_is_reserved(rows: Rows) -> None:
    assert rows.quota.reserve(15, 0.1, NOW, 1.0) == NOW
    assert rows.quota.reserve(1, 0.1, NOW, 1.0) is None
    assert rows.quota.reserve(1, 0.1, NOW + 0.49, 1.0) is None
    assert rows.quota.read().next_free_at == near(NOW + 1.5)
    assert rows.quota.reserve(1, 0.1, NOW + 0.51, 1.0) == near(NOW + 1.5)


def test_a_worker_whose_clock_is_behind_reserves_later_slots(rows: Rows) -> None:
    rows.quota.reserve(1, 0.1, NOW, 1.0)
    assert rows.quota.reserve(1, 0.1, NOW - 0.5, 1.0) == near(NOW + 0.1)


def test_slots_of_a_lost_answer_stay_unused(rows: Rows) -> None:
    rows.lose_answer()
    assert rows.quota.reserve(1, 0.1, NOW, 1.0) == near(NOW + 0.1)
    rows.lose_answer()
    assert rows.quota.reserve(2, 0.1, NOW, 1.0) == near(NOW + 0.4)
    assert rows.quota.read().next_free_at == near(NOW + 0.6)


def test_slots_of_workers_who_reserve_together_do_not_overlap(rows: Rows) -> None:
    def reserve(number: int) -> list[float | None]:
        return [rows.quota.reserve(1 + number % 2, 0.01, NOW + 0.001 * number, 10.0) for _ in range(4)]

    taken = sorted(
        (start, 1 + number % 2)
        for number, starts in enumerate(fight(6, reserve))
        for start in starts
        if start is not None
    )
    assert len(taken) == 24
    for (start, slots), (following, _) in pairwise(taken):
        assert following >= start + slots * 0.01 - MICROSECOND


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.floats(0.001, 10.0), st.floats(0.0, 5.0), st.floats(0.0, 2.0)),
        max_size=6,
    )
)
def test_whatever_is_asked_slots_begin_now_or_one_after_the_other_but_not_too_far_ahead(
    rows: Rows, asked: list[tuple[int, float, float, float]]
) -> None:
    now = max(NOW, rows.quota.read().next_free_at) + 10  # beyond what the examples before this one have left
    free = now
    for slots, interval, passed, ahead in asked:
        now += passed
        start = rows.quota.reserve(slots, interval, now, ahead)
        if start is None:
            assert free > now + ahead - MICROSECOND
        else:
            assert start == near(max(now, free))
            assert start <= now + ahead + MICROSECOND
            free = start + slots * interval
            assert rows.quota.read().next_free_at == near(free)


def test_a_throttle_is_written_once(rows: Rows) -> None:
    rows.quota.reserve(1, 0.1, NOW, 1.0)
    before = rows.quota.read()
    after = throttled(before, NOW, 2.0)
    assert after is not None
    assert rows.quota.write(before, after)
    assert rows.quota.read() == after
    assert not rows.quota.write(before, after)
    assert not rows.quota.write(before, replace(after, factor=0.5))
    again = throttled(after, NOW + 3, 2.0)
    assert again is not None
    assert rows.quota.write(after, again)
    assert rows.quota.read() == again
    assert rows.quota.reserve(1, 0.1, NOW + 3, 1.0) is None


def test_a_throttle_before_anything_was_reserved(rows: Rows) -> None:
    after = throttled(Quota(), NOW, 2.0)
    assert after is not None
    assert not rows.quota.write(after, replace(after, throttles=2)), "there is no such row"
    assert rows.quota.write(Quota(), after)
    assert rows.quota.read() == after
    assert not rows.quota.write(Quota(), after)


def test_slots_reserved_beside_a_throttle_stay_reserved(rows: Rows) -> None:
    before = rows.quota.read()
    rows.quota.reserve(50, 0.1, NOW, 1.0)
    after = throttled(before, NOW, 2.0)
    assert after is not None
    assert after.next_free_at == NOW + 2
    assert rows.quota.write(before, after)
    assert rows.quota.read() == replace(after, next_free_at=rows.quota.read().next_free_at)
    assert rows.quota.read().next_free_at == near(NOW + 5)


@pytest.mark.parametrize("reserved", [0, 50])
def test_a_throttle_whose_answer_was_lost_is_mine(rows: Rows, reserved: int) -> None:
    before = rows.quota.read()
    if reserved:
        rows.quota.reserve(reserved, 0.1, NOW, 1.0)
    after = throttled(before, NOW, 2.0)
    assert after is not None
    rows.lose_answer()
    assert rows.quota.write(before, after)


def test_a_throttle_whose_answer_was_lost_is_not_mine_when_a_rival_wrote_first(rows: Rows) -> None:
    before = rows.quota.read()
    rival, mine = throttled(before, NOW, 2.0), throttled(before, NOW + 1, 2.0)
    assert rival is not None
    assert mine is not None
    rows.quota.write(before, rival)
    rows.lose_answer()
    assert not rows.quota.write(before, mine)


def test_of_several_throttles_one_is_written(rows: Rows) -> None:
    before = rows.quota.read()

    def tell(number: int) -> bool:
        after = throttled(before, NOW + number / 10, 2.0)
        assert after is not None
        return rows.quota.write(before, after)

    assert fight(6, tell).count(True) == 1
