"""How much is in flight, from the index of what is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textdrop.core.documents import Document, DueKind
from textdrop.ports import ControlPorts
from textdrop.usecases.control.active import EVER_SECONDS

MAX_COUNTED = 5_000
LAST_READ = 100
OLDEST = 10
MOVING = (DueKind.SUBMIT, DueKind.BACKFILL, DueKind.RECHECK, DueKind.DELIVER)


@dataclass(frozen=True, slots=True)
class InFlight:
    """Entries of the index by kind, at most 5,000 of each (`at_most`: there may be more).

    `rows` are documents: the first due of each kind, except those held over a cap; and the last due for submitting,
    which are those that a worker has.
    """

    counts: Mapping[DueKind, int]
    at_most: bool
    rows: tuple[Document, ...]
    submitting: tuple[Document, ...]


def in_flight(ports: ControlPorts) -> InFlight:
    """What is in flight now. Raises StoreUnavailable."""
    until = ports.clock.now() + EVER_SECONDS
    entries = {kind: ports.documents.due(kind, until, MAX_COUNTED + 1) for kind in DueKind}
    counts = {kind: min(len(found), MAX_COUNTED) for kind, found in entries.items()}
    first = [entry.document_id for kind in MOVING for entry in entries[kind][:OLDEST]]
    last = [entry.document_id for entry in entries[DueKind.SUBMIT][-LAST_READ:]]
    wanted = list(dict.fromkeys([*first, *last]))
    rows = ports.documents.read_many(wanted) if wanted else {}
    submitting = tuple(rows[each] for each in dict.fromkeys(last) if each in rows)
    at_most = any(len(found) > MAX_COUNTED for found in entries.values())
    return InFlight(counts, at_most, tuple(rows.values()), submitting)
