"""TIFF: all of its pages, however their pixels are stored, as good as the same pages in PNG."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from PIL import Image, ImageOps

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileLimits
from pagekit.pictures import fitting, tiff_decoding
from pagekit.pictures import tiff as tiff_module
from pagekit.prepared import How
from unit.pagekit import making
from unit.pagekit.opening.opening import less_memory_than
from unit.pagekit.opening.picturing import decoded, difference, document, picture, prepared, refusal
from unit.pagekit.outputs import drawing

TEXT = drawing.page_of(drawing.ENGLISH)[0].convert("L")
NOISE = making.noise(70, 50)
LOSSLESS = ["raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"]
BILEVEL = ["raw", "group3", "group4", "tiff_ccitt", "tiff_lzw", "packbits"]
WHITE_IS_ZERO, BLACK_IS_ZERO, COLOURS, PALETTE, INKS = 0, 1, 2, 3, 5
SHORT, LONG, RATIONAL, LONG8 = 3, 4, 5, 16


def tiff(image: Image.Image, **save: Any) -> bytes:
    return making.encoded(image, "TIFF", **save)


def handmade(*pages: dict[int, Any], big: bool = False, order: str = "<", links: Iterable[int] = ()) -> bytes:
    """A TIFF of these pages. A page's tags are numbers or (type, numbers); 273 and 324 are its strips' or tiles' data.

    `links`: for each page the number of the next, counted from 0, if it is another than the following.
    """
    out = io.BytesIO()
    version = struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)
    out.write((b"II" if order == "<" else b"MM") + version)
    form, width = ("Q", 8) if big else ("I", 4)
    places: list[int] = []
    ends: list[int] = []
    for page in pages:
        tags: dict[int, tuple[int, list[int]]] = {}
        for kind, value in page.items():
            if kind in (273, 324):
                tags[kind] = LONG8 if big else LONG, []
                tags.setdefault(kind + (6 if kind == 273 else 1), (LONG, [len(part) for part in value]))
                for part in value:
                    tags[kind][1].append(out.tell())
                    out.write(part)
            else:
                tags[kind] = value if isinstance(value, tuple) else (LONG, [value])
        entries = struct.pack(order + ("Q" if big else "H"), len(tags))
        for kind, (value_type, numbers) in sorted(tags.items()):
            letter = {SHORT: "H", LONG: "I", LONG8: "Q", RATIONAL: "I"}[value_type]
            data = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
            if len(data) > width:
                place = out.tell()
                out.write(data)
                data = struct.pack(order + form, place)
            count = len(numbers) // (2 if value_type == RATIONAL else 1)
            entries += struct.pack(order + "HH" + form, kind, value_type, count) + data.ljust(width, b"\0")
        places.append(out.tell())
        out.write(entries)
        ends.append(out.tell())
        out.write(bytes(width))
    following = [*range(1, len(pages)), -1]
    for number, link in enumerate(links):
        following[number] = link
    for end, link in zip([8 if big else 4, *ends], [0, *following], strict=True):
        out.seek(end)
        out.write(struct.pack(order + form, places[link] if link >= 0 else 0))
    return out.getvalue()


def grey(value: int = 0) -> dict[int, Any]:
    """The tags of a page of 8 × 4 grey pixels."""
    return {256: 8, 257: 4, 258: 8, 259: 1, 262: BLACK_IS_ZERO, 277: 1, 278: 4, 273: [bytes([value]) * 32]}


def tags(page: dict[int, Any], change: dict[int, Any]) -> dict[int, Any]:
    return {kind: value for kind, value in {**page, **change}.items() if value is not None}


@pytest.mark.parametrize("compression", LOSSLESS)
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "CMYK"])
def test_every_pixel_of_a_page_is_that_of_the_same_page_in_png(mode: str, compression: str) -> None:
    image = NOISE.quantize(60) if mode == "P" else NOISE.convert(mode)
    content = tiff(image, compression=compression, dpi=(300, 200))
    page = prepared(content)
    assert (page.media_type, page.preparation.how, page.preparation.scale) == ("image/png", How.CONVERTED, 1.0)
    assert decoded(page.content).tobytes() == image.convert("L" if mode == "L" else "RGB").tobytes()
    assert decoded(page.content).info["dpi"] == pytest.approx((300, 200), abs=0.1)


@pytest.mark.parametrize("compression", BILEVEL)
def test_a_fax_stays_bilevel(compression: str) -> None:
    image = TEXT.convert("1")
    page = prepared(tiff(image, compression=compression))
    found = decoded(page.content)
    assert (page.media_type, found.mode) == ("image/png", "1")
    assert found.tobytes() == image.tobytes()
    assert len(page.content) < image.width * image.height // 8


@pytest.mark.parametrize("options", [1, 4, 5])
def test_group_3_in_two_dimensions(options: int) -> None:
    image = TEXT.convert("1")
    assert picture(tiff(image, compression="group3", tiffinfo={292: options})).tobytes() == image.tobytes()


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr"])
def test_jpeg_in_tiff_with_shared_tables(mode: str, subsampling: str) -> None:
    image = TEXT.convert(mode)
    content = tiff(image, compression="jpeg", quality=95, tiffinfo={278: 16}, subsampling=subsampling)
    assert struct.pack("<HH", 347, 7) in content, "the tables are shared"
    page = prepared(content)
    assert page.media_type == "image/jpeg"
    assert difference(decoded(page.content), TEXT) < 3


def test_the_old_way_of_jpeg_in_tiff() -> None:
    jpeg = making.encoded(TEXT, "JPEG", quality=95)
    page = {256: TEXT.width, 257: TEXT.height, 258: 8, 259: 6, 262: 6, 277: 1, 273: [jpeg], 514: len(jpeg)}
    content = handmade(tags(page, {513: 8}))
    assert difference(picture(content), TEXT) < 3
    assert refusal(handmade(tags(page, {513: 9}))).reason == Reason.UNSUPPORTED_TYPE


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True], ids=["", "big"])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_of_all_depths(bits: int, photometric: int, big: bool, order: str) -> None:
    largest = (1 << bits) - 1
    values = [largest * place // 7 for place in range(8)]
    joined = sum(value << bits * (7 - place) for place, value in enumerate(values)).to_bytes(bits, "big")
    if bits == 16:
        joined = struct.pack(order + "8H", *values)
    page = {256: 8, 257: 1, 258: (SHORT, [bits]), 262: (SHORT, [photometric]), 277: (SHORT, [1]), 273: [joined]}
    found = picture(handmade(page, big=big, order=order)).convert("L").tobytes()
    expected = [value * 255 // largest for value in values]
    if photometric == WHITE_IS_ZERO:
        expected = [255 - value for value in expected]
    assert max(abs(one - other) for one, other in zip(found, expected, strict=True)) <= 1


@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize("rows", [4, 3])
def test_planes_of_their_own(samples: int, rows: int) -> None:
    image = NOISE.resize((8, 8)).convert("CMYK" if samples == 4 else "RGB")
    planes = [band.tobytes() for band in image.split()]
    strips = [plane[top * 8 : (top + rows) * 8] for plane in planes for top in range(0, 8, rows)]
    page = {256: 8, 257: 8, 258: (SHORT, [8] * samples), 262: INKS if samples == 4 else COLOURS, 277: samples}
    content = handmade({**page, 278: rows, 284: 2, 273: strips})
    assert picture(content).tobytes() == image.convert("RGB").tobytes()


def test_colours_of_16_bits() -> None:
    image = NOISE.resize((8, 8))
    deep = struct.pack(">192H", *(value * 257 for value in image.tobytes()))
    page = {256: 8, 257: 8, 258: (SHORT, [16] * 3), 262: COLOURS, 277: 3, 273: [deep]}
    assert picture(handmade(page, order=">")).tobytes() == image.tobytes()


@pytest.mark.parametrize("big", [False, True], ids=["", "big"])
@pytest.mark.parametrize("compression", [1, 8])
def test_tiles(compression: int, big: bool) -> None:
    image = TEXT.crop((0, 0, 70, 40))
    parts = [
        image.crop((left, top, left + 32, top + 16)).tobytes() for top in range(0, 40, 16) for left in range(0, 70, 32)
    ]
    if compression == 8:
        parts = [zlib.compress(part) for part in parts]
    page = {256: 70, 257: 40, 258: 8, 259: compression, 262: BLACK_IS_ZERO, 277: 1, 322: 32, 323: 16, 324: parts}
    assert picture(handmade(page, big=big)).tobytes() == image.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_is_followed(orientation: int) -> None:
    stored = TEXT.resize((60, 40))
    content = tiff(stored, tiffinfo={274: orientation}, dpi=(300, 150))
    reference = stored.copy()
    reference.getexif()[0x0112] = orientation
    expected = ImageOps.exif_transpose(reference)
    found = picture(content)
    assert found.tobytes() == expected.tobytes()
    assert found.info["dpi"] == pytest.approx((150, 300) if orientation >= 5 else (300, 150), abs=0.1)


def test_all_pages_are_read_and_each_by_itself() -> None:
    images = [TEXT.convert("1"), NOISE.copy(), TEXT.copy()]
    content = tiff(images[0], save_all=True, append_images=images[1:])
    opened = document(content)
    assert (opened.facts.media_type, opened.facts.pages) == ("image/tiff", 3)
    for number in (3, 1, 2, 3):
        found = decoded(opened.page(number).content)
        assert found.convert("RGB").tobytes() == images[number - 1].convert("RGB").tobytes()


@pytest.mark.parametrize("mark", [{254: 1}, {254: 4}, {254: 5}, {255: (SHORT, [2])}])
def test_thumbnails_and_masks_are_no_pages(mark: dict[int, Any]) -> None:
    content = handmade(grey(10), grey(20), tags(grey(99), mark), tags(grey(30), {254: 2}))
    opened = document(content)
    shown = [decoded(opened.page(number).content).getpixel((0, 0)) for number in range(1, opened.facts.pages + 1)]
    assert shown == [10, 20, 30]
    assert document(handmade(tags(grey(), mark))).facts.pages == 1, "the only image is a page whatever it says"


@pytest.mark.parametrize("links", [[1, 0], [1, 1], [0]])
def test_a_chain_of_pages_that_loops_ends(links: list[int]) -> None:
    assert document(handmade(grey(1), grey(2), links=[*links, *[0] * (2 - len(links))])).facts.pages <= 2


def test_the_most_pages() -> None:
    content = handmade(*(grey(number) for number in range(4)))
    assert document(content, FileLimits(max_pages=4)).facts.pages == 4
    found = refusal(content, FileLimits(max_pages=3))
    assert (found.reason, found.what) == (Reason.TOO_MANY_PAGES, "The TIFF has more than 3 pages, which is the most.")
    assert found.advice.endswith("or retry it with some of its pages (textdrop retry --pages).")
    thumbnails = handmade(grey(), *(tags(grey(), {254: 1}) for _ in range(9)))
    assert document(thumbnails, FileLimits(max_pages=5)).facts.pages == 1
    assert refusal(thumbnails, FileLimits(max_pages=4)).reason == Reason.TOO_MANY_PAGES


@pytest.mark.parametrize("compression", ["raw", "group4", "tiff_lzw", "jpeg"])
@pytest.mark.parametrize("part", range(1, 40))
def test_a_tiff_cut_anywhere_loses_no_page_or_row_without_a_word(part: int, compression: str) -> None:
    images = [TEXT.copy(), TEXT.transpose(Image.Transpose.ROTATE_180)]
    if compression == "group4":
        images = [image.convert("1") for image in images]
    content = tiff(images[0], save_all=True, append_images=images[1:], compression=compression)
    assert refusal(content[: len(content) * part // 40], page=2).reason == Reason.DAMAGED


def test_a_page_whose_rows_are_missing_does_not_lose_the_others() -> None:
    short = tags(grey(), {273: [bytes(8)]})
    opened = document(handmade(grey(1), short, grey(3)))
    assert decoded(opened.page(3).content).getpixel((0, 0)) == 3
    with pytest.raises(Refusal, match=r"Page 2 of the TIFF: .*rows of the picture are missing"):
        opened.page(2)


FAXES = {
    "group 4": {"compression": "group4"},
    "group 4, bits reversed": {"compression": "group4", "tiffinfo": {266: 2}},
    "group 3": {"compression": "group3"},
    "group 3 in two dimensions": {"compression": "group3", "tiffinfo": {292: 1}},
    "run lengths": {"compression": "tiff_ccitt"},
    "lzw": {"compression": "tiff_lzw"},
    "deflate": {"compression": "tiff_adobe_deflate"},
    "packbits": {"compression": "packbits"},
    "jpeg": {"compression": "jpeg"},
}


@pytest.mark.parametrize("save", FAXES.values(), ids=FAXES)
def test_a_strip_whose_data_ends_before_its_rows_is_damaged(save: dict[str, Any]) -> None:
    image = TEXT.convert("L" if save["compression"] == "jpeg" else "1")
    content = bytearray(tiff(image, **{**save, "tiffinfo": {**save.get("tiffinfo", {}), 278: image.height}}))
    assert difference(picture(bytes(content)), image) < 3
    page = tiff_module.Tiff(io.BytesIO(content), 1).page(1)
    [whole] = page.byte_counts
    entry = content.index(struct.pack("<HHII", 279, LONG, 1, whole))
    for percent in (1, *range(5, 96, 5)):
        struct.pack_into("<I", content, entry + 8, whole * percent // 100)
        assert refusal(bytes(content)).reason == Reason.DAMAGED


ABSURD = {
    "no width": {256: None},
    "no strips": {273: None},
    "no height": {257: 0},
    "no rows": {278: 0},
    "too few strips": {278: 1},
    "strip beyond the end": {279: 10_000},
    "empty strip": {279: 0},
    "no samples": {277: 0},
    "many samples": {277: 65_535},
    "bits of another number": {258: (SHORT, [8, 8, 8])},
    "no tile width": {273: None, 322: 0, 323: 4, 324: [bytes(32)]},
    "rows of another type": {278: (RATIONAL, [1, 1])},
}


@pytest.mark.parametrize("change", ABSURD.values(), ids=ABSURD)
def test_an_absurd_page_is_damaged(change: dict[int, Any]) -> None:
    assert refusal(handmade(tags(grey(), change))).reason == Reason.DAMAGED


@pytest.mark.parametrize(
    "change",
    [{259: 34661}, {259: 12345}, {262: 32803}, {50706: 0x01040000}, {258: (SHORT, [5])}, {262: 77}],
    ids=["jbig", "unknown", "camera", "dng", "five bits", "colour"],
)
def test_what_cannot_be_read_is_said_to_be_so(change: dict[int, Any]) -> None:
    found = refusal(handmade(tags(grey(), change)))
    assert (found.reason, found.what) == (
        Reason.UNSUPPORTED_TYPE,
        "The TIFF stores its picture in a way that cannot be read.",
    )


@pytest.mark.parametrize("count", [4_000_000_000, 2_000_000, 70_000])
@pytest.mark.parametrize("kind", [258, 273, 279, 347])
def test_a_tag_of_absurd_size_is_not_read(kind: int, count: int) -> None:
    content = bytearray(handmade(tags(grey(), {347: (LONG, [1, 2])})) + bytes(100_000))
    entry = content.index(struct.pack("<H", kind) + struct.pack("<H", LONG))
    struct.pack_into("<II", content, entry + 4, count, 8)
    with less_memory_than(10_000_000):
        assert refusal(bytes(content)).reason == Reason.DAMAGED


def test_a_million_tags_are_not_read() -> None:
    content = handmade(grey(), big=True) + bytes(1_000_000)
    place = struct.unpack_from("<Q", content, 8)[0]
    bomb = bytearray(content)
    struct.pack_into("<Q", bomb, place, 2**62)
    assert refusal(bytes(bomb)).reason == Reason.DAMAGED


def test_a_page_that_says_it_is_huge_is_refused_before_it_is_decoded() -> None:
    with less_memory_than(5_000_000):
        for width, height in ((100_000, 3_001), (4_000_000_000, 4_000_000_000)):
            page = tags(grey(), {256: width, 257: height, 259: 5, 278: height})
            assert refusal(handmade(page)).reason == Reason.IMAGE_TOO_LARGE
        one_strip = tags(grey(), {256: 20_000, 257: 20_000, 258: (SHORT, [16]), 259: 5, 278: 20_000})
        assert refusal(handmade(one_strip)).reason == Reason.IMAGE_TOO_LARGE


def test_strips_that_are_the_same_data_over_and_over_are_not_unpacked() -> None:
    """A megabyte that 5,000 strips share would be 5 GB."""
    shared = bytes(1_000_000)
    page = tags(grey(), {256: 5_000, 257: 5_000, 259: 5, 278: 1, 273: [shared]})
    page[273] = [shared]
    content = handmade({**page, 279: (LONG, [len(shared)] * 5_000)})
    content = content.replace(struct.pack("<HHI", 273, LONG, 1), struct.pack("<HHI", 273, LONG, 5_000))
    with less_memory_than(5_000_000):
        assert refusal(content).reason in (Reason.DAMAGED, Reason.IMAGE_TOO_LARGE)


@pytest.mark.parametrize("compression", ["tiff_lzw", "raw", "jpeg"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_page_too_large_for_memory_is_read_in_bands(
    mode: str, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.radial_gradient("L").resize((1000, 800)).convert(mode)
    content = tiff(image, compression=compression, tiffinfo={278: 32}, dpi=(300, 300))
    limits = FileLimits(max_pixels=300_000)
    monkeypatch.setattr(fitting, "_BAND_PIXELS", 100_000)
    whole = prepared(content, limits)
    pixel_bytes = 1 if mode == "L" else 4
    monkeypatch.setattr(tiff_module, "_BAND_BYTES", 100_000)
    monkeypatch.setattr(tiff_decoding, "MAX_DECODED_BYTES", 1000 * 700 * pixel_bytes)
    assert prepared(content, limits) == whole
    monkeypatch.setattr(tiff_decoding, "MAX_DECODED_BYTES", 1000 * 100 * pixel_bytes)
    assert refusal(content, limits).reason == Reason.IMAGE_TOO_LARGE


def test_one_long_strip_that_is_not_compressed_is_read_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.radial_gradient("L").resize((1000, 800))
    page = {256: 1000, 257: 800, 258: 8, 262: BLACK_IS_ZERO, 277: 1, 273: [image.tobytes()]}
    limits = FileLimits(max_pixels=300_000)
    monkeypatch.setattr(fitting, "_BAND_PIXELS", 100_000)
    whole = prepared(handmade(page), limits)
    monkeypatch.setattr(tiff_module, "_BAND_BYTES", 100_000)
    monkeypatch.setattr(tiff_decoding, "MAX_DECODED_BYTES", 1000 * 700 * 2)
    assert prepared(handmade(page), limits) == whole


def test_a_file_that_cannot_be_read_is_no_damage() -> None:
    from pagekit.pictures.document import PictureDocument
    from textdrop.core.errors import StoreUnavailable
    from unit.pagekit.opening.opening import FailingFile

    content = handmade(grey(), grey())
    with pytest.raises(StoreUnavailable):
        PictureDocument(FailingFile(content, reads=3), "image/tiff", FileLimits())
    file = FailingFile(content)
    opened = PictureDocument(file, "image/tiff", FileLimits())
    file.reads = 2
    with pytest.raises(StoreUnavailable):
        opened.page(2)
