"""Outputs that a user asks for, on the deployed stack: a PDF that can be searched, Markdown, and what is missing."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import openpyxl
import pypdf
import pytest
from PIL import Image

from e2e.whole_stack import Notice, WholeStack
from local.accuracy import character_error_rate
from local.samples import Sample
from unit.pagekit.outputs.reading import problems

ENGLISH, RUSSIAN, PHOTO, PDF, PRICES = (
    "letter.png",
    "договор №5 + приложение.png",
    "photo of a notice.jpg",
    "record 4410.pdf",
    "прейскурант.png",
)
MOST_WRONG = 0.02


@pytest.fixture(scope="module", params=[ENGLISH, RUSSIAN, PHOTO, PDF])
def rendered(request: pytest.FixtureRequest, whole: WholeStack, samples: Mapping[str, Sample]) -> tuple[Sample, Notice]:
    """A sample with all its outputs, by the aws command line."""
    sample = samples[request.param]
    whole.shell(
        f"""aws s3 cp '{sample.path}' "s3://$UPLOADS_BUCKET/outputs/" """
        """--metadata ocr-outputs="searchable-pdf markdown tables" """
    )
    return sample, whole.notice(f"outputs/{sample.path.name}")


def test_a_searchable_pdf_has_the_recognised_text(whole: WholeStack, rendered: tuple[Sample, Notice]) -> None:
    sample, notice = rendered
    content = whole.read(notice, "searchable_pdf")
    assert problems(content) == []
    [page] = pypdf.PdfReader(io.BytesIO(content)).pages
    assert page.extract_text().split() == whole.text(notice).split()
    assert character_error_rate(sample.text, page.extract_text()) < MOST_WRONG


def test_markdown_has_the_words_of_the_text(whole: WholeStack, rendered: tuple[Sample, Notice]) -> None:
    sample, notice = rendered
    written = whole.read(notice, "markdown").decode()
    assert written.startswith("<!-- page 1 -->\n")
    plain = written.removeprefix("<!-- page 1 -->").replace("\\", "").replace("#", "").replace("\n- ", "\n")
    assert character_error_rate(sample.text, plain) < 2 * MOST_WRONG


def test_some_pages_of_a_pdf_keep_their_numbers_and_the_upload_its_metadata(
    whole: WholeStack, samples: Mapping[str, Sample]
) -> None:
    first, *others = [Image.open(samples[name].path).convert("L") for name in (RUSSIAN, RUSSIAN, ENGLISH)]
    book = io.BytesIO()
    first.save(book, "PDF", save_all=True, append_images=others, resolution=150)
    asked = {"ocr_pages": "3,7-", "ocr_outputs": "searchable-pdf markdown", "case": "7-114"}
    whole.upload("outputs/book.pdf", book.getvalue(), **asked)
    notice = whole.notice("outputs/book.pdf")
    assert (notice.body["outcome"], notice.body["metadata"]) == ("succeeded", {"case": "7-114"})
    assert (notice.body["source"]["file_pages"], notice.body["pages"]["total"]) == (3, 1)
    text = whole.text(notice)
    assert character_error_rate(samples[ENGLISH].text, text) < MOST_WRONG
    assert whole.read(notice, "markdown").startswith(b"<!-- page 3 -->\n")
    pages = pypdf.PdfReader(io.BytesIO(whole.read(notice, "searchable_pdf"))).pages
    assert [page.extract_text().split() for page in pages] == [[], [], text.split()]


def test_a_ruled_table_comes_out_as_csv_workbook_and_markdown(whole: WholeStack, samples: Mapping[str, Sample]) -> None:
    sample = samples[PRICES]
    whole.shell(
        f"""aws s3 cp '{sample.path}' "s3://$UPLOADS_BUCKET/outputs/prices.png" """
        """--metadata ocr-model=table,ocr-outputs="markdown tables" """
    )
    notice = whole.notice("outputs/prices.png")
    files, bucket = notice.body["files"], whole.env["RESULTS_BUCKET"]
    assert (notice.body["outcome"], notice.body["model"], notice.body["warnings"]) == ("succeeded", "table", [])
    assert files["tables"] == {"bucket": bucket, "key": "outputs/prices.png.tables/", "count": 1}
    [key] = whole.keys_below(files["tables"]["key"])
    assert key == "outputs/prices.png.tables/0001-01.csv"
    content = whole.account.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert rows == [list(row) for row in sample.table]
    [sheet] = openpyxl.load_workbook(io.BytesIO(whole.read(notice, "workbook"))).worksheets
    expected = [[int(text) if text.isdigit() else text for text in row] for row in rows]
    assert [list(row) for row in sheet.iter_rows(values_only=True)] == expected
    assert (sheet["A1"].font.bold, sheet.freeze_panes) == (True, "A2")
    table = whole.read(notice, "markdown").decode().split("\n\n")[-1]
    assert [line.strip("| ").split(" | ") for line in table.splitlines() if "---" not in line] == rows
