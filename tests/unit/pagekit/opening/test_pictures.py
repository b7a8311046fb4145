"""Images that are converted or fitted: the same picture, upright, on white, within the limits of a page."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import pi_heif
import pillow_heif
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from pagekit.errors import Reason, Refusal
from pagekit.kinds import media_type
from pagekit.limits import FileFacts, FileLimits
from pagekit.pictures import decoding, fitting
from pagekit.prepared import How, PageWarning, Preparation
from unit.pagekit import making
from unit.pagekit.opening.opening import less_memory_than
from unit.pagekit.opening.picturing import decoded, difference, document, picture, prepared, refusal
from unit.pagekit.outputs import drawing

COLOURED = Image.merge("RGB", [Image.radial_gradient("L"), Image.linear_gradient("L"), Image.new("L", (256, 256), 90)])
COLOURED = COLOURED.resize((90, 64))
TEXT = drawing.page_of(drawing.ENGLISH)[0]


def heic(image: Image.Image, **save: Any) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, format="HEIF", quality=-1, chroma="444", **save)
    return file.getvalue()


def jp2(image: Image.Image, **save: Any) -> bytes:
    return making.encoded(image, "JPEG2000", **save)


LOSSY = {
    "webp": making.encoded(COLOURED, "WEBP", quality=100),
    "jp2": jp2(COLOURED),
    "jpc": making.encoded(COLOURED, "JPEG2000", no_jp2=True),
    "avif": making.encoded(COLOURED, "AVIF", quality=100, subsampling="4:4:4"),
    "heic": heic(COLOURED),
}
LOSSLESS = {
    "gif": making.encoded(COLOURED.quantize(64), "GIF"),
    "bmp": making.encoded(COLOURED, "BMP"),
    "webp": making.encoded(COLOURED, "WEBP", lossless=True),
}


@pytest.mark.parametrize("content", LOSSY.values(), ids=LOSSY)
def test_what_was_stored_with_loss_is_sent_as_jpeg_that_looks_the_same(content: bytes) -> None:
    opened = document(content)
    assert opened.facts == FileFacts(media_type(content) or "image/png", 1)
    page = opened.page(1)
    assert (page.media_type, page.preparation) == ("image/jpeg", Preparation(How.CONVERTED))
    assert page == document(content).page(1)
    assert difference(decoded(page.content), COLOURED) < 3


@pytest.mark.parametrize("content", [LOSSLESS["gif"], LOSSLESS["bmp"]], ids=["gif", "bmp"])
def test_what_was_stored_without_loss_is_sent_as_png_with_the_same_pixels(content: bytes) -> None:
    page = prepared(content)
    assert (page.media_type, page.preparation) == ("image/png", Preparation(How.CONVERTED))
    assert decoded(page.content).tobytes() == decoded(content).convert("RGB").tobytes()


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_of_an_animation_the_first_picture_is_sent(form: str) -> None:
    second = ImageOps.invert(COLOURED)
    content = making.encoded(COLOURED, form, save_all=True, append_images=[second] * 5, duration=10)
    assert document(content).facts.pages == 1
    assert difference(picture(content), COLOURED) < 12


@pytest.mark.parametrize("form", ["PNG", "PNG of grey", "GIF", "WEBP", "AVIF", "HEIF"])
def test_what_can_be_seen_through_is_white(form: str) -> None:
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (10, 10, 30, 30))
    if form == "PNG of grey":
        form, image = "PNG", image.convert("LA")
    content = heic(image) if form == "HEIF" else making.encoded(image, form)
    shown = picture(content, FileLimits(max_pixels=64 * 48 - 1)).convert("L").resize((64, 48)).tobytes()
    assert shown[40 * 64 + 50] > 250
    assert shown[20 * 64 + 20] < 5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_page_that_was_made_anew_is_upright(form: str, orientation: int) -> None:
    content = making.encoded(TEXT.resize((200, 120)), form, orientation=orientation)
    upright = ImageOps.exif_transpose(decoded(content))
    page = prepared(content, FileLimits(max_pixels=200 * 120 - 1))
    found = decoded(page.content)
    assert found.getexif().get(0x0112, 1) == 1
    assert (found.width > found.height) is (upright.width > upright.height)
    assert found.width == round(upright.width * page.preparation.scale)
    assert difference(found, upright.resize(found.size, Image.Resampling.LANCZOS)) < 8


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_is_turned_as_its_container_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = heic(TEXT.resize((200, 120)).convert("RGB"), exif=exif.tobytes())
    reference = pi_heif.open_heif(content).to_pillow()
    assert difference(picture(content), reference) < 2


def test_of_several_pictures_in_a_heic_file_the_primary_one_is_sent() -> None:
    file = io.BytesIO()
    pictures = pillow_heif.from_pillow(Image.new("RGB", (64, 64), "black"))
    pictures.add_from_pillow(Image.new("RGB", (96, 64), "white"))
    pictures.save(file, format="HEIF", primary_index=1)
    assert picture(file.getvalue()).size == (96, 64)


@pytest.mark.parametrize(
    "content",
    [
        making.encoded(COLOURED.convert("CMYK"), "JPEG", quality=95),
        making.encoded(COLOURED.convert("CMYK"), "TIFF"),
        making.encoded(COLOURED, "JPEG", quality=95, icc_profile=b"no profile"),
        making.encoded(
            COLOURED, "TIFF", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        ),
    ],
    ids=["cmyk jpeg", "cmyk tiff", "broken profile", "profile"],
)
def test_colours_become_rgb(content: bytes) -> None:
    limits = FileLimits(max_pixels=COLOURED.width * COLOURED.height - 1)
    found = picture(content, limits)
    assert found.mode == "RGB"
    assert difference(found, COLOURED.resize(found.size, Image.Resampling.LANCZOS)) < 4


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_more_than_eight_bits_become_eight_by_their_range(bits: int) -> None:
    values = [round(place * ((1 << bits) - 1) / 255) for place in range(256)]
    content = making.encoded(Image.frombytes("I;16", (256, 1), struct.pack("<256H", *values)), "PNG")
    found = picture(content, FileLimits(max_bytes=len(content) - 1))
    assert found.mode == "L"
    assert max(abs(value - place) for place, value in enumerate(found.tobytes())) <= 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP"])
def test_too_many_pixels_are_scaled_to_what_fits(form: str) -> None:
    content = making.encoded(TEXT, form, dpi=(300, 300))
    limits = FileLimits(max_pixels=TEXT.width * TEXT.height * 2 // 3)
    page = prepared(content, limits)
    found = decoded(page.content)
    assert limits.max_pixels * 0.99 < found.width * found.height <= limits.max_pixels
    assert page.preparation.how == How.SCALED
    assert page.preparation.scale == found.width / TEXT.width
    assert abs(found.height / TEXT.height - page.preparation.scale) < 1 / TEXT.height
    assert found.info["dpi"] == pytest.approx((300 * page.preparation.scale,) * 2, abs=1)
    assert difference(found, TEXT.resize(found.size, Image.Resampling.LANCZOS)) < 2
    assert document(content, limits).page(1) == page


def test_bands_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.effect_noise((200, 900), 15)
    limits = FileLimits(max_pixels=200 * 900 * 3 // 5)
    monkeypatch.setattr(fitting, "_BAND_PIXELS", 20_000)
    found = picture(making.encoded(image, "BMP"), limits)
    whole = image.resize(found.size, Image.Resampling.LANCZOS)
    assert max(abs(a - b) for a, b in zip(found.tobytes(), whole.tobytes(), strict=True)) <= 2


def test_bilevel_becomes_grey_when_it_is_scaled_so_that_thin_lines_stay() -> None:
    image = Image.new("1", (400, 400), 1)
    for x in range(0, 400, 20):
        image.paste(0, (x, 0, x + 1, 400))
    found = picture(making.encoded(image, "TIFF", compression="group4"), FileLimits(max_pixels=100 * 100))
    assert (found.mode, found.size) == ("L", (100, 100))
    assert sum(value < 230 for value in found.tobytes()[:100]) >= 20


@pytest.mark.parametrize(
    ("dpi", "share", "warns"),
    [(300, 0.5, False), (300, 0.2, True), (72, 0.2, False), (None, 0.2, False), (100, 1, False)],
)
def test_a_resolution_that_became_too_low_is_warned_of(dpi: int | None, share: float, warns: bool) -> None:
    image = making.noise(200, 100)
    save: dict[str, Any] = {} if dpi is None else {"dpi": (dpi, dpi)}
    content = making.encoded(image, "BMP", **save)
    found = prepared(content, FileLimits(max_pixels=round(200 * 100 * share))).preparation
    assert found.warnings == ((PageWarning.LOW_RESOLUTION,) if warns else ())


def test_too_many_bytes_are_encoded_to_what_fits_and_scaled_only_then() -> None:
    image = making.noise(600, 400).convert("L")
    content = making.encoded(image, "JPEG", quality=100)
    page = prepared(content, FileLimits(max_bytes=len(content) // 2))
    assert (page.media_type, page.preparation) == ("image/jpeg", Preparation(How.CONVERTED))
    assert len(page.content) <= len(content) // 2
    assert difference(decoded(page.content), image) < 30
    small = prepared(content, FileLimits(max_bytes=10_000))
    assert len(small.content) <= 10_000
    assert small.preparation.how == How.SCALED
    assert decoded(small.content).width == round(600 * small.preparation.scale)


def test_a_png_of_too_many_bytes_becomes_jpeg_of_high_quality() -> None:
    image = making.noise(600, 400).convert("L")
    content = making.encoded(image, "PNG")
    page = prepared(content, FileLimits(max_bytes=len(content) * 3 // 4))
    assert (page.media_type, page.preparation) == ("image/jpeg", Preparation(How.CONVERTED))
    assert difference(decoded(page.content), image) < 6


def test_a_jpeg_too_large_for_memory_is_shrunk_while_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    image = COLOURED.resize((640, 480), Image.Resampling.BICUBIC)
    for progressive, budget in ((False, 640 * 480), (True, 640 * 480 * 4)):
        content = making.encoded(image, "JPEG", progressive=progressive)
        monkeypatch.setattr(decoding, "MAX_WORKING_BYTES", len(content) + budget)
        page = prepared(content, FileLimits(max_pixels=200_000))
        found = decoded(page.content)
        assert found.size == (320, 240)
        assert page.preparation == Preparation(How.SCALED, 0.5)
        assert difference(found, image.resize(found.size)) < 3


@pytest.mark.parametrize(("progressive", "megapixels"), [(True, 145), (False, 301)])
def test_a_jpeg_that_cannot_be_shrunk_enough_is_refused_by_its_header(progressive: bool, megapixels: int) -> None:
    content = making.jpeg(60, 40, progressive=progressive)
    size = content.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    huge = content[:size] + struct.pack(">HH", megapixels * 20, 50_000) + content[size + 4 :]
    with less_memory_than(5_000_000):
        found = refusal(huge)
    assert found.reason == Reason.IMAGE_TOO_LARGE
    assert found.what.startswith(f"The image is 50000 × {megapixels * 20} pixels, {megapixels}.0 megapixels;")


def test_a_progressive_jpeg_of_endless_scans_is_refused() -> None:
    content = making.jpeg(60, 40, progressive=True)
    last_scan = content.rindex(b"\xff\xda")
    size = content.index(b"\xff\xc2") + 5
    bomb = content[:size] + struct.pack(">HH", 8_000, 8_000) + content[size + 4 : -2] + content[last_scan:-2] * 5_000
    assert refusal(bomb + b"\xff\xd9").what == (
        "The JPEG image is damaged: it has more parts than any picture of its size."
    )


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_png_too_large_for_memory_is_read_in_bands(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_BAND_PIXELS", 50_000)
    image = COLOURED.resize((900, 700), Image.Resampling.BICUBIC).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    content = making.encoded(image.convert(mode), "PNG", dpi=(300, 300), orientation=6)
    limits = FileLimits(max_pixels=200_000)
    whole = prepared(content, limits)
    monkeypatch.setattr(decoding, "MAX_DECODED_BYTES", 2 * len(content))
    assert prepared(content, limits) == whole
    interlaced = making.encoded(image.convert("P"), "PNG")
    monkeypatch.setattr(decoding, "MAX_DECODED_BYTES", 2 * len(interlaced))
    assert refusal(interlaced, limits).reason == Reason.IMAGE_TOO_LARGE


HUGE = {
    "gif": b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\0\0\0\0\xff\xff\xff\xff\0\x08\x00",
    "bmp": b"BM\0\0\0\0\0\0\0\0\x36\0\0\0" + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "webp extended": b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0",
    "webp lossless": b"RIFF\x30\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f\0\0\0",
    "webp": b"RIFF\x30\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f",
    "png": making.png_of(making.png_header(60_000, 60_000, colour=2)),
}


@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_a_picture_that_says_it_is_huge_is_refused_before_it_is_decoded(content: bytes) -> None:
    with less_memory_than(5_000_000):
        found = refusal(content)
    assert found.reason == Reason.IMAGE_TOO_LARGE
    assert "megapixels; the most of its kind is" in found.what


@pytest.mark.parametrize("kind", ["jp2", "avif", "heic"])
def test_the_most_pixels_of_a_kind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = COLOURED.width * COLOURED.height
    name = {"jp2": "MAX_JPEG2000_PIXELS", "avif": "MAX_AVIF_PIXELS", "heic": "MAX_HEIC_PIXELS"}[kind]
    monkeypatch.setattr(decoding, name, pixels // 17 if kind == "jp2" else pixels - 1)
    assert refusal(LOSSY[kind]).reason == Reason.IMAGE_TOO_LARGE


def test_a_large_jpeg_2000_is_decoded_in_a_lower_resolution_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_JPEG2000_PIXELS", COLOURED.width * COLOURED.height // 4)
    page = prepared(LOSSY["jp2"])
    assert page.preparation == Preparation(How.SCALED, 0.5)
    assert difference(decoded(page.content), COLOURED.resize((45, 32))) < 6


def test_a_file_of_too_many_bytes_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pagekit.pictures.document.MAX_FILE_BYTES", 1_000)
    found = refusal(LOSSLESS["bmp"])
    assert found.reason == Reason.FILE_TOO_LARGE
    assert "the most is 1,000." in found.what


def test_text_that_unpacks_to_gigabytes_is_not_unpacked() -> None:
    packed = zlib.compress(bytes(30_000_000), 9)
    bomb = making.png_chunk(b"zTXt", b"Comment\0\0" + packed) * 50 + making.png_chunk(b"iCCP", b"x\0\0" + packed)
    whole = making.png(60, 40)
    content = whole[:33] + bomb + whole[33:]
    with less_memory_than(20_000_000):
        assert picture(content, FileLimits(max_pixels=60 * 40 - 1)).size == (59, 39)


EVERY_KIND = {
    **{f"lossy {name}": content for name, content in LOSSY.items()},
    **LOSSLESS,
    "jpeg": making.jpeg(40, 30),
    "png": making.png(40, 30),
    "tiff": making.encoded(COLOURED, "TIFF", compression="tiff_lzw"),
    "fax": making.encoded(COLOURED.convert("1"), "TIFF", compression="group4"),
}


@example(kind="jpeg", places=[(153, 118)], cut=0)  # a picture so wide that it would be scaled to no height
@given(
    kind=st.sampled_from(sorted(EVERY_KIND)),
    places=st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=0, max_size=4),
    cut=st.integers(0, 100),
)
@settings(max_examples=300, deadline=None)
def test_damage_raises_nothing_but_a_refusal(kind: str, places: list[tuple[int, int]], cut: int) -> None:
    content = bytearray(EVERY_KIND[kind])
    for place, value in places:
        content[12 + place % (len(content) - 12)] = value
    del content[max(len(content) * (100 - cut) // 100, 12) :]
    if media_type(bytes(content)) is not None:
        with suppress(Refusal):
            assert prepared(bytes(content), FileLimits(max_pixels=1_000)).content


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_file_cut_anywhere_is_damaged(kind: str) -> None:
    content = EVERY_KIND[kind]
    for length in range(20, len(content) * 99 // 100, len(content) // 15):
        assert refusal(content[:length]).reason == Reason.DAMAGED


def test_there_is_no_page_but_the_first() -> None:
    for number in (0, 2):
        with pytest.raises(ValueError, match="there is no page"):
            prepared(LOSSLESS["bmp"], page=number)
