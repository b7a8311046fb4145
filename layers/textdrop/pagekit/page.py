"""A recognised page, as plain JSON data in the shape of `pages[]` in the result file.

Polygons are four `[x, y]` from the top left, clockwise, in pixels of the page as sent.
"""

from __future__ import annotations

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
