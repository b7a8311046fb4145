"""JPEG and PNG: their size in pixels, and whether they are whole.

Nothing is decoded into pixels. An image library is no help here: it reads a JPEG's size without noticing that the
half of it is missing, or it decodes all of it (20 megapixels are 60 MB and more). Walking the file's own structure
distinguishes a cut from a whole image in milliseconds, in constant memory, and leaves a decompression bomb alone.

Sources: JPEG is ITU-T T.81, annex B; PNG is the W3C Recommendation "Portable Network Graphics", third edition.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts, FileLimits

_SCAN_AGAIN = "Save or scan the image again and upload that."

_EOI, _SOS = 0xD9, 0xDA
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Within the coded data FF is followed by 00 or by a restart marker D0 to D7, anywhere it may be repeated as filling.
_NEXT_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
# A colour profile or extended metadata takes up to some 255 segments, a progressive image a few dozen.
_MAX_SEGMENTS = 10_000

_PNG_SIGNATURE_BYTES = 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BIT_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
# First column, first row, column step, row step of the seven passes of an interlaced image.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_NOT_INTERLACED = ((0, 0, 1, 1),)
_INFLATE_INPUT_BYTES = 16 * 1024
_INFLATE_OUTPUT_BYTES = 1024 * 1024


def inspect_jpeg(content: bytes, limits: FileLimits) -> FileFacts:
    """The facts of a JPEG (`content` starts as one). Raises Refusal: `damaged` or `image_too_large`.

    A JPEG without its end marker is damaged: it is cut off, and would be recognised without its lower part. Further
    images after the end marker, as phones add them, do not matter.
    """
    has_size = has_data = False
    for marker, payload in jpeg_segments(content):
        if marker in FRAME_HEADERS and not has_size:
            if len(payload) < 6:
                raise _damaged("The header of the JPEG image is broken.")
            height, width = struct.unpack_from(">HH", payload, 1)
            _check_size(width, height, limits)
            has_size = True
        elif marker == _SOS:
            has_data = True
        elif marker == _EOI:
            if not has_size or not has_data:
                raise _damaged("The JPEG image holds no picture.")
            return FileFacts("image/jpeg", pages=1)
    raise _damaged("The JPEG image is cut off: its end is missing.")


def is_whole_jpeg(content: bytes) -> bool:
    """Whether a JPEG, of any size, has its picture up to the end."""
    markers = [marker for marker, _ in jpeg_segments(content)]
    return _SOS in markers and markers[-1] == _EOI


def inspect_png(content: bytes, limits: FileLimits) -> FileFacts:
    """The facts of a PNG (`content` starts as one). Raises Refusal: `damaged` or `image_too_large`.

    The checksums of all chunks are verified, and the picture's data is unpacked piece by piece and thrown away, to see
    that every row is there. What comes after the end chunk does not matter.
    """
    missing_bytes = 0
    unpacker = zlib.decompressobj()
    position = _PNG_SIGNATURE_BYTES
    while True:
        if position + 12 > len(content):
            raise _damaged("The PNG image is cut off: its end is missing.")
        length, name = struct.unpack_from(">I4s", content, position)
        start, end = position + 8, position + 8 + length
        if end + 4 > len(content):
            raise _damaged("The PNG image is cut off: its end is missing.")
        if zlib.crc32(memoryview(content)[position + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            raise _damaged("The PNG image is broken: a checksum in it is wrong.")
        if (name == b"IHDR") != (position == _PNG_SIGNATURE_BYTES):
            raise _damaged("The header of the PNG image is missing or not where it should be.")
        if name == b"IHDR":
            missing_bytes = _png_bytes(content[start:end], limits)
        elif name == b"IDAT":
            missing_bytes -= _unpacked_bytes(unpacker, memoryview(content)[start:end], missing_bytes)
        elif name == b"IEND":
            break
        position = end + 4
    if missing_bytes > 0:
        raise _damaged("The PNG image is broken: rows of the picture are missing.")
    return FileFacts("image/png", pages=1)


def jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of each segment up to and with the end marker; fewer where the file is cut or broken."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        # Between segments, too, readers skip what is no marker.
        found = _NEXT_MARKER.search(content, position)
        if found is None:
            return
        marker, position = found[1][0], found.end()
        if marker == _EOI:
            yield marker, b""
            return
        length = int.from_bytes(content[position : position + 2], "big")
        if length < 2 or position + length > len(content):
            return
        yield marker, content[position + 2 : position + length]
        position += length


def _png_bytes(header: bytes, limits: FileLimits) -> int:
    """How many bytes the picture's data unpacks to, by its header."""
    if len(header) != 13:
        raise _damaged("The header of the PNG image is broken.")
    width, height, bit_depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    if bit_depth not in _BIT_DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise _damaged("The header of the PNG image is broken.")
    _check_size(width, height, limits)
    bits_per_pixel = bit_depth * _CHANNELS[colour]
    data_bytes = 0
    for first_column, first_row, column_step, row_step in _ADAM7 if interlace else _NOT_INTERLACED:
        columns = (width - first_column + column_step - 1) // column_step
        rows = (height - first_row + row_step - 1) // row_step
        if columns > 0 and rows > 0:
            data_bytes += rows * (1 + (columns * bits_per_pixel + 7) // 8)
    return data_bytes


def _unpacked_bytes(unpacker: zlib._Decompress, packed: memoryview, wanted_bytes: int) -> int:
    """How many bytes come out of this piece of the data; unpacking stops at `wanted_bytes`."""
    count = 0
    for start in range(0, len(packed), _INFLATE_INPUT_BYTES):
        pending = bytes(packed[start : start + _INFLATE_INPUT_BYTES])
        unpacked = _INFLATE_OUTPUT_BYTES
        # A full output buffer says that there is more to come, even when all input is taken.
        while unpacked == _INFLATE_OUTPUT_BYTES and count < wanted_bytes and not unpacker.eof:
            try:
                unpacked = len(unpacker.decompress(pending, _INFLATE_OUTPUT_BYTES))
            except zlib.error:
                raise _damaged("The PNG image is broken: its data cannot be unpacked.") from None
            count += unpacked
            pending = unpacker.unconsumed_tail
    return count


def _check_size(width: int, height: int, limits: FileLimits) -> None:
    if width == 0 or height == 0:
        raise _damaged(f"The image is {width} × {height} pixels.")
    if width * height > limits.max_pixels:
        raise Refusal(
            Reason.IMAGE_TOO_LARGE,
            # Rounded up, so that an image just over the limit does not read as if it were within.
            f"The image is {width} × {height} pixels, {math.ceil(width * height / 100_000) / 10:,} megapixels; "
            f"the most is {limits.max_pixels / 1_000_000:g}.",
            "Scan it at a lower resolution (300 dpi is plenty for text), scale it down or split it, and upload that.",
        )


def _damaged(what: str) -> Refusal:
    return Refusal(Reason.DAMAGED, what, _SCAN_AGAIN)
