"""A ruled table is found in a bitmap; what is no table is not."""

from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw

from local.ocr.ruled_tables import find

XS, YS = [100, 300, 500, 900], [200, 260, 320, 400]


def page(xs: Sequence[int] = (), ys: Sequence[int] = ()) -> Image.Image:
    """Lines of letters, and below them these rules."""
    image = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(image)
    for top in range(600, 1600, 44):
        for left in range(120, 1100, 18):
            draw.rectangle((left, top, left + 16, top + 18), outline=20, width=4)
    for x in xs:
        draw.line((x, ys[0], x, ys[-1]), fill=20, width=3)
    for y in ys:
        draw.line((xs[0], y, xs[-1], y), fill=20, width=3)
    return image


@pytest.mark.parametrize("factor", [1, 2])
def test_a_table_is_where_its_rules_are(factor: int) -> None:
    image = page(XS, YS)
    found = find(image.resize((image.width * factor, image.height * factor)))
    assert found is not None
    for edges, true in zip(found, (XS, YS), strict=True):
        assert [round(edge / factor / 5) * 5 for edge in edges] == true


@pytest.mark.parametrize(
    ("xs", "ys"),
    [((), ()), ((100, 900), (200, 600)), ((100, 400, 900), (200, 600)), ((100, 900), (200, 400, 600))],
    ids=["no lines", "a frame", "a frame in columns", "a frame in rows"],
)
def test_what_is_no_table_is_none(xs: Sequence[int], ys: Sequence[int]) -> None:
    assert find(page(xs, ys)) is None
