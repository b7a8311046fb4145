"""What must hold of caps, and of the documents that they hold."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from simulation.history import History
from simulation.script import SKEW_SECONDS
from simulation.stack import LIFE_SECONDS, Sent
from textdrop.core.caps import Caps
from textdrop.core.documents import Document, DocumentState, DueKind, Period
from textdrop.core.ledger import day_began_at
from textdrop.core.results import HELD_SCHEMA


def check_row(history: History, before: Document, row: Document) -> None:
    """G1: a document waits for room only when it was told so, and leaves that in its turn."""
    waited = before.state is DocumentState.HELD and before.due_kind is DueKind.HELD
    waits = row.state is DocumentState.HELD and row.due_kind is DueKind.HELD
    if waits and not waited:
        history.held_since[row.id] = history.clock.true
        assert (row.id, row.run) in told(history), f"G1: {row} is held, and nobody was told"
    if row.state is DocumentState.RECOGNIZING and before.reserved_on != row.reserved_on and not row.released:
        check_turn(history, before, row)


def check_turn(history: History, before: Document, row: Document) -> None:
    """G1: nobody is sent on a new day before those who have waited and have room: of these the oldest comes first."""
    me = history.hub.current
    is_new = row.reserved_on not in history.reserved
    released = before.state is DocumentState.HELD
    if me is None or me.invocation.troubles or history.world.documents.index_is_held or not (released or is_new):
        return
    for other in history.holds():
        waited = history.held_since.get(other.id, history.clock.true) < me.invocation.began_at - 2 * SKEW_SECONDS
        is_older = not released or other.accepted_at < row.accepted_at
        if other.due_kind is DueKind.HELD and waited and is_older and other.hold is not None:
            fits = has_room(history, me.invocation.caps, row.reserved_on, other.hold.pages)
            assert not fits, f"G1: {row} is sent before {other}"


def has_room(history: History, caps: Caps, day: str, pages: int) -> bool:
    """Whether so many pages had room before the last reservation."""
    of_month = sum(reserved for each, reserved in history.reserved.items() if each[:7] == day[:7])
    in_day = not caps.pages_per_day or history.reserved.get(day, 0) + pages <= caps.pages_per_day
    return in_day and (not caps.pages_per_month or of_month + pages <= caps.pages_per_month)


def check_hold_message(history: History, message: dict[str, Any]) -> None:
    """G5: a run is told to be held before its outcome, but by who was held since before that."""
    me = history.hub.current
    ended = history.finals.get((message["document"], message["run"]))
    if ended is not None and me is not None:
        began_at = me.invocation.began_at
        assert began_at <= (ended.outcome_at or 0.0) + 1.0, f"G5: {message} after {ended}"


def told(history: History) -> set[tuple[str, int]]:
    """The runs that were told to be held."""
    messages = (json.loads(notice.body) for notice in history.world.notices.published)
    return {(each["document"], each["run"]) for each in messages if each["schema"] == HELD_SCHEMA}


def check_reserved(history: History) -> None:
    """G8: on no day the service took more than is reserved there, of those who go by caps."""
    assert min(history.world.reservations.days.values(), default=0) >= 0, f"G8: {history.world.reservations.days}"
    taken = Counter(sent.day for sent in history.sent if sent.by.invocation.caps.is_on)
    for day, pages in taken.items():
        reserved = history.world.reservations.days[day]
        assert pages <= reserved, f"G8: {pages} taken on {day}, {reserved} reserved"


def check_caps(history: History) -> None:
    """G8: no day and no month has more than its cap, but for what a person let be sent."""
    sent = history.sent[-1] if history.sent else None
    if sent is None or sent.released or not history.caps_since:
        return
    for period in Period:
        most = _most(history, period, sent)
        length = len("2026-11-29") if period is Period.DAY else len("2026-11")
        of_period = [each for each in history.sent if each.day[:length] == sent.day[:length] and not each.released]
        assert not most or len(of_period) <= most, f"G8: {len(of_period)} pages in the {period} of {sent.day}"


def _most(history: History, period: Period, sent: Sent) -> int:
    """The highest cap that somebody may have gone by since the period began; 0: none."""
    began_at = day_began_at(sent.day if period is Period.DAY else f"{sent.day[:7]}-01") - LIFE_SECONDS
    ends = [at for at, _ in history.caps_since[1:]] + [float("inf")]
    caps = [caps.most(period) for (_, caps), until in zip(history.caps_since, ends, strict=True) if until >= began_at]
    return 0 if 0 in caps else max(caps)


def check_given_back(history: History) -> None:
    """G8: at the end just that is reserved which may be billed, if there always were caps; of a page that was taken for
    unconfirmed until its late answer came, perhaps only what was sent."""
    assert not history.holds(), f"G1: {history.holds()} are held"
    if not all(caps.is_on for _, caps in history.caps_since):
        return
    days, entries = history.world.reservations.days, history.world.ledger.rows.values()
    submitted, unconfirmed = sum(entry.submitted for entry in entries), sum(entry.unconfirmed for entry in entries)
    counted = f"{submitted} submitted, {unconfirmed} unconfirmed, {dict(days)} reserved"
    assert submitted <= sum(days.values()) <= submitted + unconfirmed, f"G8: {counted}"
    taken = Counter(sent.day for sent in history.sent)
    assert not taken - days, f"G8: {counted}, {dict(taken)} taken"


def check_off(history: History, call: str) -> None:
    """G8: without caps, and without reuse, there is no call for them."""
    if call.startswith("reservations."):
        assert history.counts["act caps"], f"G8: {call} without caps"
    if call.startswith("sent_pages."):
        assert history.reused, f"G2: {call} without reuse"
