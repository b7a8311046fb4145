"""How a page is drawn: its resolution, its colours, its size in bytes, and what is to be seen on it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileLimits
from pagekit.pdf.drawing import Drawing, ShownPdf
from pagekit.prepared import PageWarning
from unit.pagekit import making, troubled
from unit.pagekit.opening.opening import prepared

LIMITS = FileLimits()
SQUARE = (72, 72)
"""An inch."""


def blank(
    operators: bytes = b"", size: tuple[float, float] = SQUARE, change: Callable[[Pdf, Any], None] | None = None
) -> bytes:
    def make(document: Pdf) -> None:
        page = document.add_blank_page(page_size=size)
        page.Contents = document.make_stream(operators)
        if change is not None:
            change(document, page)

    return making.made(make)


def drawn(content: bytes, limits: FileLimits = LIMITS, *, user_unit: float = 1.0) -> tuple[Drawing, Image.Image]:
    shown = ShownPdf(content)
    drawing = shown.draw(1, limits, user_unit=user_unit)
    assert shown.draw(1, limits, user_unit=user_unit) == drawing, "the same bytes each time"
    shown.close()
    return drawing, Image.open(io.BytesIO(drawing.content))


@pytest.mark.parametrize(
    ("size", "user_unit", "max_pixels", "dpi"),
    [
        (SQUARE, 1.0, 20_000_000, 400),
        (SQUARE, 1.0, 90_000, 300),
        ((144, 72), 1.0, 80_000, 200),
        (SQUARE, 2.0, 90_000, 150),
        ((3, 3), 1.0, 20_000_000, 400),
    ],
)
def test_the_resolution_is_what_the_limits_allow(
    size: tuple[float, float], user_unit: float, max_pixels: int, dpi: float
) -> None:
    drawing, image = drawn(blank(size=size), FileLimits(max_pixels=max_pixels), user_unit=user_unit)
    assert drawing.dpi == pytest.approx(dpi)
    assert image.info["dpi"] == pytest.approx((dpi, dpi), abs=1)
    assert 1 <= image.width * image.height <= max_pixels
    assert image.width == pytest.approx(max(size[0] * user_unit / 72 * dpi, 1), abs=2)


def test_little_resolution_is_warned_of_and_units_are_counted() -> None:
    for user_unit, pixels, warned in ((1, 30_000, False), (1, 20_000, True), (3, 30_000, True)):
        unit = b"/MediaBox [0 0 100 50] /UserUnit %d" % user_unit
        pages = {number: troubled.page(number).replace(b"/MediaBox [0 0 100 50]", unit) for number in (3, 6)}
        content = troubled.written(troubled.objects(pages))
        first, _ = prepared(making.with_broken_table(content), FileLimits(max_pixels=pixels))
        assert (PageWarning.LOW_RESOLUTION in first.preparation.warnings) is warned


def test_print_is_a_png_and_grey_and_a_photograph_is_a_jpeg_in_its_colours() -> None:
    letters, image = drawn(blank(b"0 0 20 20 re f"))
    assert (letters.media_type, image.mode) == ("image/png", "L")

    def photograph(document: Pdf, page: Any) -> None:
        noise = making.noise(300, 300)
        entries = {"ColorSpace": Name.DeviceRGB, "BitsPerComponent": 8, "Width": 300, "Height": 300}
        picture = document.make_stream(noise.tobytes(), Type=Name.XObject, Subtype=Name.Image, **entries)
        page.Resources = Dictionary(XObject=Dictionary(P=picture))

    colours, image = drawn(blank(b"72 0 0 72 0 0 cm /P Do", change=photograph))
    assert (colours.media_type, image.mode) == ("image/jpeg", "RGB")
    small = FileLimits(max_bytes=len(colours.content) // 2)
    less, _ = drawn(blank(b"72 0 0 72 0 0 cm /P Do", change=photograph), small)
    assert len(less.content) <= small.max_bytes
    assert less.dpi == 400, "quality goes first"
    tiny = FileLimits(max_bytes=len(colours.content) // 20)
    least, _ = drawn(blank(b"72 0 0 72 0 0 cm /P Do", change=photograph), tiny)
    assert len(least.content) <= tiny.max_bytes
    assert least.dpi < 400
    with pytest.raises(Refusal):
        drawn(blank(), FileLimits(max_bytes=10))


def look(document: Pdf) -> Any:
    form = document.make_stream(b"0 0 72 36 re f", Type=Name.XObject, Subtype=Name.Form)
    form.BBox = Array([0, 0, 72, 72])
    return form


def stamp(document: Pdf, page: Any) -> None:
    annotation = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=Array([0, 0, 72, 72]), F=4)
    annotation.AP = Dictionary(N=look(document))
    page.Annots = Array([document.make_indirect(annotation)])


def field(document: Pdf, page: Any) -> None:
    stamp(document, page)
    page.Annots[0].Subtype, page.Annots[0].FT, page.Annots[0].T = Name.Widget, Name.Tx, "f"
    document.Root.AcroForm = Dictionary(Fields=page.Annots)


@pytest.mark.parametrize("change", [stamp, field])
def test_what_annotations_and_fields_show_is_drawn(change: Callable[[Pdf, Any], None]) -> None:
    drawing, image = drawn(blank(change=change))
    assert (image.getpixel((200, 390)), image.getpixel((200, 10))) == (0, 255)
    assert drawing.shows_something


def text(name: str, letters: bytes, *, mode: int = 0) -> bytes:
    def change(document: Pdf, page: Any) -> None:
        encoding = Dictionary(BaseEncoding=Name.WinAnsiEncoding, Differences=Array([200, Name.afii10017]))
        font = Dictionary(Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name(f"/{name}"), Encoding=encoding)
        page.Resources = Dictionary(Font=Dictionary(F=document.make_indirect(font)))

    return blank(b"BT %d Tr /F 12 Tf 5 30 Td (%b) Tj ET" % (mode, letters), change=change)


@pytest.mark.parametrize(
    ("content", "lacks"),
    [
        (text("Helvetica", b"Letters"), False),
        (text("TimesNewRomanPSMT", b"Letters"), False),
        (text("Garamond", b"Letters"), True),
        (text("Helvetica", b"A\xc8"), True),
        (text("Garamond", b"Letters", mode=3), False),
    ],
    ids=["standard", "the same as a standard one", "another", "a letter that the standard one lacks", "unseen"],
)
def test_a_font_that_is_replaced_by_one_unlike_it_is_noticed(content: bytes, lacks: bool) -> None:
    assert drawn(content)[0].lacks_font is lacks


def test_what_cannot_be_opened_or_has_no_such_page_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        ShownPdf(b"%PDF-1.7\n")
    assert caught.value.reason is Reason.DAMAGED
    shown = ShownPdf(blank())
    with pytest.raises(Refusal, match="Page 2 of the PDF"):
        shown.draw(2, LIMITS)
    shown.close()
