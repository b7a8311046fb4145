"""Finds ruled tables in a bitmap: lines as long runs of ink, the grid they make, its cells and their spans.

Pages lie straight, to within about half a degree. A single frame is no table, and neither is what has no lines.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from PIL import Image, ImageChops, ImageFilter, ImageOps

from local.ocr.annotation import Box, enclosing

# Bitmaps are looked at in about this size, A4 at 150 dpi: lines are still seen, and a page takes half a second.
LONGER_SIDE = 1754
# A line is at least this share of the longer side, which is the height of a row, and more than a letter's.
LINE_SHARE = 1 / 50
# Paper is what is left when everything dark that is narrower than this is painted over; it may be grey or uneven.
WIDEST_INK = 24
# By how much ink is darker than its paper, of 255.
LEAST_DARKER = 60
# A drawing or a hatching has more lines than a table, and takes too long to look at.
MOST_LINES = 300


@dataclass(frozen=True)
class RuledCell:
    """A cell: its place and spans count from 0 and 1; `box` runs from line to line, in pixels of the bitmap.

    `has_ink`: something is printed in it.
    """

    row: int
    column: int
    row_span: int
    column_span: int
    box: Box
    has_ink: bool


@dataclass(frozen=True)
class RuledTable:
    """A table; its cells, from left to right and row by row, leave no place out."""

    rows: int
    columns: int
    box: Box
    cells: tuple[RuledCell, ...]


@dataclass(frozen=True)
class _Line:
    """A line that runs from `start` to `end` at the other coordinate `at`."""

    at: int
    start: int
    end: int


def find(image: Image.Image) -> list[RuledTable]:
    """The ruled tables of a grey bitmap, from top to bottom; each has two rows and two columns at least."""
    factor = max(1, round(max(image.size) / LONGER_SIDE))
    ink = _ink(image.reduce(factor) if factor > 1 else image)
    length = max(12, round(max(ink.size) * LINE_SHARE))
    reach = length // 4
    across = _horizontal_lines(ink, length)
    down = _horizontal_lines(ink.transpose(Image.Transpose.TRANSPOSE), length)
    if len(across) + len(down) > MOST_LINES:
        return []
    groups = [_table(*group, ink, reach, factor) for group in _groups(across, down, reach)]
    return sorted((table for table in groups if table is not None), key=lambda table: (table.box[1], table.box[0]))


def _ink(image: Image.Image) -> Image.Image:
    """255 where something dark and narrow stands on lighter paper, else 0."""
    margin = WIDEST_INK
    paper = ImageOps.expand(image, margin, 255)
    for turned in (False, True):
        paper = _upright(_narrowed(_widened(_upright(paper, turned), WIDEST_INK), WIDEST_INK), turned)
    paper = paper.crop((margin, margin, margin + image.width, margin + image.height))
    return ImageChops.subtract(paper, image).point(lambda darker: 255 if darker >= LEAST_DARKER else 0)


def _upright(image: Image.Image, turned: bool) -> Image.Image:
    return image.transpose(Image.Transpose.TRANSPOSE) if turned else image


def _narrowed(image: Image.Image, length: int) -> Image.Image:
    """Each pixel is the darkest of so many that begin with it, to the right."""
    return _along(image, length, ImageChops.darker, 1)


def _widened(image: Image.Image, length: int) -> Image.Image:
    """Each pixel is the lightest of so many that end with it, from the left."""
    return _along(image, length, ImageChops.lighter, -1)


def _along(
    image: Image.Image, length: int, pick: Callable[[Image.Image, Image.Image], Image.Image], direction: int
) -> Image.Image:
    reached = 1
    while reached < length:
        step = min(reached, length - reached)
        shift = direction * step
        image = pick(image, image.crop((shift, 0, shift + image.width, image.height)))
        reached += step
    return image


def _horizontal_lines(ink: Image.Image, length: int) -> list[_Line]:
    """The lines of at least this length. A line may step up or down, as one that is not quite straight does."""
    width, height = ink.size
    thicker = ink
    for shift in (-1, 1):  # so that a hole in a line does not cut it, nor a step
        thicker = ImageChops.lighter(thicker, ink.crop((0, shift, width, shift + height)))
    runs = _widened(_narrowed(thicker, length), length).tobytes()
    finished: list[_Strip] = []
    growing: list[_Strip] = []
    for y in range(height):
        following: list[_Strip] = []
        for run in re.finditer(rb"\xff+", runs[y * width : (y + 1) * width]):
            left, right = run.span()
            above = [strip for strip in growing if strip.left < right and left < strip.right]
            strip = _Strip(left, right, [(left, y, right, y + 1), *(box for each in above for box in each.boxes)])
            growing = [other for other in growing if other not in above]
            following.append(strip)
        finished += growing
        growing = following
    boxes = [enclosing(strip.boxes) for strip in finished + growing]
    # What is thicker is no line but something dark.
    return [
        _Line((top + bottom) // 2, left, right) for left, top, right, bottom in boxes if bottom - top <= length // 2
    ]


@dataclass(frozen=True)
class _Strip:
    """Rows of a line so far, of which the last runs from `left` to `right`."""

    left: int
    right: int
    boxes: list[Box]


def _cross(across: _Line, down: _Line, reach: int) -> bool:
    return across.start - reach <= down.at <= across.end + reach and down.start - reach <= across.at <= down.end + reach


def _groups(across: list[_Line], down: list[_Line], reach: int) -> list[tuple[set[_Line], set[_Line]]]:
    """Lines that hang together. One that crosses a single other is an underline or the stroke of a letter."""
    down = [line for line in down if sum(_cross(other, line, reach) for other in across) > 1]
    groups: list[tuple[set[_Line], set[_Line]]] = []
    for line in across:
        crossed = {other for other in down if _cross(line, other, reach)}
        if len(crossed) > 1:
            joined = [group for group in groups if group[1] & crossed]
            groups = [group for group in groups if group not in joined]
            groups.append(({line}.union(*(group[0] for group in joined)), crossed.union(*(g[1] for g in joined))))
    return groups


def _table(across: set[_Line], down: set[_Line], ink: Image.Image, reach: int, factor: int) -> RuledTable | None:
    """The table of lines that hang together; None when they make none."""
    ys, xs = _edges(across, down, reach), _edges(down, across, reach)
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows < 2 or columns < 2:
        return None
    # Whether there is a line above a place, and to the left of it.
    above = [[_covered(lines, *place) for place in pairwise(xs)] for lines in _by_edge(across, ys)]
    left = list(
        zip(*([_covered(lines, *place) for place in pairwise(ys)] for lines in _by_edge(down, xs)), strict=True)
    )
    cells = []
    for row, column, row_span, column_span in _spans(rows, columns, above, left):
        box = xs[column], ys[row], xs[column + column_span], ys[row + row_span]
        cells.append(RuledCell(row, column, row_span, column_span, _scaled(box, factor), _has_ink(ink, box, reach)))
    return RuledTable(rows, columns, _scaled((xs[0], ys[0], xs[-1], ys[-1]), factor), tuple(cells))


def _edges(lines: set[_Line], others: set[_Line], reach: int) -> list[int]:
    """Where rows, or columns, end: at the lines, near ones taken together, and where the lines that cross them end."""
    clusters: list[list[int]] = []
    for at in sorted(line.at for line in lines):
        if not clusters or at - clusters[-1][-1] > reach:
            clusters.append([])
        clusters[-1].append(at)
    edges = [sum(cluster) // len(cluster) for cluster in clusters]
    first, last = min(line.start for line in others), max(line.end for line in others)
    return [first] * (edges[0] - first > reach) + edges + [last] * (last - edges[-1] > reach)


def _by_edge(lines: set[_Line], edges: list[int]) -> list[list[_Line]]:
    """The lines at each edge."""
    found: dict[int, list[_Line]] = {edge: [] for edge in edges}
    for line in lines:
        found[min(edges, key=lambda edge: abs(edge - line.at))].append(line)
    return list(found.values())


def _covered(lines: list[_Line], start: int, end: int) -> bool:
    """Whether the lines run along most of the way."""
    return 2 * sum(max(0, min(line.end, end) - max(line.start, start)) for line in lines) > end - start


def _spans(
    rows: int, columns: int, above: Sequence[Sequence[bool]], left: Sequence[Sequence[bool]]
) -> list[tuple[int, int, int, int]]:
    """Row, column, row span and column span of each cell: places without a line between them are one."""
    taken: set[tuple[int, int]] = set()
    cells = []
    for row, column in product(range(rows), range(columns)):
        if (row, column) in taken:
            continue
        right = column + 1
        while right < columns and (row, right) not in taken and not left[row][right]:
            right += 1
        bottom = row + 1
        while bottom < rows and _goes_on(range(column, right), above[bottom], left[bottom]):
            bottom += 1
        taken |= set(product(range(row, bottom), range(column, right)))
        cells.append((row, column, bottom - row, right - column))
    return cells


def _goes_on(columns: range, above: Sequence[bool], left: Sequence[bool]) -> bool:
    """Whether a cell of these columns goes on in a row with these lines."""
    return not any(above[column] for column in columns) and not any(left[column] for column in columns[1:])


def _has_ink(ink: Image.Image, box: Box, reach: int) -> bool:
    """Whether more than specks is within the lines."""
    left, top, right, bottom = box
    inset = reach // 2 + 1
    if right - left <= 2 * inset or bottom - top <= 2 * inset:
        return False
    inside = ink.crop((left + inset, top + inset, right - inset, bottom - inset))
    return inside.filter(ImageFilter.MedianFilter(3)).getbbox() is not None


def _scaled(box: Box, factor: int) -> Box:
    left, top, right, bottom = box
    return left * factor, top * factor, right * factor, bottom * factor
