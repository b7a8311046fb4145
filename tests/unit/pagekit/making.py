"""Files for the tests, good and hostile, made by code."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Collection, Iterable
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image

from pagekit.outputs.searchable_pdf import searchable_pdf
from pagekit.page import RecognisedPage
from pagekit.pdf.text_layer import Rendered
from unit.pagekit.outputs.drawing import DPI

POINTS = 72 / DPI
WRITTEN: dict[str, dict[str, Any]] = {
    "plain": {},
    "linearized": {"linearize": True},
    "object streams": {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
}
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R"
    b" /Resources << /XObject << /Scan 5 0 R >> >> >>"
)


def noise(width: int, height: int) -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise((width, height), 80 + band) for band in range(3)])


def encoded(image: Image.Image, form: str, *, orientation: int | None = None, **save: Any) -> bytes:
    if orientation is not None:
        save["exif"] = Image.Exif()
        save["exif"][0x0112] = orientation
    file = io.BytesIO()
    image.save(file, form, **save)
    return file.getvalue()


def jpeg(width: int = 60, height: int = 40, *, mode: str = "RGB", **save: Any) -> bytes:
    return encoded(noise(width, height).convert(mode), "JPEG", **save)


def png(width: int = 60, height: int = 40, *, mode: str = "L", **save: Any) -> bytes:
    whole = noise(width, height)
    return encoded(whole.convert("I").convert("I;16") if mode == "I;16" else whole.convert(mode), "PNG", **save)


def png_chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header(width: int, height: int, *, bits: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))


def png_of(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def stream(data: bytes, entries: bytes = b"", *, length: int | None = None) -> bytes:
    length = len(data) if length is None else length
    return b"<< " + entries + b" /Length %d >>\nstream\n" % length + data + b"\nendstream"


def picture(data: bytes, filters: bytes = b"/DCTDecode", *, length: int | None = None) -> bytes:
    entries = b"/Type /XObject /Subtype /Image /Width 60 /Height 40 /BitsPerComponent 8 /ColorSpace /DeviceRGB /Filter "
    return stream(data, entries + filters, length=length)


def pdf_objects() -> dict[int, bytes]:
    """A page that shows one JPEG, as a scanner makes it: catalog 1, pages 2, page 3, its content 4, the JPEG 5."""
    content = stream(b"q 100 0 0 100 0 0 cm /Scan Do Q")
    return {1: CATALOG, 2: PAGES, 3: PAGE, 4: content, 5: picture(jpeg())}


def pdf(objects: dict[int, bytes] | None = None, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects with a right table of objects."""
    objects = pdf_objects() if objects is None else objects
    out = bytearray(b"%PDF-1.7\n")
    offsets: dict[int, int] = {}
    for number, body in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n" % size
    for number in range(size):
        used = number in offsets
        out += b"%010d 00000 n \n" % offsets[number] if used else b"0000000000 65535 f \n"
    out += b"trailer\n<< /Size %d " % size + trailer + b" >>\nstartxref\n%d\n%%%%EOF\n" % table
    return bytes(out)


def with_broken_table(content: bytes) -> bytes:
    """The PDF points to a place where its table of objects is not."""
    return content.replace(b"startxref\n", b"startxref\n9")


def pdf_of_pages(count: int) -> bytes:
    numbers = range(10, 10 + count)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    objects = {**pdf_objects(), 2: b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, count)}
    return pdf({**objects, **dict.fromkeys(numbers, PAGE)})


def resaved(content: bytes, **save: Any) -> bytes:
    """The PDF as another program would write it: encrypted, linearized, with object streams."""
    file = io.BytesIO()
    with opened(content) as document:
        document.save(file, **save)
    return file.getvalue()


def rendered(
    source: bytes,
    *pages: RecognisedPage | None,
    kind: Any = "application/pdf",
    drawn: Collection[int] = (),
    own_text: Collection[int] = (),
) -> tuple[bytes, Rendered]:
    """The searchable PDF, whose first pages were recognised as given, and what is told of it."""
    to = io.BytesIO()
    told = searchable_pdf(io.BytesIO(source), kind, enumerate(pages, start=1), to, drawn, own_text)
    return to.getvalue(), told


def made(draw: Callable[[Pdf], object], **options: Any) -> bytes:
    file = io.BytesIO()
    with Pdf.new() as document:
        draw(document)
        document.save(file, **options)
    return file.getvalue()


def grey_picture(document: Pdf, image: Image.Image) -> Any:
    grey = image.convert("L")
    entries = {"ColorSpace": Name.DeviceGray, "BitsPerComponent": 8, "Width": grey.width, "Height": grey.height}
    return document.make_stream(grey.tobytes(), Type=Name.XObject, Subtype=Name.Image, **entries)


def add_scan(document: Pdf, shown: Image.Image, *, rotate: int = 0, margin: float = 0) -> Any:
    """A page that shows the image when it is turned by its /Rotate, and cropped by its CropBox if it has a margin."""
    lying = shown.rotate(rotate, expand=True)
    width, height = lying.width * POINTS, lying.height * POINTS
    page = document.add_blank_page(page_size=(width + 2 * margin, height + 2 * margin))
    page.Resources = Dictionary(XObject=Dictionary(Scan=grey_picture(document, lying)))
    page.Contents = document.make_stream(
        b"q %f 0 0 %f %f %f cm /Scan Do Q 0 0 1 rg 0 0 3 3 re f" % (width, height, margin, margin)
    )
    if rotate:
        page.Rotate = rotate
    if margin:
        page.CropBox = Array([margin, margin, margin + width, margin + height])
    return page


def scans(images: Iterable[Image.Image], *, rotate: int = 0, margin: float = 0) -> bytes:
    return made(lambda document: [add_scan(document, image, rotate=rotate, margin=margin) for image in images])


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
