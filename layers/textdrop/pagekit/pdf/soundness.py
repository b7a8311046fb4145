"""Whether a part of a PDF that a page is made of is whole: the only place where that is decided.

Pictures in CCITT and JBIG2 can only be checked by decoding them, which costs more than all the rest; for them it is
only checked whether their data is as long as the file says.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pikepdf

from pagekit.images import is_whole_jpeg
from pagekit.pdf.written_references import WrittenReferences

_FLATE = ("/FlateDecode", "/Fl")
_JPEG = ("/DCTDecode", "/DCT")
_JPEG_2000 = "/JPXDecode"
_BASE_85 = ("/ASCII85Decode", "/A85")
_HEXADECIMAL = ("/ASCIIHexDecode", "/AHx")
# Not checked: other encodings of pictures, and filters before them, which are rare.
_PICTURE_CODES = (*_JPEG, _JPEG_2000, "/CCITTFaxDecode", "/CCF", "/JBIG2Decode")
_END_OF_JPEG_2000 = b"\xff\xd9"
_JPEG_2000_END_BYTES = 32
_LINE_END_BYTES = 2
_LINE_ENDS = b"\r\n"
# What deflate writes at the end of what it flushes (RFC 1951, 3.2.4: a stored block of no bytes).
_FLUSHED = b"\x00\x00\xff\xff"
_CHECKSUM_BYTES = 4
_END_BYTES = 32
_PIECE_BYTES = 256 * 1024
_SMALL_PIECE_BYTES = 256
_INFLATED_BYTES = 1024 * 1024
_MAX_INFLATED_BYTES = 256 * 1024 * 1024
_START_BYTES = 1024
_PICTURE_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff", b"\0\0\0\x0cjP")

_COMPONENTS = {
    **dict.fromkeys(("/DeviceGray", "/G", "/CalGray", "/Indexed", "/I", "/Separation"), 1),
    **dict.fromkeys(("/DeviceRGB", "/RGB", "/CalRGB", "/Lab"), 3),
    **dict.fromkeys(("/DeviceCMYK", "/CMYK"), 4),
}


class Broken(Exception):
    """The data does not unpack to its end, or does not match its checksum. `unpacked_bytes`: what came out before
    that."""

    def __init__(self, unpacked_bytes: int = 0) -> None:
        super().__init__()
        self.unpacked_bytes = unpacked_bytes


class Soundness:
    """Judges the parts of one document, each once: pages share fonts and pictures."""

    def __init__(self, written: WrittenReferences) -> None:
        self._written = written
        self._is_whole: dict[tuple[int, int], bool] = {}
        self._is_left_out: dict[tuple[int, int], bool] = {}

    def is_whole(self, stream: pikepdf.Object, data: bytes, *, stated_bytes: int) -> bool:
        """As is_whole_stream."""
        reference = stream.objgen
        if reference not in self._is_whole:
            self._is_whole[reference] = is_whole_stream(stream, data, stated_bytes=stated_bytes)
        return self._is_whole[reference]

    def refers_to_what_is_left_out(self, reference: tuple[int, int], document: pikepdf.Pdf) -> bool:
        """Whether an object refers to something that is in the file, but does not exist for qpdf."""
        if reference not in self._is_left_out:
            self._is_left_out[reference] = self._written.are_left_out(reference, document)
        return self._is_left_out[reference]


def is_whole_stream(stream: Any, data: bytes, *, stated_bytes: int) -> bool:
    """Whether the data of a stream is complete, as far as that can be told without drawing it.

    `stated_bytes` is its length as it claims, 0 if that cannot be compared. A wrong length is no damage if the data
    itself shows that it is whole.
    """
    packing = filters(stream)
    try:
        if not packing or not _can_be_checked(packing):
            needed = needed_bytes(stream) if not packing else 0
            return len(data) >= max(stated_bytes - _LINE_END_BYTES, needed)
        if any(each in _JPEG or each == _JPEG_2000 for each in packing):
            return is_whole_picture(packing, data)
        return _unpacked_bytes(stream, packing, data) >= needed_bytes(stream)
    except Broken:
        return False


def is_whole_picture(packing: Sequence[str], data: bytes) -> bool:
    """Whether a JPEG or JPEG 2000 picture, perhaps packed once more, has its end. Raises Broken."""
    for name in packing[:-1]:
        data = _unpacked(name, data)
    if packing[-1] in _JPEG:
        return is_whole_jpeg(data)
    return _END_OF_JPEG_2000 in data[-_JPEG_2000_END_BYTES:]


def filters(stream: Any) -> list[str]:
    """The names of the filters that the data is packed with, the outermost first."""
    found = stream.get("/Filter")
    names = list(found) if isinstance(found, pikepdf.Array) else [found]
    return [str(name) for name in names if isinstance(name, pikepdf.Name)]


def needed_bytes(stream: Any) -> int:
    """How much the data of a picture must unpack to; 0 if it is not a picture, or does not say."""
    if stream.get("/Subtype") != "/Image":
        return 0
    width, height, bits = (_number(stream.get(name)) for name in ("/Width", "/Height", "/BitsPerComponent"))
    if stream.get("/ImageMask") is True:
        return height * ((width + 7) // 8)
    return height * ((width * max(bits, 1) * _components(stream.get("/ColorSpace")) + 7) // 8)


def inflated_bytes(data: bytes) -> int:
    """How much the Flate data unpacks to; the result is thrown away. Raises Broken.

    No data at all is no damage: qpdf, among others, writes empty contents so.
    """
    if not data:
        return 0
    unpacker = zlib.decompressobj()
    packed = _without_open_end(data)
    count = 0
    # In pieces, as the rest of a piece is copied each time.
    for start in range(0, len(packed), _PIECE_BYTES):
        pending: bytes | memoryview = packed[start : start + _PIECE_BYTES]
        while pending and not unpacker.eof:
            try:
                count += len(unpacker.decompress(pending, _INFLATED_BYTES))
            except zlib.error:
                raise Broken(_inflated_before_error(data)) from None
            pending = unpacker.unconsumed_tail
    if not unpacker.eof and not bytes(packed[-_END_BYTES:]).rstrip(_LINE_ENDS).endswith(_FLUSHED):
        raise Broken(count)
    return count


def _without_open_end(data: bytes) -> memoryview:
    """The data up to its last block, if a checksum follows on a block that is not marked as the last."""
    end = data[-_END_BYTES:].rstrip(_LINE_ENDS)
    if end[:-_CHECKSUM_BYTES].endswith(_FLUSHED):
        return memoryview(data)[: len(data) - min(len(data), _END_BYTES) + len(end) - _CHECKSUM_BYTES]
    return memoryview(data)


def _inflated_before_error(data: bytes) -> int:
    unpacker = zlib.decompressobj()
    count = 0
    with suppress(zlib.error):
        for start in range(0, len(data), _SMALL_PIECE_BYTES):
            count += len(unpacker.decompress(data[start : start + _SMALL_PIECE_BYTES], _MAX_INFLATED_BYTES))
    return count


def _can_be_checked(packing: list[str]) -> bool:
    *before, last = packing
    if last in _JPEG or last == _JPEG_2000:
        return all(name in (*_FLATE, *_BASE_85, *_HEXADECIMAL) for name in before)
    return not any(name in _PICTURE_CODES for name in packing)


def _unpacked_bytes(stream: Any, packing: list[str], data: bytes) -> int:
    if len(packing) == 1 and packing[0] in _FLATE:
        return inflated_bytes(data)
    if packing[0] in _FLATE:
        inflated_bytes(data)
    try:
        return len(stream.read_bytes(pikepdf.StreamDecodeLevel.specialized))
    except pikepdf.PdfError:
        raise Broken from None


def _unpacked(name: str, data: bytes) -> bytes:
    try:
        if name in _BASE_85:
            return base64.a85decode(data.strip().removesuffix(b"~>").removesuffix(b"~"))
        if name in _HEXADECIMAL:
            return bytes.fromhex(data.partition(b">")[0].decode("ascii"))
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(data, _MAX_INFLATED_BYTES)
    except (ValueError, binascii.Error, zlib.error):
        raise Broken from None
    if not unpacker.eof:
        raise Broken
    return unpacked


def starts_as_picture(packing: Sequence[str], data: bytes) -> bool:
    """Whether a JPEG or JPEG 2000 picture, perhaps packed once more, has its beginning."""
    for name in packing[:-1]:
        if name in _FLATE:
            with suppress(zlib.error):
                data = zlib.decompressobj().decompress(data[:_START_BYTES])
        else:
            with suppress(Broken):
                data = _unpacked(name, data)
    return data.startswith(_PICTURE_STARTS)


def _components(space: Any) -> int:
    """How many numbers a pixel has in a colour space; 1 if that cannot be told."""
    if isinstance(space, pikepdf.Array) and len(space):
        kind = str(space[0])
        if kind == "/ICCBased" and len(space) > 1 and isinstance(space[1], pikepdf.Stream):
            return max(_number(space[1].get("/N")), 1)
        if kind == "/DeviceN" and len(space) > 1 and isinstance(space[1], pikepdf.Array):
            return len(space[1])
        space = space[0]
    return _COMPONENTS.get(str(space), 1) if isinstance(space, pikepdf.Name) else 1


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
