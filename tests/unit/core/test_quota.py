"""The submit quota: slots an interval apart, and what a 429 does to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from textdrop.core.policy import Policy
from textdrop.core.quota import MIN_FACTOR, Quota, factor, interval_seconds, throttled

POLICY = Policy()
NOW = 1_800_000_000.0
RATES = st.floats(2.0, 100.0)
QUOTAS = st.builds(
    Quota,
    next_free_at=st.floats(NOW - 10, NOW + 10),
    factor=st.floats(MIN_FACTOR, 1.0),
    factor_at=st.floats(NOW - 200, NOW + 10),
    throttled_until=st.floats(NOW - 10, NOW + 10),
    throttles=st.integers(0, 100),
)


# --- the rate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quota", "now", "seconds"),
    [
        (Quota(), NOW, 0.1),
        (Quota(factor=0.5, factor_at=NOW), NOW, 0.2),
        (Quota(factor=0.5, factor_at=NOW), NOW + 25, 1 / 7.5),
        (Quota(factor=0.5, factor_at=NOW), NOW + 50, 0.1),
        (Quota(factor=0.5, factor_at=NOW), NOW + 9_999, 0.1),
        (Quota(factor=0.5, factor_at=NOW), NOW - 60, 0.2),
    ],
)
def test_an_interval_is_one_slots_share_of_the_rate(quota: Quota, now: float, seconds: float) -> None:
    assert interval_seconds(quota, 10.0, now) == pytest.approx(seconds)


@given(quota=QUOTAS, rate=RATES, now=st.floats(NOW - 100, NOW + 1000), wait=st.floats(0, 100))
def test_the_rate_recovers_and_never_passes_the_configured_one(
    quota: Quota, rate: float, now: float, wait: float
) -> None:
    interval = interval_seconds(quota, rate, now)
    assert 1 / rate <= interval <= 1 / (rate * MIN_FACTOR) * (1 + 1e-9)
    assert interval_seconds(quota, rate, now + wait) <= interval
    assert factor(quota, quota.factor_at + 90.1) == 1.0


# --- a 429 ------------------------------------------------------------------------------------------------------------


@given(quota=QUOTAS, pause=st.floats(0.1, 300))
@example(quota=Quota(throttled_until=NOW, factor=0.9, factor_at=NOW), pause=1.0)
@example(quota=Quota(throttled_until=NOW - 3.0), pause=1.0)
@example(quota=Quota(throttled_until=NOW - 2.9, next_free_at=NOW + 5.0), pause=1.0)
def test_a_429_lowers_the_rate_down_to_a_floor_and_gives_nothing_back_of_what_is_reserved(
    quota: Quota, pause: float
) -> None:
    lowered = 0.8 if quota.throttled_until + 3.0 > NOW else 0.9
    expected = Quota(
        next_free_at=max(quota.next_free_at, NOW + pause),
        factor=max(0.1, factor(quota, NOW) * lowered),
        factor_at=NOW + pause,
        throttled_until=NOW + pause,
        throttles=quota.throttles + 1,
    )
    # While a pause is under way a burst of 429s counts once.
    assert throttled(quota, NOW, pause) == (None if quota.throttled_until > NOW else expected)


# --- for a while ------------------------------------------------------------------------------------------------------
# That many workers stay within the rate is a promise that tests/simulation holds them to.


def sent(configured: float, accepts: Callable[[float], bool], seconds: float) -> tuple[list[float], list[float]]:
    """When pages were sent, each in the next slot, and the service took them; and when it answered 429."""
    quota, now = Quota(), NOW
    taken: list[float] = []
    refused: list[float] = []
    while now < NOW + seconds:
        now = max(now, quota.next_free_at)
        quota = replace(quota, next_free_at=now + interval_seconds(quota, configured, now))
        if accepts(now):
            taken.append(now)
        else:
            refused.append(now)
            quota = throttled(quota, now, POLICY.throttle_pause_seconds) or quota
    return taken, refused


@pytest.mark.parametrize("configured", [10.0, 12.0, 20.0])
def test_under_a_sliding_window_or_too_high_a_setting_it_settles(configured: float) -> None:
    counted: deque[float] = deque()

    def accepts(now: float) -> bool:
        """As a service does that allows ten requests in any second, and counts only those it took."""
        while counted and counted[0] <= now - 1.0:
            counted.popleft()
        if len(counted) < 10:
            counted.append(now)
            return True
        return False

    taken, refused = sent(configured, accepts, seconds=300.0)
    assert len(refused) <= 0.05 * len(taken)
    assert len(taken) >= 0.5 * 10.0 * 300.0


def test_a_service_that_refuses_everything_is_left_alone_and_used_in_full_afterwards() -> None:
    taken, refused = sent(10.0, lambda now: now >= NOW + 30.0, seconds=180.0)
    assert len(refused) <= 30  # unslowed, it would have been asked 300 times
    assert len([now for now in taken if now >= NOW + 150.0]) >= 0.9 * 10.0 * 30.0
