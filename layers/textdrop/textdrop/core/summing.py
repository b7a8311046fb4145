"""Which runs of the ledger are still to be added to the sums of which day, and what a part of them adds.

The runs of an outcome that ended on a day are added in the order of their times, and the day's row says up to which
time. A run's row appears at most `policy.sum_after_seconds` after its time. So what is older than that is added for
good; what is newer is added to one answer only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nextafter

from textdrop.core import ledger
from textdrop.core.documents import Outcome
from textdrop.core.ledger import DaySums, Run
from textdrop.core.policy import DAY_SECONDS

MIN_STEP_SECONDS = 600.0
"""So much more time is worth a write even if no run lies in it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive days of one month. The runs of this outcome that ended from `since` up to `until` are to be read."""

    outcome: Outcome
    month: str
    days: tuple[str, ...]
    since: float
    until: float


def days_between(since: float, until: float) -> list[str]:
    """The days (UTC) from that of `since` to that of `until`."""
    found = [ledger.day(since)]
    while found[-1] < ledger.day(until):
        found.append(ledger.day(_end(found[-1]) + 1.0))
    return found


def open_stretches(sums: Mapping[str, DaySums], outcome: Outcome, now: float) -> list[Stretch]:
    """The parts of these days that are not summed yet, up to the end of each day or now."""
    stretches: list[Stretch] = []
    for name, row in sorted(sums.items()):
        after = max(_before(name), row.until.get(str(outcome), 0.0))
        until = min(_end(name), now)
        if after >= until:
            continue
        last = stretches[-1] if stretches else None
        if last and last.month == name[:7] and last.until == after:
            stretches[-1] = Stretch(outcome, last.month, (*last.days, name), last.since, until)
        else:
            stretches.append(Stretch(outcome, name[:7], (name,), nextafter(after, inf), until))
    return stretches


def whole(runs: Sequence[Run], is_all: bool, until: float) -> tuple[Sequence[Run], float | None]:
    """Those runs, given in the order of their times, that can be added now, and the time up to which no run is missing.

    If only a part was read, the runs of its last time may continue in the next part. None: all are of one time, and
    more must be read.
    """
    if is_all:
        return runs, until
    earlier = [run for run in runs if run.ended_at < runs[-1].ended_at]
    return (earlier, earlier[-1].ended_at) if earlier else ((), None)


def advanced(
    sums: Mapping[str, DaySums], stretch: Stretch, runs: Iterable[Run], reached: float, horizon: float
) -> dict[str, DaySums]:
    """Those of the days that these runs add something to. The runs are all that ended from where the days were summed
    up to `reached`; none newer than `horizon` is added."""
    by_day: dict[str, list[Run]] = {name: [] for name in stretch.days}
    for run in runs:
        by_day[ledger.day(run.ended_at)].append(run)
    changed: dict[str, DaySums] = {}
    for name, found in by_day.items():
        until = min(_end(name), reached, horizon)
        before = sums[name].until.get(str(stretch.outcome), _before(name))
        old = [run for run in found if run.ended_at <= until]
        if until > before and (old or until == _end(name) or until - before >= MIN_STEP_SECONDS):
            changed[name] = ledger.added(sums[name], stretch.outcome, old, until)
    return changed


def _before(name: str) -> float:
    return nextafter(ledger.day_began_at(name), -inf)


def _end(name: str) -> float:
    """The last time of a day."""
    return nextafter(ledger.day_began_at(name) + DAY_SECONDS, -inf)
