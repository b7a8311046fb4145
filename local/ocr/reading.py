"""Reads a bitmap with tesserocr: turns it upright, recognises English and Russian, gives words with their boxes."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# libtesseract looks at this once, when it is loaded: two workers must not start two threads each.
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

import tesserocr
from PIL import Image

from local.ocr import scripts
from local.ocr.annotation import Block, Box, Line, Page, Word, enclosing

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


class ReadingError(Exception):
    """A page cannot be read; the message says why."""


class Reader:
    """A tesserocr engine with the data of one folder; for one thread at a time."""

    def __init__(self, folder: Path, *, with_orientation: bool) -> None:
        """Raises ReadingError when a language is not really loaded, which tesserocr itself does not say."""
        self._api = tesserocr.PyTessBaseAPI(path=str(folder), lang="+".join(LANGUAGES), psm=tesserocr.PSM.AUTO)
        missing = set(LANGUAGES) - set(self._api.GetLoadedLanguages())
        if missing:
            raise ReadingError(f"the OCR engine did not load {', '.join(sorted(missing))} from {folder}")
        self._api.SetVariable("debug_file", os.devnull)
        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)
        self._orientation = None
        if with_orientation:
            self._orientation = tesserocr.PyTessBaseAPI(path=str(folder), lang="osd", psm=tesserocr.PSM.OSD_ONLY)
            self._orientation.SetVariable("debug_file", os.devnull)

    def read(self, image: Image.Image) -> Page:
        """The page of a grey bitmap; a blank one has no blocks. Raises ReadingError."""
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
        return Page(image.width, image.height, best.blocks, best.turn)

    def _turn(self, image: Image.Image) -> tuple[int, bool]:
        """By how many degrees clockwise the page is turned, and whether that is certain."""
        if self._orientation is None:
            return 0, False
        _set(self._orientation, image)
        found = self._orientation.DetectOrientationScript()
        if not found or found["orient_conf"] < SURE_ORIENTATION:
            return 0, False
        return int(found["orient_deg"]), True

    def _try(self, image: Image.Image, turn: int) -> "_Reading":
        _set(self._api, image.transpose(UPRIGHT[turn]) if turn else image)
        if not self._api.Recognize(RECOGNITION_MILLISECONDS):
            raise ReadingError(f"recognition took longer than {RECOGNITION_MILLISECONDS // 1000} s")
        iterator = self._api.GetIterator()
        blocks = [] if iterator is None else _blocks(iterator)
        words = [word for lines in blocks for line in lines for word in line]
        as_sent = _boxes_as_sent(turn, image.width, image.height)
        return _Reading(tuple(_block(lines, as_sent) for lines in blocks), _confidence(words), turn if words else 0)


@dataclass(frozen=True)
class _Reading:
    """One try at a page; boxes are those of the page as sent, `confidence` is in percent.

    `turn`: by how many degrees clockwise the upright page was turned to be the page as sent.
    """

    blocks: tuple[Block, ...]
    confidence: float
    turn: int


@dataclass(frozen=True)
class _Found:
    """A word as the engine gave it: its box is one of the upright page, its confidence in percent."""

    text: str
    box: Box
    confidence: float


def _set(api: tesserocr.PyTessBaseAPI, image: Image.Image) -> None:
    """Hand over the bitmap itself: the libraries that the engine would decode images with are old."""
    api.SetImageBytes(image.tobytes(), image.width, image.height, 1, image.width)
    # Without a resolution the engine complains about each page. Most pages are A4 or near it.
    api.SetSourceResolution(min(max(round(max(image.size) / A4_INCHES), 70), 600))


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


def _block(lines: list[list[_Found]], as_sent: Callable[[Box], Box]) -> Block:
    """The block with each word's script settled."""
    settled = []
    for line in lines:
        texts = scripts.settle_line([word.text for word in line])
        words = tuple(Word(text, as_sent(word.box)) for text, word in zip(texts, line, strict=True))
        settled.append(Line(words, enclosing([word.box for word in words])))
    texts = [word.text for line in settled for word in line.words]
    return Block(tuple(settled), enclosing([line.box for line in settled]), scripts.languages(texts))


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
