"""The tables of a document as an Excel workbook, a sheet for each. Cells are texts or numbers, never formulas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from pagekit.outputs.numbers import Kinds, Number, kinds
from pagekit.outputs.tables import Grid, NumberedTable, numbered_tables
from pagekit.page import RecognisedPage

if TYPE_CHECKING:
    import xlsxwriter

MAX_SHEETS = 200
"""So many tables have a sheet each. Further ones stand below each other on the next sheet: each sheet holds a file open
until the end, and nobody leafs through more."""
MAX_ROWS = 1_048_576
MAX_TEXT = 32_767
CUT = "… [cut]"
MAX_NUMBER_FORMATS = 200
"""Excel opens no more formats in one workbook; further numbers stay texts, which look as on the page."""
# The same tables make the same bytes.
_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_SIGNS = ("=", "+", "-", "@")
_WIDTHS = (8, 60)


def workbook(pages: Iterable[tuple[int, RecognisedPage | None]], to: BinaryIO) -> None:
    """Writes the workbook of all tables into `to`.

    Sheets are named by page and table ("p2 t1"). Beyond MAX_SHEETS, tables are on "more", each under its name. A table
    too long for a sheet continues on the next. A cell's spans are merged if nothing else stands in them. Columns of
    numbers are numbers, shown as on the page; a head is bold and, on a sheet of its own, stays in sight. A text too
    long for a cell is cut, and says so at its end. If reading the pages fails, what was written into `to` is of no use.
    """
    import xlsxwriter

    # Rows are written to disk as they come; texts go into their cells rather than into one list.
    with xlsxwriter.Workbook(to, {"constant_memory": True}) as book:
        book.set_properties({"created": _CREATED})
        writer = _Writer(book)
        for count, table in enumerate(numbered_tables(pages), 1):
            writer.add(table, alone=count <= MAX_SHEETS)


class _Writer:
    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._formats: dict[tuple[tuple[str, object], ...], Any] = {}
        self._number_formats: set[str] = set()
        self._more: Any = None
        self._mores = 0
        self._next_row = 0

    def add(self, table: NumberedTable, *, alone: bool) -> None:
        """Adds the table to the workbook: on a sheet of its own, or below the ones before."""
        name = f"p{table.page} t{table.table}"
        if alone or len(table.grid.rows) >= MAX_ROWS:
            self._add_sheets(name, table.grid)
            return
        if self._more is None or self._next_row + 1 + len(table.grid.rows) > MAX_ROWS:
            self._mores += 1
            self._next_row = 0
            self._more = self._book.add_worksheet("more" if self._mores == 1 else f"more {self._mores}")
        self._more.write_string(self._next_row, 0, name)
        self._write(self._more, table.grid, self._next_row + 1, kinds(table.grid))
        self._next_row += len(table.grid.rows) + 2

    def _add_sheets(self, name: str, grid: Grid) -> None:
        """Adds a sheet, or several for a table too long for one; spans are merged on the first."""
        found = kinds(grid)
        for part, first in enumerate(range(0, len(grid.rows), MAX_ROWS), 1):
            rows = grid.rows[first : first + MAX_ROWS]
            sheet = self._book.add_worksheet(name if part == 1 else f"{name} ({part})")
            self._set_widths(sheet, rows)
            merges = tuple(merge for merge in grid.merges if merge.last_row < MAX_ROWS) if part == 1 else ()
            of_part = found if part == 1 else replace(found, header=0)
            if of_part.header:
                sheet.freeze_panes(of_part.header, 0)
            self._write(sheet, Grid(rows, merges), 0, of_part)

    def _write(self, sheet: Any, grid: Grid, top: int, found: Kinds) -> None:
        for row, texts in enumerate(grid.rows):
            for column, text in enumerate(texts):
                if text:
                    self._write_cell(
                        sheet, row + top, column, text, found.number(row, column, text), row < found.header
                    )
        # Not by merge_range, which goes back to rows that are on disk already, and takes "=…" for a formula. The grid
        # has seen to it that no two merges overlap.
        for merge in grid.merges:
            sheet.merge.append([merge.row + top, merge.column, merge.last_row + top, merge.last_column])

    def _write_cell(self, sheet: Any, row: int, column: int, text: str, number: Number | None, is_head: bool) -> None:
        if number is not None and self._takes(number.format):
            sheet.write_number(row, column, number.value, self._format(num_format=number.format))
            return
        # Excel must still take what looks like a formula for a text when it is edited.
        quoted = text.lstrip().startswith(_SIGNS)
        style = self._format(text_wrap="\n" in text, quote_prefix=quoted, bold=is_head)
        sheet.write_string(row, column, cell_text(text), style)

    def _takes(self, number_format: str) -> bool:
        if len(self._number_formats) < MAX_NUMBER_FORMATS:
            self._number_formats.add(number_format)
        return number_format in self._number_formats

    def _format(self, **properties: object) -> Any:
        key = tuple(properties.items())
        if key not in self._formats:
            self._formats[key] = self._book.add_format({"valign": "top", **properties})
        return self._formats[key]

    @staticmethod
    def _set_widths(sheet: Any, rows: Sequence[Sequence[str]]) -> None:
        """Makes each column that has text as wide as its longest line, within limits."""
        widths: dict[int, int] = {}
        for row in rows:
            for column, text in enumerate(row):
                if text:
                    longest = max(map(len, text.split("\n")))
                    widths[column] = max(widths.get(column, 0), longest)
        for column, longest in widths.items():
            sheet.set_column(column, column, min(max(longest + 1, _WIDTHS[0]), _WIDTHS[1]))


def cell_text(text: str) -> str:
    """The text as a cell takes it: at most MAX_TEXT UTF-16 units, which is what Excel counts."""
    if text.startswith("<r>") and text.endswith("</r>"):
        text += " "  # XlsxWriter would take it for XML of its own, and write it unescaped
    if len(text.encode("utf-16-le")) // 2 <= MAX_TEXT:
        return text
    kept = text.encode("utf-16-le")[: 2 * (MAX_TEXT - len(CUT))]
    return kept.decode("utf-16-le", "ignore") + CUT
