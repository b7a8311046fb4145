"""What one tick of poll does next: its jobs, as plain data. Every decision is given `now`."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import ceil, inf

from textdrop.core import bucket, intervals, window
from textdrop.core.bucket import Bucket
from textdrop.core.documents import TO_SUBMIT, Document, DueEntry, DueKind, Operation, OperationState
from textdrop.core.pause import BY_OPERATOR, Pause, why_paused
from textdrop.core.window import Window

MAX_DUE_ENTRIES = 5_000
MIN_KNOWN = 50
FORGET_SECONDS = 10.0
"""How long the index may lag behind the rows."""

READ_AHEAD_SECONDS = 1.0
"""How long before an operation is asked for its row is read."""

MIN_BACKFILLS = 20
BACKFILL_SECONDS = 2.0
"""How long a document of a backfill takes from being handed out until it is sent, at the pace of handing out."""

AGAIN_SECONDS = 1.0
"""How soon a row is read, or an operation asked for, again when the worker broke off."""

Name = tuple[str, int, int]
"""A row: document id, run, page (0, 0 for the document's own row)."""


class Step(Enum):
    """What a worker does for a job."""

    DOCUMENT = "document"
    READ = "read"
    RESULT = "result"
    STATUS = "status"


@dataclass(slots=True, eq=False)
class Job:
    """What the tick works on: a document to deliver, recheck or hand out; or an operation, whose row is read before its
    result is asked for. Asking for its status is a separate job."""

    entry: DueEntry
    start_at: float  # when to work on it next
    step: Step = Step.DOCUMENT
    is_busy: bool = False  # a worker has it
    operation: Operation | None = None  # as it was last read
    not_ready_at: float = 0.0  # when it was last asked for without getting a result
    is_reserved: bool = False  # it is about to be asked for
    asked_at: float = 0.0  # when the last ask began
    status_asked: bool = False  # its status was asked for after its deadline


@dataclass(slots=True)
class Line:
    """The asks of one kind, in the order in which they are due, and their quota."""

    window: Window
    jobs: dict[Name, Job] = field(default_factory=dict)
    after: float = 0.0  # a throttle: none begins before
    _waiting: list[tuple[float, Name]] = field(default_factory=list)

    def wait(self, job: Job) -> None:
        """The job is asked for when its time has come."""
        self.jobs[job.entry.name] = job
        heapq.heappush(self._waiting, (job.start_at, job.entry.name))

    def next_at(self) -> float:
        """When the next ask may begin; infinity means never."""
        while self._waiting:
            at, name = self._waiting[0]
            job = self.jobs.get(name)
            if job is not None and not job.is_busy and job.start_at == at:
                return max(at, self.after, window.next_at(self.window))
            heapq.heappop(self._waiting)  # it is over, or has another time
        return inf

    def take(self, now: float) -> Job | None:
        """The job to begin now. It counts against the quota from now until a while after it has begun."""
        if self.next_at() > now:
            return None
        window.reserve(self.window)
        job = self.jobs[heapq.heappop(self._waiting)[1]]
        job.is_reserved = True
        return job


@dataclass(slots=True)
class Schedule:
    """All jobs of one tick.

    Documents are in the order in which they may start: deliveries and rechecks, then those for submit. Each running
    operation has a job in `results`, and first in `_unread`.
    """

    typical_seconds: float  # what recognitions lately take
    reads_per_second: int
    results: Line
    statuses: Line
    submit_quota: Bucket
    documents: dict[Name, Job] = field(default_factory=dict)
    asks_until: float = inf  # the lease is only certain until then; nothing is asked after it
    submit_after: float = 0.0  # a pause: nothing is handed out before
    is_paused: bool = False
    due_soon: bool = True  # whether the last refresh of the index showed a document that is due soon
    busy: int = 0  # how many jobs workers have
    _not_ready: int = 0  # how many operations were asked for and are not ready
    _unread: list[tuple[float, Name]] = field(default_factory=list)
    _handled: dict[Name, tuple[float, float]] = field(default_factory=dict)

    # --- what the index and the pause show ------------------------------------------------------------------------

    def add_asks(self, entries: Sequence[DueEntry], now: float) -> None:
        """Running operations that are not known yet are read, and asked for when they may be ready."""
        for entry in entries:
            if entry.name not in self.results.jobs and not self._was_handled(entry, now):
                first_at = entry.due_at + intervals.first_ask_seconds(self.typical_seconds, self._load())
                self.results.jobs[entry.name] = Job(entry, first_at, Step.READ)
                heapq.heappush(self._unread, (first_at, entry.name))

    def replace_documents(self, entries: Sequence[DueEntry], soon: float, now: float) -> None:
        """These are the documents in flight, in order. Those that are due soon become jobs; those that workers have
        stay with them."""
        fresh = [entry for entry in entries if entry.due_at <= soon and not self._was_handled(entry, now)]
        jobs = {name: job for name, job in self.documents.items() if job.is_busy}
        for entry in fresh:
            jobs.setdefault(entry.name, Job(entry, entry.due_at))
        self.documents = jobs
        self.due_soon = any(self._may_start_at(entry.kind, entry.due_at) <= soon for entry in fresh)

    def apply_pause(self, pause: Pause) -> None:
        """While submitting is paused, only what the next probe needs is handed out; nothing while an operator has
        paused it."""
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
        """Whether most running operations are known, so that reading the recent ones is enough."""
        return len(self.results.jobs) >= MIN_KNOWN

    def max_backfills(self) -> int:
        """How many documents of backfills may be on their way through submit: enough to keep it busy, and few enough
        that a live upload never waits behind many."""
        return max(MIN_BACKFILLS, ceil(BACKFILL_SECONDS * self.submit_quota.per_second))

    def max_submit_entries(self) -> int:
        """How many entries are enough: one more than could have been handed out recently and still be in the index."""
        return min(MAX_DUE_ENTRIES, 1 + ceil(self.submit_quota.per_second * (FORGET_SECONDS + 1.0)))

    # --- what starts now ------------------------------------------------------------------------------------------

    def documents_to_start(self, now: float, probe_seconds: float) -> Iterator[Job]:
        """The documents that may start now, one by one. Whoever takes one must report when it has ended."""
        for job in list(self.documents.values()):
            is_submit = job.entry.kind in TO_SUBMIT
            if is_submit and (now < self.submit_after or bucket.available(self.submit_quota, now) < 1):
                return  # so are all after it: those for submit come last
            if job.is_busy or job.start_at > now:
                continue
            if is_submit:
                self.submit_quota = bucket.taken(self.submit_quota, 1, now)
                if self.is_paused:
                    self.submit_after = now + probe_seconds
            self._handled[job.entry.name] = (job.entry.due_at, now)
            self._start(job)
            yield job

    def ask_to_start(self, now: float) -> Job | None:
        """What begins now for an operation: within their quotas, the result or status that has been due longest is
        asked for; or a row is read. Whoever takes one must report when it began, and when it has ended."""
        job = self._result_to_ask(now) or self._status_to_ask(now) if now < self.asks_until else None
        job = job or self._row_to_read(now)
        if job is not None:
            self._start(job)
        return job

    def _result_to_ask(self, now: float) -> Job | None:
        job = self.results.take(now)
        if job is not None:
            wait = intervals.next_ask_seconds(_age(job, now), self.typical_seconds, self._not_ready, self._rate)
            job.start_at = now + wait
        return job

    def _status_to_ask(self, now: float) -> Job | None:
        job = self.statuses.take(now)
        if job is not None:
            job.start_at = now + intervals.next_status_seconds(_age(job, now))
        return job

    def _row_to_read(self, now: float) -> Job | None:
        if self._next_read_at() > now:
            return None
        return self.results.jobs[heapq.heappop(self._unread)[1]]

    def _next_read_at(self) -> float:
        """A row is read a second before its operation is asked for; no more rows than can be asked for in a second."""
        read = len(self.results.jobs) - len(self._unread) - self._not_ready
        if not self._unread or read >= self.reads_per_second:
            return inf
        return self._unread[0][0] - READ_AHEAD_SECONDS

    def next_ask_at(self) -> float:
        """When the next ask may start; infinity means never."""
        return min(self.results.next_at(), self.statuses.next_at(), self._next_read_at())

    # --- what has ended -------------------------------------------------------------------------------------------

    def document_ended(self, job: Job) -> None:
        """A worker is done with the document, successfully or not. Its row says what comes next."""
        self._end(job)
        if self.documents.get(job.entry.name) is job:
            del self.documents[job.entry.name]

    def document_concluded(self, document: Document, now: float) -> None:
        """It is on its way to deliver. The index is about to show its entry, which need not be handed out as well."""
        if document.due_at is not None:
            self._handled[document.id, 0, 0] = (document.due_at, now)

    def began(self, job: Job, at: float) -> None:
        """The request has begun."""
        if job.is_reserved:
            job.is_reserved, job.asked_at = False, at
            window.begin(self._line(job).window, at)

    def ask_broke_off(self, job: Job, now: float) -> None:
        """Nothing is known of the ask, not even whether it began: try again soon."""
        self.began(job, now)
        self._end(job)
        if job.step is Step.READ:
            job.start_at = now + AGAIN_SECONDS + READ_AHEAD_SECONDS
            heapq.heappush(self._unread, (job.start_at, job.entry.name))
        elif self._is_known(job):
            job.start_at = min(job.start_at, now + AGAIN_SECONDS)
            self._line(job).wait(job)

    def throttle(self, job: Job, until: float) -> None:
        """Nothing of the job's kind is asked for before then."""
        line = self._line(job)
        line.after = max(line.after, until)

    def asked(self, job: Job, operation: Operation | None, now: float, *, may_have_failed: bool = False) -> None:
        """A row was read, or an ask has ended, with the row as it is now (None: it is gone, or another worker's).

        `may_have_failed`: the service answered with an error, so the status is worth asking for soon.
        """
        self._end(job)
        if not self._is_known(job):
            return  # the other ask has ended it meanwhile
        if operation is None or operation.state is not OperationState.RUNNING:
            self._forget(job, operation, now)
        elif job.step is Step.STATUS:
            self._status_said_running(job, operation, now)
        else:
            if job.step is Step.RESULT:
                self._said_not_ready(job, operation, now, may_have_failed)
            job.step, job.operation = Step.RESULT, operation
            self.results.wait(job)

    def _said_not_ready(self, job: Job, operation: Operation, now: float, may_have_failed: bool) -> None:
        """From now on its status is asked for too: soon, if it may have failed or is about to be given up."""
        self._not_ready += not job.not_ready_at
        job.not_ready_at = job.asked_at
        name, submitted_at = job.entry.name, operation.submitted_at or now
        status = self.statuses.jobs.get(name)
        if status is None:
            first_at = submitted_at + intervals.first_status_seconds(self.typical_seconds)
            status = Job(job.entry, first_at, Step.STATUS, operation=operation)
            self.statuses.wait(status)
        if may_have_failed or (_is_past_deadline(operation, now) and not job.status_asked):
            soon = max(now, status.asked_at + intervals.MIN_STATUS_SECONDS)
            if soon < status.start_at:
                status.start_at = soon
                self.statuses.wait(status)

    def _status_said_running(self, status: Job, operation: Operation, now: float) -> None:
        self.statuses.wait(status)
        job = self.results.jobs[status.entry.name]
        if _is_past_deadline(operation, now) and not job.status_asked:
            job.status_asked, job.start_at = True, now
            self.results.wait(job)

    def _forget(self, job: Job, operation: Operation | None, now: float) -> None:
        name = job.entry.name
        known = self.results.jobs.pop(name)
        self.statuses.jobs.pop(name, None)
        self._not_ready -= bool(known.not_ready_at)
        if operation is None or operation.submitted_at is None:
            return
        self._handled[name] = (operation.submitted_at, now)
        # One that hung until its deadline, or expired, says nothing about how long a recognition takes; nor does one
        # that was sent by another row.
        if job.step is Step.RESULT and operation.state is OperationState.RECOGNIZED and operation.is_sent_here:
            # It ended at some time between the last two asks. Taking the later one for its end would make the next
            # first ask later, and what that finds later still.
            earliest = max(0.0, job.not_ready_at - operation.submitted_at)
            taken_seconds = (earliest + job.asked_at - operation.submitted_at) / 2
            self.typical_seconds = intervals.typical_after(self.typical_seconds, taken_seconds)

    def _line(self, job: Job) -> Line:
        return self.statuses if job.step is Step.STATUS else self.results

    def _is_known(self, job: Job) -> bool:
        return self._line(job).jobs.get(job.entry.name) is job

    @property
    def _rate(self) -> float:
        return self.results.window.limit / self.results.window.seconds

    def _load(self) -> float:
        """How many operations run for each one that the quota allows to ask for in the time of a typical
        recognition."""
        return len(self.results.jobs) / (self._rate * self.typical_seconds)

    def is_idle(self) -> bool:
        """Nothing runs, and nothing is due soon."""
        return not (self.results.jobs or self.busy or self.due_soon)

    def _may_start_at(self, kind: DueKind, due_at: float) -> float:
        return max(due_at, self.submit_after) if kind in TO_SUBMIT else due_at

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


def _age(job: Job, now: float) -> float:
    return now - job.entry.due_at


def _is_past_deadline(operation: Operation, now: float) -> bool:
    return operation.deadline_at is not None and now >= operation.deadline_at


def new(typical_seconds: float, reads_per_second: int, submits_per_second: float, now: float) -> Schedule:
    """A schedule without jobs, for a tick that took over at `now`; what the tick before asked for in the last second is
    not known. `typical_seconds` is what that tick has learnt; 0: nothing."""
    return Schedule(
        typical_seconds=typical_seconds or intervals.FIRST_TYPICAL_SECONDS,
        reads_per_second=reads_per_second,
        results=Line(window.full(reads_per_second, now)),
        statuses=Line(window.full(reads_per_second, now)),
        submit_quota=bucket.full(submits_per_second, max(1.0, submits_per_second), now),
    )
