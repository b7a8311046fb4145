"""Caps: what a document reserves and gives back, when it is held, and when a period turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from textdrop.core import caps
from textdrop.core.caps import NO_CAPS, Caps, Reservation, Used
from textdrop.core.documents import Document, DocumentState, Hold, Period, Source

TODAY, YESTERDAY, LAST_MONTH = "2026-11-29", "2026-11-28", "2026-10-31"
NONE_RESERVED = Document("d1", Source("uploads", "x.pdf"), DocumentState.RECOGNIZING, 0.0)


def having(reserved: int, day: str) -> Document:
    return replace(NONE_RESERVED, reserved=reserved, reserved_on=day)


@pytest.mark.parametrize(
    ("document", "made", "needed", "expected"),
    [
        (NONE_RESERVED, 0, 3, Reservation(3, TODAY, {TODAY: 3})),
        (NONE_RESERVED, 2, 3, Reservation(5, TODAY, {TODAY: 3})),  # sent before there was a cap
        (having(3, TODAY), 0, 3, None),
        (having(3, TODAY), 2, 1, None),
        (having(3, TODAY), 0, 2, None),  # one was reused since
        (having(3, TODAY), 1, 3, Reservation(4, TODAY, {TODAY: 1})),  # an answer was lost
        (having(3, TODAY), 5, 1, Reservation(6, TODAY, {TODAY: 1})),
        (having(3, YESTERDAY), 1, 2, Reservation(3, TODAY, {TODAY: 2, YESTERDAY: -2})),
        (having(3, YESTERDAY), 1, 1, Reservation(2, TODAY, {TODAY: 1, YESTERDAY: -2})),
        (having(3, YESTERDAY), 3, 1, Reservation(4, TODAY, {TODAY: 1})),
        (having(3, YESTERDAY), 4, 1, Reservation(5, TODAY, {TODAY: 1})),
        (having(3, YESTERDAY), 1, 0, None),
        (NONE_RESERVED, 0, 0, None),
    ],
)
def test_what_is_left_to_send_is_reserved_on_the_day_on_which_it_is_sent(
    document: Document, made: int, needed: int, expected: Reservation | None
) -> None:
    assert caps.reservation(document, made, needed, TODAY) == expected


@pytest.mark.parametrize(
    ("document", "made", "changes"),
    [
        (having(5, TODAY), 2, {TODAY: -3}),
        (having(5, YESTERDAY), 0, {YESTERDAY: -5}),
        (having(5, TODAY), 5, {}),
        (having(5, TODAY), 6, {}),
        (NONE_RESERVED, 0, {}),
    ],
)
def test_what_was_not_sent_is_given_back_to_its_day(document: Document, made: int, changes: Mapping[str, int]) -> None:
    assert caps.given_back(document, made) == changes


DAILY, MONTHLY, BOTH = Caps(10, 0), Caps(0, 100), Caps(10, 100)


@pytest.mark.parametrize(
    ("limits", "used", "needed", "hold"),
    [
        (NO_CAPS, Used(1_000_000, 1_000_000), 9, None),
        (DAILY, Used(5, 5_000), 5, None),
        (DAILY, Used(5, 5), 6, Hold(Period.DAY, 6, cap=10)),
        (DAILY, Used(0, 0), 10, None),
        (DAILY, Used(0, 0), 11, Hold(Period.DAY, 11, cap=10, is_larger=True)),
        (MONTHLY, Used(99, 99), 1, None),
        (MONTHLY, Used(99, 99), 2, Hold(Period.MONTH, 2, cap=100)),
        (MONTHLY, Used(0, 0), 101, Hold(Period.MONTH, 101, cap=100, is_larger=True)),
        (BOTH, Used(8, 98), 2, None),
        (BOTH, Used(8, 90), 3, Hold(Period.DAY, 3, cap=10)),
        (BOTH, Used(0, 98), 3, Hold(Period.MONTH, 3, cap=100)),
        (BOTH, Used(9, 99), 3, Hold(Period.MONTH, 3, cap=100)),
        (BOTH, Used(0, 99), 11, Hold(Period.DAY, 11, cap=10, is_larger=True)),  # no day is enough for it
        (Caps(200, 100), Used(0, 0), 101, Hold(Period.MONTH, 101, cap=100, is_larger=True)),
    ],
)
def test_pages_without_room_are_held_by_the_longer_period(
    limits: Caps, used: Used, needed: int, hold: Hold | None
) -> None:
    assert caps.hold(limits, used, Reservation(needed, TODAY, {TODAY: needed}), needed) == hold


def test_what_moves_within_a_month_needs_no_more_of_it() -> None:
    full = Used(0, 100)
    assert caps.hold(BOTH, full, Reservation(5, TODAY, {TODAY: 5, YESTERDAY: -5}), 5) is None
    lowered = Caps(10, 90)
    assert caps.hold(lowered, full, Reservation(5, TODAY, {TODAY: 5, YESTERDAY: -5}), 5) is None
    assert caps.hold(BOTH, full, Reservation(6, TODAY, {TODAY: 6, YESTERDAY: -5}), 6) == Hold(Period.MONTH, 6, cap=100)
    assert caps.hold(BOTH, full, Reservation(5, TODAY, {TODAY: 5, LAST_MONTH: -5}), 5) == Hold(Period.MONTH, 5, cap=100)


def test_of_a_document_in_the_middle_only_what_is_left_is_held_against_a_cap() -> None:
    middle = Reservation(14, TODAY, {TODAY: 1})
    assert caps.hold(DAILY, Used(9, 9), middle, 4) is None
    assert caps.hold(DAILY, Used(10, 10), middle, 4) == Hold(Period.DAY, 4, cap=10)


@pytest.mark.parametrize(
    ("limits", "used", "held", "hold"),
    [
        (NO_CAPS, Used(99, 99), NONE_RESERVED, None),
        (DAILY, Used(6, 6), NONE_RESERVED, None),
        (DAILY, Used(7, 7), NONE_RESERVED, Hold(Period.DAY, 4, cap=10)),
        (MONTHLY, Used(0, 97), having(9, LAST_MONTH), Hold(Period.MONTH, 4, cap=100)),
        (MONTHLY, Used(0, 97), having(1, YESTERDAY), None),
        (DAILY, Used(10, 10), having(4, TODAY), None),
        (Caps(3), Used(), NONE_RESERVED, Hold(Period.DAY, 4, cap=3, is_larger=True)),
    ],
)
def test_one_certainly_has_no_room_if_it_has_none_as_though_nothing_of_it_was_sent(
    limits: Caps, used: Used, held: Document, hold: Hold | None
) -> None:
    document = replace(held, hold=Hold(Period.DAY, 4))
    assert caps.certain_hold(limits, used, document, TODAY) == hold


@pytest.mark.parametrize(
    ("period", "now", "turn"),
    [
        (Period.DAY, "2026-11-29T12:00:00", "2026-11-30T00:00:00"),
        (Period.DAY, "2026-11-30T00:00:00", "2026-12-01T00:00:00"),
        (Period.DAY, "2028-02-28T23:59:59", "2028-02-29T00:00:00"),
        (Period.DAY, "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        (Period.MONTH, "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
        (Period.MONTH, "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        (Period.MONTH, "2027-02-28T12:00:00", "2027-03-01T00:00:00"),
        (Period.MONTH, "2028-02-29T12:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_a_period_turns_at_midnight_utc(period: Period, now: str, turn: str) -> None:
    at, then = (datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in (now, turn))
    assert caps.turn_at(period, at) == then


@pytest.mark.parametrize(
    ("limits", "percent"), [(NO_CAPS, 0.0), (Caps(8, 0), 50.0), (Caps(8, 40), 75.0), (Caps(4, 40), 100.0)]
)
def test_the_cap_that_is_nearest_to_its_end_is_told(limits: Caps, percent: float) -> None:
    assert caps.used_percent(limits, Used(4, 30)) == percent


@pytest.mark.parametrize(("limits", "is_on"), [(NO_CAPS, False), (DAILY, True), (MONTHLY, True)])
def test_one_cap_is_enough_to_count(limits: Caps, is_on: bool) -> None:
    assert limits.is_on == is_on
