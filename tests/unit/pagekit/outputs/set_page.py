"""Sets pages for tests as a printer would: characters of one width, lines of one height, boxes where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pagekit.page import Block, Line, Polygon, RecognisedPage, Table, Word

ADVANCE, HEIGHT, PITCH = 10, 20, 30
WIDTH, PAGE_HEIGHT = 1000, 1400


def rectangle(left: int, top: int, right: int, bottom: int) -> Polygon:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def upright(points: Polygon) -> Polygon:
    """The rectangle around the points."""
    across, down = zip(*points, strict=True)
    return rectangle(min(across), min(down), max(across), max(down))


def polygons_of(page: RecognisedPage) -> Iterator[Polygon]:
    for found in page["tables"]:
        yield found["polygon"]
        yield from (each["polygon"] for each in found["cells"])
    for block in page["blocks"]:
        yield block["polygon"]
        for line in block["lines"]:
            yield line["polygon"]
            yield from (word["polygon"] for word in line["words"])


def line(text: str, left: int, top: int) -> Line:
    """Each character, spaces too, is ADVANCE wide: leading spaces indent, several in a row set words apart."""
    words: list[Word] = []
    start = 0
    for part in text.split(" "):
        if part:
            x = left + ADVANCE * start
            words.append({"text": part, "polygon": rectangle(x, top, x + ADVANCE * len(part), top + HEIGHT)})
        start += len(part) + 1
    first = left + ADVANCE * (len(text) - len(text.lstrip(" ")))
    polygon = rectangle(first, top, left + ADVANCE * len(text), top + HEIGHT)
    return {"text": " ".join(part for part in text.split(" ") if part), "polygon": polygon, "words": words}


def block(text: str, kind: str = "text", *, left: int = 100, top: int = 100) -> Block:
    """A block of the text's lines; an empty one leaves its height free."""
    lines = [line(row, left, top + PITCH * number) for number, row in enumerate(text.split("\n")) if row.strip(" ")]
    points = [point for each in lines for point in each["polygon"]] or [[left, top]]
    return {"type": kind, "polygon": upright(points), "languages": [], "lines": lines}


def cell(
    row: int, column: int, text: str, row_span: int = 1, column_span: int = 1, polygon: Polygon | None = None
) -> Any:
    """A cell, if not told otherwise, without a place."""
    return {
        "row": row,
        "column": column,
        "row_span": row_span,
        "column_span": column_span,
        "text": text,
        "polygon": polygon or rectangle(0, 0, 0, 0),
    }


def bare_table(*cells: Any, rows: int = 0, columns: int = 0, polygon: Polygon | None = None) -> Table:
    """A table of cells, if not told otherwise, without a place."""
    return {"rows": rows, "columns": columns, "polygon": polygon or rectangle(0, 0, 0, 0), "cells": list(cells)}


def table(rows: Sequence[Sequence[str]], *, left: int = 100, top: int = 100, column_width: int = 200) -> Table:
    """A table without spans, a cell for each text; rows are PITCH high."""

    def place(row: int, column: int, row_span: int = 1, column_span: int = 1) -> Polygon:
        x, y = left + column_width * column, top + PITCH * row
        return rectangle(x, y, x + column_width * column_span, y + PITCH * row_span)

    columns = max(map(len, rows), default=0)
    cells = [
        cell(row, column, text, polygon=place(row, column))
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    ]
    return bare_table(*cells, rows=len(rows), columns=columns, polygon=place(0, 0, len(rows), columns))


def blocks_in(*tables: Table) -> list[Block]:
    """The tables' texts as blocks, as the service gives them a second time: a block a cell."""
    return [
        block(each["text"], left=each["polygon"][0][0] + 5, top=each["polygon"][0][1] + 4)
        for found in tables
        for each in found["cells"]
        if each["text"]
    ]


def page(*blocks: Block, tables: Sequence[Table] = (), markdown: str | None = None, rotate: int = 0) -> RecognisedPage:
    """An upright page, or the same page as it was sent turned clockwise by `rotate`."""
    made: RecognisedPage = {
        "width": WIDTH if rotate in (0, 180) else PAGE_HEIGHT,
        "height": PAGE_HEIGHT if rotate in (0, 180) else WIDTH,
        "rotate": rotate,
        "text": "\n".join(line["text"] for block in blocks for line in block["lines"]),
        "blocks": list(blocks),
        "tables": list(tables),
        "entities": [],
        "markdown": markdown,
    }
    for polygon in polygons_of(made):
        polygon[:] = [turned_point(x, y, rotate, WIDTH, PAGE_HEIGHT) for x, y in polygon]
    return made


def turned_point(x: Any, y: Any, degrees: int, width: int, height: int) -> list[Any]:
    """Where a point of a page of that size comes when the page is turned clockwise."""
    return {0: [x, y], 90: [height - y, x], 180: [width - x, height - y], 270: [y, width - x]}[degrees]
