"""What one tick of poll does next: its jobs, as plain data. Every decision is given `now`."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, inf

from textdrop.core import intervals
from textdrop.core.bucket import Bucket, available, full, next_at, taken
from textdrop.core.documents import Document, DueEntry, DueKind, Operation, OperationState
from textdrop.core.pause import BY_OPERATOR, Pause, why_paused

MAX_DUE_ENTRIES = 5_000
MIN_KNOWN = 50
FORGET_SECONDS = 10.0
"""So long the index may lag behind the rows."""

BUCKET_SECONDS = 0.2

Name = tuple[str, int, int]
"""A row: document id, run, page (0, 0 for the document's own)."""


@dataclass(slots=True, eq=False)
class Job:
    """A row that the tick works on: an operation to ask for, or a document to deliver, recheck or hand out."""

    entry: DueEntry
    start_at: float  # when it is to be worked on next
    is_busy: bool = False  # a worker has it
    operation: Operation | None = None  # as it was last asked for without a result
    not_ready_at: float = 0.0  # when that was


@dataclass(slots=True)
class Schedule:
    """All jobs of one tick. Asks that no worker has are in a heap, as there may be thousands, looked at many times a
    second. Documents are in the order in which they may start: deliveries and rechecks, then those for submit."""

    typical_seconds: float  # what recognitions lately take
    ask_quota: Bucket
    submit_quota: Bucket
    asks: dict[Name, Job] = field(default_factory=dict)
    documents: dict[Name, Job] = field(default_factory=dict)
    ask_after: float = 0.0  # a throttle: nothing is asked before
    submit_after: float = 0.0  # a pause: nothing is handed out before
    is_paused: bool = False
    due_soon: bool = True  # whether the last refresh of the index showed a document that is due soon
    busy: int = 0  # how many jobs workers have
    _asked: int = 0  # how many operations were asked for and are not ready
    _waiting: list[tuple[float, Name]] = field(default_factory=list)
    _handled: dict[Name, tuple[float, float]] = field(default_factory=dict)

    # --- what the index and the pause show ------------------------------------------------------------------------

    def add_asks(self, entries: Sequence[DueEntry], now: float) -> None:
        """The running operations that are not known yet are asked for when most recognitions have ended."""
        for entry in entries:
            if entry.name not in self.asks and not self._was_handled(entry, now):
                first_at = entry.due_at + intervals.first_ask_seconds(self.typical_seconds)
                job = self.asks[entry.name] = Job(entry, max(now, first_at))
                heapq.heappush(self._waiting, (job.start_at, job.entry.name))

    def replace_documents(self, entries: Sequence[DueEntry], soon: float, now: float) -> None:
        """These are the documents that are due, in order; those that workers have stay theirs."""
        fresh = [entry for entry in entries if not self._was_handled(entry, now)]
        jobs = {name: job for name, job in self.documents.items() if job.is_busy}
        for entry in fresh:
            jobs.setdefault(entry.name, Job(entry, entry.due_at))
        self.documents = jobs
        self.due_soon = any(self._may_start_at(entry.kind, entry.due_at) <= soon for entry in fresh)

    def apply_pause(self, pause: Pause) -> None:
        """While submitting is paused nothing is handed out but what the next probe needs; nothing at all while an
        operator has paused it."""
        why = why_paused(pause)
        self.is_paused = bool(why)
        if not why:
            self.submit_after = 0.0
        elif why == BY_OPERATOR:
            self.submit_after = inf
        else:
            # An operator's pause that has ended may have covered one that probes end.
            self.submit_after = max(pause.probe_at, 0.0 if self.submit_after == inf else self.submit_after)

    def knows_many(self) -> bool:
        """Whether most running operations are known, so that reading those of late is enough."""
        return len(self.asks) >= MIN_KNOWN

    def max_submit_entries(self) -> int:
        """How many entries are enough: one more than could have been handed out lately and still be in the index."""
        return min(MAX_DUE_ENTRIES, 1 + ceil(self.submit_quota.per_second * (FORGET_SECONDS + 1.0)))

    # --- what starts now ------------------------------------------------------------------------------------------

    def documents_to_start(self, now: float, probe_seconds: float) -> Iterator[Job]:
        """The documents that may start now, one by one. Whoever takes one has to tell when it has ended."""
        for job in list(self.documents.values()):
            is_submit = job.entry.kind is DueKind.SUBMIT
            may_start = self._may_start_at(job.entry.kind, job.start_at) <= now
            if is_submit and (not may_start or available(self.submit_quota, now) < 1):
                return  # so are all behind it: these come last, by their due times
            if job.is_busy or not may_start:
                continue
            if is_submit:
                self.submit_quota = taken(self.submit_quota, 1, now)
                if self.is_paused:
                    self.submit_after = now + probe_seconds
            self._handled[job.entry.name] = (job.entry.due_at, now)
            self._start(job)
            yield job

    def asks_to_start(self, now: float) -> Iterator[Job]:
        """The operations to ask for now, the longest due first, within the quota; one by one."""
        while now >= self.ask_after and self._waiting and self._waiting[0][0] <= now:
            if available(self.ask_quota, now) < 1:
                return
            _, name = heapq.heappop(self._waiting)
            job = self.asks[name]
            self.ask_quota = taken(self.ask_quota, 1, now)
            age = now - (job.operation.submitted_at or now) if job.operation else 0.0
            job.start_at = now + intervals.next_ask_seconds(
                age, self.typical_seconds, self._asked, self.ask_quota.per_second
            )
            self._start(job)
            yield job

    def next_ask_at(self) -> float:
        """When the next ask may start; never is infinity."""
        if not self._waiting:
            return inf
        return max(self._waiting[0][0], self.ask_after, next_at(self.ask_quota))

    # --- what has ended -------------------------------------------------------------------------------------------

    def document_ended(self, job: Job) -> None:
        """A worker is done with the document, well or not. Its row says what comes next."""
        self._end(job)
        if self.documents.get(job.entry.name) is job:
            del self.documents[job.entry.name]

    def document_concluded(self, document: Document, now: float) -> None:
        """It is on its way to deliver; its entry, which the index is about to show, need not be handed out as well."""
        if document.due_at is not None:
            self._handled[document.id, 0, 0] = (document.due_at, now)

    def ask_broke_off(self, job: Job) -> None:
        """Nothing is known of the ask: again at its time."""
        self._end(job)
        heapq.heappush(self._waiting, (job.start_at, job.entry.name))

    def asked(self, job: Job, operation: Operation | None, now: float) -> None:
        """An ask has ended, with the row as it is now (None: it is gone, or another worker's)."""
        self._end(job)
        if operation is not None and operation.state is OperationState.RUNNING:
            self._asked += job.operation is None
            job.operation, job.not_ready_at = operation, now
            heapq.heappush(self._waiting, (job.start_at, job.entry.name))
            return
        del self.asks[job.entry.name]
        self._asked -= job.operation is not None
        if operation is None or operation.submitted_at is None:
            return
        self._handled[job.entry.name] = (operation.submitted_at, now)
        # One that hung until its deadline, or expired, says nothing of how long a recognition takes.
        if operation.state is OperationState.RECOGNIZED:
            # It ended at some time since it was last asked for. To take the end of that for it would make the next
            # first ask later, and what that finds later still.
            since = max(operation.submitted_at, job.not_ready_at)
            taken_seconds = ((operation.finished_at or now) + since) / 2 - operation.submitted_at
            self.typical_seconds = intervals.typical_after(self.typical_seconds, taken_seconds)

    def is_idle(self) -> bool:
        """Nothing runs, and nothing is due soon."""
        return not (self.asks or self.busy or self.due_soon)

    def _may_start_at(self, kind: DueKind, due_at: float) -> float:
        return max(due_at, self.submit_after) if kind is DueKind.SUBMIT else due_at

    def _was_handled(self, entry: DueEntry, now: float) -> bool:
        """Whether the entry is of a time that this tick has worked on already: the index lags behind the rows."""
        due_at, at = self._handled.get(entry.name, (-1.0, 0.0))
        return due_at == entry.due_at and now < at + FORGET_SECONDS

    def _start(self, job: Job) -> None:
        job.is_busy = True
        self.busy += 1

    def _end(self, job: Job) -> None:
        job.is_busy = False
        self.busy -= 1


def new(typical_seconds: float, asks_per_second: float, submits_per_second: float, now: float) -> Schedule:
    """A schedule without jobs. `typical_seconds` is what the last tick has learnt; 0: nothing."""
    return Schedule(
        typical_seconds=typical_seconds or intervals.FIRST_TYPICAL_SECONDS,
        ask_quota=full(asks_per_second, max(1.0, asks_per_second * BUCKET_SECONDS), now),
        submit_quota=full(submits_per_second, max(1.0, submits_per_second), now),
    )
