"""The text that a page of a PDF has of its own, if that can stand for all that is to be read on it.

It can if it is readable, all its words lie on ink, and nearly all ink lies under its words. What else shows ink,
such as a picture, a scan, a stamp, a signature or a filled field of a form, is not told by the text. It makes no
difference whether the text is drawn, or lies unseen over a scan that another program recognised.

As it needs pdfium, what `pagekit.pdf.drawing` says of it holds here too.
"""

from __future__ import annotations

import ctypes
import math
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import multimode
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from pagekit.page import Block, Line, Polygon, RecognisedPage, Word
from pagekit.pdf.ink import DPI as INK_DPI
from pagekit.pdf.ink import Ink, are_stacked
from pagekit.pdf.page_geometry import Box, Matrix, pixels_to_page
from pagekit.pdf.readable import MIN_LETTERS, is_readable

DPI = 300
"""Polygons are in pixels of so many an inch."""

MAX_CHARACTERS = 100_000
MAX_WORDS = 10_000
"""As many as a dense newspaper page has, with some 80,000 letters. Each may come to be a block, and of more blocks no
output is made (`pagekit.outputs.page_bounds`). As JSON such a page has no more than 8 MB."""

_POINTS_PER_INCH = 72
# A page of A1. Drawn in fewer pixels, a note on a larger one would have too little ink to be noticed.
_MAX_INK_PIXELS = 4_100_000
_MAX_OBJECTS = 20_000
# Of the page: a picture that covers more is a scan, of which its ink tells whether the words are those on it.
_GROUND = 0.5
_BULLET_INCHES = 10 / _POINTS_PER_INCH
# What is put on a page to link or mark what is there.
_MARKS = (
    *(pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_POPUP, pdfium.FPDF_ANNOT_WIDGET),
    *(pdfium.FPDF_ANNOT_HIGHLIGHT, pdfium.FPDF_ANNOT_UNDERLINE),
    *(pdfium.FPDF_ANNOT_SQUIGGLY, pdfium.FPDF_ANNOT_STRIKEOUT),
)
# Pixels of the small picture: those of some dots and marks, and not of a written word.
_MOST_INK_OUTSIDE = 50
_SLANT_DEGREES = 4
# Of the size of letters: words further apart stand in different columns, and those that much lower on other lines.
_APART, _LOWER = 1.5, 0.7
# Lines of one block have no more than so much between them, and are not so much larger than each other.
_BELOW, _LARGER = 1.0, 1.4
# What pdfium makes of a hyphen that parts a word at the end of a line.
_LINE_END_HYPHEN = 0x02
_LINE_END = 0x0A
_REPLACED = {
    _LINE_END_HYPHEN: "-",
    0xAD: "-",
    # Bullets of Symbol and Wingdings, as word processors write them.
    **dict.fromkeys((0xF0B7, 0xF0A7, 0xF0D8, 0xF076, 0xF0FC), "•"),
}
_UNKNOWN = "\ufffd"


@dataclass(frozen=True, slots=True)
class _Area:
    """A part of the page as it is read there, which is `turns` quarter turns clockwise from how the page is shown.

    From `start` to `end` along the lines, from `top` to `base` across them, in pixels.
    """

    turns: int
    start: float
    top: float
    end: float
    base: float

    @classmethod
    def of(cls, turns: int, corners: Iterable[tuple[float, float]]) -> _Area:
        """Around places on the page as it is shown."""
        turned = [_TURNED_BACK[turns](x, y) for x, y in corners]
        along, across = zip(*turned, strict=True)
        return cls(turns, min(along), min(across), max(along), max(across))

    @classmethod
    def around(cls, areas: Sequence[_Area]) -> _Area:
        """Around areas that are read alike."""
        return cls(
            areas[0].turns,
            min(area.start for area in areas),
            min(area.top for area in areas),
            max(area.end for area in areas),
            max(area.base for area in areas),
        )

    @property
    def height(self) -> float:
        return self.base - self.top

    @property
    def corners(self) -> list[tuple[float, float]]:
        """On the page as it is shown, clockwise from the top left of its text."""
        corners = ((self.start, self.top), (self.end, self.top), (self.end, self.base), (self.start, self.base))
        return [_TURNED[self.turns](along, across) for along, across in corners]

    @property
    def polygon(self) -> Polygon:
        return [[round(x), round(y)] for x, y in self.corners]


# Between a place on the page as it is shown and how far along and across the lines it is, by quarter turns.
_TURNED: Sequence[Callable[[float, float], tuple[float, float]]] = (
    lambda along, across: (along, across),
    lambda along, across: (-across, along),
    lambda along, across: (-along, -across),
    lambda along, across: (across, -along),
)
_TURNED_BACK = (_TURNED[0], _TURNED[3], _TURNED[2], _TURNED[1])


@dataclass(frozen=True, slots=True)
class _Placed:
    """A word where it stands. `size`: the height that its font gives to a line, in pixels; `is_slanted`: its letters do
    not run along its area's sides."""

    text: str
    area: _Area
    size: float
    is_slanted: bool


def own_text(page: pypdfium2.PdfPage, user_unit: float) -> RecognisedPage | None:
    """The text of a page, in pixels of the page as viewers show it, turned by its /Rotate, at 300 an inch.

    `user_unit` is how many 72nds of an inch a unit of the page measures. None if the text cannot stand for the page, or
    is out of bounds. The same for the same page. Raises PdfiumError and ArithmeticError.
    """
    unit = user_unit / _POINTS_PER_INCH
    width, height = (round(side * unit * DPI) for side in page.get_size())
    if width <= 0 or height <= 0 or width * height * (INK_DPI / DPI) ** 2 > _MAX_INK_PIXELS:
        return None
    words = _words(page, width, height)
    if not is_readable([word.text for word in words]) or not _tells_all(page, words, unit):
        return None
    lines = _lines(words)
    blocks = _blocks(lines)
    return RecognisedPage(
        width=width,
        height=height,
        rotate=90 * _turns(words),
        text="".join(f"{_text(line)}\n" for block in blocks for line in block),
        blocks=[_block(lines) for lines in blocks],
        tables=[],
        entities=[],
        markdown=None,
    )


def _words(page: pypdfium2.PdfPage, width: int, height: int) -> list[_Placed]:
    """The words on the page, in the order of the file; none if there are too few letters, or too many."""
    page_turns = page.get_rotation() // 90
    to_pixels = pixels_to_page(Box(*page.get_bbox()), page_turns, width, height).inverted()
    words = [_placed(word, to_pixels, page_turns) for word in _read(page)]
    if turns := _turns(words):
        # What pdfium takes for one line it sorts, from the left of the page as shown: so most of it is shown upright.
        page.set_rotation((page_turns - turns) % 4 * 90)
        words = [_placed(word, to_pixels, page_turns) for word in _read(page)]
        page.set_rotation(page_turns * 90)
    # What is beside the page, as printers' marks, is not shown.
    words = [word for word in words if _is_within(word.area, width, height)]
    return words if len(words) <= MAX_WORDS else []


def _turns(words: Sequence[_Placed]) -> int:
    """How many quarter turns clockwise most words are read at."""
    return multimode(word.area.turns for word in words)[0] if words else 0


class _Letters(NamedTuple):
    """A word as it stands in the file: around its letters, and the room that the first takes, in the space of the page;
    `angle` is that of the first, in radians, clockwise."""

    text: str
    around: Box
    room: Box
    angle: float


def _read(page: pypdfium2.PdfPage) -> Iterator[_Letters]:
    text = page.get_textpage()
    try:
        if MIN_LETTERS <= text.count_chars() <= MAX_CHARACTERS:
            yield from _words_of(text)
    finally:
        text.close()


def _words_of(text: pypdfium2.PdfTextPage) -> Iterator[_Letters]:
    letters: list[str] = []
    boxes: list[Box] = []
    room, angle = Box(0, 0, 0, 0), 0.0
    count = text.count_chars()
    for index in range(count + 1):
        code = pdfium.FPDFText_GetUnicode(text, index) if index < count else _LINE_END
        letter = _letter(code)
        is_space = letter.isspace()
        if letter and not is_space:
            if not letters:
                room = Box(*text.get_charbox(index, loose=True))
                angle = pdfium.FPDFText_GetCharAngle(text, index)
            letters.append(_UNKNOWN if pdfium.FPDFText_HasUnicodeMapError(text, index) == 1 else letter)
            boxes.append(Box(*text.get_charbox(index)))
        if letters and (is_space or code == _LINE_END_HYPHEN):
            lefts, bottoms, rights, tops = zip(*boxes, strict=True)
            around = Box(min(lefts), min(bottoms), max(rights), max(tops))
            yield _Letters(unicodedata.normalize("NFC", "".join(letters)), around, room, angle)
            letters, boxes = [], []


def _letter(code: int) -> str:
    """The character; none for one that only says how others are written, U+FFFD for one that means nothing."""
    if code in _REPLACED:
        return _REPLACED[code]
    letter = chr(code) if 0 < code <= sys.maxunicode else _UNKNOWN
    if letter.isprintable() or letter.isspace():
        # Ligatures are letters to those who search.
        return unicodedata.normalize("NFKC", letter) if "\ufb00" <= letter <= "\ufb06" else letter
    return "" if unicodedata.category(letter) == "Cf" else _UNKNOWN


def _placed(word: _Letters, to_pixels: Matrix, page_turns: int) -> _Placed:
    quarters = math.degrees(word.angle) / 90
    turns = round(quarters)
    is_slanted = abs(quarters - turns) * 90 > _SLANT_DEGREES
    area, room = (
        _Area.of((turns + page_turns) % 4, (to_pixels.applied(left, bottom), to_pixels.applied(right, top)))
        for left, bottom, right, top in (word.around, word.room)
    )
    return _Placed(word.text, area, max(room.height, area.height), is_slanted)


def _is_within(area: _Area, width: int, height: int) -> bool:
    """Whether its middle is on the page."""
    (x1, y1), _, (x2, y2), _ = area.corners
    return 0 <= (x1 + x2) / 2 <= width and 0 <= (y1 + y2) / 2 <= height


def _shows_picture(page: pypdfium2.PdfPage, bullet: float) -> bool:
    """Whether there is a picture on the page that is larger than a bullet or a rule, and is not the ground of it all,
    as a scan is. Whatever it shows, no text tells it, be it too small or too faint to count as ink."""
    shown = Box(*page.get_bbox())
    for count, found in enumerate(page.get_objects()):
        if count >= _MAX_OBJECTS:
            return True
        if found.type != pdfium.FPDF_PAGEOBJ_IMAGE:
            continue
        corners = found.get_quad_points()
        outer = found.container
        while outer is not None:
            matrix = outer.get_matrix()
            corners = [matrix.on_point(x, y) for x, y in corners]
            outer = outer.container
        across, up = zip(*corners, strict=True)
        width = min(max(across), shown.right) - max(min(across), shown.left)
        height = min(max(up), shown.top) - max(min(up), shown.bottom)
        is_ground = width * height > _GROUND * (shown.right - shown.left) * (shown.top - shown.bottom)
        if min(width, height) > bullet and not is_ground:
            return True
    return False


def _is_written_on(page: pypdfium2.PdfPage) -> bool:
    """Whether something was put on the page with a viewer that may be writing or a picture, as a stamp, a pen's strokes
    or a field's value are. It may lie right over the words, where no other ink is seen, or be a digit or a tick."""
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        is_filled = kind == pdfium.FPDF_ANNOT_WIDGET and _is_filled(annotation)
        pdfium.FPDFPage_CloseAnnot(annotation)
        if is_filled or kind not in _MARKS:
            return True
    return False


def _is_filled(field: object) -> bool:
    """Whether it is ticked, or has a value that is not empty. If what it shows is something else, that is ink."""
    entry = b"AS" if pdfium.FPDFAnnot_HasKey(field, b"AS") else b"V"
    if pdfium.FPDFAnnot_GetValueType(field, entry) not in (pdfium.FPDF_OBJECT_STRING, pdfium.FPDF_OBJECT_NAME):
        return bool(pdfium.FPDFAnnot_HasKey(field, entry))
    size = pdfium.FPDFAnnot_GetStringValue(field, entry, None, 0)
    value = ctypes.create_string_buffer(size)
    pdfium.FPDFAnnot_GetStringValue(field, entry, ctypes.cast(value, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return value.raw.decode("utf-16-le", "replace").strip("\0 ") not in ("", "Off")


def _tells_all(page: pypdfium2.PdfPage, words: Sequence[_Placed], unit: float) -> bool:
    """Whether each word lies on ink, none on another, and next to no ink anywhere else. `unit` is in inches."""
    if _shows_picture(page, _BULLET_INCHES / unit) or _is_written_on(page):
        return False
    bitmap = page.render(scale=INK_DPI * unit, grayscale=True)
    try:
        ink = Ink(bitmap.to_pil().convert("L"))
    finally:
        bitmap.close()
    boxes = [(_box(word.area, INK_DPI / DPI), word) for word in words]
    # What stands on another word is there twice, or hidden.
    told = [box for box, word in boxes if any(map(str.isalnum, word.text))]
    if are_stacked(told, ink.size) or not all(map(ink.is_in, told)):
        return False
    # The box of a slanted word has much in it that is not the word's.
    return not ink.is_outside((box for box, word in boxes if not word.is_slanted), _MOST_INK_OUTSIDE)


def _box(area: _Area, scale: float) -> tuple[float, float, float, float]:
    across, down = zip(*area.corners, strict=True)
    return min(across) * scale, min(down) * scale, max(across) * scale, max(down) * scale


def _lines(words: Sequence[_Placed]) -> list[list[_Placed]]:
    """The words by lines, in the order of the file."""
    lines: list[list[_Placed]] = []
    for word in words:
        if lines and _goes_on(lines[-1][-1], word):
            lines[-1].append(word)
        else:
            lines.append([word])
    return lines


def _goes_on(before: _Placed, word: _Placed) -> bool:
    """Whether the word stands behind the other on the same line, and not far away."""
    size = max(before.size, word.size)
    lower = abs(word.area.top + word.area.base - before.area.top - before.area.base) / 2
    return (
        word.area.turns == before.area.turns
        and lower < _LOWER * size
        and -size < word.area.start - before.area.end < _APART * size
    )


def _blocks(lines: Sequence[list[_Placed]]) -> list[list[list[_Placed]]]:
    """The lines by blocks: those of one are about as large, and stand below each other."""
    blocks: list[list[list[_Placed]]] = []
    for line in lines:
        if blocks and _stands_below(blocks[-1][-1], line):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _stands_below(before: Sequence[_Placed], line: Sequence[_Placed]) -> bool:
    upper, lower = _area(before), _area(line)
    small, large = sorted(max(word.size for word in each) for each in (before, line))
    return (
        lower.turns == upper.turns
        and large < _LARGER * small
        and -small / 2 < lower.top - upper.base < _BELOW * small
        and min(lower.end, upper.end) > max(lower.start, upper.start)
    )


def _block(lines: Sequence[Sequence[_Placed]]) -> Block:
    areas = [_area(line) for line in lines]
    return Block(
        type="text",
        polygon=_Area.around(areas).polygon,
        languages=[],
        lines=[
            Line(
                text=_text(line),
                polygon=area.polygon,
                words=[Word(text=word.text, polygon=word.area.polygon) for word in line],
            )
            for line, area in zip(lines, areas, strict=True)
        ],
    )


def _area(line: Sequence[_Placed]) -> _Area:
    return _Area.around([word.area for word in line])


def _text(line: Sequence[_Placed]) -> str:
    return " ".join(word.text for word in line)
