"""TIFF: its pages, and each of them as a TIFF of its own, which a library can decode.

Of a file that others made, only two things reach the decoder: the tags that say how the pixels are stored, which are
checked, and the pixels' data. There is no chain of pages to follow and no tag of absurd size. A page too large for
memory is given in bands of its strips or rows of tiles. Sources: TIFF Revision 6.0 (Adobe), its Technical Notes 1 and
2, and the BigTIFF proposal (Aware Systems).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import BinaryIO

from pagekit.errors import Reason, Refusal
from pagekit.images import damaged

UNCOMPRESSED, OLD_JPEG, JPEG = 1, 6, 7
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1

_SUBFILE, _OLD_SUBFILE = 254, 255
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 274, 277, 278, 279
_ACROSS_DPI, _DOWN_DPI, _PLANAR, _RESOLUTION_UNIT = 282, 283, 284, 296
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_JPEG_OFFSET, _JPEG_BYTES, _DNG_VERSION = 513, 514, 50706
# How pixels are stored, besides the above: fill order, options of T.4 and T.6, predictor, palette, inks, extra samples,
# sample format, JPEG's tables, and YCbCr.
_FILL_ORDER, _T4_OPTIONS = 266, 292
_COPIED = (_FILL_ORDER, _T4_OPTIONS, 293, 317, 320, 332, 338, 339, 347, 529, 530, 531, 532)
_REDUCED_OR_MASK = 1 | 4
_OLD_REDUCED = 2
_CAMERA_RAW = (32803, 34892)
_YCBCR = 6
# None, CCITT (3), LZW, JPEG in its old and new ways, Deflate (2), PackBits, LZMA, Zstandard, WebP.
_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000, 50001))
_CENTIMETRE, _CENTIMETRES_PER_INCH = 3, 2.54

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_MAX_TAGS = 1_000
_MAX_VALUES = 1_000_000
_MAX_TAG_BYTES = 1_000_000
_BAND_BYTES = 4_000_000
_JPEG_END = b"\xff\xd9"
_PADDING_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Tag:
    """A tag of a page: the type and number of its values, and where in the file they are."""

    type: int
    count: int
    place: int


@dataclass(frozen=True, slots=True)
class TiffPage:
    """How a page's pixels are stored. `offsets` and `byte_counts` are those of its strips or tiles, one plane of
    samples after another; `unit_rows` is the height of each."""

    width: int
    height: int
    bits: tuple[int, ...]
    compression: int
    photometric: int
    planes: int
    unit_rows: int
    tile_width: int | None
    offsets: tuple[int, ...]
    byte_counts: tuple[int, ...]
    copied: tuple[tuple[int, int, int, bytes], ...]
    orientation: int
    dpi: tuple[float, float] | None
    is_fill_reversed: bool
    fax_options: int
    jpeg: tuple[int, int] | None = None

    @property
    def is_deep_negative(self) -> bool:
        """Whether it is grey of more than 8 bits with white as 0; it is extracted as if white were the highest
        value."""
        return self.photometric == WHITE_IS_ZERO and self.bits[0] > 8

    @property
    def units(self) -> int:
        """How many strips or rows of tiles there are."""
        return -(-self.height // self.unit_rows)

    @property
    def unit_bytes(self) -> int:
        """What one strip or row of tiles unpacks to."""
        return min(self.unit_rows, self.height) * (-(-self.width * sum(self.bits) // 8))

    def indices(self, first: int, last: int) -> list[int]:
        """Which strips or tiles, plane by plane, make up the rows of them from `first` up to `last`."""
        across = 1 if self.tile_width is None else -(-self.width // self.tile_width)
        planes = range(0, self.units * across * self.planes, self.units * across)
        return [index for plane in planes for index in range(plane + first * across, plane + last * across)]


class Tiff:
    """A TIFF file whose list of pages has been read. `pages`: how many there are.

    A page is an image of the file that is not marked as a reduced one or as a mask of another (NewSubfileType,
    SubfileType); the first image always counts.
    """

    def __init__(self, file: BinaryIO, max_pages: int) -> None:
        """Raises Refusal (`damaged`, `too_many_pages` or `unsupported_type`) and what reading the file raises."""
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        header = self._read(0, 16)
        self._order = "<" if header.startswith(b"II") else ">"
        self._is_big = header[2:4] in (b"+\0", b"\0+")
        if len(header) < 8 + 8 * self._is_big:
            raise damaged("The TIFF image is cut off.")
        first = self._number("Q", header[8:16]) if self._is_big else self._number("I", header[4:8])
        self._places = self._page_places(first, max_pages)
        self.pages = len(self._places)

    def page(self, number: int) -> TiffPage:
        """What the page, counted from 1, says of itself.

        Raises Refusal about this page alone (`damaged` or `unsupported_type`), and what reading the file raises.
        """
        tags, _ = self._directory(self._places[number - 1])
        width, height = self._one(tags, _WIDTH), self._one(tags, _HEIGHT)
        samples = self._one(tags, _SAMPLES, 1)
        bits = self._values(tags, _BITS) or (1,) * min(samples, 64)
        compression, photometric = self._one(tags, _COMPRESSION, UNCOMPRESSED), self._one(tags, _PHOTOMETRIC)
        planes = samples if self._one(tags, _PLANAR, 1) == 2 else 1
        is_tiled = _TILE_OFFSETS in tags
        unit_rows = self._one(tags, _TILE_HEIGHT) if is_tiled else self._one(tags, _ROWS_PER_STRIP, height)
        if not 0 < len(bits) == samples <= 64 or not width or not height or not unit_rows:
            raise damaged("The TIFF image is damaged: its header is broken.")
        if photometric in _CAMERA_RAW or compression not in _COMPRESSIONS:
            raise unreadable()
        page = TiffPage(
            width,
            height,
            bits,
            compression,
            photometric,
            planes,
            unit_rows if is_tiled else min(unit_rows, height),
            self._one(tags, _TILE_WIDTH) if is_tiled else None,
            self._values(tags, _TILE_OFFSETS if is_tiled else _STRIP_OFFSETS),
            self._values(tags, _TILE_BYTES if is_tiled else _STRIP_BYTES),
            tuple(self._copied(tags)),
            self._one(tags, _ORIENTATION, 1),
            self._dpi(tags),
            self._one(tags, _FILL_ORDER, 1) == 2,
            self._one(tags, _T4_OPTIONS),
            self._old_jpeg(tags) if compression == OLD_JPEG else None,
        )
        return page if page.jpeg else self._checked(page)

    def jpeg(self, page: TiffPage) -> bytes:
        """The whole JPEG file of a page that is stored in the way that was abandoned in 1995, or nothing."""
        return self._read(*page.jpeg) if page.jpeg else b""

    def extracted(self, page: TiffPage, first: int, last: int, end: bytes = b"") -> io.BytesIO:
        """The strips or rows of tiles from `first` up to `last`, counted from 0, as a TIFF of their own. `end` is put
        after the data of each."""
        chosen = page.indices(first, last)
        out = io.BytesIO()
        out.write((b"II*\0" if self._order == "<" else b"MM\0*") + bytes(4))
        offsets: list[int] = []
        for index in chosen:
            offsets.append(out.tell())
            data = self._read(page.offsets[index], page.byte_counts[index])
            if page.compression == JPEG and _JPEG_END not in data[-_PADDING_BYTES:]:
                # libjpeg would fill in what is missing, and libtiff lets it.
                raise _rows_missing()
            out.write(data + end)
            out.write(bytes(out.tell() % 2))
        height = min(page.height - first * page.unit_rows, (last - first) * page.unit_rows)
        where, counts, rows = _STRIP_OFFSETS, _STRIP_BYTES, _ROWS_PER_STRIP
        tags = [
            self._entry(_WIDTH, _LONG, (page.width,)),
            self._entry(_HEIGHT, _LONG, (height,)),
            self._entry(_BITS, _SHORT, page.bits),
            self._entry(_COMPRESSION, _SHORT, (page.compression,)),
            self._entry(_PHOTOMETRIC, _SHORT, (BLACK_IS_ZERO if page.is_deep_negative else page.photometric,)),
            self._entry(_SAMPLES, _SHORT, (len(page.bits),)),
            self._entry(_PLANAR, _SHORT, (2 if page.planes > 1 else 1,)),
            *page.copied,
        ]
        if page.tile_width is not None:
            where, counts, rows = _TILE_OFFSETS, _TILE_BYTES, _TILE_HEIGHT
            tags.append(self._entry(_TILE_WIDTH, _LONG, (page.tile_width,)))
        tags.append(self._entry(rows, _LONG, (page.unit_rows,)))
        tags.append(self._entry(where, _LONG, offsets))
        tags.append(self._entry(counts, _LONG, [page.byte_counts[index] + len(end) for index in chosen]))
        self._write_directory(out, sorted(tags))
        out.seek(0)
        return out

    def _page_places(self, place: int, max_pages: int) -> list[int]:
        places: list[int] = []
        seen: set[int] = set()
        while place and place not in seen:
            seen.add(place)
            tags, following = self._directory(place)
            if _DNG_VERSION in tags:
                raise unreadable()
            is_part = (
                self._one(tags, _SUBFILE, 0) & _REDUCED_OR_MASK or self._one(tags, _OLD_SUBFILE, 0) == _OLD_REDUCED
            )
            if not places or not is_part:
                places.append(place)
            if len(places) > max_pages or len(seen) > 2 * max_pages:
                raise Refusal(
                    Reason.TOO_MANY_PAGES,
                    f"The TIFF has more than {max_pages:,} pages, which is the most.",
                    "Split it and upload the parts, or retry it with some of its pages (textdrop retry --pages).",
                )
            place = following
        if not places:
            raise damaged("The TIFF image holds no picture.")
        return places

    def _directory(self, place: int) -> tuple[dict[int, _Tag], int]:
        """The tags of the image whose directory is at this place, and where the next directory is, 0 if there is
        none."""
        count_form, entry_form, entry_bytes, value_bytes = ("Q", "HHQ", 20, 8) if self._is_big else ("H", "HHI", 12, 4)
        count_bytes = struct.calcsize(count_form)
        head = self._read(place, count_bytes)
        count = self._number(count_form, head) if len(head) == count_bytes else 0
        body = self._read(place + count_bytes, min(count, _MAX_TAGS) * entry_bytes + value_bytes)
        if not 0 < count <= _MAX_TAGS or len(body) < count * entry_bytes + value_bytes:
            raise damaged("The TIFF image is damaged or cut off: one of its pages is missing.")
        tags: dict[int, _Tag] = {}
        for start in range(0, count * entry_bytes, entry_bytes):
            kind, value_type, values = struct.unpack_from(self._order + entry_form, body, start)
            in_entry = start + entry_bytes - value_bytes
            here = place + count_bytes + in_entry
            if values * _TYPE_BYTES.get(value_type, 1) > value_bytes:
                here = self._number(count_form if self._is_big else "I", body[in_entry : in_entry + value_bytes])
            tags.setdefault(kind, _Tag(value_type, values, here))
        link = body[count * entry_bytes : count * entry_bytes + value_bytes]
        return tags, self._number("Q" if self._is_big else "I", link)

    def _values(self, tags: dict[int, _Tag], kind: int) -> tuple[int, ...]:
        tag = tags.get(kind)
        if tag is None:
            return ()
        form = _NUMBERS.get(tag.type)
        if form is None or tag.count > _MAX_VALUES:
            raise damaged("The TIFF image is damaged: its header is broken.")
        data = self._read(tag.place, tag.count * _TYPE_BYTES[tag.type])
        if len(data) < tag.count * _TYPE_BYTES[tag.type]:
            raise damaged("The TIFF image is damaged or cut off: a part of it is missing.")
        return struct.unpack(f"{self._order}{tag.count}{form}", data)

    def _one(self, tags: dict[int, _Tag], kind: int, default: int = 0) -> int:
        tag = tags.get(kind)
        if tag is None or not tag.count:
            return default
        return self._values({kind: _Tag(tag.type, 1, tag.place)}, kind)[0]

    def _copied(self, tags: dict[int, _Tag]) -> Iterable[tuple[int, int, int, bytes]]:
        for kind in _COPIED:
            tag = tags.get(kind)
            if tag is None:
                continue
            if tag.type in (16, 18):
                yield self._entry(kind, _LONG, self._values(tags, kind))
                continue
            size = tag.count * _TYPE_BYTES.get(tag.type, 0)
            data = self._read(tag.place, min(size, _MAX_TAG_BYTES))
            if not 0 < size == len(data):
                raise damaged("The TIFF image is damaged: its header is broken.")
            yield kind, tag.type, tag.count, data

    def _dpi(self, tags: dict[int, _Tag]) -> tuple[float, float] | None:
        per_inch = _CENTIMETRES_PER_INCH if self._one(tags, _RESOLUTION_UNIT, 2) == _CENTIMETRE else 1.0
        found: list[float] = []
        for kind in (_ACROSS_DPI, _DOWN_DPI):
            tag = tags.get(kind)
            data = self._read(tag.place, 8) if tag is not None and tag.type == _RATIONAL else b""
            dividend, divisor = struct.unpack(f"{self._order}2I", data) if len(data) == 8 else (0, 0)
            found.append(dividend / divisor * per_inch if divisor else 0.0)
        return (found[0], found[1]) if all(found) else None

    def _old_jpeg(self, tags: dict[int, _Tag]) -> tuple[int, int]:
        place, length = self._one(tags, _JPEG_OFFSET), self._one(tags, _JPEG_BYTES)
        if not place or self._read(place, 2) != b"\xff\xd8":
            raise unreadable()
        return place, length or self._size - place

    def _checked(self, page: TiffPage) -> TiffPage:
        """The page, if all of its data is in the file."""
        counts = page.byte_counts
        if not counts and len(page.offsets) == 1 and page.offsets[0] < self._size:
            counts = (self._size - page.offsets[0],)
        across = 1 if page.tile_width is None else -(-page.width // max(page.tile_width, 1))
        needed = page.units * across * page.planes
        are_there = all(
            count > 0 and offset + count <= self._size for offset, count in zip(page.offsets, counts, strict=False)
        )
        if len(page.offsets) < needed or len(counts) < needed or page.tile_width == 0 or not are_there:
            raise _rows_missing()
        counts = counts[:needed]
        _check_uncompressed(page, counts)
        return _in_short_strips(page, counts)

    def _entry(self, kind: int, value_type: int, values: Iterable[int]) -> tuple[int, int, int, bytes]:
        numbers = tuple(values)
        return (
            kind,
            value_type,
            len(numbers),
            struct.pack(f"{self._order}{len(numbers)}{_NUMBERS[value_type]}", *numbers),
        )

    def _write_directory(self, out: io.BytesIO, tags: list[tuple[int, int, int, bytes]]) -> None:
        entries = struct.pack(self._order + "H", len(tags))
        for kind, value_type, count, data in tags:
            if len(data) > 4:
                value = struct.pack(self._order + "I", out.tell())
                out.write(data + bytes(len(data) % 2))
            else:
                value = data.ljust(4, b"\0")
            entries += struct.pack(self._order + "HHI", kind, value_type, count) + value
        place = out.tell()
        out.write(entries + bytes(4))
        out.seek(4)
        out.write(struct.pack(self._order + "I", place))

    def _read(self, place: int, length: int) -> bytes:
        if place >= self._size:
            return b""
        self._file.seek(place)
        return self._file.read(min(length, self._size - place))

    def _number(self, form: str, data: bytes) -> int:
        (number,) = struct.unpack(self._order + form, data)
        return int(number)


def unreadable() -> Refusal:
    """The refusal of pixels that are stored in a way that cannot be read."""
    return Refusal(
        Reason.UNSUPPORTED_TYPE,
        "The TIFF stores its picture in a way that cannot be read.",
        "Save it as PDF, PNG, or TIFF with LZW or CCITT compression, and upload that.",
    )


def _rows_missing() -> Refusal:
    return damaged("The TIFF image is damaged or cut off: rows of the picture are missing.")


def _check_uncompressed(page: TiffPage, counts: tuple[int, ...]) -> None:
    """Raises Refusal (`damaged`) if strips that are not compressed are shorter than their rows."""
    if page.compression != UNCOMPRESSED or page.tile_width is not None or page.photometric == _YCBCR:
        return
    row_bits = page.width * (page.bits[0] if page.planes > 1 else sum(page.bits))
    for index, count in enumerate(counts):
        top = index % page.units * page.unit_rows
        if count < min(page.unit_rows, page.height - top) * -(-row_bits // 8):
            raise _rows_missing()


def _in_short_strips(page: TiffPage, counts: tuple[int, ...]) -> TiffPage:
    """The page with all its strips, those without compression cut into short ones, to be read in bands."""
    row_bytes = -(-page.width * sum(page.bits) // 8)
    rows = max(_BAND_BYTES // row_bytes, 1)
    is_one_strip = page.planes == 1 and page.tile_width is None and page.units == 1 and page.photometric != _YCBCR
    if page.compression != UNCOMPRESSED or not is_one_strip or rows >= page.height:
        return replace(page, offsets=page.offsets[: len(counts)], byte_counts=counts)
    tops = range(0, page.height, rows)
    return replace(
        page,
        unit_rows=rows,
        offsets=tuple(page.offsets[0] + top * row_bytes for top in tops),
        byte_counts=tuple(min(rows, page.height - top) * row_bytes for top in tops),
    )
