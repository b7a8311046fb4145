"""The submit quota: one row holds the next free time; a slot is a time at which one POST may begin.

Slots are one interval apart. A worker that sends at its slots exceeds neither the rate, nor a token bucket of one
second's worth. A 429 moves the row forward once per pause and lowers the rate, which recovers step by step; so it also
settles under a service that counts by a sliding window. There an occasional 429 is the only sign of where the limit is,
and lowers the rate a little; one that follows soon after another means that the rate is far too high.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LOWERED = 0.9
LOWERED_AGAIN = 0.8
AGAIN_SECONDS = 3.0
MIN_FACTOR = 0.1
RECOVERY_PER_SECOND = 0.01


@dataclass(frozen=True, slots=True)
class Quota:
    """The row. The rate was lowered to `factor` (0.1 to 1) at `factor_at`; `throttles` counts pauses, and fences the
    write."""

    next_free_at: float = 0.0
    factor: float = 1.0
    factor_at: float = 0.0
    throttled_until: float = 0.0
    throttles: int = 0


def factor(quota: Quota, now: float) -> float:
    """What part of the configured rate may be used now."""
    return min(1.0, quota.factor + max(0.0, now - quota.factor_at) * RECOVERY_PER_SECOND)


def interval_seconds(quota: Quota, submits_per_second: float, now: float) -> float:
    """The time from one slot to the next."""
    return 1.0 / (submits_per_second * factor(quota, now))


def throttled(quota: Quota, now: float, pause_seconds: float) -> Quota | None:
    """The row after a 429; None during a pause, so that a burst of 429s counts once."""
    if now < quota.throttled_until:
        return None
    until = now + pause_seconds
    lowered = LOWERED_AGAIN if now < quota.throttled_until + AGAIN_SECONDS else LOWERED
    return replace(
        quota,
        next_free_at=max(quota.next_free_at, until),
        factor=max(MIN_FACTOR, factor(quota, now) * lowered),
        factor_at=until,
        throttled_until=until,
        throttles=quota.throttles + 1,
    )
