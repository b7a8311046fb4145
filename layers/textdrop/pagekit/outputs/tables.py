"""A recognised table as rows of texts, however its cells are numbered; and all tables of a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from pagekit.outputs.page_bounds import bounded
from pagekit.outputs.plain_text import plain
from pagekit.page import Cell, RecognisedPage, Table

MAX_COLUMNS = 1_000
"""A wider table is laid out without its empty cells, in rows of so many cells. A sheet may have 16,384 columns, but the
time to write each row depends on the widest; and no page has room for a thousand."""
MAX_PLACES = 10_000
MAX_PLACES_FOR_A_CELL = 10
"""A table with more places than MAX_PLACES, and than ten times its cells, is laid out without its empty ones: counts
are only what the service claims, and a few cells must not make a gigabyte."""


class Merge(NamedTuple):
    """The places that one cell covers, counted from 0; its text stands in the first."""

    row: int
    column: int
    last_row: int
    last_column: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A table laid out: `rows` of texts, "" where nothing stands, "\n" at the line ends of a text.

    A cell's text stands in its first place; the others that it covers are empty, and in `merges` if nothing else stands
    there. All rows have the same length, except in a table that was too large: there cells stand side by side.
    """

    rows: list[list[str]]
    merges: tuple[Merge, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no place has text."""
        return not any(map(any, self.rows))


class NumberedTable(NamedTuple):
    """`page` and `table`, the number on its page, count from 1."""

    page: int
    table: int
    grid: Grid


def numbered_tables(pages: Iterable[tuple[int, RecognisedPage | None]]) -> Iterator[NumberedTable]:
    """The tables of a document in order, one page at a time; empty ones are left out and not counted.

    Raises NotRenderable at a page that is out of bounds.
    """
    for number, page in bounded(pages):
        grids = [grid(table) for table in page["tables"]] if page is not None else []
        for position, laid_out in enumerate((found for found in grids if not found.is_empty), 1):
            yield NumberedTable(number, position, laid_out)


def no_tables_note(model: str) -> str:
    """The note on a document that asked for tables, and in which the model found none."""
    if model == "table":
        return "No tables were found."
    return f'No tables were found by the model "{model}"; the model "table" finds ruled tables.'


def grid(table: Table) -> Grid:
    """The table laid out.

    No text is lost: a cell outside the table makes it larger, and texts of cells that claim the same place stand below
    each other.
    """
    cells = sorted(table["cells"], key=lambda cell: (cell["row"], cell["column"]))
    rows = max([table["rows"], *(cell["row"] + 1 for cell in cells)])
    columns = max([table["columns"], *(cell["column"] + 1 for cell in cells)])
    texts: dict[tuple[int, int], list[str]] = {}
    for cell in cells:
        if text := _text(cell):
            texts.setdefault((cell["row"], cell["column"]), []).append(text)
    if not texts:
        return Grid([], ())
    if columns > MAX_COLUMNS or rows * columns > max(MAX_PLACES, MAX_PLACES_FOR_A_CELL * len(cells)):
        return Grid(_side_by_side(cells), ())
    places = [[""] * columns for _ in range(rows)]
    for (row, column), found in texts.items():
        places[row][column] = "\n".join(found)
    return Grid(places, tuple(_merges(cells, places)))


def _text(cell: Cell) -> str:
    return plain(cell["text"]).strip()


def _merges(cells: list[Cell], places: list[list[str]]) -> Iterator[Merge]:
    """The spans that can be shown: nothing else stands in their places, and none overlaps one before it."""
    taken = {(cell["row"], cell["column"]) for cell in cells}
    unclaimed = len(places) * len(places[0])
    for cell in cells:
        first = (cell["row"], cell["column"])
        last_row = min(cell["row"] + cell["row_span"], len(places)) - 1
        last_column = min(cell["column"] + cell["column_span"], len(places[0])) - 1
        if first == (last_row, last_column):
            continue
        unclaimed -= (last_row - cell["row"] + 1) * (last_column - cell["column"] + 1)
        if unclaimed < 0:
            return  # so they overlap, and visiting each place of each could take forever
        covered = set(product(range(cell["row"], last_row + 1), range(cell["column"], last_column + 1))) - {first}
        if taken.isdisjoint(covered):
            taken |= covered
            yield Merge(*first, last_row, last_column)


def _side_by_side(cells: list[Cell]) -> list[list[str]]:
    """The cells of each row side by side, with no empty places between them."""
    rows: list[list[str]] = []
    last = None
    for cell in cells:
        if cell["row"] != last or len(rows[-1]) == MAX_COLUMNS:
            rows.append([])
        last = cell["row"]
        rows[-1].append(_text(cell))
    return rows
