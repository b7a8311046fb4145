"""Which pages are known to be blank, and which are not though there is no word on them."""

from __future__ import annotations

import io
from typing import Any

import img2pdf
import pikepdf
import pytest
from PIL import Image, ImageDraw

from pagekit.blank import is_blank
from pagekit.limits import MediaType
from pagekit.pdf.document import PdfDocument
from unit.pagekit import making
from unit.pagekit.opening.opening import LIMITS

SIZE = (1240, 1754)


def drawn(mode: str) -> Image.Image:
    """A sheet with a small drawing on it."""
    image = Image.new(mode, SIZE, "white")
    ImageDraw.Draw(image).ellipse((300, 300, 420, 380), outline="black", width=3)
    return image


@pytest.mark.parametrize("colour", ["white", "black", "#f4f1e8"])
@pytest.mark.parametrize(
    ("form", "save"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"subsampling": 0, "quality": 95}),
        ("JPEG", {"optimize": True}),
        ("PNG", {}),
        ("PNG", {"compress_level": 1}),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_image_of_one_colour_is_blank_and_one_with_a_drawing_is_not(
    form: str, save: dict[str, Any], mode: str, colour: str
) -> None:
    media_type: MediaType = "image/jpeg" if form == "JPEG" else "image/png"
    assert is_blank(making.encoded(Image.new(mode, SIZE, colour), form, **save), media_type)
    assert not is_blank(making.encoded(drawn(mode), form, **save), media_type)


def test_noise_is_not_blank() -> None:
    assert not is_blank(making.jpeg(), "image/jpeg")
    assert not is_blank(making.png(), "image/png")


def page_with(operators: bytes | None, *, annotated: bool = False) -> bytes:
    with pikepdf.new() as document:
        page = document.add_blank_page()
        page.Resources = pikepdf.Dictionary(
            XObject=pikepdf.Dictionary(X=making.grey_picture(document, Image.new("L", (5, 5))))
        )
        if operators is not None:
            page.Contents = document.make_stream(operators)
        if annotated:
            page.Annots = pikepdf.Array([pikepdf.Dictionary(Subtype=pikepdf.Name.Square, Rect=[0, 0, 9, 9])])
        file = io.BytesIO()
        document.save(file)
    return PdfDocument(file, LIMITS).page(1).content


@pytest.mark.parametrize("operators", [None, b"", b" \n", b"q 1 0 0 1 0 0 cm Q", b"0 0 9 9 re W n", b"q BT ET Q"])
def test_a_page_that_paints_nothing_is_blank(operators: bytes | None) -> None:
    assert is_blank(page_with(operators), "application/pdf")


@pytest.mark.parametrize(
    "operators", [b"/X Do", b"0 0 9 9 re f", b"0 0 m 9 9 l S", b"BT (a)Tj ET", b"/S sh", b"1 w\nS"]
)
def test_a_page_that_paints_is_not(operators: bytes) -> None:
    assert not is_blank(page_with(operators), "application/pdf")


def test_a_page_with_an_annotation_is_not() -> None:
    assert not is_blank(page_with(None, annotated=True), "application/pdf")


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_page_that_is_a_scan_of_one_colour_is_blank_and_one_with_a_drawing_is_not(form: str) -> None:
    def page_of(image: Image.Image) -> bytes:
        return PdfDocument(io.BytesIO(img2pdf.convert(making.encoded(image, form))), LIMITS).page(1).content

    assert is_blank(page_of(Image.new("L", SIZE, 250)), "application/pdf")
    assert not is_blank(page_of(drawn("L")), "application/pdf")
    assert not is_blank(page_of(Image.new("L", (90, 90), 250)), "application/pdf")  # has few bytes whatever it shows
