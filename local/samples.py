"""Writes the sample documents of the demo: `python -m local.samples --into DIR`.

This module draws them, the same each time: pages whose true text is known, and files that must be refused. Their names
have what real names have: spaces, a plus sign, Cyrillic.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import textwrap
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

DPI = 150
A4 = (1240, 1754)
_MARGIN = 120
_INK = 25
_LINE_WIDTH = 62
_EXIF_ORIENTATION = 0x0112
_TURN_CLOCKWISE_TO_VIEW = 6
_OUTPUTS = {"ocr-outputs": "searchable-pdf markdown"}
_TABLES = {"ocr-outputs": "searchable-pdf markdown tables", "ocr-model": "table"}

_LETTER = """\
Northfield Printing Works
14 Canal Street, Bristol

12 March 2024

Dear Mrs Holloway,

Thank you for your order of 3 March. We are pleased to confirm that the two hundred copies of the parish history \
will be ready on Friday, 29 March, and that the price stays at 1,480 pounds, delivery included.

Our binder has asked us to point out one change. The dark green cloth that you chose is no longer made. The nearest \
shade is called forest, and a sample of it is attached to this letter. If you would rather have another colour, \
please let us know before Wednesday; otherwise we shall go on with the forest cloth.

The map at the end of the book folds out to the right, as you wished. We have printed it on slightly heavier paper, \
because the first proof tore along the fold when it was opened for the third time. This adds nothing to the price.

An invoice will follow with the books. As before, half of the amount is due on delivery and the other half within \
thirty days.

We look forward to seeing the finished volume on your shelves.

Yours sincerely,
Margaret Ellis
Production manager
"""

_CONTRACT = """\
Договор оказания услуг № 5
город Ярославль
14 февраля 2024 года

Общество с ограниченной ответственностью «Северный ветер», далее именуемое Заказчик, и индивидуальный \
предприниматель Кузнецова Мария Петровна, далее именуемая Исполнитель, заключили настоящий договор о нижеследующем.

1. Исполнитель обязуется подготовить описание архивных дел Заказчика за период с 1961 по 1985 год, а Заказчик \
обязуется принять эту работу и оплатить её.

2. Работа выполняется в помещении архива в течение сорока рабочих дней со дня подписания договора. Заказчик \
предоставляет Исполнителю рабочее место, доступ к хранилищу и список дел.

3. Стоимость работы составляет 128 500 рублей. Половина этой суммы выплачивается в течение пяти дней после \
подписания, остаток выплачивается после приёмки.

4. Если Заказчик обнаружит ошибки в описании, он сообщает о них письменно. Исполнитель исправляет ошибки за свой \
счёт в течение десяти дней.

5. Договор составлен в двух экземплярах, имеющих одинаковую силу, и действует до полного исполнения сторонами \
своих обязательств.

Подписи сторон
"""

_NOTICE = """\
Notice to all residents

The water supply will be turned off on Thursday, 18 April, from nine in the morning until four in the afternoon, \
while the main valve in the cellar is replaced.

Please keep enough water for the day, and make sure that all taps are closed before you leave home.

The lift and the heating are not affected. If you need help, call the caretaker, Mr Brandt, on 555 0142.

Thank you for your patience.
"""

_REPORT = """\
Record of acceptance
Delivery of 6 May 2024

The goods named below were received at the warehouse in Harbour Road and examined on the same day by the \
undersigned.

Forty boxes of copying paper, size A4, were complete and undamaged. Twelve boxes of envelopes were complete; one of \
them was damp at the bottom, and its content was set aside. Three desk lamps were missing, although they are named \
in the delivery note.

The driver confirmed the missing lamps in writing. The supplier was told by telephone and promised to send them \
within a week at no charge.

The goods accepted were entered in the stock book under the numbers 4410 to 4462.

Peter Lindqvist, storekeeper
"""


_PRICES = """\
Прейскурант переплётной мастерской

Цены указаны в рублях и действуют с 1 июня 2024 года. При заказе от пятидесяти книг они ниже на десятую часть.
"""
_PRICES_TABLE = (
    ("Работа", "Материал", "Срок, дней", "Цена"),
    ("Переплёт книги", "Коленкор", "5", "1450"),
    ("Переплёт книги", "Кожа", "12", "6800"),
    ("Ремонт корешка", "Ткань", "3", "740"),
    ("Реставрация листа", "Японская бумага", "8", "2150"),
    ("Тиснение надписи", "Фольга", "2", "390"),
)
_PRICES_COLUMNS = (340, 300, 190, 170)
_PRICES_ROW = 58


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample document and what must become of it: `outcome` and `reason` (None: none) as the results name them, and
    `text`, the true text of the page ("" if there is none).

    It is uploaded with `metadata`; with the outcome `succeeded` each output that this asks for is made. `table`: the
    rows of the table on the page, whose text is in `text` too.
    """

    path: Path
    outcome: str
    reason: str | None
    text: str
    description: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    table: tuple[tuple[str, ...], ...] = ()


def write_samples(folder: Path) -> list[Sample]:
    """Afterwards the folder, made if need be, holds all samples; the same bytes with the same version of Pillow."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for sample, content in _drawn():
        samples.append(replace(sample, path=folder / sample.path))
        samples[-1].path.write_bytes(content)
    return samples


def _drawn() -> list[tuple[Sample, bytes]]:
    """The samples, their paths being bare names, and what is in each."""
    record = _pdf(_page(_REPORT))
    cut = Sample(Path("half a scan.pdf"), "failed", "damaged", "", "a PDF that was cut off on its way", _OUTPUTS)
    word_description = "a Word document with the name of a PDF"
    word = Sample(Path("invoice.pdf"), "skipped", "unsupported_type", "", word_description, _OUTPUTS)
    return [
        (_to_be_read("letter.png", _LETTER, "a letter in English"), _png(_page(_LETTER))),
        (_to_be_read("договор №5 + приложение.png", _CONTRACT, "a contract in Russian"), _png(_page(_CONTRACT))),
        (
            _to_be_read("photo of a notice.jpg", _NOTICE, "a photo of a notice, the camera held sideways"),
            _photo(_page(_NOTICE, size=(1000, 1150))),
        ),
        (_to_be_read("record 4410.pdf", _REPORT, "a scanned page in a PDF"), record),
        (_price_list(), _png(_with_table(_page(_PRICES)))),
        (_to_be_read("blank page.png", "", "a page with nothing on it"), _png(_page(""))),
        (cut, record[: len(record) // 2]),
        (word, _word_document()),
    ]


def _to_be_read(name: str, text: str, description: str) -> Sample:
    return Sample(Path(name), "succeeded", None, text, description, _OUTPUTS)


def _price_list() -> Sample:
    text = _PRICES + "".join(" ".join(row) + "\n" for row in _PRICES_TABLE)
    sample = _to_be_read("прейскурант.png", text, "a price list in Russian, a ruled table")
    return replace(sample, metadata=_TABLES, table=_PRICES_TABLE)


def _page(text: str, size: tuple[int, int] = A4) -> Image.Image:
    """The text on white, its first line as a heading."""
    page = Image.new("L", size, 255)
    draw = ImageDraw.Draw(page)
    heading, regular = _font("Roboto-Medium.ttf", 40), _font("Roboto-Regular.ttf", 29)
    y = _MARGIN
    for number, paragraph in enumerate(text.splitlines()):
        font = heading if number == 0 else regular
        for line in textwrap.wrap(paragraph, _LINE_WIDTH * (size[0] - 2 * _MARGIN) // (A4[0] - 2 * _MARGIN)) or [""]:
            draw.text((_MARGIN, y), line, fill=_INK, font=font)
            y += 60 if number == 0 else 44 if line else 22
    return page


def _with_table(page: Image.Image) -> Image.Image:
    """The page with the ruled table of prices below its text."""
    draw = ImageDraw.Draw(page)
    heading, regular = _font("Roboto-Medium.ttf", 29), _font("Roboto-Regular.ttf", 29)
    written = ImageChops.invert(page).getbbox()
    top = (written[3] if written else _MARGIN) + 40
    for number, row in enumerate(_PRICES_TABLE):
        left = _MARGIN
        for text, width in zip(row, _PRICES_COLUMNS, strict=True):
            draw.rectangle((left, top, left + width, top + _PRICES_ROW), outline=_INK, width=2)
            draw.text((left + 14, top + 11), text, fill=_INK, font=regular if number else heading)
            left += width
        top += _PRICES_ROW
    return page


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # Pillow's own font has no Cyrillic letters.
    return ImageFont.truetype(io.BytesIO(resources.files("font_roboto").joinpath("files", name).read_bytes()), size)


def _png(page: Image.Image) -> bytes:
    file = io.BytesIO()
    page.save(file, "PNG", dpi=(DPI, DPI), optimize=True)
    return file.getvalue()


def _pdf(page: Image.Image) -> bytes:
    file = io.BytesIO()
    fixed = time.gmtime(0)
    page.save(file, "PDF", resolution=DPI, quality=80, creationDate=fixed, modDate=fixed)
    return file.getvalue()


def _photo(page: Image.Image) -> bytes:
    """The page on a table, seen from a little below and to the side, in uneven light, by a camera held sideways."""
    width, height = page.width + 300, page.height + 200
    table = _noise((width // 8, height // 8), 40).resize((width, height)).point(lambda value: 70 + value // 2)
    scene = Image.merge("RGB", (table, table.point(lambda v: v * 4 // 5), table.point(lambda v: v * 3 // 5)))
    scene.paste((40, 32, 24), (170, 118, 170 + page.width, 118 + page.height))
    scene.paste(Image.merge("RGB", (page, page, page.point(lambda v: v * 15 // 16))), (150, 100))
    corners = (30, 10, 0, height, width, height - 15, width - 40, 25)
    scene = scene.transform(scene.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    # Only the middle of the turned gradient, because its corners are empty.
    light = Image.linear_gradient("L").rotate(60, Image.Resampling.BICUBIC).crop((60, 60, 196, 196)).resize(scene.size)
    light = light.point(lambda value: 130 + value * 125 // 255)
    scene = ImageChops.multiply(scene, Image.merge("RGB", (light, light, light)))
    grain = _noise(scene.size, 14)
    scene = ImageChops.subtract(scene, Image.merge("RGB", (grain, grain, grain))).filter(ImageFilter.GaussianBlur(0.6))
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = _TURN_CLOCKWISE_TO_VIEW
    file = io.BytesIO()
    scene.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=80, exif=exif, dpi=(DPI, DPI))
    return file.getvalue()


def _noise(size: tuple[int, int], most: int) -> Image.Image:
    """Grey noise from 0 to `most`, the same each time."""
    values = random.Random(5).randbytes(size[0] * size[1])
    return Image.frombytes("L", size, values).point(lambda value: value * most // 255)


def _word_document() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("[Content_Types].xml", "_rels/.rels", "word/document.xml"):
            archive.writestr(zipfile.ZipInfo(name), '<?xml version="1.0" encoding="UTF-8"?><x/>')
    return file.getvalue()


def main(arguments: Sequence[str]) -> int:
    """Write the samples and list them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.samples", description="Writes the sample documents.")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="the folder, made if need be")
    folder = parser.parse_args(arguments).into
    try:
        samples = write_samples(folder)
    except OSError as failure:
        print(f"{parser.prog}: the samples could not be written into {folder}: {failure.strerror}", file=sys.stderr)
        return 1
    for sample in samples:
        size = sample.path.stat().st_size
        print(f"{sample.path}  {size:,} bytes  {sample.description}: {sample.reason or sample.outcome}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
