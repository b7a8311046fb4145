"""One run of poll: asks for what is running, and hands out what is due, to submit and to deliver.

One tick runs at a time (the tick row's lease). It keeps refreshing its schedule from the index of due rows, starts what
is due on its workers, and ends when nothing is due soon; submit's wake or the schedule starts the next. Out of time
with work left, it invokes its successor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from textdrop.core import schedule
from textdrop.core.caps import NO_CAPS, Caps
from textdrop.core.deliveries import GROUP_SECONDS, messages
from textdrop.core.documents import Document, DocumentState, DueEntry, DueKind, OperationState, Resume
from textdrop.core.errors import StoreUnavailable
from textdrop.core.events import delivery_body, resume_body
from textdrop.core.pause import why_paused
from textdrop.core.schedule import FORGET_SECONDS, MAX_DUE_ENTRIES, Job, Schedule, Step
from textdrop.ports import PollPorts, Tick
from textdrop.usecases.ask import Asked, ask_result, ask_status
from textdrop.usecases.conclude import conclude, page_finished, send_again
from textdrop.usecases.release import cap_used_percent, release_held

REFRESH_SECONDS = 0.5
REFRESH_SHARE = 4.0
FULL_REFRESH_SECONDS = 20.0
RECHECK_REFRESH_SECONDS = 20.0
PAUSE_REFRESH_SECONDS = 2.0
MEASURE_SECONDS = 60.0
IN_FLIGHT_SECONDS = 86_400.0
"""Nothing is due later than this from now."""

IN_FLIGHT = {
    DueKind.SUBMIT: "DocumentsToSubmit",
    DueKind.BACKFILL: "DocumentsToBackfill",
    DueKind.HELD: "DocumentsHeld",
    DueKind.RECHECK: "DocumentsInService",
    DueKind.DELIVER: "DocumentsToDeliver",
    DueKind.ASK: "PagesRunning",
}
"""The metrics that count the rows of each kind, whenever they are due."""

MAX_SLEEP_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class PollSettings:
    """Rates per second, from the stack's parameters. `reads_per_second` applies to results and to statuses
    separately."""

    reads_per_second: int
    submits_per_second: float
    step_seconds: float
    """The most that one ask can take, with storing its result and concluding its document; with less time left none
    begins."""
    caps: Caps = NO_CAPS


@dataclass(frozen=True, slots=True)
class _Done:
    """What a worker reports: what an ask came to, and the document that is to be delivered now, if there is one."""

    job: Job
    asked: Asked | None = None
    to_deliver: Document | None = None


@dataclass(slots=True)
class _Run:
    """What one tick knows. Only the tick's own thread touches it; workers only append: to `began` when an ask begins,
    and to `done` when a job has ended."""

    owner: str
    row: Tick
    deadline: float
    schedule: Schedule
    caps: Caps
    renew_at: float
    refresh_at: float = 0.0
    refreshed_at: float = 0.0
    full_refresh_at: float = 0.0
    recheck_refresh_at: float = 0.0
    pause_refresh_at: float = 0.0
    measure_at: float = 0.0
    rechecks: list[DueEntry] = field(default_factory=list)
    backfill_waits: bool = False
    is_releasing: bool = False
    began: deque[tuple[Job, float]] = field(default_factory=deque)
    done: deque[_Done] = field(default_factory=deque)
    to_deliver: list[Document] = field(default_factory=list)
    deliver_at: float = 0.0  # when those that there are by then are sent
    asks: int = 0  # how many have begun


def tick(ports: PollPorts, settings: PollSettings, deadline: float) -> str:
    """Runs until nothing is due soon, the time is up, or the row is another's. Says which, in a word.

    `deadline` is when this invocation is ended by force. Raises StoreUnavailable when the tick row cannot be read or
    written.
    """
    owner = ports.clock.token()
    now = ports.clock.now()
    row = ports.tick.take(owner, now, now + ports.policy.tick_lease_seconds)
    if row is None:
        return "busy"
    # The tick before may have asked until we took the row, which may be long after we requested it.
    taken_at = ports.clock.now()
    jobs = schedule.new(row.typical_seconds, settings.reads_per_second, settings.submits_per_second, taken_at)
    jobs.asks_until = row.lease_until - ports.policy.lease_margin_seconds
    run = _Run(owner, row, deadline, jobs, settings.caps, renew_at=now + ports.policy.tick_renew_seconds)
    try:
        return _until_over(ports, settings, run)
    finally:
        run.schedule.asks_until = 0.0
        ports.workers.wait()
        _collect(ports, run)
        _send_deliveries(ports, run)
        ports.workers.wait()
        if run.asks:
            ports.journal.counted("Asks", run.asks)


def _until_over(ports: PollPorts, settings: PollSettings, run: _Run) -> str:
    while True:
        _collect(ports, run)
        now = ports.clock.now()
        if now >= run.renew_at and not _renew(ports, run):
            return "lost"
        if now + settings.step_seconds > run.deadline:
            return _hand_over(ports, run)
        if now >= run.refresh_at:
            _refresh(ports, run, now)
        _start_due(ports, run)
        if now >= run.deliver_at:
            _send_deliveries(ports, run)
        if _ended(ports, run):
            return "ended"
        ports.clock.sleep(_sleep_seconds(ports, run))


def _renew(ports: PollPorts, run: _Run) -> bool:
    now = ports.clock.now()
    try:
        row = ports.tick.renew(run.owner, now + ports.policy.tick_lease_seconds)
    except StoreUnavailable as error:
        # The lease outlasts several renewals. If none succeeds, another tick takes over and this one learns so.
        ports.journal.failed("renew_failed", error)
        run.renew_at = now + ports.clock.chance()
        return now < run.row.lease_until
    if row is None:
        return False
    run.row = row
    run.schedule.asks_until = row.lease_until - ports.policy.lease_margin_seconds
    run.renew_at = now + ports.policy.tick_renew_seconds
    return True


def _refresh(ports: PollPorts, run: _Run, now: float) -> None:
    """Reads the index: what is running, and which documents are due now or soon."""
    try:
        _refresh_jobs(ports, run, now)
    except StoreUnavailable as error:
        ports.journal.failed("refresh_failed", error)
        run.schedule.due_soon = True
    # With thousands of rows a refresh takes time; most of the time is for the work itself.
    after = ports.clock.now()
    run.refresh_at = after + max(REFRESH_SECONDS, REFRESH_SHARE * (after - now))


def _refresh_jobs(ports: PollPorts, run: _Run, now: float) -> None:
    soon = now + ports.policy.tick_stay_seconds
    measures = now >= run.measure_at
    # To count it, what is due later is read by the same requests: a stack with nothing in flight pays for no more.
    until = now + IN_FLIGHT_SECONDS if measures else soon
    asks = ports.documents.due(DueKind.ASK, now, MAX_DUE_ENTRIES, _asks_since(run, now))
    run.schedule.add_asks(asks, now)
    deliveries = ports.documents.due(DueKind.DELIVER, until, MAX_DUE_ENTRIES)
    if measures or now >= run.recheck_refresh_at:
        run.rechecks = ports.documents.due(DueKind.RECHECK, until, MAX_DUE_ENTRIES)
        run.recheck_refresh_at = now + RECHECK_REFRESH_SECONDS
    max_submits = MAX_DUE_ENTRIES if measures else run.schedule.max_submit_entries()
    submits = ports.documents.due(DueKind.SUBMIT, until, max_submits)
    backfills = _backfills(ports, run, now)
    if (submits or backfills) and now >= run.pause_refresh_at:
        run.schedule.apply_pause(ports.pause.read())
        run.pause_refresh_at = now + PAUSE_REFRESH_SECONDS
    _collect(ports, run)  # what was concluded before the index was read need not be handed out
    in_order = [*deliveries, *run.rechecks, *submits, *backfills]
    run.schedule.replace_documents(in_order, soon, now)
    run.refreshed_at = now
    if measures:
        _measure(ports, run, now, (asks, deliveries, run.rechecks, submits))
        if run.backfill_waits:  # perhaps for days, which is no reason for an alarm
            waiting = ports.documents.due(DueKind.BACKFILL, until, MAX_DUE_ENTRIES)
            ports.journal.counted(IN_FLIGHT[DueKind.BACKFILL], len(waiting))
        _refresh_held(ports, run, now)


def _refresh_held(ports: PollPorts, run: _Run, now: float) -> None:
    """Once a minute: counts the held documents, measures how much of a cap is used, and releases those that have
    room."""
    held = ports.documents.due(DueKind.HELD, now, MAX_DUE_ENTRIES)
    if run.caps.is_on:
        ports.journal.counted("CapUsedPercent", cap_used_percent(ports, run.caps))
    if not held:
        return
    ports.journal.counted(IN_FLIGHT[DueKind.HELD], len(held))
    until = min(now + MEASURE_SECONDS / 2, run.deadline - ports.policy.lease_margin_seconds)

    def work() -> None:
        try:
            released = release_held(ports, run.caps, until)
            if released:
                ports.journal.noted("released", documents=released)
        except StoreUnavailable as error:
            ports.journal.failed("release_failed", error)
        finally:
            run.schedule.due_soon = True  # until the next refresh shows what was released
            run.is_releasing = False

    run.is_releasing = True
    ports.workers.start(work)


def _backfills(ports: PollPorts, run: _Run, now: float) -> Sequence[DueEntry]:
    """The documents of backfills that may be handed out, if not too many are still on their way through submit: those
    are due when they must have got through."""
    most = run.schedule.max_backfills()
    waiting = ports.documents.due(DueKind.BACKFILL, now, most)
    run.backfill_waits = bool(waiting)
    if not waiting:
        return ()
    return waiting[: most - len(ports.documents.due(DueKind.BACKFILL, now + IN_FLIGHT_SECONDS, most, now))]


def _asks_since(run: _Run, now: float) -> float:
    """From which due time on the running operations are read; theirs is when they were accepted.

    While many run, most are known already, so only recent ones are read; now and then all are, as the index may have
    lagged behind for longer.
    """
    if not run.schedule.knows_many() or now >= min(run.full_refresh_at, run.measure_at):
        run.full_refresh_at = now + FULL_REFRESH_SECONDS
        return 0.0
    return run.refreshed_at - FORGET_SECONDS


def _measure(ports: PollPorts, run: _Run, now: float, found: Iterable[Sequence[DueEntry]]) -> None:
    """Once a minute, what alarms and dashboard need: how long the longest due row has waited, how many rows there are
    of each kind, and whether submitting is paused. `found`: the rows in flight of each kind, oldest first.

    That there is a measure at all shows that the index is read, whatever is in it.
    """
    run.measure_at = now + MEASURE_SECONDS
    in_flight = [entries for entries in found if entries]
    ports.journal.measured("OldestDueAge", max([0.0, *(now - entries[0].due_at for entries in in_flight)]))
    for entries in in_flight:
        ports.journal.counted(IN_FLIGHT[entries[0].kind], len(entries))
    why = why_paused(ports.pause.read())
    if why:
        ports.journal.counted("SubmittingPaused")
        ports.journal.noted("submitting_paused", why=why)


def _start_due(ports: PollPorts, run: _Run) -> None:
    """Starts what is due as workers are free: documents, then asks."""
    documents = run.schedule.documents_to_start(ports.clock.now(), ports.policy.probe_seconds)
    while ports.workers.free() > 0 and (job := next(documents, None)) is not None:
        _start(ports, run, job, partial(_TASKS[job.entry.kind], ports, job))
    while ports.workers.free() > 0 and (job := run.schedule.ask_to_start(ports.clock.now())) is not None:
        _start(ports, run, job, partial(_ask_due, ports, run, job))


def _start(ports: PollPorts, run: _Run, job: Job, task: Callable[[], _Done]) -> None:
    def work() -> None:
        done = _Done(job)
        try:
            done = task()
        except StoreUnavailable as error:
            ports.journal.failed("step_failed", error, document=job.entry.document_id, page=job.entry.page)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the tick: the row is still due
            ports.journal.failed("step_died", error, document=job.entry.document_id, page=job.entry.page)
        finally:
            run.done.append(done)

    ports.workers.start(work)


def _collect(ports: PollPorts, run: _Run) -> None:
    """Takes in what the workers reported: that an ask began comes before what it came to."""
    while run.began:
        run.asks += 1
        run.schedule.began(*run.began.popleft())
    while run.done:
        done = run.done.popleft()
        now = ports.clock.now()
        if done.to_deliver is not None:
            run.to_deliver.append(done.to_deliver)
            if done.job.entry.kind is not DueKind.DELIVER:
                run.schedule.document_concluded(done.to_deliver, now)
        if done.job.step is Step.DOCUMENT:
            run.schedule.document_ended(done.job)
        elif done.asked is None:
            run.schedule.ask_broke_off(done.job, now)
        else:
            run.schedule.throttle(done.job, now + done.asked.throttled_seconds)
            run.schedule.asked(done.job, done.asked.operation, now, may_have_failed=done.asked.may_have_failed)


def _send_deliveries(ports: PollPorts, run: _Run) -> None:
    """Sends deliver what has been collected, as soon as a worker is free. What is lost on the way is still due."""
    if not run.to_deliver or ports.workers.free() == 0:
        return
    to_send = messages(run.to_deliver, ports.policy)
    run.to_deliver = []
    run.deliver_at = ports.clock.now() + GROUP_SECONDS

    def work() -> None:
        for queue, groups in ((ports.deliveries, to_send.together), (ports.deliveries_alone, to_send.alone)):
            try:
                queue.send([delivery_body(group) for group in groups])
            except StoreUnavailable as error:
                ports.journal.failed("deliveries_not_sent", error)

    ports.workers.start(work)


def _ended(ports: PollPorts, run: _Run) -> bool:
    """Ends when nothing runs, nothing is due soon, and a refresh well after the last wake showed so."""
    if run.is_releasing or not run.schedule.is_idle() or run.done or run.to_deliver:
        return False
    if run.refreshed_at < run.row.wake_at + ports.policy.tick_settle_seconds:
        return False
    try:
        if ports.tick.end(run.owner, run.row.wake, run.schedule.typical_seconds):
            return True
    except StoreUnavailable as error:
        ports.journal.failed("end_failed", error)
    # Somebody called `wake` since, or the row is no longer ours: renewing tells which.
    run.renew_at = 0.0
    return False


def _hand_over(ports: PollPorts, run: _Run) -> str:
    """Out of time: the successor starts at once if there is work left. This tick asks for nothing any more, and nobody
    else asks while its workers end what they began."""
    if not _renew(ports, run):
        return "lost"
    run.schedule.asks_until = 0.0
    ports.workers.wait()
    now = ports.clock.now()
    if ports.tick.hand_over(run.owner, now + ports.policy.tick_lease_seconds, run.schedule.typical_seconds):
        ports.poller.invoke()
        return "handed_over"
    return "lost"


def _sleep_seconds(ports: PollPorts, run: _Run) -> float:
    """How long nothing will happen: until the next ask, refresh or renewal; at most so long that what workers report is
    taken in soon."""
    next_at = min(run.refresh_at, run.renew_at, run.schedule.next_ask_at())
    if run.to_deliver:
        next_at = min(next_at, run.deliver_at)
    wait = next_at - ports.clock.now()
    return min(max(wait, 0.005), MAX_SLEEP_SECONDS if run.schedule.busy else REFRESH_SECONDS)


def _ask_due(ports: PollPorts, run: _Run, job: Job) -> _Done:
    """Reads or asks for one operation and, if it was the last of its document, fixes the document's outcome. Nothing is
    asked once the tick has stopped asking."""
    operation = job.operation
    if operation is None:
        asked = Asked(ports.documents.read_operation(*job.entry.name))
    else:
        now = ports.clock.now()
        if now >= run.schedule.asks_until:
            return _Done(job)
        run.began.append((job, now))
        if job.step is Step.STATUS:
            asked = ask_status(ports, operation)
        else:
            asked = ask_result(ports, operation, job.status_asked)
    # It may have been final already: whoever made it so may have died before the document was updated.
    to_deliver = None
    if asked.operation is not None and asked.operation.final:
        to_deliver = page_finished(ports, asked.operation)
    if asked.operation is not None and asked.operation.state is OperationState.WAITING:
        send_again(ports, asked.operation)
    return _Done(job, asked, to_deliver)


def _recheck(ports: PollPorts, job: Job) -> _Done:
    """Concludes a document, if nobody has done so."""
    document = ports.documents.read(job.entry.document_id)
    return _Done(job, to_deliver=None if document is None else conclude(ports, document))


def _hand_to_deliver(ports: PollPorts, job: Job) -> _Done:
    document = _handed_out(ports, job.entry)
    if document is not None and document.outcome_at is not None and document.state is DocumentState.DELIVERING:
        # Its due time only says when it was last handed out.
        ports.journal.measured("OldestDueAge", ports.clock.now() - document.outcome_at)
    return _Done(job, to_deliver=document)


def _hand_to_submit(ports: PollPorts, job: Job) -> _Done:
    document = _handed_out(ports, job.entry)
    if document is not None:
        ports.resumes.send([resume_body(Resume(document.id, document.rev))])
    return _Done(job)


def _handed_out(ports: PollPorts, due: DueEntry) -> Document | None:
    """The document to send a message for. Its due time is put off first: a lost message is then sent again."""
    document = ports.documents.postpone(due, ports.clock.now() + ports.policy.handed_out_seconds)
    if document is not None:
        ports.journal.noted("handed_out", document=document.id)
    return document


_TASKS: Mapping[DueKind, Callable[[PollPorts, Job], _Done]] = {
    DueKind.SUBMIT: _hand_to_submit,
    DueKind.BACKFILL: _hand_to_submit,
    DueKind.RECHECK: _recheck,
    DueKind.DELIVER: _hand_to_deliver,
}
