"""Searchable PDFs of images that are converted for it: every page there, with its picture and its text."""

from __future__ import annotations

from typing import Any

import pypdfium2
import pytest
from PIL import Image

from pagekit.errors import NotRenderable
from pagekit.page import RecognisedPage
from pagekit.pdf import pictures_pdf
from unit.pagekit import making
from unit.pagekit.outputs import drawing, reading

TIFF = "image/tiff"
PAGES = [drawing.page_of(text, size=(900, 1200)) for text in (drawing.ENGLISH, drawing.RUSSIAN, ["The third page"])]


def tiff(*images: Image.Image, **save: Any) -> bytes:
    first, *others = (image.copy() for image in images)
    return making.encoded(first, "TIFF", save_all=True, append_images=others, **save)


def frame(page: RecognisedPage, factor: int) -> RecognisedPage:
    """The same page in a frame of so many times the pixels."""
    return drawing.moved_page(
        page, lambda x, y: (x * factor, y * factor), (page["width"] * factor, page["height"] * factor)
    )


@pytest.mark.parametrize(
    ("form", "kind", "save"),
    [
        ("GIF", "image/gif", {}),
        ("BMP", "image/bmp", {}),
        ("WEBP", "image/webp", {}),
        ("JPEG2000", "image/jp2", {}),
        ("AVIF", "image/avif", {}),
        ("TIFF", TIFF, {"compression": "tiff_lzw"}),
    ],
)
def test_an_image_of_every_kind_with_its_text(form: str, kind: str, save: dict[str, Any]) -> None:
    image, page = PAGES[0]
    document, told = making.rendered(making.encoded(image.copy(), form, **save), frame(page, 3), kind=kind)
    assert (told.layered, told.warnings) == (1, ())
    assert reading.problems(document) == []
    assert reading.lines_by_pdfium(document) == drawing.lines_of(page)
    assert min(reading.covered(document, page)) >= 0.9
    shown = reading.raster_of(document, image.size).convert("L").tobytes()
    assert sum(abs(a - b) for a, b in zip(shown, image.tobytes(), strict=True)) / len(shown) < 4


@pytest.mark.parametrize("part_pages", [100, 2])
def test_every_page_of_a_tiff_is_there_with_its_own_text(part_pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_pdf, "_PART_PAGES", part_pages)
    images = [image for image, _ in PAGES]
    content = tiff(*(image.convert("1") for image in images), compression="group4", dpi=(100, 100))
    recognised = [page for _, page in PAGES]
    document, told = making.rendered(content, *recognised, kind=TIFF)
    assert (told.layered, told.warnings) == (3, ())
    assert reading.problems(document) == []
    for number, page in enumerate(recognised):
        assert reading.lines_by_pdfium(document, number) == drawing.lines_of(page)
    with pypdfium2.PdfDocument(document) as pdf:
        assert [pdf[number].get_size() for number in range(3)] == [pytest.approx((648, 864), abs=0.1)] * 3
    assert document == making.rendered(content, *recognised, kind=TIFF)[0]


def test_a_fax_of_many_pixels_stays_bilevel_and_small() -> None:
    image = Image.new("1", (5000, 4100), 1)
    image.paste(0, (100, 100, 400, 130))
    content = tiff(image, image, compression="group4", dpi=(600, 600))
    document, _ = making.rendered(content, kind=TIFF)
    with making.opened(document) as pdf:
        for page in pdf.pages:
            [picture] = page.Resources.XObject.values()
            assert (int(picture.Width), int(picture.Height), int(picture.BitsPerComponent)) == (5000, 4100, 1)


def test_pages_that_were_not_recognised_are_there_too() -> None:
    content = tiff(*(image for image, _ in PAGES))
    document, told = making.rendered(content, None, PAGES[1][1], kind=TIFF)
    assert told.layered == 1
    with pypdfium2.PdfDocument(document) as pdf:
        assert len(pdf) == 3
    assert [bool(reading.lines_by_pdfium(document, number)) for number in range(3)] == [False, True, False]


def test_a_page_that_cannot_be_read_is_blank_and_warned_of() -> None:
    content = tiff(*(image for image, _ in PAGES))[:-1000]
    document, told = making.rendered(content, *(page for _, page in PAGES[:2]), None, kind=TIFF)
    assert (told.layered, told.warnings) == (2, ("Page 3 is blank in the searchable PDF: it cannot be read.",))
    with pypdfium2.PdfDocument(document) as pdf:
        assert len(pdf) == 3


def test_the_text_stands_on_a_page_that_was_turned_upright() -> None:
    image, page = PAGES[0]
    stored = image.transpose(Image.Transpose.ROTATE_90)
    document, _ = making.rendered(making.encoded(stored, "TIFF", tiffinfo={274: 6}), page, kind=TIFF)
    assert min(reading.covered(document, page)) >= 0.9


@pytest.mark.parametrize(
    ("content", "pages"), [(b"II*\0", []), (b"II*\0\xff\xff\xff\x7f", []), (tiff(PAGES[0][0]), [PAGES[0][1]] * 2)]
)
def test_what_cannot_be_put_into_a_pdf(content: bytes, pages: list[RecognisedPage]) -> None:
    with pytest.raises(NotRenderable):
        making.rendered(content, *pages, kind=TIFF)


@pytest.mark.parametrize("part", ["end marker", "chunk"])
def test_a_jpeg_or_png_that_was_mended_is_embedded_mended(part: str) -> None:
    image, page = PAGES[0]
    if part == "end marker":
        document, _ = making.rendered(making.encoded(image.copy(), "JPEG", quality=95)[:-2], page, kind="image/jpeg")
    else:
        whole = making.encoded(image.copy(), "PNG")
        broken = whole[:33] + making.png_chunk(b"tEXt", b"a\0b")[:-1] + b"?" + whole[33:]
        document, _ = making.rendered(broken, page, kind="image/png")
    assert reading.problems(document) == []
    assert reading.lines_by_pdfium(document) == drawing.lines_of(page)
    assert min(reading.covered(document, page)) >= 0.9


def test_a_large_image_is_embedded_itself_where_that_needs_no_decoding() -> None:
    big = Image.new("L", (5000, 4100), 200)
    for form, kind in (("JPEG", "image/jpeg"), ("PNG", "image/png")):
        document, _ = making.rendered(making.encoded(big, form), kind=kind)
        with making.opened(document) as pdf:
            [picture] = pdf.pages[0].Resources.XObject.values()
            assert (int(picture.Width), int(picture.Height)) == (5000, 4100)
    document, _ = making.rendered(making.encoded(big.convert("LA"), "PNG"), kind="image/png")
    with making.opened(document) as pdf:
        [picture] = pdf.pages[0].Resources.XObject.values()
        assert int(picture.Width) * int(picture.Height) <= 20_000_000
