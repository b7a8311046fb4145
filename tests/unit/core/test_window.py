"""A quota that one process keeps: how many may begin in any second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textdrop.core.window import LATE_SECONDS, SPAN_SECONDS, begin, full, next_at

NOW = 1_800_000_000.0


def begun(per_second: int, waits: list[float]) -> list[float]:
    """When each begins, if after each wait as many begin as may."""
    window, now, times = full(per_second, NOW), NOW, []
    for wait in waits:
        now += wait
        while next_at(window) <= now:
            begin(window, now)
            times.append(now)
    return times


@given(per_second=st.integers(1, 100), waits=st.lists(st.floats(0.0, 2.0), max_size=50))
def test_no_more_than_the_quota_begin_in_any_second_however_late_each_begins(
    per_second: int, waits: list[float]
) -> None:
    """A request begins up to LATE_SECONDS after it was counted: two that are counted further apart than a second and
    that are in no second together."""
    times = begun(per_second, waits)
    for first, after in zip(times, times[per_second:], strict=False):
        assert after - first >= 1.0 + LATE_SECONDS - 1e-6


def test_nothing_begins_for_a_second_after_another_tick_may_have_used_up_the_quota() -> None:
    assert begun(50, [SPAN_SECONDS - 0.001]) == []
    assert begun(50, [SPAN_SECONDS + 0.001]) == [NOW + SPAN_SECONDS + 0.001] * 10


def test_the_quota_is_used_but_for_the_margin() -> None:
    for per_second in (1, 3, 7, 10, 19, 50, 200):
        times = begun(per_second, [0.001] * 12_000)
        assert len(times) >= 10 * per_second * 0.9
