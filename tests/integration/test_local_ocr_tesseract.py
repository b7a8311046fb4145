"""The local OCR service with its real engine: documents go in over HTTP and come out read; a bad one harms no other."""

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import font_roboto
import pytest
import requests
from PIL import Image, ImageDraw, ImageFont

from integration.local_ocr_calls import Caller, serving
from local.accuracy import character_error_rate
from local.ocr.reading import Reader
from local.ocr.submission import PNG
from local.ocr.tesseract import WORKERS
from local.samples import Sample, write_samples

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".pdf": "application/pdf"}
RESULT_SECONDS = 240


@pytest.fixture(scope="module")
def running() -> Iterator[Caller]:
    with serving("tesseract", submits_per_second=1e6, status_reads_per_second=1e6) as caller:
        yield caller


def blank_page() -> bytes:
    file = io.BytesIO()
    Image.new("L", (300, 200), 255).save(file, "PNG")
    return file.getvalue()


def recognised(service: Caller, content: bytes, mime_type: str = PNG, **fields: Any) -> requests.Response:
    """What getRecognition answers once the operation is done."""
    submitted = service.submit(content, mimeType=mime_type, **fields)
    assert submitted.status_code == 200
    operation_id = submitted.json()["id"]
    until = time.monotonic() + RESULT_SECONDS
    while not service.status(operation_id).json()["done"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    return service.result(operation_id)


def annotation(service: Caller, content: bytes, mime_type: str = PNG, **fields: Any) -> dict[str, Any]:
    read: dict[str, Any] = recognised(service, content, mime_type, **fields).json()["result"]["textAnnotation"]
    return read


def test_reads_the_sample_documents(running: Caller, tmp_path: Path) -> None:
    samples = [sample for sample in write_samples(tmp_path) if sample.outcome == "succeeded"]
    assert {sample.path.suffix for sample in samples} == set(TYPES)
    for sample in samples:
        read = annotation(running, sample.path.read_bytes(), TYPES[sample.path.suffix])
        assert character_error_rate(sample.text, read["fullText"]) < 0.02, sample.path.name
        assert bool(read["blocks"]) == bool(sample.text)
        headings = [block for block in read["blocks"] if block["layoutType"] != "LAYOUT_TYPE_TEXT"]
        titles = [
            line["text"] for block in headings if block["layoutType"] == "LAYOUT_TYPE_TITLE" for line in block["lines"]
        ]
        assert (titles, len(headings)) == (sample.text.splitlines()[:1], len(titles)), sample.path.name


@pytest.fixture(scope="module")
def price_list(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    [sample] = [sample for sample in write_samples(tmp_path_factory.mktemp("samples")) if sample.table]
    return sample


def test_language_codes_decide_what_is_read(running: Caller, price_list: Sample) -> None:
    asked = (["en"], ["ru"], ["*"])
    texts = [annotation(running, price_list.path.read_bytes(), languageCodes=codes)["fullText"] for codes in asked]
    assert [character_error_rate(price_list.text, text) < 0.05 for text in texts] == [False, True, True]
    assert not re.search("[\u0400-\u04ff]", texts[0])


def table_of(annotation: dict[str, Any]) -> list[list[str]]:
    """The texts of the only table's cells, none of which spans others."""
    [table] = annotation["tables"]
    places = {(int(cell["rowIndex"]), int(cell["columnIndex"])): cell["text"] for cell in table["cells"]}
    rows, columns = range(int(table["rowCount"])), range(int(table["columnCount"]))
    assert len(places) == len(table["cells"]) == len(rows) * len(columns)
    return [[places[row, column] for column in columns] for row in rows]


@pytest.mark.parametrize("turn", [None, Image.Transpose.ROTATE_90])
def test_the_model_table_gives_the_cells_of_a_ruled_table_and_their_texts_in_blocks(
    running: Caller, price_list: Sample, turn: Image.Transpose | None
) -> None:
    with Image.open(price_list.path) as image:
        page = io.BytesIO()
        (image if turn is None else image.transpose(turn)).save(page, "PNG")
    read = annotation(running, page.getvalue(), model="table")
    found = table_of(read)
    assert [len(row) for row in found] == [4] * 6
    texts, true = [text for row in found for text in row], [text for row in price_list.table for text in row]
    right = sum(one == other for one, other in zip(texts, true, strict=True))
    assert right >= 0.98 * len(true), found
    blocks = ["\n".join(line["text"] for line in block["lines"]) for block in read["blocks"]]
    assert blocks[-24:] == texts
    assert character_error_rate(price_list.text, read["fullText"]) < 0.02
    for cell in read["tables"][0]["cells"]:
        [segment] = cell["textSegments"]
        start = int(segment["startIndex"])
        assert read["fullText"][start : start + int(segment["length"])] == cell["text"]


def test_cells_that_the_first_look_passes_over_are_read_by_themselves(running: Caller) -> None:
    image = Image.new("L", (1240, 700), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(font_roboto.Roboto, 29)
    rows = [["1", "", "2", "7"], ["", "5", "", "4"], ["3", "8", "9", ""]]
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            left, top = 120 + 250 * column, 200 + 60 * row
            draw.rectangle((left, top, left + 250, top + 60), outline=20, width=2)
            draw.text((left + 12, top + 12), text, fill=20, font=font)
    page = io.BytesIO()
    image.save(page, "PNG")
    first, again = (annotation(running, page.getvalue(), model=model) for model in ("page", "table"))
    assert first["tables"] == []
    assert len(first["fullText"].split()) < 9
    assert table_of(again) == rows
    for cell, text in zip(again["tables"][0]["cells"], (text for row in rows for text in row), strict=True):
        assert bool(cell["textSegments"]) == bool(text)


def test_a_document_that_cannot_be_read_ends_its_own_operation_alone(running: Caller) -> None:
    failed = recognised(running, blank_page()[:60])
    assert (failed.status_code, failed.json()["error"]["grpcCode"]) == (400, 3)
    assert recognised(running, blank_page()).status_code == 200


def test_a_page_on_which_the_engine_breaks_down_does_not_end_its_worker(
    running: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_reader: Reader, _image: Image.Image, _languages: tuple[str, ...], *, tables: bool) -> None:
        raise RuntimeError("text of the page")

    with monkeypatch.context() as broken:
        broken.setattr(Reader, "read", break_down)
        for _ in range(WORKERS):
            error = recognised(running, blank_page()).json()["error"]
            assert (error["grpcCode"], error["message"]) == (13, "recognition failed")
    assert recognised(running, blank_page()).status_code == 200
