"""A quota that one process keeps: how many may begin in any second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textdrop.core.window import SPAN_SECONDS, begin, full, next_at, reserve

NOW = 1_800_000_000.0


def begun(per_second: int, waits: list[tuple[float, int]], late: int = 0) -> list[float]:
    """When each begins, if after each wait so many are reserved, as far as they may be, and begin some waits `late`."""
    window, now, times = full(per_second, NOW), NOW, []
    reserved: list[int] = []
    for number, (wait, most) in enumerate(waits):
        now += wait
        for _ in range(most):
            if next_at(window) <= now:
                reserve(window)
                reserved.append(number)
        while reserved and reserved[0] + late <= number:
            reserved.pop(0)
            begin(window, now)
            times.append(now)
    return times


@given(
    per_second=st.integers(1, 100),
    waits=st.lists(st.tuples(st.floats(0.0, 0.5), st.integers(1, 30)), min_size=20, max_size=100),
    late=st.integers(0, 4),
)
def test_no_more_than_the_quota_begin_in_any_second_however_late_each_begins(
    per_second: int, waits: list[tuple[float, int]], late: int
) -> None:
    times = begun(per_second, waits, late)
    window = full(per_second, NOW)
    for count, seconds in ((per_second, SPAN_SECONDS), (window.limit, window.seconds)):
        for first, after in zip(times, times[count:], strict=False):
            assert after - first >= seconds - 1e-6


def test_nothing_begins_for_a_second_after_another_tick_may_have_used_up_the_quota() -> None:
    assert begun(50, [(SPAN_SECONDS - 0.001, 50)]) == []
    assert begun(50, [(SPAN_SECONDS + 0.001, 50)]) == [NOW + SPAN_SECONDS + 0.001] * 10


def test_the_quota_is_used_but_for_the_margin() -> None:
    for per_second in (1, 3, 7, 10, 19, 50, 200):
        times = begun(per_second, [(0.001, 50)] * 12_000)
        assert len(times) >= 10 * per_second * 0.9


def test_what_is_told_of_out_of_order_counts_as_the_later() -> None:
    window = full(10, NOW - 10.0)
    for at in (NOW + 0.1, NOW):
        reserve(window)
        begin(window, at)
    reserve(window)
    assert next_at(window) == NOW + 0.1 + window.seconds
