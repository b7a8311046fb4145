"""An image as a page of a PDF, and a JPEG or PNG as a PDF of that page. img2pdf puts the image there without loss."""

from __future__ import annotations

import io
import warnings as python_warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import BinaryIO

import img2pdf
import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import ExifTags, Image

from pagekit.errors import NotRenderable, Refusal
from pagekit.images import FRAME_HEADERS, is_whole_jpeg, jpeg_segments, mended_png, with_one_data_chunk
from pagekit.limits import FileLimits, MediaType
from pagekit.page import RecognisedPage
from pagekit.pdf.glyphless_font import GlyphlessFont
from pagekit.pdf.page_geometry import Box, Matrix, pixels_to_page
from pagekit.pdf.text_layer import Rendered, text_layer
from pagekit.pictures.document import PictureDocument
from pagekit.pictures.resolution import believable_dpi

POINTS_PER_INCH = 72
A4_POINTS = (595.276, 841.89)
MIN_SIDE_POINTS, MAX_SIDE_POINTS = 3.0, 14_400.0
MAX_BYTES = 100_000_000

OLDEST_VERSION = "1.5"
_FRAMES_OF_PDF = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; of eight bits
_FONT_NAME = "/Textdrop"
_NO_SIZE = "The recognised text is not in the searchable PDF: the size of what was recognised is not known."
_UNREADABLE = "The image is of a kind that cannot be put into a PDF."
# img2pdf holds a PNG several times.
_MAX_PNG_BYTES = 40_000_000
_JPEG_END = b"\xff\xd9"
# How an image's unit square, y pointing up, is laid into the page's for each EXIF orientation (CIPA DC-008, tag 274).
_PLACED: dict[int, Matrix] = {
    1: Matrix(1, 0, 0, 1, 0, 0),
    2: Matrix(-1, 0, 0, 1, 1, 0),
    3: Matrix(-1, 0, 0, -1, 1, 1),
    4: Matrix(1, 0, 0, -1, 0, 1),
    5: Matrix(0, -1, -1, 0, 1, 1),
    6: Matrix(0, -1, 1, 0, 0, 1),
    7: Matrix(0, 1, 1, 0, 0, 0),
    8: Matrix(0, 1, -1, 0, 1, 0),
}


class NeedsDecoding(Exception):
    """The image can only be in a PDF if it is decoded, and is too large for that."""


@dataclass(frozen=True, slots=True)
class ImagePage:
    """A PDF of one page that shows an image; its operators are still to be written."""

    document: Pdf
    width: float
    height: float
    operators: bytes


def image_pdf(
    source: BinaryIO, media_type: MediaType, pages: Iterable[tuple[int, RecognisedPage | None]], to: BinaryIO
) -> Rendered:
    """As searchable_pdf. It contains the image's own pixels, shown as EXIF says, and nothing else.

    An image that has to be decoded for it, and is larger than what the OCR service takes, is in it as it was sent.
    """
    source.seek(0, io.SEEK_SET)
    content = source.read(MAX_BYTES)
    try:
        shown = image_page(_sound(content, media_type))
    except NeedsDecoding:
        shown = image_page(_as_sent(content, media_type))
    warnings: list[str] = []
    layered = 0
    with shown.document as document:
        page = document.pages[0]
        font = GlyphlessFont(document)
        operators = shown.operators
        for number, recognised in pages:
            if number > 1:
                raise NotRenderable("The image is one page, but text was recognised on several.")
            layer, warning = page_text(recognised, shown.width, shown.height, font)
            warnings += [warning] if warning else []
            operators += layer
            layered += bool(layer)
        if layered:
            font.written()
        write_page(document, page, operators, font if layered else None)
        save(document, to)
    return Rendered(layered, (), tuple(warnings))


def image_page(content: bytes) -> ImagePage:
    """The page that shows a sound JPEG or PNG. Raises NotRenderable and NeedsDecoding."""
    if content.startswith(b"\xff\xd8"):
        _check_frame(content)
    orientation, (width, height) = _shown(content)
    document = _with_image(content)
    page = document.pages[0]
    [name] = page.Resources.XObject.keys()
    page.MediaBox = Array([0, 0, Decimal(f"{width:.3f}"), Decimal(f"{height:.3f}")])
    placement = Matrix(width, 0, 0, height, 0, 0).after(_PLACED[orientation])
    operators = f"q {' '.join(f'{number:.3f}' for number in placement)} cm {name} Do Q\n".encode()
    del document.trailer["/ID"]  # img2pdf's id depends on the time; without it the id depends on the contents alone
    return ImagePage(document, width, height, operators)


def page_text(
    recognised: RecognisedPage | None, width: float, height: float, font: GlyphlessFont
) -> tuple[bytes, str | None]:
    """The operators that lay the text, if there is any, over a page of this size in points, or a warning why not."""
    if recognised is None or not recognised["blocks"]:
        return b"", None
    if recognised["width"] <= 0 or recognised["height"] <= 0:
        return b"", _NO_SIZE
    to_page = pixels_to_page(Box(0, 0, width, height), 0, recognised["width"], recognised["height"])
    return text_layer(recognised, to_page, font, _FONT_NAME, lambda x, y: False)[0], None


def write_page(document: Pdf, page: pikepdf.Page, operators: bytes, font: GlyphlessFont | None) -> None:
    """Gives the page these contents, with text in the font if there is one."""
    if font is not None:
        page.Resources.Font = Dictionary({_FONT_NAME: font.object})
    page.Contents = document.make_stream(zlib.compress(operators), Filter=Name.FlateDecode)


def _as_sent(content: bytes, media_type: MediaType) -> bytes:
    try:
        return PictureDocument(io.BytesIO(content), media_type, FileLimits()).page(1).content
    except Refusal as refused:
        raise NotRenderable(refused.what) from None


def _sound(content: bytes, media_type: MediaType) -> bytes:
    """The image with its missing end, or without the broken chunks beside its picture, as it was sent; a PNG's data is
    in one chunk, as img2pdf's time grows with the square of their number. Raises NotRenderable and NeedsDecoding."""
    if media_type == "image/jpeg":
        return content if is_whole_jpeg(content) else content + _JPEG_END
    if len(content) > _MAX_PNG_BYTES:
        raise NeedsDecoding
    try:
        return with_one_data_chunk(mended_png(content))
    except Refusal:
        raise NotRenderable(_UNREADABLE) from None


def save(document: Pdf, to: BinaryIO) -> None:
    """Writes the document, which we have made, into the file; the same bytes for the same contents."""
    document.save(
        to,
        min_version=OLDEST_VERSION,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        deterministic_id=True,
    )


def picture_in(document: Pdf, content: bytes) -> tuple[pikepdf.Object, tuple[float, float]]:
    """A picture that we have made, as an image in the document, and its size in points at its own resolution."""
    with Image.open(io.BytesIO(content)) as image:
        (width, height), dpi = image.size, image.info["dpi"]
    with _with_image(content) as made:
        [found] = made.pages[0].Resources.XObject.values()
        points = width * POINTS_PER_INCH / dpi[0], height * POINTS_PER_INCH / dpi[1]
        shrunk = min(1.0, MAX_SIDE_POINTS / max(points))
        return document.copy_foreign(found), (points[0] * shrunk, points[1] * shrunk)


def _check_frame(jpeg: bytes) -> None:
    """Raises NotRenderable for a JPEG that a PDF cannot hold (PDF 1.7, 7.4.8)."""
    for marker, payload in jpeg_segments(jpeg):
        if marker in FRAME_HEADERS and (marker not in _FRAMES_OF_PDF or payload[:1] != b"\x08"):
            raise NotRenderable(_UNREADABLE)


def _with_image(content: bytes) -> Pdf:
    """A PDF of one page with the image. Raises NotRenderable and NeedsDecoding."""
    try:
        pdf = img2pdf.convert(
            _for_img2pdf(content),
            # The page gets its size later; img2pdf makes no very small or large pages.
            layout_fun=lambda width, height, dpi: (*A4_POINTS, *A4_POINTS),
            rotation=img2pdf.Rotation.none,
            nodate=True,
            engine=img2pdf.Engine.pikepdf,
        )
        return pikepdf.open(io.BytesIO(pdf))
    except NeedsDecoding:
        raise
    except Exception as error:  # malformed data makes the libraries raise anything
        raise NotRenderable(_UNREADABLE) from error


def _for_img2pdf(content: bytes) -> bytes:
    """The file itself, or a PNG that looks the same on a white page: without transparency, some forms of which img2pdf
    does not take; not interlaced; and without a profile for other colours, with which viewers show nothing."""
    with Image.open(io.BytesIO(content)) as image:
        if image.format != "PNG":
            return content
        profile = image.info.get("icc_profile", b"")
        kind = b"GRAY" if image.mode in ("1", "L", "I;16") else b"RGB "
        fits = not profile or profile[16:20] == kind
        if fits and not image.has_transparency_data and not image.info.get("interlace"):
            return content
        if image.width * image.height > FileLimits().max_pixels:
            raise NeedsDecoding
        shown: Image.Image = image
        if image.has_transparency_data:
            shown = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
        file = io.BytesIO()
        shown.save(file, "PNG", icc_profile=profile if fits and kind == b"RGB " else None)
        return file.getvalue()


def _shown(content: bytes) -> tuple[int, tuple[float, float]]:
    """The EXIF orientation, and the size of the page in points: by the file's resolution or, if that is not sensible,
    as wide as A4, upright or lying. Raises NotRenderable."""
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))  # reads its headers only
            orientation = _orientation(image.info.get("exif", b""))
    except Exception as error:  # malformed data makes Pillow raise anything
        raise NotRenderable(_UNREADABLE) from error
    with image:
        width, height = image.size
        dpi = image.info.get("dpi")
    if orientation >= 5:  # the image is shown on its side
        width, height = height, width
        dpi = dpi and dpi[::-1]
    believed = believable_dpi(dpi)
    if believed is not None:
        points = width * POINTS_PER_INCH / believed[0], height * POINTS_PER_INCH / believed[1]
    else:
        wide = A4_POINTS[0] if width <= height else A4_POINTS[1]
        points = wide, wide * height / width
    # Viewers show no smaller page, and no larger one.
    scale = min(max(1.0, MIN_SIDE_POINTS / min(points)), MAX_SIDE_POINTS / max(points))
    # Rounded as it will be written: text that is laid over it must not assume a page that reaches beyond its edge.
    return orientation, (round(points[0] * scale, 3), round(points[1] * scale, 3))


def _orientation(exif: bytes) -> int:
    """The orientation that EXIF data asks for; 1 if it asks for none or cannot be read."""
    found = Image.Exif()
    try:
        found.load(exif)
        asked = found.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - malformed data makes Pillow raise anything
        return 1
    return asked if asked in _PLACED else 1
