"""How many more pages have room under the caps, and in how many days all of them have."""

from __future__ import annotations

from textdrop.core import caps
from textdrop.core.caps import Caps, Used
from textdrop.core.documents import Period

MAX_DAYS = 3_660
"""Ten years: as good as forever."""


def now_for(limits: Caps, used: Used) -> int | None:
    """How many pages have room now; None: any number."""
    rooms = [limits.most(period) - used.pages(period) for period in Period if limits.most(period)]
    return max(0, min(rooms)) if rooms else None


def days_for(limits: Caps, used: Used, pages: int, now: float) -> int:
    """On how many days (UTC), starting today, so many pages are sent if nothing else is; at most ten years."""
    for days in range(1, MAX_DAYS):
        room = now_for(limits, used)
        if room is None or pages <= room:
            return days
        pages -= room
        is_last = caps.turn_at(Period.DAY, now) == caps.turn_at(Period.MONTH, now)
        used = Used(in_month=0 if is_last else used.in_month + room)
        now = caps.turn_at(Period.DAY, now)
    return MAX_DAYS
