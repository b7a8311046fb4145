"""Hostile images of every format that is opened, and of each a sound one that was cut, changed or mixed up."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pillow_heif
from PIL import Image

from hostile.pdf_files import HUNDREDS_OF_MEGABYTES, Files, bomb
from unit.pagekit.making import encoded, jpeg, pdf_of_pages, png_chunk, png_header, png_of

_TILE = 1_024
_END = png_chunk(b"IEND")


def files() -> Files:
    for format_of in (jpegs, pngs, tiffs, gifs_and_bmps, webps_and_jpeg_2000s, heics_and_avifs, broken):
        yield from format_of()


def grey(width: int, height: int, form: str, mode: str = "L", **save: Any) -> bytes:
    return encoded(Image.new(mode, (width, height), 1), form, **save)


def jpegs() -> Files:
    small = jpeg()
    frame = small.index(b"\xff\xc0")

    def of_size(width: int, height: int, marker: int = 0xC0) -> bytes:
        return (
            small[: frame + 1]
            + bytes([marker])
            + small[frame + 2 : frame + 5]
            + struct.pack(">HH", height, width)
            + small[frame + 9 :]
        )

    scans = grey(6_000, 3_000, "JPEG", progressive=True)
    last = scans[scans.rindex(b"\xff\xda") : -2]
    exif = (
        b"\xff\xe1" + struct.pack(">H", 34) + b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    )
    profile = b"\xff\xe2\xff\xffICC_PROFILE\0" + b"x" * (65_533 - 12)
    yield "jpeg/of_65535_squared", of_size(65_535, 65_535)
    yield "jpeg/progressive_of_65535_squared", of_size(65_535, 65_535, 0xC2)
    yield "jpeg/lossless_of_65535_squared", of_size(65_535, 65_535, 0xC3)
    yield "jpeg/arithmetic", of_size(4_000, 4_000, 0xC9)
    yield "jpeg/of_65535_by_1", of_size(65_535, 1)
    yield "jpeg/height_in_dnl", of_size(60, 0)[:-2] + b"\xff\xdc\0\x04\xff\xff\xff\xd9"
    yield "jpeg/progressive_of_100_megapixels", grey(10_000, 10_000, "JPEG", "RGB", progressive=True)
    yield "jpeg/progressive_of_300_megapixels", grey(20_000, 15_000, "JPEG", progressive=True)
    yield "jpeg/baseline_of_400_megapixels", grey(20_000, 20_000, "JPEG")
    yield "jpeg/progressive_in_900_scans", scans[:-2] + last * 900 + b"\xff\xd9"
    yield "jpeg/tables_9000", small[:2] + small[2:frame] * 9_000 + small[frame:]
    yield "jpeg/exif_in_a_ring", small[:2] + exif + small[2:]
    yield "jpeg/profile_in_140_parts", small[:2] + profile * 140 + small[2:]
    yield "jpeg/filling_of_9_mb", small[:2] + b"\xff" * 9_000_000 + small[2:]
    yield "jpeg/restarts", small[:-2] + b"\xff\xd0\xff\xd7" * 2_000_000 + b"\xff\xd9"
    yield "jpeg/pictures_1000_in_a_row", small * 1_000


def pngs() -> Files:
    zeros = bomb(HUNDREDS_OF_MEGABYTES)
    sound = png_header(60, 40), png_chunk(b"IDAT", zlib.compress(b"\0" * 61 * 40))
    for name, header in (
        ("of_2_gigapixels_squared", png_header(2**31 - 1, 2**31 - 1)),
        ("of_65535_squared", png_header(65_535, 65_535)),
        ("with_a_line_of_2_gigapixels", png_header(2**31 - 1, 1)),
        ("of_400_megapixels", png_header(20_000, 20_000)),
        ("interlaced_of_400_megapixels", png_header(20_000, 20_000, interlace=1)),
        ("of_20_megapixels_and_16_bits", png_header(4_000, 5_000, bits=16, colour=6)),
        ("with_too_much_data", png_header(60, 40)),
    ):
        yield f"png/{name}", png_of(header, png_chunk(b"IDAT", zeros), _END)
    for name, chunk in (
        ("text", png_chunk(b"zTXt", b"x\0\0" + zeros)),
        ("international_text", png_chunk(b"iTXt", b"x\0\1\0\0\0" + zeros)),
        ("profile", png_chunk(b"iCCP", b"x\0\0" + zeros)),
        ("texts_500000", png_chunk(b"tEXt", b"x\0y") * 500_000),
        ("frames_100000", png_chunk(b"acTL", struct.pack(">II", 100_000, 0)) + png_chunk(b"fcTL", bytes(26)) * 100_000),
        ("palettes_10000", png_chunk(b"PLTE", bytes(768)) * 10_000),
    ):
        yield f"png/{name}", png_of(sound[0], chunk, sound[1], _END)
    yield "png/data_in_500000_chunks", png_of(sound[0], png_chunk(b"IDAT") * 500_000, sound[1], _END)
    yield "png/chunk_of_4_gigabytes", png_of(sound[0], b"\xff\xff\xff\xffIDAT", sound[1], _END)


def tiff(
    directories: list[dict[int, int | tuple[int, int, int]]], data: bytes = b"", *, next_of_last: int = 0
) -> bytes:
    """A little-endian TIFF. Its data begins at 8; values are LONGs, or a type, a count and a value or place."""
    out = bytearray(b"II*\0" + bytes(4) + data)
    link = 4
    for entries in directories:
        struct.pack_into("<I", out, link, len(out))
        out += struct.pack("<H", len(entries))
        for tag, value in sorted(entries.items()):
            out += struct.pack("<HHII", tag, *(value if isinstance(value, tuple) else (4, 1, value)))
        link = len(out)
        out += struct.pack("<I", next_of_last)
    return bytes(out)


def tiffs() -> Files:
    def of(width: int, height: int, compression: int = 1, bits: int = 1, **more: int) -> dict[int, Any]:
        entries = {256: width, 257: height, 258: bits, 259: compression, 262: 1, 273: 8, 277: 1, 278: height}
        return {**entries, 279: 2_000, **{int(tag[1:]): value for tag, value in more.items()}}

    data, zeros, lots = b"\x55" * 2_000, bomb(HUNDREDS_OF_MEGABYTES), 2**31 - 1
    for name, page in (
        ("of_4_gigapixels_squared", of(2**32 - 1, 2**32 - 1)),
        ("of_65535_squared_by_fax_4", of(65_535, 65_535, 4)),
        ("of_65535_squared_by_fax_3", of(65_535, 65_535, 3)),
        ("of_65535_squared_by_lzw", of(65_535, 65_535, 5, 8)),
        ("of_65535_squared_by_packbits", of(65_535, 65_535, 32_773, 8)),
        ("of_65535_squared_by_jpeg", of(65_535, 65_535, 7, 8)),
        ("of_65535_squared_by_old_jpeg", of(65_535, 65_535, 6, 8)),
        ("of_2_billion_rows_a_strip", of(60, 40, t278=lots)),
        ("strips_of_4_gigabytes", of(60, 40, t279=2**32 - 1)),
        ("strips_that_are_missing", of(60, 40, t273=2**32 - 9)),
        ("samples_65535", of(3_000, 3_000, t277=65_535, bits=16)),
        ("bits_65535", of(3_000, 3_000, bits=65_535)),
        ("tags_of_4_billion_values", {**of(60, 40), 270: (2, 2**32 - 1, 8), 34_675: (7, 2**32 - 1, 8)}),
        ("strips_4_billion", {**of(60, 40), 273: (4, 2**32 - 1, 8), 279: (4, 2**32 - 1, 8)}),
        ("tiles_of_one_pixel", {**of(20_000, 20_000), 322: 1, 323: 1, 324: (4, 400, 8), 325: (4, 400, 8)}),
        ("tiles_of_2_gigapixels", {**of(60, 40), 322: lots, 323: lots, 324: 8, 325: 2_000}),
        ("turned_by_99", of(60, 40, t274=99)),
        ("directory_within_itself", of(60, 40, t330=2_008)),
    ):
        yield f"tiff/{name}", tiff([page], data)
    yield "tiff/deflate_of_400_megapixels", tiff([of(20_000, 20_000, 8, 8, t279=len(zeros))], zeros)
    line, rows = b"\x55" * 20_000, 20_000
    strips = struct.pack(f"<{rows}I", *[8] * rows) + struct.pack(f"<{rows}I", *[rows] * rows)
    overlapping = {**of(20_000, rows, 1, 8, t278=1), 273: (4, rows, 8 + rows), 279: (4, rows, 8 + 5 * rows)}
    yield "tiff/strips_that_overlap", tiff([overlapping], line + strips)
    yield "tiff/directories_in_a_ring", tiff([of(60, 40)], data, next_of_last=2_008)
    yield "tiff/pages_5001", tiff([of(60, 40)] * 5_001, data)
    yield "tiff/pages_60000", tiff([of(60, 40)] * 60_000, data)
    yield "tiff/pages_of_20_megapixels_4000", tiff([of(4_000, 5_000, 4)] * 4_000, data)
    big = bytearray(b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63))
    yield "tiff/big_of_endless_tags", bytes(big)
    yield "tiff/big_of_400_megapixels", grey(20_000, 20_000, "TIFF", "1", compression="group4", big_tiff=True)
    tags = struct.pack("<HHQQ", 256, 16, 1, 2**63) + struct.pack("<HHQQ", 257, 16, 2**61, 16)
    yield "tiff/big_of_huge_values", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2) + tags + bytes(8)


def gifs_and_bmps() -> Files:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0)
    clear = b"\x08" + b"\xff" + b"\0" * 255
    head = b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0xF7, 0, 0) + bytes(768)
    yield "gif/of_65535_squared", head + frame + clear * 1_000 + b"\0;"
    yield "gif/of_65535_squared_200_frames", head + (frame + clear + b"\0") * 200 + b";"
    yield "gif/of_200_megapixels", grey(20_000, 10_000, "GIF")
    small = grey(60, 40, "GIF")
    start = small.rindex(b"\x2c" + bytes(4))
    head, frame = small[:start], small[start:-1]
    yield "gif/frames_100000", head + frame * 100_000 + b";"
    yield "gif/comments_of_9_mb", head + b"\x21\xfe" + (b"\xff" + b"x" * 255) * 36_000 + b"\0" + frame + b";"
    yield "gif/without_end", head + frame[:-1] + b"\x01\x00" * 2_000_000
    for name, width, height, bits, compression, colours in (
        ("of_2_gigapixels_squared", 2**31 - 1, 2**31 - 1, 24, 0, 0),
        ("upside_down", 60, -(2**31), 24, 0, 0),
        ("by_run_length_of_65535_squared", 65_535, 65_535, 8, 1, 256),
        ("of_4_billion_colours", 60, 40, 8, 0, 2**32 - 1),
        ("of_400_megapixels", 20_000, 20_000, 1, 0, 2),
    ):
        header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
        yield f"bmp/{name}", b"BM" + struct.pack("<IHHI", 99, 0, 0, 1_078) + header + bytes(1_024) + b"\xff\x01" * 2_000


def webps_and_jpeg_2000s() -> Files:
    yield "webp/lossless_of_200_megapixels", grey(16_000, 12_500, "WEBP", "RGB", lossless=True, method=0, quality=0)
    canvas = b"VP8X" + struct.pack("<IB3x", 10, 2) + b"\xfe\xff\0" * 2
    still = grey(60, 40, "WEBP", "RGB")[12:]
    frame = b"ANMF" + struct.pack("<I", 16 + len(still)) + bytes(6) + b"\x3b\0\0\x27\0\0" + bytes(4) + still
    for name, chunks in (
        ("of_65535_squared", canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6) + frame),
        (
            "frames_20000",
            canvas[:12] + b"\x3b\0\0\x27\0\0" + b"ANIM" + struct.pack("<I", 6) + bytes(6) + frame * 20_000,
        ),
        ("profile_of_4_gigabytes", canvas[:8] + b" \0\0\0\x3b\0\0\x27\0\0" + b"ICCP\xff\xff\xff\xff" + still),
        ("that_says_it_is_longer", still),
    ):
        size = 2**32 - 2 if "longer" in name else len(chunks) + 4
        yield f"webp/{name}", b"RIFF" + struct.pack("<I", size) + b"WEBP" + chunks
    sound = grey(256, 256, "JPEG2000")
    header, place = sound.index(b"ihdr") + 4, sound.index(b"\xff\x4f\xff\x51") + 8
    for name, sizes in (
        ("of_4_gigapixels_squared", [2**32 - 1] * 2 + [0, 0] + [2**32 - 1] * 2),
        ("of_65535_squared", [65_535] * 2 + [0, 0] + [65_535] * 2),
        ("in_tiles_of_one_pixel", [250, 250, 0, 0, 1, 1]),
        ("in_a_billion_tiles", [2**31, 2**31, 0, 0, 65_536, 65_536]),
        ("of_400_megapixels", [20_000, 20_000, 0, 0, 20_000, 20_000]),
    ):
        sound = sound[:header] + struct.pack(">II", *sizes[:2]) + sound[header + 8 :]
        yield f"jp2/{name}", sound[:place] + struct.pack(">6I", *sizes) + sound[place + 24 :]
    components = place + 32
    yield "jp2/components_16384", sound[:components] + struct.pack(">H", 16_384) + sound[components + 2 :]
    nested = b"".join(
        box(b"jp2h", b"")[:4].replace(b"\0\0\0\x08", struct.pack(">I", 8 * n)) + b"jp2h" for n in range(90_000, 0, -1)
    )
    yield "jp2/boxes_90000_deep", sound[:32] + nested
    yield "jp2/solid_of_100_megapixels", grey(10_000, 10_000, "JPEG2000")


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def full(kind: bytes, content: bytes, version: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24) + content)


def heics_and_avifs() -> Files:
    """A sound tile is taken out of a sound file, and laid in grids that say what no grid should."""
    solid, file = Image.new("RGB", (_TILE, _TILE), "white"), io.BytesIO()
    pillow_heif.from_pillow(solid).save(file, quality=50)
    for form, sound, item, configuration in (
        ("heic", file.getvalue(), b"hvc1", b"hvcC"),
        ("avif", encoded(solid, "AVIF", speed=10), b"av01", b"av1C"),
    ):
        place = sound.index(configuration) - 4
        decoder = sound[place : place + int.from_bytes(sound[place : place + 4], "big")]
        tile = sound[sound.index(b"mdat") + 4 :]
        size = sound.index(b"ispe") + 8
        for name, width, height in (
            ("of_65535_squared", 65_535, 65_535),
            ("of_4_gigapixels_squared", 2**32 - 1, 2**32 - 1),
        ):
            yield f"{form}/{name}", sound[:size] + struct.pack(">II", width, height) + sound[size + 8 :]
        for name, rows, columns, width, height, tiles in (
            ("grid_of_268_megapixels", 16, 16, 16 * _TILE, 16 * _TILE, 256),
            ("grid_of_65280_tiles", 255, 256, 256 * _TILE, 255 * _TILE, 65_000),
            ("grid_of_one_tile_often", 255, 256, 1_024, 1_024, 1),
            ("grid_of_4_gigapixels_squared", 1, 1, 2**32 - 1, 2**32 - 1, 1),
            ("grid_of_itself", 16, 16, 1_024, 1_024, 0),
        ):
            yield f"{form}/{name}", _grid(form.encode(), item, decoder, tile, rows, columns, (width, height), tiles)
        nested = b""
        for _ in range(5_000):
            nested = full(b"meta", nested)
        yield f"{form}/boxes_5000_deep", sound[: int.from_bytes(sound[:4], "big")] + nested
        yield f"{form}/boxes_a_million", sound[: int.from_bytes(sound[:4], "big")] + box(b"free", b"") * 1_000_000


def _grid(
    brand: bytes, item: bytes, decoder: bytes, tile: bytes, rows: int, columns: int, size: tuple[int, int], tiles: int
) -> bytes:
    """Item 1 is a grid; the tiles, items 2 and on, are all one and the same. With none, it is a grid of itself."""
    kinds = [b"grid", *[item] * tiles]
    infos = [full(b"infe", struct.pack(">HH4sB", number, 0, kind, 0), 2) for number, kind in enumerate(kinds, start=1)]
    shown = [2 + place % tiles if tiles else 1 for place in range(rows * columns)]
    links = struct.pack(f">HH{len(shown)}H", 1, len(shown), *shown)
    properties = full(b"ispe", struct.pack(">II", _TILE, _TILE)) + decoder + full(b"ispe", struct.pack(">II", *size))
    associated = [struct.pack(">HBB", 1, 1, 3), *(struct.pack(">HBBB", n + 2, 2, 1, 0x82) for n in range(tiles))]
    description = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)

    def meta(start: int) -> bytes:
        places = [(start, len(description)), *[(start + len(description), len(tile))] * tiles]
        where = [struct.pack(">HHHII", number, 0, 1, *place) for number, place in enumerate(places, start=1)]
        return full(
            b"meta",
            full(b"hdlr", b"\0\0\0\0pict" + bytes(13))
            + full(b"pitm", struct.pack(">H", 1))
            + full(b"iloc", struct.pack(">BBH", 0x44, 0, len(where)) + b"".join(where))
            + full(b"iinf", struct.pack(">H", len(infos)) + b"".join(infos))
            + full(b"iref", box(b"dimg", links))
            + box(
                b"iprp",
                box(b"ipco", properties) + full(b"ipma", struct.pack(">I", len(associated)) + b"".join(associated)),
            ),
        )

    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", description + tile)


def broken() -> Iterator[tuple[str, bytes]]:
    """Of each format a sound file cut in half, with bytes changed at random, and with its head on another's body."""
    chance = random.Random(13)
    picture = Image.radial_gradient("L").convert("RGB")
    heic = io.BytesIO()
    pillow_heif.from_pillow(picture).save(heic)
    sound = {form: encoded(picture, form) for form in ("JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP", "JPEG2000", "AVIF")}
    sound |= {"HEIC": heic.getvalue(), "PDF": pdf_of_pages(3)}
    for form, content in sound.items():
        yield f"broken/{form.lower()}_cut", content[: len(content) // 2]
        changed = bytearray(content)
        for place in chance.sample(range(32, len(content)), 40):
            changed[place] = chance.randrange(256)
        yield f"broken/{form.lower()}_changed", bytes(changed)
    heads = [content[:64] for content in sound.values()]
    for place, (form, content) in enumerate(sound.items()):
        yield f"broken/{form.lower()}_with_another_head", heads[place - 1] + content[64:]
