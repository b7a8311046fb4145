"""A large PNG read band by band: Pillow can only decode a PNG as a whole.

A band's rows are made into a PNG of their own. As each row may be stored as a difference from the one above, the last
row of the band before, which is decoded by then, stands above them.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import Image

from pagekit.images import PngHeader, damaged

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
_INPUT_BYTES = 64 * 1024


def can_be_read_in_bands(header: PngHeader) -> bool:
    """Whether png_bands can read it: its rows go from top to bottom, and Pillow gives its samples unchanged."""
    return not header.is_interlaced and not header.has_palette and header.bit_depth == 8


def png_bands(content: bytes, header: PngHeader) -> Callable[[int, int], Image.Image]:
    """Returns what gives the rows of a sound PNG from `top` to `bottom`; it must be called from top to bottom, and
    bands may overlap."""
    return _Bands(content, header).rows


class _Bands:
    """Holds the last band, and what is needed to unpack the next."""

    def __init__(self, content: bytes, header: PngHeader) -> None:
        self._packed = _data_parts(content)
        self._unpacker = zlib.decompressobj()
        self._width = header.width
        self._row_bytes = 1 + header.width * header.channels
        self._mode, self._colour = _MODES[header.channels], _COLOURS[header.channels]
        self._band = Image.new(self._mode, (header.width, 0))
        self._band_top = 0

    def rows(self, top: int, bottom: int) -> Image.Image:
        band_bottom = self._band_top + self._band.height
        if bottom > band_bottom:
            kept = self._band.crop((0, max(top, self._band_top) - self._band_top, self._width, self._band.height))
            new = self._next(bottom - band_bottom)
            self._band = Image.new(self._mode, (self._width, kept.height + new.height))
            self._band.paste(kept, (0, 0))
            self._band.paste(new, (0, kept.height))
            self._band_top = bottom - self._band.height
        return self._band.crop((0, top - self._band_top, self._width, bottom - self._band_top))

    def _next(self, count: int) -> Image.Image:
        """That many rows below the last band."""
        above = self._band.crop((0, self._band.height - 1, self._width, self._band.height)).tobytes()
        data = b"\0" + above if above else b""
        rows = count + bool(above)
        header = struct.pack(">IIBBBBB", self._width, rows, 8, self._colour, 0, 0, 0)
        packed = zlib.compress(data + self._unpacked(count * self._row_bytes), 0)
        file = io.BytesIO(_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b""))
        try:
            with Image.open(file, formats=("PNG",)) as image:
                return image.crop((0, bool(above), self._width, rows))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - malformed data makes Pillow raise anything
            raise damaged("The PNG image is broken: its data cannot be unpacked.") from None

    def _unpacked(self, wanted: int) -> bytes:
        parts: list[bytes] = []
        while wanted > 0:
            pending = self._unpacker.unconsumed_tail or next(self._packed, b"")
            part = self._unpacker.decompress(pending, wanted)
            if not part and not pending:
                raise damaged("The PNG image is broken: rows of the picture are missing.")
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)


def _data_parts(content: bytes) -> Iterator[bytes]:
    position = len(_SIGNATURE)
    while position < len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        start, position = position + 8, position + 12 + length
        if name == b"IDAT":
            for part in range(start, start + length, _INPUT_BYTES):
                yield content[part : min(part + _INPUT_BYTES, start + length)]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
