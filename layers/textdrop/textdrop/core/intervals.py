"""How long to wait: after a failure, and before a running operation is asked for again."""

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
    """Exponential with full jitter: `chance` in [0, 1) chooses within 0 to the ceiling of this failure, never under
    the first step."""
    ceiling = min(
        policy.max_backoff_seconds,
        policy.backoff_first_seconds * 2.0 ** min(consecutive_failures, 30),
    )
    return max(policy.backoff_first_seconds, ceiling * chance)


def message_retry_seconds(receives: int, policy: Policy) -> float:
    """How long a message that failed stays hidden, having been received so often: doubled each time, up to the most."""
    doubled = policy.message_retry_first_seconds * 2.0 ** min(receives - 1, 30)
    return min(policy.max_message_retry_seconds, doubled)


def first_ask_seconds(typical_seconds: float, load: float) -> float:
    """How old an operation should be when it is first asked for: before most recognitions of late had ended; with the
    `load` later, when most have, so that the quota is not spent in vain.

    0.1 to 45 s, whatever they took: what was learnt in an hour that was slow must not leave the others lying.
    """
    share = min(MAX_FIRST_SHARE, FIRST_SHARE + LOAD_SHARE * load)
    return min(MAX_FIRST_SECONDS, max(MIN_SECONDS, share * typical_seconds))


def next_ask_seconds(age_seconds: float, typical_seconds: float, not_ready: int, asks_per_second: float) -> float:
    """The wait after an answer "not ready": a share of what recognitions lately took, or of the age; or longer if the
    quota does not carry that for all `not_ready`, those that were asked for and are not ready.

    0.1 to 30 s. With more of them than 30 s of the quota carry, the quota alone holds back: a longer wait would outlast
    the crowd.
    """
    wait = max(MIN_SECONDS, AGE_SHARE * max(age_seconds, typical_seconds), not_ready / asks_per_second)
    return min(MAX_SECONDS, wait)


def first_status_seconds(typical_seconds: float) -> float:
    """How old an operation without a result is when its status is first asked for: most have ended."""
    return FIRST_STATUS_SHARE * typical_seconds


def next_status_seconds(age_seconds: float) -> float:
    """The wait until the status is asked for again, so that a failure is known within a tenth of the age."""
    return max(MIN_STATUS_SECONDS, STATUS_AGE_SHARE * age_seconds)


def typical_after(typical_seconds: float, taken_seconds: float) -> float:
    """What recognitions lately take, after one more: moves a fifth of the way, and counts one that took long as three
    times the typical, so one outlier does little."""
    taken = min(taken_seconds, MAX_LEARNT_RATIO * typical_seconds)
    return typical_seconds + 0.2 * (taken - typical_seconds)
