"""Sends the pages of a document that we hold, several at a time, each by `send_page`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from textdrop.core import billing, caps
from textdrop.core.documents import Document, Operation
from textdrop.core.errors import ObjectDeleted, ObjectGone, StoreUnavailable
from textdrop.ports import SubmitPorts
from textdrop.usecases.send import send_page
from textdrop.usecases.sent import Later, Lost, Settled, SourceGone
from textdrop.usecases.source import PageSource
from textdrop.usecases.wake import wake

SOURCE_CHECK_SECONDS = 5.0
"""How often a document's source is checked while its pages are sent."""

MAX_WORKERS = 8
"""How many pages of a document are sent at once, if threads are free: more would only wait for slots."""


@dataclass(slots=True)
class _TimeSlice:
    """What the threads of one slice share, under its lock."""

    todo: list[int]
    operations: dict[int, Operation]
    ends_at: float
    check_source_at: float
    later: list[Later] = field(default_factory=list)
    lost: bool = False
    source_gone: bool = False
    finished_last: bool = False
    woken_at: float = 0.0
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, now: float) -> int | None:
        """The next page to send; None when this slice sends no more."""
        with self.lock:
            if self.ended or not self.todo:
                return None
            if now >= self.ends_at:
                self.ended = True
                self.later.append(Later(now, failed=False))
                return None
            return self.todo.pop()

    def wakes(self, now: float, settle_seconds: float) -> bool:
        """Whether to wake poll for what was sent: at once for the first page, then now and then."""
        with self.lock:
            if now < self.woken_at + settle_seconds:
                return False
            self.woken_at = now
            return True

    def checks_source(self, now: float) -> bool:
        """Whether it is time to check the source; then the other threads need not."""
        with self.lock:
            if now < self.check_source_at:
                return False
            self.check_source_at = now + SOURCE_CHECK_SECONDS
            return True

    def note(self, page: int, sent: Settled | Later | Lost | SourceGone, max_failures: int) -> None:
        """Records how it went with a page.

        One page's failure may be that page's own: the others continue, unless too many fail alike. Anything else that
        keeps a page from being sent (no slot, no time, a pause) keeps the others from it too.
        """
        with self.lock:
            match sent:
                case Settled(operation):
                    self.operations[page] = operation
                case Lost():
                    self.lost = self.ended = True
                case SourceGone():
                    self.source_gone = self.ended = True
                case Later(_, failed):
                    self.later.append(sent)
                    failures = sum(later.failed for later in self.later)
                    self.ended = self.ended or not (failed or sent.is_own) or failures >= max_failures


def send_pages(
    ports: SubmitPorts,
    submits_per_second: float,
    document: Document,
    operations: Mapping[int, Operation],
    source: PageSource,
    deadline: float,
    reserved_on: str = "",
) -> tuple[Operation, ...] | Later | Lost | SourceGone:
    """Sends what is still to be sent, for as long as this slice lasts.

    Returns the operations of all pages, as they stand, when every page has an id or is final; `Later` when some are
    left, with when to continue; `Lost` when the document is no longer ours; `SourceGone` when its upload was deleted.
    `operations` are those that exist; with caps no more pages are sent than are left of what is reserved on the day
    `reserved_on`. Raises StoreUnavailable when a page could not be continued with, after all others that had begun have
    ended.
    """
    left = [page for page in document.unfinished if not _settled(operations.get(page))]
    # Taken from the end, so in order; but a page that made trouble before waits until the others have been tried. If a
    # page may have killed its worker they are sent one at a time, alternately from both ends, so that all others get
    # through.
    died = document.attempts > 1
    back = document.attempts % 2 == 0
    left.sort(key=lambda page: (_troubles(operations.get(page)), -page if back else page), reverse=True)
    now = ports.clock.now()
    later: list[Later] = []
    if reserved_on:
        over = len(left) - caps.unused(document, billing.submits(tuple(operations.values())))
        if over > 0:
            left, later = left[over:], [Later(now, failed=False)]
    # A document with operations was opened by an earlier pass; a new one has just been opened.
    time_slice = _TimeSlice(
        left,
        dict(operations),
        ends_at=now + ports.policy.slice_seconds,
        check_source_at=now if operations else now + SOURCE_CHECK_SECONDS,
        later=later,
    )
    task = partial(
        _send_while_there_are, ports, submits_per_second, document, source, deadline, reserved_on, time_slice
    )
    ports.run_parallel(task, 1 if died else min(MAX_WORKERS, len(left)))
    if time_slice.lost:
        return Lost()
    if time_slice.source_gone:
        return SourceGone()
    if time_slice.later:
        due_at = max(later.due_at for later in time_slice.later)
        return Later(due_at, failed=any(later.failed for later in time_slice.later))
    if time_slice.finished_last or any(each.sent and not each.is_sent_here for each in time_slice.operations.values()):
        # The last page was ours to conclude with, and earlier ones may have become final meanwhile; or what was sent in
        # another run, or for another page, has to be sent after all.
        return tuple(ports.documents.read_operations(document.id, document.run))
    return tuple(time_slice.operations.values())


def _settled(operation: Operation | None) -> bool:
    return operation is not None and (operation.final or operation.sent)


def _troubles(operation: Operation | None) -> int:
    return 0 if operation is None else operation.breakdowns + operation.unconfirmed


def _send_while_there_are(
    ports: SubmitPorts,
    submits_per_second: float,
    document: Document,
    source: PageSource,
    deadline: float,
    reserved_on: str,
    time_slice: _TimeSlice,
) -> None:
    """What each thread of the slice does. Raises StoreUnavailable; the others then stop too."""
    is_first = True
    try:
        while (page := time_slice.take(ports.clock.now())) is not None:
            stopped = _stopped(ports, document, time_slice, is_first=is_first)
            is_first = False
            if stopped is not None:
                time_slice.note(page, stopped, ports.policy.max_failures_in_slice)
                continue
            row = time_slice.operations.get(page)
            sent = send_page(ports, submits_per_second, document, row, page, source, deadline, reserved_on)
            if isinstance(sent, Settled) and sent.operation.final:
                row_after = ports.documents.finish_page(sent.operation)
                time_slice.finished_last = time_slice.finished_last or row_after is None or not row_after.unfinished
            time_slice.note(page, sent, ports.policy.max_failures_in_slice)
            if (
                isinstance(sent, Settled)
                and time_slice.todo
                and time_slice.wakes(ports.clock.now(), ports.policy.tick_settle_seconds)
            ):
                wake(ports)
    except BaseException:
        time_slice.ended = True
        raise


def _stopped(
    ports: SubmitPorts, document: Document, time_slice: _TimeSlice, *, is_first: bool
) -> Lost | SourceGone | None:
    """Why nothing more of the document is to be sent: somebody cancelled it, which each thread checks before each page
    but its first, or deleted its upload. Raises StoreUnavailable."""
    if not is_first:
        row = ports.documents.read(document.id)
        if row is None or row.rev != document.rev:
            return Lost()
    if time_slice.checks_source(ports.clock.now()):
        try:
            ports.sources.head(document.source)
        except ObjectDeleted:
            return SourceGone()
        except (ObjectGone, StoreUnavailable):
            # It was replaced, or may not be read, or the store is down: each page that cannot be opened reports that
            # itself.
            return None
    return None
