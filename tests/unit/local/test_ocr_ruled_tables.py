"""Ruled tables are found in a bitmap, with their spans; what is no table is not."""

import random
from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw

from local.ocr.annotation import Box
from local.ocr.ruled_tables import RuledTable, find

INK = 20
XS, YS = (100, 300, 500, 900), (200, 260, 320, 400)


def page(size: tuple[int, int] = (1240, 1754), paper: int = 255) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", size, paper)
    return image, ImageDraw.Draw(image)


def rule(draw: ImageDraw.ImageDraw, xs: Sequence[int] = XS, ys: Sequence[int] = YS, width: int = 2) -> None:
    for x in xs:
        draw.line((x, ys[0], x, ys[-1]), fill=INK, width=width)
    for y in ys:
        draw.line((xs[0], y, xs[-1], y), fill=INK, width=width)


def blot(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    """Ink of the size of a letter, around this point."""
    draw.rectangle((x - 8, y - 9, x + 8, y + 9), outline=INK, width=4)


def spans(table: RuledTable) -> list[tuple[int, int, int, int]]:
    return [(cell.row, cell.column, cell.row_span, cell.column_span) for cell in table.cells]


def near(found: Box, true: Box, most: int = 3) -> bool:
    return all(abs(one - other) <= most for one, other in zip(found, true, strict=True))


PLAIN = [(row, column, 1, 1) for row in range(3) for column in range(3)]


def test_a_table_has_its_cells_from_line_to_line() -> None:
    image, draw = page()
    rule(draw)
    [table] = find(image)
    assert (table.rows, table.columns) == (3, 3)
    assert near(table.box, (XS[0], YS[0], XS[-1], YS[-1]))
    assert spans(table) == PLAIN
    for cell in table.cells:
        assert near(cell.box, (XS[cell.column], YS[cell.row], XS[cell.column + 1], YS[cell.row + 1]))


def test_a_cell_knows_whether_something_is_printed_in_it() -> None:
    image, draw = page()
    rule(draw)
    blot(draw, 400, 290)
    draw.point([(150, 230), (700, 360)], fill=INK)
    [table] = find(image)
    assert [(cell.row, cell.column) for cell in table.cells if cell.has_ink] == [(1, 1)]


def test_places_without_a_line_between_them_are_one_cell() -> None:
    image, draw = page()
    rule(draw)
    draw.rectangle((XS[0] + 3, YS[0] + 3, XS[2] - 3, YS[1] - 3), fill=255)  # two columns
    draw.rectangle((XS[2] + 3, YS[1] + 3, XS[3] - 3, YS[3] - 3), fill=255)  # two rows
    [table] = find(image)
    assert spans(table) == [
        (0, 0, 1, 2),
        (0, 2, 1, 1),
        (1, 0, 1, 1),
        (1, 1, 1, 1),
        (1, 2, 2, 1),
        (2, 0, 1, 1),
        (2, 1, 1, 1),
    ]


def test_places_that_are_open_to_each_other_but_no_rectangle_stay_apart() -> None:
    image, draw = page()
    rule(draw, XS[:3], YS[:3])
    draw.rectangle((XS[0] + 3, YS[0] + 3, XS[2] - 3, YS[1] - 3), fill=255)
    draw.rectangle((XS[0] + 3, YS[1] - 3, XS[1] - 3, YS[2] - 3), fill=255)
    [table] = find(image)
    assert spans(table) == [(0, 0, 1, 2), (1, 0, 1, 1), (1, 1, 1, 1)]


def test_noise_and_broken_lines_change_nothing() -> None:
    image, draw = page()
    rule(draw, width=3)
    chance = random.Random(4)
    for _ in range(40_000):
        x, y = chance.randrange(image.width), chance.randrange(image.height)
        image.putpixel((x, y), chance.choice((0, 255)))
    [table] = find(image)
    assert spans(table) == PLAIN
    assert not any(cell.has_ink for cell in table.cells)


@pytest.mark.parametrize("degrees", [-0.4, 0.4])
def test_a_page_need_not_lie_quite_straight(degrees: float) -> None:
    image, draw = page()
    rule(draw)
    [table] = find(image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255))
    assert spans(table) == PLAIN


@pytest.mark.parametrize("shades", [(255, 190), (150, 200)])
def test_paper_may_be_grey_and_a_head_shaded(shades: tuple[int, int]) -> None:
    image, draw = page(paper=shades[0])
    draw.rectangle((XS[0], YS[0], XS[-1], YS[1]), fill=shades[1])
    rule(draw)
    blot(draw, 400, 230)
    [table] = find(image)
    assert spans(table) == PLAIN
    assert [(cell.row, cell.column) for cell in table.cells if cell.has_ink] == [(0, 1)]


@pytest.mark.parametrize("factor", [2, 3])
def test_a_finer_bitmap_has_the_same_table(factor: int) -> None:
    image, draw = page()
    rule(draw)
    [table] = find(image.resize((image.width * factor, image.height * factor)))
    assert spans(table) == PLAIN
    assert near(table.box, (XS[0] * factor, YS[0] * factor, XS[-1] * factor, YS[-1] * factor), 3 * factor)


def test_a_table_that_is_open_at_its_sides_ends_where_its_lines_do() -> None:
    image, draw = page()
    rule(draw)
    for x in (XS[0], XS[-1]):
        draw.rectangle((x - 2, YS[0] + 2, x + 2, YS[1] - 2), fill=255)
        draw.rectangle((x - 2, YS[1] + 2, x + 2, YS[2] - 2), fill=255)
        draw.rectangle((x - 2, YS[2] + 2, x + 2, YS[3] - 2), fill=255)
    [table] = find(image)
    assert spans(table) == PLAIN
    assert near(table.box, (XS[0], YS[0], XS[-1], YS[-1]))


def test_tables_come_from_top_to_bottom() -> None:
    image, draw = page()
    rule(draw, ys=[1000 + y for y in YS])
    rule(draw, XS[:3])
    assert [(table.rows, table.columns) for table in find(image)] == [(3, 2), (3, 3)]


def test_a_page_without_lines_has_no_table() -> None:
    image, draw = page()
    for y in range(100, 1600, 44):
        for x in range(120, 1100, 18):
            blot(draw, x, y)
    assert find(image) == []


@pytest.mark.parametrize(
    ("xs", "ys"),
    [((100, 900), (200, 600)), ((100, 400, 600, 900), (200, 600)), ((100, 900), (200, 400, 500, 600))],
    ids=["a frame", "a frame in columns", "a frame in rows"],
)
def test_a_frame_is_no_table(xs: Sequence[int], ys: Sequence[int]) -> None:
    image, draw = page()
    rule(draw, xs, ys, width=3)
    assert find(image) == []


def test_underlines_strokes_bars_and_pictures_are_no_lines_of_a_table() -> None:
    image, draw = page()
    rule(draw)
    draw.line((320, 300, 480, 300), fill=INK, width=2)  # below a word
    draw.line((400, 350, 400, YS[3]), fill=INK, width=3)  # a long stroke, down to the line
    draw.rectangle((XS[2], 345, XS[3], 365), fill=INK)
    draw.rectangle((120, 335, 280, 385), fill=INK)
    [table] = find(image)
    assert spans(table) == PLAIN


def test_a_drawing_of_very_many_lines_is_passed_over() -> None:
    image, draw = page()
    rule(draw, range(20, 1230, 9), range(20, 1740, 9), width=1)
    assert find(image) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3)])
def test_slips_of_paper_have_no_table(size: tuple[int, int]) -> None:
    assert find(page(size, INK)[0]) == []
