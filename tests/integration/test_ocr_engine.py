"""The tesseract engine reads generated pages: English, Russian and mixed, turned, in every format, and blank ones."""

import io
import random
import re
from pathlib import Path

import font_roboto
import pikepdf
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from local.accuracy import character_error_rate
from local.ocr import tessdata
from local.ocr.annotation import Box, Page
from local.ocr.decoding import DecodingError, decode
from local.ocr.reading import Reader
from local.ocr.submission import JPEG, PDF, PNG
from local.ocr.words import ReadingError

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


def page_image(text: str, letters: int = 32) -> Image.Image:
    """A page of about 150 dpi; `letters`: the font's size in pixels, by which the page is smaller too."""
    image = Image.new("L", (1240 * letters // 32, 877 * letters // 32), 255)
    font = ImageFont.truetype(font_roboto.Roboto, letters)
    place = (90 * letters // 32, 90 * letters // 32)
    ImageDraw.Draw(image).multiline_text(place, text, font=font, fill=0, spacing=14 * letters // 32)
    return image


def specks(size: tuple[int, int], count: int, largest: int) -> Image.Image:
    """White with dark specks, up to so many pixels wide; the same each time."""
    chance = random.Random(3)
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for _ in range(count):
        x, y, width = chance.randrange(size[0]), chance.randrange(size[1]), chance.randint(1, largest)
        draw.ellipse((x, y, x + width - 1, y + width - 1), fill=chance.choice((0, 60, 110)))
    return image


def picture() -> Image.Image:
    """Shapes in many shades, one over another, with soft edges."""
    chance = random.Random(5)
    image = Image.new("L", (800, 1100), 200)
    draw = ImageDraw.Draw(image)
    for _ in range(100):
        x, y = chance.randrange(800), chance.randrange(1100)
        draw.ellipse((x, y, x + chance.randint(5, 260), y + chance.randint(5, 360)), fill=chance.randrange(256))
    return image.filter(ImageFilter.GaussianBlur(1))


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


@pytest.mark.parametrize(("name", "turn"), [("english", 0), ("russian", 180), ("mixed", 0)])
def test_reads_small_letters(reader: Reader, name: str, turn: int) -> None:
    upright = page_image(TEXTS[name], letters=12)
    page = reader.read(upright.transpose(TURNED[turn]) if turn else upright)
    assert character_error_rate(TEXTS[name], text_of(page)) < 0.04
    assert page.rotate == turn
    assert_boxes_hold_the_ink(page, upright.transpose(TURNED[turn]) if turn else upright)


@pytest.mark.parametrize("letters", [64, 112, 160])
def test_reads_large_letters_and_takes_none_of_them_for_a_rule(reader: Reader, letters: int) -> None:
    lines = ("First page of a letter", "Invoice number 4821", "In Italy all is well")
    image = Image.new("L", (2480, 1200), 255)
    font = ImageFont.truetype(font_roboto.RobotoLight, letters)
    for row, text in enumerate(lines):
        ImageDraw.Draw(image).text((180, 100 + 2 * row * letters), text, font=font, fill=0)
    assert text_of(reader.read(image)).split("\n") == [*lines]


@pytest.mark.parametrize("asked", [("en",), ("de", "fr")])
def test_no_cyrillic_letter_is_read_where_no_language_asks_for_one(reader: Reader, asked: tuple[str, ...]) -> None:
    ordinals = page_image(f"{ENGLISH}\nThe meeting of June 10th is on July 22nd, 3rd floor.")
    text = text_of(reader.read(ordinals, asked))
    assert "10th" in text
    assert text_of(reader.read(page_image(RUSSIAN), asked)) == ""
    assert not re.search("[\u0400-\u04ff]", text + text_of(reader.read(page_image(TEXTS["mixed"]), asked)))


@pytest.mark.parametrize("asked", [("ru",), ("ru", "en"), ("*",), ()])
def test_both_scripts_are_read_where_russian_or_any_language_is_asked_for(
    reader: Reader, asked: tuple[str, ...]
) -> None:
    text = text_of(reader.read(page_image(TEXTS["mixed"]), asked))
    assert character_error_rate(TEXTS["mixed"], text) < WORST_CHARACTER_ERROR


@pytest.mark.parametrize("turn", [0, 270])
def test_headings_are_marked_by_their_size(reader: Reader, turn: int) -> None:
    image = page_image("\n\n" + ENGLISH)
    draw = ImageDraw.Draw(image)
    draw.text((90, 40), "Report to the board", font=ImageFont.truetype(font_roboto.Roboto, 56), fill=0)
    draw.text((90, 520), "Outlook", font=ImageFont.truetype(font_roboto.Roboto, 42), fill=0)
    draw.multiline_text((90, 600), RUSSIAN, font=ImageFont.truetype(font_roboto.Roboto, 32), fill=0, spacing=14)
    page = reader.read(image.transpose(TURNED[turn]) if turn else image)
    headings = {block.layout: text_of(Page(0, 0, (block,))) for block in page.blocks if block.layout != "TEXT"}
    assert headings == {"TITLE": "Report to the board", "SECTION_HEADER": "Outlook"}


@pytest.mark.parametrize("model", ["page", "table"])
@pytest.mark.parametrize(
    "image",
    [
        picture(),
        specks((1240, 1754), 200, 6),  # dust
        specks((1240, 877), 550, 9),
        specks((700, 900), 8000, 4),
        page_image(ENGLISH).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        Image.effect_noise((400, 600), 160).resize((800, 1200)),
    ],
    ids=["picture", "dust", "specks", "small specks", "mirror writing", "noise"],
)
def test_a_page_that_cannot_be_read_is_empty(reader: Reader, image: Image.Image, model: str) -> None:
    page = reader.read(image, tables=model == "table")
    assert (page.blocks, page.rotate) == ((), 0)


def test_specks_in_the_cells_of_a_table_are_no_text(reader: Reader) -> None:
    image = specks((1240, 877), 600, 7)
    draw = ImageDraw.Draw(image)
    for x in (100, 600, 1100):
        draw.line((x, 100, x, 780), fill=0, width=3)
    for y in range(100, 800, 85):
        draw.line((100, y, 1100, y), fill=0, width=3)
    page = reader.read(image, tables=True)
    assert [(table.rows, table.columns) for table in page.tables] == [(8, 2)]
    assert page.blocks == ()


def test_a_picture_on_a_page_adds_no_words(reader: Reader) -> None:
    image = page_image(ENGLISH)
    image.paste(picture().resize((1000, 300)), (90, 500))
    assert character_error_rate(ENGLISH, text_of(reader.read(image))) < WORST_CHARACTER_ERROR


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
