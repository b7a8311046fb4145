"""From pixels to the space of a page and back."""

from __future__ import annotations

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, Pdf

from pagekit.pdf.page_geometry import LETTER, Box, Matrix, pixels_to_page, quarter_turns, visible_box
from unit.pagekit import making
from unit.pagekit.outputs import reading

coordinates = st.floats(-2000, 2000)
lengths = st.floats(1, 3000)
boxes = st.builds(
    lambda left, bottom, width, height: Box(left, bottom, left + width, bottom + height),
    coordinates,
    coordinates,
    lengths,
    lengths,
)
turns = st.integers(0, 3)
sizes = st.integers(1, 12_000)
shares = st.floats(0, 1)


@given(boxes, turns, sizes, sizes, shares, shares)
def test_a_pixel_comes_back_to_its_place(box: Box, turn: int, width: int, height: int, x: float, y: float) -> None:
    matrix = pixels_to_page(box, turn, width, height)
    back = matrix.inverted().applied(*matrix.applied(x * width, y * height))
    assert back == pytest.approx((x * width, y * height), abs=1e-6 * max(width, height))


@given(boxes, turns, sizes, sizes)
def test_the_corners_of_the_picture_are_those_of_the_box(box: Box, turn: int, width: int, height: int) -> None:
    matrix = pixels_to_page(box, turn, width, height)
    corners = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    # A page that is shown turned once clockwise has its lower left corner at the upper left.
    corners = corners[-turn:] + corners[:-turn]
    shown = [(0, 0), (width, 0), (width, height), (0, height)]
    for corner, (x, y) in zip(corners, shown, strict=True):
        assert matrix.applied(x, y) == pytest.approx(corner, abs=1e-6)


@given(boxes, boxes)
def test_what_is_shown_is_within_both_boxes_if_they_meet(media: Box, crop: Box) -> None:
    shown = visible_box(media, crop)
    within = Box(
        max(media.left, crop.left),
        max(media.bottom, crop.bottom),
        min(media.right, crop.right),
        min(media.top, crop.top),
    )
    meets = within.left < within.right and within.bottom < within.top
    assert shown == (within if meets else media)


@given(boxes, boxes)
def test_the_order_of_the_corners_does_not_matter(media: Box, crop: Box) -> None:
    def turned(box: Box) -> tuple[float, float, float, float]:
        return box.right, box.top, box.left, box.bottom

    assert visible_box(turned(media), turned(crop)) == visible_box(media, crop)


@pytest.mark.parametrize("box", [None, [], [0, 0, 0, 100], [1, 2, 3], [0, 0, float("inf"), 9]])
def test_a_box_that_says_nothing_counts_as_missing(box: list[float] | None) -> None:
    assert visible_box(box, None) == LETTER
    assert visible_box([0, 0, 50, 60], box) == (0, 0, 50, 60)


@given(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(100, 300), st.integers(100, 300)),
    st.tuples(st.integers(-80, 90), st.integers(-80, 90), st.integers(110, 400), st.integers(110, 400)),
    st.sampled_from([-270, -90, -45, 0, 45, 90, 180, 270, 360, 450]),
    shares,
    shares,
)
def test_pdfium_shows_the_place_at_the_same_pixel(
    media: tuple[int, ...], crop: tuple[int, ...], rotate: int, x: float, y: float
) -> None:
    def draw(document: Pdf) -> None:
        page = document.add_blank_page(page_size=(100, 100))
        page.MediaBox, page.CropBox, page.Rotate = Array(media), Array(crop), rotate

    width, height = 4000, 3000
    matrix = pixels_to_page(visible_box(media, crop), quarter_turns(rotate), width, height)
    place = matrix.applied(x * width, y * height)
    with pypdfium2.PdfDocument(making.made(draw)) as document:
        pixel = reading.pixel(document[0], place, (width, height))
        assert pixel == pytest.approx((x * width, y * height), abs=1.1)


def test_one_matrix_does_what_two_do() -> None:
    first, second = Matrix(1, 2, 3, 5, 7, 11), Matrix(13, 17, 19, 23, 29, 31)
    assert second.after(first).applied(3, 4) == second.applied(*first.applied(3, 4))


@pytest.mark.parametrize(("rotate", "turns"), [(None, 0), ("90", 1), (1e400, 0), (-90, 3), (720, 0), (89, 0)])
def test_whatever_rotate_is_it_means_a_number_of_turns(rotate: object, turns: int) -> None:
    assert quarter_turns(rotate) == turns
