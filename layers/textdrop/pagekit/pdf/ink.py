"""What can be seen on a page, as a small grey picture shows it: ink is wherever its shade changes.

So a page's colour and shaded cells are none, and white letters on a dark ground are.
"""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image, ImageChops, ImageDraw

DPI = 72
"""Of the picture: letters of four points have some pixels in it."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the picture."""

_CONTRAST = 32
_DARK = 128
# Boxes reach so many pixels and such a share of their height further: letters lean out of them, unseen text often has
# nothing below its base line, and a pixel's ink may be its neighbour's.
_WIDER, _WIDER_SHARE = 2, 0.1
_RULE_PIXELS = 16
_RULE_THICKNESS = 4
# Of the pixels of a word's box.
_LEAST_INK = 0.08


class Ink:
    """The ink of a page."""

    def __init__(self, picture: Image.Image) -> None:
        """`picture` is grey."""
        self.size = picture.size
        self._dark = picture.point([255] * _DARK + [0] * (256 - _DARK))
        changes = [ImageChops.difference(picture, _moved(picture, picture, *by)) for by in ((1, 0), (0, 1))]
        self._ink = ImageChops.lighter(*changes).point([0] * _CONTRAST + [255] * (256 - _CONTRAST))

    def is_in(self, box: Box) -> bool:
        """Whether there is as much as a word has."""
        left, top, right, bottom = box
        # Ink is where a shade differs from that to the left or above.
        part = self._ink.crop((int(left), int(top), int(right) + 2, int(bottom) + 2))
        return part.histogram()[255] > _LEAST_INK * part.width * part.height

    def is_outside(self, boxes: Iterable[Box], most: int) -> bool:
        """Whether more pixels than that have ink that is in none of the boxes, widened a little, and of no straight
        rule."""
        left_over = self._ink.copy()
        draw = ImageDraw.Draw(left_over)
        for left, top, right, bottom in boxes:
            wider = _WIDER + _WIDER_SHARE * min(right - left, bottom - top)
            draw.rectangle((left - wider, top - wider, right + wider, bottom + wider), fill=0)
        # Rules take most of the time to find.
        if left_over.histogram()[255] <= most:
            return False
        return ImageChops.subtract(left_over, self._rules()).histogram()[255] > most

    def _rules(self) -> Image.Image:
        """Long and thin runs of ink, level and upright. Where two of them cross, no shade changes, but it is dark."""
        rules = Image.new("L", self.size)
        for drawn in (self._ink, ImageChops.lighter(self._ink, self._dark)):
            for dx, dy in ((1, 0), (0, 1)):
                long = _runs(drawn, _RULE_PIXELS, dx, dy)
                thin = ImageChops.subtract(long, _runs(long, _RULE_THICKNESS + 1, dy, dx))
                rules = ImageChops.lighter(rules, thin)
        return rules


def are_stacked(boxes: Iterable[Box], size: tuple[int, int]) -> bool:
    """Whether one of the boxes, whose middles are on a picture of that size, has its middle in one of those before."""
    painted = Image.new("1", size)
    draw = ImageDraw.Draw(painted)
    for left, top, right, bottom in boxes:
        middle = (min(int((left + right) / 2), size[0] - 1), min(int((top + bottom) / 2), size[1] - 1))
        if painted.getpixel(middle):
            return True
        draw.rectangle((left, top, right, bottom), fill=1)
    return False


def _runs(ink: Image.Image, pixels: int, dx: int, dy: int) -> Image.Image:
    """Those pixels of the ink that are in a row of at least so many in a direction."""
    nothing = Image.new("L", ink.size)
    starts, length = ink, 1
    while length < pixels:
        step = min(length, pixels - length)
        starts = ImageChops.darker(starts, _moved(starts, nothing, -dx * step, -dy * step))
        length += step
    runs, length = starts, 1
    while length < pixels:
        step = min(length, pixels - length)
        runs = ImageChops.lighter(runs, _moved(runs, nothing, dx * step, dy * step))
        length += step
    return runs


def _moved(picture: Image.Image, ground: Image.Image, dx: int, dy: int) -> Image.Image:
    """The picture moved to the right and down, over the ground."""
    moved = ground.copy()
    moved.paste(picture, (dx, dy))
    return moved
