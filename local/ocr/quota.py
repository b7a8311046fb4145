"""Counts requests against a quota a second. The service does not document how it counts; a token bucket is assumed."""

# How much ten additions of a tenth may fall short of one.
ROUNDING = 1e-6


class TokenBucket:
    """One second's worth of tokens, refilled evenly."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._tokens = per_second
        self._filled_at: float | None = None

    def take(self, now: float) -> bool:
        """Whether a request at `now` (epoch seconds) is within the quota; if so, it is counted."""
        elapsed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        self._tokens = min(self._per_second, self._tokens + elapsed * self._per_second)
        if self._tokens < 1 - ROUNDING:
            return False
        self._tokens -= 1
        return True
