"""Documents of every kind, and the files and notices that the program makes of them.

Pages are read out of answers in the OCR service's own form, so that the examples show the whole way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from local.ocr.annotation import Block, Box, Line, Page, Word, enclosing, text_annotation
from local.ocr.protocol import result_line
from local.results_page.whole_files import result_file, text_file
from textdrop.adapters.yandex.recognition import read_page
from textdrop.core import identity, problems, results
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Document,
    DocumentState,
    Operation,
    OperationState,
    Options,
    Outcome,
    Problem,
    Source,
)
from textdrop.core.errors import Reason, Trace
from textdrop.core.pages import RecognisedPage

RESULTS_BUCKET = "textdrop-results"
ACCEPTED_AT = 1_773_480_415.25
TRACE = Trace(
    200, 0, "", "4b1f0c9e-6a53-4a55-9d0e-2f6a8a1f7c11", "d3c1a2b4-7f60-4a39-8d55-0f1e9b7a6c22", "7e5a4c3b2d1f"
)
FAILURE = replace(TRACE, code=3, message="image is too blurred")

# Width of a character and height of a line, in pixels.
CHARACTER, HEIGHT = 24, 44


def _source(key: str, version: str, size: int) -> Source:
    etag = "b026324c6904b2a9cb4b88d6d61c81d1"
    return Source("textdrop-uploads", key, version, etag, size, last_modified=1_773_480_413.0)


def _document(source: Source, outcome: Outcome, pages: int, recognized: int, problem: Problem | None) -> Document:
    return Document(
        identity.document_id(source),
        source,
        DocumentState.DELIVERING,
        ACCEPTED_AT,
        submit_passes=1,
        options=Options(("ru", "en"), "page", languages_from="metadata"),
        media_type="application/pdf",
        pages=pages,
        outcome=outcome,
        problem=problem,
        pages_recognized=recognized,
        outcome_at=ACCEPTED_AT + 3.25,
    )


def _operation(document: Document, page: int, problem: Problem | None = None) -> Operation:
    described = OperationDescription(
        f"fd8o8hrp4k2m1n0b7c{page:02d}",
        "OCR async recognition",
        "2026-03-14T09:26:56Z",
        "aje0b1c2d3e4f5g6h7i8",
        "2026-03-14T09:26:58Z",
    )
    state = OperationState.FAILED if problem else OperationState.RECOGNIZED
    return Operation(document.id, 1, page, state, described=described, problem=problem, trace=TRACE)


# --- pages ------------------------------------------------------------------------------------------------------------


def _line(text: str, left: int, top: int) -> Line:
    words = []
    for part in text.split():
        box: Box = (left, top, left + CHARACTER * len(part), top + HEIGHT)
        words.append(Word(part, box))
        left = box[2] + CHARACTER
    return Line(tuple(words), enclosing([word.box for word in words]))


def _page(*lines: str, rotate: int = 0) -> Page:
    placed = tuple(_line(text, 412, 318 + 64 * number) for number, text in enumerate(lines))
    blocks = (Block(placed, enclosing([line.box for line in placed]), ("ru",)),) if placed else ()
    return Page(1654, 2339, blocks, rotate)


def _turned(page: Page) -> Page:
    """The page as it lies in the scanner, turned by 90 degrees clockwise: its top is at the right."""

    def turned(box: Box) -> Box:
        left, top, right, bottom = box
        return page.height - bottom, left, page.height - top, right

    def line(upright: Line) -> Line:
        return Line(tuple(Word(word.text, turned(word.box)) for word in upright.words), turned(upright.box))

    blocks = tuple(
        Block(tuple(line(one) for one in block.lines), turned(block.box), block.languages) for block in page.blocks
    )
    return Page(page.height, page.width, blocks, 90)


def _read(annotation: dict[str, Any]) -> RecognisedPage:
    return read_page(result_line(annotation, 0))


def _corners(left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return {"vertices": [{"x": str(x), "y": str(y)} for x, y in corners]}


def _cell(row: int, column: int, text: str, *, columns: int = 1) -> dict[str, Any]:
    left, top = 412 + 300 * column, 318 + 64 * row
    return {
        "boundingBox": _corners(left, top, left + 300 * columns, top + 64),
        "rowIndex": str(row),
        "columnIndex": str(column),
        "rowSpan": "1",
        "columnSpan": str(columns),
        "text": text,
    }


def _with_table() -> dict[str, Any]:
    cells = [_cell(0, 0, "Итого", columns=2), _cell(1, 0, "Шт."), _cell(1, 1, "12")]
    table = {"boundingBox": _corners(412, 318, 1012, 446), "rowCount": "2", "columnCount": "2", "cells": cells}
    return {**text_annotation(_page("Итого", "Шт. 12")), "tables": [table]}


def _with_entities() -> dict[str, Any]:
    found = {"surname": "примерова", "name": "анна", "birth_date": "01.02.1990", "expiration_date": "-"}
    entities = [{"name": name, "text": text} for name, text in found.items()]
    return {**text_annotation(_page("Примерова", "Анна", "01.02.1990")), "entities": entities}


def _with_markdown() -> dict[str, Any]:
    return {**text_annotation(_page("Договор", "Пункт первый")), "markdown": "# Договор\n\n- Пункт первый\n"}


TITLE = text_annotation(_page("Договор № 7"))
TITLE["blocks"][0]["layoutType"] = "LAYOUT_TYPE_TITLE"
PAGE = _read(TITLE)
BLANK = _read(text_annotation(_page()))

# --- documents --------------------------------------------------------------------------------------------------------

SUCCEEDED = _document(
    _source("contracts/scan.pdf", "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH", 183_204), Outcome.SUCCEEDED, 1, 1, None
)
FAILED_PAGE = problems.failed_in_service(FAILURE)
PARTIAL = _document(
    _source("contracts/three pages.pdf", "Kd7TnFzTnB1kWqyRyq6gFJm2sH8x.1aB", 402_118),
    Outcome.PARTIAL,
    3,
    2,
    FAILED_PAGE,
)
FAILED = _document(
    _source("contracts/blurred.pdf", "mRk1Xq8XnB2kPzyTyq6gFJm2aB4c.9zY", 97_016), Outcome.FAILED, 1, 0, FAILED_PAGE
)
SKIPPED = replace(
    _document(_source("notes.txt", "Qx8XnB2kPzyTyq6gFJm2aB4cmRk1.7pL", 17), Outcome.SKIPPED, 0, 0, None),
    problem=Problem(
        Reason.UNSUPPORTED_TYPE,
        "The file is a plain text file; PDF, JPEG and PNG can be recognised.",
        "It holds text already, so there is nothing to recognise; to have it read as a page, print it as PDF.",
    ),
    options=None,
    media_type="",
)
PARTIAL_OPERATIONS = [
    _operation(PARTIAL, 1),
    _operation(PARTIAL, 2, FAILED_PAGE),
    _operation(PARTIAL, 3),
]
FAILED_OPERATIONS = [_operation(FAILED, 1, FAILED_PAGE)]
PARTIAL_PAGES = [PAGE, None, BLANK]


def result(document: Document, operations: Sequence[Operation], pages: Sequence[RecognisedPage | None]) -> Any:
    """What the document's `.ocr.json` holds."""
    return json.loads(result_file(document, operations, pages))


def succeeded() -> Any:
    return result(SUCCEEDED, [_operation(SUCCEEDED, 1)], [PAGE])


def partial() -> Any:
    return result(PARTIAL, PARTIAL_OPERATIONS, PARTIAL_PAGES)


def partial_text() -> str:
    """What the document's `.txt` holds."""
    return text_file(PARTIAL_PAGES).decode("utf-8")


def page_of(annotation: dict[str, Any], model: str = "page") -> Any:
    """The page in the result of a document that has just this one."""
    document = replace(SUCCEEDED, options=Options(("ru", "en"), model, model_from="metadata"))
    return result(document, [_operation(document, 1)], [_read(annotation)])["pages"][0]


def rotated() -> Any:
    return page_of(text_annotation(_turned(_page("Договор"))))


def with_table() -> Any:
    return page_of(_with_table(), "table")


def with_entities() -> Any:
    return page_of(_with_entities(), "passport")


def with_markdown() -> Any:
    return page_of(_with_markdown(), "markdown")


def failed() -> Any:
    """What the document's `.error.json` holds."""
    return json.loads(results.error_file(FAILED, FAILED_OPERATIONS))


def skipped() -> Any:
    return json.loads(results.error_file(SKIPPED, []))


NOTICES = {"succeeded": SUCCEEDED, "partial": PARTIAL, "failed": FAILED, "skipped": SKIPPED}


def notice(document: Document) -> Any:
    """The notice's body."""
    operations = {PARTIAL.id: PARTIAL_OPERATIONS, FAILED.id: FAILED_OPERATIONS}.get(document.id, [])
    return json.loads(results.notice(document, operations, RESULTS_BUCKET, True, True))


def attributes(document: Document) -> dict[str, str]:
    """The notice's SNS message attributes."""
    return results.notice_attributes(document)
