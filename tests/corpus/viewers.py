"""What viewers show: pdfium and poppler of a PDF, Pillow of an image. Pictures are grey, on white."""

from __future__ import annotations

import functools
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
from PIL import Image, ImageChops, ImageFilter, ImageOps

DPI = 100
MOST_PIXELS_A_SIDE = 1600
_SECONDS = 60
_CELL_PIXELS = 8
# Edges fainter than this are no ink, and shades closer than that are one shade.
_INK = 40
_SHADE = 32

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Viewer:
    """`pages` is how many a file has, None if the viewer cannot open it; `raster` is a page in just that many pixels,
    None if the viewer does not show it."""

    name: str
    pages: Callable[[Path], int | None]
    raster: Callable[[Path, int, Size], Image.Image | None]


_open: dict[Path, pypdfium2.PdfDocument | None] = {}


def _pdfium(path: Path) -> pypdfium2.PdfDocument | None:
    """The file in a pdfium that has seen no other: fonts that one file lacks it takes from those before."""
    if path not in _open:
        for pdf in _open.values():
            if pdf is not None:
                pdf.close()
        _open.clear()
        pypdfium2.raw.FPDF_DestroyLibrary()
        pypdfium2.raw.FPDF_InitLibrary()
        try:
            _open[path] = pdf = pypdfium2.PdfDocument(path)
            if pdf.get_formtype():
                pdf.init_forms()
        except pypdfium2.PdfiumError:
            _open.setdefault(path, None)
    return _open[path]


def _pages_by_pdfium(path: Path) -> int | None:
    pdf = _pdfium(path)
    return None if pdf is None else len(pdf)


@functools.cache
def page_size(path: Path, number: int) -> Size:
    """The page in pixels, by pdfium or, of an image, by Pillow; that of A4 where neither says."""
    width, height = 595.0, 842.0
    pdf = _pdfium(path)
    try:
        if pdf is not None:
            width, height = pdf[number - 1].get_size()
        else:
            with Image.open(path) as image:
                width, height = ImageOps.exif_transpose(image).size
    except (IndexError, OSError, SyntaxError, ValueError, pypdfium2.PdfiumError):
        pass
    scale = min(DPI / 72, MOST_PIXELS_A_SIDE / max(width, height, 1))
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _raster_by_pdfium(path: Path, number: int, size: Size) -> Image.Image | None:
    pdf = _pdfium(path)
    try:
        if pdf is None:
            return None
        page = pdf[number - 1]
        scale = max(size) / max(*page.get_size(), 0.01)
        picture: Image.Image = page.render(scale=scale, may_draw_forms=True).to_pil()
    except (IndexError, ValueError, pypdfium2.PdfiumError):
        return None
    return _fitted(picture, size)


def _pages_by_poppler(path: Path) -> int | None:
    done = _run("pdfinfo", str(path))
    found = re.search(rb"^Pages: *(\d+)", done or b"", re.MULTILINE)
    return int(found[1]) if found else None


def _raster_by_poppler(path: Path, number: int, size: Size) -> Image.Image | None:
    across, down = (str(pixels) for pixels in size)
    page = str(number)
    fit = ("-scale-to-x", across, "-scale-to-y", down)
    shown = _run("pdftoppm", "-f", page, "-l", page, "-cropbox", "-gray", *fit, str(path))
    return _fitted(Image.open(io.BytesIO(shown)), size) if shown else None


def _pages_by_pillow(path: Path) -> int | None:
    try:
        with Image.open(path) as image:
            image.load()
            return getattr(image, "n_frames", 1)
    except (OSError, SyntaxError, ValueError):
        return None


def _raster_by_pillow(path: Path, number: int, size: Size) -> Image.Image | None:
    try:
        with Image.open(path) as image:
            image.seek(number - 1)
            image.load()
            return _fitted(ImageOps.exif_transpose(image), size)
    except (EOFError, OSError, SyntaxError, ValueError):
        return None


PDFIUM = Viewer("pdfium", _pages_by_pdfium, _raster_by_pdfium)
POPPLER = Viewer("poppler", _pages_by_poppler, _raster_by_poppler)
PILLOW = Viewer("Pillow", _pages_by_pillow, _raster_by_pillow)


def require_poppler() -> None:
    if shutil.which("pdftoppm") is None or shutil.which("pdfinfo") is None:
        raise SystemExit("poppler is not installed: apt-get install poppler-utils")


def lost(shown: Image.Image, sent: Image.Image) -> int:
    """In how many cells of the page (2 mm wide) there is ink of `shown`, and not even faint ink of `sent` nearby."""
    nearby = _inked(sent, _INK // 2).filter(ImageFilter.MaxFilter(3))
    return _count(ImageChops.subtract(_inked(shown), nearby))


def inked(shown: Image.Image) -> int:
    """In how many cells of the page there is ink."""
    return _count(_inked(shown))


def different(one: Image.Image, other: Image.Image) -> int:
    """In how many cells of the page the two are of different shades, when both are blurred a little."""
    blurred = [picture.filter(ImageFilter.GaussianBlur(1.5)) for picture in (one, other)]
    return _count(_cells(ImageChops.difference(*blurred).point(lambda value: 255 * (value > _SHADE))))


def _inked(picture: Image.Image, faintest: int = _INK) -> Image.Image:
    edges = ImageChops.subtract(picture.filter(ImageFilter.MaxFilter(3)), picture.filter(ImageFilter.MinFilter(3)))
    return _cells(edges.point(lambda value: 255 * (value > faintest)))


def _cells(marked: Image.Image) -> Image.Image:
    """A pixel for each cell: white if at least two of its pixels are marked."""
    across, down = (-(-pixels // _CELL_PIXELS) for pixels in marked.size)
    whole = Image.new("L", (across * _CELL_PIXELS, down * _CELL_PIXELS))
    whole.paste(marked)
    return whole.reduce(_CELL_PIXELS).point(lambda value: 255 * (value >= 8))


def _count(cells: Image.Image) -> int:
    return cells.histogram()[255]


def _fitted(picture: Image.Image, size: Size) -> Image.Image:
    if picture.mode.startswith("I"):
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    grey = picture.convert("L")
    return grey if grey.size == size else grey.resize(size, Image.Resampling.BOX)


def _run(*command: str) -> bytes | None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout
