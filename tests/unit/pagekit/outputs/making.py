"""PDFs for the tests, made by code."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image

from pagekit.outputs.searchable_pdf import searchable_pdf
from pagekit.page import RecognisedPage
from pagekit.pdf.text_layer import Rendered
from unit.pagekit.outputs.drawing import DPI

POINTS = 72 / DPI


def rendered(source: bytes, *pages: RecognisedPage | None, kind: Any = "application/pdf") -> tuple[bytes, Rendered]:
    """The searchable PDF, whose first pages were recognised as given, and what is told of it."""
    to = io.BytesIO()
    told = searchable_pdf(io.BytesIO(source), kind, enumerate(pages, start=1), to)
    return to.getvalue(), told


def made(draw: Callable[[Pdf], object], **options: Any) -> bytes:
    file = io.BytesIO()
    with Pdf.new() as document:
        draw(document)
        document.save(file, **options)
    return file.getvalue()


def picture(document: Pdf, image: Image.Image) -> Any:
    grey = image.convert("L")
    stream = document.make_stream(grey.tobytes())
    stream.Type, stream.Subtype = Name.XObject, Name.Image
    stream.Width, stream.Height = grey.size
    stream.ColorSpace, stream.BitsPerComponent = Name.DeviceGray, 8
    return stream


def add_scan(document: Pdf, shown: Image.Image, *, rotate: int = 0, margin: float = 0) -> Any:
    """A page that shows the image when it is turned by its /Rotate, and cropped by its CropBox if it has a margin."""
    lying = shown.rotate(rotate, expand=True)
    width, height = lying.width * POINTS, lying.height * POINTS
    page = document.add_blank_page(page_size=(width + 2 * margin, height + 2 * margin))
    page.Resources = Dictionary(XObject=Dictionary(Scan=picture(document, lying)))
    page.Contents = document.make_stream(
        b"q %f 0 0 %f %f %f cm /Scan Do Q 0 0 1 rg 0 0 3 3 re f" % (width, height, margin, margin)
    )
    if rotate:
        page.Rotate = rotate
    if margin:
        page.CropBox = Array([margin, margin, margin + width, margin + height])
    return page


def scans(images: Iterable[Image.Image], *, rotate: int = 0, margin: float = 0) -> bytes:
    def draw(document: Pdf) -> None:
        for image in images:
            add_scan(document, image, rotate=rotate, margin=margin)

    return made(draw)


def add_operators(page: Any, operators: bytes) -> None:
    """More operators behind those of the page, in the standard font Helvetica, called /F."""
    page.contents_add(operators)
    fonts = page.Resources.get("/Font", Dictionary())
    fonts.F = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding)
    page.Resources.Font = fonts


def lines_as_text(page: RecognisedPage, mode: int, shift: float = 0) -> bytes:
    """Operators that show the text of an upright page's lines where they are, in the given render mode."""
    operators = [b"BT %d Tr" % mode]
    for block in page["blocks"]:
        for line in block["lines"]:
            (left, top), _, (_, bottom), _ = line["polygon"]
            size, x, y = (bottom - top) * POINTS, left * POINTS + shift, (page["height"] - bottom) * POINTS
            text = line["text"].encode("cp1252", "replace").replace(b"(", b"\\(").replace(b")", b"\\)")
            operators.append(b"/F %.2f Tf 1 0 0 1 %.2f %.2f Tm (%b) Tj" % (size, x, y + size * 0.2, text))
    return b"\n".join([*operators, b"ET"])


def opened(content: bytes) -> Pdf:
    return pikepdf.open(io.BytesIO(content))
