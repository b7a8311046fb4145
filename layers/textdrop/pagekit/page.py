"""A recognised page, as plain JSON data in the shape of `pages[]` in the result file.

Polygons are four `[x, y]` from the top left, clockwise: of an image in its own pixels, turned as EXIF says; of a page
of a PDF in pixels of the page as the OCR service saw it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

Polygon = list[list[int]]


class Word(TypedDict):
    text: str
    polygon: Polygon


class Line(TypedDict):
    text: str
    polygon: Polygon
    words: list[Word]


class Block(TypedDict):
    """`type` is lower case: text, header, section_header, footer, footnote, picture, caption, title, list, unknown."""

    type: str
    polygon: Polygon
    languages: list[str]
    lines: list[Line]


class Cell(TypedDict):
    """`row` and `column` count from 0."""

    row: int
    column: int
    row_span: int
    column_span: int
    text: str
    polygon: Polygon


class Table(TypedDict):
    rows: int
    columns: int
    polygon: Polygon
    cells: list[Cell]


class Entity(TypedDict):
    name: str
    text: str


class RecognisedPage(TypedDict):
    """What was read on one page. `rotate` is the clockwise turn in degrees (0, 90, 180, 270) that the service saw;
    `markdown` is None unless the model gives it. A blank page has empty `text` and no blocks."""

    width: int
    height: int
    rotate: int
    text: str
    blocks: list[Block]
    tables: list[Table]
    entities: list[Entity]
    markdown: str | None


def every_page(
    pages: Iterable[tuple[int, RecognisedPage | None]], count: int
) -> Iterator[tuple[int, RecognisedPage | None]]:
    """The pages, which are in ascending order, and between them and up to `count` None for each that is not there."""
    last = 0
    for number, recognised in pages:
        yield from ((missing, None) for missing in range(last + 1, number))
        yield number, recognised
        last = number
    yield from ((missing, None) for missing in range(last + 1, count + 1))


def enlarged(page: RecognisedPage, factor: float) -> RecognisedPage:
    """The page with its size and all its polygons in pixels that are `factor` times as many each way."""
    if factor == 1.0:
        return page

    def larger(polygon: Polygon) -> Polygon:
        return [[round(x * factor), round(y * factor)] for x, y in polygon]

    return {
        **page,
        "width": round(page["width"] * factor),
        "height": round(page["height"] * factor),
        "blocks": [
            {
                **block,
                "polygon": larger(block["polygon"]),
                "lines": [
                    {
                        **line,
                        "polygon": larger(line["polygon"]),
                        "words": [{**word, "polygon": larger(word["polygon"])} for word in line["words"]],
                    }
                    for line in block["lines"]
                ],
            }
            for block in page["blocks"]
        ],
        "tables": [
            {
                **table,
                "polygon": larger(table["polygon"]),
                "cells": [{**cell, "polygon": larger(cell["polygon"])} for cell in table["cells"]],
            }
            for table in page["tables"]
        ],
    }
