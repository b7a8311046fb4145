"""From the pixels of a page as it was recognised to the space in which a PDF page is drawn, and back.

The OCR service sees a page as a viewer shows it: cropped to its CropBox and turned by its /Rotate. Its pixels are
counted from the top left, rightwards and downwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Point = tuple[float, float]

LETTER = (0.0, 0.0, 612.0, 792.0)
"""What viewers take for a page without a usable box."""


class Matrix(NamedTuple):
    """(x, y) becomes (a·x + c·y + e, b·x + d·y + f), as PDF writes it."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def applied(self, x: float, y: float) -> Point:
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def after(self, first: Matrix) -> Matrix:
        """One matrix that does what `first` does and then what this one does."""
        return Matrix(
            first.a * self.a + first.b * self.c,
            first.a * self.b + first.b * self.d,
            first.c * self.a + first.d * self.c,
            first.c * self.b + first.d * self.d,
            first.e * self.a + first.f * self.c + self.e,
            first.e * self.b + first.f * self.d + self.f,
        )

    def inverted(self) -> Matrix:
        """Raises ZeroDivisionError if it flattens the plane."""
        determinant = self.a * self.d - self.b * self.c
        a, b = self.d / determinant, -self.b / determinant
        c, d = -self.c / determinant, self.a / determinant
        return Matrix(a, b, c, d, -(self.e * a + self.f * c), -(self.e * b + self.f * d))


IDENTITY = Matrix(1, 0, 0, 1, 0, 0)


class Box(NamedTuple):
    """A rectangle of a page, y pointing up."""

    left: float
    bottom: float
    right: float
    top: float


def visible_box(media_box: Sequence[float] | None, crop_box: Sequence[float] | None) -> Box:
    """What is shown of the page: the crop box within the media box. Their corners may be in any order; an unusable box
    counts as missing."""
    media = _box(media_box) or Box(*LETTER)
    crop = _box(crop_box) or media
    shown = (
        max(crop.left, media.left),
        max(crop.bottom, media.bottom),
        min(crop.right, media.right),
        min(crop.top, media.top),
    )
    return _box(shown, in_order=True) or media


def quarter_turns(rotate: object) -> int:
    """How many quarter turns clockwise (0 to 3) a page is shown at, whatever its /Rotate is."""
    try:
        return int(int(rotate) / 90) % 4  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return 0


def pixels_to_page(box: Box, turns: int, width: int, height: int) -> Matrix:
    """From pixels of the page as shown, which has width × height of them, to the page's own space. `box` is what is
    shown of the page, `turns` the quarter turns clockwise at which it is shown."""
    across, up = box.right - box.left, box.top - box.bottom
    match turns:
        case 1:
            return Matrix(0, up / width, across / height, 0, box.left, box.bottom)
        case 2:
            return Matrix(-across / width, 0, 0, up / height, box.right, box.bottom)
        case 3:
            return Matrix(0, -up / width, -across / height, 0, box.right, box.top)
    return Matrix(across / width, 0, 0, -up / height, box.left, box.top)


def _box(corners: Sequence[float] | None, *, in_order: bool = False) -> Box | None:
    if corners is None or len(corners) != 4 or not all(map(math.isfinite, corners)):
        return None
    x1, y1, x2, y2 = corners
    if in_order and (x1 >= x2 or y1 >= y2):
        return None
    box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    return box if box.left < box.right and box.bottom < box.top else None
