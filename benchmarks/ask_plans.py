"""The best that any plan of asks can do, when nothing is known of a recognition but how long such ones take.

A plan is a list of ages at which a page is asked for until it is ready. Dynamic programming over the ages finds, for
each price of an ask in seconds of delay, the plan that costs least in all; so the plans found are the ones that nothing
beats in both. Ages and delays are in medians of the recognition.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from statistics import NormalDist

STEP = 0.02
STEPS = 250
"""Up to five medians: with σ 0.4 one of 35,000 takes longer."""

PRICES = [0.01 * 1.1**power for power in range(32)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan comes to: the mean of asks a page, and of the delay in medians."""

    asks: float
    delay: float


def best_plans(sigma: float) -> list[Plan]:
    """The plans that nothing beats, by their asks, for lognormal recognitions."""
    ready = [0.0] + [NormalDist().cdf(math.log(step * STEP) / sigma) for step in range(1, STEPS + 1)]
    until = [0.0]
    for step in range(1, STEPS + 1):
        until.append(until[-1] + (ready[step - 1] + ready[step]) / 2 * STEP)
    return sorted((_best(ready, until, price) for price in PRICES), key=lambda plan: plan.asks)


def _best(ready: list[float], until: list[float], price: float) -> Plan:
    """The plan that costs least when an ask costs so many medians of delay."""

    def delay(asked: int, again: int) -> float:
        return until[again] - until[asked] - ready[asked] * (again - asked) * STEP

    cost, following = [0.0] * (STEPS + 1), [STEPS] * (STEPS + 1)
    for asked in range(STEPS - 1, -1, -1):
        each = price * (1.0 - ready[asked])
        cost[asked], following[asked] = min(
            (delay(asked, again) + each + cost[again], again) for again in range(asked + 1, STEPS + 1)
        )
    asks = total = 0.0
    asked = 0
    while asked < STEPS:
        asks += 1.0 - ready[asked]
        total += delay(asked, following[asked])
        asked = following[asked]
    return Plan(asks, total)


def least_asks(plans: list[Plan], delay: float) -> float:
    """The fewest asks at no more than that delay, between the plans on both sides."""
    return _between([(plan.delay, plan.asks) for plan in plans], delay)


def least_delay(plans: list[Plan], asks: float) -> float:
    """The least delay with no more asks than that."""
    return _between([(plan.asks, plan.delay) for plan in plans], asks)


def _between(points: list[tuple[float, float]], at: float) -> float:
    ordered = sorted(points)
    for (before, low), (after, high) in itertools.pairwise(ordered):
        if before <= at <= after and after > before:
            return low + (high - low) * (at - before) / (after - before)
    raise ValueError(f"no plan is near {at}")
