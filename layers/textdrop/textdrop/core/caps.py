"""Caps: how many pages may be sent in a day and in a month (UTC).

Every document reserves its pages, on the day on which they are sent, before it sends the first of them. So documents
that are sent at the same time cannot pass a cap together. What counts is a submit that may be billed: each that the
service took, and each whose answer was lost. What a document has reserved but not used is given back, or moves to the
next day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from textdrop.core.documents import Document, Hold, Period
from textdrop.core.ledger import day, day_began_at
from textdrop.core.policy import DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Caps:
    """The most pages that may be sent in a day and in a month; 0 means any number."""

    pages_per_day: int = 0
    pages_per_month: int = 0

    @property
    def is_on(self) -> bool:
        """Whether there is a cap at all."""
        return bool(self.pages_per_day or self.pages_per_month)

    def most(self, period: Period) -> int:
        """The cap of a period; 0 means none."""
        return self.pages_per_day if period is Period.DAY else self.pages_per_month


NO_CAPS = Caps()


@dataclass(frozen=True, slots=True)
class Used:
    """How many pages documents have reserved on a day, and in its month. `is_new`: none yet on that day."""

    on_day: int = 0
    in_month: int = 0
    is_new: bool = True

    def pages(self, period: Period) -> int:
        """The pages of that period."""
        return self.on_day if period is Period.DAY else self.in_month


class Answer(StrEnum):
    """What became of a write that reserves pages."""

    WRITTEN = "written"
    OVER = "over"  # a cap has no room for the pages; nothing was written
    LOST = "lost"  # another worker has written the document; nothing was written


@dataclass(frozen=True, slots=True)
class Reservation:
    """What to write: `submits`, all the submits that the run may then have made, of which those that are left count on
    `day`; and by how much the pages of each day change (zeros left out)."""

    submits: int
    day: str
    changes: Mapping[str, int]


def unused(document: Document, made: int) -> int:
    """How many of the submits that a document has reserved are left, when so many were made."""
    return max(0, document.reserved - made)


def reservation(document: Document, made: int, needed: int, today: str) -> Reservation | None:
    """A reservation of `needed` pages today for a document that has `made` so many submits; None if it has that
    reservation already. What it has left on an earlier day is given back to that day."""
    left = unused(document, made)
    is_today = document.reserved_on == today
    if needed == 0 or (is_today and left >= needed):
        return None
    changes = {today: needed - left} if is_today else {today: needed}
    if left and not is_today:
        changes[document.reserved_on] = -left
    return Reservation(made + needed, today, changes)


def given_back(document: Document, made: int) -> Mapping[str, int]:
    """How the pages of each day change when a document that has `made` so many submits sends nothing more; {} if they
    do not."""
    left = unused(document, made)
    return {document.reserved_on: -left} if left else {}


def hold(caps: Caps, used: Used, asked: Reservation, needed: int) -> Hold | None:
    """Why there is no room for the pages; None if there is.

    A cap that the pages are larger than comes first, as the turn of the other period does not help. Then the longer
    period comes first, as the document has to wait for that one's turn.
    """
    month = asked.day[:7]
    in_month = sum(change for of_day, change in asked.changes.items() if of_day[:7] == month)
    for period, more in ((Period.MONTH, in_month), (Period.DAY, asked.changes[asked.day])):
        most = caps.most(period)
        if most and more > 0 and used.pages(period) + more > most:
            smaller = smaller_cap(caps, needed)
            named = smaller or period
            return Hold(named, needed, smaller is not None, caps.most(named))
    return None


def certain_hold(caps: Caps, used: Used, held: Document, today: str) -> Hold | None:
    """Why a held document has no room today, however few of its pages were sent before; None if it may have."""
    needed = held.hold.pages if held.hold else 0
    asked = reservation(held, 0, needed, today)
    return None if asked is None else hold(caps, used, asked, needed)


def smaller_cap(caps: Caps, pages: int) -> Period | None:
    """The period whose whole cap is smaller than so many pages; None if neither's is."""
    return next((period for period in Period if 0 < caps.most(period) < pages), None)


def turn_at(period: Period, now: float) -> float:
    """When the period that contains `now` ends, in epoch seconds."""
    if period is Period.DAY:
        return day_began_at(day(now)) + DAY_SECONDS
    at = datetime.fromtimestamp(now, UTC)
    following = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return datetime(*following, 1, tzinfo=UTC).timestamp()


def used_percent(caps: Caps, used: Used) -> float:
    """How much of the cap that is nearest to its limit is used; 0 without caps."""
    return max((100 * used.pages(period) / caps.most(period) for period in Period if caps.most(period)), default=0.0)
