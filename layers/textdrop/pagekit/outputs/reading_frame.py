"""Where things stand on a page that is held upright, as its text is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pagekit.page import Polygon, RecognisedPage


class Box(NamedTuple):
    """An upright rectangle in pixels, y pointing down."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def is_known(self) -> bool:
        """Whether it has an extent. If the service gave no position, all points are zero."""
        return self.right > self.left and self.bottom > self.top

    def holds_middle_of(self, other: Box) -> bool:
        across, down = other.left + other.right, other.top + other.bottom
        return 2 * self.left <= across <= 2 * self.right and 2 * self.top <= down <= 2 * self.bottom


def box_reader(page: RecognisedPage) -> Callable[[Polygon], Box]:
    """Returns what gives the box of a polygon of this page, turned back by the page's `rotate`."""
    width, height, rotate = page["width"], page["height"], page["rotate"]

    def box(polygon: Polygon) -> Box:
        xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
        if not (any(xs) or any(ys)):
            return Box(0, 0, 0, 0)
        left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
        if rotate == 90:
            return Box(top, width - right, bottom, width - left)
        if rotate == 180:
            return Box(width - right, height - bottom, width - left, height - top)
        if rotate == 270:
            return Box(height - bottom, left, height - top, right)
        return Box(left, top, right, bottom)

    return box
