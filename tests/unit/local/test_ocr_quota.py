"""The two readings of a quota of so many requests a second."""

import pytest

from local.ocr.quota import SlidingWindow, TokenBucket


def test_bucket_allows_one_seconds_worth_at_once_and_then_one_for_each_interval() -> None:
    quota = TokenBucket(10)
    assert [quota.take(100.0) for _ in range(11)] == [True] * 10 + [False]
    assert quota.take(100.1)
    assert not quota.take(100.1)
    assert not quota.take(100.15)
    assert quota.take(100.2)


def test_bucket_holds_no_more_than_one_seconds_worth_after_a_rest() -> None:
    quota = TokenBucket(10)
    quota.take(100.0)
    assert [quota.take(500.0) for _ in range(11)] == [True] * 10 + [False]


def test_bucket_at_exactly_its_rate_refuses_nothing() -> None:
    quota = TokenBucket(10)
    assert all(quota.take(100 + number / 10) for number in range(500))


def test_bucket_of_less_than_one_a_second_still_serves() -> None:
    quota = TokenBucket(0.5)
    assert [quota.take(100.0), quota.take(101.0), quota.take(102.0)] == [True, False, True]


def test_window_allows_the_number_in_any_second() -> None:
    quota = SlidingWindow(10)
    assert all(quota.take(100.9) for _ in range(10))
    assert not quota.take(101.0)
    assert not quota.take(101.89)
    assert [quota.take(101.9) for _ in range(11)] == [True] * 10 + [False]


@pytest.mark.parametrize("kind", [TokenBucket, SlidingWindow])
def test_a_clock_set_back_does_not_block(kind: type[TokenBucket] | type[SlidingWindow]) -> None:
    quota = kind(2)
    quota.take(1000.0)
    assert quota.take(10.0)
    quota.take(10.0)
    assert quota.take(11.0)
