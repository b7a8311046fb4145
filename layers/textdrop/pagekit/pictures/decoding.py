"""Images of one picture, decoded by Pillow and pi-heif within bounds of memory that are checked before decoding.

What each decoder takes was measured; the figures are in docs/decisions/0020-images-are-fitted-in-bounded-memory.md.
Pillow's own bound on pixels is off: it considers neither the format nor the number of channels.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import AvifImagePlugin, ExifTags, Image

from pagekit.errors import Reason, Refusal
from pagekit.images import (
    JpegHeader,
    PngHeader,
    check_png,
    damaged,
    is_whole_jpeg,
    jpeg_header,
    mended_png,
    png_header,
    scan_count,
)
from pagekit.limits import UploadType
from pagekit.pictures.jpeg_end import with_end
from pagekit.pictures.png_bands import can_be_read_in_bands, png_bands

MAX_FILE_BYTES = 100_000_000
"""An image of one picture is read into memory as a whole."""
MAX_PIXELS = 300_000_000
"""Pixels of a JPEG, PNG or TIFF; more takes longer than a page may."""
MAX_BANDED_PNG_PIXELS = 150_000_000
"""Pixels of a PNG that is unpacked in bands, which takes longer."""
MAX_DECODED_BYTES = 320_000_000
"""Bytes for a file and its decoded picture, while the picture that is sent is made of it."""
MAX_WORKING_BYTES = 425_000_000
"""Bytes for a file, its decoder's memory, and its decoded picture."""
MAX_AVIF_PIXELS = 49_000_000
MAX_HEIC_PIXELS = 80_000_000
MAX_JPEG2000_PIXELS = 21_000_000
"""Pixels of a JPEG 2000 image at the resolution at which it is decoded: half or a quarter of its own if it is
larger."""
MAX_WEBP_PIXELS = 24_000_000

_MAX_COEFFICIENT_BYTES_READ = 20 * MAX_DECODED_BYTES
"""Each scan of a progressive JPEG passes through all coefficients again, however short it is."""
_JPEG_SHRINKS = (1, 2, 4, 8)
_JPEG2000_REDUCTIONS = (0, 1, 2)
# What shows: text and profiles, which can be bombs, are not needed.
_PNG_DESCRIPTION = (b"IHDR", b"pHYs", b"eXIf", b"IEND")
_PNG_CHUNKS = (*_PNG_DESCRIPTION, b"PLTE", b"tRNS", b"IDAT")
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2}
_PLUGINS: dict[UploadType, tuple[str, str]] = {
    "image/jpeg": ("JPEG", "JPEG"),
    "image/png": ("PNG", "PNG"),
    "image/tiff": ("TIFF", "TIFF"),
    "image/webp": ("WEBP", "WebP"),
    "image/gif": ("GIF", "GIF"),
    "image/bmp": ("BMP", "BMP"),
    "image/jp2": ("JPEG2000", "JPEG 2000"),
    "image/avif": ("AVIF", "AVIF"),
}

Image.MAX_IMAGE_PIXELS = None
# Each further thread takes megabytes of address space, and there is one processor.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be read in bands.

    `rows(top, bottom)` gives these rows of it, in any of Pillow's modes; it must be called from top to bottom, and
    bands may overlap. `width` and `height` are the file's; `rows_width` and `rows_height` are smaller if the decoder
    shrank it. `white` is the value of white in pixels of more than 8 bits. `orientation` is EXIF's, `dpi` what the file
    says, both before turning.
    """

    width: int
    height: int
    rows_width: int
    rows_height: int
    rows: Callable[[int, int], Image.Image]
    white: float = 0xFFFF
    orientation: int = 1
    dpi: Any = None
    is_lossy: bool = False
    is_bilevel: bool = False


def decoded(content: bytes, media_type: UploadType) -> Picture:
    """The picture in a file with one; the first of an animation. A JPEG or PNG must come from sound_jpeg or sound_png.

    Raises Refusal (`damaged` or `image_too_large`).
    """
    if media_type == "image/jpeg":
        return _decoded_jpeg(content)
    if media_type == "image/png":
        return _decoded_png(content)
    if media_type == "image/heic":
        return _decoded_heic(content)
    if media_type == "image/jp2":
        return _decoded_jpeg2000(content)
    if media_type == "image/webp":
        check_pixels(*_webp_size(content), MAX_WEBP_PIXELS)
    image = opened(content, media_type)
    if media_type == "image/avif":
        check_pixels(*image.size, MAX_AVIF_PIXELS)
    check_pixels(*image.size, (MAX_DECODED_BYTES - len(content)) // bytes_per_pixel(image.mode))
    return picture_of(loaded(image, media_type), *image.size, is_lossy=media_type in ("image/avif", "image/webp"))


def opened(content: bytes, media_type: UploadType) -> Image.Image:
    """The image, of which only the header has been read. Raises Refusal (`damaged`)."""
    form, name = _PLUGINS[media_type]
    try:
        return Image.open(io.BytesIO(content), formats=(form,))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - malformed data makes Pillow raise anything
        raise damaged(f"The {name} image is damaged: its header cannot be read.") from None


def loaded(image: Image.Image, media_type: UploadType) -> Image.Image:
    """The image with its pixels. Raises Refusal (`damaged`)."""
    try:
        image.load()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - malformed data makes Pillow raise anything
        raise damaged(f"The {_PLUGINS[media_type][1]} image is damaged: it cannot be decoded.") from None
    return image


def picture_of(image: Image.Image, width: int, height: int, *, is_lossy: bool) -> Picture:
    """The decoded image as a picture of a file of this size."""
    return Picture(
        width,
        height,
        *image.size,
        rows=lambda top, bottom: image.crop((0, top, image.width, bottom)),
        white=_white(image),
        orientation=_orientation(image),
        dpi=image.info.get("dpi"),
        is_lossy=is_lossy,
        is_bilevel=image.mode == "1",
    )


def bytes_per_pixel(mode: str) -> int:
    """What a pixel of this mode takes in Pillow's memory."""
    return _BYTES_PER_PIXEL.get(mode, 4)


def check_pixels(width: int, height: int, most: int) -> None:
    """Raises Refusal (`damaged` or `image_too_large`) unless a picture of this size can be decoded."""
    if width <= 0 or height <= 0:
        raise damaged(f"The image is {width} × {height} pixels.")
    if width * height > most:
        raise too_large(width, height, most)


def too_large(width: int, height: int, most: int) -> Refusal:
    """The refusal of a picture of which at most that many pixels could be read."""
    return Refusal(
        Reason.IMAGE_TOO_LARGE,
        # Rounded so that an image just over the limit does not read as if it were within it.
        f"The image is {width} × {height} pixels, {math.ceil(width * height / 100_000) / 10:,} megapixels; the most of "
        f"its kind is {max(most, 0) // 100_000 / 10:,g}.",
        "Scan it at a lower resolution (300 dpi is plenty for text), scale it down or split it, and upload that.",
    )


def sound_jpeg(content: bytes) -> bytes:
    """The JPEG, with an end marker if it had none. Raises Refusal (`damaged` or `image_too_large`)."""
    if is_whole_jpeg(content):
        return content
    return with_end(content, _jpeg_shrink(content, jpeg_header(content)))


def _decoded_jpeg(content: bytes) -> Picture:
    header = jpeg_header(content)
    shrink = _jpeg_shrink(content, header)
    image = opened(content, "image/jpeg")
    if shrink > 1:
        image.draft(None, (header.width // shrink, header.height // shrink))
    return picture_of(loaded(image, "image/jpeg"), header.width, header.height, is_lossy=True)


def _jpeg_shrink(content: bytes, header: JpegHeader) -> int:
    """By how much libjpeg has to shrink the image while decoding it, so that there is enough memory.

    Raises Refusal (`image_too_large`, or `damaged` if decoding would take forever).
    """
    width, height = header.width, header.height
    check_pixels(width, height, MAX_PIXELS)
    if header.coefficient_bytes * scan_count(content) > _MAX_COEFFICIENT_BYTES_READ:
        raise damaged("The JPEG image is damaged: it has more parts than any picture of its size.")
    pixel_bytes = 1 if header.components == 1 else 4
    working_bytes = 0
    for shrink in _JPEG_SHRINKS:
        rows_bytes = -(-width // shrink) * -(-height // shrink) * pixel_bytes
        working_bytes = len(content) + header.coefficient_bytes + rows_bytes
        if working_bytes <= MAX_WORKING_BYTES and len(content) + rows_bytes <= MAX_DECODED_BYTES:
            return shrink
    raise too_large(width, height, width * height * MAX_WORKING_BYTES // working_bytes)


def sound_png(content: bytes) -> bytes:
    """The PNG, without chunks beside its picture whose checksum is wrong. Raises Refusal (`damaged` or
    `image_too_large`)."""
    header = png_header(content)
    check_pixels(header.width, header.height, MAX_PIXELS)
    return content if check_png(content) else mended_png(content)


def _decoded_png(content: bytes) -> Picture:
    header = png_header(content)
    # The copy without the chunks that are not needed is in memory as well.
    most = (MAX_DECODED_BYTES - 2 * len(content)) // _png_bytes_per_pixel(header)
    if header.width * header.height <= most:
        image = loaded(opened(mended_png(content, _PNG_CHUNKS), "image/png"), "image/png")
        return picture_of(image, header.width, header.height, is_lossy=False)
    if not can_be_read_in_bands(header):
        raise too_large(header.width, header.height, most)
    check_pixels(header.width, header.height, MAX_BANDED_PNG_PIXELS)
    described = opened(mended_png(content, _PNG_DESCRIPTION), "image/png")
    return Picture(
        header.width,
        header.height,
        header.width,
        header.height,
        rows=png_bands(content, header),
        orientation=_orientation(described),
        dpi=described.info.get("dpi"),
    )


def _png_bytes_per_pixel(header: PngHeader) -> int:
    return header.channels * max(header.bit_depth // 8, 1) if header.channels == 1 else 4


def _decoded_heic(content: bytes) -> Picture:
    """The primary image. libheif turns it as the file says; an orientation repeated in EXIF data has no meaning."""
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    try:
        file = pi_heif.open_heif(content)
        image = file[file.primary_index]
        width, height = image.size
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - malformed data makes the library raise anything
        raise damaged("The HEIC image is damaged, or its picture is of a kind that cannot be read.") from None
    check_pixels(width, height, MAX_HEIC_PIXELS)
    try:
        stride = image.stride
        width, height = image.size
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - malformed data makes the library raise anything
        raise damaged("The HEIC image is damaged: it cannot be decoded.") from None
    mode = image.mode

    def rows(top: int, bottom: int) -> Image.Image:
        # The data is the image's memory, which must not outlive it.
        data = image.data[top * stride : bottom * stride]
        return Image.frombytes(mode, (width, bottom - top), data, "raw", mode, stride)

    return Picture(width, height, width, height, rows=rows, is_lossy=True)


def _decoded_jpeg2000(content: bytes) -> Picture:
    image: Any = opened(content, "image/jp2")
    width, height = image.size
    check_pixels(width, height, MAX_JPEG2000_PIXELS << 2 * _JPEG2000_REDUCTIONS[-1])
    for reduction in _JPEG2000_REDUCTIONS:
        if -(-width >> reduction) * -(-height >> reduction) <= MAX_JPEG2000_PIXELS:
            break
    if reduction:
        image.reduce = reduction
    return picture_of(loaded(image, "image/jp2"), width, height, is_lossy=True)


def _webp_size(content: bytes) -> tuple[int, int]:
    """Width and height by the header (RFC 9649); opening it in Pillow takes the memory of its whole canvas."""
    kind, data = content[12:16], content[20:30]
    try:
        if kind == b"VP8X":
            return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
        if kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 1)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        width, height = struct.unpack_from("<HH", data, 6)
    except struct.error:
        raise damaged("The WebP image is cut off.") from None
    return width & 0x3FFF, height & 0x3FFF


def _white(image: Image.Image) -> float:
    """The value of white in pixels of more than 8 bits: scanners put 10 or 12 bits into 16."""
    if not image.mode.startswith(("I", "F")):
        return 0xFFFF
    brightest: Any = image.getextrema()[1]
    if image.mode == "F":
        return brightest if brightest > 0 else 1.0
    return max((1 << int(brightest).bit_length()) - 1, 0xFF)


def _orientation(image: Image.Image) -> int:
    """The orientation that EXIF data asks for; 1 if it asks for none or cannot be read."""
    try:
        asked = image.getexif().get(ExifTags.Base.Orientation)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - malformed data makes Pillow raise anything
        return 1
    return asked if isinstance(asked, int) and 1 <= asked <= 8 else 1
