"""Outputs of a long document keep no page longer than they need it."""

from __future__ import annotations

import io
import weakref
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from pagekit.outputs.csv_files import csv_files
from pagekit.outputs.markdown import markdown
from pagekit.outputs.workbook import workbook
from pagekit.page import RecognisedPage
from unit.pagekit.outputs.set_page import block, page, table

Pages = Iterator[tuple[int, RecognisedPage]]
COUNT = 400
OUTPUTS: dict[str, Callable[[Pages], object]] = {
    "markdown": lambda pages: deque(markdown(pages), maxlen=0),
    "csv": lambda pages: deque(csv_files(pages, bom=False), maxlen=0),
    "workbook": lambda pages: workbook(pages, io.BytesIO()),
}


class TrackedPage(dict[str, object]):
    """A page that can be watched until it is gone; plain dicts cannot."""


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_of_a_long_document_no_page_is_kept(output: Callable[[Pages], object]) -> None:
    alive: set[int] = set()
    most = 0

    def pages() -> Pages:
        nonlocal most
        for number in range(1, COUNT + 1):
            blocks = block(f"Report {number}", "header"), block(f"Text of page {number}.", top=200)
            made = TrackedPage(page(*blocks, tables=[table([["Tea", "12"]], top=400)]))
            alive.add(number)
            weakref.finalize(made, alive.discard, number)
            yield number, made  # type: ignore[misc]
            del made
            most = max(most, len(alive))

    given = pages()
    output(given)
    assert next(given, None) is None, "all pages are in it"
    assert most <= 2
