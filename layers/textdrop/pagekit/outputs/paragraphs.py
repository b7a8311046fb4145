"""A block's lines as paragraphs and list items, by where they stand and how they begin.

A line begins a paragraph when (docs/decisions/0013):

- it stands clearly further below the line before it than lines of the block mostly do;
- its first word would have fitted at the end of the line before it, so that line was ended on purpose;
- it is indented, and the line before it ends a sentence;
- it begins with the marker of a list;

and never, but for a gap, when it begins with a small letter, or the line before it is cut by a hyphen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pagekit.outputs import lists
from pagekit.outputs.hyphens import ends_cut
from pagekit.outputs.reading_frame import Box

_GAP = 1.4
# The step between two lines can only be compared with their height.
_LONE_GAP = 2.5
_INDENT = 0.8
_SENTENCE_END = re.compile(r"[.!?…:;][\"'”»)\]]*\Z")
_ITEM_END = re.compile(r"[.!?…:;,][\"'”»)\]]*\Z")


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line in the reading frame; `first_word` is the width of its first word, 0 if it is not known."""

    text: str
    box: Box
    first_word: int


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together; `marker` is what a list item began with, and no longer in its lines."""

    lines: list[str]
    marker: lists.Marker | None = None


def goes_on(before: str, after: str) -> bool:
    """Whether a text is in mid-sentence: what follows begins as nothing new does."""
    return after[:1].islower() and (ends_cut(before) or not _SENTENCE_END.search(before))


def paragraphs(lines: Sequence[TextLine], *, listed: bool, column_edge: int = 0) -> list[Paragraph]:
    """The paragraphs of a block, in order, with every line in one.

    In a block that is a list (`listed`), each is an item; its `marker` is None if none was recognised. `column_edge` is
    where lines around the block end, for a block too short to show it.
    """
    if not lines:
        return []
    measures = _Measures.of(lines, column_edge)
    markers = [lists.marker(line.text, listed=listed) for line in lines]
    dashes = sum(found is not None and found.kind is lists.Kind.DASH for found in markers)
    found: list[Paragraph] = []
    item: TextLine | None = None
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else None
        small = line.text[:1].islower()
        if small and listed and before is not None:
            small = not _ITEM_END.search(before.text)
        new = before is None or measures.begins_paragraph(before, line, item, small=small)
        marker = markers[number]
        if marker is not None and before is not None and not listed:
            marker = marker if _is_item(marker, before.text, new, dashes, found[-1].marker) else None
        elif marker is not None and not listed and marker.kind is lists.Kind.DASH and dashes < 2:
            marker = None
        if marker is not None:
            found.append(Paragraph([marker.rest] if marker.rest else [], marker))
            item = line
        elif new:
            found.append(Paragraph([line.text]))
            item = None
        else:
            found[-1].lines.append(line.text)
    return found


def _is_item(marker: lists.Marker, before: str, new: bool, dashes: int, last: lists.Marker | None) -> bool:
    """Whether a line with this marker is an item, rather than a sentence that happens to continue like one."""
    if marker.kind is lists.Kind.BULLET:
        return True
    if marker.kind is lists.Kind.DASH and dashes < 2 and not before.endswith(":"):
        return False
    return new or _ITEM_END.search(before) is not None or _follows(marker, last)


def _follows(marker: lists.Marker, last: lists.Marker | None) -> bool:
    if last is None or marker.kind is not lists.Kind.NUMBER or last.kind is not lists.Kind.NUMBER:
        return False
    return marker.text[-1] == last.text[-1] and int(marker.text[:-1]) == int(last.text[:-1]) + 1


@dataclass(frozen=True, slots=True)
class _Measures:
    """What is usual in a block, in pixels: the height of its lines, the step to the next line that is a gap, its
    edges."""

    height: float
    gap: float
    left: int
    right: int
    has_margin: bool

    @classmethod
    def of(cls, lines: Sequence[TextLine], column_edge: int) -> _Measures:
        boxes = [line.box for line in lines if line.box.is_known]
        if not boxes:
            return cls(0, 0, 0, 0, False)
        height = median(box.height for box in boxes)
        steps = [_middle(lower) - _middle(upper) for upper, lower in pairwise(boxes)]
        steps = sorted(step for step in steps if step > height / 2)
        left = min(box.left for box in boxes)
        right = max(box.right for box in boxes)
        full = sum(right - box.right < 2 * height for box in boxes[:-1])
        at_margin = sum(box.left - left < height * _INDENT / 2 for box in boxes)
        return cls(
            height=height,
            gap=_GAP * steps[len(steps) // 4] if len(steps) > 1 else _LONE_GAP * height,
            left=left,
            right=right if full >= 2 else max(right, column_edge),
            has_margin=4 * at_margin >= len(boxes),
        )

    def begins_paragraph(self, before: TextLine, line: TextLine, item: TextLine | None, *, small: bool) -> bool:
        if not (before.box.is_known and line.box.is_known):
            return False
        step = _middle(line.box) - _middle(before.box)
        if ends_cut(before.text) and small:
            return False
        if step > self.gap:
            return True
        if small or abs(step) < self.height / 2:
            return False
        if step < 0:  # up again: the next column
            return not goes_on(before.text, line.text)
        room = self.right - before.box.right
        if line.first_word and room > line.first_word + self.height:
            return True
        if item is not None and line.box.left > item.box.left + self.height * _INDENT / 2:
            return False  # an item's further lines hang under its text
        return self._is_indented(line) and not self._is_indented(before) and bool(_SENTENCE_END.search(before.text))

    def _is_indented(self, line: TextLine) -> bool:
        return self.has_margin and line.box.left - self.left > self.height * _INDENT


def _middle(box: Box) -> float:
    return (box.top + box.bottom) / 2
