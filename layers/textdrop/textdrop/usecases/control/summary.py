"""summary: what became of documents, what they cost, and what is in flight."""

from __future__ import annotations

from typing import Any

from textdrop.core import control, cursors, ledger
from textdrop.core.cursors import DaysCursor
from textdrop.core.documents import DocumentState, DueKind
from textdrop.core.errors import Refused, RequestRefused
from textdrop.core.policy import DAY_SECONDS
from textdrop.core.requests import MAX_DAYS, Summary
from textdrop.core.results import timestamp
from textdrop.ports import ControlPorts
from textdrop.usecases.control.in_flight import InFlight, in_flight
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.sums import summed

DAYS = 30


def summary(ports: ControlPorts, settings: ControlSettings, asked: Summary) -> dict[str, Any]:
    """The sums of whole days (UTC), the last one until now. If they are not complete, some that ended are missing, and
    another call continues.

    Raises RequestRefused and StoreUnavailable.
    """
    now = ports.clock.now()
    place = asked.cursor or _days(asked, now)
    sums = summed(ports, place.since, place.until)
    flying = in_flight(ports)
    return {
        "since": timestamp(place.since),
        "until": timestamp(min(place.until, sums.until)),
        "complete": sums.is_complete,
        "cursor": None if sums.is_complete else cursors.to_text(place),
        **control.sums(sums.days, ports.prices),
        "active": _active(flying),
        "oldest": control.oldest(flying.rows, now),
        "pause": control.pause(ports.pause.read()),
        "caps": caps_used(ports, settings),
    }


def caps_used(ports: ControlPorts, settings: ControlSettings) -> dict[str, Any] | None:
    """How much of the caps is used now; None without caps. Raises StoreUnavailable."""
    if not settings.caps.is_on:
        return None
    now = ports.clock.now()
    return control.caps_used(settings.caps, ports.reservations.read(ledger.day(now)), now)


def _days(asked: Summary, now: float) -> DaysCursor:
    """From the beginning of the first day to the end of the last. Raises RequestRefused."""
    last = now if asked.until is None else min(asked.until, now)
    since = last - DAYS * DAY_SECONDS if asked.since is None else min(asked.since, last)
    if last - since > MAX_DAYS * DAY_SECONDS:
        what = f"The summary would be of more than {MAX_DAYS:,} days."
        raise RequestRefused(Refused.BAD_REQUEST, what, "Give a later since, or an earlier until.")
    until = ledger.day_began_at(ledger.day(last)) + DAY_SECONDS
    return DaysCursor(ledger.day_began_at(ledger.day(since)), until - 0.001)


def _active(flying: InFlight) -> dict[str, Any]:
    """Documents in flight by state.

    The first of those due for submitting are accepted, so only the last ones, some of which a worker has, are read. Of
    those due for delivery the first are read: their message that they are held may still be due.
    """
    recognizing = sum(row.state is DocumentState.RECOGNIZING for row in flying.submitting)
    untold = sum(row.state is DocumentState.HELD and row.due_kind is DueKind.DELIVER for row in flying.rows)
    counts = flying.counts
    return {
        "accepted": counts[DueKind.SUBMIT] - recognizing,
        "recognizing": counts[DueKind.RECHECK] + recognizing,
        "held": counts[DueKind.HELD] + untold,
        "delivering": max(0, counts[DueKind.DELIVER] - untold),
        "backfill": counts[DueKind.BACKFILL],
        "pages_running": counts[DueKind.ASK],
        "at_most": flying.at_most,
    }
