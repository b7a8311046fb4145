"""The pause: when submitting stops for every document, and how it starts again.

Refused credentials, or too many refusals, lost answers, connect failures or failures to read the secret in a row across
documents, mean that the next document would fail alike. Then one probe a minute is sent until one is accepted. An
operator's pause lasts until an operator ends it: nothing is sent meanwhile, not even a probe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from textdrop.core.policy import Policy

BY_OPERATOR = "operator"
"""Why submitting is paused when a person has paused it."""


class Exchange(StrEnum):
    """How a submit went, as far as other documents are concerned."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # a 4xx about this document
    CREDENTIALS_REFUSED = "credentials_refused"
    SECRET_UNREADABLE = "secret_unreadable"  # so nothing was sent
    NOT_SENT = "not_sent"  # could not connect, or not send all of it
    UNAVAILABLE = "unavailable"  # a 5xx with the service's own body
    UNCONFIRMED = "unconfirmed"  # the answer was lost
    THROTTLED = "throttled"  # over a quota: the service is there, but took nothing


@dataclass(frozen=True, slots=True)
class Pause:
    """The row.

    `since` is None unless exchanges have paused submitting; `why` is the last exchange that would have paused it: a
    secret that can be read again may hold a key that is refused. `unavailable_since` is when the service first failed
    to answer after its last answer, `unavailable_at` when it last failed. Throttles, refusals, missing credentials and
    an unreadable secret do not count as unavailability, nor do times without a try. `probe_at` is when the next probe
    may be sent. `operator_since` is when an operator paused submitting, None if nobody has; no exchange sets or ends
    it. `rev` fences the write.
    """

    rev: int = 0
    since: float | None = None
    why: str = ""
    probe_at: float = 0.0
    refusals: int = 0
    failures: int = 0
    unavailable_since: float | None = None
    unavailable_at: float = 0.0
    operator_since: float | None = None


def why_paused(pause: Pause) -> str:
    """Why nothing but probes is sent: BY_OPERATOR (then not even probes), or an exchange; "" if submitting is not
    paused."""
    if pause.operator_since is not None:
        return BY_OPERATOR
    return "" if pause.since is None else pause.why


def observed(
    pause: Pause, exchange: Exchange, answered_at: float, policy: Policy, reported_at: float | None = None
) -> Pause | None:
    """The row after an exchange that ended at `answered_at` and is reported at `reported_at` (None: at once).

    None if nothing changes, as with every acceptance in good times.
    """
    late = reported_at is not None and reported_at - answered_at > policy.late_report_seconds
    after = _counted(pause, exchange, answered_at, late)
    tripped = (
        exchange is Exchange.CREDENTIALS_REFUSED
        or after.refusals >= policy.refusals_before_pause
        or after.failures >= policy.failures_before_pause
    )
    if tripped and pause.since is None:
        after = replace(after, since=answered_at, why=str(exchange), probe_at=answered_at + policy.probe_seconds)
    elif tripped and exchange not in (Exchange.UNAVAILABLE, Exchange.THROTTLED):
        after = replace(after, why=str(exchange))
    if after == pause:
        return None
    return replace(after, rev=pause.rev + 1)


def unavailable_seconds(pause: Pause, since: float) -> float:
    """For how long the service was seen to be unavailable since that time: from its first failure to its last. Not
    until now: while submitting is paused, or a queue is long, nobody knows."""
    if pause.unavailable_since is None:
        return 0.0
    return max(0.0, pause.unavailable_at - max(pause.unavailable_since, since))


def _counted(pause: Pause, exchange: Exchange, answered_at: float, late: bool) -> Pause:
    unavailable = pause
    if pause.unavailable_since is not None:
        unavailable = replace(pause, unavailable_at=max(answered_at, pause.unavailable_at))
    elif not late:  # the service may have answered others since then, which nobody writes down in good times
        unavailable = replace(pause, unavailable_since=answered_at, unavailable_at=answered_at)
    available = replace(pause, unavailable_since=None, unavailable_at=0.0)
    match exchange:
        case Exchange.ACCEPTED:
            return Pause(rev=pause.rev, operator_since=pause.operator_since)
        case Exchange.REJECTED:
            return replace(available, refusals=pause.refusals + 1, failures=0)
        case Exchange.CREDENTIALS_REFUSED | Exchange.THROTTLED:
            return available
        case Exchange.SECRET_UNREADABLE:
            return replace(available, failures=pause.failures + 1)
        case Exchange.NOT_SENT | Exchange.UNCONFIRMED:
            return replace(unavailable, failures=pause.failures + 1)
        case Exchange.UNAVAILABLE:
            return unavailable


def probing(pause: Pause, now: float, policy: Policy) -> Pause | None:
    """The row that lets its writer send one probe; None if it is not time yet. Of several writers one succeeds."""
    if pause.operator_since is not None or pause.since is None or now < pause.probe_at:
        return None
    return replace(pause, rev=pause.rev + 1, probe_at=now + policy.probe_seconds)


def paused_by_operator(pause: Pause, now: float) -> Pause | None:
    """The row with an operator's pause; None if it has one."""
    if pause.operator_since is not None:
        return None
    return replace(pause, rev=pause.rev + 1, operator_since=now)


def resumed_by_operator(pause: Pause, now: float) -> Pause | None:
    """The row without an operator's pause; None if there is nothing to change.

    A pause by exchanges stays, but its next probe may be sent at once: whoever resumes has mended something.
    """
    if pause.operator_since is None and (pause.since is None or pause.probe_at <= now):
        return None
    return replace(
        pause,
        rev=pause.rev + 1,
        operator_since=None,
        probe_at=pause.probe_at if pause.since is None else min(pause.probe_at, now),
    )
