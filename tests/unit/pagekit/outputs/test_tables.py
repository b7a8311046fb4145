"""Tables in the text, as CSV files and as workbooks."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from pagekit.outputs import tables, workbook
from pagekit.outputs.csv_files import BOM, csv_files, escaped
from pagekit.outputs.numbers import kinds
from pagekit.outputs.tables import Merge, grid, no_tables_note
from pagekit.outputs.workbook import CUT, MAX_TEXT, cell_text
from pagekit.page import RecognisedPage, Table
from unit.pagekit.outputs.set_page import bare_table, block, blocks_in, cell, page, table
from unit.pagekit.outputs.shown import body

GOODS = [["Товар", "Цена"], ["Чай", "12,50"], ["Кофе", "-3"]]
LOW = table(GOODS, top=200)


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))


def one_csv(found: Table) -> list[list[str]]:
    [(_, _, content)] = csv_files([(1, page(tables=[found]))], bom=False)
    return read_csv(content)


def workbook_of(pages: Iterable[tuple[int, RecognisedPage | None]]) -> bytes:
    file = io.BytesIO()
    workbook.workbook(pages, file)
    return file.getvalue()


def book(*pages: RecognisedPage | None) -> Any:
    return openpyxl.load_workbook(io.BytesIO(workbook_of(enumerate(pages, 1))))


def values(sheet: Any) -> list[list[Any]]:
    return [["" if value is None else value for value in row] for row in sheet.iter_rows(values_only=True)]


# In the text


def test_a_table_stands_at_its_place_and_its_text_only_there() -> None:
    made = page(block("Перечень товаров."), *blocks_in(LOW), block("Всего два.", top=400), tables=[LOW])
    assert body(made) == (
        "Перечень товаров.\n\n| Товар | Цена |\n| --- | --- |\n| Чай | 12,50 |\n| Кофе | -3 |\n\nВсего два."
    )


def test_a_table_within_a_block_cuts_it() -> None:
    found = table(GOODS, top=130, column_width=100)
    before, _, after = body(page(block("Было:\nТовар Цена\nЧай 12,50\nКофе -3\nСтало."), tables=[found])).split("\n\n")
    assert (before, after) == ("Было:", "Стало.")


def test_text_that_the_table_leaves_out_stays() -> None:
    made = page(*blocks_in(LOW), block("Примечание", left=110, top=230), tables=[LOW])
    assert "Примечание" in body(made).split("\n\n")


def test_a_table_without_text_in_the_blocks_stands_by_its_place() -> None:
    made = page(block("До."), block("После.", top=400), tables=[LOW])
    assert [part[:2] for part in body(made).split("\n\n")] == ["До", "| ", "По"]


def test_a_table_without_a_place_takes_each_of_its_lines_once() -> None:
    made = page(
        block("Чай"), block("Кофе", top=200), block("Чай", top=300), tables=[bare_table(cell(0, 0, "Чай\nКофе"))]
    )
    assert body(made) == "| Чай Кофе |\n| --- |\n\nЧай"


@pytest.mark.parametrize(
    "empty",
    [table([["", ""], [" ", "\n"]]), bare_table(rows=3, columns=2), bare_table(cell(0, 0, "", 2, 2)), bare_table()],
)
def test_an_empty_table_is_in_no_output_and_not_counted(empty: Table) -> None:
    assert body(page(tables=[empty])) == ""
    made = page(tables=[empty, LOW])
    assert [(number, position) for number, position, _ in csv_files([(1, made)], bom=False)] == [(1, 1)]
    assert book(made).sheetnames == ["p1 t1"]


# Laid out


@pytest.mark.parametrize(
    ("found", "rows", "text"),
    [
        (bare_table(cell(1, 1, "x"), cell(0, 0, "a"), rows=1, columns=1), [["a", ""], ["", "x"]], "| a |  |\n|  | x |"),
        (bare_table(cell(0, 0, "a"), cell(0, 0, "b")), [["a\nb"]], "| a b |"),
        (bare_table(cell(10**9, 10**9, "b", 10**9, 10**9), cell(0, 0, "a")), [["a"], ["b"]], "| a |\n| b |"),
        (bare_table(cell(0, 0, "a"), cell(1, 0, "b"), rows=10**9, columns=10**9), [["a"], ["b"]], "| a |\n| b |"),
        (bare_table(cell(0, 0, "a"), cell(1, 20_000, "b")), [["a"], ["b"]], "| a |\n| b |"),
    ],
    ids=["cells outside", "two in one place", "far out", "said to be huge", "beyond the columns"],
)
def test_each_output_has_the_same_rows(found: Table, rows: list[list[str]], text: str) -> None:
    """Also of a table that claims to be huge, without its empty places."""
    assert grid(found).rows == rows
    assert one_csv(found) == rows
    assert values(book(page(tables=[found])).active) == rows
    assert re.sub(r"\n\|( --- \|)+", "", body(page(tables=[found]))) == text


@pytest.mark.parametrize(
    ("found", "merges"),
    [
        (
            bare_table(cell(0, 0, "a", 2, 2), cell(0, 2, "b", 5, 5), cell(2, 0, "c", 1, 2), cell(2, 1, "d")),
            [Merge(0, 0, 1, 1), Merge(0, 2, 2, 2)],
        ),
        (
            bare_table(cell(0, 0, "a", 2, 2), cell(0, 2, "b"), cell(1, 0, "", 1, 1), cell(2, 0, "e", 1, 3)),
            [Merge(2, 0, 2, 2)],
        ),
        (bare_table(cell(0, 1, "a", 3, 1), cell(1, 0, "b", 1, 3), rows=3, columns=3), [Merge(0, 1, 2, 1)]),
        # A span over all of a large table takes no time.
        (bare_table(*(cell(row, 0, "a", 10**9, 10**9) for row in range(100)), columns=100), []),
    ],
    ids=["where nothing else stands", "not over another place", "once where they cross", "huge"],
)
def test_spans_are_merged(found: Table, merges: list[Merge]) -> None:
    assert grid(found).merges == tuple(merges)


# CSV


def test_csv_files_are_named_by_page_and_table() -> None:
    third = page(tables=[table([["a"]]), bare_table(), table([["b", 'say "x, y"\nz']])])
    pages = [(1, page(block("Текст."))), (2, None), (3, third)]
    assert list(csv_files(pages, bom=False)) == [
        (3, 1, b"a\r\n"),
        (3, 2, b'b,"say ""x, y""\nz"\r\n'),
    ]
    assert next(csv_files(pages, bom=True)) == (3, 1, BOM + b"a\r\n")


def test_spans_in_csv_leave_places_empty() -> None:
    assert one_csv(bare_table(cell(0, 0, "Итого", 1, 2), cell(1, 0, "шт."), cell(1, 1, "12"))) == [
        ["Итого", ""],
        ["шт.", "12"],
    ]


FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "-1-2",
    "@SUM(A1)",
    "  =1+1",
    "\u200b=1",
    '"=1',
    "＝1+1",
    "+7 (495) 123-45-67",
    "+7 495 123 45 67",
    "+74951234567",
    "-5 руб.",
    "- пункт",
    "+",
    "-A1",
]
NO_FORMULAS = [
    *("-12,5", "-1 234 567,89", "-1\u00a0234", "-1,234.56", "+3", "+12,5 %", "-7%", "- 5", "12", "−5"),
    *("-", "---", "—", "a=b", "a-b", "'=1", "", "a@b.c", "x; -5"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, f"'{text}") for text in FORMULAS),
        *((text, text) for text in NO_FORMULAS),
        # Other separators cut no formula free.
        *[("x;=1+1", "x;'=1+1"), ('x;"=1"', 'x;\'"=1"'), ("x\n=1", "x\n'=1"), ("x\t@a", "x\t'@a")],
        ("=1;=2", "'=1;'=2"),
    ],
)
def test_what_could_be_a_formula_is_escaped(text: str, expected: str) -> None:
    assert escaped(text) == expected


CELL = st.text(st.sampled_from("ab1Я =+-@\"',;|\t\r\n\0\x1b\ud800\ufffe_x<r>/&"), max_size=12) | st.text(max_size=8)
ROWS = (
    st.integers(1, 4)
    .flatmap(lambda columns: st.lists(st.lists(CELL, min_size=columns, max_size=columns), min_size=1, max_size=4))
    .filter(lambda rows: not grid(table(rows)).is_empty)
)


@settings(deadline=None)
@given(ROWS)
def test_csv_reads_back(rows: list[list[str]]) -> None:
    read = one_csv(table(rows))
    assert read == [[escaped(text) for text in row] for row in grid(table(rows)).rows]
    for row in read:
        for text in row:
            assert not text.startswith(("=", "@", "\t", "\r"))


# Workbooks


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_a_workbook_reads_back_as_texts_and_numbers(rows: list[list[str]]) -> None:
    laid_out = grid(table(rows))
    found = kinds(laid_out)
    sheet = book(page(tables=[table(rows)]))["p1 t1"]
    for row, texts in enumerate(laid_out.rows):
        for column, text in enumerate(texts):
            read = sheet.cell(row + 1, column + 1)
            number = found.number(row, column, text)
            if number is not None:
                assert (read.data_type, read.value, read.number_format) == ("n", number.value, number.format)
            else:
                assert unescape(read.value or "") == cell_text(text)
                assert read.value is None or read.data_type in ("s", "inlineStr")


def test_a_head_is_bold_and_stays_in_sight() -> None:
    sheet = book(page(tables=[LOW])).active
    assert values(sheet) == [["Товар", "Цена"], ["Чай", 12.5], ["Кофе", -3]]
    assert sheet.freeze_panes == "A2"
    assert [[cell.font.bold for cell in row] for row in sheet.iter_rows()] == [[True] * 2, [False] * 2, [False] * 2]
    assert book(page(tables=[table(GOODS[1:])])).active.freeze_panes is None


@pytest.mark.parametrize(
    "text",
    [
        *("<r>x</r>", "<r><t>&</t></r>", "_x0041_", "=1", "http://a.example", "<b>&amp;", "{=1}"),
        *("+7 (495) 123-45-67", "+74951234567", "-2+3", "@SUM(A1)", "-1-2", "=-5", "1e5", "TRUE", "0012", "12.05.2024"),
    ],
)
def test_texts_that_look_like_more_are_texts(text: str) -> None:
    read = book(page(tables=[table([[text]])])).active["A1"]
    assert (unescape(read.value).strip(), read.hyperlink) == (text, None)
    assert read.data_type in ("s", "inlineStr")


def test_a_text_that_looks_like_a_formula_stays_one_when_it_is_edited() -> None:
    sheet = book(page(tables=[table([["=1+1", "a"]])])).active
    assert (sheet["A1"].quotePrefix, sheet["B1"].quotePrefix) == (True, False)


def test_numbers_of_more_formats_than_a_workbook_takes_are_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_NUMBER_FORMATS", 2)
    sheet = book(page(tables=[table([["1", "1.5", "1.25"], ["2", "2.5", "2.25"]])])).active
    assert values(sheet) == [[1, 1.5, "1.25"], [2, 2.5, "2.25"]]


def test_columns_without_text_have_no_width_of_their_own() -> None:
    sheet = book(page(tables=[bare_table(cell(0, 0, "a" * 20), cell(0, 999, "b" * 20))])).active
    assert list(sheet.column_dimensions) == ["A", "ALL"]


@pytest.mark.parametrize("character", ["a", "😀"])
def test_a_text_too_long_for_a_cell_is_cut(character: str) -> None:
    read = book(page(tables=[table([[character * 40_000]])])).active["A1"].value
    units = len(read.encode("utf-16-le")) // 2
    assert MAX_TEXT - 1 <= units <= MAX_TEXT
    assert read.strip(character) == CUT
    assert cell_text("a" * MAX_TEXT) == "a" * MAX_TEXT


def test_the_same_tables_make_the_same_bytes() -> None:
    assert workbook_of([(1, page(tables=[LOW]))]) == workbook_of([(1, page(tables=[LOW]))])


def test_beyond_the_limit_tables_stand_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_SHEETS", 2)
    monkeypatch.setattr(workbook, "MAX_ROWS", 10)
    merged = bare_table(cell(0, 0, "m", 1, 2), cell(1, 0, "n"), cell(1, 1, "o"))
    found = book(
        *(page(tables=[made]) for made in (table([["a"]]), table([["b"]]), table(GOODS), merged, table(GOODS)))
    )
    assert found.sheetnames == ["p1 t1", "p2 t1", "more", "more 2"]
    assert [row[0] for row in values(found["more"])] == ["p3 t1", "Товар", "Чай", "Кофе", "", "p4 t1", "m", "n"]
    assert list(map(str, found["more"].merged_cells.ranges)) == ["A7:B7"]
    assert [row[0] for row in values(found["more 2"])] == ["p5 t1", "Товар", "Чай", "Кофе"]


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_ROWS", 3)
    rows = [[str(number)] for number in range(7)]
    found = book(page(tables=[table(rows)]))
    assert [row[0] for sheet in found for row in values(sheet)] == list(range(7))
    assert found.sheetnames == ["p1 t1", "p1 t1 (2)", "p1 t1 (3)"]


# None at all, and many


def test_what_is_told_when_there_are_none() -> None:
    assert no_tables_note("page") == 'No tables were found by the model "page"; the model "table" finds ruled tables.'
    assert no_tables_note("table") == "No tables were found."


def test_pages_that_cannot_be_read_leave_nothing_behind(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def pages() -> Iterator[tuple[int, RecognisedPage]]:
        yield 1, page(tables=[table(GOODS)])
        raise ConnectionError

    with pytest.raises(ConnectionError):
        workbook_of(pages())
    assert list(tmp_path.iterdir()) == []


def test_limits_are_those_of_excel() -> None:
    assert (workbook.MAX_ROWS, MAX_TEXT) == (1_048_576, 32_767)
    assert tables.MAX_COLUMNS <= 16_384
