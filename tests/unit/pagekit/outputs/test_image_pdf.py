"""Images as PDFs: the same pixels, shown as the image's EXIF says, with the text where it is."""

from __future__ import annotations

import io
import itertools
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pypdfium2
import pytest
from pikepdf import Name
from PIL import Image, ImageOps

from pagekit.errors import NotRenderable
from pagekit.page import RecognisedPage
from unit.pagekit import making
from unit.pagekit.outputs import drawing, reading

JPEG, PNG = "image/jpeg", "image/png"
FORMS = [(making.jpeg, JPEG), (making.png, PNG)]
IMAGE, PAGE = drawing.page_of(drawing.ENGLISH)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}
WIDTH, HEIGHT = 23, 17


def png(bits: int, colour: int, *, interlaced: bool = False, transparent: bool = False) -> tuple[bytes, bytes]:
    """A PNG of random samples, with a filter of another kind in each row, and its rows, packed as a PDF has them.

    `transparent`: the colour of the first pixel is, or half of that of the palette's second entry.
    """
    chance = random.Random(f"{bits} {colour}")
    count = CHANNELS[colour]
    samples = [[chance.randrange(1 << bits) for _ in range(WIDTH * count)] for _ in range(HEIGHT)]
    data = b""
    for left, top, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        filters = itertools.cycle(range(3))
        above: bytes | None = None
        for row in samples[top::down]:
            kept = [sample for x in range(left, WIDTH, across) for sample in row[x * count : (x + 1) * count]]
            if not kept:
                continue
            packed = packed_bits(kept, bits)
            distance = max(bits * count // 8, 1)
            kind = next(filters) if above is not None else 0
            before = [bytes(len(packed)), bytes(distance) + packed[:-distance], above or b""][kind]
            data += bytes([kind]) + bytes((one - other) & 255 for one, other in zip(packed, before, strict=True))
            above = packed
    stream = zlib.compress(data)
    half = len(stream) // 2
    chunks = [
        making.png_header(WIDTH, HEIGHT, bits=bits, colour=colour, interlace=interlaced),
        making.png_chunk(b"PLTE", chance.randbytes(3 << bits)) if colour == PALETTE else b"",
        making.png_chunk(b"tRNS", b"\0\x80" if colour == PALETTE else struct.pack(f">{count}H", *samples[0][:count]))
        if transparent
        else b"",
        *(making.png_chunk(b"IDAT", part) for part in (stream[:half], stream[half:])),
        making.png_chunk(b"IEND"),
    ]
    return making.png_of(*chunks), b"".join(packed_bits(row, bits) for row in samples)


def packed_bits(samples: list[int], bits: int) -> bytes:
    digits = "".join(f"{sample:0{bits}b}" for sample in samples)
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


@pytest.fixture
def image_of() -> Iterator[Callable[[bytes], Any]]:
    """Gives the image in a PDF, which stays open as long as the test takes."""
    with ExitStack() as stack:

        def image_in(document: bytes) -> Any:
            [image] = stack.enter_context(making.opened(document)).pages[0].Resources.XObject.values()
            return image

        yield image_in


def shown(document: bytes) -> Image.Image:
    """The page, a pixel of the raster for each of the image."""
    with making.opened(document) as pdf:
        [image] = pdf.pages[0].Resources.XObject.values()
        return reading.raster_of(document, (int(image.Width), int(image.Height)))


@pytest.mark.parametrize("interlaced", [False, True], ids=["", "interlaced"])
@pytest.mark.parametrize(
    ("bits", "colour", "transparent"),
    [
        *((bits, GREY, False) for bits in (1, 2, 4, 8, 16)),
        *((bits, colour, False) for bits in (8, 16) for colour in (COLOUR, GREY_ALPHA, COLOUR_ALPHA)),
        *((bits, PALETTE, transparent) for bits in (1, 2, 4, 8) for transparent in (False, True)),
        *((bits, colour, True) for bits, colour in [(8, GREY), (2, GREY), (8, COLOUR)]),
    ],
)
def test_a_png_is_shown_as_it_is(
    bits: int, colour: int, transparent: bool, interlaced: bool, image_of: Callable[[bytes], Any]
) -> None:
    content, rows = png(bits, colour, interlaced=interlaced, transparent=transparent)
    document, _ = making.rendered(content, kind=PNG)
    assert reading.problems(document) == []
    deep_grey = (bits, colour) == (16, GREY)  # Pillow does not show it
    if not deep_grey:
        assert_shown(document, content)
    if deep_grey or (colour in (GREY, COLOUR) and not transparent and not interlaced):
        assert bytes(image_of(document).read_bytes()) == rows


def assert_shown(document: bytes, content: bytes, tolerance: int = 1) -> None:
    """pdfium's picture of the page is Pillow's of the image."""
    with Image.open(io.BytesIO(content)) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGBA")
    expected = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    found = shown(document)
    assert found.size == expected.size
    differences = [abs(one - other) for one, other in zip(found.tobytes(), expected.tobytes(), strict=True)]
    assert max(differences) <= tolerance


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True], ids=["", "progressive"])
def test_a_jpeg_is_copied_byte_for_byte(mode: str, progressive: bool, image_of: Callable[[bytes], Any]) -> None:
    content = making.jpeg(mode=mode, progressive=progressive)
    document, _ = making.rendered(content, kind=JPEG)
    assert reading.problems(document) == []
    assert image_of(document).read_raw_bytes() == content
    if mode != "CMYK":
        assert_shown(document, content, tolerance=3)


def test_inverted_cmyk_of_adobes_programs(image_of: Callable[[bytes], Any]) -> None:
    """Pillow writes it so; where nothing says so, ink is ink."""
    content = making.encoded(Image.new("CMYK", (60, 40), (255, 0, 0, 0)), "JPEG", quality=95)
    document, _ = making.rendered(content, kind=JPEG)
    assert list(image_of(document).Decode) == [1, 0] * 4
    red, green, blue = shown(document).tobytes()[-3:]
    assert red < 60 < 120 < min(green, blue)
    adobe = content.index(b"\xff\xee")
    plain = content[:adobe] + content[adobe + 2 + int.from_bytes(content[adobe + 2 : adobe + 4], "big") :]
    document, _ = making.rendered(plain, kind=JPEG)
    assert "/Decode" not in image_of(document)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("file", "kind"), FORMS)
def test_the_page_is_shown_as_exif_says(file: Callable[..., bytes], kind: str, orientation: int) -> None:
    content = file(mode="L", orientation=orientation, dpi=(150, 200))
    document, _ = making.rendered(content, kind=kind)
    with pypdfium2.PdfDocument(document) as pdf:
        width, height = 60 * 72 / 150, 40 * 72 / 200
        expected = (height, width) if orientation >= 5 else (width, height)
        assert pdf[0].get_size() == pytest.approx(expected, abs=0.1)
        raster = pdf[0].render(scale=10).to_pil().convert("L")
    with Image.open(io.BytesIO(content)) as image:
        upright = ImageOps.exif_transpose(image).resize(raster.size, Image.Resampling.NEAREST)
    middles = [(x, y) for x in range(5, raster.width - 5, 7) for y in range(5, raster.height - 5, 7)]
    off = sum(abs(raster.getpixel(place) - upright.getpixel(place)) for place in middles) / len(middles)
    assert off < 30  # of another orientation: 90


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    ("tiff", "turned"),
    [
        (b"MM\0*" + struct.pack(">IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0), True),
        (b"", False),
        (b"II", False),
        (b"II*\0\xff\xff\xff\x7f", False),
        (b"II*\0\x08\0\0\0\xff\xff", False),
        (b"XX*\0\x08\0\0\0", False),
        (b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 9, 0), False),
        (b"II*\0" + struct.pack("<IHHHI2s", 8, 1, 0x0112, 2, 2, b"6"), False),
    ],
)
def test_exif_is_read_in_either_byte_order_and_turns_nothing_if_it_is_broken(tiff: bytes, turned: bool) -> None:
    jpeg = making.jpeg(mode="L")
    content = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff + jpeg[2:]
    document, _ = making.rendered(content, kind=JPEG)
    with pypdfium2.PdfDocument(document) as pdf:
        width, height = pdf[0].get_size()
    assert (height > width) is turned


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("text", [drawing.ENGLISH, drawing.RUSSIAN], ids=["english", "russian"])
def test_text_of_a_turned_photograph(text: tuple[str, ...], orientation: int) -> None:
    """The service sees the image upright."""
    image, page = drawing.page_of(text)
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    stored = ImageOps.exif_transpose(Image.open(io.BytesIO(making.encoded(image, "PNG", orientation=back))))
    content = making.encoded(stored, "JPEG", orientation=orientation, quality=60)
    document, told = making.rendered(content, page, kind=JPEG)
    assert told.layered == 1
    assert reading.lines_by_pdfium(document) == reading.lines_by_pypdf(document) == drawing.lines_of(page)
    assert min(reading.covered(document, page)) >= 0.9


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_text_of_a_page_that_lies_turned(turn: int) -> None:
    image, page = drawing.turned(*drawing.page_of(drawing.RUSSIAN), turn)
    document, _ = making.rendered(making.encoded(image, "PNG"), page, kind=PNG)
    assert reading.lines_by_pdfium(document) == drawing.lines_of(page)
    assert min(reading.covered(document, page)) >= 0.9


@pytest.mark.parametrize(
    ("size", "dpi", "expected"),
    [
        ((1240, 1754), 150, (595.2, 841.92)),
        ((1240, 1754), None, (595.28, 842.03)),
        ((4000, 3000), 72, (841.89, 631.42)),
        ((4000, 3000), 96, (841.89, 631.42)),
        ((1000, 1000), 1, (595.28, 595.28)),
        ((1000, 1000), 5000, (595.28, 595.28)),
        ((10, 1000), None, (144.0, 14400.0)),
        ((20, 40), 1200, (3.0, 6.0)),
    ],
)
def test_the_size_of_the_page(size: tuple[int, int], dpi: int | None, expected: tuple[float, float]) -> None:
    options: dict[str, Any] = {} if dpi is None else {"dpi": (dpi, dpi)}
    document, _ = making.rendered(making.encoded(Image.new("1", size), "PNG", **options), kind=PNG)
    with pypdfium2.PdfDocument(document) as pdf:
        assert pdf[0].get_size() == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("file", "kind"), FORMS)
def test_a_colour_profile_goes_along(file: Callable[..., bytes], kind: str, image_of: Callable[[bytes], Any]) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    document, _ = making.rendered(file(mode="RGB", icc_profile=profile), kind=kind)
    space = image_of(document).ColorSpace
    assert space[0] == Name.ICCBased
    assert bytes(space[1].read_bytes()) == profile
    assert reading.problems(document) == []
    # One that is not for such colours is left out.
    document, _ = making.rendered(file(mode="L", icc_profile=profile), kind=kind)
    assert image_of(document).ColorSpace == Name.DeviceGray


@pytest.mark.parametrize(
    "page", [None, drawing.page_of()[1], {**PAGE, "height": 0}], ids=["unread", "empty", "no size"]
)
def test_an_image_without_text(page: RecognisedPage | None) -> None:
    document, told = making.rendered(making.png(), page, kind=PNG)
    assert (told.layered, len(told.warnings)) == (0, page is not None and page["height"] == 0)
    assert reading.problems(document) == []


def test_the_same_image_and_text_give_the_same_bytes() -> None:
    content = making.encoded(IMAGE, "PNG")
    made = making.rendered(content, PAGE, kind=PNG)[0]
    assert made == making.rendered(content, PAGE, kind=PNG)[0]
    with making.opened(made) as pdf:
        original, current = pdf.trailer["/ID"].as_list()
    assert bytes(original) == bytes(current), "no part of the id is of the time"


def jpeg_with(marker: int, bits: int = 8) -> bytes:
    content = bytearray(making.jpeg(mode="L"))
    place = content.index(b"\xff\xc0")
    content[place + 1], content[place + 4] = marker, bits
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "kind", "pages"),
    [
        (b"", JPEG, []),
        (b"\xff\xd8\xff\xd9", JPEG, []),
        (jpeg_with(0xC3), JPEG, []),
        (jpeg_with(0xC9), JPEG, []),
        (jpeg_with(0xC1, 12), JPEG, []),
        (b"", PNG, []),
        (b"\x89PNG\r\n\x1a\n", PNG, []),
        (png(8, COLOUR_ALPHA)[0][:200], PNG, []),
        (png(8, GREY, interlaced=True)[0].replace(b"IDAT", b"IDOT"), PNG, []),
        (making.png(), PNG, [PAGE, PAGE]),
    ],
)
def test_what_a_pdf_cannot_hold(content: bytes, kind: str, pages: list[RecognisedPage]) -> None:
    with pytest.raises(NotRenderable):
        making.rendered(content, *pages, kind=kind)
