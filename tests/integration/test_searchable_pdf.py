"""From a scan that lies turned to its searchable PDF, with the local service's engine and the real reading of its
answers: boxes then begin at the top left of the page, not of the text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from local.accuracy import character_error_rate
from local.ocr import tessdata
from local.ocr.annotation import text_annotation
from local.ocr.decoding import decode
from local.ocr.protocol import result_line
from local.ocr.reading import Reader
from local.samples import write_samples
from textdrop.adapters.yandex.recognition import read_page
from unit.pagekit import making
from unit.pagekit.outputs import drawing, reading


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_scan_that_lies_turned(turn: int, tmp_path: Path) -> None:
    [sample] = [sample for sample in write_samples(tmp_path) if sample.path.name == "договор №5 + приложение.png"]
    with Image.open(io.BytesIO(sample.path.read_bytes())) as image:
        source = making.scans([image.convert("L").rotate(-turn, expand=True)], margin=20)
    read = Reader(tessdata.prepare()).read(decode(source, "application/pdf"))
    page = read_page(result_line(text_annotation(read), 0))
    assert page["rotate"] == turn
    document, _ = making.rendered(source, page)
    assert reading.problems(document) == []
    assert reading.lines_by_pdfium(document) == reading.lines_by_pypdf(document) == drawing.lines_of(page)
    assert character_error_rate(sample.text, "\n".join(reading.lines_by_pdfium(document))) <= 0.02
    covered = reading.covered(document, page)
    assert min(covered) >= 0.9
    assert sum(covered) / len(covered) >= 0.97
