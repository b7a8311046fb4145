"""A page of a TIFF, decoded by Pillow and libtiff within bounds of memory that are checked before decoding."""

from __future__ import annotations

import io
from dataclasses import replace

from PIL import Image, ImageChops

from pagekit.images import damaged
from pagekit.pictures.decoding import (
    MAX_DECODED_BYTES,
    MAX_PIXELS,
    Picture,
    check_pixels,
    decoded,
    loaded,
    picture_of,
    sound_jpeg,
    too_large,
)
from pagekit.pictures.fax_end import GROUP_3, GROUP_4, fax_ends
from pagekit.pictures.tiff import JPEG, UNCOMPRESSED, Tiff, TiffPage, unreadable

_INVERTED = bytes(range(255, -1, -1))
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def decoded_tiff_page(tiff: Tiff, number: int) -> Picture:
    """The page, counted from 1, as a picture.

    Raises Refusal about it alone (`damaged`, `image_too_large` or `unsupported_type`) and what reading the file raises.
    """
    page = tiff.page(number)
    check_pixels(page.width, page.height, MAX_PIXELS)
    if page.jpeg:
        picture = decoded(sound_jpeg(tiff.jpeg(page)), "image/jpeg")
    elif _working_bytes(page, 0, page.units) <= MAX_DECODED_BYTES:
        image = _decoded(tiff, page, 0, page.units)
        picture = picture_of(image, page.width, page.height, is_lossy=page.compression == JPEG)
    else:
        picture = _in_bands(tiff, page)
    return replace(picture, orientation=page.orientation, dpi=page.dpi)


def _in_bands(tiff: Tiff, page: TiffPage) -> Picture:
    return Picture(
        page.width,
        page.height,
        page.width,
        page.height,
        rows=_Bands(tiff, page).rows,
        white=(1 << min(max(page.bits), 16)) - 1,
        is_lossy=page.compression == JPEG,
    )


class _Bands:
    """Decodes the strips or rows of tiles that contain the rows, and keeps the last of them."""

    def __init__(self, tiff: Tiff, page: TiffPage) -> None:
        self._tiff, self._page = tiff, page
        self._units = (0, 0)
        self._image = Image.new("1", (1, 1))

    def rows(self, top: int, bottom: int) -> Image.Image:
        page = self._page
        units = top // page.unit_rows, -(-bottom // page.unit_rows)
        if units != self._units:
            needed = _working_bytes(page, *units)
            if needed > MAX_DECODED_BYTES:
                raise too_large(page.width, page.height, page.width * page.height * MAX_DECODED_BYTES // needed)
            self._image = _decoded(self._tiff, page, *units)
            self._units = units
        first = units[0] * page.unit_rows
        return self._image.crop((0, top - first, page.width, bottom - first))


def _decoded(tiff: Tiff, page: TiffPage, first: int, last: int) -> Image.Image:
    ends = fax_ends(page.compression, page.fax_options, page.width)
    if ends is None:
        return _loaded(page, tiff.extracted(page, first, last))
    if page.is_fill_reversed:
        ends = ends[0].translate(_REVERSED), ends[1].translate(_REVERSED)
    image, other = (_loaded(page, tiff.extracted(page, first, last, end)) for end in ends)
    if ImageChops.difference(image, other).getbbox() is not None:
        raise damaged("The TIFF image is damaged or cut off: rows of the picture are missing.")
    return image


def _loaded(page: TiffPage, extracted: io.BytesIO) -> Image.Image:
    try:
        image = Image.open(extracted, formats=("TIFF",))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - what it does not know makes Pillow raise anything
        raise unreadable() from None
    loaded(image, "image/tiff")
    if not image.mode.startswith("I;16"):
        return image
    # Pillow does not invert them, and does little with those that begin with the more significant bits.
    data = image.tobytes()
    data = data.translate(_INVERTED) if page.is_deep_negative else data
    return Image.frombytes("I;16", image.size, data, "raw", image.mode)


def _working_bytes(page: TiffPage, first: int, last: int) -> int:
    """What decoding these strips or rows of tiles takes: their data, the pixels, and libtiff's buffer."""
    pixels = page.width * min((last - first) * page.unit_rows, page.height)
    bytes_per_pixel = 4 if len(page.bits) > 1 or page.bits[0] > 16 else 1 if page.bits[0] <= 8 else 2
    buffer_bytes = 0 if page.compression == UNCOMPRESSED else page.unit_bytes
    data_bytes = sum(page.byte_counts[index] for index in page.indices(first, last))
    pictures = 2 if page.compression in (GROUP_3, GROUP_4) else 1
    return data_bytes + pictures * pixels * bytes_per_pixel + buffer_bytes
