"""The sums of the ledger, brought up to date by whoever asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from textdrop.core import ledger, summing
from textdrop.core.documents import Outcome
from textdrop.core.ledger import DaySums, HistoryCursor, Run
from textdrop.core.policy import Policy
from textdrop.ports import Clock, Ledger, Sums

RUNS_A_READ = 1_000
READS_A_CALL = 40
"""The most reads in a call: somebody waits for the answer."""

NEW_READS = 10
"""How many more reads there are for what is too new to be stored, for each outcome."""

READS_A_WRITE = 20
"""After so many reads what was added is written, so that a call that is cut off has made progress."""

ROUNDS = 3


class SumPorts(Protocol):
    """What summing needs."""

    @property
    def clock(self) -> Clock: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def sums(self) -> Sums: ...


@dataclass(frozen=True, slots=True)
class Summed:
    """The sums of days, of all that ended until then; of less, if not complete."""

    days: tuple[DaySums, ...]
    until: float
    is_complete: bool


def summed(ports: SumPorts, since: float, until: float) -> Summed:
    """The sums of the days (UTC) from that of `since` to that of `until`, with all that ended until now. What is old
    enough is written, so that it is read only once.

    A call makes at most READS_A_CALL reads of the index for that; if those do not suffice the sums are not complete,
    and the next call continues. If too much is too new, all of it is left out. What others write at the same time is
    neither lost nor counted twice. Raises StoreUnavailable; what was written by then stays, and is right.
    """
    now = ports.clock.now()
    work = _Work(ports, summing.days_between(since, min(until, now)), now)
    for _ in range(ROUNDS):
        is_read = work.read()
        if work.write() and is_read:
            return Summed(tuple(work.with_new()), work.until, True)
        if work.reads >= READS_A_CALL:
            break
    return Summed(tuple(work.with_new()), work.until, False)


class _Work:
    """`stored` are the days' rows, `sums` what is to replace them, and `new` the runs that are too new for that."""

    def __init__(self, ports: SumPorts, days: Sequence[str], now: float) -> None:
        self.reads = 0
        self.until = now
        self._ports = ports
        self._now = now
        self._horizon = now - ports.policy.sum_after_seconds
        stored = {row.day: row for row in ports.sums.read(days[0], days[-1])}
        self._stored = {day: stored.get(day, DaySums(day)) for day in days}
        self._sums = dict(self._stored)
        self._new: dict[tuple[str, Outcome], list[Run]] = {}

    def read(self) -> bool:
        """Reads everything that is not summed yet. False: not all of it in this call."""
        for outcome in Outcome:
            for stretch in summing.open_stretches(self._sums, outcome, self._now):
                if not self._read(stretch):
                    return False
        return True

    def _read(self, stretch: summing.Stretch) -> bool:
        cursor: HistoryCursor | None = None
        runs: list[Run] = []
        for day in stretch.days:
            self._new[day, stretch.outcome] = []
        reached: float | None = stretch.since
        new_reads = 0
        while True:
            if reached is not None and reached > self._horizon:
                new_reads += 1
                if new_reads > NEW_READS:
                    self.until = self._horizon
                    return True
            elif self.reads < READS_A_CALL:
                self.reads += 1
            else:
                return False
            page = self._ports.ledger.history(
                stretch.month, stretch.outcome, stretch.since, stretch.until, RUNS_A_READ, cursor
            )
            runs += page.runs
            cursor = page.after
            ready, reached = summing.whole(runs, cursor is None, stretch.until)
            if reached is not None:
                self._sums |= summing.advanced(self._sums, stretch, ready, reached, self._horizon)
                for run in ready:
                    day = ledger.day(run.ended_at)
                    if run.ended_at > self._sums[day].until.get(str(stretch.outcome), 0.0):
                        self._new[day, stretch.outcome].append(run)
                runs = runs[len(ready) :]
            if cursor is None:
                return True
            if self.reads % READS_A_WRITE == 0 and not self.write():
                return False

    def write(self) -> bool:
        """Writes the new sums. False: others have written some of the rows, which now have their sums."""
        won = True
        for day, before in self._stored.items():
            after = self._sums[day]
            if after is before:
                continue
            after = replace(after, rev=before.rev + 1)
            if not self._ports.sums.write(before, after):
                won = False
                after = next(iter(self._ports.sums.read(day, day)), DaySums(day))
            self._stored[day] = self._sums[day] = after
        return won

    def with_new(self) -> list[DaySums]:
        """The sums, with the runs that are too new to be written, if all of those were read."""
        if self.until < self._now:
            return list(self._sums.values())
        sums = dict(self._sums)
        for (day, outcome), runs in self._new.items():
            newer = [run for run in runs if run.ended_at > sums[day].until.get(str(outcome), 0.0)]
            sums[day] = ledger.added(sums[day], outcome, newer, self._now)
        return list(sums.values())
