"""PDFs with the kinds of trouble that real ones have, made by code: two scanned pages, each of them known."""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Mapping, Sequence

from pikepdf import Array, Dictionary, Name, ObjectStreamMode, Pdf
from PIL import Image

from unit.pagekit import making
from unit.pagekit.outputs import drawing

CATALOG, PAGES, FIRST, SECOND = 1, 2, 3, 6
"""Objects of a document; after each page come its content and its picture."""


def _scan(lines: Sequence[str], left: int) -> Image.Image:
    """Text, and a black box, so that one is easily told from another."""
    image, _ = drawing.page_of(lines)
    image.paste(0, (left, 400, left + 500, 600))
    return image


IMAGES = [_scan(drawing.ENGLISH, 50), _scan(drawing.RUSSIAN, 650)]
JPEGS = [making.encoded(image, "JPEG", quality=80) for image in IMAGES]
DRAWS = b"q 100 0 0 50 0 0 cm /Scan Do Q"
_ENTRIES = (
    b"/Type /XObject /Subtype /Image /Width 1240 /Height 620 /BitsPerComponent 8 /ColorSpace /DeviceGray /Filter "
)


def page(number: int) -> bytes:
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 50] /Contents %d 0 R"
        b" /Resources << /XObject << /Scan %d 0 R >> >> >>" % (number + 1, number + 2)
    )


def picture(data: bytes, packing: bytes = b"/DCTDecode", *, length: int | None = None) -> bytes:
    return making.stream(data, _ENTRIES + packing, length=length)


def objects(changed: Mapping[int, bytes] | None = None) -> dict[int, bytes]:
    """Of a sound document, with some of them replaced."""
    sound = {CATALOG: making.CATALOG, PAGES: b"<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>"}
    for number, jpeg in zip((FIRST, SECOND), JPEGS, strict=True):
        sound |= {number: page(number), number + 1: making.stream(DRAWS), number + 2: picture(jpeg)}
    return {**sound, **(changed or {})}


def written(objects: Mapping[int, bytes], root: bytes = b"1 0 R", *, first: int = 0) -> bytes:
    """With a table that has a section for each run of numbers. `first`: what the table says it begins with."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    entries = {0: b"0000000000 65535 f \n"}
    for number, body in objects.items():
        entries[number] = b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n"
    for _, run in itertools.groupby(sorted(entries), key=lambda number: number - sorted(entries).index(number)):
        numbers = list(run)
        out += b"%d %d\n%b" % (numbers[0] + first, len(numbers), b"".join(entries[number] for number in numbers))
    out += b"trailer\n<< /Size %d /Root %b >>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, root, table)
    return bytes(out)


def with_numbers(shift: int, *moved: int) -> bytes:
    """Some of the objects, or all, have numbers that are larger by so much."""
    whole = objects()
    numbers = {number: number + shift for number in moved or whole}

    def renumbered(body: bytes) -> bytes:
        for number, new in sorted(numbers.items(), reverse=True):
            body = body.replace(b" %d 0 R" % number, b" %d 0 R" % new).replace(b"[%d 0 R" % number, b"[%d 0 R" % new)
        return body

    return written(
        {numbers.get(number, number): renumbered(body) for number, body in whole.items()},
        b"%d 0 R" % numbers.get(CATALOG, CATALOG),
    )


def updated(*, startxref: int | None = None) -> bytes:
    """An update, in an object stream, gave the first page the second picture; its place may be stated wrongly."""
    before = written(objects())
    packed = b"%d 0 %b" % (FIRST, page(FIRST).replace(b"/Scan 5", b"/Scan 8"))
    container = b"9 0 obj\n%b\nendobj\n" % making.stream(packed, b"/Type /ObjStm /N 1 /First 4")
    place = len(before) + len(container)
    entries = b"\2%b\0\0\1%b\0\0\1%b\0\0" % tuple(each.to_bytes(4, "big") for each in (9, len(before), place))
    prev = b"/Type /XRef /Size 11 /W [1 4 2] /Index [3 1 9 2] /Root 1 0 R /Prev %d" % int(before.split()[-2])
    table = b"10 0 obj\n%b\nendobj\n" % making.stream(entries, prev)
    return before + container + table + b"startxref\n%d\n%%%%EOF\n" % (place if startxref is None else startxref)


def with_pictures(data: bytes, packing: bytes) -> bytes:
    """The first page's picture is this one; below it the page is empty."""
    higher = page(FIRST).replace(b"[0 0 100 50]", b"[0 -10 100 50]")
    return written(objects({FIRST: higher, FIRST + 2: picture(data, packing)}))


def flate() -> bytes:
    return zlib.compress(IMAGES[0].tobytes())


def as_if_utf_8(data: bytes) -> bytes:
    """What becomes of bytes that go through a program which takes them for text."""
    return data.decode("utf-8", "replace").encode()


def with_large_object_stream() -> bytes:
    """The pages stand in an object stream that unpacks to over 4 MiB."""

    def make(document: Pdf) -> None:
        for image in IMAGES:
            making.add_scan(document, image)
        document.Root.Padding = document.make_indirect(
            Array([document.make_indirect(Dictionary(A="x" * 30_000)) for _ in range(200)])
        )

    return making.made(make, object_stream_mode=ObjectStreamMode.generate)


def with_attachment(size: int) -> bytes:
    """A scanned page and two files: one attached to the document, one to the page."""

    def make(document: Pdf) -> None:
        scan = making.add_scan(document, IMAGES[0])
        file = document.make_stream(random.Random(1).randbytes(size), Type=Name.EmbeddedFile)
        specification = document.make_indirect(Dictionary(Type=Name.Filespec, F="a.bin", EF=Dictionary(F=file)))
        names = document.make_indirect(Dictionary(Names=Array(["a.bin", specification])))
        document.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Kids=Array([names])))
        pin = Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, Rect=Array([0, 0, 9, 9]), FS=specification)
        scan.Annots = Array([document.make_indirect(pin)])

    return making.made(make)


def xfa_form(*, dynamic: bool) -> bytes:
    """A form whose fields are on the page, or one that viewers are to build from its description."""

    def make(document: Pdf) -> None:
        scan = making.add_scan(document, IMAGES[0])
        form = Dictionary(XFA=document.make_stream(b"<xdp:xdp/>"), Fields=Array())
        if dynamic:
            document.Root.NeedsRendering = True
        else:
            field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="f", Rect=Array([0, 0, 9, 9]))
            scan.Annots = form.Fields = Array([document.make_indirect(field)])
        document.Root.AcroForm = form

    return making.made(make)
