"""A font whose letters have an extent and no shape: what invisible text is set in.

A composite font (PDF 1.7, 9.7) of two-byte codes that are UTF-16, so any text can be written with it and read out of it
again; every code has the same glyph, half as wide as the font is high. A document needs one, of some 600 bytes.

The glyph is a line without a width, from corner to corner. It covers nothing, but readers take the place of a letter
from the extent of its glyph: with a glyph of no extent, pdfium leaves out words of one letter, and finds others flat.
"""

from __future__ import annotations

import struct
import zlib

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, String

EM = 1000
ADVANCE = 500
"""The width of every letter, in thousandths of the font's size. Letters reach from the base line up to the size."""

DESCENT = -1
"""As good as none. Where a font says that it is none at all, poppler takes it for a mistake."""

_FONT_NAME = Name("/AAAAAA+TextdropGlyphless")
_SPARE_CODES = range(0xD800, 0xE000)
# A byte-wise range must not go on over the first byte of a code, and a block has a hundred of them at most (PDF 1.7,
# 9.10.3 and 9.7.5.4).
_MOST_IN_A_BLOCK = 100
_CHECKSUM_OF_A_FONT = 0xB1B0AFBA


class GlyphlessFont:
    """The font of one document. Text is `encoded` first, then the font is `written`, once, when all text is known."""

    def __init__(self, document: Pdf) -> None:
        self.object = document.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type0))
        self._document = document
        self._first_bytes: set[int] = set()
        self._code_of: dict[str, int] = {}

    def encoded(self, text: str) -> bytes:
        """The codes of the text, two bytes for each character.

        A character beyond the first 65,536 gets one of the codes that stand for no character by themselves, so that it
        counts as one. Should they run out, it is written as U+FFFD.
        """
        codes = bytearray()
        for character in text:
            code = ord(character)
            if code > 0xFFFF:
                code = self._code_beyond(character)
            self._first_bytes.add(code >> 8)
            codes += code.to_bytes(2, "big")
        return bytes(codes)

    def written(self) -> None:
        """Afterwards the font is whole in the document."""
        file = self._document.make_stream(zlib.compress(font_file(), 9), Filter=Name.FlateDecode)
        file.Length1 = len(font_file())
        # All codes have the second glyph: the first one stands for what a font lacks.
        glyphs = self._document.make_stream(zlib.compress(b"\0\1" * 65_536, 9), Filter=Name.FlateDecode)
        mapping = self._document.make_stream(zlib.compress(self._to_unicode(), 9), Filter=Name.FlateDecode)
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=_FONT_NAME,
            Flags=4,
            FontBBox=Array([0, 0, ADVANCE, EM]),
            ItalicAngle=0,
            Ascent=EM,
            Descent=DESCENT,
            CapHeight=EM,
            StemV=80,
            MissingWidth=ADVANCE,
            FontFile2=file,
        )
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=_FONT_NAME,
            CIDSystemInfo=Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
            CIDToGIDMap=glyphs,
            DW=ADVANCE,
            FontDescriptor=self._document.make_indirect(descriptor),
        )
        self.object.BaseFont = _FONT_NAME
        self.object.Encoding = pikepdf.Name("/Identity-H")
        self.object.DescendantFonts = Array([self._document.make_indirect(descendant)])
        self.object.ToUnicode = mapping

    def _code_beyond(self, character: str) -> int:
        if character not in self._code_of:
            if len(self._code_of) == len(_SPARE_CODES):
                return 0xFFFD
            self._code_of[character] = _SPARE_CODES[len(self._code_of)]
        return self._code_of[character]

    def _to_unicode(self) -> bytes:
        """What the codes mean: themselves, but for the spare ones."""
        spare = {code >> 8 for code in _SPARE_CODES}
        ranges = [b"<%02X00> <%02XFF> <%02X00>" % (high, high, high) for high in sorted(self._first_bytes - spare)]
        beyond = [b"<%04X> <%b>" % (code, _utf_16(character)) for character, code in self._code_of.items()]
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
                *_blocks(b"bfrange", ranges),
                *_blocks(b"bfchar", beyond),
                b"endcmap",
                b"CMapName currentdict /CMap defineresource pop",
                b"end",
                b"end",
            ]
        )


def font_file() -> bytes:
    """A TrueType font of two glyphs (OpenType 1.9; PDF 1.7, 9.9 says which tables it needs): an empty one and ours."""
    bounds = (0, 0, ADVANCE, EM)
    # One contour of three points on the curve, to each of which it goes on from the one before; no instructions.
    steps = ((0, 0), (ADVANCE // 2, EM // 2), (ADVANCE // 2, EM // 2))
    across, up = (struct.pack(">3h", *places) for places in zip(*steps, strict=True))
    glyph = struct.pack(">5hHH", 1, *bounds, len(steps) - 1, 0) + b"\1\1\1" + across + up
    glyph += bytes(len(glyph) % 2)
    tables = {
        b"glyf": glyph,
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, EM, 0, 0, *bounds, 0, 8, 2, 0, 0
        ),
        b"hhea": struct.pack(">IhhhHhhhhhh8xhH", 0x10000, EM, DESCENT, 0, ADVANCE, 0, 0, ADVANCE, 1, 0, 0, 0, 1),
        b"hmtx": struct.pack(">Hhh", ADVANCE, 0, 0),
        b"loca": struct.pack(">HHH", 0, 0, len(glyph) // 2),
        b"maxp": struct.pack(">IH13H", 0x10000, 2, len(steps), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    search_range = 16 * 4
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


def _checksum(padded: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF


def _utf_16(character: str) -> bytes:
    return character.encode("utf-16-be").hex().upper().encode()


def _blocks(kind: bytes, entries: list[bytes]) -> list[bytes]:
    blocks = []
    for start in range(0, len(entries), _MOST_IN_A_BLOCK):
        block = entries[start : start + _MOST_IN_A_BLOCK]
        blocks += [b"%d begin%b" % (len(block), kind), *block, b"end%b" % kind]
    return blocks
