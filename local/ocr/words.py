"""What tesserocr finds in a bitmap: words by block and line, with their boxes and how sure it is of each."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# libtesseract looks at this once, when it is loaded: two workers must not start two threads each.
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

import tesserocr
from PIL import Image

from local.ocr.annotation import Box

# A recognition cannot be stopped from outside; this ends it.
RECOGNITION_MILLISECONDS = 120_000
A4_INCHES = 11.7


class ReadingError(Exception):
    """A page cannot be read; the message says why."""


@dataclass(frozen=True)
class FoundWord:
    """A word as the engine gave it, its confidence in percent."""

    text: str
    box: Box
    confidence: float

    @property
    def height(self) -> int:
        """In pixels, across the text; the engine does not say when a word stands on its side."""
        left, top, right, bottom = self.box
        return min(right - left, bottom - top)

    @property
    def is_tall(self) -> bool:
        """Whether it stands on its side, judging by its box: it has three letters or more, one above another."""
        left, top, right, bottom = self.box
        return len(self.text) >= 3 and bottom - top > right - left


FoundBlock = tuple[tuple[FoundWord, ...], ...]
"""The words of each line of a block."""


class Recogniser:
    """A tesserocr engine with the data of some languages; for one thread at a time."""

    def __init__(self, folder: Path, languages: tuple[str, ...]) -> None:
        """`languages` by the names of their data. Raises ReadingError if one is not really loaded, which tesserocr does
        not report."""
        self._api = tesserocr.PyTessBaseAPI(path=str(folder), lang="+".join(languages), psm=tesserocr.PSM.AUTO)
        missing = set(languages) - set(self._api.GetLoadedLanguages())
        if missing:
            raise ReadingError(f"the OCR engine did not load {', '.join(sorted(missing))} from {folder}")
        self._api.SetVariable("debug_file", os.devnull)
        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)

    def find(self, image: Image.Image, dpi: int, *, is_one_block: bool = False) -> list[FoundBlock]:
        """The words of a grey bitmap in reading order; no line or block is without words. Raises ReadingError."""
        self._api.SetPageSegMode(tesserocr.PSM.SINGLE_BLOCK if is_one_block else tesserocr.PSM.AUTO)
        # The bitmap itself: the libraries that the engine would decode images with are old.
        self._api.SetImageBytes(image.tobytes(), image.width, image.height, 1, image.width)
        self._api.SetSourceResolution(dpi)  # without a resolution the engine complains about each page
        if not self._api.Recognize(RECOGNITION_MILLISECONDS):
            raise ReadingError(f"recognition took longer than {RECOGNITION_MILLISECONDS // 1000} s")
        iterator = self._api.GetIterator()
        return [] if iterator is None else _blocks(iterator)


def words_of(blocks: Iterable[FoundBlock]) -> list[FoundWord]:
    """All words, in reading order."""
    return [word for block in blocks for line in block for word in line]


def confidence(words: Iterable[FoundWord]) -> float:
    """The mean of all letters, in percent; 0 when there are none."""
    weighed = [(len(word.text), word.confidence) for word in words]
    letters = sum(length for length, _ in weighed)
    return sum(length * sure for length, sure in weighed) / letters if letters else 0.0


def page_dpi(page: Image.Image) -> int:
    """Most pages are A4 or near it."""
    return min(max(round(max(page.size) / A4_INCHES), 70), 600)


def _blocks(iterator: tesserocr.PyResultIterator) -> list[FoundBlock]:
    blocks: list[list[list[FoundWord]]] = []
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
            blocks[-1][-1].append(FoundWord(text, box, place.Confidence(tesserocr.RIL.WORD)))
    made = (tuple(tuple(line) for line in block if line) for block in blocks)
    return [block for block in made if block]
