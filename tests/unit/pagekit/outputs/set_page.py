"""Sets pages for tests as a printer would: characters of one width, lines of one height, boxes where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pagekit.page import Block, Line, Polygon, RecognisedPage, Table, Word

ADVANCE, HEIGHT, PITCH = 10, 20, 30
WIDTH, PAGE_HEIGHT = 1000, 1400


def rectangle(left: int, top: int, right: int, bottom: int) -> Polygon:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


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
    around = rectangle(
        min(x for x, _ in points), min(y for _, y in points), max(x for x, _ in points), max(y for _, y in points)
    )
    return {"type": kind, "polygon": around, "languages": [], "lines": lines}


def table(rows: Sequence[Sequence[str]], *, left: int = 100, top: int = 100, column_width: int = 200) -> Table:
    """A table without spans, a cell for each text; rows are PITCH high."""
    columns = max(map(len, rows), default=0)
    return {
        "rows": len(rows),
        "columns": columns,
        "polygon": rectangle(left, top, left + column_width * columns, top + PITCH * len(rows)),
        "cells": [
            {
                "row": row,
                "column": column,
                "row_span": 1,
                "column_span": 1,
                "text": text,
                "polygon": rectangle(
                    left + column_width * column,
                    top + PITCH * row,
                    left + column_width * (column + 1),
                    top + PITCH * (row + 1),
                ),
            }
            for row, texts in enumerate(rows)
            for column, text in enumerate(texts)
        ],
    }


def cell(row: int, column: int, text: str, row_span: int = 1, column_span: int = 1) -> Any:
    """A cell without a place."""
    return {
        "row": row,
        "column": column,
        "row_span": row_span,
        "column_span": column_span,
        "text": text,
        "polygon": rectangle(0, 0, 0, 0),
    }


def bare_table(*cells: Any, rows: int = 0, columns: int = 0) -> Table:
    """A table of cells without a place."""
    return {"rows": rows, "columns": columns, "polygon": rectangle(0, 0, 0, 0), "cells": list(cells)}


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
    polygons = [shape["polygon"] for found in made["tables"] for shape in (found, *found["cells"])]
    for each in made["blocks"]:
        polygons.append(each["polygon"])
        for row in each["lines"]:
            polygons += [row["polygon"], *(word["polygon"] for word in row["words"])]
    for polygon in polygons:
        polygon[:] = [_turned(x, y, rotate) for x, y in polygon]
    return made


def _turned(x: int, y: int, rotate: int) -> list[int]:
    if rotate == 90:
        return [PAGE_HEIGHT - y, x]
    if rotate == 180:
        return [WIDTH - x, PAGE_HEIGHT - y]
    if rotate == 270:
        return [y, WIDTH - x]
    return [x, y]
