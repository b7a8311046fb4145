"""Documents in flight, from the index of what is due, with few reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from textdrop.core.control import IN_FLIGHT
from textdrop.core.cursors import ActiveCursor
from textdrop.core.documents import Document, DocumentState, DueKind
from textdrop.core.requests import Filter
from textdrop.ports import ControlPorts

KINDS = (DueKind.BACKFILL, DueKind.SUBMIT, DueKind.RECHECK, DueKind.DELIVER, DueKind.HELD)
"""The order in which a document passes through them: one that moves on meanwhile is found twice rather than never. Only
a document that is released meanwhile moves back, and may be missed."""

OF_HELD = (DueKind.DELIVER, DueKind.HELD)
"""What held documents are due for: the message that they are held, then nothing."""

ENTRIES_A_READ = 100
READS_A_CALL = 10
EVER_SECONDS = 1e9
_SEEN_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """Documents, where to continue (None: that was all), and how many rows were read."""

    documents: tuple[Document, ...]
    cursor: ActiveCursor | None
    evaluated: int


def active(
    ports: ControlPorts,
    chosen: Filter,
    limit: int,
    cursor: ActiveCursor | None,
    states: Collection[DocumentState] = IN_FLIGHT,
    kinds: Sequence[DueKind] = KINDS,
) -> Found:
    """At most `limit` documents in the chosen states, after the cursor, by what they are due for (`kinds`, in the order
    of KINDS) and when.

    Each is found once in a call. Fewer than `limit`, or none, may be found though there are more. Raises
    StoreUnavailable.
    """
    place = cursor or ActiveCursor(kinds[0])
    found: dict[str, Document] = {}
    evaluated = 0
    for _ in range(READS_A_CALL):
        size = ENTRIES_A_READ + len(place.seen)
        entries = ports.documents.due(place.kind, ports.clock.now() + EVER_SECONDS, size, place.due_at)
        fresh = [
            entry
            for entry in entries
            if entry.due_at > place.due_at or entry.document_id[:_SEEN_CHARACTERS] not in place.seen
        ]
        rows = ports.documents.read_many([entry.document_id for entry in fresh]) if fresh else {}
        for entry in fresh:
            if len(found) == limit:
                return Found(tuple(found.values()), place, evaluated)
            evaluated += 1
            seen = place.seen if entry.due_at == place.due_at else ()
            place = ActiveCursor(place.kind, entry.due_at, (*seen, entry.document_id[:_SEEN_CHARACTERS]))
            row = rows.get(entry.document_id)
            if row is not None and row.state in states and _is_chosen(row, chosen):
                found[row.id] = row
        if len(entries) < size:
            following = [kind for kind in KINDS[KINDS.index(place.kind) + 1 :] if kind in kinds]
            if not following:
                return Found(tuple(found.values()), None, evaluated)
            place = ActiveCursor(following[0])
    return Found(tuple(found.values()), place, evaluated)


def _is_chosen(row: Document, chosen: Filter) -> bool:
    reason = str(row.problem.reason) if row.problem else ""
    return (
        row.source.key.startswith(chosen.prefix)
        and chosen.reason in ("", reason)
        and (chosen.since is None or row.run_began_at >= chosen.since)
        and (chosen.until is None or row.run_began_at <= chosen.until)
    )
