"""The engine without OCR: answers from a table, or with a text that follows from the content, after a set time."""

import math
import random
from collections.abc import Mapping
from typing import Any

from local.ocr.annotation import Block, Box, Line, Page, Word, text_annotation
from local.ocr.protocol import result_line
from local.ocr.recognition import Finish, Outcome, failed
from local.ocr.submission import MARKDOWN_MODELS, Submission, image_size

# A4 at 300 dpi: the size reported for a PDF, or for a content of unknown size.
A4_WIDTH, A4_HEIGHT = 2480, 3508
MARGIN, LINE_HEIGHT, CHARACTER_WIDTH = 100, 40, 16


def synthetic_text(sha256: str) -> str:
    """The text of a content that is not in the table: deterministic, and distinct for distinct contents."""
    return f"Content {sha256[:12]}\nСодержимое {sha256[:12]}"


class TableEngine:
    """Answers after `seconds`; with a spread, lognormal around that median, drawn from seed and content.

    `table`: content's sha256 → {"text": …} or {"annotation": {…}} or {"error": {"code", "message"}}.
    """

    def __init__(self, table: Mapping[str, Mapping[str, Any]], *, seconds: float, spread: float, seed: int) -> None:
        self._table = table
        self._seconds = seconds
        self._spread = spread
        self._seed = seed

    def begin(self, submission: Submission, finish: Finish) -> None:
        finish(self._outcome(submission), self._duration(submission.sha256))

    def close(self) -> None:
        """Nothing is held here."""

    def _duration(self, sha256: str) -> float:
        if not self._spread or not self._seconds:
            return self._seconds
        return random.Random(f"{self._seed}:{sha256}").lognormvariate(math.log(self._seconds), self._spread)

    def _outcome(self, submission: Submission) -> Outcome:
        entry = self._table.get(submission.sha256, {"text": synthetic_text(submission.sha256)})
        if "error" in entry:
            return failed(entry["error"]["code"], entry["error"]["message"])
        if "annotation" in entry:
            return Outcome(result_line(entry["annotation"], 0))
        width, height = image_size(submission.content)
        page = set_text(entry["text"], width or A4_WIDTH, height or A4_HEIGHT)
        return Outcome(result_line(text_annotation(page, markdown=submission.model in MARKDOWN_MODELS), 0))


def set_text(text: str, width: int, height: int) -> Page:
    """The text, line under line, in characters of one width; an empty line begins a block."""
    blocks: list[Block] = []
    lines: list[Line] = []
    top = MARGIN
    for row in [*text.split("\n"), ""]:
        words = []
        left = MARGIN
        for part in row.split():
            box: Box = (left, top, left + CHARACTER_WIDTH * len(part), top + LINE_HEIGHT)
            words.append(Word(part, box))
            left = box[2] + CHARACTER_WIDTH
        if words:
            lines.append(Line(tuple(words)))
        elif lines:
            blocks.append(Block(tuple(lines)))
            lines = []
        top += LINE_HEIGHT + 10
    return Page(width, height, tuple(blocks))
