"""From a sample to its searchable PDF, with the local service's engine and the real reading of its answers."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from local.accuracy import character_error_rate
from local.ocr import tessdata
from local.ocr.annotation import text_annotation
from local.ocr.decoding import decode
from local.ocr.protocol import result_line
from local.ocr.reading import Reader
from local.samples import write_samples
from pagekit.page import RecognisedPage
from textdrop.adapters.yandex.recognition import read_page
from unit.pagekit.outputs import drawing, making, reading

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".pdf": "application/pdf"}
WORST_CHARACTER_ERROR = 0.02
MIN_COVERED = 0.9


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(tessdata.prepare())


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, str]]:
    """The content of each sample that has text, and its true text."""
    written = write_samples(tmp_path_factory.mktemp("samples"))
    return {sample.path.name: (sample.path.read_bytes(), sample.text) for sample in written if sample.text}


def recognised(reader: Reader, content: bytes, kind: str) -> RecognisedPage:
    return read_page(result_line(text_annotation(reader.read(decode(content, kind))), 0))


def assert_searchable(document: bytes, page: RecognisedPage, truth: str) -> None:
    assert reading.problems(document) == []
    expected = drawing.lines_of(page)
    assert reading.lines_by_pdfium(document) == expected
    assert reading.lines_by_pypdf(document) == expected
    assert character_error_rate(truth, "\n".join(reading.lines_by_pdfium(document))) <= WORST_CHARACTER_ERROR
    covered = [overlap.covered for overlap in reading.overlaps(document, page)]
    assert min(covered) >= MIN_COVERED
    assert sum(covered) / len(covered) >= 0.97


@pytest.mark.parametrize(
    "name", ["letter.png", "договор №5 + приложение.png", "photo of a notice.jpg", "record 4410.pdf"]
)
def test_a_sample_becomes_searchable(name: str, reader: Reader, samples: dict[str, tuple[bytes, str]]) -> None:
    content, truth = samples[name]
    kind = TYPES[Path(name).suffix]
    page = recognised(reader, content, kind)
    document, told = making.rendered(content, page, kind=kind)
    assert (told.layered, told.warnings) == (1, ())
    assert_searchable(document, page, truth)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_scan_that_lies_turned(turn: int, reader: Reader, samples: dict[str, tuple[bytes, str]]) -> None:
    content, truth = samples["договор №5 + приложение.png"]
    with Image.open(io.BytesIO(content)) as image:
        source = making.scans([image.convert("L").rotate(-turn, expand=True)], margin=20)
    page = recognised(reader, source, "application/pdf")
    assert page["rotate"] == turn
    document, _ = making.rendered(source, page)
    assert_searchable(document, page, truth)


def test_a_scan_turned_by_its_rotate(reader: Reader, samples: dict[str, tuple[bytes, str]]) -> None:
    """The service sees the page as it is shown; what it then sees is what the result lies over."""
    content, truth = samples["record 4410.pdf"]
    with pikepdf.open(io.BytesIO(content)) as pdf:
        pdf.pages[0].Rotate = 90
        turned = making.saved(pdf)
    page = recognised(reader, turned, "application/pdf")
    document, _ = making.rendered(turned, page)
    assert page["rotate"] == 90
    assert_searchable(document, page, truth)
