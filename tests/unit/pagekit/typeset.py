"""Pages as programs write them: text in a font that is in the file, with or without what else stands on such pages."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

from pikepdf import Array, Dictionary, Name, Pdf

from unit.pagekit.outputs import drawing

A4 = (595, 842)
_CODING = "cp1251"
_FIRST, _LAST = 32, 255
Names = Callable[[str], str]


def itself(letter: str) -> str:
    return letter


def as_latin_1(letter: str) -> str:
    """What Cyrillic letters become where their codes are taken for those of Latin-1."""
    return letter.encode(_CODING).decode("latin-1")


def as_private(letter: str) -> str:
    """A code that means nothing outside the font."""
    return chr(0xF000 + ord(letter.encode(_CODING)))


def width_of(text: str, size: float) -> float:
    return _widths(text) * size / 1000


@functools.cache
def _widths(text: str) -> float:
    return drawing.font(1000).getlength(text)


def add_page(document: Pdf, *operators: bytes, size: tuple[int, int] = A4, names: Names | None = itself) -> Any:
    """A page of these operators, with Roboto as /R. `names` says what character each letter is given as; with None the
    file does not tell."""
    page = document.add_blank_page(page_size=size)
    page.Resources = Dictionary(Font=Dictionary(R=_font(document, names)), XObject=Dictionary())
    page.Contents = document.make_stream(b"\n".join(operators))
    return page


def shown(text: str, x: float, y: float, size: float = 11, mode: int = 0) -> bytes:
    """Operators that show a text from (x, y), in points from the bottom left."""
    return b"BT /R %f Tf %d Tr 1 0 0 1 %f %f Tm <%b> Tj ET" % (
        size,
        mode,
        x,
        y,
        text.encode(_CODING).hex().encode(),
    )


def lines(texts: Sequence[str], x: float = 60, y: float = 780, size: float = 11, mode: int = 0) -> bytes:
    """Operators that show lines below each other."""
    return b"\n".join(shown(text, x, y - row * 1.4 * size, size, mode) for row, text in enumerate(texts))


def _font(document: Pdf, names: Names | None) -> Any:
    content = resources.files("font_roboto").joinpath("files", "Roboto-Regular.ttf").read_bytes()
    file = document.make_stream(zlib.compress(content), Filter=Name.FlateDecode, Length1=len(content))
    letters = [bytes([code]).decode(_CODING, "replace") for code in range(_FIRST, _LAST + 1)]
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=Name("/Roboto-Regular"),
        Flags=32,
        FontBBox=Array([-700, -270, 1100, 1050]),
        ItalicAngle=0,
        Ascent=928,
        Descent=-244,
        CapHeight=711,
        StemV=80,
        FontFile2=file,
    )
    font = Dictionary(
        Type=Name.Font,
        Subtype=Name.TrueType,
        BaseFont=Name("/Roboto-Regular"),
        FirstChar=_FIRST,
        LastChar=_LAST,
        Widths=Array([round(_widths(letter)) for letter in letters]),
        FontDescriptor=document.make_indirect(descriptor),
        Encoding=Dictionary(
            BaseEncoding=Name.WinAnsiEncoding,
            Differences=Array([128, *(Name(f"/uni{ord(letter):04X}") for letter in letters[96:])]),
        ),
    )
    if names is not None:
        entries = b"\n".join(
            b"<%02X> <%b>" % (code, names(letter).encode("utf-16-be").hex().encode())
            for code, letter in enumerate(letters, start=_FIRST)
            if letter != "\ufffd"
        )
        font.ToUnicode = document.make_stream(
            b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n"
            b"1 begincodespacerange <00> <FF> endcodespacerange\n%d beginbfchar\n%b\nendbfchar endcmap end end"
            % (entries.count(b"\n") + 1, entries)
        )
    return document.make_indirect(font)
