"""One run of poll: asks for what is running, delivers what is done, hands out what is due for submitting.

One tick runs at a time (the tick row's lease). It looks at the index of due rows again and again, starts work that is
due on its workers, and ends when nothing is due soon; submit's wake or the schedule starts the next. Out of time with
work left, it invokes its successor.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil, inf

from textdrop.core import intervals
from textdrop.core.bucket import Bucket, available, full, next_at, taken
from textdrop.core.documents import (
    DocumentState,
    DueEntry,
    DueKind,
    Operation,
    OperationState,
    Resume,
)
from textdrop.core.errors import StoreUnavailable
from textdrop.core.pause import BY_OPERATOR, Pause, why_paused
from textdrop.ports import PollPorts, Tick
from textdrop.usecases.ask import Asked, ask, is_running
from textdrop.usecases.deliver import conclude_and_deliver, deliver, page_finished

REFRESH_SECONDS = 0.5
REFRESH_SHARE = 4.0
PAUSE_REFRESH_SECONDS = 2.0
MEASURE_SECONDS = 60.0
MAX_SLEEP_SECONDS = 0.05
MAX_DUE_ENTRIES = 5_000
MIN_KNOWN = 50
FULL_REFRESH_SECONDS = 20.0
FORGET_SECONDS = 10.0
RECHECK_REFRESH_SECONDS = 20.0
BUCKET_SECONDS = 0.2

Name = tuple[str, int, int]
"""A row: document id, run, page (0, 0 for the document's own)."""


@dataclass(frozen=True, slots=True)
class PollSettings:
    """Rates per second: asks as the service allows results to be read, submits as the stack's parameter says."""

    asks_per_second: float
    submits_per_second: float
    step_seconds: float
    """The most that one ask with its delivery can take; none begins with less time left."""


@dataclass(slots=True)
class _Memory:
    """What one tick knows. Only the tick's own thread touches it; workers put what they bring into `done`.

    `running` says when each operation is asked for next. Those that are not being asked for just now stand in
    `waiting`, a heap, the one that is due first in front: there may be thousands, many times a second.
    """

    owner: str
    row: Tick
    deadline: float
    typical_seconds: float
    asks: Bucket
    hand_outs: Bucket
    renew_at: float
    refresh_at: float = 0.0
    refreshed_at: float = 0.0
    full_refresh_at: float = 0.0
    recheck_refresh_at: float = 0.0
    pause_refresh_at: float = 0.0
    measure_at: float = 0.0
    ask_after: float = 0.0
    hand_out_after: float = 0.0
    paused: bool = False
    due_soon: bool = True
    running: dict[Name, float] = field(default_factory=dict)
    waiting: list[tuple[float, Name]] = field(default_factory=list)
    rows: dict[Name, Operation] = field(default_factory=dict)
    not_ready_at: dict[Name, float] = field(default_factory=dict)
    documents: dict[Name, DueEntry] = field(default_factory=dict)
    rechecks: dict[Name, DueEntry] = field(default_factory=dict)
    busy: set[Name] = field(default_factory=set)
    handled: dict[Name, tuple[float, float]] = field(default_factory=dict)
    done: deque[tuple[Name, Asked | None]] = field(default_factory=deque)


def tick(ports: PollPorts, settings: PollSettings, deadline: float) -> str:
    """Runs until nothing is due soon, the time is up, or the row is another's. Says which, in a word.

    `deadline` is when this invocation is ended by force. Raises StoreUnavailable when the tick row cannot be had.
    """
    owner = ports.clock.token()
    now = ports.clock.now()
    row = ports.tick.take(owner, now, now + ports.policy.tick_lease_seconds)
    if row is None:
        return "busy"
    memory = _Memory(
        owner=owner,
        row=row,
        deadline=deadline,
        typical_seconds=row.typical_seconds or intervals.FIRST_TYPICAL_SECONDS,
        asks=full(
            settings.asks_per_second,
            max(1.0, settings.asks_per_second * BUCKET_SECONDS),
            now,
        ),
        hand_outs=full(settings.submits_per_second, max(1.0, settings.submits_per_second), now),
        renew_at=now + ports.policy.tick_renew_seconds,
    )
    try:
        return _run(ports, settings, memory)
    finally:
        ports.workers.wait()


def _run(ports: PollPorts, settings: PollSettings, memory: _Memory) -> str:
    while True:
        _collect(ports, memory)
        now = ports.clock.now()
        if now >= memory.renew_at and not _renew(ports, memory):
            return "lost"
        if now + settings.step_seconds > memory.deadline:
            return _hand_over(ports, memory)
        if now >= memory.refresh_at:
            _look(ports, settings, memory, now)
        _start_deliveries(ports, settings, memory)
        _start_asks(ports, settings, memory)
        if _ended(ports, memory):
            return "ended"
        ports.clock.sleep(_pause_seconds(ports, memory))


def _renew(ports: PollPorts, memory: _Memory) -> bool:
    now = ports.clock.now()
    try:
        row = ports.tick.renew(memory.owner, now + ports.policy.tick_lease_seconds)
    except StoreUnavailable as error:
        # The lease lasts for several renewals; without any, another tick takes over and this one is told so.
        ports.journal.failed("renew_failed", error)
        memory.renew_at = now + ports.clock.chance()
        return now < memory.row.lease_until
    if row is None:
        return False
    memory.row = row
    memory.renew_at = now + ports.policy.tick_renew_seconds
    return True


def _look(ports: PollPorts, settings: PollSettings, memory: _Memory, now: float) -> None:
    """Reads the index: what is running, and which documents are due now or soon."""
    try:
        _refresh_rows(ports, settings, memory, now)
    except StoreUnavailable as error:
        ports.journal.failed("refresh_failed", error)
        memory.due_soon = True
    # With thousands of rows a look takes its time: the most of it is for the work itself.
    after = ports.clock.now()
    memory.refresh_at = after + max(REFRESH_SECONDS, REFRESH_SHARE * (after - now))


def _refresh_rows(ports: PollPorts, settings: PollSettings, memory: _Memory, now: float) -> None:
    soon = now + ports.policy.tick_stay_seconds
    asks = ports.documents.due(DueKind.ASK, now, MAX_DUE_ENTRIES, _asks_since(memory, now))
    for due in asks:
        name = _name(due)
        if name not in memory.running and not _handled(memory, name, due, now):
            first = due.due_at + intervals.first_ask_seconds(memory.typical_seconds)
            memory.running[name] = max(now, first)
            heapq.heappush(memory.waiting, (memory.running[name], name))
    deliveries = ports.documents.due(DueKind.DELIVER, soon, MAX_DUE_ENTRIES)
    if now >= memory.recheck_refresh_at:
        rechecks = ports.documents.due(DueKind.RECHECK, soon, MAX_DUE_ENTRIES)
        memory.rechecks = {_name(due): due for due in rechecks}
        memory.recheck_refresh_at = now + RECHECK_REFRESH_SECONDS
    submits = ports.documents.due(DueKind.SUBMIT, soon, _max_submit_entries(settings))
    _refresh_pause(ports, memory, now, bool(submits))
    found = [*deliveries, *memory.rechecks.values(), *submits]
    documents = [due for due in found if not _handled(memory, _name(due), due, now)]
    memory.documents = {_name(due): due for due in documents}
    memory.due_soon = any(_workable_at(memory, due) <= soon for due in documents)
    memory.refreshed_at = now
    if now >= memory.measure_at:
        _measure(ports, memory, now, [*asks[:1], *deliveries[:1], *memory.rechecks.values(), *submits[:1]])


def _asks_since(memory: _Memory, now: float) -> float:
    """From which due time on the running operations are read, which have that of their acceptance.

    While many run, most are known already, so only those of late are read; and now and then all, as the index may have
    lagged behind for longer.
    """
    if len(memory.running) < MIN_KNOWN or now >= min(memory.full_refresh_at, memory.measure_at):
        memory.full_refresh_at = now + FULL_REFRESH_SECONDS
        return 0.0
    return memory.refreshed_at - FORGET_SECONDS


def _max_submit_entries(settings: PollSettings) -> int:
    """So many hints are enough: one more than could have been handed out lately and still be in the index. A long
    backlog is not read again and again."""
    return min(MAX_DUE_ENTRIES, 1 + ceil(settings.submits_per_second * (FORGET_SECONDS + 1.0)))


def _refresh_pause(ports: PollPorts, memory: _Memory, now: float, submits_due: bool) -> None:
    """While submitting is paused nothing is handed out, but what the next probe needs."""
    if not submits_due or now < memory.pause_refresh_at:
        return
    pause = ports.pause.read()
    memory.pause_refresh_at = now + PAUSE_REFRESH_SECONDS
    memory.paused = bool(why_paused(pause))
    memory.hand_out_after = _hand_out_after(pause, memory.hand_out_after)


def _hand_out_after(pause: Pause, before: float) -> float:
    """When a document may be handed out again; never before we look again while an operator has paused submitting."""
    why = why_paused(pause)
    if not why:
        return 0.0
    if why == BY_OPERATOR:
        return inf
    # An operator's pause that has ended may have covered one that probes end.
    return max(pause.probe_at, 0.0 if before == inf else before)


def _measure(ports: PollPorts, memory: _Memory, now: float, oldest: Sequence[DueEntry]) -> None:
    """Once a minute, what the alarms go by: how long the longest due row has waited, and whether submitting is paused.

    That there is a measure at all shows that the index is looked at, whatever is in it.
    """
    memory.measure_at = now + MEASURE_SECONDS
    ports.journal.measured("OldestDueAge", max([0.0, *(now - due.due_at for due in oldest)]))
    why = why_paused(ports.pause.read())
    if why:
        ports.journal.counted("SubmittingPaused")
        ports.journal.noted("submitting_paused", why=why)


def _workable_at(memory: _Memory, due: DueEntry) -> float:
    return max(due.due_at, memory.hand_out_after) if due.kind is DueKind.SUBMIT else due.due_at


def _start_deliveries(ports: PollPorts, settings: PollSettings, memory: _Memory) -> None:
    """Starts what is due of documents: deliveries and guards as workers are free, hand-outs as the quota has room."""
    for name, due in list(memory.documents.items()):
        now = ports.clock.now()
        if ports.workers.free() <= 0:
            return
        if due.kind is DueKind.SUBMIT and (_workable_at(memory, due) > now or available(memory.hand_outs, now) < 1):
            # So are all behind it: these come last, by their due times.
            return
        if name in memory.busy or _workable_at(memory, due) > now:
            continue
        if due.kind is DueKind.SUBMIT:
            memory.hand_outs = taken(memory.hand_outs, 1, now)
            if memory.paused:
                memory.hand_out_after = now + ports.policy.probe_seconds
            task: Callable[[], None] = partial(_hand_out, ports, due)
        else:
            task = partial(_deliver_due, ports, due.document_id, memory.deadline)
        del memory.documents[name]
        memory.rechecks.pop(name, None)
        memory.handled[name] = (due.due_at, now)
        _start(ports, memory, name, task)


def _start_asks(ports: PollPorts, settings: PollSettings, memory: _Memory) -> None:
    """Asks for the operations whose time has come, the longest due first, within the quota."""
    now = ports.clock.now()
    if now < memory.ask_after:
        return
    while memory.waiting and memory.waiting[0][0] <= now:
        if ports.workers.free() <= 0 or available(memory.asks, now) < 1:
            return
        _, name = heapq.heappop(memory.waiting)
        memory.asks = taken(memory.asks, 1, now)
        operation = memory.rows.get(name)
        task = partial(_ask_due, ports, name, operation, memory.typical_seconds, memory.deadline)
        interval = intervals.next_ask_seconds(
            now - (operation.submitted_at or now) if operation else 0.0,
            memory.typical_seconds,
            len(memory.rows),
            settings.asks_per_second,
        )
        memory.running[name] = now + interval
        _start(ports, memory, name, task)
        now = ports.clock.now()


def _start(ports: PollPorts, memory: _Memory, name: Name, task: Callable[[], Asked | None]) -> None:
    memory.busy.add(name)

    def run() -> None:
        asked: Asked | None = None
        try:
            asked = task()
        except StoreUnavailable as error:
            ports.journal.failed("step_failed", error, document=name[0], page=name[2])
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the tick: the row is still due
            ports.journal.failed("step_died", error, document=name[0], page=name[2])
        finally:
            memory.done.append((name, asked))

    ports.workers.start(run)


def _collect(ports: PollPorts, memory: _Memory) -> None:
    """Takes in what the workers brought."""
    while memory.done:
        name, asked = memory.done.popleft()
        memory.busy.discard(name)
        if name in memory.running and (asked is None or is_running(asked.operation)):
            heapq.heappush(memory.waiting, (memory.running[name], name))
        if asked is None:
            continue
        now = ports.clock.now()
        if asked.throttled_seconds:
            memory.ask_after = max(memory.ask_after, now + asked.throttled_seconds)
        if is_running(asked.operation) and asked.operation is not None:
            memory.rows[name] = asked.operation
            memory.not_ready_at[name] = now
            continue
        memory.running.pop(name, None)
        memory.rows.pop(name, None)
        not_ready_at = memory.not_ready_at.pop(name, 0.0)
        operation = asked.operation
        if operation is not None and operation.submitted_at is not None:
            memory.handled[name] = (operation.submitted_at, now)
            # One that hung until its deadline, or expired, says nothing of how long a recognition takes.
            if operation.state is OperationState.RECOGNIZED:
                # It ended at some time since it was last asked for. To take the end of that for it would make the next
                # first ask later, and what that finds later still.
                since = max(operation.submitted_at, not_ready_at)
                taken_seconds = ((operation.finished_at or now) + since) / 2 - operation.submitted_at
                memory.typical_seconds = intervals.typical_after(memory.typical_seconds, taken_seconds)


def _ended(ports: PollPorts, memory: _Memory) -> bool:
    """Ends when nothing runs, nothing is due soon, and a look that came well after the last wake saw so."""
    if memory.running or memory.busy or memory.due_soon or memory.done:
        return False
    if memory.refreshed_at < memory.row.wake_at + ports.policy.tick_settle_seconds:
        return False
    try:
        if ports.tick.end(memory.owner, memory.row.wake, memory.typical_seconds):
            return True
    except StoreUnavailable as error:
        ports.journal.failed("end_failed", error)
    # Somebody called `wake` since, or the row is no longer ours: renewing tells which.
    memory.renew_at = 0.0
    return False


def _hand_over(ports: PollPorts, memory: _Memory) -> str:
    """Out of time: the successor starts at once if there is work left."""
    ports.workers.wait()
    now = ports.clock.now()
    if ports.tick.hand_over(memory.owner, now + ports.policy.tick_lease_seconds, memory.typical_seconds):
        ports.poller.invoke()
        return "handed_over"
    return "lost"


def _pause_seconds(ports: PollPorts, memory: _Memory) -> float:
    """How long nothing will happen: until the next ask, look or renewal, but results of workers are taken in soon."""
    now = ports.clock.now()
    times = [memory.refresh_at, memory.renew_at]
    if memory.waiting:
        times.append(max(memory.waiting[0][0], memory.ask_after, next_at(memory.asks)))
    wait = min(times) - now
    return min(max(wait, 0.005), MAX_SLEEP_SECONDS if memory.busy else REFRESH_SECONDS)


def _ask_due(
    ports: PollPorts,
    name: Name,
    operation: Operation | None,
    typical_seconds: float,
    deadline: float,
) -> Asked:
    """Asks for one operation and, if that was the last of its document, delivers it."""
    operation = operation or ports.documents.read_operation(*name)
    if operation is None:
        return Asked(None)
    # Final already: whoever made it so may have died before the document was updated.
    asked = ask(ports, operation, typical_seconds) if is_running(operation) else Asked(operation)
    if asked.operation is not None and asked.operation.final:
        page_finished(ports, asked.operation, deadline)
    return asked


def _deliver_due(ports: PollPorts, document_id: str, deadline: float) -> None:
    """Continues a document that is due for delivery, or for a recheck."""
    document = ports.documents.read(document_id)
    if document is not None and document.state is DocumentState.DELIVERING:
        deliver(ports, document, deadline)
    elif document is not None:
        conclude_and_deliver(ports, document, deadline)


def _hand_out(ports: PollPorts, due: DueEntry) -> None:
    """Sends submit a message to go on. The row's due time moves on first: a lost message is sent again then."""
    document = ports.documents.postpone(due, ports.clock.now() + ports.policy.handed_out_seconds)
    if document is not None:
        ports.resumes.send(Resume(document.id, document.rev))
        ports.journal.noted("handed_out", document=document.id)


def _name(due: DueEntry) -> Name:
    return (due.document_id, due.run, due.page)


def _handled(memory: _Memory, name: Name, due: DueEntry, now: float) -> bool:
    """Whether the hint is of a time that this tick has worked on already: the index lags behind the rows."""
    due_at, at = memory.handled.get(name, (-1.0, 0.0))
    return due_at == due.due_at and now < at + FORGET_SECONDS
