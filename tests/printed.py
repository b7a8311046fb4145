"""All that the functions print, and what in it nobody may read there (promise 7)."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from urllib.parse import quote, quote_plus

from fakes.running import FakeJournal
from textdrop import observability
from textdrop.core.documents import Document, Operation
from textdrop.core.errors import OcrError, TextdropError
from textdrop.observability import LambdaJournal

CREDENTIALS = re.compile(
    r"PRIVATE KEY|[Bb]earer |[Aa]pi-[Kk]ey |eyJ[\w-]{8,}|t1\.[\w-]{20,}|X-Amz-(Signature|Credential|Security-Token)"
)
"""What credentials of any kind look like: a key, an Authorization header, a JWT, an IAM token, a presigned address."""
EMULATOR = "local."


class PrintingJournal(LambdaJournal):
    """The journal as it is in Lambda, which also tells the tests' own. `errors` are the texts of the errors of our own
    that were reported to it, and `quoted` the service's words in them: both must be free of what documents say."""

    def __init__(self, told: FakeJournal) -> None:
        self._told = told
        self.errors: list[str] = []
        self.quoted: set[str] = set()

    def transition(self, rule: str, row: Document | Operation) -> None:
        self._told.transition(rule, row)
        if row.problem is not None and row.problem.trace.message:
            self.quoted.add(row.problem.trace.message)
        super().transition(rule, row)

    def noted(self, event: str, **fields: str | float | None) -> None:
        self._told.noted(event, **fields)
        super().noted(event, **fields)

    def counted(self, metric: str, value: float = 1) -> None:
        self._told.counted(metric, value)
        super().counted(metric, value)

    def measured(self, metric: str, seconds: float) -> None:
        self._told.measured(metric, seconds)
        super().measured(metric, seconds)

    def failed(self, event: str, error: BaseException, **fields: str | float | None) -> None:
        self._told.failed(event, error, **fields)
        if isinstance(error, TextdropError):
            self.errors += [str(error), repr(error)]
        if isinstance(error, OcrError) and error.trace.message:
            self.quoted.add(error.trace.message)
        super().failed(event, error, **fields)


@contextmanager
def printing() -> Iterator[io.StringIO]:
    """Takes in what is logged, by us and by libraries, at the level that logs most, and the metrics."""
    printed = io.StringIO()
    [handler] = [found for found in observability.logger.handlers if isinstance(found, logging.StreamHandler)]
    own = observability.logger
    stream, level, root_level = handler.setStream(printed), own.log_level, logging.root.level
    others = logging.StreamHandler(printed)
    others.addFilter(lambda record: not record.name.startswith(EMULATOR))
    logging.root.addHandler(others)
    logging.root.setLevel(logging.INFO)
    own.setLevel(logging.DEBUG)
    observability.metrics.clear_metrics()
    try:
        with redirect_stdout(printed):
            yield printed
            observability.metrics.flush_metrics()
    finally:
        own.setLevel(level)
        logging.root.setLevel(root_level)
        logging.root.removeHandler(others)
        if stream is not None:
            handler.setStream(stream)


def leaked(text: str, private: Iterable[str]) -> list[str]:
    """Which of the private texts stand in it, in whatever spelling, and everything that looks like a credential."""
    found = [match.group() for match in CREDENTIALS.finditer(text)]
    return found + [words for words in private if any(spelling in text for spelling in _spellings(words))]


def _spellings(words: str) -> set[str]:
    encoded = words.encode("utf-8", "surrogatepass")
    return {
        words,
        json.dumps(words)[1:-1],
        json.dumps(words, ensure_ascii=False)[1:-1],
        repr(words)[1:-1],
        repr(encoded)[2:-1],
        quote(encoded),
        quote_plus(encoded),
        base64.b64encode(encoded).decode(),
    }
