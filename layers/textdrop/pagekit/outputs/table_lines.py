"""Which lines of a page are the text of its tables' cells: the service gives the text of tables twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pagekit.outputs.paragraphs import TextLine
from pagekit.outputs.plain_text import one_line
from pagekit.outputs.reading_frame import Box
from pagekit.page import Polygon, Table


class TableLines:
    """One table, which is asked about each line of its page.

    A line is the table's if its middle is within the table and each of its words is in a cell: what the table leaves
    out stays in the text. For a table without a position, each line of a cell stands for one such line of the text.
    """

    def __init__(self, table: Table, box_of: Callable[[Polygon], Box]) -> None:
        self.box = _around([box_of(table["polygon"]), *(box_of(cell["polygon"]) for cell in table["cells"])])
        self._words = {word for cell in table["cells"] for word in one_line(cell["text"]).split()}
        self._lines = Counter(one_line(line) for cell in table["cells"] for line in cell["text"].splitlines())

    def have(self, line: TextLine) -> bool:
        """Whether the line is in the table and need not stand in the text as well."""
        if self.box.is_known and line.box.is_known:
            return self.box.holds_middle_of(line.box) and self._words.issuperset(line.text.split())
        if self._lines[line.text] <= 0:
            return False
        self._lines[line.text] -= 1
        return True


def _around(boxes: list[Box]) -> Box:
    """The table's own box; if it has none, the one around its cells."""
    known = [box for box in boxes if box.is_known]
    if not known or boxes[0].is_known:
        return boxes[0]
    return Box(
        min(box.left for box in known),
        min(box.top for box in known),
        max(box.right for box in known),
        max(box.bottom for box in known),
    )
