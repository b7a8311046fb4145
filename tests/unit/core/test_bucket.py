"""A token bucket kept in one process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textdrop.core.bucket import available, full, taken

NOW = 1_800_000_000.0


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
