"""Whether there is nothing to see on a page, as far as that can be said without decoding it.

A page without a word is no surprise if it is blank. Where this cannot tell, it says that the page is not.
"""

from __future__ import annotations

import io
import re
import struct
import zlib

from pagekit.images import FRAME_HEADERS, jpeg_segments
from pagekit.limits import MediaType

# One colour all over is one pattern of bytes again and again: packed twice it has 60 to 600 bytes, with a small drawing
# 900 and more.
_PACKED_BYTES = 700
# A picture of one colour has fewer bytes than this for a pixel (4:4:4 has the most), so others are not packed.
_BYTES_PER_PIXEL = 0.03
_SOS = 0xDA
# Operators that paint, and images within the content.
_PAINTS = re.compile(rb"(?:^|[\s\])>])(?:Do|T[jJ]|['\"]|[sSfFbB]\*?|sh|BI)(?:\s|$)")
# A page that paints nothing has little more than its own dictionary, and is not opened to see whether it does else.
_EMPTY_PDF_BYTES = 4_000


def is_blank(content: bytes, media_type: MediaType) -> bool:
    """Whether the page, a sound file as it is sent, shows nothing: one colour all over, or no operator that paints."""
    if media_type == "application/pdf":
        return _paints_nothing(content)
    if media_type == "image/png":
        width, height = struct.unpack_from(">II", content, 16)
        data = content[33:]
    else:
        width = height = 0
        for marker, payload in jpeg_segments(content):
            if marker in FRAME_HEADERS:
                height, width = struct.unpack_from(">HH", payload, 1)
            if marker == _SOS:
                break
        data = content[content.find(bytes([0xFF, _SOS])) :]
    if len(data) > _PACKED_BYTES + _BYTES_PER_PIXEL * width * height:
        return False
    return len(zlib.compress(zlib.compress(data, 9), 9)) < _PACKED_BYTES


def _paints_nothing(pdf: bytes) -> bool:
    """Of a page as `pagekit.pdf.cutting` writes it."""
    if len(pdf) > _EMPTY_PDF_BYTES or b"/Annots" in pdf:
        return False
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(pdf), suppress_warnings=True) as document:
            page = document.pages[0]
            page.contents_coalesce()
            contents = page.obj.get("/Contents")
            return contents is None or not _PAINTS.search(contents.read_bytes())
    except pikepdf.PdfError:
        return False
