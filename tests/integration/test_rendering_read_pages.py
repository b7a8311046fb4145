"""A page that the tesseract engine really read, through the reading of the answers, as Markdown, tables and
searchable PDF."""

from __future__ import annotations

import io
from pathlib import Path

import font_roboto
import pytest
from PIL import Image, ImageDraw, ImageFont

from local.accuracy import character_error_rate
from local.ocr import tessdata
from local.ocr.annotation import text_annotation
from local.ocr.decoding import decode
from local.ocr.protocol import result_line
from local.ocr.reading import Reader
from local.ocr.submission import PDF, PNG
from local.samples import write_samples
from pagekit.outputs.csv_files import csv_files
from pagekit.outputs.markdown import markdown
from textdrop.adapters.yandex.recognition import read_page
from unit.pagekit import making
from unit.pagekit.outputs import drawing, reading

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


def test_a_form_with_a_heading_and_a_ruled_table() -> None:
    file = io.BytesIO()
    form().save(file, "PNG")
    annotation = text_annotation(Reader(tessdata.prepare()).read(decode(file.getvalue(), PNG), tables=True))
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


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_scan_that_lies_turned(turn: int, tmp_path: Path) -> None:
    """Its boxes begin at the top left of the page, not of the text."""
    [sample] = [sample for sample in write_samples(tmp_path) if sample.path.name == "договор №5 + приложение.png"]
    with Image.open(io.BytesIO(sample.path.read_bytes())) as image:
        source = making.scans([image.convert("L").rotate(-turn, expand=True)], margin=20)
    read = Reader(tessdata.prepare()).read(decode(source, PDF))
    page = read_page(result_line(text_annotation(read), 0))
    assert page["rotate"] == turn
    document, _ = making.rendered(source, page)
    assert reading.problems(document) == []
    assert reading.lines_by_pdfium(document) == reading.lines_by_pypdf(document) == drawing.lines_of(page)
    assert character_error_rate(sample.text, "\n".join(reading.lines_by_pdfium(document))) <= 0.02
    covered = reading.covered(document, page)
    assert min(covered) >= 0.9
    assert sum(covered) / len(covered) >= 0.97
