"""Releases held documents when their pages have room: the oldest first, and never more than that."""

from __future__ import annotations

from textdrop.core import caps
from textdrop.core.caps import Answer, Caps
from textdrop.core.documents import Document, Hold, Period
from textdrop.core.ledger import day
from textdrop.ports import PollPorts
from textdrop.usecases.reserve import release, waiting


def release_held(ports: PollPorts, limits: Caps, until: float) -> int:
    """Makes held documents due for submitting, from the oldest on, until the day has no room for one's pages, or until
    that time. How many were released.

    One for which the month has no room waits for the next month, and one that is larger than a whole cap for a person;
    neither keeps others waiting. Raises StoreUnavailable.
    """
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
    """How much of the cap that is nearest to its limit is used. Raises StoreUnavailable."""
    return caps.used_percent(limits, ports.reservations.read(day(ports.clock.now())))
