"""Makes the protocol's textAnnotation from a page that was read: boxes, text segments, full text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.ocr import scripts

_HEADINGS = {"TITLE": "# ", "SECTION_HEADER": "## "}

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True)
class Word:
    """A word and its box."""

    text: str
    box: Box


@dataclass(frozen=True)
class Line:
    """The words of a line, from left to right as the text runs."""

    words: tuple[Word, ...]

    @property
    def box(self) -> Box:
        return _enclosing([word.box for word in self.words])


@dataclass(frozen=True)
class Block:
    """The lines of a block; `layout` is one of the service's layout types: TEXT, TITLE, SECTION_HEADER."""

    lines: tuple[Line, ...]
    layout: str = "TEXT"

    @property
    def box(self) -> Box:
        return _enclosing([line.box for line in self.lines])

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1, the one with more letters first."""
        return scripts.languages([word.text for line in self.lines for word in line.words])


@dataclass(frozen=True)
class Cell:
    """A cell of a table; rows and columns count from 0. `block`: which of the page's blocks is its text, None if it has
    none."""

    row: int
    column: int
    box: Box
    block: int | None


@dataclass(frozen=True)
class Table:
    """A table; its cells from left to right and row by row."""

    rows: int
    columns: int
    box: Box
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Page:
    """A page as read; width, height and boxes are of the page as sent.

    `rotate`: by how many degrees clockwise the page as sent is turned from upright.
    """

    width: int
    height: int
    blocks: tuple[Block, ...]
    rotate: int = 0
    tables: tuple[Table, ...] = ()


def text_annotation(page: Page, *, markdown: bool = False) -> dict[str, Any]:
    """The textAnnotation, in the shape of the service's own samples; a blank page has no blocks and an empty fullText.

    `markdown` is filled for the models that have it, otherwise it is one space, as the service answers.
    """
    blocks: list[dict[str, Any]] = []
    full_text = ""
    for block in page.blocks:
        start = len(full_text)
        lines = []
        for line in block.lines:
            lines.append(_line(line, len(full_text), page.rotate))
            full_text += f"{_text(line)}\n"
        blocks.append(
            {
                "boundingBox": _polygon(block.box),
                "lines": lines,
                "languages": [{"languageCode": code} for code in block.languages],
                "textSegments": _segment(start, len(full_text) - 1 - start),
                "layoutType": f"LAYOUT_TYPE_{block.layout}",
            }
        )
    return {
        "width": str(page.width),
        "height": str(page.height),
        "blocks": blocks,
        "entities": [],
        "tables": [_table(table, page.blocks, blocks) for table in page.tables],
        "fullText": full_text,
        "rotate": f"ANGLE_{page.rotate}",
        "markdown": "\n\n".join(map(_markdown, page.blocks)) if markdown else " ",
        "pictures": [],
    }


def _enclosing(boxes: list[Box]) -> Box:
    """The smallest box around all boxes."""
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _markdown(block: Block) -> str:
    if block.layout in _HEADINGS:
        return _HEADINGS[block.layout] + " ".join(map(_text, block.lines))
    return "\n".join(map(_text, block.lines))


def _text(line: Line) -> str:
    return " ".join(word.text for word in line.words)


def _line(line: Line, start: int, rotate: int) -> dict[str, Any]:
    words = []
    position = start
    for word in line.words:
        words.append(
            {
                "boundingBox": _polygon(word.box),
                "text": word.text,
                "entityIndex": "-1",
                "textSegments": _segment(position, len(word.text)),
            }
        )
        position += len(word.text) + 1
    return {
        "boundingBox": _polygon(line.box),
        "text": _text(line),
        "words": words,
        "textSegments": _segment(start, len(_text(line))),
        "orientation": f"ANGLE_{rotate}",
    }


def _table(table: Table, read: Sequence[Block], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """`read` are the page's blocks, `blocks` the annotation's. An empty cell has no text segment."""
    cells = []
    for cell in table.cells:
        cells.append(
            {
                "boundingBox": _clockwise(cell.box),
                "rowIndex": str(cell.row),
                "columnIndex": str(cell.column),
                "columnSpan": "1",
                "rowSpan": "1",
                "text": "" if cell.block is None else "\n".join(map(_text, read[cell.block].lines)),
                "textSegments": [] if cell.block is None else blocks[cell.block]["textSegments"],
            }
        )
    return {
        "boundingBox": _clockwise(table.box),
        "rowCount": str(table.rows),
        "columnCount": str(table.columns),
        "cells": cells,
    }


def _clockwise(box: Box) -> dict[str, Any]:
    """Top left, top right, bottom right, bottom left: the order of the service's tables and cells."""
    first, *others = _polygon(box)["vertices"]
    return {"vertices": [first, *reversed(others)]}


def _polygon(box: Box) -> dict[str, Any]:
    """Top left, bottom left, bottom right, top right: the order of the service's blocks, lines and words."""
    left, top, right, bottom = box
    corners = ((left, top), (left, bottom), (right, bottom), (right, top))
    return {"vertices": [{"x": str(x), "y": str(y)} for x, y in corners]}


def _segment(start: int, length: int) -> list[dict[str, str]]:
    """Characters of fullText, not bytes."""
    return [{"startIndex": str(start), "length": str(length)}]
