"""A page of a TIFF, decoded by Pillow and libtiff within bounds of memory that are checked before decoding."""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from pagekit.decoding import (
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
from pagekit.tiff import UNCOMPRESSED, Tiff, TiffPage, unreadable

_WHITE_IS_ZERO = 0
_INVERTED = bytes(range(255, -1, -1))
_JPEG = 7
# A band takes, at worst, this many strips or rows of tiles at a time; and a third of them is kept for the next.
_UNITS_AT_ONCE = 3


def decoded_tiff_page(tiff: Tiff, number: int) -> Picture:
    """The page, counted from 1, as a picture.

    Raises Refusal about it alone (`damaged`, `image_too_large` or `unsupported_type`) and what reading the file raises.
    """
    page = tiff.page(number)
    check_pixels(page.width, page.height, MAX_PIXELS)
    if page.jpeg:
        picture = decoded(sound_jpeg(tiff.jpeg(page)), "image/jpeg")
    elif _working_bytes(page, page.units) <= MAX_DECODED_BYTES:
        image = _decoded(tiff, page, 0, page.units)
        picture = picture_of(image, page.width, page.height, is_lossy=page.compression == _JPEG)
    else:
        picture = _in_bands(tiff, page)
    return replace(picture, orientation=page.orientation, dpi=page.dpi)


def _in_bands(tiff: Tiff, page: TiffPage) -> Picture:
    bands = _Bands(tiff, page)
    least_bytes = _working_bytes(page, min(_UNITS_AT_ONCE, page.units))
    if least_bytes > MAX_DECODED_BYTES:
        raise too_large(page.width, page.height, page.width * page.height * MAX_DECODED_BYTES // least_bytes)
    return Picture(
        page.width,
        page.height,
        page.width,
        page.height,
        rows=bands.rows,
        white=(1 << min(max(page.bits), 16)) - 1,
        is_lossy=page.compression == _JPEG,
    )


class _Bands:
    """Decodes the strips or rows of tiles that rows are in, and keeps the last of them."""

    def __init__(self, tiff: Tiff, page: TiffPage) -> None:
        self._tiff, self._page = tiff, page
        self._units = (0, 0)
        self._image = Image.new("1", (1, 1))

    def rows(self, top: int, bottom: int) -> Image.Image:
        unit_rows = self._page.unit_rows
        units = top // unit_rows, -(-bottom // unit_rows)
        if units != self._units:
            if _working_bytes(self._page, units[1] - units[0]) > MAX_DECODED_BYTES:
                raise too_large(self._page.width, self._page.height, MAX_DECODED_BYTES // 4)
            self._image = _decoded(self._tiff, self._page, *units)
            self._units = units
        first = units[0] * unit_rows
        return self._image.crop((0, top - first, self._page.width, bottom - first))


def _decoded(tiff: Tiff, page: TiffPage, first: int, last: int) -> Image.Image:
    try:
        image = Image.open(tiff.extracted(page, first, last), formats=("TIFF",))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - what it does not know makes Pillow raise anything
        raise unreadable() from None
    loaded(image, "image/tiff")
    if page.photometric == _WHITE_IS_ZERO and image.mode.startswith("I;16"):
        # Pillow does so for up to 8 bits only.
        return Image.frombytes(image.mode, image.size, image.tobytes().translate(_INVERTED))
    return image


def _working_bytes(page: TiffPage, units: int) -> int:
    """What it takes to decode that many strips or rows of tiles: their data, the pixels, and libtiff's buffer."""
    pixels = page.width * min(units * page.unit_rows, page.height)
    bytes_per_pixel = 4 if len(page.bits) > 1 or page.bits[0] > 16 else 1 if page.bits[0] <= 8 else 2
    buffer_bytes = 0 if page.compression == UNCOMPRESSED else page.unit_bytes
    return page.data_bytes * units // page.units + pixels * bytes_per_pixel + buffer_bytes
