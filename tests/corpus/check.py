"""One real file, rendered, and what is wrong with what came out."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops, ImageOps, ImageStat

from pagekit.errors import NotRenderable
from pagekit.limits import MediaType
from pagekit.outputs.searchable_pdf import searchable_pdf
from pagekit.page import RecognisedPage
from unit.pagekit.outputs import drawing, reading

MOST_PAGES = 6
MAX_BYTES = 30_000_000
MOST_PIXELS = 20_000_000
_RASTER_PIXELS = 800
_INVISIBLE = 3
_FORM_DEPTH = 8
# pdfium smooths an image that it takes for a hair wider than its raster, and applies colour profiles. What is turned or
# inverted differs by far more.
_MEAN_DIFFERENCE = 20.0
_TYPES: dict[str, MediaType] = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
}


@dataclass
class Finding:
    """What became of a file: `refused` says why nothing came out; `wrong` what should not be; `otherwise` how many
    pages pdfium shows otherwise than before, also when qpdf alone has written them."""

    name: str
    pages: int = 0
    layered: int = 0
    own_text: int = 0
    replaced: int = 0
    otherwise: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    refused: str = ""
    wrong: list[str] = field(default_factory=list)


def check(path: Path) -> Finding | None:
    """None for a file that is too large to be of use here, or that nothing can be compared with."""
    content = path.read_bytes()
    kind = _TYPES[path.suffix.lower()]
    finding = Finding(f"{path.parent.name}/{path.name}")
    if len(content) > MAX_BYTES:
        return None
    if kind == "application/pdf":
        pages = _pages_of_pdf(content)
        recognised = drawing.page_of(["Zebra quagga", "Образец найден"], size=(1000, 1000), letter=30)[1]
    else:
        image = _opened(content, kind)
        if image is None or image.width * image.height > MOST_PIXELS:
            return None
        pages = 1
        recognised = drawing.page_of(["Zebra quagga", "Образец найден"], size=image.size, letter=12)[1]
    finding.pages = min(pages, MOST_PAGES)
    to = io.BytesIO()
    started = time.process_time()
    try:
        pages_given = ((number, recognised) for number in range(1, finding.pages + 1))
        made = searchable_pdf(io.BytesIO(content), kind, pages_given, to)
    except NotRenderable as refusal:
        finding.refused = refusal.what
        return finding
    finding.seconds = time.process_time() - started
    finding.layered, finding.own_text, finding.warnings = made.layered, len(made.own_text), made.warnings
    document = to.getvalue()
    if kind == "application/pdf":
        finding.wrong += _compared(content, document, recognised, finding, made.own_text)
    else:
        finding.wrong += _compared_with_image(content, kind, document, recognised)
    return finding


def _compared(
    before: bytes, after: bytes, recognised: RecognisedPage, finding: Finding, own_text: tuple[int, ...]
) -> Iterator[str]:
    if len(_faults(after)) > len(_faults(before)):
        yield f"it has faults that the file had not: {_faults(after)}"
    ours = "".join("".join(line.split()) for line in drawing.lines_of(recognised))
    try:
        old, new = pypdfium2.PdfDocument(before), pypdfium2.PdfDocument(after)
    except pypdfium2.PdfiumError:
        # It refuses the file, which qpdf has mended, or asks for a password.
        return
    with old, new:
        if len(old) != len(new):
            # pdfium counts pages as the file says, which qpdf has put right.
            return
        for pdf in (old, new):
            if pdf.get_formtype():
                pdf.init_forms()
        for number in range(finding.pages):
            if _raster(old, number).tobytes() != _raster(new, number).tobytes():
                if _is_shown_otherwise_by_qpdf(before, new, number):
                    finding.otherwise += 1
                else:
                    yield f"page {number + 1} looks different"
            unseen = _unseen_text(new, number)
            if number + 1 in own_text or not finding.layered:
                continue
            finding.replaced += bool(_unseen_text(old, number))
            if Counter(unseen) - Counter(ours):
                yield f"page {number + 1} has unseen text beside ours ({len(unseen)} letters)"


def _faults(document: bytes) -> list[str]:
    try:
        return reading.problems(document)
    except Exception as error:  # noqa: BLE001 - what is malformed makes the library raise anything
        return [str(error)]


def _is_shown_otherwise_by_qpdf(before: bytes, new: pypdfium2.PdfDocument, number: int) -> bool:
    """Whether the page looks as in the file that qpdf alone makes: of a damaged file pdfium may make something else."""
    rewritten = io.BytesIO()
    with pikepdf.open(io.BytesIO(before), suppress_warnings=True) as pdf:
        pdf.save(rewritten)
    with pypdfium2.PdfDocument(rewritten.getvalue()) as pdf:
        if pdf.get_formtype():
            pdf.init_forms()
        return _raster(pdf, number).tobytes() == _raster(new, number).tobytes()


def _compared_with_image(content: bytes, kind: str, document: bytes, recognised: RecognisedPage) -> Iterator[str]:
    problems = reading.problems(document)
    if problems:
        yield f"it has faults: {problems}"
    if reading.lines_by_pdfium(document) != drawing.lines_of(recognised):
        yield "the text is not found in it"
    image = _opened(content, kind)
    assert image is not None
    with reading.unpacking_without_limits(), pikepdf.open(io.BytesIO(document)) as pdf:
        [held] = pdf.pages[0].Resources.XObject.values()
        if kind == "image/jpeg" and held.read_raw_bytes() != content:
            yield "the JPEG in it is another"
        if kind == "image/png" and int(held.BitsPerComponent) <= 8 and not _same_pixels(held, content):
            yield "the pixels in it are others"
    on_white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("L")
    shown = reading.raster_of(document, image.size).convert("L")
    difference = ImageStat.Stat(ImageChops.difference(on_white, shown)).mean[0]
    if difference > _MEAN_DIFFERENCE:
        yield f"it looks different, by {difference:.1f} of 255"


def _same_pixels(held: Any, content: bytes) -> bool:
    with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        expected = image.convert("RGBA")
        if image.has_transparency_data:
            # The PDF has what shows on white (decision 0016).
            expected = Image.alpha_composite(Image.new("RGBA", image.size, "white"), expected)
        expected = expected.convert("RGB")
    return pikepdf.PdfImage(held).as_pil_image().convert("RGB").tobytes() == expected.tobytes()


def _opened(content: bytes, kind: str) -> Image.Image | None:
    """The image as it is to be shown; None if Pillow makes nothing of it. Sixteen bits become eight."""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",) if kind == "image/jpeg" else ("PNG",)) as image:
            image.load()
            if image.mode.startswith("I"):
                return image.convert("I").point(lambda value: value / 256).convert("L")
            return ImageOps.exif_transpose(image).copy()
    except (OSError, SyntaxError, ValueError):
        return None


def _pages_of_pdf(content: bytes) -> int:
    try:
        with pikepdf.open(io.BytesIO(content), suppress_warnings=True) as pdf:
            return len(pdf.pages)
    except (pikepdf.PdfError, pikepdf.PasswordError):
        return 1


def _raster(pdf: pypdfium2.PdfDocument, number: int) -> Image.Image:
    page = pdf[number]
    longest, shortest = max(page.get_size()), min(page.get_size())
    if shortest < 1:
        return Image.new("L", (1, 1))
    image: Image.Image = page.render(scale=max(min(1, _RASTER_PIXELS / longest), 1 / shortest)).to_pil()
    return image


def _unseen_text(pdf: pypdfium2.PdfDocument, number: int) -> str:
    """Letters of objects that show text in render mode 3."""
    page = pdf[number]
    text = page.get_textpage()
    found = []
    for item in page.get_objects(max_depth=_FORM_DEPTH):
        if item.type == pdfium.FPDF_PAGEOBJ_TEXT and pdfium.FPDFTextObj_GetTextRenderMode(item) == _INVISIBLE:
            length = pdfium.FPDFTextObj_GetText(item, text, None, 0)
            buffer = (pdfium.FPDF_WCHAR * (length // 2))()
            pdfium.FPDFTextObj_GetText(item, text, buffer, length)
            found.append(bytes(buffer).decode("utf-16-le", "replace").rstrip("\0"))
    return "".join("".join(found).split())
