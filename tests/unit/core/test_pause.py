"""The pause: what stops submitting for every document, and what starts it again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textdrop.core.pause import BY_OPERATOR, Exchange, Pause, observed, probing, unavailable_seconds, why_paused
from textdrop.core.policy import Policy

POLICY = Policy()
NOW = 1_800_000_000.0
EXCHANGES = list(Exchange)
PAUSED = Pause(rev=3, since=NOW - 90, why="credentials_refused", probe_at=NOW - 30)


def after(*exchanges: Exchange, start: Pause | None = None, policy: Policy = POLICY) -> Pause:
    """The row after these exchanges, one a second."""
    pause = start or Pause()
    for second, exchange in enumerate(exchanges):
        pause = observed(pause, exchange, NOW + second, policy) or pause
    return pause


# --- one exchange -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (Exchange.ACCEPTED, Pause(rev=4)),
        (Exchange.REJECTED, replace(PAUSED, rev=4, refusals=1)),
        (Exchange.CREDENTIALS_REFUSED, None),
        (Exchange.SECRET_UNREADABLE, replace(PAUSED, rev=4, failures=1)),
        (Exchange.NOT_SENT, replace(PAUSED, rev=4, failures=1, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.UNCONFIRMED, replace(PAUSED, rev=4, failures=1, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.UNAVAILABLE, replace(PAUSED, rev=4, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.THROTTLED, None),
    ],
)
def test_during_a_pause(exchange: Exchange, expected: Pause | None) -> None:
    assert observed(PAUSED, exchange, NOW, POLICY) == expected


def test_a_pause_says_what_keeps_it_up_by_now() -> None:
    unreadable = after(*[Exchange.SECRET_UNREADABLE] * 3)
    refused = after(Exchange.CREDENTIALS_REFUSED, start=unreadable)
    assert refused == replace(unreadable, rev=unreadable.rev + 1, why="credentials_refused")
    assert after(Exchange.SECRET_UNREADABLE, start=refused).why == "secret_unreadable"
    for also in (Exchange.UNAVAILABLE, Exchange.THROTTLED, Exchange.REJECTED):
        assert after(also, start=unreadable).why == "secret_unreadable", "by itself it pauses nobody"
    assert after(Exchange.SECRET_UNREADABLE, start=PAUSED).why == PAUSED.why, "one may be chance"


# --- in a row ---------------------------------------------------------------------------------------------------------


def test_a_refusal_shows_that_the_service_can_be_reached() -> None:
    assert after(*[Exchange.NOT_SENT, Exchange.NOT_SENT, Exchange.REJECTED] * 3).since is None


def test_a_secret_that_cannot_be_read_three_times_in_a_row_pauses_and_is_no_unavailability() -> None:
    away = Pause(failures=1, unavailable_since=NOW - 9, unavailable_at=NOW - 1)
    assert after(Exchange.SECRET_UNREADABLE, start=away) == Pause(rev=1, failures=2)
    assert after(*[Exchange.SECRET_UNREADABLE, Exchange.SECRET_UNREADABLE, Exchange.ACCEPTED] * 3).since is None
    paused = after(*[Exchange.SECRET_UNREADABLE] * 3)
    assert (paused.why, paused.since, paused.unavailable_since) == ("secret_unreadable", NOW + 2, None)
    others_throttled = after(*[Exchange.SECRET_UNREADABLE, Exchange.THROTTLED] * 3)
    assert others_throttled.why == "secret_unreadable", "by workers that have a token still"


def test_how_many_is_the_policys() -> None:
    strict = Policy(refusals_before_pause=2, failures_before_pause=1, probe_seconds=5.0)
    assert after(Exchange.REJECTED, Exchange.REJECTED, policy=strict).probe_at == NOW + 1 + 5.0
    assert after(Exchange.UNCONFIRMED, policy=strict).since == NOW
    paused = observed(Pause(failures=3), Exchange.UNCONFIRMED, NOW, strict)
    assert paused is not None
    assert paused.since == NOW, "more had failed before than the policy bears now"


# --- unavailable ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", [Exchange.NOT_SENT, Exchange.UNCONFIRMED, Exchange.UNAVAILABLE])
def test_a_failure_that_is_reported_late_begins_no_unavailability(exchange: Exchange) -> None:
    """Since it happened others may have been answered, which in good times nobody writes down."""
    counts = exchange is not Exchange.UNAVAILABLE
    late = NOW + POLICY.late_report_seconds
    for reported_at in (late, NOW, NOW - 0.25):  # also by a clock that was set back meanwhile
        prompt = observed(Pause(), exchange, NOW, POLICY, reported_at) or Pause()
        assert (prompt.unavailable_since, prompt.unavailable_at, prompt.failures > 0) == (NOW, NOW, counts)
    tardy = observed(Pause(), exchange, NOW, POLICY, late + 0.1) or Pause()
    assert (tardy.unavailable_since, tardy.unavailable_at) == (None, 0.0)
    assert (tardy.failures > 0) == counts, "a failure it was all the same"
    begun = observed(Pause(), exchange, NOW - 5.0, POLICY) or Pause()
    going_on = observed(begun, exchange, NOW, POLICY, late + 0.1) or Pause()
    assert (going_on.unavailable_since, going_on.unavailable_at) == (NOW - 5.0, NOW)


@pytest.mark.parametrize(("accepted_at", "seconds"), [(NOW - 9, 3.0), (NOW + 1, 2.0), (NOW + 60, 0.0)])
def test_it_was_unavailable_for_as_long_as_it_was_seen_to_be(accepted_at: float, seconds: float) -> None:
    pause = after(*[Exchange.UNAVAILABLE] * 4)
    assert unavailable_seconds(pause, accepted_at) == seconds
    assert unavailable_seconds(Pause(), accepted_at) == 0.0


# --- probes -----------------------------------------------------------------------------------------------------------

BY_BOTH = replace(PAUSED, operator_since=NOW - 500)


@pytest.mark.parametrize(
    ("pause", "now", "probe"),
    [
        (Pause(), NOW, None),
        (Pause(rev=9, failures=2, unavailable_since=NOW, unavailable_at=NOW), NOW, None),
        (PAUSED, PAUSED.probe_at - 0.001, None),
        (PAUSED, PAUSED.probe_at, replace(PAUSED, rev=4, probe_at=PAUSED.probe_at + 60)),
        (PAUSED, NOW, replace(PAUSED, rev=4, probe_at=NOW + 60)),
        (Pause(rev=7, operator_since=NOW - 500), NOW + 1e9, None),
        (BY_BOTH, NOW + 1e9, None),
    ],
)
def test_in_a_pause_that_is_no_operators_a_probe_goes_out_in_its_time_and_puts_off_the_next(
    pause: Pause, now: float, probe: Pause | None
) -> None:
    assert probing(pause, now, POLICY) == probe
    assert (why_paused(pause) == BY_OPERATOR) == (pause.operator_since is not None)


# --- any history ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [Pause(), PAUSED, Pause(rev=7, operator_since=NOW - 500), BY_BOTH])
@given(history=st.lists(st.sampled_from(EXCHANGES), max_size=40))
def test_only_an_acceptance_ends_a_pause_and_none_an_operators(start: Pause, history: list[Exchange]) -> None:
    pause = start
    for second, exchange in enumerate([*history, Exchange.ACCEPTED]):
        before, changed = pause, observed(pause, exchange, NOW + second, POLICY)
        if changed is not None:
            assert changed.rev == before.rev + 1
            assert replace(changed, rev=before.rev) != before, "what changes nothing is not written"
            pause = changed
        assert pause.operator_since == start.operator_since
        if exchange is Exchange.ACCEPTED:
            assert pause == Pause(rev=pause.rev, operator_since=start.operator_since)
        elif before.since is not None:
            assert (pause.since, pause.probe_at) == (before.since, before.probe_at)
            assert pause.why in (before.why, exchange)
