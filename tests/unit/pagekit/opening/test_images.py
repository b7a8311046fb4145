"""JPEG and PNG files, good, damaged and hostile, before they are sent."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagekit.errors import Reason, Refusal
from pagekit.kinds import media_type
from pagekit.limits import FileLimits
from pagekit.prepared import How, Preparation
from unit.pagekit import making
from unit.pagekit.opening.opening import less_memory_than
from unit.pagekit.opening.picturing import is_sent_as_it_is, prepared, refusal


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("save", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_a_jpeg_of_any_kind(mode: str, save: dict[str, Any]) -> None:
    assert is_sent_as_it_is(making.jpeg(61, 40, mode=mode, **save))


def test_what_follows_the_end_of_a_jpeg_does_not_matter() -> None:
    assert is_sent_as_it_is(making.jpeg() + making.jpeg(10, 10)[:200])


def test_a_thumbnail_is_not_taken_for_the_image() -> None:
    thumbnail = making.jpeg(8, 8)
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 6 + len(thumbnail)) + b"Thumb\0" + thumbnail
    whole = b"\xff\xd8" + segment + making.jpeg(60, 40)[2:]
    assert is_sent_as_it_is(whole)
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
    ("width", "height", "is_sent"), [(5000, 4000, True), (5000, 4001, False), (65535, 65535, False)]
)
def test_the_size_a_jpeg_says_it_has_decides(width: int, height: int, is_sent: bool) -> None:
    assert is_sent_as_it_is(jpeg_of_size(width, height)) is is_sent


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0)])
def test_a_jpeg_of_no_size_is_damaged(width: int, height: int) -> None:
    assert refusal(jpeg_of_size(width, height)).what == f"The image is {width} × {height} pixels."


def jpeg_of_size(width: int, height: int) -> bytes:
    content = making.jpeg(60, 40)
    size = content.index(b"\xff\xc0") + 5
    return content[:size] + struct.pack(">HH", height, width) + content[size + 4 :]


def test_a_file_of_more_bytes_than_a_page_may_have_is_not_sent_as_it_is() -> None:
    for content in (making.jpeg(), making.png()):
        assert is_sent_as_it_is(content, FileLimits(max_bytes=len(content)))
        assert not is_sent_as_it_is(content, FileLimits(max_bytes=len(content) - 1))


@pytest.mark.parametrize("missing", [b"\xff\xd9", b"\xd9"])
@pytest.mark.parametrize("save", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_a_jpeg_that_lacks_nothing_but_its_end_marker_gets_one(save: dict[str, Any], missing: bytes) -> None:
    whole = making.jpeg(90, 70, **save)
    for cut in (whole.removesuffix(missing), whole.removesuffix(missing) + bytes(512)):
        assert not is_sent_as_it_is(cut)
        page = prepared(cut)
        assert (page.content, page.media_type, page.preparation) == (whole, "image/jpeg", Preparation(How.CONVERTED))


@pytest.mark.parametrize(
    "save", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 1}], ids=str
)
def test_a_jpeg_of_which_a_byte_of_the_picture_is_missing_is_damaged(save: dict[str, Any]) -> None:
    """Wherever it is cut: between two scans or before a restart marker, too."""
    content = making.jpeg(40, 24, quality=60, **save)
    for length in range(content.index(b"\xff\xda"), len(content) - 2):
        assert refusal(content[:length]).what == "The JPEG image is cut off: its end is missing."


@pytest.mark.parametrize("name", [b"pHYs", b"tEXt", b"iCCP", b"tRNS"])
def test_a_png_chunk_beside_the_picture_with_a_wrong_checksum_is_left_out(name: bytes) -> None:
    whole = making.png(mode="RGB")
    header_end = 8 + 25
    chunk = bytearray(making.png_chunk(name, b"anything"))
    chunk[-1] ^= 1
    sound_chunk = making.png_chunk(b"tIME", bytes(7))
    content = whole[:header_end] + sound_chunk + bytes(chunk) + whole[header_end:] + b"after the end"
    assert not is_sent_as_it_is(content)
    page = prepared(content)
    assert page.content == whole[:header_end] + sound_chunk + whole[header_end:]
    assert (page.media_type, page.preparation) == ("image/png", Preparation(How.CONVERTED))
    assert is_sent_as_it_is(page.content)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"IDAT"])
def test_a_png_chunk_of_the_picture_with_a_wrong_checksum_is_damage(name: bytes) -> None:
    content = bytearray(making.png(mode="P"))
    content[content.index(name) + 5] ^= 1
    assert refusal(bytes(content)).what == "The PNG image is broken: a checksum in it is wrong."


def test_a_png_without_its_palette_is_damaged() -> None:
    content = making.png(mode="P")
    place = content.index(b"PLTE") - 4
    length = struct.unpack_from(">I", content, place)[0]
    assert refusal(content[:place] + content[place + 12 + length :]).reason == Reason.DAMAGED


def test_to_judge_a_sound_image_loads_no_image_library() -> None:
    code = (
        "import sys; from pagekit.images import can_be_sent; from pagekit.limits import FileLimits;"
        "content = sys.stdin.buffer.read(); assert can_be_sent(content, sys.argv[1], FileLimits());"
        "assert 'PIL' not in sys.modules"
    )
    for kind, content in SOUND.items():
        subprocess.run(
            [sys.executable, "-c", code, f"image/{kind}"],
            input=content,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        )


@pytest.mark.parametrize("content", [b"\xff" * 3_000_000, b"\xff\xe0\0\2" * 700_000, b"\xff\xd8\xff\xd0" * 700_000])
def test_endless_markers_end(content: bytes) -> None:
    assert refusal(b"\xff\xd8\xff" + content).reason == Reason.DAMAGED


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_a_png_of_any_kind(mode: str) -> None:
    assert is_sent_as_it_is(making.png(61, 40, mode=mode))


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

    assert is_sent_as_it_is(content(data_bytes))
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
        assert is_sent_as_it_is(small)
        assert refusal(huge).reason == Reason.IMAGE_TOO_LARGE
        assert is_sent_as_it_is(full)


@given(position=st.integers(0, 2000), flip=st.integers(1, 255), kind=st.sampled_from(["jpeg", "png"]))
@settings(max_examples=150, deadline=None)
def test_one_wrong_byte_raises_nothing_but_a_refusal(position: int, flip: int, kind: str) -> None:
    content = bytearray(SOUND[kind])
    content[position % len(content)] ^= flip
    if media_type(bytes(content)) is not None:
        with suppress(Refusal):
            assert prepared(bytes(content)).content


SOUND = {"jpeg": making.jpeg(30, 20, orientation=6), "png": making.png(30, 20)}
