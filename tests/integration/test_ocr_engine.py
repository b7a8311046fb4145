"""The tesseract engine reads generated pages: English, Russian and mixed, turned, in every format, and blank ones."""

import io
from pathlib import Path

import font_roboto
import pikepdf
import pytest
from PIL import Image, ImageDraw, ImageFont

from local.accuracy import character_error_rate
from local.ocr import tessdata
from local.ocr.annotation import Box, Page
from local.ocr.decoding import DecodingError, decode
from local.ocr.reading import Reader, ReadingError
from local.ocr.submission import JPEG, PDF, PNG

ENGLISH = """The quarterly report covers the period from April to June.
Revenue grew by 14 percent to 3,482,000 dollars, mainly from
new subscriptions. Costs stayed flat at 1,205,300 dollars.

A detailed breakdown is given in Annex B, page 27."""
RUSSIAN = """Квартальный отчёт охватывает период с апреля по июнь.
Выручка выросла на 14 процентов и составила 3 482 000 рублей,
главным образом за счёт новых подписок. Договор № 58-А.

А также ОТЧЁТ о расходах приведён в приложении Б, стр. 27."""
TEXTS = {"english": ENGLISH, "russian": RUSSIAN, "mixed": f"{ENGLISH}\n\n{RUSSIAN}"}
WORST_CHARACTER_ERROR = 0.02
# Pillow turns counter-clockwise: how a page comes to lie turned clockwise by so many degrees.
TURNED = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(tessdata.prepare())


def page_image(text: str) -> Image.Image:
    """A page of about 150 dpi."""
    image = Image.new("L", (1240, 877), 255)
    font = ImageFont.truetype(font_roboto.Roboto, 32)
    ImageDraw.Draw(image).multiline_text((90, 90), text, font=font, fill=0, spacing=14)
    return image


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def text_of(page: Page) -> str:
    return "\n".join(" ".join(word.text for word in line.words) for block in page.blocks for line in block.lines)


def ink_box(image: Image.Image) -> Box:
    box = image.point(lambda value: 255 - value).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_reads_pages_however_they_lie(reader: Reader, name: str, turn: int) -> None:
    upright = page_image(TEXTS[name])
    image = upright.transpose(TURNED[turn]) if turn else upright
    page = reader.read(image)
    assert character_error_rate(TEXTS[name], text_of(page)) < WORST_CHARACTER_ERROR
    assert page.rotate == turn
    assert (page.width, page.height) == image.size
    assert_boxes_hold_the_ink(page, image)


def assert_boxes_hold_the_ink(page: Page, image: Image.Image) -> None:
    """Boxes are of the page as it lies: each word's holds ink, all together hold the ink of the page."""
    for block in page.blocks:
        for line in block.lines:
            for word in line.words:
                assert ink_box(image.crop(word.box))
    lines = [line.box for block in page.blocks for line in block.lines]
    around = (min(b[0] for b in lines), min(b[1] for b in lines), max(b[2] for b in lines), max(b[3] for b in lines))
    assert all(abs(found - real) <= 8 for found, real in zip(around, ink_box(image), strict=True))


@pytest.mark.parametrize(("text", "turn"), [("Total: 42", 180), ("Привет", 270), ("Hello", 0)])
def test_reads_a_few_words_however_they_lie(reader: Reader, text: str, turn: int) -> None:
    image = page_image(text)
    page = reader.read(image.transpose(TURNED[turn]) if turn else image)
    assert (text_of(page), page.rotate) == (text, turn)


def test_names_the_languages_of_each_block(reader: Reader) -> None:
    assert {code for block in reader.read(page_image(ENGLISH)).blocks for code in block.languages} == {"en"}
    assert {code for block in reader.read(page_image(RUSSIAN)).blocks for code in block.languages} == {"ru"}


@pytest.mark.parametrize("shade", [255, 128, 0])
def test_a_blank_page_has_no_blocks(reader: Reader, shade: int) -> None:
    assert reader.read(Image.new("L", (800, 600), shade)) == Page(800, 600, ())


def test_paper_alone_is_blank(reader: Reader) -> None:
    noise = Image.effect_noise((800, 600), 60)
    paper = noise.point(lambda value: 238 + value // 20)
    assert reader.read(paper).blocks == ()


@pytest.mark.parametrize(
    ("mode", "form", "mime_type"),
    [
        ("RGB", "JPEG", JPEG),
        ("CMYK", "JPEG", JPEG),
        ("P", "PNG", PNG),
        ("1", "PNG", PNG),
        ("I;16", "PNG", PNG),
        ("L", "PDF", PDF),
    ],
)
def test_reads_every_format(reader: Reader, mode: str, form: str, mime_type: str) -> None:
    image = page_image(ENGLISH)
    if mode == "I;16":
        image = image.convert("I").point(lambda value: value * 256)
    content = encoded(image.convert(mode), form, **({"resolution": 150} if form == "PDF" else {}))
    page = reader.read(decode(content, mime_type))
    assert character_error_rate(ENGLISH, text_of(page)) < WORST_CHARACTER_ERROR
    width = 2 * image.width if form == "PDF" else image.width
    assert abs(page.width - width) <= 2


def test_what_is_transparent_stands_on_white(reader: Reader) -> None:
    ink = page_image("Hello").point(lambda value: 255 - value)
    image = Image.new("RGBA", ink.size, (0, 0, 0, 0))
    image.putalpha(ink)
    assert text_of(reader.read(decode(encoded(image, "PNG"), PNG))) == "Hello"


def test_pixels_are_those_after_exif_orientation(reader: Reader) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise by 90 degrees
    content = encoded(page_image(ENGLISH).transpose(TURNED[270]), "JPEG", exif=exif)
    page = reader.read(decode(content, JPEG))
    assert (page.width, page.height, page.rotate) == (1240, 877, 0)
    assert character_error_rate(ENGLISH, text_of(page)) < WORST_CHARACTER_ERROR


def test_a_huge_pdf_page_is_rasterised_within_the_limit() -> None:
    file = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(14_000, 14_000))
        document.save(file)
    raster = decode(file.getvalue(), PDF)
    assert 19_000_000 < raster.width * raster.height <= 20_000_000


def test_what_cannot_be_decoded_is_one_error() -> None:
    hostile = [
        (b"\xff\xd8\xff", JPEG),
        (encoded(page_image(ENGLISH), "PNG")[:2000], PNG),
        (encoded(page_image(ENGLISH), "TIFF"), PNG),
        (encoded(Image.new("1", (5001, 4000)), "PNG"), PNG),
        (b"%PDF-1.4 nothing", PDF),
    ]
    for content, mime_type in hostile:
        with pytest.raises(DecodingError):
            decode(content, mime_type)


def test_a_language_that_was_not_loaded_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "eng.traineddata").symlink_to(tessdata.prepare() / "eng.traineddata")
    with pytest.raises(ReadingError, match="rus"):
        Reader(tmp_path)
