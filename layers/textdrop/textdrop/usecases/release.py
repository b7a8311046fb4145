"""Releases held documents when their pages have room: the oldest first, and never more than that."""

from __future__ import annotations

from textdrop.core import caps
from textdrop.core.caps import Caps
from textdrop.core.documents import Document, DocumentState, DueKind, Hold, Period
from textdrop.core.ledger import day
from textdrop.ports import PollPorts
from textdrop.usecases.reserve import release

ENTRIES_A_READ = 100


def release_held(ports: PollPorts, limits: Caps, until: float) -> int:
    """The held documents, from the oldest on, are due for submitting, up to the first whose pages the day has no room
    for, or until that time. One that the month has no room for waits for the next, and one that is larger than a whole
    cap for a person: neither keeps others from it. How many were released. Raises StoreUnavailable."""
    count, since = 0, 0.0
    while True:
        entries = ports.documents.due(DueKind.HELD, ports.clock.now(), ENTRIES_A_READ, since)
        for entry in entries:
            if ports.clock.now() >= until:
                return count
            document = ports.documents.read(entry.document_id)
            if document is None or document.state is not DocumentState.HELD or document.due_kind is not DueKind.HELD:
                continue
            if document.hold is not None and caps.is_larger_than_any(limits, document.hold.pages):
                continue
            after = release(ports, ports.reservations, limits, document, by_hand=False, after_live=True)
            if after is caps.Answer.OVER or (isinstance(after, Hold) and after.period is Period.DAY):
                return count
            count += isinstance(after, Document)
        if len(entries) < ENTRIES_A_READ or entries[-1].due_at == since:
            return count
        since = entries[-1].due_at


def cap_used_percent(ports: PollPorts, limits: Caps) -> float:
    """How much of the cap that is nearest to its end is used. Raises StoreUnavailable."""
    return caps.used_percent(limits, ports.reservations.read(day(ports.clock.now())))
