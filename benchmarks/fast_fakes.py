"""The fakes with an index of what is due, as DynamoDB has one: so that they stay quick with 100,000 documents."""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from fakes.buckets import FakeBucket, Version
from fakes.documents import FakeDocuments
from fakes.faults import Faults, effect
from fakes.messages import FakeNotices
from fakes.ocr import Accepted, FakeOcr
from textdrop.core.answers import NotReady, Recognition, Submitted
from textdrop.core.documents import Document, DueEntry, DueKind, Operation
from textdrop.ports import Clock

SIGMA = 0.4
"""Of the lognormal times of recognition."""

KEYS_KEPT = 20_000


class CountingFaults(Faults):
    """Nothing goes wrong; `count` are the calls so far."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def before(self, call: str) -> None:
        self.count[call] += 1

    def after(self, call: str) -> None:
        """Nothing."""

    def answer_lost(self, call: str) -> bool:
        return False


Entry = tuple[float, str, int, int]


class _Rows(dict[Any, Any]):
    """Rows by key, whose due ones are in the lists by kind, sorted."""

    def __init__(self, due: dict[DueKind, list[Entry]]) -> None:
        super().__init__()
        self._due = due

    def __setitem__(self, key: Any, row: Document | Operation) -> None:
        before = self.get(key)
        if before is not None and before.due_at is not None:
            entries = self._due[before.due_kind]
            del entries[bisect_left(entries, _entry(before))]
        super().__setitem__(key, row)
        if row.due_at is not None and row.due_kind is not None:
            insort(self._due[row.due_kind], _entry(row))


def _entry(row: Document | Operation) -> Entry:
    assert row.due_at is not None
    if isinstance(row, Document):
        return (row.due_at, row.id, 0, 0)
    return (row.due_at, row.document_id, row.run, row.page)


class FastDocuments(FakeDocuments):
    """`hints` are all entries of the index that were read."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self._due: dict[DueKind, list[Entry]] = defaultdict(list)
        self.rows = _Rows(self._due)
        self.operations = _Rows(self._due)
        self.hints: Counter[DueKind] = Counter()
        self.operations_read = 0
        self._pages: dict[tuple[str, int], list[int]] = defaultdict(list)

    @effect
    def due(self, kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
        entries = self._due[kind]
        first = bisect_left(entries, (since, "", 0, 0))
        found = entries[first : min(first + limit, bisect_right(entries, (until, "\uffff", 0, 0)))]
        self.hints[kind] += len(found)
        return [DueEntry(kind, *entry) for entry in found]

    @effect
    def read_operations(self, document_id: str, run: int) -> list[Operation]:
        pages = sorted(self._pages[document_id, run])
        self.operations_read += len(pages)
        return [self.operations[document_id, run, page] for page in pages]

    @effect
    def write_operation(self, before: Operation | None, after: Operation) -> bool:
        known = (after.document_id, after.run, after.page) in self.operations
        written: bool = super().write_operation.__wrapped__(self, before, after)  # type: ignore[attr-defined]
        if written and not known:
            self._pages[after.document_id, after.run].append(after.page)
        return written


class RecentBucket(FakeBucket):
    """Keeps the newest keys only: nobody reads what a document has been delivered with."""

    def _add(self, key: str, version: Version) -> None:
        super()._add(key, version)
        while len(self.versions) > KEYS_KEPT:
            del self.versions[next(iter(self.versions))]


class QuietNotices(FakeNotices):
    """Takes notices, and keeps none."""

    @effect
    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        """It is gone."""


class QuietJournal:
    """Counts, and keeps nothing."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def moved(self, rule: str, row: Document | Operation) -> None:
        self.counts[rule] += 1

    def noted(self, event: str, **fields: str | float | None) -> None:
        self.counts[event] += 1

    def counted(self, metric: str, value: float = 1) -> None:
        self.counts[metric] += 1

    def measured(self, metric: str, seconds: float) -> None:
        """Nothing is kept."""

    def failed(self, event: str, error: BaseException, **fields: str | float | None) -> None:
        """Nothing should go wrong in a benchmark."""
        raise RuntimeError(event) from error


class LognormalOcr(FakeOcr):
    """Recognitions take a time around the median, as the service's do. `delays` are the seconds that each result lay
    ready before it was fetched, by the order of the submits; `taken` what each recognition took."""

    def __init__(self, clock: Clock, faults: Faults, median_seconds: float, seed: int, sigma: float = SIGMA) -> None:
        super().__init__(clock, faults)
        self._sigma = sigma
        self._median = median_seconds
        self._random = random.Random(seed)
        self.delays: dict[int, float] = {}
        self.taken: list[float] = []

    def submit(self, body: bytes, client_request_id: str) -> Submitted:
        self.seconds = self._median * math.exp(self._random.gauss(0.0, self._sigma))
        self.taken.append(self.seconds)
        return super().submit(body, client_request_id)

    def result(self, operation_id: str) -> Recognition | NotReady:
        answer = super().result(operation_id)
        if isinstance(answer, Recognition):
            number = _number(operation_id)
            self.delays[number] = self._clock.now() - self.accepted[number].ready_at
        return answer

    def asks(self, number: int) -> int:
        """How often the operation was asked for, status and result together."""
        return self.asked[self.accepted[number].operation_id]

    def _find(self, operation_id: str) -> Accepted | None:
        return self.accepted[_number(operation_id)]


def _number(operation_id: str) -> int:
    return int(operation_id.removeprefix("operation")) - 1
