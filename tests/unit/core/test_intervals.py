"""How long to wait: backoff, and when to ask for a running operation again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textdrop.core import intervals
from textdrop.core.policy import Policy

POLICY = Policy()
AGES = st.floats(0, 4 * 86_400)


# --- backoff ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("consecutive_failures", "chance", "seconds"),
    [
        (0, 0.0, 1.0),
        (0, 0.99, 1.0),
        (3, 0.0, 1.0),
        (3, 0.5, 4.0),
        (3, 0.75, 6.0),
        (20, 0.5, 150.0),
        (9_999, 0.5, 150.0),
    ],
)
def test_backoff_doubles_and_is_spread_over_all_of_it(consecutive_failures: int, chance: float, seconds: float) -> None:
    assert intervals.backoff_seconds(consecutive_failures, chance, POLICY) == seconds


def test_a_message_that_fails_comes_again_after_a_minute_and_later_each_time() -> None:
    waits = [intervals.message_retry_seconds(receives, POLICY) for receives in (1, 2, 3, 4, 5, 6, 7, 100_000)]
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0, 1800.0]


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typical", "load", "seconds"),
    [(0.0, 0.0, 0.1), (3.0, 0.0, 1.2), (3.0, 0.5, 2.4), (3.0, 9.0, 4.5), (9_000.0, 0.0, 45.0)],
)
def test_the_first_ask_comes_before_most_are_ready_or_under_load_when_most_are(
    typical: float, load: float, seconds: float
) -> None:
    assert intervals.first_ask_seconds(typical, load) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("age", "typical", "not_ready", "seconds"),
    [
        (0.0, 0.0, 0, 0.1),
        (2.0, 20.0, 1, 0.9),
        (100.0, 20.0, 1, 4.5),
        (3_600.0, 20.0, 1, 30.0),
        (1.0, 9_000.0, 1, 30.0),
        (1.0, 2.0, 225, 5.0),
        (0.0, 2.0, 100_000, 30.0),
    ],
)
def test_asking_again_follows_what_is_typical_the_age_and_how_many_are_not_ready(
    age: float, typical: float, not_ready: int, seconds: float
) -> None:
    assert intervals.next_ask_seconds(age, typical, not_ready, 45.0) == pytest.approx(seconds)


@given(age=AGES, typical=AGES, not_ready=st.integers(1, 1_350))
def test_asking_all_again_keeps_within_the_quota(age: float, typical: float, not_ready: int) -> None:
    assert not_ready / intervals.next_ask_seconds(age, typical, not_ready, 45.0) <= 45.0 * (1 + 1e-9)


@given(age=st.floats(20.0, 4 * 86_400))
def test_a_failure_is_known_within_a_tenth_of_the_age(age: float) -> None:
    assert intervals.next_status_seconds(age) <= 0.1 * age


@pytest.mark.parametrize("failed_after", [0.1, 3.0, 4.0, 10.0])
def test_a_failure_is_known_within_five_seconds_where_three_are_typical(failed_after: float) -> None:
    asked_after = intervals.first_status_seconds(3.0)
    while asked_after < failed_after:
        asked_after += intervals.next_status_seconds(asked_after)
    assert asked_after - failed_after < 5.0


@pytest.mark.parametrize(("taken", "typical"), [(4.0, 2.4), (0.0, 1.6), (6.0, 2.8), (12.0, 2.8), (3_600.0, 2.8)])
def test_what_is_typical_moves_a_fifth_of_the_way_and_no_further_than_to_three_times_it(
    taken: float, typical: float
) -> None:
    assert intervals.typical_after(2.0, taken) == pytest.approx(typical)


# --- a document's deadline --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pages", "seconds"), [(0, 3_610.0), (1, 3_610.0), (2, 3_620.0), (5_000, 53_600.0)])
def test_a_deadline_is_an_hour_and_ten_seconds_a_page(pages: int, seconds: float) -> None:
    assert POLICY.deadline_seconds(pages) == seconds
