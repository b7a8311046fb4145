"""Marks titles and section headers by the size of their letters on one page."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from statistics import median

from local.ocr.annotation import Block, Line, Word

ASCENDERS, DESCENDERS = frozenset("bdfhijkltбёйф"), frozenset("gjpqyдруфцщ,;()")
ASCENDER, DESCENDER = 0.37, 0.3
"""How far letters extend above and below the small ones, in heights of small letters: of usual fonts, and of Roboto."""
SECTION_HEADER, TITLE = "SECTION_HEADER", "TITLE"
TEXT_SHARE = 0.8
"""At least this share of a page's letters is its text, however the engine measures them: in a poor picture the same
letters seem up to a quarter higher in one line than in another."""
LARGER, LARGER_PIXELS = 1.15, 2.0
"""A heading's letters are this many times as high as the text's (as with 14 and 12 points), and by more than
rounding."""
MUCH_LARGER = 1.5
"""Letters this many times as high as the median are a heading's, even if they are more than a fifth of all: a cover."""
SAME = 1.08
MOST_LINES = 3
"""A block with more lines is a paragraph in large letters."""


def letter_height(line: Line) -> float:
    """How high its small letters are or would be, in pixels: the median of its words; 0 if all are signs. (The engine's
    own measure is sometimes that of a neighbouring line.)"""
    return median([_of_word(word) for word in line.words if any(map(str.isalnum, word.text))] or [0.0])


def _of_word(word: Word) -> float:
    ascends = any(letter in ASCENDERS or letter.isupper() or letter.isdigit() for letter in word.text)
    descends = not DESCENDERS.isdisjoint(word.text)
    return (word.box[3] - word.box[1]) / (1 + ASCENDER * ascends + DESCENDER * descends)


def least_height(blocks: Sequence[Block]) -> float:
    """The least height of the letters of a page's headings, in pixels."""
    lines = (line for block in blocks for line in block.lines)
    heights = sorted(height for line in lines for height in [letter_height(line)] * len(_text(line)))
    if not heights:
        return 0.0
    text, middle = (heights[int(len(heights) * share)] for share in (TEXT_SHARE, 0.5))
    return min(max(text * LARGER, text + LARGER_PIXELS), middle * MUCH_LARGER)


def marked(blocks: Sequence[Block], least_height: float) -> list[Block]:
    """The blocks, with each heading as a separate block. The heading in the largest letters is the title; if there are
    several such, none is."""
    parts = [part for block in blocks for part in _parts(block, least_height)]
    sizes = [_size(part) for part in parts if part.layout == SECTION_HEADER]
    largest = [size for size in sizes if size * SAME >= max(sizes)]
    return [
        replace(part, layout=TITLE) if part.layout == SECTION_HEADER and largest == [_size(part)] else part
        for part in parts
    ]


def _parts(block: Block, least_height: float) -> Iterator[Block]:
    """The block, split where lines of a heading begin and end."""
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
    """Runs of lines that are as high as a heading's, and runs that are not; within a heading all lines have one
    size."""
    for is_larger, group in groupby(lines, lambda line: letter_height(line) >= least_height):
        run: list[Line] = []
        for line in group:
            if is_larger and run and not 1 / SAME <= letter_height(line) / letter_height(run[-1]) <= SAME:
                yield is_larger, run
                run = []
            run.append(line)
        yield is_larger, run


def _are_words(lines: Sequence[Line]) -> bool:
    """Whether it has more letters than digits and signs, and is not the rest of a sentence: a price or an initial in
    large letters is not a heading."""
    text = "".join(map(_text, lines))
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) > max(1, len(text) / 2) and not letters[0].islower()


def _size(block: Block) -> float:
    return max(map(letter_height, block.lines))


def _text(line: Line) -> str:
    return "".join(word.text for word in line.words)
