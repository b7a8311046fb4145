"""Marks titles and section headers by the size of their letters, as far as one page shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from local.ocr.annotation import Block, Line

SECTION_HEADER, TITLE = "SECTION_HEADER", "TITLE"
TEXT_SHARE = 0.8
"""At least so many of a page's letters are its text, however the engine measures them: in a poor picture the same
letters come out up to a quarter higher in one line than in another."""
LARGER, LARGER_PIXELS = 1.12, 1.5
"""A heading's letters are so many times as high as the text's, as 14 points over 12 are, and by more than rounding."""
MUCH_LARGER = 1.5
"""Letters so many times as high as the median are a heading's, though they may be more than a fifth of all: a cover."""
SAME = 1.08
MOST_LINES = 3
"""What has more lines is a paragraph in large letters."""


def least_height(blocks: Sequence[Block]) -> float:
    """How high the letters of a page's headings are at least, in pixels."""
    lines = (line for block in blocks for line in block.lines)
    heights = sorted(line.letter_height for line in lines for word in line.words for _ in word.text)
    if not heights:
        return 0.0
    text, middle = (heights[int(len(heights) * share)] for share in (TEXT_SHARE, 0.5))
    return min(max(text * LARGER, text + LARGER_PIXELS), middle * MUCH_LARGER)


def marked(blocks: Sequence[Block], least_height: float) -> list[Block]:
    """The blocks, each heading as a block of its own. The one heading in the largest letters is the title; where there
    are several such, none is."""
    parts = [part for block in blocks for part in _parts(block, least_height)]
    sizes = [_size(part) for part in parts if part.layout == SECTION_HEADER]
    largest = [size for size in sizes if size * SAME >= max(sizes)]
    return [
        replace(part, layout=TITLE) if part.layout == SECTION_HEADER and largest == [_size(part)] else part
        for part in parts
    ]


def _parts(block: Block, least_height: float) -> Iterator[Block]:
    """The block, cut where lines of a heading begin and end."""
    rest: list[Line] = []
    for is_larger, lines in _runs(block.lines, least_height):
        if is_larger and len(lines) <= MOST_LINES and _are_words(lines):
            if rest:
                yield replace(block, lines=tuple(rest))
            yield replace(block, lines=tuple(lines), layout=SECTION_HEADER)
            rest = []
        else:
            rest += lines
    if rest:
        yield replace(block, lines=tuple(rest))


def _runs(lines: Sequence[Line], least_height: float) -> Iterator[tuple[bool, list[Line]]]:
    """Lines that follow each other and are as high as a heading's, or not; larger ones of one size only."""
    for is_larger, group in groupby(lines, lambda line: line.letter_height >= least_height):
        run: list[Line] = []
        for line in group:
            if is_larger and run and not 1 / SAME <= line.letter_height / run[-1].letter_height <= SAME:
                yield is_larger, run
                run = []
            run.append(line)
        yield is_larger, run


def _are_words(lines: Sequence[Line]) -> bool:
    """Whether it is more letters than digits and signs: a price in large letters is no heading, nor is an initial."""
    text = "".join(word.text for line in lines for word in line.words)
    return sum(map(str.isalpha, text)) > max(1, len(text) / 2)


def _size(block: Block) -> float:
    return max(line.letter_height for line in block.lines)
