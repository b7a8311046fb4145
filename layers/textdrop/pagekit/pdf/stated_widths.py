"""What a PDF font says about its letters: how wide each is, and whether it says which character a code means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pikepdf

_USUAL_WIDTH = 500.0
_BLANK = 0x20
_MAX_WIDTHS = 70_000


@dataclass(frozen=True, slots=True)
class LettersOfFont:
    """`widths` are by code, in units of the font's size, `other` is that of codes not in it.

    `names_characters`: readers can make characters of the codes; text in other fonts can be seen, but not searched.
    """

    code_bytes: int
    widths: dict[int, float]
    other: float
    names_characters: bool

    def measured(self, shown: bytes) -> tuple[int, int, float]:
        """The number of letters in a string, how many of them are blanks, and the width in units of the size."""
        if self.code_bytes == 1:
            codes: Any = shown
        else:
            codes = [high << 8 | low for high, low in zip(shown[::2], shown[1::2], strict=False)]
        width = sum(self.widths.get(code, self.other) for code in codes)
        return len(codes), sum(code == _BLANK for code in codes), width


def letters_of(font: pikepdf.Object) -> LettersOfFont:
    """What a font's dictionary says; if that is not usable, letters are half as wide as the size."""
    kind = font.get("/Subtype")
    maps = isinstance(font.get("/ToUnicode"), pikepdf.Stream)
    if kind == "/Type0":
        descendants = font.get("/DescendantFonts")
        descendant = descendants[0] if isinstance(descendants, pikepdf.Array) and len(descendants) else None
        # Of the predefined encodings only these two say nothing about characters.
        encoding = font.get("/Encoding")
        named = isinstance(encoding, pikepdf.Name) and encoding not in ("/Identity-H", "/Identity-V")
        if not isinstance(descendant, pikepdf.Dictionary):
            return LettersOfFont(2, {}, 1.0, maps or named)
        other = number(descendant.get("/DW"), 1000.0) / 1000
        return LettersOfFont(2, _by_cid(descendant.get("/W")), other, maps or named)
    first, given = font.get("/FirstChar"), font.get("/Widths")
    unit, other = 0.001, _USUAL_WIDTH
    if kind == "/Type3":
        matrix = font.get("/FontMatrix")
        unit = abs(number(matrix[0], 0.001)) if isinstance(matrix, pikepdf.Array) and len(matrix) == 6 else 0.001
        other = 0.0
    descriptor = font.get("/FontDescriptor")
    if isinstance(descriptor, pikepdf.Dictionary):
        other = number(descriptor.get("/MissingWidth"), other)
    start = int(number(first))
    widths: dict[int, float] = {}
    if isinstance(given, pikepdf.Array):
        widths = {start + index: number(value, other) * unit for index, value in zip(range(256), given, strict=False)}
    return LettersOfFont(1, widths, other * unit, maps or kind != "/Type3")


def _by_cid(given: Any) -> dict[int, float]:
    """The widths in an array of `first [w1 w2 …]` and `first last w`."""
    widths: dict[int, float] = {}
    values = list(given) if isinstance(given, pikepdf.Array) else []
    index = 0
    while index + 1 < len(values) and len(widths) < _MAX_WIDTHS:
        first, second = int(number(values[index])), values[index + 1]
        if isinstance(second, pikepdf.Array):
            widths |= {first + offset: number(value, 1000.0) / 1000 for offset, value in enumerate(second)}
            index += 2
        elif index + 2 < len(values):
            last = min(int(number(second)), first + _MAX_WIDTHS)
            widths |= dict.fromkeys(range(first, last + 1), number(values[index + 2], 1000.0) / 1000)
            index += 3
        else:
            break
    return widths


def number(value: Any, otherwise: float = 0.0) -> float:
    """The value as a number; `otherwise` if it is not one."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise
