"""What others read in a PDF: pdfium, pypdf and, where it is installed, poppler."""

from __future__ import annotations

import ctypes
import io
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pikepdf
import pypdf
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from pagekit.page import Polygon, RecognisedPage
from pagekit.pdf import qpdf
from unit.pagekit.outputs.drawing import words_of
from unit.pagekit.outputs.set_page import upright

_ENOUGH_BYTES = 2_000_000_000

Box = tuple[float, float, float, float]


def lines_by_pdfium(document: bytes, page: int = 0) -> list[str]:
    with pypdfium2.PdfDocument(document) as pdf:
        return lines(pdf[page].get_textpage().get_text_range())


def lines_by_pypdf(document: bytes, page: int = 0) -> list[str]:
    return lines(pypdf.PdfReader(io.BytesIO(document)).pages[page].extract_text())


def lines_by_poppler(document: bytes, *, raw: bool = False) -> list[str] | None:
    """None where poppler is not installed. `raw`: in the order in which the text stands in the file."""
    program = shutil.which("pdftotext")
    if program is None:
        return None
    order = ["-raw"] if raw else []
    command = [program, "-f", "1", "-l", "1", "-enc", "UTF-8", *order, "-", "-"]
    done = subprocess.run(command, input=document, capture_output=True, check=True)
    return lines(done.stdout.decode())


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\f", "\n").splitlines() if line.strip()]


def problems(document: bytes) -> list[str]:
    """What qpdf finds wrong with it when it unpacks everything, without the limits that hold for rendering."""
    with unpacking_without_limits(), warnings.catch_warnings(), pikepdf.open(io.BytesIO(document)) as pdf:
        # JBIG2 needs a program more, and is copied as it is.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return [str(problem) for problem in pdf.check_pdf_syntax()]
        except pikepdf.PdfError as broken:
            return [str(broken)]


@contextmanager
def unpacking_without_limits() -> Iterator[None]:
    limits = [f"{kind}_max_memory" for kind in ("flate", "png", "dct", "tiff")]
    enough: Any = dict.fromkeys(limits, _ENOUGH_BYTES)
    usual: Any = dict.fromkeys(limits, qpdf.UNPACKED_BYTES)
    pikepdf.settings.set_qpdf_limits(**enough)
    try:
        yield
    finally:
        pikepdf.settings.set_qpdf_limits(**usual)


def raster(document: bytes, page: int = 0) -> Image.Image:
    with pypdfium2.PdfDocument(document) as pdf:
        pdf.init_forms()
        image: Image.Image = pdf[page].render().to_pil()
        return image


def raster_of(document: bytes, size: tuple[int, int]) -> Image.Image:
    """The first page, filling a raster of just that size."""
    with pypdfium2.PdfDocument(document) as pdf:
        bitmap = pypdfium2.PdfBitmap.new_native(*size, pdfium.FPDFBitmap_BGRx)
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        pdfium.FPDF_RenderPageBitmap(bitmap, pdf[0], 0, 0, *size, 0, 0)
        image: Image.Image = bitmap.to_pil().convert("RGB")
        return image


def covered(document: bytes, recognised: RecognisedPage) -> list[float]:
    """How much of each recognised word's box its letters cover, by pdfium's boxes of them on the page as it shows it.

    Raises AssertionError if the page's letters are others than those recognised.
    """
    words = words_of(recognised)
    with pypdfium2.PdfDocument(document) as pdf:
        shown = pdf[0]
        text = shown.get_textpage()
        letters = [index for index in range(text.count_chars()) if text.get_text_range(index, 1).strip()]
        found = "".join(text.get_text_range(index, 1) for index in letters)
        assert found == "".join("".join(word["text"].split()) for word in words)
        result, start = [], 0
        for word in words:
            end = start + len("".join(word["text"].split()))
            boxes = [
                _in_pixels(shown, text.get_charbox(index), recognised["width"], recognised["height"])
                for index in letters[start:end]
            ]
            result.append(_covered(boxes, word["polygon"]))
            start = end
        return result


def pixel(page: pypdfium2.PdfPage, place: tuple[float, float], size: tuple[int, int]) -> tuple[int, int]:
    """Where pdfium shows the place if the page fills a raster of that size."""
    across, down = ctypes.c_int(), ctypes.c_int()
    assert pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, *place, ctypes.byref(across), ctypes.byref(down))
    return across.value, down.value


def _in_pixels(page: pypdfium2.PdfPage, box: Box, width: int, height: int) -> Box:
    """By pdfium's own account, with eight times as many pixels, as it counts whole ones."""
    fine = 8
    corners = [pixel(page, place, (width * fine, height * fine)) for place in (box[:2], box[2:])]
    (x1, y1), (x2, y2) = ((across / fine, down / fine) for across, down in corners)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _covered(boxes: list[Box], polygon: Polygon) -> float:
    (left, top), _, (right, bottom), _ = upright(polygon)
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    across = min(right, max(rights)) - max(left, min(lefts))
    down = min(bottom, max(bottoms)) - max(top, min(tops))
    return float(max(across, 0) * max(down, 0) / ((right - left) * (bottom - top)))
