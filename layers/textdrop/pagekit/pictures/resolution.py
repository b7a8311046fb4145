"""The resolution at which an image was scanned, if what it says about that is believable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MIN_DPI, MAX_DPI = 75, 2400
# 72 and 96 are written by programs that do not know the resolution.
MEANINGLESS_DPI = (72, 96)


def believable_dpi(stated: Any) -> tuple[float, float] | None:
    """Dots per inch across and down; None if the file says nothing, or nothing that a scanner would."""
    if not isinstance(stated, Sequence) or len(stated) != 2:
        return None
    try:
        across, down = float(stated[0]), float(stated[1])
    except (ArithmeticError, TypeError, ValueError):
        return None
    if not all(MIN_DPI <= each <= MAX_DPI and round(each) not in MEANINGLESS_DPI for each in (across, down)):
        return None
    return across, down
