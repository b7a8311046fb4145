"""Which columns of a table are numbers, and how each number is shown: as it stands on the page.

A column is numbers if each of its texts below the header is one (docs/decisions/0013). Empty cells and dashes alone do
not count. What only looks like a number stays text: codes with leading zeros, more than 15 digits, nine or more digits
without a space in between (INN, accounts, telephones), days of a month, numbered items. So does a column that could be
read in two ways, and one whose units differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from pagekit.outputs.tables import Grid

MAX_DIGITS = 15
"""A double holds no more; a spreadsheet would show zeros for the rest."""
MOST_UNGROUPED_DIGITS = 8
_LONGEST = 40
_SPACES = " \u00a0\u2009\u202f"
_CURRENCY = r"[$€£¥₽]"
_FORM = (
    rf"(?P<sign>[-−–+][{_SPACES}]?)?(?P<prefix>{_CURRENCY}[{_SPACES}]?)?"
    r"(?P<whole>0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?:(?P<group>[{groups}])[0-9]{{3}})(?:(?P=group)[0-9]{{3}})*)"
    r"(?:{mark}(?P<decimals>[0-9]+))?"
    rf"(?P<suffix>[{_SPACES}]?(?:%|{_CURRENCY}|руб\.?|р\.))?"
)
_FORMS = {
    ",": re.compile(_FORM.format(mark=",", groups=f".'’{_SPACES}")),
    ".": re.compile(_FORM.format(mark=r"\.", groups=f",'’{_SPACES}")),
}
_DASHES = re.compile("[-−–—]+")
_DAY_OF_MONTH = re.compile(r"(?:[12]?[1-9]|[123]0|31)\.(?:0[1-9]|1[012])")
_ITEM = re.compile(r"([0-9]{1,9})(?:\.([1-9][0-9]{0,8}))?")


class Number(NamedTuple):
    """`format` is the spreadsheet's for this value: decimals, grouping, sign and unit as in the text."""

    value: float
    format: str
    unit: str


@dataclass(frozen=True, slots=True)
class Kinds:
    """`header` is how many rows are the head, 0 if none looks like one; `marks` has the decimal mark, "," or ".", of
    each column that is numbers."""

    header: int
    marks: Mapping[int, str]

    def number(self, row: int, column: int, text: str) -> Number | None:
        """The number that stands there; None if it is text."""
        mark = self.marks.get(column)
        return read(text, mark) if mark is not None and row >= self.header else None


def kinds(grid: Grid) -> Kinds:
    """The first row is the head if it is all text and stands over numbers; so are the rows that its cells span."""
    depth = 1 + max((merge.last_row for merge in grid.merges if merge.row == 0), default=0)
    head = [text for row in grid.rows[:depth] for text in row if text]
    if head and all(read(text, mark) is None for text in head for mark in _FORMS):
        marks = _marks(grid.rows[depth:])
        if any(row[column] for row in grid.rows[:depth] for column in marks if column < len(row)):
            return Kinds(depth, marks)
    return Kinds(0, _marks(grid.rows))


def read(text: str, mark: str) -> Number | None:
    """The number that a text is, with this decimal mark."""
    found = _FORMS[mark].fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    sign, prefix, suffix, decimals = (found[name] or "" for name in ("sign", "prefix", "suffix", "decimals"))
    whole = re.sub("[^0-9]", "", found["whole"])
    is_code = len(whole) > MOST_UNGROUPED_DIGITS and not decimals and (sign.startswith("+") or not found["group"])
    if is_code or len(whole + decimals) > MAX_DIGITS:
        return None
    is_share = suffix.endswith("%")
    value = float(f"{whole}.{decimals or 0}{'e-2' if is_share else ''}")
    is_negative = sign[:1] not in ("", "+")
    if is_negative and value == 0:
        return None  # no format shows -0
    digits = ("#,##0" if found["group"] else "0") + ("." + "0" * len(decimals) if decimals else "")
    body = _literal(prefix) + digits + (_literal(suffix[:-1]) + "%" if is_share else _literal(suffix))
    shown = _literal(sign) + body
    form = f"{body};{shown}" if is_negative else f"{shown};{shown};{shown}" if sign else body
    return Number(-value if is_negative else value, form, (prefix + suffix).strip(_SPACES))


def _literal(text: str) -> str:
    return f'"{text}"' if text else ""


def _marks(rows: Sequence[Sequence[str]]) -> dict[int, str]:
    """The columns that are numbers. If both marks are possible and make different numbers ("1,234"), the one that the
    table's other columns have decides; if they have none, or both, the column is text."""
    possible = {column: _possible(texts) for column, texts in enumerate(_columns(rows))}
    known = {mark for values in possible.values() if len(values) == 1 for mark in values}
    marks = {}
    for column, values in possible.items():
        is_open = len(values) == 2 and values[","] != values["."]
        found = [mark for mark in values if not is_open or known == {mark}]
        if found:
            marks[column] = found[0]
    return marks


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The texts of each column, without dashes."""
    columns: list[list[str]] = [[] for _ in range(max(map(len, rows), default=0))]
    for row in rows:
        for column, text in enumerate(row):
            if text and not _DASHES.fullmatch(text):
                columns[column].append(text)
    return columns


def _possible(texts: Sequence[str]) -> dict[str, list[float]]:
    """The values of a column by each decimal mark with which all its texts are numbers of one unit."""
    if not texts or all(map(_DAY_OF_MONTH.fullmatch, texts)) or _are_items(texts):
        return {}
    possible = {}
    for mark in _FORMS:
        numbers = [number for text in texts if (number := read(text, mark)) is not None]
        if len(numbers) == len(texts) and len({number.unit for number in numbers}) == 1:
            possible[mark] = [number.value for number in numbers]
    return possible


def _are_items(texts: Sequence[str]) -> bool:
    """Whether they number nested items: 1, 1.1, 1.2, 2, 2.1."""
    found = [match for text in texts if (match := _ITEM.fullmatch(text))]
    if not 1 < len(found) == len(texts) or not any(match[2] for match in found):
        return False
    places = [(int(match[1]), int(match[2] or 0)) for match in found]
    return all(after in ((item, part + 1), (item + 1, 0), (item + 1, 1)) for (item, part), after in pairwise(places))
