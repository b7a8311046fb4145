"""Finds the ruled table of a straight page: one whose rules run from edge to edge, so that no cell spans others."""

import re

from PIL import Image

INK = 128
"""Darker pixels are ink."""
LEAST_SHARE = 12
"""A rule is longer than the longer side divided by this, and so longer than any letter is high."""


def find(image: Image.Image) -> tuple[list[int], list[int]] | None:
    """The positions of the vertical and the horizontal rules of a grey bitmap, including the table's edges; None if
    they do not make two rows and two columns."""
    ink = image.point(lambda value: 255 if value < INK else 0)
    least = max(image.size) // LEAST_SHARE
    xs, ys = _rules(ink.transpose(Image.Transpose.TRANSPOSE), least), _rules(ink, least)
    return (xs, ys) if len(xs) > 2 and len(ys) > 2 else None


def _rules(ink: Image.Image, least: int) -> list[int]:
    """The rows in which ink runs that far; adjacent rows are one rule."""
    width, pixels = ink.width, ink.tobytes()
    rules: list[list[int]] = []
    for y in range(ink.height):
        if re.search(rb"\xff{%d}" % least, pixels[y * width : (y + 1) * width]):
            if not rules or y - rules[-1][-1] > 1:
                rules.append([])
            rules[-1].append(y)
    return [sum(rows) // len(rows) for rows in rules]
