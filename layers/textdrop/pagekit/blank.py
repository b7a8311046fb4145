"""Whether there is nothing to see on a page, as far as that can be told without decoding it.

A page without a word is no surprise if it is blank. If this cannot tell, it says that the page is not blank.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

from pagekit.images import FRAME_HEADERS, jpeg_segments
from pagekit.limits import MediaType

# One colour all over is the same pattern of bytes again and again: packed twice it has 60 to 600 bytes; with a small
# drawing, 900 and more.
_PACKED_BYTES = 700
# A picture of one colour has fewer bytes per pixel than this (4:4:4 has the most), so others are not packed.
_BYTES_PER_PIXEL = 0.03
_SOS = 0xDA
# Operators that paint, except those that show what is named, and images within the content.
_PAINTS = re.compile(rb"(?:^|[\s\])>])(?:T[jJ]|['\"]|[sSfFbB]\*?|sh|BI)(?:\s|$)")
_SHOWS = re.compile(rb"\sDo(?:\s|$)")
_SIDES = re.compile(rb"/(?:Width|Height) (\d{1,5})\b")
# A page that paints nothing has little more than its own dictionary; a larger one is not opened to check.
_EMPTY_PDF_BYTES = 4_000
# A small picture has few bytes whatever it shows.
_MIN_PICTURE_PIXELS = 100_000


def is_blank(content: bytes, media_type: MediaType) -> bool:
    """Whether the page, a sound file as it is sent, shows nothing: no operator paints, or it has one colour all
    over."""
    if media_type == "application/pdf":
        return _shows_nothing(content)
    if media_type == "image/png":
        width, height = struct.unpack_from(">II", content, 16)
        return _is_of_one_colour(content[33:], width * height)
    width = height = 0
    for marker, payload in jpeg_segments(content):
        if marker in FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", payload, 1)
        if marker == _SOS:
            break
    return _is_of_one_colour(_scans(content), width * height)


def _scans(jpeg: bytes) -> bytes:
    return jpeg[jpeg.find(bytes([0xFF, _SOS])) :]


def _is_of_one_colour(data: bytes, pixels: int) -> bool:
    if len(data) > _PACKED_BYTES + _BYTES_PER_PIXEL * pixels:
        return False
    return len(zlib.compress(zlib.compress(data, 9), 9)) < _PACKED_BYTES


def _shows_nothing(pdf: bytes) -> bool:
    """For a page as `pagekit.pdf.cutting` writes it."""
    longest = max((int(side) for side in _SIDES.findall(pdf)), default=0)
    if len(pdf) > _EMPTY_PDF_BYTES + _BYTES_PER_PIXEL * longest * longest or b"/Annots" in pdf:
        return False
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(pdf), suppress_warnings=True) as document:
            page = document.pages[0]
            page.contents_coalesce()
            contents = page.obj.get("/Contents")
            operators = b"" if contents is None else contents.read_bytes()
            if _PAINTS.search(operators):
                return False
            return not _SHOWS.search(operators) or all(map(_is_blank_picture, page.Resources.XObject.values()))
    except (pikepdf.PdfError, AttributeError, TypeError):
        return False


def _is_blank_picture(shown: Any) -> bool:
    pixels = int(shown.get("/Width", 0)) * int(shown.get("/Height", 0))
    if shown.get("/Subtype") != "/Image" or pixels < _MIN_PICTURE_PIXELS:
        return False
    data = shown.read_raw_bytes()
    return _is_of_one_colour(_scans(data) if data.startswith(b"\xff\xd8") else data, pixels)
