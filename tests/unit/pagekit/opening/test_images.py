"""JPEG and PNG files, good, damaged and hostile, before they are sent."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts
from unit.pagekit import making
from unit.pagekit.opening.opening import inspected, less_memory_than, refusal


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("save", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_a_jpeg_of_any_kind(mode: str, save: dict[str, Any]) -> None:
    assert inspected(making.jpeg(61, 40, mode=mode, **save)) == FileFacts("image/jpeg", 1)


def test_what_follows_the_end_of_a_jpeg_does_not_matter() -> None:
    assert inspected(making.jpeg() + making.jpeg(10, 10)[:200]).pages == 1


def test_a_thumbnail_is_not_taken_for_the_image() -> None:
    thumbnail = making.jpeg(8, 8)
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 6 + len(thumbnail)) + b"Thumb\0" + thumbnail
    whole = b"\xff\xd8" + segment + making.jpeg(60, 40)[2:]
    assert inspected(whole).pages == 1
    assert refusal(whole[: len(whole) * 3 // 4]).reason == Reason.DAMAGED


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_jpeg_cut_anywhere_is_damaged(tenth: int, progressive: bool) -> None:
    content = making.jpeg(200, 200, progressive=progressive, orientation=6)
    found = refusal(content[: len(content) * tenth // 10])
    assert (found.reason, found.what) == (Reason.DAMAGED, "The JPEG image is cut off: its end is missing.")


def test_a_jpeg_filled_up_with_zeros_is_damaged() -> None:
    content = making.jpeg(200, 200)
    half = len(content) // 2
    assert refusal(content[:half] + bytes(half)).reason == Reason.DAMAGED


def test_a_jpeg_without_a_picture_is_damaged() -> None:
    content = making.jpeg()
    assert refusal(b"\xff\xd8\xff\xd9").what == "The JPEG image holds no picture."
    assert refusal(content[: content.index(b"\xff\xda")] + b"\xff\xd9").what == "The JPEG image holds no picture."


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (5000, 4000, None),
        (5000, 4001, Reason.IMAGE_TOO_LARGE),
        (65535, 65535, Reason.IMAGE_TOO_LARGE),
        (0, 10, Reason.DAMAGED),
        (10, 0, Reason.DAMAGED),
    ],
)
def test_the_size_a_jpeg_says_it_has_decides(width: int, height: int, reason: Reason | None) -> None:
    content = making.jpeg(60, 40)
    size = content.index(b"\xff\xc0") + 5
    content = content[:size] + struct.pack(">HH", height, width) + content[size + 4 :]
    if reason is None:
        assert inspected(content).pages == 1
    else:
        assert refusal(content).reason == reason


def test_too_many_pixels_are_told_in_numbers() -> None:
    found = refusal(making.png_of(making.png_header(35_000, 2_000)))
    assert found.reason == Reason.IMAGE_TOO_LARGE
    assert found.what == "The image is 35000 × 2000 pixels, 70.0 megapixels; the most is 20."
    assert "300 dpi" in found.advice
    just_over = refusal(making.png_of(making.png_header(20_000_001, 1)))
    assert just_over.what == "The image is 20000001 × 1 pixels, 20.1 megapixels; the most is 20."


@pytest.mark.parametrize("content", [b"\xff" * 3_000_000, b"\xff\xe0\0\2" * 700_000, b"\xff\xd8\xff\xd0" * 700_000])
def test_endless_markers_end(content: bytes) -> None:
    assert refusal(b"\xff\xd8\xff" + content).reason == Reason.DAMAGED


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_a_png_of_any_kind(mode: str) -> None:
    assert inspected(making.png(61, 40, mode=mode)) == FileFacts("image/png", 1)


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_png_cut_anywhere_is_damaged(tenth: int) -> None:
    content = making.png(100, 100)
    assert refusal(content[: len(content) * tenth // 10]).reason == Reason.DAMAGED


def test_a_png_with_a_wrong_byte_is_damaged() -> None:
    content = bytearray(making.png(100, 100))
    content[len(content) // 2] ^= 1
    assert refusal(bytes(content)).what == "The PNG image is broken: a checksum in it is wrong."


# One bit a pixel, 10 × 10, in the seven passes of Adam7: rows times (1 + bytes a row).
INTERLACED_BYTES = 2 * 2 + 2 * 2 + 1 * 2 + 3 * 2 + 2 * 2 + 5 * 2 + 5 * 3


@pytest.mark.parametrize(("interlace", "data_bytes"), [(0, 10 * 3), (1, INTERLACED_BYTES)])
def test_a_png_must_have_all_its_rows(interlace: int, data_bytes: int) -> None:
    def content(count: int) -> bytes:
        data = making.png_chunk(b"IDAT", zlib.compress(bytes(count)))
        return making.png_of(making.png_header(10, 10, bits=1, interlace=interlace), data, making.png_chunk(b"IEND"))

    assert inspected(content(data_bytes)) == FileFacts("image/png", 1)
    assert refusal(content(data_bytes - 1)).what == "The PNG image is broken: rows of the picture are missing."


@pytest.mark.parametrize(
    "content",
    [
        making.png_of(),
        making.png_of(making.png_chunk(b"IEND")),
        making.png_of(making.png_chunk(b"IHDR", b"short"), making.png_chunk(b"IEND")),
        making.png_of(making.png_header(0, 10), making.png_chunk(b"IEND")),
        making.png_of(making.png_header(10, 10), making.png_chunk(b"IEND")),
        making.png_of(making.png_header(10, 10), making.png_header(10, 10), making.png_chunk(b"IEND")),
        making.png_of(making.png_header(10, 10, bits=3), making.png_chunk(b"IEND")),
        making.png_of(making.png_header(10, 10, colour=5), making.png_chunk(b"IEND")),
        making.png_of(making.png_header(10, 10), making.png_chunk(b"IDAT", b"no zlib"), making.png_chunk(b"IEND")),
        making.png_of(making.png_header(10, 10), struct.pack(">I", 2**31), b"IDAT"),
    ],
)
def test_a_malformed_png_is_damaged(content: bytes) -> None:
    assert refusal(content).reason == Reason.DAMAGED


def test_a_decompression_bomb_is_not_unpacked() -> None:
    bomb = making.png_chunk(b"IDAT", zlib.compress(bytes(50_000_000), 9))
    small = making.png_of(making.png_header(10, 10), bomb, making.png_chunk(b"IEND"))
    huge = making.png_of(making.png_header(100_000, 100_000), bomb, making.png_chunk(b"IEND"))
    full = making.png_of(making.png_header(7_000, 2_800, bits=16), bomb, making.png_chunk(b"IEND"))
    with less_memory_than(5_000_000):
        assert inspected(small).pages == 1
        assert refusal(huge).reason == Reason.IMAGE_TOO_LARGE
        assert inspected(full).pages == 1


@given(position=st.integers(0, 2000), flip=st.integers(1, 255), kind=st.sampled_from(["jpeg", "png"]))
@settings(max_examples=150, deadline=None)
def test_one_wrong_byte_raises_nothing_but_a_refusal(position: int, flip: int, kind: str) -> None:
    content = bytearray(SOUND[kind])
    content[position % len(content)] ^= flip
    with suppress(Refusal):
        assert inspected(bytes(content)).pages == 1


SOUND = {"jpeg": making.jpeg(30, 20, orientation=6), "png": making.png(30, 20)}
