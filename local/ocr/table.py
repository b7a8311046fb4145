"""The engine without OCR: answers from a table, or with a text that follows from the content, after a set time."""

import json
import math
import random
from pathlib import Path
from typing import Any

from local.ocr.annotation import Block, Box, Line, Page, Word, enclosing, text_annotation
from local.ocr.protocol import HTTP_OF_GRPC, result_line
from local.ocr.recognition import Finish, Outcome, failed
from local.ocr.submission import MARKDOWN_MODELS, PDF, Submission, image_size

ENTRY_FIELDS = ("text", "annotation", "error")
# A4 at 300 dpi: what a PDF, or a content whose size is not known, is said to measure.
A4_WIDTH, A4_HEIGHT = 2480, 3508
MARGIN, LINE_HEIGHT, CHARACTER_WIDTH = 100, 40, 16


class TableError(Exception):
    """The table file cannot be used; the message says why."""


def load(path: Path) -> dict[str, dict[str, Any]]:
    """The table: content's sha256 → {"text": …} or {"annotation": {…}} or {"error": {"code", "message"}}.

    Raises TableError.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise TableError(f"{path} cannot be read as JSON ({failure})") from failure
    if not isinstance(table, dict):
        raise TableError(f"{path} must hold one JSON object")
    for key, entry in table.items():
        if len(key) != 64 or key.strip("0123456789abcdef"):
            raise TableError(f"{path}: {key[:70]!r} is not a SHA-256 in lower-case hex digits")
        if not isinstance(entry, dict) or len(entry) != 1 or not set(entry) <= set(ENTRY_FIELDS):
            raise TableError(f"{path}: the entry of {key[:12]} must have exactly one of {', '.join(ENTRY_FIELDS)}")
        [(name, value)] = entry.items()
        if name == "text" and not isinstance(value, str):
            raise TableError(f"{path}: text of {key[:12]} must be a text")
        if name != "text" and not isinstance(value, dict):
            raise TableError(f"{path}: {name} of {key[:12]} must be an object")
        if name == "error" and not (value.get("code") in HTTP_OF_GRPC and isinstance(value.get("message"), str)):
            raise TableError(f"{path}: error of {key[:12]} must have a gRPC code and a message")
    return table


def synthetic_text(sha256: str) -> str:
    """The text of a content that is not in the table: deterministic, and distinct for distinct contents."""
    return f"Content {sha256[:12]}\nСодержимое {sha256[:12]}"


class TableEngine:
    """Answers after `seconds`; with a spread, lognormal around that median, drawn from seed and content."""

    name = "table"

    def __init__(self, table: dict[str, dict[str, Any]], *, seconds: float, spread: float, seed: int) -> None:
        self._table = table
        self._seconds = seconds
        self._spread = spread
        self._seed = seed

    def begin(self, submission: Submission, finish: Finish) -> None:
        finish(self._outcome(submission), self._duration(submission.sha256))

    def describe(self) -> dict[str, Any]:
        return {"entries": len(self._table), "seconds": self._seconds, "spread": self._spread}

    def forget(self) -> None:
        """Nothing waits here."""

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
        width, height = (0, 0) if submission.mime_type == PDF else image_size(submission.content)
        page = set_text(entry["text"], width or A4_WIDTH, height or A4_HEIGHT)
        return Outcome(result_line(text_annotation(page, markdown=submission.model in MARKDOWN_MODELS), 0))


def set_text(text: str, width: int, height: int) -> Page:
    """The text set line under line in characters of one width; an empty line begins a block."""
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
            lines.append(Line(tuple(words), enclosing([word.box for word in words])))
        elif lines:
            blocks.append(Block(tuple(lines), enclosing([line.box for line in lines]), _languages(lines)))
            lines = []
        top += LINE_HEIGHT + 10
    return Page(width, height, tuple(blocks))


def _languages(lines: list[Line]) -> tuple[str, ...]:
    text = "".join(word.text for line in lines for word in line.words)
    cyrillic = any("\u0400" <= character <= "\u04ff" for character in text)
    latin = any("a" <= character.lower() <= "z" for character in text)
    return ("en",) * latin + ("ru",) * cyrillic
