"""A token bucket kept in one process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textdrop.core.bucket import available, full, next_at, taken

NOW = 1_800_000_000.0


def test_a_full_bucket_holds_its_capacity() -> None:
    assert available(full(45.0, 9.0, NOW), NOW) == 9


def test_tokens_come_back_at_the_rate_and_no_more_than_fit() -> None:
    bucket = taken(full(10.0, 5.0, NOW), 5, NOW)
    assert available(bucket, NOW) == 0
    assert available(bucket, NOW + 0.25) == 2
    assert available(bucket, NOW + 3600.0) == 5


def test_below_zero_nobody_may_take_one_for_a_while() -> None:
    bucket = taken(full(10.0, 5.0, NOW), 8, NOW)
    assert available(bucket, NOW) < 1
    assert available(bucket, NOW + 0.25) < 1
    assert available(bucket, NOW + 0.5) == 2


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket = taken(full(10.0, 5.0, NOW), 5, NOW)
    assert available(bucket, NOW - 60.0) == 0
    # And what was given once is not given again when the clock comes back.
    assert available(taken(bucket, 0, NOW - 60.0), NOW) == 0


@given(
    per_second=st.floats(0.5, 100.0),
    capacity=st.floats(1.0, 50.0),
    waits=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=100),
)
def test_in_no_stretch_of_time_is_more_taken_than_the_capacity_and_the_rate(
    per_second: float, capacity: float, waits: list[float]
) -> None:
    now = NOW
    bucket = full(per_second, capacity, now)
    took: list[tuple[float, int]] = []
    for wait in waits:
        now += wait
        count = available(bucket, now)
        bucket = taken(bucket, count, now)
        took.append((now, count))
    for first, (start, _) in enumerate(took):
        within = 0
        for at, count in took[first:]:
            within += count
            assert within <= capacity + (at - start) * per_second + 1e-3


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_is_taken_is_gone(count: int) -> None:
    assert available(taken(full(1.0, 3.0, NOW), count, NOW), NOW) == 3 - count


def test_it_says_when_the_next_token_is_there() -> None:
    bucket = taken(full(4.0, 2.0, now=10.0), 2, now=10.0)
    assert next_at(bucket) == 10.25
    assert available(bucket, 10.24) == 0
    assert available(bucket, 10.25) == 1
    assert next_at(full(4.0, 2.0, now=10.0)) == 10.0
