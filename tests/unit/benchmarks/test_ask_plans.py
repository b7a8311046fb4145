"""The best plans of asks, beside plans whose figures can be told by hand."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from benchmarks.ask_plans import best_plans, least_asks, least_delay

PLANS = best_plans(0.4)


def test_more_asks_buy_less_delay() -> None:
    assert all(fewer.delay >= more.delay for fewer, more in itertools.pairwise(PLANS))
    assert least_asks(PLANS, 0.1) == pytest.approx(3.6, abs=0.1)
    assert least_delay(PLANS, 2.5) == pytest.approx(0.15, abs=0.01)


def test_no_plan_of_even_asks_is_better() -> None:
    chance = random.Random(1)
    taken = [math.exp(chance.gauss(0.0, 0.4)) for _ in range(5_000)]
    for first in (0.6, 0.7, 0.8, 0.9):
        for wait in (0.14, 0.2, 0.3):
            numbers = [max(0, math.ceil((seconds - first) / wait)) for seconds in taken]
            asks = sum(1 + number for number in numbers) / len(taken)
            delay = sum(first + number * wait - seconds for number, seconds in zip(numbers, taken, strict=True))
            assert delay / len(taken) > 0.97 * least_delay(PLANS, asks)
