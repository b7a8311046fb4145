"""How far the lines of a column may reach, where a block is too short to show it by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median_low

from pagekit.outputs.paragraphs import TextLine

_TELLING_LINES = 3


class Columns:
    """The columns of a page, as its blocks of several lines show them."""

    def __init__(self, blocks: Iterable[Sequence[TextLine]]) -> None:
        self._edges: list[tuple[int, int]] = []
        for lines in blocks:
            boxes = [line.box for line in lines if line.box.is_known]
            if len(boxes) >= _TELLING_LINES:
                self._edges.append((min(box.left for box in boxes), max(box.right for box in boxes)))

    def right_edge(self, lines: Sequence[TextLine]) -> int:
        """Where most blocks end that begin as far to the left as these lines; 0 when there are none.

        Most, since a block across the page may begin there too.
        """
        boxes = [line.box for line in lines if line.box.is_known]
        if not boxes:
            return 0
        left, near = min(box.left for box in boxes), 2 * max(box.height for box in boxes)
        edges = [right for other, right in self._edges if abs(other - left) <= near]
        return median_low(edges) if edges else 0
