"""One run of poll: asks for what is running, delivers what is done, hands out what is due for submitting.

One tick runs at a time (the tick row's lease). It refreshes its schedule from the index of due rows again and again,
starts what is due on its workers, and ends when nothing is due soon; submit's wake or the schedule starts the next. Out
of time with work left, it invokes its successor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from textdrop.core import schedule
from textdrop.core.documents import DocumentState, DueEntry, DueKind, Resume
from textdrop.core.errors import StoreUnavailable
from textdrop.core.events import resume_body
from textdrop.core.pause import why_paused
from textdrop.core.schedule import FORGET_SECONDS, MAX_DUE_ENTRIES, Job, Schedule, Step
from textdrop.ports import PollPorts, Tick
from textdrop.usecases.ask import Asked, ask_result, ask_status
from textdrop.usecases.deliver import conclude_and_deliver, deliver, page_finished

REFRESH_SECONDS = 0.5
REFRESH_SHARE = 4.0
FULL_REFRESH_SECONDS = 20.0
RECHECK_REFRESH_SECONDS = 20.0
PAUSE_REFRESH_SECONDS = 2.0
MEASURE_SECONDS = 60.0
MAX_SLEEP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class PollSettings:
    """Rates per second, by the stack's parameters. Results and statuses may each be read so often."""

    reads_per_second: int
    submits_per_second: float
    step_seconds: float
    """The most that one ask with its delivery can take; none begins with less time left."""


@dataclass(slots=True)
class _Run:
    """What one tick knows. Only the tick's own thread touches it; workers put what they bring into `done`: when an ask
    begins, and what a job came to."""

    owner: str
    row: Tick
    deadline: float
    schedule: Schedule
    renew_at: float
    refresh_at: float = 0.0
    refreshed_at: float = 0.0
    full_refresh_at: float = 0.0
    recheck_refresh_at: float = 0.0
    pause_refresh_at: float = 0.0
    measure_at: float = 0.0
    rechecks: list[DueEntry] = field(default_factory=list)
    done: deque[tuple[Job, float | Asked | None]] = field(default_factory=deque)


def tick(ports: PollPorts, settings: PollSettings, deadline: float) -> str:
    """Runs until nothing is due soon, the time is up, or the row is another's. Says which, in a word.

    `deadline` is when this invocation is ended by force. Raises StoreUnavailable when the tick row cannot be had.
    """
    owner = ports.clock.token()
    now = ports.clock.now()
    row = ports.tick.take(owner, now, now + ports.policy.tick_lease_seconds)
    if row is None:
        return "busy"
    # The tick before may have asked until the row was taken, which may be long after it was asked for.
    taken_at = ports.clock.now()
    jobs = schedule.new(row.typical_seconds, settings.reads_per_second, settings.submits_per_second, taken_at)
    jobs.asks_until = row.lease_until - ports.policy.lease_margin_seconds
    run = _Run(owner, row, deadline, jobs, renew_at=now + ports.policy.tick_renew_seconds)
    try:
        return _until_over(ports, settings, run)
    finally:
        run.schedule.asks_until = 0.0
        ports.workers.wait()


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
        if _ended(ports, run):
            return "ended"
        ports.clock.sleep(_sleep_seconds(ports, run))


def _renew(ports: PollPorts, run: _Run) -> bool:
    now = ports.clock.now()
    try:
        row = ports.tick.renew(run.owner, now + ports.policy.tick_lease_seconds)
    except StoreUnavailable as error:
        # The lease lasts for several renewals; without any, another tick takes over and this one learns so.
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
    # With thousands of rows a refresh takes its time: most of it is for the work itself.
    after = ports.clock.now()
    run.refresh_at = after + max(REFRESH_SECONDS, REFRESH_SHARE * (after - now))


def _refresh_jobs(ports: PollPorts, run: _Run, now: float) -> None:
    soon = now + ports.policy.tick_stay_seconds
    asks = ports.documents.due(DueKind.ASK, now, MAX_DUE_ENTRIES, _asks_since(run, now))
    run.schedule.add_asks(asks, now)
    deliveries = ports.documents.due(DueKind.DELIVER, soon, MAX_DUE_ENTRIES)
    if now >= run.recheck_refresh_at:
        run.rechecks = ports.documents.due(DueKind.RECHECK, soon, MAX_DUE_ENTRIES)
        run.recheck_refresh_at = now + RECHECK_REFRESH_SECONDS
    submits = ports.documents.due(DueKind.SUBMIT, soon, run.schedule.max_submit_entries())
    if submits and now >= run.pause_refresh_at:
        run.schedule.apply_pause(ports.pause.read())
        run.pause_refresh_at = now + PAUSE_REFRESH_SECONDS
    run.schedule.replace_documents([*deliveries, *run.rechecks, *submits], soon, now)
    run.refreshed_at = now
    if now >= run.measure_at:
        _measure(ports, run, now, [*asks[:1], *deliveries[:1], *run.rechecks[:1], *submits[:1]])


def _asks_since(run: _Run, now: float) -> float:
    """From which due time on the running operations are read, which have that of their acceptance.

    While many run, most are known already, so only those of late are read; and now and then all, as the index may have
    lagged behind for longer.
    """
    if not run.schedule.knows_many() or now >= min(run.full_refresh_at, run.measure_at):
        run.full_refresh_at = now + FULL_REFRESH_SECONDS
        return 0.0
    return run.refreshed_at - FORGET_SECONDS


def _measure(ports: PollPorts, run: _Run, now: float, oldest: Sequence[DueEntry]) -> None:
    """Once a minute, what the alarms go by: how long the longest due row has waited, and whether submitting is paused.

    That there is a measure at all shows that the index is read, whatever is in it.
    """
    run.measure_at = now + MEASURE_SECONDS
    ports.journal.measured("OldestDueAge", max([0.0, *(now - due.due_at for due in oldest)]))
    why = why_paused(ports.pause.read())
    if why:
        ports.journal.counted("SubmittingPaused")
        ports.journal.noted("submitting_paused", why=why)


def _start_due(ports: PollPorts, run: _Run) -> None:
    """Starts what is due, as workers are free: documents, then asks."""
    documents = run.schedule.documents_to_start(ports.clock.now(), ports.policy.probe_seconds)
    while ports.workers.free() > 0 and (job := next(documents, None)) is not None:
        if job.entry.kind is DueKind.SUBMIT:
            _start(ports, run, job, partial(_hand_out, ports, job.entry))
        else:
            _start(ports, run, job, partial(_deliver_due, ports, job.entry.document_id, run.deadline))
    while ports.workers.free() > 0 and (job := run.schedule.ask_to_start(ports.clock.now())) is not None:
        _start(ports, run, job, partial(_ask_due, ports, run, job))


def _start(ports: PollPorts, run: _Run, job: Job, task: Callable[[], Asked | None]) -> None:
    def work() -> None:
        asked: Asked | None = None
        try:
            asked = task()
        except StoreUnavailable as error:
            ports.journal.failed("step_failed", error, document=job.entry.document_id, page=job.entry.page)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the tick: the row is still due
            ports.journal.failed("step_died", error, document=job.entry.document_id, page=job.entry.page)
        finally:
            run.done.append((job, asked))

    ports.workers.start(work)


def _collect(ports: PollPorts, run: _Run) -> None:
    """Takes in what the workers brought."""
    while run.done:
        job, asked = run.done.popleft()
        now = ports.clock.now()
        if isinstance(asked, float):
            run.schedule.began(job, asked)
        elif job.step is Step.DOCUMENT:
            run.schedule.document_ended(job)
        elif asked is None:
            run.schedule.ask_broke_off(job, now)
        else:
            run.schedule.throttle(job, now + asked.throttled_seconds)
            run.schedule.asked(job, asked.operation, now, may_have_failed=asked.may_have_failed)


def _ended(ports: PollPorts, run: _Run) -> bool:
    """Ends when nothing runs, nothing is due soon, and a refresh that came well after the last wake showed so."""
    if not run.schedule.is_idle() or run.done:
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
    """Out of time: the successor starts at once if there is work left. Nothing is asked any more, and nobody else asks
    while the workers end what they began."""
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
    """How long nothing will happen: until the next ask, refresh or renewal; but what workers bring is taken in soon."""
    wait = min(run.refresh_at, run.renew_at, run.schedule.next_ask_at()) - ports.clock.now()
    return min(max(wait, 0.005), MAX_SLEEP_SECONDS if run.schedule.busy else REFRESH_SECONDS)


def _ask_due(ports: PollPorts, run: _Run, job: Job) -> Asked | None:
    """Reads or asks for one operation and, if that was the last of its document, delivers it. None: the tick asks for
    nothing any more."""
    operation = job.operation
    if operation is None:
        asked = Asked(ports.documents.read_operation(*job.entry.name))
    else:
        now = ports.clock.now()
        if now >= run.schedule.asks_until:
            return None
        run.done.append((job, now))
        if job.step is Step.STATUS:
            asked = ask_status(ports, operation)
        else:
            asked = ask_result(ports, operation, job.status_asked)
    # What was read may be final: whoever made it so may have died before the document was updated.
    if asked.operation is not None and asked.operation.final:
        page_finished(ports, asked.operation, run.deadline)
    return asked


def _deliver_due(ports: PollPorts, document_id: str, deadline: float) -> None:
    """Continues a document that is due for delivery, or for a recheck."""
    document = ports.documents.read(document_id)
    if document is not None and document.state is DocumentState.DELIVERING:
        deliver(ports, document, deadline)
    elif document is not None:
        conclude_and_deliver(ports, document, deadline)


def _hand_out(ports: PollPorts, due: DueEntry) -> None:
    """Sends submit a message to continue. The row's due time moves on first: a lost message is sent again then."""
    document = ports.documents.postpone(due, ports.clock.now() + ports.policy.handed_out_seconds)
    if document is not None:
        ports.resumes.send([resume_body(Resume(document.id, document.rev))])
        ports.journal.noted("handed_out", document=document.id)
