"""Reads a bitmap with tesserocr: turns it upright, recognises English and Russian, gives words with their boxes."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path

# libtesseract looks at this once, when it is loaded: two workers must not start two threads each.
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

import tesserocr
from PIL import Image, ImageOps

from local.ocr import ruled_tables, scripts
from local.ocr.annotation import Block, Box, Cell, Line, Page, Table, Word

# Always both: Russian alone reads mixed text with 28 % of the characters wrong.
LANGUAGES = ("eng", "rus")
TURNS = (0, 90, 180, 270)
# What turns the page as sent upright again; Pillow's transpositions go counter-clockwise.
UPRIGHT = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}

# Orientation found with less than this is not relied on (a page of three words has about 1, a full one 7 to 20).
SURE_ORIENTATION = 2.0
# Mean confidence of words, in percent: right way up even noisy pages have 80 and more, other turns mostly 30 to 60.
SURE_READING = 75.0
# A page in mid-recognition cannot be stopped from outside; this ends it.
RECOGNITION_MILLISECONDS = 120_000
# A page that takes longer, a photograph or noise, is not tried in yet another turn.
TURNING_SECONDS = 10
# A page whose darkest and lightest point are nearer than this has nothing to read.
LEAST_CONTRAST = 16
A4_INCHES = 11.7
# Rules of tables are at most so wide, each side of the middle, and this much white is put around a cell.
RULE_PIXELS, CELL_MARGIN = 4, 20
RULES = frozenset("|¦_")


class ReadingError(Exception):
    """A page cannot be read; the message says why."""


class Reader:
    """A tesserocr engine with the data of one folder; for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises ReadingError when a language is not really loaded, which tesserocr itself does not say."""
        self._api = tesserocr.PyTessBaseAPI(path=str(folder), lang="+".join(LANGUAGES), psm=tesserocr.PSM.AUTO)
        missing = set(LANGUAGES) - set(self._api.GetLoadedLanguages())
        if missing:
            raise ReadingError(f"the OCR engine did not load {', '.join(sorted(missing))} from {folder}")
        self._api.SetVariable("debug_file", os.devnull)
        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)
        self._orientation = tesserocr.PyTessBaseAPI(path=str(folder), lang="osd", psm=tesserocr.PSM.OSD_ONLY)
        self._orientation.SetVariable("debug_file", os.devnull)

    def read(self, image: Image.Image, *, tables: bool = False) -> Page:
        """The page of a grey bitmap; a blank one has no blocks. `tables`: a ruled table is looked for.

        Raises ReadingError.
        """
        darkest, lightest = image.getextrema()
        if not isinstance(darkest, int) or not isinstance(lightest, int):
            raise ReadingError("the bitmap is not grey")
        if lightest - darkest < LEAST_CONTRAST:
            return Page(image.width, image.height, ())
        started = time.monotonic()
        turn, sure = self._turn(image)
        best = self._try(image, turn)
        if not sure and best.confidence < SURE_READING:
            for other in TURNS:
                if other != turn and time.monotonic() < started + TURNING_SECONDS:
                    best = max(best, self._try(image, other), key=lambda reading: reading.confidence)
        upright = Page(image.width, image.height, best.blocks, best.turn)
        if tables:
            turned = image.transpose(UPRIGHT[best.turn]) if best.turn else image
            upright = self._with_table(turned, upright)
        return _as_sent(upright)

    def _turn(self, image: Image.Image) -> tuple[int, bool]:
        """By how many degrees clockwise the page is turned, and whether that is certain."""
        _set(self._orientation, image, _dpi(image))
        found = self._orientation.DetectOrientationScript()
        if not found or found["orient_conf"] < SURE_ORIENTATION:
            return 0, False
        return int(found["orient_deg"]), True

    def _try(self, image: Image.Image, turn: int) -> "_Reading":
        blocks = self._recognise(image.transpose(UPRIGHT[turn]) if turn else image, _dpi(image))
        words = [word for lines in blocks for line in lines for word in line]
        return _Reading(tuple(map(_block, blocks)), _confidence(words), turn if words else 0)

    def _recognise(self, image: Image.Image, dpi: int) -> "list[list[list[_Found]]]":
        """The words by block and line."""
        _set(self._api, image, dpi)
        if not self._api.Recognize(RECOGNITION_MILLISECONDS):
            raise ReadingError(f"recognition took longer than {RECOGNITION_MILLISECONDS // 1000} s")
        iterator = self._api.GetIterator()
        return [] if iterator is None else _blocks(iterator)

    def _with_table(self, image: Image.Image, page: Page) -> Page:
        """The upright page with its ruled table, if there is one: what stands in a cell is a block of its own, as with
        the service. Cells without a word are read by themselves: the engine passes over lonely digits."""
        found = ruled_tables.find(image)
        if found is None:
            return page
        xs, ys = found
        box = (xs[0], ys[0], xs[-1], ys[-1])
        others = _parts(page.blocks, lambda word: not _holds(box, word))
        blocks = [block for block in others if block.box[1] < box[1]]
        below = [block for block in others if block.box[1] >= box[1]]
        cells = []
        for (row, (top, bottom)), (column, (left, right)) in product(enumerate(pairwise(ys)), enumerate(pairwise(xs))):
            cell = (left, top, right, bottom)
            lines = [line for part in _parts(page.blocks, partial(_holds, cell)) for line in part.lines]
            lines = lines or self._read_cell(image, cell)
            cells.append(Cell(row, column, cell, len(blocks) if lines else None))
            blocks += [Block(tuple(lines))] if lines else []
        table = Table(len(ys) - 1, len(xs) - 1, box, tuple(cells))
        return replace(page, blocks=(*blocks, *below), tables=(table,))

    def _read_cell(self, image: Image.Image, box: Box) -> list[Line]:
        left, top, right, bottom = box
        inner = left + RULE_PIXELS, top + RULE_PIXELS, right - RULE_PIXELS, bottom - RULE_PIXELS
        if inner[0] >= inner[2] or inner[1] >= inner[3]:
            return []
        self._api.SetPageSegMode(tesserocr.PSM.SINGLE_BLOCK)
        try:
            blocks = self._recognise(ImageOps.expand(image.crop(inner), CELL_MARGIN, 255), _dpi(image))
        finally:
            self._api.SetPageSegMode(tesserocr.PSM.AUTO)
        x, y = inner[0] - CELL_MARGIN, inner[1] - CELL_MARGIN

        def on_page(found: Box) -> Box:
            return found[0] + x, found[1] + y, found[2] + x, found[3] + y

        return [line for block in map(_block, blocks) for line in _moved(block, on_page).lines]


@dataclass(frozen=True)
class _Reading:
    """One try at a page; boxes are those of the upright page, `confidence` is in percent.

    `turn`: by how many degrees clockwise the upright page was turned to be the page as sent.
    """

    blocks: tuple[Block, ...]
    confidence: float
    turn: int


@dataclass(frozen=True)
class _Found:
    """A word as the engine gave it, its confidence in percent."""

    text: str
    box: Box
    confidence: float


def _dpi(page: Image.Image) -> int:
    """Most pages are A4 or near it."""
    return min(max(round(max(page.size) / A4_INCHES), 70), 600)


def _set(api: tesserocr.PyTessBaseAPI, image: Image.Image, dpi: int) -> None:
    """Hand over the bitmap itself: the libraries that the engine would decode images with are old."""
    api.SetImageBytes(image.tobytes(), image.width, image.height, 1, image.width)
    api.SetSourceResolution(dpi)  # without one the engine complains about each page


def _blocks(iterator: tesserocr.PyResultIterator) -> list[list[list[_Found]]]:
    """The words by block and line, in reading order; lines and blocks without any are left out."""
    blocks: list[list[list[_Found]]] = []
    for place in tesserocr.iterate_level(iterator, tesserocr.RIL.WORD):
        if place.Empty(tesserocr.RIL.WORD):
            continue
        if place.IsAtBeginningOf(tesserocr.RIL.BLOCK) or not blocks:
            blocks.append([])
        if place.IsAtBeginningOf(tesserocr.RIL.TEXTLINE) or not blocks[-1]:
            blocks[-1].append([])
        text = "".join(place.GetUTF8Text(tesserocr.RIL.WORD).split())
        if text:
            box: Box = place.BoundingBox(tesserocr.RIL.WORD)
            blocks[-1][-1].append(_Found(text, box, place.Confidence(tesserocr.RIL.WORD)))
    with_words = [[line for line in block if line] for block in blocks]
    return [block for block in with_words if block]


def _confidence(words: list[_Found]) -> float:
    """The mean of all letters; 0 when the words stand on their side.

    The engine reads such words well without telling, and their blocks badly; another turn reads all as it should be.
    """
    letters = sum(len(word.text) for word in words)
    long_words = [word for word in words if len(word.text) >= 3]
    tall = sum(word.box[3] - word.box[1] > word.box[2] - word.box[0] for word in long_words)
    if not letters or tall * 2 > len(long_words):
        return 0.0
    return sum(len(word.text) * word.confidence for word in words) / letters


def _block(lines: list[list[_Found]]) -> Block:
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
    """What is left of the blocks with these words alone, and without what the engine takes a rule for."""
    kept = [
        [[word for word in line.words if keeps(word) and not RULES.issuperset(word.text)] for line in block.lines]
        for block in blocks
    ]
    return [Block(tuple(Line(tuple(words)) for words in lines if words)) for lines in kept if any(lines)]


def _moved(block: Block, move: Callable[[Box], Box]) -> Block:
    return Block(tuple(Line(tuple(replace(word, box=move(word.box)) for word in line.words)) for line in block.lines))


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
