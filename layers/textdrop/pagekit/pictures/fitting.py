"""A decoded picture as a page that the OCR service takes: upright, on white, within its pixels and bytes.

Nothing that matters to OCR is lost. What was stored without loss is sent so (PNG) if that is small enough; otherwise as
JPEG, in a quality whose traces are fainter than a scanner's own noise. Only a page that would not fit otherwise is
encoded more coarsely.
"""

from __future__ import annotations

import io
import math
from typing import Any

from PIL import Image

from pagekit.limits import FileLimits, MediaType
from pagekit.pictures.decoding import Picture
from pagekit.pictures.resolution import believable_dpi
from pagekit.prepared import How, PageWarning, Preparation, PreparedPage

LOW_DPI = 150
_BAND_PIXELS = 4_000_000
_LANCZOS_REACH = 3
_JPEG_QUALITIES = ((95, "4:4:4"), (90, "4:2:0"), (80, "4:2:0"), (65, "4:2:0"), (50, "4:2:0"))
_MAX_JPEG_SIDE = 65_500
_SHRINK_AGAIN = 0.7
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class _TooManyBytes(Exception):
    """More was written than fits."""


class _BoundedFile(io.BytesIO):
    """Takes so many bytes, so that an image that does not fit is not encoded to its end."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > self._max_bytes:
            raise _TooManyBytes
        return super().write(data)


def fitted(picture: Picture, limits: FileLimits, bilevel_limits: FileLimits) -> PreparedPage:
    """The page, the same bytes each time. `bilevel_limits`: for a picture of two colours.

    Raises Refusal if the rest of the picture turns out to be damaged.
    """
    limits = bilevel_limits if picture.is_bilevel else limits
    width, height = _size_within(picture.rows_width, picture.rows_height, limits.max_pixels)
    image = _drawn(picture, width, height)
    across, down = believable_dpi(picture.dpi) or (0.0, 0.0)
    full_width, orientation, is_lossy = picture.width, picture.orientation, picture.is_lossy
    if orientation >= 5:  # it is stored on its side
        across, down, full_width = down, across, picture.height
    del picture  # its pixels are not needed any more, and their memory is
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
    while True:
        scale = image.width / full_width
        encoded = _encoded(image, (across * scale, down * scale), is_lossy, limits.max_bytes)
        if encoded is not None:
            break
        smaller = max(int(image.width * _SHRINK_AGAIN), 1), max(int(image.height * _SHRINK_AGAIN), 1)
        image = (image.convert("L") if image.mode == "1" else image).resize(smaller, Image.Resampling.LANCZOS)
    is_scaled = scale < 1
    is_coarse = is_scaled and 0 < min(across, down) * scale < LOW_DPI
    preparation = Preparation(
        How.SCALED if is_scaled else How.CONVERTED, scale, (PageWarning.LOW_RESOLUTION,) if is_coarse else ()
    )
    return PreparedPage(*encoded, preparation)


def _size_within(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """The size with the same proportions and at most so many pixels."""
    if width * height <= max_pixels:
        return width, height
    # No wider than the pixels allow for a single row.
    new_width = min(max(math.floor(width * math.sqrt(max_pixels / (width * height))), 1), max_pixels)
    return new_width, min(max(round(height * new_width / width), 1), max_pixels // new_width)


def _drawn(picture: Picture, width: int, height: int) -> Image.Image:
    """The picture on white, in mode 1, L or RGB, scaled to this size band by band."""
    is_scaled = (width, height) != (picture.rows_width, picture.rows_height)
    step = picture.rows_height / height
    reach = math.ceil(_LANCZOS_REACH * step) + 1 if is_scaled else 0
    band_rows = max(int(_BAND_PIXELS / picture.rows_width / step), 16)
    drawn: Image.Image | None = None
    for top in range(0, height, band_rows):
        bottom = min(top + band_rows, height)
        first = max(math.floor(top * step) - reach, 0)
        last = min(math.ceil(bottom * step) + reach, picture.rows_height)
        band = _plain(picture.rows(first, last), picture.white)
        if is_scaled:
            # Two colours become grey, so that thin strokes stay. The box is exact, and the filter sees beyond its
            # edges.
            box = (0, top * step - first, picture.rows_width, min(bottom * step, picture.rows_height) - first)
            band = (band.convert("L") if band.mode == "1" else band).resize(
                (width, bottom - top), Image.Resampling.LANCZOS, box
            )
        if drawn is None:
            drawn = Image.new(band.mode, (width, height))
        drawn.paste(band, (0, top))
    assert drawn is not None, "a picture has rows"
    return drawn


def _plain(image: Image.Image, white: float) -> Image.Image:
    """In mode 1, L or RGB, on white. Profiles are left out: they shade colours, they do not turn ink into paper."""
    if image.mode == "I;16":
        return _eight_bits(image, white)
    if image.mode in ("I", "F"):
        return image.point(lambda value: value * (255 / white)).convert("L")
    if image.mode == "LAB":
        return image.getchannel("L")
    if image.has_transparency_data:
        upon = Image.new("RGBA", image.size, "white")
        upon.alpha_composite(image.convert("RGBA"))
        return upon.convert("L" if image.mode in ("LA", "La") else "RGB")
    return image if image.mode in ("1", "L", "RGB") else image.convert("RGB")


def _eight_bits(image: Image.Image, white: float) -> Image.Image:
    """The most significant of the bits that are used."""
    if white != 0xFFFF:
        image = image.convert("I").point(lambda value: value * (255 / white))
        return image.convert("L")
    return Image.frombytes("L", image.size, image.tobytes()[1::2])


def _encoded(
    image: Image.Image, dpi: tuple[float, float], is_lossy: bool, max_bytes: int
) -> tuple[bytes, MediaType] | None:
    """The file and its type; None if none of them fits."""
    save: dict[str, Any] = {"dpi": dpi} if all(dpi) else {}
    if not is_lossy or image.mode == "1":
        png = _saved(image, max_bytes, "PNG", **save)
        if png is not None:
            return png, "image/png"
    if max(image.size) > _MAX_JPEG_SIDE:
        return None
    if image.mode == "1":
        image = image.convert("L")
    for quality, subsampling in _JPEG_QUALITIES:
        jpeg = _saved(image, max_bytes, "JPEG", quality=quality, subsampling=subsampling, **save)
        if jpeg is not None:
            return jpeg, "image/jpeg"
    return None


def _saved(image: Image.Image, max_bytes: int, form: str, **save: Any) -> bytes | None:
    file = _BoundedFile(max_bytes)
    try:
        image.save(file, form, **save)
    except _TooManyBytes:
        return None
    return file.getvalue()
