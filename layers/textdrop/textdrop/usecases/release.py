"""Releases held documents when their pages have room: the oldest first, and never more than that."""

from __future__ import annotations

from textdrop.core import caps
from textdrop.core.caps import Answer, Caps
from textdrop.core.documents import Document, Hold, Period
from textdrop.core.ledger import day
from textdrop.ports import PollPorts
from textdrop.usecases.reserve import release, waiting


def release_held(ports: PollPorts, limits: Caps, until: float) -> int:
    """The held documents, from the oldest on, are due for submitting, up to the first whose pages the day has no room
    for, or until that time. One that the month has no room for waits for the next, and one that is larger than a whole
    cap for a person: neither keeps others from it. How many were released. Raises StoreUnavailable."""
    count = 0
    for documents in waiting(ports):
        today = day(ports.clock.now())
        used = ports.reservations.read(today)
        for document in documents:
            if ports.clock.now() >= until:
                return count
            after: Document | Hold | Answer = caps.certain_hold(limits, used, document, today) or release(
                ports, ports.reservations, limits, document, by_hand=False, after_live=True
            )
            waits_for_day = isinstance(after, Hold) and after.period is Period.DAY and not after.is_larger
            if after is Answer.OVER or waits_for_day:
                return count
            count += isinstance(after, Document)
    return count


def cap_used_percent(ports: PollPorts, limits: Caps) -> float:
    """How much of the cap that is nearest to its end is used. Raises StoreUnavailable."""
    return caps.used_percent(limits, ports.reservations.read(day(ports.clock.now())))
