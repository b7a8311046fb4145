"""Pages that the tesseract engine really read, through the reading of the service's answers, as Markdown and tables."""

from __future__ import annotations

import io

import font_roboto
import pytest
from PIL import Image, ImageDraw, ImageFont

from local import samples
from local.accuracy import character_error_rate
from local.ocr import tessdata
from local.ocr.annotation import Page, text_annotation
from local.ocr.decoding import decode
from local.ocr.protocol import result_line
from local.ocr.reading import Reader
from local.ocr.submission import JPEG, PDF, PNG
from pagekit.outputs.csv_files import csv_files
from pagekit.outputs.markdown import markdown
from pagekit.page import RecognisedPage
from textdrop.adapters.yandex.recognition import read_page
from unit.pagekit.outputs.shown import shown

WORST_CHARACTER_ERROR = 0.02
PRICES_MARKDOWN = """\
| Работа | Материал | Срок, дней | Цена |
| --- | --- | --- | --- |
| Переплёт книги | Коленкор | 5 | 1450 |
| Переплёт книги | Кожа | 12 | 6800 |
"""
PRICES_CSV = """\
Работа,Материал,"Срок, дней",Цена\r
Переплёт книги,Коленкор,5,1450\r
Переплёт книги,Кожа,12,6800\r
"""
MEDIA_TYPES = {".png": PNG, ".jpg": JPEG, ".pdf": PDF}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(tessdata.prepare())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, samples.Sample]:
    return {sample.path.name: sample for sample in samples.write_samples(tmp_path_factory.mktemp("samples"))}


def recognised(page: Page) -> RecognisedPage:
    return read_page(result_line(text_annotation(page), 0))


def paragraphs_of(page: RecognisedPage) -> list[str]:
    return shown("".join(markdown([(1, page)]))).lines


@pytest.mark.parametrize(
    ("name", "joined_by_the_rules"),
    [
        ("letter.png", []),
        # A line that begins with a small letter goes on with the one above it.
        ("договор №5 + приложение.png", [("Договор оказания услуг № 5", "город Ярославль")]),
        ("photo of a notice.jpg", []),
        ("record 4410.pdf", []),
    ],
)
def test_the_paragraphs_of_a_sample_are_found(
    reader: Reader, written: dict[str, samples.Sample], name: str, joined_by_the_rules: list[tuple[str, str]]
) -> None:
    sample = written[name]
    text = sample.text
    for upper, lower in joined_by_the_rules:
        text = text.replace(f"{upper}\n{lower}", f"{upper} {lower}")
    expected = [paragraph for paragraph in text.split("\n") if paragraph]
    page = recognised(reader.read(decode(sample.path.read_bytes(), MEDIA_TYPES[sample.path.suffix])))
    found = paragraphs_of(page)
    assert len(found) == len(expected)
    for paragraph, true in zip(found, expected, strict=True):
        assert character_error_rate(true, paragraph) < max(WORST_CHARACTER_ERROR, 1.5 / len(true))


HEADING = "Передача товаров на склад"
BEFORE = ["Комиссия осмотрела товары, полученные на склад пятого мая, и нашла, что они", "соответствуют накладной."]
ROWS = [["Наименование", "Количество", "Цена"], ["Бумага", "40", "350"], ["Конверты", "12", "280"]]
AFTER = "Замечаний нет."
LEFT, TOP, COLUMN, ROW = 120, 420, 320, 70


def form() -> Image.Image:
    """A heading, a paragraph, a ruled table and a line below it."""
    image = Image.new("L", (1240, 900), 255)
    draw = ImageDraw.Draw(image)
    font, heading = ImageFont.truetype(font_roboto.Roboto, 28), ImageFont.truetype(font_roboto.Roboto, 40)
    draw.text((LEFT, 100), HEADING, font=heading, fill=0)
    for number, line in enumerate(BEFORE):
        draw.text((LEFT, 240 + 44 * number), line, font=font, fill=0)
    for row, texts in enumerate(ROWS):
        for column, text in enumerate(texts):
            left, top = LEFT + COLUMN * column, TOP + ROW * row
            draw.rectangle((left, top, left + COLUMN, top + ROW), outline=0, width=2)
            draw.text((left + 16, top + 18), text, font=font, fill=0)
    draw.text((LEFT, 720), AFTER, font=font, fill=0)
    return image


def test_a_price_list_becomes_a_table_in_markdown_and_csv(reader: Reader, written: dict[str, samples.Sample]) -> None:
    sample = written["прейскурант.png"]
    page = recognised(reader.read(decode(sample.path.read_bytes(), PNG), tables=True))
    [(_, _, content)] = csv_files([(1, page)], bom=False)
    assert content.decode().startswith(PRICES_CSV)
    assert PRICES_MARKDOWN in "".join(markdown([(1, page)]))


def test_a_form_with_a_heading_and_a_ruled_table(reader: Reader) -> None:
    file = io.BytesIO()
    form().save(file, "PNG")
    annotation = text_annotation(reader.read(decode(file.getvalue(), PNG), tables=True))
    annotation["blocks"][0]["layoutType"] = "LAYOUT_TYPE_TITLE"  # the one thing that the engine does not tell
    page = read_page(result_line(annotation, 0))
    text = "".join(markdown([(1, page)]))
    assert text.split("\n\n")[1:] == [
        f"# {HEADING}",
        " ".join(BEFORE),
        "| Наименование | Количество | Цена |\n| --- | --- | --- |\n| Бумага | 40 | 350 |\n| Конверты | 12 | 280 |",
        f"{AFTER}\n",
    ]
    [(number, table, content)] = csv_files([(1, page)], bom=False)
    assert (number, table) == (1, 1)
    assert content.decode() == "".join(f"{','.join(row)}\r\n" for row in ROWS)
