"""A PDF with recognised text laid over its pages.

The pages stay what they are. Streams are copied as they are, outlines, links, forms, layers and labels are kept; a page
gets one stream more, which draws nothing, before its own. It comes first, so that whatever state the page's operators
leave behind does not matter to it, and they begin in the state they expect.

What of the text is laid over a page:
- Words that stand on text of the page's own that can be seen and names its characters are left out. A page of which
  nearly nothing remains is left as it is: it can be searched already.
- Unseen text under a page that gets a layer, which another program put there, is taken out. A page that gets none,
  because it was not recognised or nothing was found on it, keeps it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, BinaryIO

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf

from pagekit.errors import NotRenderable
from pagekit.page import RecognisedPage
from pagekit.pdf import qpdf
from pagekit.pdf.glyphless_font import GlyphlessFont
from pagekit.pdf.page_content import Cleaning, cleaned, content_streams, free_name, joined
from pagekit.pdf.page_geometry import Matrix, pixels_to_page, quarter_turns, visible_box
from pagekit.pdf.shown_text import SeenText, TextTooLong, text_of_page
from pagekit.pdf.stated_widths import LettersOfFont
from pagekit.pdf.text_layer import Rendered, text_layer

FONT_NAME = "/Textdrop"
OWN_TEXT = 0.9
"""A page that shows this much of its recognised letters as text of its own is left as it is."""

_OLDEST_VERSION = "1.4"
_BAND_PIXELS = 32
_MAX_FONTS_KEPT = 500
_MAX_PARENTS = 100
_MAX_FIELDS = 10_000
_SIGNATURES_EXIST = 1
_MAX_NUMBERS = 10

_UNPROTECTED = (
    "The PDF was protected by its owner against printing, copying or changes. The searchable PDF is not: its text "
    "could not be copied otherwise."
)
_SIGNED = "The PDF is signed. Its signatures hold for the file as it was uploaded, and not for the searchable PDF."
_MENDED = "The PDF was damaged; the searchable PDF is what could be mended."


class _Became(StrEnum):
    """What became of a page; those that are to be warned of, by what their warnings say."""

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


def layered_pdf(source: BinaryIO, pages: Iterable[tuple[int, RecognisedPage | None]], to: BinaryIO) -> Rendered:
    """As searchable_pdf."""
    became: dict[_Became, list[int]] = {outcome: [] for outcome in _Became}
    with qpdf.opened_to_rewrite(source) as (document, bounds):
        warnings = _warnings(document)
        there = document.pages
        bounds.allow_more(qpdf.REWRITING_SECONDS_PER_PAGE * len(there))
        layers = _Layers(document)
        for number, recognised in pages:
            if number > len(there):
                raise NotRenderable(f"The PDF is damaged: page {number:,} cannot be found in it any more.")
            if recognised is not None:
                became[layers.lay(there[number - 1].obj, recognised)].append(number)
            qpdf.check(bounds)
        layers.finish()
        document.save(
            to,
            min_version=_OLDEST_VERSION,
            fix_metadata_version=False,
            preserve_pdfa=False,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
            object_stream_mode=pikepdf.ObjectStreamMode.preserve,
            encryption=False,
            deterministic_id=True,
        )
    warnings += [f"{_numbered(became[outcome])} {outcome}." for outcome in _WARNED_OF if became[outcome]]
    layered = len(became[_Became.LAYERED]) + len(became[_Became.NOT_INSPECTED])
    return Rendered(layered, tuple(became[_Became.OWN_TEXT]), tuple(warnings))


class _Layers:
    """Lays text over pages of one document, in one font."""

    def __init__(self, document: Pdf) -> None:
        self._document = document
        self._font = GlyphlessFont(document)
        self._fonts: dict[Any, LettersOfFont] = {}
        self._is_used = False

    def lay(self, page: pikepdf.Object, recognised: RecognisedPage) -> _Became:
        """Afterwards the text can be found on the page, unless it has it already or there is none."""
        if not any(line["text"].strip() for block in recognised["blocks"] for line in block["lines"]):
            return _Became.NOTHING_RECOGNISED
        if recognised["width"] <= 0 or recognised["height"] <= 0:
            return _Became.NO_SIZE
        try:
            return self._laid(page, recognised)
        except _MALFORMED:
            return _Became.DAMAGED

    def finish(self) -> None:
        """Afterwards the document is whole."""
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
    """Says whether there is text that can be seen at a place, in pixels. The rectangles around texts are kept by bands
    of the page, so that only a few need to be compared for each place."""
    bands: dict[int, list[tuple[float, float, float, float]]] = {}
    for text in seen:
        corners = [to_pixels.applied(x, y) for x, y in text]
        left, right = min(x for x, _ in corners), max(x for x, _ in corners)
        top, bottom = min(y for _, y in corners), max(y for _, y in corners)
        first, last = int(max(top, 0)) // _BAND_PIXELS, int(min(bottom, height)) // _BAND_PIXELS
        for band in range(first, last + 1):
            bands.setdefault(band, []).append((left, top, right, bottom))
    return lambda x, y: any(
        left <= x <= right and top <= y <= bottom for left, top, right, bottom in bands.get(int(y) // _BAND_PIXELS, ())
    )


def _fonts(page: pikepdf.Object, resources: Any) -> pikepdf.Object:
    """The dictionary of the page's fonts. It may be one for many pages; a name more does not matter to them."""
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
    """What the document's owner should know of it as a whole."""
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
