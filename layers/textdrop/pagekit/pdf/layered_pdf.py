"""A PDF with recognised text laid over its pages.

The pages stay what they are. Streams are copied as they are, but packed where they were not; outlines, links, forms,
layers and labels are kept. A page gets one stream more, which draws nothing, before its own. It comes first, so that
whatever state the page's operators leave behind does not matter to it, and they begin in the state they expect.

What of the text is laid over a page:
- Words that stand on text of the page's own that can be seen and names its characters are left out. A page of which
  nearly nothing remains is left as it is: it can be searched already.
- A page whose text was taken from the file is left as it is, whether that text can be seen or not.
- A page that was drawn to be sent becomes the picture that was sent, with its text: in the file it is broken, or too
  large, or not seen by qpdf. A document that qpdf sees otherwise than viewers is made of such pictures alone.
- Unseen text under a page that gets a layer, which another program put there, is taken out. A page that gets none,
  because it was not recognised or nothing was found on it, keeps it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from decimal import Decimal
from enum import StrEnum
from typing import Any, BinaryIO

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf

from pagekit.errors import NotRenderable, Refusal
from pagekit.limits import FileLimits
from pagekit.page import RecognisedPage, every_page
from pagekit.pdf import qpdf
from pagekit.pdf.document import PdfDocument
from pagekit.pdf.glyphless_font import GlyphlessFont
from pagekit.pdf.image_pdf import picture_in
from pagekit.pdf.page_content import Cleaning, cleaned, content_streams, free_name, joined
from pagekit.pdf.page_geometry import Matrix, pixels_to_page, quarter_turns, visible_box
from pagekit.pdf.shown_text import SeenText, TextTooLong, text_of_page
from pagekit.pdf.stated_widths import LettersOfFont
from pagekit.pdf.text_layer import Rendered, text_layer
from pagekit.prepared import PreparedPage

FONT_NAME = "/Textdrop"
OWN_TEXT = 0.9
"""A page that has this much of its recognised letters as text of its own is left as it is."""

_OLDEST_VERSION = "1.4"
_BAND_PIXELS, _MAX_BANDS = 32, 1_000
_MAX_FONTS_KEPT = 500
_MAX_PARENTS = 100
_MAX_FIELDS = 10_000
_SIGNATURES_EXIST = 1
_MAX_NUMBERS = 10
_A4_POINTS = (595, 842)
_MAX_PICTURE_BYTES = 300_000_000

_UNPROTECTED = (
    "The PDF was protected by its owner against printing, copying or changes. The searchable PDF is not: its text "
    "could not be copied otherwise."
)
_SIGNED = "The PDF is signed. Its signatures hold for the file as it was uploaded, and not for the searchable PDF."
_REPLACED = "in the searchable PDF as a picture of what viewers show, as in the PDF itself it is damaged or too large"
_MISSING = "empty in the searchable PDF, as nothing can be shown of what is damaged in the PDF"
_MENDED = "The PDF was damaged; the searchable PDF is what could be mended."


class _Became(StrEnum):
    """What became of a page. Pages that are to be warned of are named by the words of their warnings."""

    LAYERED = "layered"
    NOTHING_RECOGNISED = "nothing recognised"
    OWN_TEXT = "own text"
    NO_SIZE = "without recognised text in the searchable PDF: the size of what was recognised is not known"
    DAMAGED = "without recognised text in the searchable PDF: the PDF is damaged there"
    NOT_INSPECTED = (
        "in the searchable PDF as drawn, with the recognised text over it: whether there is text among what is drawn "
        "could not be found out, so some text may be there twice"
    )


# What malformed objects make the library raise.
_MALFORMED = (pikepdf.PdfError, AttributeError, KeyError, TypeError, ValueError, ArithmeticError)
_WARNED_OF = (_Became.NO_SIZE, _Became.DAMAGED, _Became.NOT_INSPECTED)


def layered_pdf(
    source: BinaryIO,
    pages: Iterable[tuple[int, RecognisedPage | None]],
    to: BinaryIO,
    drawn: Collection[int] = (),
    own_text: Collection[int] = (),
) -> Rendered:
    """As searchable_pdf."""
    if not drawn:
        return _layered(source, pages, to, None, drawn, own_text)
    try:
        shown = PdfDocument(source, FileLimits())
    except Refusal as refusal:
        raise NotRenderable(refusal.what) from None
    try:
        if shown.is_broken:
            return _of_pictures(shown, pages, to)
        return _layered(source, pages, to, shown, drawn, own_text)
    finally:
        shown.close()


def _layered(
    source: BinaryIO,
    pages: Iterable[tuple[int, RecognisedPage | None]],
    to: BinaryIO,
    shown: PdfDocument | None,
    drawn: Collection[int],
    own_text: Collection[int],
) -> Rendered:
    """The document itself, with the pages that were drawn replaced by their pictures."""
    became: dict[_Became, list[int]] = {outcome: [] for outcome in _Became}
    replaced: list[int] = []
    with qpdf.opened_to_rewrite(source) as document:
        warnings = _warnings(document)
        there = document.pages
        layers = _Layers(document)
        pictures = _Pictures(document)
        for number, recognised in pages:
            if number > len(there):
                raise NotRenderable(f"The PDF is damaged: page {number:,} cannot be found in it any more.")
            page = there[number - 1].obj
            if shown is not None and number in drawn:
                with suppress(Refusal):
                    pictures.put(page, shown.page(number))
                    replaced.append(number)
            if number in own_text:
                became[_Became.OWN_TEXT].append(number)
            elif recognised is not None:
                became[layers.lay(page, recognised)].append(number)
        layers.finish()
        _save(document, to)
    return _rendered(became, replaced, warnings)


def _of_pictures(shown: PdfDocument, pages: Iterable[tuple[int, RecognisedPage | None]], to: BinaryIO) -> Rendered:
    """A document made only of pictures of the pages and their text, with an empty page for each that cannot be
    drawn."""
    became: dict[_Became, list[int]] = {outcome: [] for outcome in _Became}
    replaced: list[int] = []
    missing: list[int] = []
    with Pdf.new() as document:
        layers = _Layers(document)
        pictures = _Pictures(document)
        for number, recognised in every_page(pages, shown.facts.pages):
            page = document.add_blank_page(page_size=_A4_POINTS).obj
            try:
                pictures.put(page, shown.page(number))
                replaced.append(number)
            except Refusal:
                missing.append(number)
            if recognised is not None:
                became[layers.lay(page, recognised)].append(number)
        layers.finish()
        _save(document, to)
    return _rendered(became, replaced, [f"{_numbered(missing)} {_MISSING}."] if missing else [])


def _save(document: Pdf, to: BinaryIO) -> None:
    document.save(
        to,
        min_version=_OLDEST_VERSION,
        fix_metadata_version=False,
        preserve_pdfa=False,
        compress_streams=True,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        object_stream_mode=pikepdf.ObjectStreamMode.preserve,
        encryption=False,
        deterministic_id=True,
    )


def _rendered(became: dict[_Became, list[int]], replaced: list[int], warnings: list[str]) -> Rendered:
    warnings = [*warnings, *([f"{_numbered(replaced)} {_REPLACED}."] if replaced else [])]
    warnings += [f"{_numbered(became[outcome])} {outcome}." for outcome in _WARNED_OF if became[outcome]]
    layered = len(became[_Became.LAYERED]) + len(became[_Became.NOT_INSPECTED])
    return Rendered(layered, tuple(became[_Became.OWN_TEXT]), tuple(warnings))


class _Pictures:
    """Puts pictures in place of pages."""

    def __init__(self, document: Pdf) -> None:
        self._document = document
        self._bytes = 0

    def put(self, page: pikepdf.Object, picture: PreparedPage) -> None:
        """Makes the page show the picture, in its own size, and nothing else. Raises NotRenderable if there are too
        many pictures to hold."""
        self._bytes += len(picture.content)
        if self._bytes > _MAX_PICTURE_BYTES:
            raise NotRenderable("The PDF is damaged, and has too many pages to be made again from pictures.")
        image, (width, height) = picture_in(self._document, picture.content)
        for entry in set(page.keys()) - {"/Type", "/Parent"}:
            del page[entry]
        page.MediaBox = page.CropBox = Array([0, 0, Decimal(f"{width:.3f}"), Decimal(f"{height:.3f}")])
        page.Rotate = 0
        page.Resources = Dictionary(XObject=Dictionary(Picture=image))
        page.Contents = self._document.make_stream(b"q %.3f 0 0 %.3f 0 0 cm /Picture Do Q" % (width, height))


class _Layers:
    """Lays text over pages of one document, in one font."""

    def __init__(self, document: Pdf) -> None:
        self._document = document
        self._font = GlyphlessFont(document)
        self._fonts: dict[Any, LettersOfFont] = {}
        self._is_used = False

    def lay(self, page: pikepdf.Object, recognised: RecognisedPage) -> _Became:
        """Makes the text findable on the page, unless it is already, or there is none."""
        if not any(line["text"].strip() for block in recognised["blocks"] for line in block["lines"]):
            return _Became.NOTHING_RECOGNISED
        if recognised["width"] <= 0 or recognised["height"] <= 0:
            return _Became.NO_SIZE
        try:
            return self._laid(page, recognised)
        except _MALFORMED:
            return _Became.DAMAGED

    def finish(self) -> None:
        """Completes the document."""
        if self._is_used:
            self._font.written()

    def _laid(self, page: pikepdf.Object, recognised: RecognisedPage) -> _Became:
        streams = content_streams(page)
        resources = _inherited(page, "/Resources")
        seen, cleaning, is_inspected = self._inspected(page, streams, resources)
        box = visible_box(_numbers(_inherited(page, "/MediaBox")), _numbers(_inherited(page, "/CropBox")))
        turns = quarter_turns(_inherited(page, "/Rotate"))
        to_page = pixels_to_page(box, turns, recognised["width"], recognised["height"])
        is_seen = _places_of(seen, to_page.inverted(), recognised["height"])
        name = free_name(_entry(resources, "/Font"), self._font.object, FONT_NAME)
        operators, letters, letters_in_all = text_layer(recognised, to_page, self._font, name, is_seen)
        if letters <= (1 - OWN_TEXT) * letters_in_all:
            return _Became.OWN_TEXT
        if cleaning:
            packed = cleaned(self._document, pikepdf.Page(page), resources, cleaning)
            streams = [self._document.make_stream(packed, Filter=Name.FlateDecode)]
        layer = self._document.make_stream(zlib.compress(operators), Filter=Name.FlateDecode)
        page.Contents = Array([layer, *streams])
        _fonts(page, resources)[name] = self._font.object
        self._is_used = True
        return _Became.LAYERED if is_inspected else _Became.NOT_INSPECTED

    def _inspected(
        self, page: pikepdf.Object, streams: list[pikepdf.Object], resources: Any
    ) -> tuple[list[SeenText], Cleaning, bool]:
        """The page's own text, how its unseen text is taken out, and whether that could be found out."""
        if len(self._fonts) > _MAX_FONTS_KEPT:
            self._fonts.clear()
        try:
            operators = joined(streams)
            if operators is not None:
                return *text_of_page(pikepdf.Page(page), operators, resources, self._fonts), True
        except (TextTooLong, *_MALFORMED):
            pass
        return [], Cleaning(), False


def _places_of(seen: Iterable[SeenText], to_pixels: Matrix, height: int) -> Callable[[float, float], bool]:
    """Returns what says whether there is visible text at a position, in pixels.

    The rectangles around texts are kept by bands of the page, so that only a few need to be compared for each position.
    """
    bands: dict[int, list[tuple[float, float, float, float]]] = {}
    # Bands are higher on a page that claims to be millions of pixels high.
    band_pixels = max(_BAND_PIXELS, height // _MAX_BANDS)
    for text in seen:
        corners = [to_pixels.applied(x, y) for x, y in text]
        left, right = min(x for x, _ in corners), max(x for x, _ in corners)
        top, bottom = min(y for _, y in corners), max(y for _, y in corners)
        first, last = int(max(top, 0)) // band_pixels, int(min(bottom, height)) // band_pixels
        for band in range(first, last + 1):
            bands.setdefault(band, []).append((left, top, right, bottom))
    return lambda x, y: any(
        left <= x <= right and top <= y <= bottom for left, top, right, bottom in bands.get(int(y) // band_pixels, ())
    )


def _fonts(page: pikepdf.Object, resources: Any) -> pikepdf.Object:
    """The dictionary of the page's fonts. Many pages may share it; one name more does not matter to them."""
    if not isinstance(resources, pikepdf.Dictionary):
        page.Resources = Dictionary()
        resources = page.Resources
    if _entry(resources, "/Font") is None:
        resources.Font = Dictionary()
    fonts: pikepdf.Object = resources.Font
    return fonts


def _entry(resources: Any, kind: str) -> Any:
    """The dictionary of this kind in the resources; None if there is none."""
    entries = resources.get(kind) if isinstance(resources, pikepdf.Dictionary) else None
    return entries if isinstance(entries, pikepdf.Dictionary) else None


def _inherited(page: pikepdf.Object, name: str) -> Any:
    """The page's attribute, or that of the nearest node above it that has one."""
    node: Any = page
    for _ in range(_MAX_PARENTS):
        if not isinstance(node, pikepdf.Dictionary):
            break
        if node.get(name) is not None:
            return node.get(name)
        node = node.get("/Parent")
    return None


def _numbers(box: Any) -> list[float] | None:
    try:
        return [float(corner) for corner in box] if isinstance(box, pikepdf.Array) else None
    except (TypeError, ValueError):
        return None


def _warnings(document: Pdf) -> list[str]:
    """What the document's owner should know about it as a whole."""
    warnings = []
    if document.is_encrypted:
        warnings.append(_UNPROTECTED)
    if _is_signed(document):
        warnings.append(_SIGNED)
    if any(qpdf.RECONSTRUCTED in warning for warning in qpdf.warnings_of(document)):
        warnings.append(_MENDED)
    return warnings


def _is_signed(document: Pdf) -> bool:
    """Whether a field of the form holds a signature, or the document as a whole is certified."""
    form = document.Root.get("/AcroForm")
    if isinstance(document.Root.get("/Perms"), pikepdf.Dictionary):
        return True
    if not isinstance(form, pikepdf.Dictionary):
        return False
    flags = form.get("/SigFlags")
    if not isinstance(flags, int) or not flags & _SIGNATURES_EXIST:
        return False
    waiting = [form.get("/Fields")]
    for _ in range(_MAX_FIELDS):
        if not waiting:
            return False
        found = waiting.pop()
        if isinstance(found, pikepdf.Array):
            waiting += list(found)
        elif isinstance(found, pikepdf.Dictionary):
            if found.get("/FT") == "/Sig" and found.get("/V") is not None:
                return True
            waiting.append(found.get("/Kids"))
    return True


def _numbered(numbers: list[int]) -> str:
    """ "Page 3 is", "Pages 3 and 4 are", "Pages 1, 2, 3 and 12 more are"."""
    if len(numbers) == 1:
        return f"Page {numbers[0]:,} is"
    named = [f"{number:,}" for number in numbers[:_MAX_NUMBERS]]
    last = f"{len(numbers) - _MAX_NUMBERS:,} more" if len(numbers) > _MAX_NUMBERS else named.pop()
    return f"Pages {', '.join(named)} and {last} are"
