"""Files for the tests, good and hostile, made by code."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pikepdf
from PIL import Image

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R"
    b" /Resources << /XObject << /Scan 5 0 R >> >> >>"
)


def jpeg(width: int = 60, height: int = 40, *, mode: str = "RGB", orientation: int | None = None, **save: Any) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    file = io.BytesIO()
    Image.effect_noise((width, height), 80).convert(mode).save(file, "JPEG", exif=exif, **save)
    return file.getvalue()


def png(width: int = 60, height: int = 40, *, mode: str = "L", **save: Any) -> bytes:
    noise = Image.effect_noise((width, height), 80)
    file = io.BytesIO()
    (noise.convert("I").convert("I;16") if mode == "I;16" else noise.convert(mode)).save(file, "PNG", **save)
    return file.getvalue()


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
    with pikepdf.open(io.BytesIO(content)) as document:
        document.save(file, **save)
    return file.getvalue()
