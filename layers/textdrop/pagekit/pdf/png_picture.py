"""A PNG as a picture of a PDF: the same pixels, where possible by the same data.

The data of a PNG that is not interlaced and has no alpha channel is what a PDF calls Flate with PNG predictors
(PDF 1.7, 7.4.4.4). Of others the pixels are unpacked, parted in colours and alpha, and packed again.

Pillow unpacks them. It keeps eight bits of sixteen, but the filters of a PNG work on bytes: so pixels of sixteen bits
are read as those of twice as many channels of eight, or twice, once for the upper and once for the lower halves.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

from pikepdf import Array
from PIL import Image

from pagekit.errors import NotRenderable
from pagekit.pdf.exif_orientation import exif_orientation
from pagekit.pdf.picture import Picture, flate_entries

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_METRE = 1
_INCH_METRES = 0.0254
_MOST_PROFILE_BYTES = 4 * 1024 * 1024
_MOST_UNPACKED_BYTES = 100_000_000
_OPAQUE = b"\xff"


@dataclass(slots=True)
class _Png:
    """The chunks that matter."""

    width: int = 0
    height: int = 0
    bits: int = 0
    colour: int = -1
    interlaced: int = 0
    palette: bytes = b""
    transparency: bytes = b""
    profile: bytes | None = None
    orientation: int = 1
    dpi: tuple[float, float] | None = None
    data: list[bytes] = field(default_factory=list)


def png_picture(content: bytes) -> Picture:
    """Raises NotRenderable for a PNG that cannot be read, or that takes too much memory when it is unpacked."""
    try:
        png = _read(content)
        if png.colour not in _CHANNELS or (png.colour == PALETTE and not png.palette):
            raise NotRenderable("The PNG image cannot be read.")
        picture = _packed_again(png) if _has_to_be_unpacked(png) else _as_it_is(png)
        return replace(picture, profile=png.profile, orientation=png.orientation, dpi=png.dpi)
    except (struct.error, zlib.error, ValueError, SyntaxError, OSError, IndexError) as error:
        raise NotRenderable("The PNG image cannot be read.") from error


def _read(content: bytes) -> _Png:
    png = _Png()
    position = len(_SIGNATURE)
    while position + 8 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        data = content[position + 8 : position + 8 + length]
        position += length + 12
        match name:
            case b"IHDR":
                png.width, png.height, png.bits, png.colour, _, _, png.interlaced = struct.unpack(">IIBBBBB", data)
            case b"PLTE":
                png.palette = data[: len(data) // 3 * 3][: 3 << min(png.bits, 8)]
            case b"tRNS":
                png.transparency = data
            case b"iCCP":
                png.profile = _profile(data)
            case b"eXIf":
                png.orientation = exif_orientation(data)
            case b"pHYs":
                across, down, unit = struct.unpack(">IIB", data)
                png.dpi = (across * _INCH_METRES, down * _INCH_METRES) if unit == _METRE else None
            case b"IDAT":
                png.data.append(data)
            case b"IEND":
                break
    return png


def _profile(data: bytes) -> bytes | None:
    """The colour profile in an iCCP chunk: behind a name, its end and the method of packing."""
    _, _, packed = data.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], _MOST_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if unpacker.eof else None


def _has_to_be_unpacked(png: _Png) -> bool:
    return bool(png.interlaced) or png.colour in (GREY_ALPHA, COLOUR_ALPHA)


def _as_it_is(png: _Png) -> Picture:
    entries = flate_entries(png.width, _CHANNELS[png.colour], png.bits)
    if png.colour != PALETTE:
        entries |= _colour_that_is_transparent(png, 1)
    return Picture(
        png.width,
        png.height,
        _CHANNELS[png.colour],
        png.bits,
        b"".join(png.data),
        entries,
        palette=png.palette or None if png.colour == PALETTE else None,
        alpha=_alpha_of_palette(png),
    )


def _packed_again(png: _Png) -> Picture:
    size = png.width, png.height
    if png.width * png.height * _CHANNELS[png.colour] * max(png.bits // 8, 1) > _MOST_UNPACKED_BYTES:
        raise NotRenderable("The PNG image is too large to be taken apart: it is interlaced or has an alpha channel.")
    if png.bits == 16:
        return _of_sixteen_bits(png)
    image = _unpacked(png, png.bits, png.colour)
    match png.colour:
        case 4:
            grey, alpha = image.split()
            return replace(_packed(grey, 1, 8), alpha=_packed(alpha, 1, 8))
        case 6:
            alpha = image.getchannel("A")
            return replace(_packed(image.convert("RGB"), 3, 8), alpha=_packed(alpha, 1, 8))
        case 3:
            numbers = Image.frombytes("L", size, image.tobytes())
            return replace(_packed(numbers, 1, 8), palette=png.palette, alpha=_alpha_of_palette(png))
    # Fewer bits than eight come out stretched to eight.
    stretched = 255 // ((1 << png.bits) - 1)
    picture = _packed(image.convert("L") if png.colour == GREY else image, _CHANNELS[png.colour], 8)
    return replace(picture, entries=picture.entries | _colour_that_is_transparent(png, stretched))


def _of_sixteen_bits(png: _Png) -> Picture:
    size = png.width, png.height
    if png.colour == GREY:
        halves = _unpacked(png, 8, GREY_ALPHA)
        picture = _packed(halves, 1, 16)
        return replace(picture, entries=picture.entries | _colour_that_is_transparent(png, 1))
    if png.colour == GREY_ALPHA:
        upper, lower, *halves_of_alpha = _unpacked(png, 8, COLOUR_ALPHA).split()
        grey = _packed(Image.merge("LA", (upper, lower)), 1, 16)
        return replace(grey, alpha=_packed(Image.merge("LA", halves_of_alpha), 1, 16))
    upper_half, lower_half = (_unpacked(png, 16, png.colour, order) for order in ("B", "L"))
    colours = bytearray(6 * png.width * png.height)
    colours[0::2] = upper_half.convert("RGB").tobytes()
    colours[1::2] = lower_half.convert("RGB").tobytes()
    # No image that Pillow can pack has six bytes a pixel; so these are packed without filters.
    parameters: dict[str, Any] = {"/Filter": flate_entries(png.width, 3, 16)["/Filter"]}
    picture = Picture(*size, 3, 16, zlib.compress(colours), parameters)
    if png.colour == COLOUR:
        return replace(picture, entries=picture.entries | _colour_that_is_transparent(png, 1))
    alpha = Image.merge("LA", (upper_half.getchannel("A"), lower_half.getchannel("A")))
    return replace(picture, alpha=_packed(alpha, 1, 16))


def _unpacked(png: _Png, bits: int, colour: int, order: str = "") -> Image.Image:
    """The pixels of the data, taken for those of an image of these bits and this colour type.

    `order`, for colours of sixteen bits: which half of each sample is kept, "B" the upper and "L" the lower one.
    """
    header = struct.pack(">IIBBBBB", png.width, png.height, bits, colour, 0, 0, png.interlaced)
    chunks = [(b"IHDR", header), (b"PLTE", png.palette if colour == PALETTE else b""), (b"IDAT", b"".join(png.data))]
    file = _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks if data) + _chunk(b"IEND", b"")
    image = Image.open(io.BytesIO(file), formats=("PNG",))
    if order:
        image.tile = [tile._replace(args=f"{image.mode};16{order}") for tile in image.tile]
    image.load()
    return image


def _packed(image: Image.Image, components: int, bits: int) -> Picture:
    """The pixels, packed as a PNG's, which is what Pillow chooses filters for."""
    file = io.BytesIO()
    image.save(file, "PNG")
    data = b"".join(_read(file.getvalue()).data)
    return Picture(*image.size, components, bits, data, flate_entries(image.width, components, bits))


def _alpha_of_palette(png: _Png) -> Picture | None:
    """How much of each pixel shows, if some of the palette's colours are not opaque."""
    if png.colour != PALETTE or not png.transparency.strip(_OPAQUE):
        return None
    if png.width * png.height > _MOST_UNPACKED_BYTES:
        raise NotRenderable("The PNG image is too large to be taken apart: some of its colours are transparent.")
    numbers = _unpacked(png, png.bits, PALETTE).tobytes()
    alpha = numbers.translate(png.transparency[:256].ljust(256, _OPAQUE))
    return _packed(Image.frombytes("L", (png.width, png.height), alpha), 1, 8)


def _colour_that_is_transparent(png: _Png, stretched: int) -> dict[str, Any]:
    """The entry for the one colour of the image that does not show, if there is one."""
    count = _CHANNELS[png.colour]
    if len(png.transparency) < 2 * count:
        return {}
    samples = struct.unpack_from(f">{count}H", png.transparency)
    return {"/Mask": Array([sample * stretched for sample in samples for _ in range(2)])}


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
