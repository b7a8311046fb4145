"""A recognised page, as plain JSON data in the shape of `pages[]` in the result file.

Polygons are four `[x, y]` from the top left, clockwise: for an image in its own pixels, turned as EXIF says; for a page
of a PDF in pixels of the page as the OCR service saw it.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypedDict, cast, get_args, get_origin, get_type_hints, is_typeddict

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


_FOUR_POINTS = [[int, int]] * 4


def stored_page(body: bytes) -> RecognisedPage:
    """The page in its JSON: with all fields that a page has, and no others.

    Raises ValueError if one is missing, or of another type.
    """
    try:
        return cast(RecognisedPage, _reader(RecognisedPage)(json.loads(body)))
    except (KeyError, RecursionError):
        raise ValueError("not a page") from None


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    if kind == Polygon:
        return _polygon
    if is_typeddict(kind):
        fields = [(name, _reader(hint)) for name, hint in get_type_hints(kind).items()]
        return lambda value: _fields(_of_type(value, dict), fields)
    if get_origin(kind) is list:
        [item] = map(_reader, get_args(kind))
        return lambda value: [item(each) for each in _of_type(value, list)]
    if get_origin(kind) is types.UnionType:
        [inner] = [_reader(each) for each in get_args(kind) if each is not types.NoneType]
        return lambda value: None if value is None else inner(value)
    return lambda value: _of_type(value, kind)


def _fields(found: dict[str, Any], fields: list[tuple[str, Callable[[Any], Any]]]) -> dict[str, Any]:
    return {name: read(found[name]) for name, read in fields}


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:  # True is not a number
        raise ValueError(f"not a page: something is no {kind.__name__}")
    return value


def _polygon(value: Any) -> Any:
    if [[type(each) for each in _of_type(point, list)] for point in _of_type(value, list)] != _FOUR_POINTS:
        raise ValueError("not a page: something is no polygon")
    return value


def every_page(
    pages: Iterable[tuple[int, RecognisedPage | None]], count: int
) -> Iterator[tuple[int, RecognisedPage | None]]:
    """The pages, which are in ascending order, with None for each one that is missing between them and up to
    `count`."""
    last = 0
    for number, recognised in pages:
        yield from ((missing, None) for missing in range(last + 1, number))
        yield number, recognised
        last = number
    yield from ((missing, None) for missing in range(last + 1, count + 1))


def enlarged(page: RecognisedPage, factor: float) -> RecognisedPage:
    """The page with its size and all its polygons in pixels of which there are `factor` times as many each way."""
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
