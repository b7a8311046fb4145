"""A JPEG as a picture of a PDF: as it is, byte for byte."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

from pikepdf import Array, Name
from PIL import Image

from pagekit.errors import NotRenderable
from pagekit.pdf.exif_orientation import exif_orientation
from pagekit.pdf.picture import Picture

_COMPONENTS = {"L": 1, "RGB": 3, "CMYK": 4}
# What a PDF may hold (PDF 1.7, 7.4.8): baseline, extended and progressive, of eight bits.
_FRAMES = (0xC0, 0xC1, 0xC2)
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NEXT_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_MAX_SEGMENTS = 10_000


def jpeg_picture(content: bytes) -> Picture:
    """Raises NotRenderable for a JPEG that a PDF cannot hold."""
    frame, bits = _frame(content)
    if frame not in _FRAMES or bits != 8:
        raise NotRenderable("The JPEG image is of a kind that a PDF cannot hold.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Reads its headers only.
            image = Image.open(io.BytesIO(content), formats=("JPEG",))
    except Exception as error:  # malformed data makes the library raise anything
        raise NotRenderable("The JPEG image cannot be read.") from error
    with image:
        components = _COMPONENTS.get(image.mode, 0)
        if components == 0:
            raise NotRenderable("The JPEG image is of a kind that a PDF cannot hold.")
        entries: dict[str, Any] = {"/Filter": Name.DCTDecode}
        if components == 4 and "adobe" in image.info:
            # Adobe's programs store how much light is left and not how much ink there is.
            entries["/Decode"] = Array([1, 0] * 4)
        dpi = image.info.get("dpi")
        return Picture(
            image.width,
            image.height,
            components,
            bits,
            content,
            entries,
            profile=image.info.get("icc_profile"),
            orientation=exif_orientation(image.info.get("exif", b"")),
            dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
        )


def _frame(content: bytes) -> tuple[int, int]:
    """Which kind of coding it has, by its marker, and how many bits a sample; zeros if it does not say."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        found = _NEXT_MARKER.search(content, position)
        if found is None or found.end() + 3 > len(content):
            break
        marker, position = found[1][0], found.end()
        if marker in _FRAME_HEADERS:
            return marker, content[position + 2]
        position += int.from_bytes(content[position : position + 2], "big")
    return 0, 0
