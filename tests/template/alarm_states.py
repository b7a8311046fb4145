"""What CloudWatch makes of an alarm and the values of its metric.

As in the CloudWatch user guide, "How alarm state is evaluated when data is missing". It retrieves some periods more
than the alarm asks for, and does not say how many: `further_back` is that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MINUTE_SECONDS = 60.0
STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max, "SampleCount": len}
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}
BREACHES_WHEN_MISSING = {"breaching": True, "notBreaching": False}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a metric, at a time in epoch seconds."""

    at: float
    value: float


def state(alarm: Mapping[str, Any], values: Iterable[Value], now: float, *, further_back: int) -> str:
    """ALARM or OK: the state of the alarm with these properties, of a template, as evaluated at `now`."""
    wanted: int = alarm["EvaluationPeriods"]
    needed: int = alarm.get("DatapointsToAlarm", wanted)
    statistic = STATISTICS[alarm["Statistic"]]
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    end = now // MINUTE_SECONDS * MINUTE_SECONDS
    periods: list[list[float]] = [[] for _ in range(wanted + further_back)]
    for value in values:
        # A period has its beginning, and not its end.
        back = math.ceil((end - value.at) / alarm["Period"]) - 1
        if 0 <= back < len(periods):
            periods[back].append(value.value)
    # The newest first; real ones count before those that are missing, however far back they are.
    real = [breaches(statistic(period), alarm["Threshold"]) for period in periods if period][:wanted]
    missing = [BREACHES_WHEN_MISSING[alarm["TreatMissingData"]]] * (wanted - len(real))
    return "ALARM" if sum(real + missing) >= needed else "OK"
