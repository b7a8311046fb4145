"""Each table as a CSV file that a spreadsheet opens as text and numbers, and never as a formula.

Who writes a page must not run anything on the machine of whoever opens its tables. A text that a spreadsheet could
take for a formula gets an apostrophe before it (docs/decisions/0013):

- it begins with =, +, -, @ or one of their wide forms, after any white space and quotation marks;
- so does what stands after a ";", a tab or a line end within it: a spreadsheet that is set to another separator cuts
  there;
- but a plain number stays as it is ("-12,5", "+3 %", "-1 234 567.89"), and so do dashes alone. A telephone number is
  no plain number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from pagekit.outputs.tables import Grid, numbered_tables
from pagekit.page import RecognisedPage

BOM = b"\xef\xbb\xbf"
_CUT = re.compile("([;\t\n])")
_SKIPPED = ' \u00a0\u202f\u200b\u200c\u200d\u2060\ufeff\xad"'
_SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_PLAIN_NUMBER = re.compile(
    "[+-] ?(?:[0-9]+|[0-9]{1,3}(?:[ \u00a0\u202f'.,][0-9]{3})+)(?:[.,][0-9]+)?[ \u00a0\u202f]?[%‰]?|-+"
)
_TELEPHONE = re.compile(r"\+ ?[0-9]{10,}")


def csv_files(pages: Iterable[tuple[int, RecognisedPage | None]], *, bom: bool) -> Iterator[tuple[int, int, bytes]]:
    """Each table as it comes: its page, its number on that page, and its content. Nothing when there are no
    tables. `bom`: a byte order mark stands first, by which Excel detects UTF-8.

    RFC 4180: UTF-8, commas, CRLF, quotation marks where needed. A cell's text stands in its first place, the others
    that it covers are empty; line ends within it are "\\n".
    """
    for page, table, grid in numbered_tables(pages):
        yield page, table, (BOM if bom else b"") + _csv(grid)


def _csv(grid: Grid) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows([escaped(text) for text in row] for row in grid.rows)
    return file.getvalue().encode("utf-8")


def escaped(text: str) -> str:
    """The text, with an apostrophe before each part that a spreadsheet could take for a formula."""
    return "".join(f"'{part}" if _is_formula(part) else part for part in _CUT.split(text))


def _is_formula(part: str) -> bool:
    bare = part.lstrip(_SKIPPED)
    if not bare.startswith(_SIGNS):
        return False
    return _PLAIN_NUMBER.fullmatch(bare.rstrip()) is None or _TELEPHONE.fullmatch(bare.rstrip()) is not None
