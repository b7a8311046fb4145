"""Documents that ended, from the ledger's index, newest first, with few reads."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from textdrop.core import ledger
from textdrop.core.cursors import EndedCursor
from textdrop.core.documents import Document, DocumentState, Outcome
from textdrop.core.ledger import HistoryCursor, Run
from textdrop.core.requests import Filter
from textdrop.ports import ControlPorts

HISTORY_BEGAN_AT = 1_793_491_200.0
"""2026-11-01: no ledger has an older row."""

READS_A_CALL = 10
ROWS_A_CALL = 1_000
RUNS_A_READ = 1_000
"""So many, of which a filter may let few pass."""


@dataclass(frozen=True, slots=True)
class Found:
    """Documents, where to continue (None: that was all), and how many rows were read."""

    documents: tuple[Document, ...]
    cursor: EndedCursor | None
    evaluated: int


@dataclass(slots=True)
class _Outcome:
    """How far the runs of one outcome in the month have been read: `runs` were read, but not yet considered."""

    after: HistoryCursor | None = None
    runs: deque[Run] = field(default_factory=deque)
    is_read: bool = False

    @property
    def is_over(self) -> bool:
        return self.is_read and not self.runs


def ended(ports: ControlPorts, chosen: Filter, limit: int, cursor: EndedCursor | None) -> Found:
    """At most `limit` of the chosen documents, after the cursor, whose times are no wider than those chosen.

    Each is found once, by its last run; one that is being run again, or deleted, is not found. Fewer than `limit`, or
    none, may be found though there are more. Raises StoreUnavailable.
    """
    first = beginning(chosen, ports.clock.now())
    if cursor is None:
        cursor = first
    cursor = replace(cursor, since=max(cursor.since, first.since), until=min(cursor.until, first.until))
    outcomes = list(Outcome) if chosen.outcome is None else [chosen.outcome]
    found: list[Document] = []
    reads = evaluated = looked_up = 0
    month = cursor.month
    places = _places(outcomes, cursor)
    while True:
        candidates: list[Run] = []
        while len(found) + len(candidates) < limit and looked_up + len(candidates) < ROWS_A_CALL:
            for outcome, place in places.items():
                if not place.runs and not place.is_read and reads < READS_A_CALL:
                    reads += 1
                    _read(ports, month, outcome, place, cursor, chosen, limit)
            if any(not place.runs and not place.is_read for place in places.values()):
                break  # the newest run that was not read may be newer than those that were
            newest = max((place for place in places.values() if place.runs), key=_newest, default=None)
            if newest is None:
                break
            run = newest.runs.popleft()
            newest.after = HistoryCursor(run.ended_at, run.document_id, run.run)
            evaluated += 1
            if run.key.startswith(chosen.prefix) and chosen.reason in ("", run.reason):
                candidates.append(run)
        rows = ports.documents.read_many([run.document_id for run in candidates]) if candidates else {}
        looked_up += len(candidates)
        found += [rows[run.document_id] for run in candidates if _is_last(rows.get(run.document_id), run)]
        is_over = all(place.is_over for place in places.values())
        if is_over:
            before = ledger.month(ledger.day_began_at(f"{month}-01") - 1.0)
            if before < ledger.month(cursor.since):
                return Found(tuple(found), None, evaluated)
            month, places = before, {outcome: _Outcome() for outcome in outcomes}
        if len(found) >= limit or looked_up >= ROWS_A_CALL or (not candidates and reads >= READS_A_CALL):
            after = ((of, None if place.is_over else place.after) for of, place in places.items() if _begun(place))
            return Found(tuple(found), EndedCursor(month, cursor.since, cursor.until, tuple(after)), evaluated)


def beginning(chosen: Filter, now: float) -> EndedCursor:
    """The position before everything that is chosen and has ended by now."""
    until = now if chosen.until is None else min(chosen.until, now)
    return EndedCursor(ledger.month(until), max(chosen.since or 0.0, HISTORY_BEGAN_AT), until)


def _places(outcomes: list[Outcome], cursor: EndedCursor) -> dict[Outcome, _Outcome]:
    begun = dict(cursor.after)
    return {of: _Outcome(begun.get(of), is_read=of in begun and begun[of] is None) for of in outcomes}


def _begun(place: _Outcome) -> bool:
    return place.is_over or place.after is not None


def _read(
    ports: ControlPorts, month: str, of: Outcome, place: _Outcome, cursor: EndedCursor, chosen: Filter, limit: int
) -> None:
    size = RUNS_A_READ if chosen.prefix or chosen.reason else limit
    page = ports.ledger.history(month, of, cursor.since, cursor.until, size, place.after, newest_first=True)
    place.runs.extend(page.runs)
    place.is_read = page.after is None
    if not page.runs:
        place.after = page.after  # there may be more after it


def _newest(place: _Outcome) -> float:
    return place.runs[0].ended_at


def _is_last(row: Document | None, run: Run) -> bool:
    return row is not None and row.run == run.run and row.state is DocumentState.FINAL
