"""The local OCR service with its real engine: documents go in over HTTP and come out read; a bad one harms no other."""

import base64
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import font_roboto
import pytest
import requests
from PIL import Image, ImageDraw, ImageFont

from local.accuracy import character_error_rate
from local.ocr import server
from local.ocr.annotation import Page
from local.ocr.reading import Reader
from local.ocr.settings import Settings
from local.ocr.submission import PNG
from local.ocr.tesseract import WORKERS
from local.samples import Sample, write_samples

HEADERS = {"Authorization": "Api-Key local-test-key"}
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".pdf": "application/pdf"}
RESULT_SECONDS = 240


@pytest.fixture(scope="module")
def running() -> Iterator[server.OcrServer]:
    started = server.start(Settings(engine="tesseract"))
    yield started
    started.stop()


def blank_page() -> bytes:
    file = io.BytesIO()
    Image.new("L", (300, 200), 255).save(file, "PNG")
    return file.getvalue()


def submit(
    session: requests.Session, url: str, content: bytes, mime_type: str, model: str = "page"
) -> requests.Response:
    encoded = base64.b64encode(content).decode()
    body = {"content": encoded, "mimeType": mime_type, "languageCodes": ["ru", "en"], "model": model}
    return session.post(f"{url}/ocr/v1/recognizeTextAsync", json=body, headers=HEADERS, timeout=60)


def recognised(
    session: requests.Session, url: str, content: bytes, mime_type: str, model: str = "page"
) -> requests.Response:
    """What getRecognition answers once the operation is done."""
    submitted = submit(session, url, content, mime_type, model)
    assert submitted.status_code == 200
    operation_id = submitted.json()["id"]
    until = time.monotonic() + RESULT_SECONDS
    while not session.get(f"{url}/operations/{operation_id}", headers=HEADERS, timeout=60).json()["done"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    query = {"operationId": operation_id}
    return session.get(f"{url}/ocr/v1/getRecognition", params=query, headers=HEADERS, timeout=60)


def test_reads_the_sample_documents(running: server.OcrServer, tmp_path: Path) -> None:
    samples = [sample for sample in write_samples(tmp_path) if sample.outcome == "succeeded"]
    assert {sample.path.suffix for sample in samples} == set(TYPES)
    with requests.Session() as session:
        for sample in samples:
            answer = recognised(session, running.url, sample.path.read_bytes(), TYPES[sample.path.suffix])
            annotation = answer.json()["result"]["textAnnotation"]
            assert character_error_rate(sample.text, annotation["fullText"]) < 0.02, sample.path.name
            assert bool(annotation["blocks"]) == bool(sample.text)


@pytest.fixture(scope="module")
def price_list(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    [sample] = [sample for sample in write_samples(tmp_path_factory.mktemp("samples")) if sample.table]
    return sample


def table_of(annotation: dict[str, Any]) -> list[list[str]]:
    """The texts of the only table's cells, none of which spans others."""
    [table] = annotation["tables"]
    places = {(int(cell["rowIndex"]), int(cell["columnIndex"])): cell["text"] for cell in table["cells"]}
    rows, columns = range(int(table["rowCount"])), range(int(table["columnCount"]))
    assert len(places) == len(table["cells"]) == len(rows) * len(columns)
    return [[places[row, column] for column in columns] for row in rows]


@pytest.mark.parametrize("turn", [None, Image.Transpose.ROTATE_90])
def test_the_model_table_gives_the_cells_of_a_ruled_table_and_their_texts_in_blocks(
    running: server.OcrServer, price_list: Sample, turn: Image.Transpose | None
) -> None:
    with Image.open(price_list.path) as image:
        page = io.BytesIO()
        (image if turn is None else image.transpose(turn)).save(page, "PNG")
    with requests.Session() as session:
        answer = recognised(session, running.url, page.getvalue(), PNG, "table")
    annotation = answer.json()["result"]["textAnnotation"]
    found = table_of(annotation)
    assert [len(row) for row in found] == [4] * 6
    texts, true = [text for row in found for text in row], [text for row in price_list.table for text in row]
    right = sum(one == other for one, other in zip(texts, true, strict=True))
    assert right >= 0.98 * len(true), found
    blocks = ["\n".join(line["text"] for line in block["lines"]) for block in annotation["blocks"]]
    assert blocks[-24:] == texts
    assert character_error_rate(price_list.text, annotation["fullText"]) < 0.02
    for cell in annotation["tables"][0]["cells"]:
        [segment] = cell["textSegments"]
        start = int(segment["startIndex"])
        assert annotation["fullText"][start : start + int(segment["length"])] == cell["text"]


def test_other_models_give_no_tables(running: server.OcrServer, price_list: Sample) -> None:
    with requests.Session() as session:
        answer = recognised(session, running.url, price_list.path.read_bytes(), PNG)
    assert answer.json()["result"]["textAnnotation"]["tables"] == []


def test_cells_that_the_first_look_passes_over_are_read_by_themselves(running: server.OcrServer) -> None:
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
    with requests.Session() as session:
        first, again = (
            recognised(session, running.url, page.getvalue(), PNG, model).json()["result"]["textAnnotation"]
            for model in ("page", "table")
        )
    assert len(first["fullText"].split()) < 9
    assert table_of(again) == rows
    for cell, text in zip(again["tables"][0]["cells"], (text for row in rows for text in row), strict=True):
        assert bool(cell["textSegments"]) == bool(text)


def test_a_document_that_cannot_be_read_ends_its_own_operation_alone(running: server.OcrServer) -> None:
    with requests.Session() as session:
        failed = recognised(session, running.url, blank_page()[:60], PNG)
        assert (failed.status_code, failed.json()["error"]["grpcCode"]) == (400, 3)
        assert recognised(session, running.url, blank_page(), PNG).status_code == 200


def test_a_page_on_which_the_engine_breaks_down_does_not_end_its_worker(
    running: server.OcrServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_reader: Reader, _image: Image.Image, *, tables: bool) -> None:
        raise RuntimeError("text of the page")

    with requests.Session() as session:
        with monkeypatch.context() as broken:
            broken.setattr(Reader, "read", break_down)
            for _ in range(WORKERS):
                error = recognised(session, running.url, blank_page(), PNG).json()["error"]
                assert (error["grpcCode"], error["message"]) == (13, "recognition failed")
        assert recognised(session, running.url, blank_page(), PNG).status_code == 200


def test_what_waits_is_dropped_when_the_server_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    began, going_on, read = threading.Barrier(WORKERS + 1), threading.Event(), list[Image.Image]()

    def wait(_reader: Reader, image: Image.Image, *, tables: bool) -> Page:
        read.append(image)
        began.wait(60)
        going_on.wait(60)
        return Page(1, 1, ())

    monkeypatch.setattr(Reader, "read", wait)
    before = set(threading.enumerate())
    started = server.start(Settings())
    with requests.Session() as session:
        for _ in range(WORKERS + 2):
            assert submit(session, started.url, blank_page(), PNG).status_code == 200
    began.wait(60)
    started.stop()
    going_on.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    assert len(read) == WORKERS
