"""How much work and memory one page takes, whatever was recognised on it: counted, never timed."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from pagekit.child.messages import MAX_LINE_BYTES, Message, send
from pagekit.child.searchable_pdf import searchable_pdf
from pagekit.errors import NotRenderable
from pagekit.outputs import hyphens, page_bounds
from pagekit.outputs.csv_files import csv_files
from pagekit.outputs.markdown import markdown
from pagekit.outputs.numbers import kinds
from pagekit.outputs.page_bounds import MOST, bounded, counted
from pagekit.outputs.service_markdown import harmless
from pagekit.outputs.tables import MAX_COLUMNS, MAX_PLACES, MAX_PLACES_FOR_A_CELL, grid
from pagekit.outputs.workbook import workbook
from pagekit.page import RecognisedPage, Table
from pagekit.pdf.layered_pdf import _places_of
from pagekit.pdf.page_geometry import IDENTITY
from pagekit.pdf.text_lines import placed_lines
from unit.pagekit.outputs.set_page import bare_table, block, cell, page

FAR = 2**31 - 1
LARGE: RecognisedPage = page(
    *[block("\n".join(["слово"] * 2)) for _ in range(3)],
    tables=[bare_table(cell(0, 0, "a"), cell(0, 1, "b"))] * 2,
    markdown="# a",
)


def steps(work: Callable[[], object], named: str = "") -> int:
    """How many calls are made, those of built-in functions and every next value of a generator among them; or how many
    of the built-in functions of that name."""
    count = 0

    def called(_frame: FrameType, event: str, what: Any) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += not named or (event == "c_call" and what.__name__ == named)

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


# Refused


class OneChild:
    """Asks for one page and keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def run(self, task: Message, content: bytes, answer: Any) -> None:
        message, _ = answer({"next": True}, b"")
        self.sent.append(message)


def laid_over(made: RecognisedPage | None) -> Message:
    child: Any = OneChild()
    searchable_pdf(child, io.BytesIO(b"x"), "application/pdf", [(7, made)], io.BytesIO())
    sent: list[Message] = child.sent
    return sent[0]


OUTPUTS: dict[str, Callable[[RecognisedPage], object]] = {
    "markdown": lambda made: list(markdown([(7, made)])),
    "csv files": lambda made: list(csv_files([(7, made)], bom=False)),
    "workbook": lambda made: workbook([(7, made)], io.BytesIO()),
    "searchable pdf": laid_over,
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("what", MOST)
def test_a_page_with_more_than_the_most_is_refused(output: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = counted(LARGE)[what]
    monkeypatch.setitem(page_bounds.MOST, what, there)
    OUTPUTS[output](LARGE)
    monkeypatch.setitem(page_bounds.MOST, what, there - 1)
    with pytest.raises(NotRenderable) as refused:
        OUTPUTS[output](LARGE)
    assert refused.value.what == (
        f"The OCR service gave {there} {what} for page 7; of a page with more than {there - 1} no such file is made."
    )


def test_all_of_a_page_is_counted() -> None:
    assert counted(LARGE) == {
        "blocks": 3,
        "lines": 6,
        "words": 6,
        "tables": 2,
        "cells": 4,
        "characters": 3 * 6 * 5 + 5 + 4 + 3,
    }
    languages = {**page(block("a")), "text": ""}
    languages["blocks"][0]["languages"] = ["ru", "en"]  # type: ignore[index]
    assert counted(languages)["characters"] == 6  # type: ignore[arg-type]


def test_a_page_is_taken_when_the_one_before_it_is_done() -> None:
    taken = []
    for number, _ in bounded((number, taken.append(number)) for number in (1, 2)):  # type: ignore[func-returns-value]
        assert taken[-1] == number


def test_the_child_is_sent_what_is_laid_over_a_page() -> None:
    sent = laid_over(LARGE)["recognised"]
    assert sent == {**LARGE, "text": "", "tables": [], "entities": [], "markdown": None}
    assert laid_over(None) == {"number": 7, "recognised": None}


def test_the_largest_page_is_a_message_that_the_child_takes() -> None:
    """Each letter and each number is as long as JSON makes it; of everything a hundredth is there."""
    most = {what: count // 100 for what, count in MOST.items()}
    far = [[-FAR, -FAR]] * 4
    words: Any = [{"text": "", "polygon": far}] * most["words"]
    lines: Any = [{"text": "", "polygon": far, "words": []}] * (most["lines"] - 1)
    last: Any = {"text": "😀" * most["characters"], "polygon": far, "words": words}
    blocks: Any = [{"type": "section_header", "polygon": far, "languages": [], "lines": []}] * (most["blocks"] - 1)
    blocks.append({"type": "section_header", "polygon": far, "languages": [], "lines": [*lines, last]})
    made: Any = {**page(), "blocks": blocks}
    assert counted(made) == {**most, "tables": 0, "cells": 0}
    file = io.BytesIO()
    send(file, laid_over(made))
    assert 100 * file.tell() <= MAX_LINE_BYTES


# Steps that grow with the page


def cut_lines(count: int) -> RecognisedPage:
    return page(block("\n".join(["слово-"] * count)))


def header_of_words(count: int) -> RecognisedPage:
    return page(block(" ".join(["a"] * count), "header"))


def blocks_without_lines(count: int) -> RecognisedPage:
    return page(block("a"), *[block("") for _ in range(count)])


def places_one_by_one(count: int) -> RecognisedPage:
    """A row of many cells above rows of one, too far apart to be laid out with empty places."""
    across = [cell(0, column, "5") for column in range(count)]
    return page(tables=[bare_table(*across, *(cell(row, 0, "5") for row in range(1, count)), rows=FAR, columns=FAR)])


def cells_in_one_place(count: int) -> RecognisedPage:
    return page(tables=[bare_table(*(cell(0, 0, "a") for _ in range(count)))])


def spans_over_all(count: int) -> RecognisedPage:
    return page(tables=[bare_table(*(cell(row, 0, "a", FAR, FAR) for row in range(count)), columns=10)])


def tables_far_out(count: int) -> RecognisedPage:
    return page(tables=[bare_table(cell(FAR - 1, FAR - 1, "a", FAR, FAR), rows=FAR, columns=FAR)] * (count // 10))


def lines_of_service_markdown(count: int) -> RecognisedPage:
    return page(markdown="`" * count + "\n" + "`\n" * count)


@pytest.mark.parametrize("output", ["markdown", "csv files", "workbook"])
@pytest.mark.parametrize(
    "shape",
    [
        cut_lines,
        header_of_words,
        blocks_without_lines,
        places_one_by_one,
        cells_in_one_place,
        spans_over_all,
        tables_far_out,
        lines_of_service_markdown,
    ],
)
def test_four_times_the_page_takes_four_times_the_steps(output: str, shape: Callable[[int], RecognisedPage]) -> None:
    small, large = shape(100), shape(400)
    OUTPUTS[output](small)  # what is imported or compiled once is not counted
    assert steps(lambda: OUTPUTS[output](large)) < 5 * steps(lambda: OUTPUTS[output](small))


def test_texts_of_one_place_are_joined_at_once() -> None:
    [cells] = cells_in_one_place(100)["tables"]
    assert steps(lambda: grid(cells), "join") == 1


def test_what_is_looked_at_to_join_two_lines_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    joint = hyphens._joint

    def noting(end: str, line: str, words: frozenset[str]) -> str:
        looked_at.append(len(end))
        return joint(end, line, words)

    monkeypatch.setattr(hyphens, "_joint", noting)
    for lines in (["1-"] * 1_000, ["а" * 50_000 + "-", "б"], ["a-" * 50_000, "b"]):
        hyphens.joined(lines, frozenset())
    assert len(looked_at) == 1_001
    assert max(looked_at) == hyphens._LONGEST_HEAD + 1


# Room that counts do not take


@pytest.mark.parametrize(
    "claimed",
    [
        bare_table(cell(0, 0, "a"), rows=99_999, columns=1),
        bare_table(cell(0, 0, "a"), rows=1, columns=16_384),
        bare_table(cell(0, 0, "a"), cell(50_000, 1, "b")),
        bare_table(cell(0, 0, "a", FAR, FAR), rows=FAR, columns=FAR),
        bare_table(cell(0, 0, ""), rows=100, columns=100),
        bare_table(rows=100, columns=100),
    ],
    ids=["rows", "columns", "a cell far down", "spans", "no text", "no cells"],
)
def test_what_is_only_claimed_takes_no_room(claimed: Table) -> None:
    assert sum(map(len, grid(claimed).rows)) <= len(claimed["cells"])


def test_a_table_of_many_cells_has_its_empty_places() -> None:
    cells = [cell(row, 0, "a") for row in range(2_000)]
    assert MAX_PLACES < MAX_PLACES_FOR_A_CELL * len(cells) == 20_000
    assert {len(row) for row in grid(bare_table(*cells, columns=10)).rows} == {10}
    assert {len(row) for row in grid(bare_table(*cells, columns=11)).rows} == {1}


def test_rows_are_cut_where_a_table_is_wider_than_any_page() -> None:
    made = grid(bare_table(*(cell(0, column, "a") for column in range(MAX_COLUMNS + 1))))
    assert list(map(len, made.rows)) == [MAX_COLUMNS, 1]


def test_words_without_places_of_a_line_longer_than_any_take_the_room_of_one() -> None:
    for count, stretches in ((2_000, 2_000), (4_000, 1)):
        lines = block(" ".join(["\u05e9\u05dc"] * count))
        lines["lines"][0]["words"] = []
        [placed] = placed_lines(page(lines))
        assert len(placed.stretches) == stretches
        assert " ".join(stretch.text for stretch in placed.stretches) == " ".join(["\u05dc\u05e9"] * count)


def test_a_page_of_millions_of_pixels_has_a_bounded_number_of_bands() -> None:
    high = 10_000_000
    seen = ((0.0, 0.0), (10.0, 0.0), (10.0, float(high)), (0.0, float(high)))
    assert steps(lambda: _places_of([seen], IDENTITY, high)) < 3_000
    is_seen = _places_of([seen], IDENTITY, high)
    assert [is_seen(5, y) for y in (0, high / 2, high)] == [True] * 3
    assert [is_seen(x, y) for x, y in ((11, 5), (5, -1), (5, high + 1), (5, FAR))] == [False] * 4


def test_numbers_of_thousands_of_digits_are_texts() -> None:
    items = grid(bare_table(cell(0, 0, "1" * 5_000), cell(1, 0, "1.1"), cell(2, 0, "1." + "1" * 5_000)))
    assert kinds(items).marks == {}


def test_a_fence_of_any_length_is_closed() -> None:
    assert harmless("`" * 5_000 + "\na").endswith("\n" + "`" * 5_000)
