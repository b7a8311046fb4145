"""The pause: what stops submitting for every document, and what starts it again."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

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
        (Exchange.NOT_SENT, replace(PAUSED, rev=4, failures=1, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.UNCONFIRMED, replace(PAUSED, rev=4, failures=1, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.UNAVAILABLE, replace(PAUSED, rev=4, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.THROTTLED, None),
    ],
)
def test_during_a_pause(exchange: Exchange, expected: Pause | None) -> None:
    assert observed(PAUSED, exchange, NOW, POLICY) == expected


# --- in a row ---------------------------------------------------------------------------------------------------------


def test_a_refusal_shows_that_the_service_can_be_reached() -> None:
    assert after(*[Exchange.NOT_SENT, Exchange.NOT_SENT, Exchange.REJECTED] * 3).since is None


def test_how_many_is_the_policys() -> None:
    strict = Policy(refusals_before_pause=2, failures_before_pause=1, probe_seconds=5.0)
    assert after(Exchange.REJECTED, Exchange.REJECTED, policy=strict).probe_at == NOW + 1 + 5.0
    assert after(Exchange.UNCONFIRMED, policy=strict).since == NOW
    paused = observed(Pause(failures=3), Exchange.UNCONFIRMED, NOW, strict)
    assert paused is not None
    assert paused.since == NOW, "more had failed before than the policy bears now"


# --- unavailable ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", [Exchange.NOT_SENT, Exchange.UNCONFIRMED, Exchange.UNAVAILABLE])
def test_a_failure_that_is_told_of_late_begins_no_unavailability(exchange: Exchange) -> None:
    """Since it happened others may have been answered, which in good times nobody writes down."""
    counts = exchange is not Exchange.UNAVAILABLE
    late = NOW + POLICY.late_report_seconds
    for reported_at in (late, NOW, NOW - 0.25):  # also by a clock that was set back meanwhile
        check_deadline = observed(Pause(), exchange, NOW, POLICY, reported_at) or Pause()
        assert (check_deadline.unavailable_since, check_deadline.unavailable_at, check_deadline.failures > 0) == (
            NOW,
            NOW,
            counts,
        )
    told = observed(Pause(), exchange, NOW, POLICY, late + 0.1) or Pause()
    assert (told.unavailable_since, told.unavailable_at) == (None, 0.0)
    assert (told.failures > 0) == counts, "a failure it was all the same"
    begun = observed(Pause(), exchange, NOW - 5.0, POLICY)
    assert begun is not None
    going_on = observed(begun, exchange, NOW, POLICY, late + 0.1)
    assert going_on is not None
    assert (going_on.unavailable_since, going_on.unavailable_at) == (NOW - 5.0, NOW)


@pytest.mark.parametrize(("accepted_at", "seconds"), [(NOW - 9, 3.0), (NOW + 1, 2.0), (NOW + 60, 0.0)])
def test_it_was_unavailable_for_as_long_as_it_was_seen_to_be(accepted_at: float, seconds: float) -> None:
    pause = after(*[Exchange.UNAVAILABLE] * 4)
    assert unavailable_seconds(pause, accepted_at) == seconds
    assert unavailable_seconds(Pause(), accepted_at) == 0.0


# --- probes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pause", "now"),
    [
        (Pause(), NOW),
        (Pause(rev=9, failures=2, unavailable_since=NOW, unavailable_at=NOW), NOW),
        (PAUSED, PAUSED.probe_at - 0.001),
    ],
)
def test_no_probe_without_a_pause_or_before_its_time(pause: Pause, now: float) -> None:
    assert probing(pause, now, POLICY) is None


def test_a_probe_goes_out_when_its_time_has_come() -> None:
    assert probing(PAUSED, PAUSED.probe_at, POLICY) is not None


def test_a_probe_puts_off_the_next_by_a_minute() -> None:
    assert probing(PAUSED, NOW, POLICY) == replace(PAUSED, rev=4, probe_at=NOW + 60)


def test_of_many_workers_one_sends_the_probe() -> None:
    stored = PAUSED
    sent = 0
    for _ in range(20):
        probe = probing(PAUSED, NOW, POLICY)
        if probe is not None and stored.rev == PAUSED.rev:
            stored, sent = probe, sent + 1
    assert sent == 1
    assert probing(stored, NOW + 59.9, POLICY) is None


# --- an operator's pause ----------------------------------------------------------------------------------------------

OPERATORS = Pause(rev=7, operator_since=NOW - 500)


@pytest.mark.parametrize("also", [Pause(), PAUSED])
def test_while_an_operator_pauses_no_probe_goes_out(also: Pause) -> None:
    pause = replace(also, operator_since=NOW - 1)
    assert probing(pause, NOW + 1e9, POLICY) is None
    assert why_paused(pause) == BY_OPERATOR


@pytest.mark.parametrize("start", [OPERATORS, replace(PAUSED, operator_since=NOW - 500)])
@given(history=st.lists(st.sampled_from(EXCHANGES), max_size=20))
def test_no_exchange_ends_an_operators_pause(start: Pause, history: list[Exchange]) -> None:
    assert after(*history, Exchange.ACCEPTED, start=start).operator_since == NOW - 500


# --- any history ------------------------------------------------------------------------------------------------------


@given(history=st.lists(st.sampled_from(EXCHANGES), max_size=40))
def test_an_acceptance_clears_everything(history: list[Exchange]) -> None:
    cleared = after(*history, Exchange.ACCEPTED)
    assert cleared == Pause(rev=cleared.rev)


@given(history=st.lists(st.sampled_from(EXCHANGES), max_size=40))
def test_once_paused_only_an_acceptance_ends_it(history: list[Exchange]) -> None:
    pause = Pause()
    for second, exchange in enumerate(history):
        before = pause
        pause = observed(before, exchange, NOW + second, POLICY) or before
        if before.since is not None and exchange is not Exchange.ACCEPTED:
            assert (pause.since, pause.why, pause.probe_at) == (before.since, before.why, before.probe_at)


@given(history=st.lists(st.sampled_from(EXCHANGES), max_size=40))
def test_every_change_is_a_new_revision_and_nothing_else_is_written(history: list[Exchange]) -> None:
    pause = Pause()
    for second, exchange in enumerate(history):
        changed = observed(pause, exchange, NOW + second, POLICY)
        if changed is not None:
            assert changed.rev == pause.rev + 1
            assert replace(changed, rev=pause.rev) != pause
            pause = changed


@given(
    history=st.lists(st.sampled_from(EXCHANGES), max_size=20),
    times=st.lists(st.floats(0, 30), min_size=50, max_size=80),
)
def test_probes_are_a_minute_apart(history: list[Exchange], times: list[float]) -> None:
    pause = after(*history, Exchange.CREDENTIALS_REFUSED)
    now = NOW + len(history)
    probes = []
    for wait in times:
        now += wait
        probe = probing(pause, now, POLICY)
        if probe is not None:
            pause = probe
            probes.append(now)
    assert all(later - earlier >= POLICY.probe_seconds for earlier, later in pairwise(probes))
    # Nor are they forgotten: one goes out at the first decision after its minute.
    assert len(probes) >= int((now - (pause.since or now)) / (POLICY.probe_seconds + 30))
