"""Processor time a page of each output, for a PDF of 100 scans and 132 MB with 300 words on each page.

The renderers get pages that are already recognised, and files in memory. From the time of a searchable PDF the time is
subtracted in which pikepdf reads and writes the same PDF unchanged.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable

import pikepdf

from benchmarks import scans
from benchmarks.figures import Figure, Say, within
from benchmarks.functions import annotation
from local.ocr.protocol import result_line
from pagekit.outputs.csv_files import csv_files
from pagekit.outputs.markdown import markdown
from pagekit.outputs.searchable_pdf import searchable_pdf
from pagekit.outputs.workbook import workbook
from textdrop.adapters.yandex.recognition import read_page

PAGES = 100
PAGE_BYTES = 1_320_000
ROUNDS = 3
MAX_MILLISECONDS = 10.0


def measure(say: Say) -> list[Figure]:
    book = scans.book(PAGES, PAGE_BYTES)
    pages = [(number, read_page(_recognised(number))) for number in range(1, PAGES + 1)]
    say(f"{PAGES} pages, {len(book) / 1e6:.0f} MB")
    untouched = _median(lambda: _rewritten(book))
    took = {
        "Markdown": _median(lambda: "".join(markdown(pages))),
        "CSV files": _median(lambda: list(csv_files(pages, bom=True))),
        "workbook": _median(lambda: workbook(pages, io.BytesIO())),
        "searchable PDF, beside reading and writing it": _median(
            lambda: searchable_pdf(io.BytesIO(book), "application/pdf", pages, io.BytesIO())
        )
        - untouched,
    }
    return [
        within(f"{name}, processor time a page", seconds * 1000 / PAGES, MAX_MILLISECONDS, "ms", 1)
        for name, seconds in took.items()
    ]


def _median(render: Callable[[], object]) -> float:
    """Processor seconds, the median of the rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        render()
        took.append(time.process_time() - began)
    return statistics.median(took)


def _rewritten(book: bytes) -> None:
    with pikepdf.open(io.BytesIO(book)) as document:
        document.save(io.BytesIO())


def _recognised(number: int) -> bytes:
    """The service's answer for a page; every tenth has a table of 100 cells."""
    page = annotation(number)
    if number % 10 == 0:
        cells = [
            {"boundingBox": {}, "rowIndex": str(row), "columnIndex": str(column), "text": f"{row}, {column}"}
            for row in range(20)
            for column in range(5)
        ]
        page["tables"] = [{"boundingBox": {}, "rowCount": "20", "columnCount": "5", "cells": cells}]
    return result_line(page, 0)
