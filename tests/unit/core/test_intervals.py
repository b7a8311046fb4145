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


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "typical", "asked", "seconds"),
    [
        (0.0, 0.0, 0, 0.3),
        (2.0, 20.0, 1, 3.1),
        (100.0, 20.0, 1, 10.0),
        (3_600.0, 20.0, 1, 30.0),
        (1.0, 9_000.0, 1, 30.0),
        (1.0, 2.0, 225, 5.0),
        (0.0, 2.0, 100_000, 30.0),
    ],
)
def test_asking_again_follows_what_is_typical_the_age_and_how_many_are_asked_for(
    age: float, typical: float, asked: int, seconds: float
) -> None:
    assert intervals.next_ask_seconds(age, typical, asked, 45.0) == pytest.approx(seconds)


@given(age=AGES, typical=AGES, asked=st.integers(1, 1_350))
def test_asking_all_again_keeps_within_the_quota(age: float, typical: float, asked: int) -> None:
    assert asked / intervals.next_ask_seconds(age, typical, asked, 45.0) <= 45.0 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("age", "typical", "overdue"), [(30.0, 1.0, False), (30.1, 1.0, True), (99.0, 20.0, False), (101.0, 20.0, True)]
)
def test_the_status_is_asked_for_after_five_times_the_usual_and_at_least_half_a_minute(
    age: float, typical: float, overdue: bool
) -> None:
    assert intervals.overdue(age, typical) is overdue


@pytest.mark.parametrize(("taken", "typical"), [(4.0, 2.4), (0.0, 1.6), (6.0, 2.8), (12.0, 2.8), (3_600.0, 2.8)])
def test_what_is_typical_moves_a_fifth_of_the_way_and_no_further_than_to_three_times_it(
    taken: float, typical: float
) -> None:
    assert intervals.typical_after(2.0, taken) == pytest.approx(typical)


# --- a document's deadline --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pages", "seconds"), [(0, 3_610.0), (1, 3_610.0), (2, 3_620.0), (5_000, 53_600.0)])
def test_a_deadline_is_an_hour_and_ten_seconds_a_page(pages: int, seconds: float) -> None:
    assert POLICY.deadline_seconds(pages) == seconds


def test_before_anything_was_learnt_a_page_is_first_asked_for_as_soon_as_the_fastest_are_ready() -> None:
    assert intervals.first_ask_seconds(intervals.FIRST_TYPICAL_SECONDS) == pytest.approx(1.44)
