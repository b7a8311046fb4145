"""Processor time as tests have it: none passes unless they say so, on however slow a machine."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from pagekit.pdf import qpdf, rewriting


class ProcessorTime:
    """In place of the `time` module. `spent` are the seconds of each thread, by its identifier; each time that they are
    read `per_reading` more are spent. `readings` counts that."""

    def __init__(self) -> None:
        self.spent: Counter[int] = Counter()
        self.per_reading = 0
        self.readings = 0

    def thread_time(self) -> int:
        self.readings += 1
        self.spent[threading.get_ident()] += self.per_reading
        return self.spent[threading.get_ident()]


@pytest.fixture(autouse=True)
def processor() -> Iterator[ProcessorTime]:
    """What PDFs are bounded by."""
    processor = ProcessorTime()
    with patch.object(qpdf, "time", processor), patch.object(rewriting, "time", processor):
        yield processor
