"""How long to wait: the backoff after a failure, and when to ask for a running operation again."""

from __future__ import annotations

from textdrop.core.policy import Policy

FIRST_TYPICAL_SECONDS = 2.0
MIN_SECONDS = 0.3
MAX_SECONDS = 30.0
FIRST_SHARE = 0.72
MAX_FIRST_SECONDS = 45.0
TYPICAL_SHARE = 0.155
AGE_SHARE = 0.1
MAX_LEARNT_RATIO = 3.0
OVERDUE_TYPICALS = 5.0
MIN_OVERDUE_SECONDS = 30.0


def backoff_seconds(consecutive_failures: int, chance: float, policy: Policy) -> float:
    """Exponential with full jitter: `chance` in [0, 1) chooses within 0 to the ceiling of this failure, never under
    the first step."""
    ceiling = min(
        policy.max_backoff_seconds,
        policy.backoff_first_seconds * 2.0 ** min(consecutive_failures, 30),
    )
    return max(policy.backoff_first_seconds, ceiling * chance)


def first_ask_seconds(typical_seconds: float) -> float:
    """How old an operation should be when it is first asked for: before most recognitions of late had ended.

    0.3 to 45 s, whatever they took: what was learnt in an hour that was slow must not leave the others lying.
    """
    return min(MAX_FIRST_SECONDS, max(MIN_SECONDS, FIRST_SHARE * typical_seconds))


def next_ask_seconds(age_seconds: float, typical_seconds: float, asked: int, asks_per_second: float) -> float:
    """The wait after an answer "not ready": a share of what recognitions lately took, and no less than a tenth of the
    age; or longer if the quota does not carry that for all `asked`, those that were asked for and are not ready.

    0.3 to 30 s. With more of them than 30 s of the quota carry, the bucket of asks alone holds back: a longer wait
    would outlast the crowd.
    """
    wait = max(MIN_SECONDS, TYPICAL_SHARE * typical_seconds, AGE_SHARE * age_seconds, asked / asks_per_second)
    return min(MAX_SECONDS, wait)


def overdue(age_seconds: float, typical_seconds: float) -> bool:
    """Whether the operation's status is worth a request of its own."""
    return age_seconds > max(MIN_OVERDUE_SECONDS, OVERDUE_TYPICALS * typical_seconds)


def typical_after(typical_seconds: float, taken_seconds: float) -> float:
    """What recognitions lately take, after one more: moves a fifth of the way, and counts one that took long as three
    times the typical, so one outlier does little."""
    taken = min(taken_seconds, MAX_LEARNT_RATIO * typical_seconds)
    return typical_seconds + 0.2 * (taken - typical_seconds)
