"""Sends the pages of a document that we hold, several at a time, each by `send_page`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from textdrop.core.documents import Document, Operation
from textdrop.ports import SubmitPorts
from textdrop.usecases.send import Later, Lost, Settled, send_page
from textdrop.usecases.source import PageSource
from textdrop.usecases.wake import wake

MAX_WORKERS = 8
"""So many pages of a document are sent at once, as far as threads are free: more would only wait for slots."""


@dataclass(slots=True)
class _TimeSlice:
    """What the threads of one turn share, under its lock."""

    todo: list[int]
    operations: dict[int, Operation]
    ends_at: float
    later: list[Later] = field(default_factory=list)
    lost: bool = False
    finished_last: bool = False
    woken_at: float = 0.0
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, now: float) -> int | None:
        """The next page to send; None when this turn sends no more."""
        with self.lock:
            if self.ended or not self.todo:
                return None
            if now >= self.ends_at:
                self.ended = True
                self.later.append(Later(now, failed=False))
                return None
            return self.todo.pop()

    def wakes(self, now: float, settle_seconds: float) -> bool:
        """Whether poll is to be woken for what was sent: at once for the first page, then now and then."""
        with self.lock:
            if now < self.woken_at + settle_seconds:
                return False
            self.woken_at = now
            return True

    def note(self, page: int, sent: Settled | Later | Lost, max_failures: int) -> None:
        """Takes in how it went with a page.

        One page's failure may be that page's own: the others go on, unless too many fail alike. Whatever else keeps a
        page from being sent (no slot, no time, a pause) keeps the others too.
        """
        with self.lock:
            match sent:
                case Settled(operation):
                    self.operations[page] = operation
                case Lost():
                    self.lost = self.ended = True
                case Later(_, failed):
                    self.later.append(sent)
                    failures = sum(later.failed for later in self.later)
                    self.ended = self.ended or not failed or failures >= max_failures


def send_pages(
    ports: SubmitPorts,
    submits_per_second: float,
    document: Document,
    operations: Mapping[int, Operation],
    source: PageSource,
    deadline: float,
) -> tuple[Operation, ...] | Later | Lost:
    """Sends what is still to be sent, for as long as this turn lasts.

    The operations of all pages, as they stand, when every page has an id or is final; `Later` when some are left, with
    when to go on; `Lost` when the document is no longer ours. `operations` are those there are. Raises StoreUnavailable
    when a page could not be gone on with, after all others that had begun have come to an end.
    """
    left = [page for page in document.unfinished if not _settled(operations.get(page))]
    # Taken from the end: in order, but a page that gave trouble before waits until the others have been tried. A page
    # may have killed its worker: then one after another, from one end and from the other, so that all others get by.
    died = document.attempts > 1
    back = document.attempts % 2 == 0
    left.sort(key=lambda page: (_troubles(operations.get(page)), -page if back else page), reverse=True)
    turn = _TimeSlice(left, dict(operations), ports.clock.now() + ports.policy.slice_seconds)
    task = partial(_send_while_there_are, ports, submits_per_second, document, source, deadline, turn)
    ports.run_parallel(task, 1 if died else min(MAX_WORKERS, len(left)))
    if turn.lost:
        return Lost()
    if turn.later:
        due_at = max(later.due_at for later in turn.later)
        return Later(due_at, failed=any(later.failed for later in turn.later))
    if turn.finished_last:
        # The last one was ours to conclude by, and those before it may have become final beside us.
        return tuple(ports.documents.read_operations(document.id, document.run))
    return tuple(turn.operations.values())


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
    turn: _TimeSlice,
) -> None:
    """What each thread of the turn does. Raises StoreUnavailable; the others then stop too."""
    try:
        while (page := turn.take(ports.clock.now())) is not None:
            prepared = partial(source.page, page)
            row = turn.operations.get(page)
            sent = send_page(ports, submits_per_second, document, row, page, prepared, deadline)
            if isinstance(sent, Settled) and sent.operation.final:
                row_after = ports.documents.finish_page(sent.operation)
                turn.finished_last = turn.finished_last or row_after is None or not row_after.unfinished
            turn.note(page, sent, ports.policy.max_failures_in_slice)
            if (
                isinstance(sent, Settled)
                and turn.todo
                and turn.wakes(ports.clock.now(), ports.policy.tick_settle_seconds)
            ):
                wake(ports)
    except BaseException:
        turn.ended = True
        raise
