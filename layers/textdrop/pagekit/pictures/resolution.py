"""How fine an image was scanned, as far as what it says of itself can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MIN_DPI, MAX_DPI = 75, 2400
# 72 and 96 are what programs write that do not know the resolution.
MEANINGLESS_DPI = (72, 96)


def believable_dpi(stated: Any) -> tuple[float, float] | None:
    """Dots per inch across and down; None if nothing is stated, or nothing that a scanner would."""
    if not isinstance(stated, Sequence) or len(stated) != 2:
        return None
    try:
        across, down = float(stated[0]), float(stated[1])
    except (ArithmeticError, TypeError, ValueError):
        return None
    if not all(MIN_DPI <= each <= MAX_DPI and round(each) not in MEANINGLESS_DPI for each in (across, down)):
        return None
    return across, down
