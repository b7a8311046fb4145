"""What control's summary and list read with 1,000,000 documents that ended within 30 days: requests, and read units
computed from the items' sizes by DynamoDB's rules.

The ledger is generated when it is read, in the order of its index; rows have keys of 60 characters, and there are no
retries. Nothing is in flight. The units of reading the index `due`, sums, pause and rows are counted too; of the writes
only those of the sums. Seconds are this machine's, without the network.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from benchmarks import billing
from benchmarks.figures import Figure, Say, within
from fakes.running import FakeClock
from textdrop.adapters.aws import items
from textdrop.core import ledger
from textdrop.core.documents import Billed, Document, DocumentState, DueEntry, DueKind, Options, Outcome, Source
from textdrop.core.ledger import DaySums, HistoryCursor, HistoryPage, Run
from textdrop.core.prices import Prices
from world import World

RUNS = 1_000_000
DAYS = 30
NOW = ledger.day_began_at("2026-12-01") + 43_200.0
FIRST = NOW - DAYS * 86_400.0
STEP_SECONDS = DAYS * 86_400.0 / RUNS
OF_HUNDRED = {Outcome.FAILED: 5, Outcome.PARTIAL: 3, Outcome.SKIPPED: 1, Outcome.CANCELLED: 1}
OUTCOMES = [outcome for outcome, count in OF_HUNDRED.items() for _ in range(count)]
OUTCOMES += [Outcome.SUCCEEDED] * (100 - len(OUTCOMES))


@dataclass
class Used:
    """What was asked of DynamoDB."""

    requests: int = 0
    read_units: float = 0.0
    write_units: float = 0.0

    def read(self, stored: Sequence[Any], *, consistent: bool = False) -> None:
        """One Query or GetItem that returned these items."""
        self.requests += 1
        self.read_units += billing.read_units(stored, consistent)


def row(number: int) -> Document:
    """The row of a document of one page."""
    ended_at = FIRST + number * STEP_SECONDS
    outcome = OUTCOMES[number % 100]
    key = f"archive/2026/contracts/{number % 100:02d}/scan of a page {number:08d}.jpeg"
    return Document(
        id=_id(number),
        source=Source(
            "uploads", key, "3HL4kqtJlcpXroDTDmJ-rmSpXd3dIbrHY-MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo", "e" * 32, 400_000
        ),
        state=DocumentState.FINAL,
        accepted_at=ended_at - 9.5,
        options=Options(("ru", "en"), "page"),
        media_type="image/jpeg",
        file_pages=1,
        pages=1,
        outcome=outcome,
        outcome_at=ended_at - 0.5,
        pages_recognized=int(outcome is Outcome.SUCCEEDED),
        billed=Billed(submitted=1),
    )


def run(number: int) -> Run:
    """The run's row in the ledger."""
    ended_at = FIRST + number * STEP_SECONDS
    like = _like(number % 100)
    key = f"{like.key[:-13]}{number:08d}.jpeg"
    began_at = ended_at - 9.5
    return replace(
        like, document_id=_id(number), key=key, ended_at=ended_at, began_at=began_at, outcome_at=ended_at - 0.5
    )


@cache
def _like(number: int) -> Run:
    """A run whose other fields are those of every hundredth run."""
    ended = ledger.run_of(row(number), FIRST, Prices())
    return ended if ended.outcome is Outcome.SUCCEEDED else replace(ended, reason="failed_in_ocr")


def _id(number: int) -> str:
    return f"{number * 2_654_435_761:032x}"


@dataclass
class CountedLedger:
    """A million runs, spread evenly over the days; each read is billed like one of the index."""

    used: Used

    def history(
        self,
        month: str,
        outcome: Outcome,
        since: float,
        until: float,
        limit: int,
        after: HistoryCursor | None = None,
        *,
        newest_first: bool = False,
    ) -> HistoryPage:
        step = -1 if newest_first else 1
        numbers = range(RUNS)[::step]
        if after is not None:
            numbers = range(round((after.ended_at - FIRST) / STEP_SECONDS) + step, -1 if newest_first else RUNS, step)
        elif newest_first:
            numbers = range(min(RUNS - 1, round((until - FIRST) / STEP_SECONDS) + 1), -1, -1)
        else:
            numbers = range(max(0, round((since - FIRST) / STEP_SECONDS) - 1), RUNS)
        found: list[Run] = []
        for number in numbers:
            at = FIRST + number * STEP_SECONDS
            if (at < since) if newest_first else (at > until):
                break
            if OUTCOMES[number % 100] is outcome and since <= at <= until and ledger.month(at) == month:
                found.append(run(number))
                if len(found) == limit:
                    break
        self.used.read([items.of_run(each) for each in found])
        last = found[-1] if len(found) == limit else None
        cursor = None if last is None else HistoryCursor(last.ended_at, last.document_id, last.run)
        return HistoryPage(tuple(found), cursor)


@dataclass
class CountedSums:
    """The days' sums, billed like the table's rows."""

    used: Used
    rows: dict[str, DaySums] = field(default_factory=dict)

    def read(self, since: str, until: str) -> list[DaySums]:
        found = [each for day, each in sorted(self.rows.items()) if since <= day <= until]
        self.used.read([items.of_sums(each) for each in found], consistent=True)
        return found

    def write(self, before: DaySums, after: DaySums) -> bool:
        self.used.requests += 1
        self.used.write_units += billing.write_units(None, items.of_sums(after))
        self.rows[after.day] = after
        return True


@dataclass
class CountedDocuments:
    """The documents' rows, billed like the table's; nothing is due."""

    used: Used

    def read_many(self, document_ids: Sequence[str]) -> dict[str, Document]:
        found = {identifier: row(int(identifier, 16) // 2_654_435_761) for identifier in document_ids}
        self.used.requests += -(-len(found) // 100)
        self.used.read_units += sum(billing.read_units([items.of_document(each)], False) for each in found.values())
        return found

    def due(self, kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
        self.used.read([])
        return []


def measure(say: Say) -> list[Figure]:
    world = World(clock=FakeClock(NOW))
    used = Used()
    counted: Mapping[str, Any] = {
        "ledger": CountedLedger(used),
        "sums": CountedSums(used),
        "documents": CountedDocuments(used),
    }
    world.control_ports = replace(world.control_ports, **counted)

    def asked(what: str, command: str, **parameters: Any) -> tuple[dict[str, Any], Used, float]:
        before, began = replace(used), time.monotonic()
        answer = world.ask(command, **parameters)
        seconds = time.monotonic() - began
        spent = Used(
            used.requests - before.requests + 1,  # the pause
            used.read_units - before.read_units + 1,
            used.write_units - before.write_units,
        )
        say(f"{what}: {spent.requests} requests, {spent.read_units:,.1f} read units, {seconds:.1f} s")
        return answer, spent, seconds

    calls, requests, reads, writes, longest = 0, 0, 0.0, 0.0, 0.0
    answer: dict[str, Any] = {"cursor": None, "complete": False}
    while not answer["complete"]:
        answer, spent, seconds = asked("first summary", "summary", cursor=answer["cursor"])
        calls, longest = calls + 1, max(longest, seconds)
        requests, reads, writes = requests + spent.requests, reads + spent.read_units, writes + spent.write_units
    counted_all = sum(answer["documents"].values()) == RUNS
    world.clock.advance(60.0)
    _, again, _ = asked("summary again", "summary")
    _, all_, _ = asked("list", "list")
    _, failed, _ = asked("list of failed", "list", outcome="failed")
    found, sparse, _ = asked(
        "list of failed below a prefix", "list", outcome="failed", prefix="archive/2026/contracts/04"
    )
    run_bytes = billing.size(items.of_run(run(0)))
    return [
        Figure("a run's item", f"{run_bytes} bytes"),
        Figure("every run is summed once", "yes" if counted_all else "no", "yes", counted_all),
        within("first summary of a million, none of it summed: calls", calls, 30, "calls", 0),
        within("its requests", requests, 1_600, "requests", 0),
        within("its read units", reads, 75_000, "units", 0),
        within("its write units", writes, 500, "units", 0),
        Figure("its longest call, with what computes the rows", f"{longest:.1f} s"),
        within("summary afterwards: requests", again.requests, 15, "requests", 0),
        within("summary afterwards: read units", again.read_units, 60, "units", 1),
        within("first page of list: requests", all_.requests, 8, "requests", 0),
        within("first page of list: read units", all_.read_units, 130, "units", 1),
        within("first page of failed ones: requests", failed.requests, 4, "requests", 0),
        within("first page of failed ones: read units", failed.read_units, 75, "units", 1),
        within("a page of failed ones below a prefix, every fifth: requests", sparse.requests, 4, "requests", 0),
        within("its read units", sparse.read_units, 130, "units", 1),
        Figure("its documents", str(len(found["documents"]))),
    ]
