"""The submit quota: slots an interval apart, however many workers reserve them, and what a 429 does to them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

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


# --- many workers -----------------------------------------------------------------------------------------------------


def reserved(quota: Quota, slots: int, interval: float, now: float) -> tuple[float, Quota] | None:
    """`ports.SubmitQuota.reserve`, which is one atomic update: when the first slot begins, and the row afterwards."""
    if quota.next_free_at > now + POLICY.slot_ahead_seconds:
        return None
    start = max(now, quota.next_free_at)
    return start, replace(quota, next_free_at=start + slots * interval)


@dataclass
class Simulation:
    """Workers that reserve slots and send at them as fast as they may; now and then one stalls past its slot."""

    random: Random
    rate: float
    accepts: Callable[[float], bool]
    quota: Quota = field(default_factory=Quota)
    sent: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def run(self, workers: int, seconds: float, slots_most: int = 1) -> None:
        # (time, worker, the slot to send at; 0: reserve one)
        steps = [(NOW + self.random.random(), worker, 0.0) for worker in range(workers)]
        heapq.heapify(steps)
        while steps and steps[0][0] < NOW + seconds:
            now, worker, slot = heapq.heappop(steps)
            if not slot:
                for at, its_slot in self._reserve(now, slots_most):
                    heapq.heappush(steps, (at, worker, its_slot))
            elif now <= slot + POLICY.slot_late_seconds:
                self._send(now)
                heapq.heappush(steps, (now + self.random.uniform(0.01, 0.5), worker, 0.0))
            else:
                heapq.heappush(steps, (now, worker, 0.0))

    def _reserve(self, now: float, slots_most: int) -> list[tuple[float, float]]:
        slots = self.random.randint(1, slots_most)
        interval = interval_seconds(self.quota, self.rate, now)
        reservation = reserved(self.quota, slots, interval, now)
        if reservation is None:
            return [(now + self.random.uniform(0.25, 0.5), 0.0)]
        start, self.quota = reservation
        return [(start + slot * interval + self._late(), start + slot * interval) for slot in range(slots)]

    def _late(self) -> float:
        return self.random.choice([0.0, 0.0, 0.01, 0.1, 2.5])

    def _send(self, now: float) -> None:
        if self.accepts(now):
            self.sent.append(now)
            return
        self.refused.append(now)
        self.quota = throttled(self.quota, now, POLICY.throttle_pause_seconds) or self.quota


@given(
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 30),
    rate=RATES,
    slots_most=st.integers(1, 5),
    quota=QUOTAS,
)
def test_however_many_workers_send_it_is_within_a_token_bucket_of_one_second(
    seed: int, workers: int, rate: float, slots_most: int, quota: Quota
) -> None:
    simulation = Simulation(Random(seed), rate, accepts=lambda now: True, quota=quota)
    simulation.run(workers, seconds=20.0, slots_most=slots_most)
    tokens, at = rate, NOW
    for now in sorted(simulation.sent):
        tokens = min(rate, tokens + (now - at) * rate) - 1.0
        at = now
        assert tokens >= -1e-4


class SlidingWindow:
    """A service that allows so many requests in any second, and counts only those it took."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.taken: list[float] = []

    def __call__(self, now: float) -> bool:
        self.taken = [at for at in self.taken if at > now - 1.0]
        if len(self.taken) >= self.allowed:
            return False
        self.taken.append(now)
        return True


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("configured", [10.0, 12.0, 20.0])
def test_under_a_sliding_window_or_too_high_a_setting_it_settles(seed: int, configured: float) -> None:
    simulation = Simulation(Random(seed), configured, SlidingWindow(10))
    simulation.run(workers=30, seconds=300.0)
    assert len(simulation.refused) <= 0.05 * len(simulation.sent)
    assert len(simulation.sent) >= 0.5 * 10.0 * 300.0


def test_a_service_that_refuses_everything_is_left_alone_and_used_in_full_afterwards() -> None:
    refusing_until = NOW + 30.0
    simulation = Simulation(Random(1), 10.0, accepts=lambda now: now >= refusing_until)
    simulation.run(workers=30, seconds=180.0)
    assert simulation.quota.throttles <= 30 / POLICY.throttle_pause_seconds
    # Unslowed, it would have been asked 300 times.
    assert len(simulation.refused) <= 60
    late = [now for now in simulation.sent if now >= NOW + 150.0]
    assert len(late) >= 0.7 * 10.0 * 30.0
