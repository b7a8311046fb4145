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
        (Exchange.ACCEPTED, None),
        (Exchange.REJECTED, Pause(rev=1, refusals=1)),
        (
            Exchange.CREDENTIALS_REFUSED,
            Pause(rev=1, since=NOW, why="credentials_refused", probe_at=NOW + 60),
        ),
        (Exchange.NOT_SENT, Pause(rev=1, failures=1, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.UNCONFIRMED, Pause(rev=1, failures=1, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.UNAVAILABLE, Pause(rev=1, unavailable_since=NOW, unavailable_at=NOW)),
        (Exchange.THROTTLED, None),
    ],
)
def test_in_good_times(exchange: Exchange, expected: Pause | None) -> None:
    assert observed(Pause(), exchange, NOW, POLICY) == expected


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


@pytest.mark.parametrize(
    ("exchange", "times"),
    [
        (Exchange.CREDENTIALS_REFUSED, 1),
        (Exchange.REJECTED, 10),
        (Exchange.NOT_SENT, 3),
        (Exchange.UNCONFIRMED, 3),
    ],
)
def test_so_many_in_a_row_pause(exchange: Exchange, times: int) -> None:
    assert after(*[exchange] * (times - 1)).since is None
    paused = after(*[exchange] * times)
    assert paused.since == NOW + times - 1
    assert paused.why == exchange
    assert paused.probe_at == paused.since + POLICY.probe_seconds


def test_the_services_own_errors_do_not_pause() -> None:
    assert after(*[Exchange.UNAVAILABLE] * 100).since is None


def test_unknowns_and_connect_failures_count_together() -> None:
    assert after(Exchange.UNCONFIRMED, Exchange.NOT_SENT, Exchange.UNCONFIRMED).since is not None


@pytest.mark.parametrize("exchange", [Exchange.REJECTED, Exchange.NOT_SENT, Exchange.UNCONFIRMED])
def test_an_acceptance_between_breaks_the_row(exchange: Exchange) -> None:
    limit = {Exchange.REJECTED: 9}.get(exchange, 2)
    assert after(*([exchange] * limit + [Exchange.ACCEPTED]) * 5).since is None


def test_a_refusal_shows_that_the_service_can_be_reached() -> None:
    assert after(*[Exchange.NOT_SENT, Exchange.NOT_SENT, Exchange.REJECTED] * 3).since is None


def test_how_many_is_the_policys() -> None:
    strict = Policy(refusals_before_pause=2, failures_before_pause=1, probe_seconds=5.0)
    assert after(Exchange.REJECTED, Exchange.REJECTED, policy=strict).probe_at == NOW + 1 + 5.0
    assert after(Exchange.UNCONFIRMED, policy=strict).since == NOW
    paused = observed(Pause(failures=3), Exchange.UNCONFIRMED, NOW, strict)
    assert paused is not None
    assert paused.since == NOW, "more had failed before than the policy bears now"


def test_the_first_cause_is_kept() -> None:
    paused = after(Exchange.CREDENTIALS_REFUSED, *[Exchange.NOT_SENT] * 5)
    assert (paused.since, paused.why) == (NOW, "credentials_refused")


# --- unavailable ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", [Exchange.NOT_SENT, Exchange.UNCONFIRMED, Exchange.UNAVAILABLE])
def test_unavailable_counts_from_the_first_failure(exchange: Exchange) -> None:
    assert after(exchange, Exchange.UNAVAILABLE, Exchange.UNCONFIRMED, Exchange.NOT_SENT).unavailable_since == NOW


@pytest.mark.parametrize("exchange", [Exchange.REJECTED, Exchange.CREDENTIALS_REFUSED])
def test_a_refusal_runs_no_deadline(exchange: Exchange) -> None:
    assert after(*[exchange] * 20).unavailable_since is None


@pytest.mark.parametrize("exchange", [Exchange.REJECTED, Exchange.CREDENTIALS_REFUSED, Exchange.THROTTLED])
def test_an_answer_of_the_service_ends_what_was_unavailable(exchange: Exchange) -> None:
    assert after(Exchange.UNCONFIRMED, exchange).unavailable_since is None
    assert after(Exchange.UNCONFIRMED, exchange, Exchange.UNAVAILABLE).unavailable_since == NOW + 2


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


def test_beneath_an_operators_pause_goes_on_what_exchanges_tell() -> None:
    paused = after(Exchange.CREDENTIALS_REFUSED, start=OPERATORS)
    assert why_paused(replace(paused, operator_since=None)) == "credentials_refused"
    assert why_paused(replace(after(Exchange.ACCEPTED, start=paused), operator_since=None)) == ""


def test_without_a_pause_there_is_no_reason_for_one() -> None:
    assert why_paused(Pause()) == ""
    assert why_paused(PAUSED) == "credentials_refused"


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


@pytest.mark.parametrize("exchange", [Exchange.REJECTED, Exchange.UNCONFIRMED])
def test_more_in_a_row_than_pause_by_now_pause_too(exchange: Exchange) -> None:
    """The policy may have been changed since they were counted."""
    after = observed(Pause(refusals=20, failures=20), exchange, NOW, POLICY)
    assert after is not None
    assert after.since == NOW
