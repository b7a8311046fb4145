"""Reads a bitmap: which side is up, words in the scripts asked for with their boxes, headings, a ruled table. What
cannot be read is left out."""

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from statistics import median

from PIL import Image, ImageOps

from local.ocr import headings, ruled_tables, scripts
from local.ocr.annotation import Block, Box, Cell, Line, Page, Table, Word
from local.ocr.words import FoundBlock, ReadingError, Recogniser, confidence, page_dpi, words_of

LATIN = ("eng",)
# Russian alone reads mixed text with 28 % of the characters wrong.
LATIN_AND_CYRILLIC = ("eng", "rus")
# The transposition that turns the page as sent upright; Pillow's are counter-clockwise.
UPRIGHT = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
ON_ITS_SIDE_FIRST, ON_ITS_HEAD_FIRST = (90, 270, 180), (180, 90, 270)

# Mean confidence of words, in percent: the right way up even noisy pages have 80 and more, other turns 0 to 65, and
# photographs or specks, which are not text, 0 to 59.
SURE_READING = 75.0
# A page with a lower mean still counts as read if this share of it is in words that are read surely: text of seven
# pixels has 0.24 and more, a page upside down or in letters not asked for 0.02 to 0.16, photographs and specks nothing.
SURE_WORD, READABLE_SHARE = 80.0, 0.2
# For a block on such a page: no word that the engine sees in a picture has as much.
READABLE_WORD = 50.0
# Smaller words are read at twice the size, which halves the errors, unless they are read this surely already. The same
# for a small page that is read badly; on a larger page letters are large enough, and specks would take minutes.
SMALL_PIXELS, SMALL_BUT_SURE = 14, 90.0
ENLARGED, MOST_ENLARGED_PIXELS = 2.0, 800_000
# Larger words are read in the size that suits the engine best: it takes a capital I of 60 pixels or more for a rule.
LARGE_PIXELS, BEST_PIXELS = 50, 36
# A page that takes more processor time (a photograph or noise) is not tried in another turn.
TURNING_SECONDS = 10
# A page whose darkest and lightest points differ by less than this has nothing to read.
LEAST_CONTRAST = 16
# Rules of tables are at most this wide, each side of the middle, and this much white is put around a cell.
RULE_PIXELS, CELL_MARGIN = 4, 20
RULES = frozenset("|¦_")


class Reader:
    """Engines with the data of one folder, for each script that can be asked for; for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises ReadingError when a language's data cannot be loaded."""
        self._latin = Recogniser(folder, LATIN)
        self._any = Recogniser(folder, LATIN_AND_CYRILLIC)

    def read(self, image: Image.Image, languages: Collection[str] = (), *, tables: bool = False) -> Page:
        """The page of a grey bitmap; one that is blank or cannot be read has no blocks.

        `languages`, ISO 639-1, are those that are asked for: without one in Cyrillic no Cyrillic letter is read; "*",
        or none, means any. Latin letters are always read. `tables`: a ruled table is looked for. Raises ReadingError.
        """
        darkest, lightest = image.getextrema()
        if not isinstance(darkest, int) or not isinstance(lightest, int):
            raise ReadingError("the bitmap is not grey")
        page = Page(image.width, image.height, ())
        if lightest - darkest < LEAST_CONTRAST:
            return page
        recogniser = self._any if scripts.wants_cyrillic(languages) else self._latin
        best = _best(recogniser, image)
        blocks: list[Block] = []
        if best.is_readable:
            page = replace(page, rotate=best.turn)
            blocks = [
                _block(found)
                for found in best.blocks
                if any(word.confidence >= READABLE_WORD for word in words_of([found]))
            ]
        upright = _turned(image, page.rotate)
        rules = ruled_tables.find(upright) if tables else None
        if rules is None:
            return _as_sent(replace(page, blocks=tuple(headings.marked(blocks, headings.least_height(blocks)))))
        return _as_sent(_with_table(recogniser, upright, page, blocks, *rules))


@dataclass(frozen=True)
class _Reading:
    """One try at a page; boxes are those of the upright page.

    `turn`: by how many degrees clockwise the page as sent is turned from upright. `confidence` is in percent, and 0
    when the words stand on their side: the engine reads such words well without saying so, but their blocks badly;
    another turn reads everything right.
    """

    blocks: tuple[FoundBlock, ...]
    turn: int

    @property
    def is_on_its_side(self) -> bool:
        words = [word for word in words_of(self.blocks) if len(word.text) >= 3]
        return sum(word.is_tall for word in words) * 2 > len(words)

    @property
    def confidence(self) -> float:
        return 0.0 if self.is_on_its_side else confidence(words_of(self.blocks))

    @property
    def is_readable(self) -> bool:
        words = words_of(self.blocks)
        surely_read = sum(len(word.text) for word in words if len(word.text) >= 3 and word.confidence >= SURE_WORD)
        is_read_in_part = surely_read > READABLE_SHARE * sum(len(word.text) for word in words)
        return self.confidence >= SURE_READING or (is_read_in_part and not self.is_on_its_side)

    @property
    def height(self) -> float:
        """Of half of its words at most, in pixels; 0 without any."""
        return median([word.height for word in words_of(self.blocks)] or [0])


def _best(recogniser: Recogniser, image: Image.Image) -> _Reading:
    """The reading in the turn that the engine is surest of. A page that is read well as it is, is read once."""
    started = time.thread_time()
    best = _try(recogniser, image, 0)
    scale = 1.0
    if best.height > LARGE_PIXELS:
        reduced = _try(recogniser, image, 0, BEST_PIXELS / best.height)
        if reduced.confidence >= SURE_READING:
            return reduced
    least = SMALL_BUT_SURE if 0 < best.height < SMALL_PIXELS else SURE_READING
    if best.confidence < least and image.width * image.height <= MOST_ENLARGED_PIXELS:
        enlarged = _try(recogniser, image, 0, ENLARGED)
        if enlarged.confidence > best.confidence:
            best, scale = enlarged, ENLARGED
    for turn in ON_ITS_SIDE_FIRST if best.is_on_its_side else ON_ITS_HEAD_FIRST:
        if best.confidence >= SURE_READING or time.thread_time() > started + TURNING_SECONDS:
            break
        best = max(best, _try(recogniser, image, turn, scale), key=lambda reading: reading.confidence)
    return best


def _try(recogniser: Recogniser, image: Image.Image, turn: int, scale: float = 1.0) -> _Reading:
    """`scale`: by how much the page is enlarged for reading; boxes are those of the page as it is."""
    page = _turned(image, turn)
    if scale != 1:
        page = page.resize((round(page.width * scale), round(page.height * scale)), Image.Resampling.BICUBIC)
    blocks = recogniser.find(page, page_dpi(page))
    return _Reading(tuple(_scaled(block, scale) for block in blocks), turn)


def _turned(image: Image.Image, turn: int) -> Image.Image:
    """Upright, as far as the turn is right."""
    return image.transpose(UPRIGHT[turn]) if turn else image


def _scaled(block: FoundBlock, scale: float) -> FoundBlock:
    def on_page(box: Box) -> Box:
        left, top, right, bottom = box
        return int(left / scale), int(top / scale), math.ceil(right / scale), math.ceil(bottom / scale)

    return tuple(tuple(replace(word, box=on_page(word.box)) for word in line) for line in block)


def _with_table(
    recogniser: Recogniser, image: Image.Image, page: Page, blocks: Sequence[Block], xs: list[int], ys: list[int]
) -> Page:
    """The upright page with its blocks and a ruled table. The content of a cell is a separate block, as with the
    service. Cells without a word are read one by one, because the engine overlooks single digits."""
    box = (xs[0], ys[0], xs[-1], ys[-1])
    others = headings.marked(_parts(blocks, lambda word: not _holds(box, word)), headings.least_height(blocks))
    ordered = [block for block in others if block.box[1] < box[1]]
    below = [block for block in others if block.box[1] >= box[1]]
    cells = []
    for (row, (top, bottom)), (column, (left, right)) in product(enumerate(pairwise(ys)), enumerate(pairwise(xs))):
        cell = (left, top, right, bottom)
        lines = [line for part in _parts(blocks, partial(_holds, cell)) for line in part.lines]
        lines = lines or _read_cell(recogniser, image, cell)
        cells.append(Cell(row, column, cell, len(ordered) if lines else None))
        ordered += [Block(tuple(lines))] if lines else []
    table = Table(len(ys) - 1, len(xs) - 1, box, tuple(cells))
    return replace(page, blocks=(*ordered, *below), tables=(table,))


def _read_cell(recogniser: Recogniser, image: Image.Image, box: Box) -> list[Line]:
    left, top, right, bottom = box
    inner = left + RULE_PIXELS, top + RULE_PIXELS, right - RULE_PIXELS, bottom - RULE_PIXELS
    if inner[0] >= inner[2] or inner[1] >= inner[3]:
        return []
    padded = ImageOps.expand(image.crop(inner), CELL_MARGIN, 255)
    blocks = recogniser.find(padded, page_dpi(image), is_one_block=True)
    if confidence(words_of(blocks)) < SURE_READING:
        return []
    x, y = inner[0] - CELL_MARGIN, inner[1] - CELL_MARGIN

    def on_page(found: Box) -> Box:
        return found[0] + x, found[1] + y, found[2] + x, found[3] + y

    return [line for block in map(_block, blocks) for line in _moved(block, on_page).lines]


def _block(lines: FoundBlock) -> Block:
    """The block with each word's script settled."""
    settled = []
    for line in lines:
        texts = scripts.settle_line([word.text for word in line])
        settled.append(Line(tuple(Word(text, word.box) for text, word in zip(texts, line, strict=True))))
    return Block(tuple(settled))


def _holds(box: Box, word: Word) -> bool:
    """Whether the word's centre is in the box."""
    x, y = (word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _parts(blocks: Sequence[Block], keeps: Callable[[Word], bool]) -> list[Block]:
    """The blocks with only these words, and without what the engine has read in a rule."""
    parts = []
    for block in blocks:
        kept = (
            replace(line, words=tuple(word for word in line.words if keeps(word) and not RULES.issuperset(word.text)))
            for line in block.lines
        )
        if lines := tuple(line for line in kept if line.words):
            parts.append(replace(block, lines=lines))
    return parts


def _moved(block: Block, move: Callable[[Box], Box]) -> Block:
    lines = (
        replace(line, words=tuple(replace(word, box=move(word.box)) for word in line.words)) for line in block.lines
    )
    return replace(block, lines=tuple(lines))


def _as_sent(page: Page) -> Page:
    """The page with the boxes of the upright page as those of the page as sent, which its width and height are of."""
    as_sent = _boxes_as_sent(page.rotate, page.width, page.height)

    def table(found: Table) -> Table:
        cells = tuple(replace(cell, box=as_sent(cell.box)) for cell in found.cells)
        return replace(found, box=as_sent(found.box), cells=cells)

    blocks = tuple(_moved(block, as_sent) for block in page.blocks)
    return replace(page, blocks=blocks, tables=tuple(map(table, page.tables)))


def _boxes_as_sent(turn: int, width: int, height: int) -> Callable[[Box], Box]:
    """From the upright page's boxes to those of the page as sent, which measures width x height."""

    def as_sent(box: Box) -> Box:
        left, top, right, bottom = box
        if turn == 90:
            return width - bottom, left, width - top, right
        if turn == 180:
            return width - right, height - bottom, width - left, height - top
        if turn == 270:
            return top, height - right, bottom, height - left
        return box

    return as_sent
