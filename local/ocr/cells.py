"""Puts the words of a page into the cells of its ruled tables; each cell's text is a block, as with the service."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import product

from local.ocr.annotation import Block, Box, Cell, Line, Table, Word, block_of, line_of
from local.ocr.ruled_tables import RuledTable

ReadAgain = Callable[[Box], Sequence[Line]]
"""The lines that are found in this part of the bitmap by itself."""

# What an engine makes of a table's line that it takes for a letter.
RULES = frozenset("|¦_")

_Place = tuple[int, int]
"""The number of a table and of a cell in it."""


def with_tables(
    blocks: Sequence[Block], ruled: Sequence[RuledTable], read_again: ReadAgain
) -> tuple[tuple[Block, ...], tuple[Table, ...]]:
    """The page's blocks and tables. What stands in a cell is a block of its own, and all else is as it was.

    The blocks of a table come where the first word in it came. Cells with ink and no word are read again.
    """
    order, pieces = _divided(blocks, ruled)
    for number, table in enumerate(ruled):
        if number not in order:
            order.insert(_first_below(order, table.box), number)
    arranged: list[Block] = []
    tables: dict[int, Table] = {}
    for item in order:
        if isinstance(item, Block):
            arranged.append(item)
            continue
        table = ruled[item]
        cells = []
        for number, cell in enumerate(table.cells):
            lines = _lines(pieces.get((item, number), [])) or (read_again(cell.box) if cell.has_ink else [])
            block = len(arranged) if lines else None
            arranged += [block_of(lines)] if lines else []
            cells.append(Cell(cell.row, cell.column, cell.row_span, cell.column_span, cell.box, block))
        tables[item] = Table(table.rows, table.columns, table.box, tuple(cells))
    return tuple(arranged), tuple(tables[number] for number in range(len(ruled)))


def _divided(
    blocks: Sequence[Block], ruled: Sequence[RuledTable]
) -> tuple[list[Block | int], dict[_Place, list[Line]]]:
    """Blocks without the words in tables, and between them the numbers of the tables that have some; and those words:
    of each line what is in one cell."""
    finders = [_finder(table) for table in ruled]
    order: list[Block | int] = []
    pieces: dict[_Place, list[Line]] = {}
    for block in blocks:
        beside: list[Line] = []
        for line in block.lines:
            outside, inside = _by_place(line, finders)
            rest = [line_of(outside)] if outside else []
            if rest and rest[0].words[0] is line.words[0]:
                beside, rest = beside + rest, []
            for place, words in inside.items():
                pieces.setdefault(place, []).append(line_of(words))
                if place[0] not in order:
                    order += [block_of(beside)] if beside else []
                    order.append(place[0])
                    beside = []
            beside += rest
        order += [block_of(beside)] if beside else []
    return order, pieces


def _by_place(
    line: Line, finders: Sequence[Callable[[Word], int | None]]
) -> tuple[list[Word], dict[_Place, list[Word]]]:
    """The words of a line outside of tables, and those in each cell that has the centres of some."""
    outside: list[Word] = []
    inside: dict[_Place, list[Word]] = {}
    for word in line.words:
        found = ((table, find(word)) for table, find in enumerate(finders))
        place = next(((table, cell) for table, cell in found if cell is not None), None)
        if place is None:
            outside.append(word)
        elif not RULES.issuperset(word.text):
            inside.setdefault(place, []).append(word)
    return outside, inside


def _finder(table: RuledTable) -> Callable[[Word], int | None]:
    """What finds the number of the cell that has a word's centre, however many there are; None outside of the table."""
    xs = sorted({cell.box[0] for cell in table.cells})
    ys = sorted({cell.box[1] for cell in table.cells})
    numbers: dict[tuple[int, int], int] = {}
    for number, cell in enumerate(table.cells):
        left, top, right, bottom = cell.box
        columns = range(bisect_left(xs, left), bisect_left(xs, right))
        rows = range(bisect_left(ys, top), bisect_left(ys, bottom))
        numbers |= dict.fromkeys(product(columns, rows), number)

    def find(word: Word) -> int | None:
        x, y = (word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2
        if not (table.box[0] <= x < table.box[2] and table.box[1] <= y < table.box[3]):
            return None
        return numbers.get((bisect_right(xs, x) - 1, bisect_right(ys, y) - 1))

    return find


def _first_below(order: Sequence[Block | int], box: Box) -> int:
    """Where in the order the first block stands that is below the box."""
    below = (place for place, item in enumerate(order) if isinstance(item, Block) and item.box[1] >= box[3])
    return next(below, len(order))


def _lines(pieces: Sequence[Line]) -> list[Line]:
    """The lines of a cell: pieces of about the same height are one line, from left to right."""
    rows: list[list[Word]] = []
    bottom = 0
    for piece in sorted(pieces, key=lambda piece: piece.box[1] + piece.box[3]):
        if not rows or piece.box[1] + piece.box[3] > 2 * bottom:
            rows.append([])
            bottom = piece.box[3]
        rows[-1] += piece.words
    return [line_of(sorted(row, key=lambda word: word.box[0])) for row in rows]
