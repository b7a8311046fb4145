"""Whole files out of the parts that `core.results` makes, as assembling puts them together."""

from __future__ import annotations

from collections.abc import Sequence

from textdrop.core import results
from textdrop.core.documents import Document, Operation
from textdrop.core.pages import RecognisedPage


def text_file(pages: Sequence[RecognisedPage | None]) -> bytes:
    """`<key>.txt` of these pages."""
    return b"".join(results.page_text(number, page) for number, page in enumerate(pages, start=1))


def result_file(document: Document, operations: Sequence[Operation], pages: Sequence[RecognisedPage | None]) -> bytes:
    """`<key>.ocr.json` of these pages."""
    head, tail = results.result_frame(document, operations)
    body = [results.page_json(operation, page) for operation, page in zip(operations, pages, strict=True)]
    return b"".join([head, *body, tail])
