"""Progress, separate from the answer: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

LINE_SECONDS = 5.0


class Progress:
    """Shows on stderr what `show` is given, within a `with` block."""

    def __init__(self, terminal: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._clock = clock
        self._bar: Any = None
        self._task: Any = None
        self._said = ""
        self._said_at: float | None = None

    def __enter__(self) -> Progress:
        if self._terminal:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
            # What is printed meanwhile appears above the bar, if it goes to the same terminal.
            console = Console(stderr=True, force_terminal=True)
            self._bar = Bar(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty())
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def show(self, words: str, done: int = 0, total: int = 0) -> None:
        """Show these words and how much is done; without a total the share is not known."""
        if self._bar is not None:
            self._bar.update(self._task, description=words, completed=done, total=total or None)
            return
        now = self._clock()
        if words != self._said and (self._said_at is None or now >= self._said_at + LINE_SECONDS):
            print(words, file=sys.stderr, flush=True)
            self._said, self._said_at = words, now

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
