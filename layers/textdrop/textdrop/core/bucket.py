"""A token bucket kept in one process: it paces how fast documents are handed out."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Bucket:
    """At most `capacity` at once, and `per_second` over time. The bucket held `tokens` at the time `at`."""

    per_second: float
    capacity: float
    tokens: float
    at: float


def full(per_second: float, capacity: float, now: float) -> Bucket:
    """A full bucket."""
    return Bucket(per_second, capacity, capacity, now)


def available(bucket: Bucket, now: float) -> int:
    """How many tokens there are now."""
    return int(_tokens(bucket, now))


def taken(bucket: Bucket, count: int, now: float) -> Bucket:
    """The bucket after `count` tokens were taken. Below zero, nobody may take one for a while."""
    return replace(bucket, tokens=_tokens(bucket, now) - count, at=max(now, bucket.at))


def _tokens(bucket: Bucket, now: float) -> float:
    return min(bucket.capacity, bucket.tokens + max(0.0, now - bucket.at) * bucket.per_second)
