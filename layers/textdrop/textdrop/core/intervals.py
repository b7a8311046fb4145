"""How long to wait: after a failure, and before asking for a running operation again."""

from __future__ import annotations

from textdrop.core.policy import Policy

FIRST_TYPICAL_SECONDS = 2.0
MIN_SECONDS = 0.1
MAX_SECONDS = 30.0
FIRST_SHARE = 0.4
LOAD_SHARE = 0.8
MAX_FIRST_SHARE = 1.5
MAX_FIRST_SECONDS = 45.0
AGE_SHARE = 0.045
MIN_STATUS_SECONDS = 2.0
STATUS_AGE_SHARE = 0.07
FIRST_STATUS_SHARE = 1.4
MAX_LEARNT_RATIO = 3.0


def backoff_seconds(consecutive_failures: int, chance: float, policy: Policy) -> float:
    """Exponential with full jitter: `chance` in [0, 1) picks a wait between 0 and the ceiling for this failure, but
    never less than the first step."""
    ceiling = min(
        policy.max_backoff_seconds,
        policy.backoff_first_seconds * 2.0 ** min(consecutive_failures, 30),
    )
    return max(policy.backoff_first_seconds, ceiling * chance)


def message_retry_seconds(receives: int, policy: Policy) -> float:
    """How long a failed message that was received so often stays hidden: twice as long each time, up to the maximum."""
    doubled = policy.message_retry_first_seconds * 2.0 ** min(receives - 1, 30)
    return min(policy.max_message_retry_seconds, doubled)


def first_ask_seconds(typical_seconds: float, load: float) -> float:
    """How old an operation should be when its result is first asked for: 0.1 to 45 s.

    Usually that is before most recent recognitions had ended; as the `load` grows, it is when most had, so that the
    quota is not wasted. The limit of 45 s is for what was learnt in a slow hour: later operations must not be left
    lying because of it.
    """
    share = min(MAX_FIRST_SHARE, FIRST_SHARE + LOAD_SHARE * load)
    return min(MAX_FIRST_SECONDS, max(MIN_SECONDS, share * typical_seconds))


def next_ask_seconds(age_seconds: float, typical_seconds: float, not_ready: int, asks_per_second: float) -> float:
    """The wait after an answer "not ready": 0.1 to 30 s.

    It is a share of the typical recognition time, or of the operation's age. It is longer if the quota cannot serve
    that pace for all `not_ready` operations. If there are more of those than 30 s of the quota can serve, the quota
    alone limits the pace: a longer wait would outlast the crowd.
    """
    wait = max(MIN_SECONDS, AGE_SHARE * max(age_seconds, typical_seconds), not_ready / asks_per_second)
    return min(MAX_SECONDS, wait)


def first_status_seconds(typical_seconds: float) -> float:
    """How old an operation without a result is when its status is first asked for: by then most have ended."""
    return FIRST_STATUS_SHARE * typical_seconds


def next_status_seconds(age_seconds: float) -> float:
    """The wait until the status is asked for again, so that a failure is known within a tenth of the operation's
    age."""
    return max(MIN_STATUS_SECONDS, STATUS_AGE_SHARE * age_seconds)


def typical_after(typical_seconds: float, taken_seconds: float) -> float:
    """How long recognitions typically take, after one more was seen.

    The value moves a fifth of the way. One that took long counts as at most three times the typical time, so an outlier
    changes little.
    """
    taken = min(taken_seconds, MAX_LEARNT_RATIO * typical_seconds)
    return typical_seconds + 0.2 * (taken - typical_seconds)
