"""Which columns of a table are numbers, and that each is shown as it stands on the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagekit.outputs.numbers import Kinds, Number, kinds, read
from pagekit.outputs.tables import grid
from unit.pagekit.outputs.set_page import bare_table, cell, table


def column(*texts: str) -> list[float | None] | None:
    """What a column without a head is read as; None when it is text."""
    found = kinds(grid(table([[text] for text in texts])))
    assert found.header == 0
    if not found.marks:
        return None
    numbers = [found.number(row, 0, text) for row, text in enumerate(texts)]
    return [number.value if number is not None else None for number in numbers]


def displayed(number: Number, mark: str, group: str) -> str:
    """What a spreadsheet shows for the value in a country with this decimal mark and this sign between thousands."""
    sections = number.format.split(";")
    section = sections[1] if number.value < 0 else sections[0]
    [(code, decimals)] = re.findall(r"((?:#,##)?0(?:\.(0+))?)", section)
    value = abs(Decimal(repr(number.value))) * (100 if "%" in section else 1)
    digits = f"{value:{',' if '#' in code else ''}.{len(decimals)}f}"
    return section.replace(code, digits.translate({ord(","): group, ord("."): mark})).replace('"', "")


NUMBERS = [
    *[("0", 0), ("7", 7), ("1450", 1450), ("12345678", 12345678), ("-5", -5), ("\u22125", -5), ("–5", -5), ("+3", 3)],
    *[("- 5", -5), ("+0", 0), ("0.000001", 0.000001), ("1 234", 1234), ("1\u00a0234\u00a0567,89", 1234567.89)],
    *[("1\u202f234,5", 1234.5), ("12 345 678", 12345678), ("1'234.50", 1234.5), ("1,234.56", 1234.56)],
    *[("1.234,56", 1234.56), ("1,234,567", 1234567), ("12,50", 12.5), ("0,750", 0.75), ("12.50", 12.5)],
    *[("12 %", 0.12), ("-12,5%", -0.125), ("0,5\u00a0%", 0.005), ("123 456 789 012 345", 123456789012345)],
    *[("123456789,50", 123456789.5), ("1 450 ₽", 1450), ("1 450,00 руб.", 1450), ("$1,234.50", 1234.5), ("-$5", -5)],
    *[("12 р.", 12), ("€ 7,00", 7), ("99.90 €", 99.9)],
]
TEXTS = [
    *("", "а", "12а", "=1", "=1+1", "1-2", "-", "—", "1e5", "0x1F", "NaN", "inf", "٣", "1/2", "12:30", "(5)", "5 шт."),
    # Codes, accounts, telephones; a space where no thousands end.
    *("0012", "00", "007,5", "123456789", "7707083893", "123 456 789 012 345 6", "1234567890,1234567", "+74951234567"),
    *("+7 495 123 456", "+7 (495) 123-45-67", "8 800 555 35 35", "555-01-42", "12 34", "1 2345", "1 234 56", "1  234"),
    *(
        "12.05.2024",
        "2024-05-12",
        "1.2.3",
        "1,23,4",
        "1.234.56",
        "1 234.567,8",
        ".5",
        "5.",
        "1,",
        "5%%",
        "--5",
        "-0",
        "12‰",
    ),
    *("5\n6", " 5", "1" * 10_000, "1" + " 000" * 10_000),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_a_number_has_its_value_and_shows_as_it_stands(text: str, value: float) -> None:
    assert column(text) == [value]
    mark = next(iter(kinds(grid(table([[text]]))).marks.values()))
    number = read(text, mark)
    assert number is not None
    group = next(iter(re.findall("(?<=[0-9])[^0-9](?=[0-9]{3})", text)), "")
    assert displayed(number, mark, group) == text


@pytest.mark.parametrize("text", TEXTS)
def test_what_only_looks_like_a_number_is_text(text: str) -> None:
    assert [read(text, mark) for mark in (",", ".")] == [None, None]


@given(
    st.sampled_from(["", "-", "+", "−"]),
    st.integers(1, 10**11),
    st.integers(0, 999) | st.none(),
    st.sampled_from([" ", "\u00a0", "'"]),
    st.sampled_from([",", "."]),
    st.sampled_from(["", "%", " %", " ₽", " руб."]),
)
def test_every_number_that_is_printed_with_spaces_shows_as_it_stands(
    sign: str, whole: int, cents: int | None, group: str, mark: str, unit: str
) -> None:
    digits = f"{whole:,}".replace(",", group) + ("" if cents is None else f"{mark}{cents:03d}")
    text = f"{sign}{digits}{unit}"
    number = read(text, mark)
    if number is None:
        assert sign == "+"
        assert whole >= 10**8
    else:
        assert displayed(number, mark, group) == text


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["12,5", "", "—", "3", "- "], [12.5, None, None, 3, None]),
        (["1 450", "нет"], None),
        (["—", "-"], None),
        (["5", "0012"], None),
        (["1 234", "7707083893"], None),
        # One of the two decimal marks must fit all.
        (["12,50", "1.5"], None),
        (["1,234", "12,5"], [1.234, 12.5]),
        (["1,234", "1,234.5"], [1234, 1234.5]),
        (["1,234", "0,500"], [1.234, 0.5]),
        (["1,234", "1,234,567"], [1234, 1234567]),
        (["1,234", "350"], None),
        (["1.234"], None),
        # One unit.
        (["5 %", "12,5%"], [0.05, 0.125]),
        (["5 %", "5"], None),
        (["10 ₽", "1 000₽"], [10, 1000]),
        (["10 ₽", "10 $"], None),
        # Days of a month, and items.
        (["12.05", "13.06", "3.12"], None),
        (["12.05", "12.13"], [12.05, 12.13]),
        (["1", "1.1", "1.2", "2", "2.1"], None),
        (["1.1", "1.2", "1.10"], [1.1, 1.2, 1.1]),
        (["1.9", "1.10", "1.11"], None),
        (["1", "2", "3"], [1, 2, 3]),
    ],
)
def test_a_column_is_numbers_when_each_of_its_texts_is_one(
    texts: Sequence[str], values: list[float | None] | None
) -> None:
    assert column(*texts) == values


@pytest.mark.parametrize(("other", "value"), [("5.25", 1234), ("5,25", 1.234), ("5", None), ("text", None)])
def test_another_column_shows_which_mark_is_the_decimal_one(other: str, value: float | None) -> None:
    found = kinds(grid(table([["1,234", other]])))
    number = found.number(0, 0, "1,234")
    assert (number.value if number is not None else None) == value


def test_columns_that_show_both_marks_decide_nothing() -> None:
    assert kinds(grid(table([["1,234", "5.25", "5,25"]]))) == Kinds(0, {1: ".", 2: ","})


@pytest.mark.parametrize(
    ("rows", "header", "columns"),
    [
        ([["Товар", "Цена"], ["Чай", "5"]], 1, {1}),
        ([["", "Цена"], ["Чай", "5"]], 1, {1}),
        ([["Цена"], ["5"], [""]], 1, {0}),
        ([["Товар", ""], ["Чай", "5"]], 0, {1}),
        ([["Товар", "Вид"], ["Чай", "чёрный"]], 0, set()),
        ([["Чай", "5"], ["Кофе", "6"]], 0, {1}),
        ([["Товар", "2023", "2024"], ["Чай", "5", "6"]], 0, {1, 2}),
        ([["Товар", "Цена"]], 0, set()),
        ([["Товар", "Цена"], ["Чай", "5"], ["Кофе", "?"]], 0, set()),
        ([], 0, set()),
    ],
)
def test_the_first_row_is_the_head_when_it_is_text_over_numbers(
    rows: list[list[str]], header: int, columns: set[int]
) -> None:
    found = kinds(grid(table(rows)))
    assert (found.header, set(found.marks)) == (header, columns)


def test_the_head_has_as_many_rows_as_its_cells_span() -> None:
    head = [cell(0, 0, "Товар", 2, 1), cell(0, 1, "Цена", 1, 2), cell(1, 1, "опт"), cell(1, 2, "розница")]
    found = kinds(grid(bare_table(*head, cell(2, 0, "Чай"), cell(2, 1, "5"), cell(2, 2, "6,50"))))
    assert (found.header, set(found.marks)) == (2, {1, 2})
    assert found.number(1, 1, "5") is None
    assert found.number(2, 0, "5") is None


def test_a_cell_that_spans_rows_of_numbers_is_no_head() -> None:
    found = kinds(grid(bare_table(cell(0, 0, "Чай", 2, 1), cell(0, 1, "5"), cell(1, 1, "6"))))
    assert (found.header, set(found.marks)) == (0, {1})


def test_cells_side_by_side_have_their_rows_of_any_length() -> None:
    found = kinds(grid(bare_table(cell(0, 0, "a"), cell(10**9, 10**9, "5"), cell(10**9, 10**9 + 1, "6"))))
    assert found.number(1, 1, "6") is not None
