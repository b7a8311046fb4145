"""Turns a content into the grey bitmap that the engine reads: images as EXIF turns them, PDFs rasterised."""

import io
import math
import threading
import warnings

import pypdfium2
from PIL import Image, ImageOps

from local.ocr.submission import MAX_PIXELS, PDF

PDF_DPI = 300
POINTS_PER_INCH = 72
# A raster is at most as large as the largest image allowed, whatever a page's box says, and no side is extreme.
MAX_SIDE = 12_000

# pdfium is not thread-safe.
_pdfium = threading.Lock()


class DecodingError(Exception):
    """The content cannot be decoded; the message says why, and quotes nothing of the content."""


def decode(content: bytes, mime_type: str) -> Image.Image:
    """The page in grey (mode L), upright as EXIF or the PDF's own rotation says. Raises DecodingError."""
    return _raster(content) if mime_type == PDF else _image(content)


def _image(content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DecodingError("the image has too many pixels")
                turned = ImageOps.exif_transpose(image)
                return _grey(turned)
    except DecodingError:
        raise
    except Exception as failure:  # a damaged image may raise anything in its decoder
        raise DecodingError(f"the image cannot be decoded ({type(failure).__name__})") from failure


def _grey(image: Image.Image) -> Image.Image:
    """Sixteen bits are divided, not clipped; transparent parts become white."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, "white")
        return Image.alpha_composite(paper, coloured).convert("L")
    return image.convert("L")


def _raster(content: bytes) -> Image.Image:
    try:
        with _pdfium, pypdfium2.PdfDocument(content) as pdf:
            pdf.init_forms()
            page = pdf[0]
            width, height = page.get_size()
            bitmap = page.render(scale=_scale(width, height), grayscale=True)
            image: Image.Image = bitmap.to_pil()
            return image.convert("L")
    except Exception as failure:  # pdfium's own error, or any that damaged data leads to
        raise DecodingError(f"the PDF cannot be rasterised ({type(failure).__name__})") from failure


def _scale(width: float, height: float) -> float:
    """Pixels a point: 300 dpi, or less if that would be too many."""
    by_area = math.sqrt(MAX_PIXELS / (width * height)) * 0.999
    return min(PDF_DPI / POINTS_PER_INCH, by_area, MAX_SIDE / max(width, height))
