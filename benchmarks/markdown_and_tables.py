"""The CPU time and memory that Markdown, CSV files and a workbook take: `python -m benchmarks.markdown_and_tables`.

The pages are the demo's samples as the local engine reads them, each with a table of 30 rows and 6 columns of which
the text stands in the page's blocks too. Each renderer gets 100 of them several times (the median is told), then 5,000
once, each page parsed from JSON when its turn comes, as from a store; the parsing is told apart. Memory is the most
that Python's allocator held above the start, measured in a run of its own.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from local import samples
from local.ocr import tessdata
from local.ocr.annotation import text_annotation
from local.ocr.decoding import decode
from local.ocr.protocol import result_line
from local.ocr.reading import Reader
from local.ocr.submission import JPEG, PDF, PNG
from textdrop.adapters.yandex.recognition import read_page
from textdrop.core.pages import Line, RecognisedPage, Table
from textdrop.rendering.csv_files import csv_files
from textdrop.rendering.markdown import markdown
from textdrop.rendering.workbook import workbook

PAGES, LONG, ROUNDS = 100, 5_000, 7
ROWS, COLUMNS, CELL_WIDTH, ROW_HEIGHT = 30, 6, 160, 40
MEDIA_TYPES = {".png": PNG, ".jpg": JPEG, ".pdf": PDF}
Pages = Iterator[tuple[int, RecognisedPage]]


def read_samples() -> list[str]:
    """The readable samples as recognised pages in JSON, each with a table below its text."""
    languages = tessdata.prepare(tessdata.DEFAULT_FOLDER)
    reader = Reader(languages.folder, with_orientation="osd" in languages.names)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for sample in samples.write_samples(Path(folder)):
            if sample.text:
                image = decode(sample.path.read_bytes(), MEDIA_TYPES[sample.path.suffix])
                page = read_page(result_line(text_annotation(reader.read(image)), 0))
                found.append(json.dumps(with_table(page), ensure_ascii=False))
    return found


def with_table(page: RecognisedPage) -> RecognisedPage:
    top = page["height"]
    table: Table = {"rows": ROWS, "columns": COLUMNS, "polygon": box(0, top, COLUMNS, ROWS), "cells": []}
    lines: list[Line] = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            text, place = f"{row},{column:02d} руб.", box(column, top + ROW_HEIGHT * row, 1, 1)
            table["cells"].append(
                {"row": row, "column": column, "row_span": 1, "column_span": 1, "text": text, "polygon": place}
            )
            words = [{"text": word, "polygon": place} for word in text.split()]
            lines.append({"text": text, "polygon": place, "words": words})  # type: ignore[typeddict-item]
    page["tables"] = [table]
    page["blocks"].append({"type": "text", "polygon": table["polygon"], "languages": ["ru"], "lines": lines})
    return page


def box(column: int, top: int, columns: int, rows: int) -> list[list[int]]:
    left, right, bottom = column * CELL_WIDTH, (column + columns) * CELL_WIDTH, top + rows * ROW_HEIGHT
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def pages_of(sources: list[str], count: int) -> Pages:
    return ((number, json.loads(sources[number % len(sources)])) for number in range(1, count + 1))


def write_markdown(pages: Pages) -> int:
    return sum(len(part.encode()) for part in markdown(pages))


def write_csv(pages: Pages) -> int:
    return sum(len(content) for _, _, content in csv_files(pages, bom=True))


def write_workbook(pages: Pages) -> int:
    with tempfile.TemporaryFile() as file:
        workbook(pages, file)
        return file.tell()


def parse_only(pages: Pages) -> int:
    return sum(1 for _ in pages)


RENDERERS: dict[str, Callable[[Pages], int]] = {
    "parsing alone": parse_only,
    "Markdown": write_markdown,
    "CSV files": write_csv,
    "workbook": write_workbook,
}


def timed(work: Callable[[Pages], int], sources: list[str], count: int) -> tuple[float, int]:
    """CPU milliseconds a page, and what the work returned."""
    start = time.process_time()
    made = work(pages_of(sources, count))
    return (time.process_time() - start) * 1000 / count, made


def peak_megabytes(work: Callable[[Pages], int], sources: list[str], count: int) -> float:
    tracemalloc.start()
    work(pages_of(sources, count))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    sources = read_samples()
    words = [
        sum(len(line["words"]) for block in json.loads(page)["blocks"] for line in block["lines"]) for page in sources
    ]
    print(f"{len(sources)} pages, {min(words)} to {max(words)} words each, tables included")
    print(
        "renderer     CPU ms a page (100, median)     (5,000)           peak MB (100)  peak MB (1,000)  bytes (5,000)"
    )
    for name, work in RENDERERS.items():
        rounds = [timed(work, sources, PAGES)[0] for _ in range(ROUNDS)]
        long, made = timed(work, sources, LONG)
        peaks: list[Any] = [peak_megabytes(work, sources, count) for count in (PAGES, 10 * PAGES)]
        print(f"{name:16} {statistics.median(rounds):23.2f} {long:18.2f} {peaks[0]:15.1f} {peaks[1]:16.1f} {made:14,}")


if __name__ == "__main__":
    main()
