"""How many pages the caps have room for, and in how many days."""

from __future__ import annotations

import pytest

from textdrop.core import room
from textdrop.core.caps import Caps, Used

NOON = 1_795_953_600.0
"""2026-11-29T12:00:00Z: a day before the month's last."""


@pytest.mark.parametrize(
    ("limits", "used", "pages"),
    [
        (Caps(), Used(7, 7), None),
        (Caps(10), Used(3, 90), 7),
        (Caps(0, 100), Used(3, 90), 10),
        (Caps(10, 100), Used(3, 95), 5),
        (Caps(10, 100), Used(12, 20), 0),
    ],
)
def test_the_cap_that_is_nearest_to_its_end_has_the_room(limits: Caps, used: Used, pages: int | None) -> None:
    assert room.now_for(limits, used) == pages


@pytest.mark.parametrize(
    ("limits", "used", "pages", "days"),
    [
        (Caps(), Used(), 1_000_000, 1),
        (Caps(10), Used(), 10, 1),
        (Caps(10), Used(), 11, 2),
        (Caps(10), Used(8, 8), 13, 3),
        (Caps(10), Used(12, 12), 1, 2),
        (Caps(0, 100), Used(), 100, 1),
        (Caps(0, 100), Used(), 101, 3),
        (Caps(0, 100), Used(), 201, 3 + 31),
        (Caps(10, 100), Used(0, 95), 6, 3),
        (Caps(10, 15), Used(), 15, 2),
        (Caps(10, 15), Used(), 15 + 15 + 1, 2 + 31 + 1),
        (Caps(1), Used(), 10**9, room.MAX_DAYS),
    ],
)
def test_pages_take_the_days_whose_caps_have_room(limits: Caps, used: Used, pages: int, days: int) -> None:
    assert room.days_for(limits, used, pages, NOON) == days
