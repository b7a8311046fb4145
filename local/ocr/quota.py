"""Counts requests against a quota a second, as a token bucket or a sliding window; the service documents neither."""

from collections import deque
from typing import Protocol

# What ten additions of a tenth may lack of one.
ROUNDING = 1e-6


class Quota(Protocol):
    """A quota of so many requests a second."""

    def take(self, now: float) -> bool:
        """Whether a request at `now` (epoch seconds) is within the quota; if so, it is counted."""
        ...


class TokenBucket:
    """One second's worth of tokens, refilled evenly."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._capacity = max(1.0, per_second)
        self._tokens = self._capacity
        self._filled_at: float | None = None

    def take(self, now: float) -> bool:
        elapsed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        self._tokens = min(self._capacity, self._tokens + elapsed * self._per_second)
        if self._tokens < 1 - ROUNDING:
            return False
        self._tokens -= 1
        return True


class SlidingWindow:
    """No more than the number in any stretch of one second."""

    def __init__(self, per_second: float) -> None:
        self._number = max(1, int(per_second))
        self._taken: deque[float] = deque()

    def take(self, now: float) -> bool:
        while self._taken and not now - 1 < self._taken[0] <= now:
            self._taken.popleft()
        if len(self._taken) >= self._number:
            return False
        self._taken.append(now)
        return True


WINDOWS: dict[str, type[TokenBucket] | type[SlidingWindow]] = {"bucket": TokenBucket, "sliding": SlidingWindow}
