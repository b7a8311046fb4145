"""The words of a page go into the cells that have their centres."""

import pytest

from local.ocr.annotation import Block, Box, Line, Word, block_of, line_of
from local.ocr.cells import with_tables
from local.ocr.ruled_tables import RuledCell, RuledTable


def table(*, top: int = 100, inked: bool = False) -> RuledTable:
    """A head over both columns, a row of two cells; each 100 wide and 40 high."""
    return RuledTable(
        2,
        2,
        (0, top, 200, top + 80),
        (
            RuledCell(0, 0, 1, 2, (0, top, 200, top + 40), inked),
            RuledCell(1, 0, 1, 1, (0, top + 40, 100, top + 80), inked),
            RuledCell(1, 1, 1, 1, (100, top + 40, 200, top + 80), inked),
        ),
    )


def word(text: str, left: int, top: int) -> Word:
    return Word(text, (left, top, left + 10 * len(text), top + 10))


def line(*words: Word) -> Line:
    return line_of(words)


def texts(blocks: tuple[Block, ...]) -> list[str]:
    return ["\n".join(" ".join(word.text for word in line.words) for line in block.lines) for block in blocks]


def nothing(_box: Box) -> list[Line]:
    raise AssertionError("no cell is to be read again")


def test_each_cell_is_a_block_and_the_rest_stays_around_them() -> None:
    page = [
        block_of([line(word("Над", 0, 50)), line(word("Глава", 60, 110))]),
        block_of([line(word("один", 10, 150), word("два", 110, 150)), line(word("Под", 0, 300))]),
    ]
    blocks, [found] = with_tables(page, [table()], nothing)
    assert texts(blocks) == ["Над", "Глава", "один", "два", "Под"]
    assert [(cell.row, cell.column, cell.column_span, cell.block) for cell in found.cells] == [
        (0, 0, 2, 1),
        (1, 0, 1, 2),
        (1, 1, 1, 3),
    ]
    assert (found.rows, found.columns, found.box) == (2, 2, (0, 100, 200, 180))


@pytest.mark.parametrize(
    ("left", "order"), [(300, ["в", "справа"]), (-90, ["слева", "в"])], ids=["to the right", "to the left"]
)
def test_a_line_that_goes_on_beside_the_table_is_divided(left: int, order: list[str]) -> None:
    [other] = set(order) - {"в"}
    words = sorted([word("в", 10, 150), word(other, left, 150)], key=lambda each: each.box[0])
    blocks, _ = with_tables([block_of([line(*words)])], [table()], nothing)
    assert texts(blocks) == order


def test_pieces_of_one_height_are_one_line_of_a_cell_from_left_to_right() -> None:
    page = [
        block_of([line(word("нижняя", 10, 120))]),
        block_of([line(word("б", 100, 103))]),
        block_of([line(word("а", 10, 104))]),
    ]
    blocks, _ = with_tables(page, [table()], nothing)
    assert texts(blocks) == ["а б\nнижняя"]


def test_lines_of_the_table_that_were_taken_for_letters_are_left_out() -> None:
    blocks, [found] = with_tables(
        [block_of([line(word("|", 10, 150), word("5|", 110, 150)), line(word("|", 300, 150))])], [table()], nothing
    )
    assert texts(blocks) == ["5|", "|"]
    assert [cell.block for cell in found.cells] == [None, None, 0]


def test_a_cell_with_ink_and_no_word_is_read_again() -> None:
    asked: list[Box] = []

    def read_again(box: Box) -> list[Line]:
        asked.append(box)
        return [line(word("7", 110, 150))] if box[0] else []

    blocks, [found] = with_tables([block_of([line(word("Глава", 60, 110))])], [table(inked=True)], read_again)
    assert asked == [cell.box for cell in found.cells[1:]]
    assert texts(blocks) == ["Глава", "7"]
    assert [cell.block for cell in found.cells] == [0, None, 1]


def test_a_table_without_any_word_stands_above_what_is_below_it() -> None:
    page = [block_of([line(word("Над", 0, 50))]), block_of([line(word("Под", 0, 300))])]
    blocks, [first, second] = with_tables(
        page, [table(inked=True), table(top=400, inked=True)], lambda box: [line(word("7", box[0], box[1]))]
    )
    assert texts(blocks) == ["Над", "7", "7", "7", "Под", "7", "7", "7"]
    assert [cell.block for cell in (*first.cells, *second.cells)] == [1, 2, 3, 5, 6, 7]


def test_two_tables_keep_their_words_apart() -> None:
    page = [block_of([line(word("нижняя", 60, 210))]), block_of([line(word("верхняя", 60, 110))])]
    blocks, tables = with_tables(page, [table(), table(top=200)], nothing)
    assert texts(blocks) == ["нижняя", "верхняя"]
    assert [[cell.block for cell in found.cells] for found in tables] == [[1, None, None], [0, None, None]]
