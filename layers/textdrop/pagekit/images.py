"""JPEG and PNG: their size in pixels, and whether they are sound. Nothing is decoded into pixels.

An image library is no help here: it reads a JPEG's size without noticing that half of the file is missing, or it
decodes all of it (20 megapixels are 60 MB and more). Walking through the file's own structure tells a truncated image
from a whole one in milliseconds, in constant memory, and a decompression bomb does no harm. Sources: JPEG is ITU-T
T.81, annex B; PNG is the W3C Recommendation "Portable Network Graphics", third edition.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileLimits, UploadType

_SCAN_AGAIN = "Save or scan the image again and upload that."

_EOI, _SOS = 0xD9, 0xDA
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_FRAMES = (0xC2, 0xC6, 0xCA, 0xCE)
# Within the coded data FF is followed by 00 or by a restart marker D0 to D7; it may be repeated anywhere as filling.
_NEXT_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
# A colour profile or extended metadata takes up to some 255 segments, a progressive image a few dozen.
_MAX_SEGMENTS = 10_000
_BLOCK_BYTES = 64 * 2

_PNG_SIGNATURE_BYTES = 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BIT_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE = 3
# First column, first row, column step, row step of the seven passes of an interlaced image.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_NOT_INTERLACED = ((0, 0, 1, 1),)
_INFLATE_INPUT_BYTES = 16 * 1024
_INFLATE_OUTPUT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """`coefficient_bytes`: what a decoder has to hold at once, 0 if the image can be decoded row by row."""

    width: int
    height: int
    components: int
    coefficient_bytes: int


@dataclass(frozen=True, slots=True)
class PngHeader:
    """`channels` of `bit_depth` bits each, a palette's index counting as one."""

    width: int
    height: int
    bit_depth: int
    channels: int
    has_palette: bool
    is_interlaced: bool

    @property
    def data_bytes(self) -> int:
        """How many bytes the picture's data unpacks to."""
        total = 0
        for first_column, first_row, column_step, row_step in _ADAM7 if self.is_interlaced else _NOT_INTERLACED:
            columns = (self.width - first_column + column_step - 1) // column_step
            rows = (self.height - first_row + row_step - 1) // row_step
            if columns > 0 and rows > 0:
                total += rows * (1 + (columns * self.bit_depth * self.channels + 7) // 8)
        return total


def can_be_sent(content: bytes, media_type: UploadType, limits: FileLimits) -> bool:
    """Whether a file of this type is a JPEG or PNG that can be sent as it is: sound, and within the limits of a page.

    All others are for PictureDocument, which mends, converts or fits them. Raises Refusal (`damaged`) for what that
    could not read either. What follows a JPEG's end marker, or a PNG's last chunk, does not matter: phones add further
    images there.
    """
    if media_type not in ("image/jpeg", "image/png") or len(content) > limits.max_bytes:
        return False
    header = jpeg_header(content) if media_type == "image/jpeg" else png_header(content)
    if header.width * header.height > limits.max_pixels:
        return False
    return is_whole_jpeg(content) if media_type == "image/jpeg" else check_png(content)


def jpeg_header(content: bytes) -> JpegHeader:
    """What the header of a JPEG says. `content` is its beginning, up to its first scan. Raises Refusal (`damaged`)."""
    frame: tuple[int, bytes] | None = None
    for marker, payload in jpeg_segments(content):
        if marker in FRAME_HEADERS and frame is None:
            frame = marker, payload
        elif marker == _SOS and frame is not None:
            return _jpeg_header(*frame, scan=payload)
        elif marker == _EOI:
            raise damaged("The JPEG image holds no picture.")
    raise damaged("The JPEG image is cut off: its end is missing.")


def is_whole_jpeg(content: bytes) -> bool:
    """Whether a JPEG, of any size, has its picture up to the end marker."""
    markers = [marker for marker, _ in jpeg_segments(content)]
    return _SOS in markers and markers[-1] == _EOI


def scan_count(content: bytes) -> int:
    """How many scans a JPEG has."""
    return sum(marker == _SOS for marker, _ in jpeg_segments(content))


def has_all_scans(content: bytes) -> bool:
    """Whether a JPEG without an end marker has all the scans that make up the picture, up to the beginning of the last
    one.

    That is: all bits of all 64 coefficients of each of its components (T.81, G.1.1.1.1), in a file that ends in a scan.
    """
    components: bytes = b""
    is_progressive = False
    precise: set[tuple[int, int]] = set()
    last = 0
    for last, payload in jpeg_segments(content):
        if last in FRAME_HEADERS and not components:
            components, is_progressive = payload[6::3], last in _PROGRESSIVE_FRAMES
        elif last == _SOS and len(payload) >= 4:
            first, final, approximation = payload[-3:]
            if is_progressive and approximation & 15:
                continue
            coefficients = range(first, final + 1) if is_progressive else range(64)
            precise.update((component, each) for component in payload[1:-3:2] for each in coefficients)
    return last == _SOS and bool(components) and precise >= {(one, each) for one in components for each in range(64)}


def png_header(content: bytes) -> PngHeader:
    """What the header of a PNG says (`content` starts as one). Raises Refusal (`damaged`)."""
    for name, start, end, is_sound in _png_chunks(content):
        if name != b"IHDR":
            raise damaged("The header of the PNG image is missing or not where it should be.")
        if not is_sound:
            raise damaged("The PNG image is broken: a checksum in it is wrong.")
        if end - start != 13:
            break
        width, height, bit_depth, colour, compression, filtering, interlace = struct.unpack_from(
            ">IIBBBBB", content, start
        )
        if bit_depth not in _BIT_DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
            break
        if width == 0 or height == 0:
            raise damaged(f"The image is {width} × {height} pixels.")
        return PngHeader(width, height, bit_depth, _CHANNELS[colour], colour == _PALETTE, bool(interlace))
    raise damaged("The header of the PNG image is broken.")


def check_png(content: bytes) -> bool:
    """Whether a strict reader takes the PNG as it is; it does not if a chunk beside the picture has a wrong checksum.

    Raises Refusal (`damaged`) if anything of the picture is missing or broken. Its data is unpacked piece by piece and
    thrown away, to see that every row is there: check the size in png_header first.
    """
    header = png_header(content)
    missing_bytes = header.data_bytes
    unpacker = zlib.decompressobj()
    all_sound, has_palette = True, False
    for name, start, end, is_sound in _png_chunks(content):
        if not is_sound and not is_ancillary(name):
            raise damaged("The PNG image is broken: a checksum in it is wrong.")
        all_sound &= is_sound
        if name == b"IHDR" and start > _PNG_SIGNATURE_BYTES + 8:
            raise damaged("The header of the PNG image is missing or not where it should be.")
        has_palette |= name == b"PLTE"
        if name == b"IDAT":
            missing_bytes -= _unpacked_bytes(unpacker, memoryview(content)[start:end], missing_bytes)
    if missing_bytes > 0:
        raise damaged("The PNG image is broken: rows of the picture are missing.")
    if header.has_palette and not has_palette:
        raise damaged("The PNG image is broken: its palette is missing.")
    return all_sound


def mended_png(content: bytes, only: Collection[bytes] = ()) -> bytes:
    """The PNG without the chunks whose checksum is wrong, as libpng reads it. `only`: the names of those to keep."""
    view = memoryview(content)
    kept = (
        view[start - 8 : end + 4]
        for name, start, end, is_sound in _png_chunks(content)
        if is_sound and (not only or name in only)
    )
    return b"".join((view[:_PNG_SIGNATURE_BYTES], *kept))


def with_one_data_chunk(content: bytes) -> bytes:
    """The PNG with its picture's data in one chunk."""
    view = memoryview(content)
    chunks = [(name, start - 8, start, end) for name, start, end, _ in _png_chunks(content)]
    data = [place for place, (name, *_) in enumerate(chunks) if name == b"IDAT"]
    if len(data) < 2:
        return content
    checksum = zlib.crc32(b"IDAT")
    parts = [view[chunks[place][2] : chunks[place][3]] for place in data]
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    before, after = view[: chunks[data[0]][1]], view[chunks[data[-1]][3] + 4 :]
    header = struct.pack(">I4s", sum(len(part) for part in parts), b"IDAT")
    return b"".join((before, header, *parts, struct.pack(">I", checksum), after))


def is_ancillary(name: bytes) -> bool:
    """Whether the picture can be shown without a chunk of this name."""
    return bool(name[0] & 0x20)


def damaged(what: str) -> Refusal:
    """The refusal of a damaged image; `what` is the sentence that says how."""
    return Refusal(Reason.DAMAGED, what, _SCAN_AGAIN)


def jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of each segment up to and including the end marker; fewer if the file is truncated or
    broken."""
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


def _jpeg_header(marker: int, frame: bytes, scan: bytes) -> JpegHeader:
    components = frame[5] if len(frame) > 5 else 0
    if components == 0 or len(frame) < 6 + 3 * components or not scan:
        raise damaged("The header of the JPEG image is broken.")
    height, width = struct.unpack_from(">HH", frame, 1)
    if width == 0 or height == 0:
        raise damaged(f"The image is {width} × {height} pixels.")
    factors = [(each >> 4, each & 15) for each in frame[7 : 6 + 3 * components : 3]]
    across, down = max(wide for wide, _ in factors), max(high for _, high in factors)
    if across == 0 or down == 0:
        raise damaged("The header of the JPEG image is broken.")
    coefficient_bytes = 0
    if marker in _PROGRESSIVE_FRAMES or scan[0] < components:
        units = -(-width // (8 * across)) * -(-height // (8 * down))
        coefficient_bytes = units * sum(wide * high for wide, high in factors) * _BLOCK_BYTES
    return JpegHeader(width, height, components, coefficient_bytes)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int, bool]]:
    """For each chunk up to and including the last: name, start and end of the data, and whether the checksum is right.

    Raises Refusal (`damaged`) if the file ends before that.
    """
    position = _PNG_SIGNATURE_BYTES
    name = b""
    while name != b"IEND":
        if position + 12 > len(content):
            raise damaged("The PNG image is cut off: its end is missing.")
        length, name = struct.unpack_from(">I4s", content, position)
        start, end = position + 8, position + 8 + length
        if end + 4 > len(content):
            raise damaged("The PNG image is cut off: its end is missing.")
        checksum = zlib.crc32(memoryview(content)[position + 4 : end])
        yield name, start, end, checksum == int.from_bytes(content[end : end + 4], "big")
        position = end + 4


def _unpacked_bytes(unpacker: zlib._Decompress, packed: memoryview, wanted_bytes: int) -> int:
    """How many bytes come out of this piece of the data; unpacking stops at `wanted_bytes`."""
    count = 0
    for start in range(0, len(packed), _INFLATE_INPUT_BYTES):
        pending = bytes(packed[start : start + _INFLATE_INPUT_BYTES])
        unpacked = _INFLATE_OUTPUT_BYTES
        # A full output buffer means that there is more to come, even when all input was consumed.
        while unpacked == _INFLATE_OUTPUT_BYTES and count < wanted_bytes and not unpacker.eof:
            try:
                unpacked = len(unpacker.decompress(pending, _INFLATE_OUTPUT_BYTES))
            except zlib.error:
                raise damaged("The PNG image is broken: its data cannot be unpacked.") from None
            count += unpacked
            pending = unpacker.unconsumed_tail
    return count
