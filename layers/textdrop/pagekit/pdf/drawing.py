"""A page of a PDF drawn as a picture, by pdfium, as browsers show it: with what annotations and fields of forms show.

Importing this module loads pdfium, so it is imported only where a page is drawn. pdfium is not thread-safe: nothing
here may run in two threads of a process at a time.
"""

from __future__ import annotations

import ctypes
import io
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops

from pagekit.limits import FileLimits, MediaType
from pagekit.page import RecognisedPage
from pagekit.pdf.qpdf import damaged, is_protected, needs_password
from pagekit.pdf.soundness import Broken, inflated_bytes, is_whole_picture, starts_as_picture

# It says so when it was built without XFA forms, which are not drawn.
logging.getLogger("pypdfium2").setLevel(logging.ERROR)

MAX_DPI = 400
POINTS_PER_INCH = 72

_JPEG_QUALITIES = (90, 75, 60)
_SMALLER = 0.75
_MIN_DPI = 1.0
# Colours as close as this to grey are the noise of a scan or of JPEG.
_GREY_TOLERANCE = 12
# Nearly all pixels of a printed page have one of a few values; then PNG is small and loses nothing.
_FEW_GREYS = 4
_MOSTLY = 0.9
_PNG_LEVEL = 4

_MAX_OBJECTS = 50_000
_MAX_NAME_BYTES = 256
# A picture of which less than this is there shows nothing.
_NEARLY_NOTHING = 0.05
_OF_A_CUT_PICTURE = 0.5
_STANDARD_FONTS = ("helvetica", "arial", "times", "courier", "symbol", "zapfdingbats")
# The letters that pdfium's own standard fonts have.
_STANDARD_LETTERS = "cp1252"
_SYMBOLS = ("symbol", "zapfdingbats")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A page as drawn. `dpi`: pixels for an inch of the page. `has_broken_picture`: one is not whole, by what its data
    says; `shows_something`: there is more to see than pictures of which next to nothing is there. `lacks_font`: a font
    was replaced by one that is unlike it."""

    content: bytes
    media_type: MediaType
    dpi: float
    has_broken_picture: bool
    shows_something: bool
    lacks_font: bool


class ShownPdf:
    """A PDF as pdfium shows it, from a file or from memory."""

    def __init__(self, source: Path | bytes) -> None:
        """Raises Refusal (`damaged` or `encrypted`) for what it cannot open."""
        try:
            self._pdf = pypdfium2.PdfDocument(source)
            self._pdf.init_forms()
        except pypdfium2.PdfiumError as error:
            if error.err_code == pdfium.FPDF_ERR_PASSWORD:
                raise needs_password() from None
            if error.err_code == pdfium.FPDF_ERR_SECURITY:
                raise is_protected() from None
            raise damaged("The PDF cannot be opened, nor mended.") from None

    @property
    def stated_pages(self) -> int:
        """How many pages the file states that it has."""
        return len(self._pdf)

    @property
    def pages(self) -> int:
        """How many of them there are, up to the last that can be found."""
        found = len(self._pdf)
        size = pdfium.FS_SIZEF()
        while found and not pdfium.FPDF_GetPageSizeByIndexF(self._pdf, found - 1, ctypes.byref(size)):
            found -= 1
        return found

    @property
    def attachments(self) -> int:
        """How many files are attached to the document."""
        return int(pdfium.FPDFDoc_GetAttachmentCount(self._pdf))

    @property
    def is_dynamic_form(self) -> bool:
        """Whether a form of its own kind (XFA) is to be shown in place of the pages."""
        return bool(self._pdf.get_formtype() == pdfium.FORMTYPE_XFA_FULL)

    def draw(self, number: int, limits: FileLimits, *, user_unit: float = 1.0, is_sound: bool = False) -> Drawing:
        """The page, counted from 1; the same bytes each time.

        `user_unit` is how many 72nds of an inch a unit of the page measures; pictures of a page that `is_sound` are not
        inspected again. Raises Refusal (`damaged`).
        """
        try:
            page = self._pdf[number - 1]
        except (pypdfium2.PdfiumError, IndexError):
            raise damaged(f"Page {number:,} of the PDF is damaged: it cannot be shown.") from None
        try:
            width, height = page.get_size()
            inches = width * height * (user_unit / POINTS_PER_INCH) ** 2
            dpi = min(MAX_DPI, math.sqrt(limits.max_pixels / inches))
            image, content, media_type, dpi = _fitting(page, dpi, user_unit, limits)
            has_broken_picture, shows_something = (False, True) if is_sound else _inspected(page)
            shows_something = shows_something and not _is_of_one_colour(image)
            return Drawing(content, media_type, dpi, has_broken_picture, shows_something, _lacks_font(page))
        except (pypdfium2.PdfiumError, ValueError, ArithmeticError):
            raise damaged(f"Page {number:,} of the PDF is damaged: it cannot be drawn.") from None
        finally:
            page.close()

    def own_text(self, number: int, *, user_unit: float) -> RecognisedPage | None:
        """The page's own text, as `pagekit.pdf.own_text`; None for a page that cannot be shown."""
        from pagekit.pdf.own_text import own_text

        try:
            page = self._pdf[number - 1]
        except (pypdfium2.PdfiumError, IndexError):
            return None
        try:
            return own_text(page, user_unit)
        except (pypdfium2.PdfiumError, ValueError, ArithmeticError):
            return None
        finally:
            page.close()

    def close(self) -> None:
        """Releases the file."""
        self._pdf.close()


def _fitting(
    page: pypdfium2.PdfPage, dpi: float, user_unit: float, limits: FileLimits
) -> tuple[Image.Image, bytes, MediaType, float]:
    """The page as an image of at most so many bytes, and its resolution: less quality first, then fewer pixels."""
    while dpi >= _MIN_DPI:
        image = _image(page, dpi * user_unit / POINTS_PER_INCH, limits.max_pixels)
        if _has_few_greys(image):
            content = _encoded(image, "PNG", dpi, compress_level=_PNG_LEVEL)
            if len(content) <= limits.max_bytes:
                return image, content, "image/png", dpi
        for quality in _JPEG_QUALITIES:
            content = _encoded(image, "JPEG", dpi, quality=quality)
            if len(content) <= limits.max_bytes:
                return image, content, "image/jpeg", dpi
        dpi *= _SMALLER
    raise ValueError


def _image(page: pypdfium2.PdfPage, scale: float, max_pixels: int) -> Image.Image:
    """The page in so many pixels a unit, grey if it is grey."""
    # Sides are rounded up to whole pixels.
    while math.ceil(page.get_width() * scale) * math.ceil(page.get_height() * scale) > max_pixels:
        scale *= 0.999
    bitmap = page.render(scale=scale, rev_byteorder=True)
    try:
        image: Image.Image = bitmap.to_pil()
        return image.convert("L" if _is_grey(image) else "RGB")
    finally:
        bitmap.close()


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = image.split()
    return all(
        ImageChops.difference(green, other).getextrema()[1] <= _GREY_TOLERANCE  # type: ignore[operator]  # of one band
        for other in (red, blue)
    )


def _is_of_one_colour(image: Image.Image) -> bool:
    return all(darkest == lightest for darkest, lightest in (band.getextrema() for band in image.split()))


def _has_few_greys(image: Image.Image) -> bool:
    if image.mode != "L":
        return False
    counts = sorted(image.histogram(), reverse=True)
    return sum(counts[:_FEW_GREYS]) >= _MOSTLY * image.width * image.height


def _encoded(image: Image.Image, form: str, dpi: float, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, form, dpi=(dpi, dpi), **options)
    return file.getvalue()


def _objects(page: pypdfium2.PdfPage) -> Iterator[pypdfium2.PdfObject]:
    """What is drawn on the page and in its forms, up to a number."""
    for count, found in enumerate(page.get_objects()):
        if count >= _MAX_OBJECTS:
            return
        yield found


def _inspected(page: pypdfium2.PdfPage) -> tuple[bool, bool]:
    """Whether a picture on the page is not whole, and whether there is anything on it but nearly empty pictures.

    Their data shows this, as pdfium fills in what is missing.
    """
    shares = [
        _share_of_picture(found) if found.type == pdfium.FPDF_PAGEOBJ_IMAGE else 1.0
        for found in _objects(page)
        if found.type != pdfium.FPDF_PAGEOBJ_FORM
    ]
    shows_something = any(share >= _NEARLY_NOTHING for share in shares) or pdfium.FPDFPage_GetAnnotCount(page) > 0
    return any(share < 1.0 for share in shares), shows_something


def _share_of_picture(picture: pypdfium2.PdfObject) -> float:
    """How much of a picture's data is there, from 0 to 1; 1 if that cannot be told."""
    filters = range(pdfium.FPDFImageObj_GetImageFilterCount(picture))
    packing = ["/" + _text(partial(pdfium.FPDFImageObj_GetImageFilter, picture, index)) for index in filters]
    size = pdfium.FPDFImageObj_GetImageDataRaw(picture, None, 0)
    buffer = (ctypes.c_ubyte * size)()
    pdfium.FPDFImageObj_GetImageDataRaw(picture, buffer, size)
    data = bytes(buffer)
    width, height = ctypes.c_uint(), ctypes.c_uint()
    pdfium.FPDFImageObj_GetImagePixelSize(picture, ctypes.byref(width), ctypes.byref(height))
    # At least a bit a pixel.
    needed = height.value * ((width.value + 7) // 8)
    try:
        if packing in (["/FlateDecode"], ["/Fl"]):
            return min(1.0, inflated_bytes(data) / needed) if needed else 1.0
        if not packing or packing[-1] not in ("/DCTDecode", "/DCT", "/JPXDecode"):
            return 1.0 if data else 0.0
        if is_whole_picture(packing, data):
            return 1.0
    except Broken as broken:
        if len(packing) == 1:
            return min(broken.unpacked_bytes / max(needed, 1), 0.99)
    return _OF_A_CUT_PICTURE if starts_as_picture(packing, data) else 0.0


def _lacks_font(page: pypdfium2.PdfPage) -> bool:
    """Whether some text is set in a font that is not in the file, and for which pdfium has no equivalent."""
    textpage: pypdfium2.PdfTextPage | None = None
    fonts: dict[int, str] = {}
    for found in _objects(page):
        if found.type != pdfium.FPDF_PAGEOBJ_TEXT:
            continue
        font = pdfium.FPDFTextObj_GetFont(found)
        address = ctypes.cast(font, ctypes.c_void_p).value or 0
        if address not in fonts:
            is_embedded = pdfium.FPDFFont_GetIsEmbedded(font) != 0
            fonts[address] = "" if is_embedded else _font_name(font)
        name = fonts[address]
        if not name or pdfium.FPDFTextObj_GetTextRenderMode(found) == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE:
            continue
        if not name.startswith(_STANDARD_FONTS):
            return True
        textpage = textpage or page.get_textpage()
        text = _utf16(found, textpage)
        if not name.startswith(_SYMBOLS) and text.encode(_STANDARD_LETTERS, "ignore").decode(_STANDARD_LETTERS) != text:
            return True
    return False


def _font_name(font: object) -> str:
    """The name of the font that the file asks for, in lower case and without blanks; "?" if it has none."""
    name = _text(partial(pdfium.FPDFFont_GetBaseFontName, font))
    return name.replace(" ", "").lower() or "?"


def _text(read: Callable[[object, int], int]) -> str:
    buffer = ctypes.create_string_buffer(_MAX_NAME_BYTES)
    length = min(read(buffer, _MAX_NAME_BYTES), _MAX_NAME_BYTES)
    return buffer.raw[: max(length - 1, 0)].decode("utf-8", "replace")


def _utf16(found: pypdfium2.PdfObject, textpage: pypdfium2.PdfTextPage) -> str:
    """The text of an object, as far as pdfium knows its characters."""
    size = pdfium.FPDFTextObj_GetText(found, textpage, None, 0)
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFTextObj_GetText(found, textpage, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "ignore").rstrip("\0")
