"""Time, threads and the journal, in memory."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from textdrop.core.documents import Document, Operation


class FakeClock:
    """Time that only moves when told to, or when somebody sleeps; chance from a seed."""

    def __init__(self, now: float = 1_700_000_000.0, seed: int = 0) -> None:
        self._now = now
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Moves the time on; never back."""
        with self._lock:
            self._now += max(0.0, seconds)

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def chance(self) -> float:
        with self._lock:
            return self._random.random()

    def token(self) -> str:
        with self._lock:
            return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


class InlineWorkers:
    """Runs each task at once, in the caller. What a task raises goes to `failed`; without one, to the caller."""

    def __init__(self, failed: Callable[[BaseException], None] | None = None, count: int = 8) -> None:
        self._failed = failed
        self._count = count

    def start(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # as threads do: every kind is reported
            if self._failed is None:
                raise
            self._failed(error)

    def free(self) -> int:
        return self._count

    def wait(self) -> None:
        """Nothing is left running."""


def inline_parallel(task: Callable[[], None], max_workers: int) -> None:
    """A run_parallel without helpers: the caller does it all."""
    task()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. `name` is the rule of a row's transition, or the event."""

    name: str
    row: Document | Operation | None = None
    error: BaseException | None = None
    fields: Mapping[str, str | int | float | None] = field(default_factory=dict)


class FakeJournal:
    """Everything the journal was told, in order."""

    def __init__(self) -> None:
        self.transitions: list[Entry] = []
        self.notes: list[Entry] = []
        self.failures: list[Entry] = []
        self.counts: Counter[str] = Counter()
        self.values: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def rules(self) -> list[str]:
        """The rules of the rows' transitions, in order."""
        return [entry.name for entry in self.transitions]

    def transition(self, rule: str, row: Document | Operation) -> None:
        with self._lock:
            self.transitions.append(Entry(rule, row=row))

    def noted(self, event: str, **fields: str | int | float | None) -> None:
        with self._lock:
            self.notes.append(Entry(event, fields=fields))

    def counted(self, metric: str, value: float = 1) -> None:
        with self._lock:
            self.counts[metric] += 1
            self.values.setdefault(metric, []).append(value)

    def measured(self, metric: str, seconds: float) -> None:
        with self._lock:
            self.values.setdefault(metric, []).append(seconds)

    def failed(self, event: str, error: BaseException, **fields: str | int | float | None) -> None:
        with self._lock:
            self.failures.append(Entry(event, error=error, fields=fields))
