"""A font whose letters have an extent and no shape: what invisible text is set in.

A composite font (PDF 1.7, 9.7) whose two-byte codes are given out as they are needed, one for each character in each of
some thirty widths, and are mapped back to characters. So a whole line can be one string, whatever the widths of its
words are: readers sort strings, part them and put blanks between them by rules of their own, but what is in a string
stays together. A document needs one font, of a few kilobytes.

The glyph of a width is a line without a thickness, from corner to corner. It covers nothing, but readers take the place
of a letter from the extent of its glyph: with glyphs of no extent, pdfium leaves out words of one letter, and finds
others flat.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from itertools import accumulate

from pikepdf import Array, Dictionary, Name, Object, Pdf, String

EM = 1000
"""Letters reach from the base line up to the font's size; their widths are in thousandths of it."""

WIDTHS = tuple(round(100 * 1.1**step) for step in range(33))
USUAL_WIDTH = 500
DESCENT = -1
"""As good as none. If a font has none at all, poppler takes that for a mistake."""

_FONT_NAME = Name("/AAAAAA+TextdropGlyphless")
_REPLACEMENT = "\ufffd"
_LAST_CODE = 0xFFFF
# With more characters than this, a character gets only one width.
_PLENTY_OF_CODES = 50_000
_MAX_IN_A_BLOCK = 100
_CHECKSUM_OF_A_FONT = 0xB1B0AFBA


class GlyphlessFont:
    """The font of one document. Text is `encoded` first; then the font is `written`, once, when all text is known."""

    def __init__(self, document: Pdf) -> None:
        self.object = document.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type0))
        self._document = document
        # By width: the code of each character, in hexadecimal digits.
        self._codes: list[dict[str, str]] = [{} for _ in WIDTHS]
        self._any_code: dict[str, str] = {}
        self._letters: list[tuple[str, int]] = []

    def encoded(self, text: str, width: float) -> tuple[str, int]:
        """The codes of the text, four hexadecimal digits for each character, and how wide they are together.

        That is as near to `width` as a tenth of a letter or, in extreme cases, as letters can be. If the codes run out,
        letters have another width or, after some fifty thousand different characters, are U+FFFD.
        """
        narrow = min(max(bisect_right(WIDTHS, width / len(text)) - 1, 0), len(WIDTHS) - 2)
        least, step = WIDTHS[narrow] * len(text), WIDTHS[narrow + 1] - WIDTHS[narrow]
        # So many of the letters have the next width.
        wide = min(max(round((width - least) / step), 0), len(text))
        codes = self._coded(text[:wide], narrow + 1) + self._coded(text[wide:], narrow)
        if len(self._letters) < _PLENTY_OF_CODES:
            return codes, least + wide * step
        widths = (WIDTHS[self._letters[int(codes[at : at + 4], 16) - 1][1]] for at in range(0, len(codes), 4))
        return codes, sum(widths)

    def written(self) -> None:
        """Writes the whole font into the document."""
        widths = [WIDTHS[step] for _, step in self._letters]
        glyphs = b"\0\0" + b"".join((step + 1).to_bytes(2, "big") for _, step in self._letters)
        file = self._packed(font_file())
        file.Length1 = len(font_file())
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=_FONT_NAME,
            Flags=4,
            FontBBox=Array([0, 0, WIDTHS[-1], EM]),
            ItalicAngle=0,
            Ascent=EM,
            Descent=DESCENT,
            CapHeight=EM,
            StemV=80,
            FontFile2=file,
        )
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=_FONT_NAME,
            CIDSystemInfo=Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
            CIDToGIDMap=self._packed(glyphs),
            DW=USUAL_WIDTH,
            W=Array([1, Array(widths)]),
            FontDescriptor=self._document.make_indirect(descriptor),
        )
        self.object.BaseFont = _FONT_NAME
        self.object.Encoding = Name("/Identity-H")
        self.object.DescendantFonts = Array([self._document.make_indirect(descendant)])
        self.object.ToUnicode = self._packed(self._to_unicode())

    def _coded(self, text: str, step: int) -> str:
        codes = self._codes[step]
        try:
            return "".join([codes[character] for character in text])
        except KeyError:
            for character in text:
                if character not in codes:
                    codes[character] = self._code(character, step)
            return self._coded(text, step)

    def _code(self, character: str, step: int) -> str:
        """A code for a character that has none for this width yet."""
        if len(self._letters) >= _PLENTY_OF_CODES and character in self._any_code:
            return self._any_code[character]
        if len(self._letters) >= _LAST_CODE - 1 and character != _REPLACEMENT:
            return self._any_code.get(_REPLACEMENT) or self._code(_REPLACEMENT, step)
        self._letters.append((character, step))
        code = f"{len(self._letters):04X}"
        self._any_code.setdefault(character, code)
        return code

    def _packed(self, data: bytes) -> Object:
        return self._document.make_stream(zlib.compress(data, 9), Filter=Name.FlateDecode)

    def _to_unicode(self) -> bytes:
        """What the codes mean."""
        characters = [character.encode("utf-16-be").hex().upper().encode() for character, _ in self._letters]
        return b"\n".join(
            [
                b"/CIDInit /ProcSet findresource begin",
                b"12 dict begin",
                b"begincmap",
                b"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
                b"/CMapName /Adobe-Identity-UCS def",
                b"/CMapType 2 def",
                b"1 begincodespacerange",
                b"<0000> <FFFF>",
                b"endcodespacerange",
                *_blocks([b"<%04X> <%b>" % entry for entry in enumerate(characters, start=1)]),
                b"endcmap",
                b"CMapName currentdict /CMap defineresource pop",
                b"end",
                b"end",
            ]
        )


def font_file() -> bytes:
    """A TrueType font (OpenType 1.9; PDF 1.7, 9.9 says which tables it needs): an empty glyph, which stands for what a
    font lacks, and one for each width."""
    glyphs = [_glyph(width) for width in WIDTHS]
    places = [0, *accumulate(map(len, glyphs), initial=0)]
    bounds = (0, 0, WIDTHS[-1], EM)
    tables = {
        b"glyf": b"".join(glyphs),
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, EM, 0, 0, *bounds, 0, 8, 2, 0, 0
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhh8xhH", 0x10000, EM, DESCENT, 0, WIDTHS[-1], 0, 0, WIDTHS[-1], 1, 0, 0, 0, len(WIDTHS) + 1
        ),
        b"hmtx": b"".join(struct.pack(">Hh", width, 0) for width in (USUAL_WIDTH, *WIDTHS)),
        b"loca": b"".join(struct.pack(">H", place // 2) for place in places),
        b"maxp": struct.pack(">IH13H", 0x10000, len(WIDTHS) + 1, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    search_range = 4 * 16
    header = struct.pack(">IHHHH", 0x10000, len(tables), search_range, 2, len(tables) * 16 - search_range)
    place = len(header) + 16 * len(tables)
    directory, body = b"", b""
    for name, table in tables.items():
        padded = table + bytes(-len(table) % 4)
        directory += struct.pack(">4sIII", name, _checksum(padded), place + len(body), len(table))
        body += padded
    whole = header + directory + body
    adjustment = place + body.index(tables[b"head"]) + 8
    missing = (_CHECKSUM_OF_A_FONT - _checksum(whole)) & 0xFFFFFFFF
    return whole[:adjustment] + struct.pack(">I", missing) + whole[adjustment + 4 :]


def _glyph(width: int) -> bytes:
    """One contour of three points, each drawn from the one before; no instructions."""
    half = width // 2
    across, up = struct.pack(">3h", 0, half, width - half), struct.pack(">3h", 0, EM // 2, EM // 2)
    glyph = struct.pack(">5hHH", 1, 0, 0, width, EM, 2, 0) + b"\1\1\1" + across + up
    return glyph + bytes(len(glyph) % 2)


def _checksum(padded: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF


def _blocks(entries: list[bytes]) -> list[bytes]:
    """A block has a hundred entries at most (PDF 1.7, 9.10.3)."""
    blocks = []
    for start in range(0, len(entries), _MAX_IN_A_BLOCK):
        block = entries[start : start + _MAX_IN_A_BLOCK]
        blocks += [b"%d beginbfchar" % len(block), *block, b"endbfchar"]
    return blocks
