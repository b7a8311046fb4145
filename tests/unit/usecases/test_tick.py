"""One tick: its lease, its reads, its workers, what it measures, how long it stays, how it ends; and what wakes it.

Which job starts when is `core.schedule`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from fakes.ocr import Failure
from textdrop.core import intervals
from textdrop.core.answers import OperationDescription
from textdrop.core.deliveries import GROUP_SECONDS
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueEntry,
    DueKind,
    Operation,
    OperationState,
    Outcome,
    Problem,
    Resume,
    Source,
)
from textdrop.core.errors import OcrOperationUnknown, OcrThrottled, Reason, StoreUnavailable, Trace
from textdrop.core.events import parse_delivery
from textdrop.core.pause import Pause
from textdrop.core.schedule import FORGET_SECONDS, MAX_DUE_ENTRIES, MIN_KNOWN
from textdrop.ports import Tick
from textdrop.usecases.tick import FULL_REFRESH_SECONDS, PAUSE_REFRESH_SECONDS, tick
from textdrop.usecases.wake import wake
from unit.usecases.capped import capped, to_midnight, uploads, work
from world import POLL_SECONDS, World

DOWN = StoreUnavailable("down")
STEP = 20.0
LOOKED_AT_ONCE = 0.6
"""The next refresh comes within so many seconds."""


class Ticking(World):
    """A world whose ticks are looked at. `reads` are their reads of what is due: of which kind, when, how many at most,
    and from which due time on."""

    def __init__(self, recognition_seconds: float = 1.0) -> None:
        super().__init__(recognition_seconds=recognition_seconds)
        self.began = self.clock.now()
        self.reads: list[tuple[DueKind, float, int, float]] = []
        due = self.documents.due

        def read(kind: DueKind, until: float, limit: int, since: float = 0.0) -> list[DueEntry]:
            self.reads.append((kind, self.clock.now() - self.began, limit, since))
            return due(kind, until, limit, since)

        self.documents.due = read  # type: ignore[method-assign]  # as it was, but noted

    def run_for(self, seconds: float = POLL_SECONDS - STEP) -> str:
        """One tick that has so long before it must hand over."""
        self.began = self.clock.now()
        return tick(self.poll_ports, self.poll_settings, self.began + STEP + seconds)

    def due(self, kind: DueKind, count: int = 1, due_in: float = 0.0) -> list[Document]:
        """So many more documents that are due; a recognizing one still waits for its page."""
        made = []
        for number in range(len(self.documents.rows), len(self.documents.rows) + count):
            source = Source("uploads", f"{number}.png", "v")
            row = Document(f"{number:032x}", source, DocumentState.RECOGNIZING, self.began, pages=1, submit_passes=1)
            row = replace(row, due_kind=kind, due_at=self.clock.now() + due_in, unfinished=frozenset({1}))
            self.documents.rows[row.id] = row
            made.append(row)
        return made

    def running(self, count: int = 1, age: float = 0.0) -> list[Operation]:
        """So many operations, of a document each, that were submitted so many seconds ago."""
        at = self.clock.now() - age
        for document in self.due(DueKind.DELIVER, count, due_in=3_600.0):
            row = Operation(document.id, 1, 1, OperationState.RUNNING, described=OperationDescription(document.id))
            row = replace(row, submitted_at=at, due_at=at, due_kind=DueKind.ASK, deadline_at=at + 3_600.0)
            self.documents.operations[(row.document_id, 1, 1)] = row
        return list(self.documents.operations.values())

    def submitted(self, count: int = 1) -> None:
        """So many uploads that have just been sent."""
        for number in range(count):
            self.upload(f"{number}.png", b"page %d" % number)
        while self.queue:
            self.submit()

    def slow_workers(self, count: int, seconds: float) -> SlowWorkers:
        workers = SlowWorkers(self, count, seconds)
        self.poll_ports = replace(self.poll_ports, workers=workers)
        return workers

    def of(self, call: str) -> list[float]:
        """When such calls were made, in seconds since the tick began."""
        return [at - self.began for at in self.faults.of(call)]


class SlowWorkers:
    """So many workers, each task of which is done `seconds` after it was begun; they work while the clock sleeps.

    `begun` says when each task was. The most that ever worked at once is `at_once`.
    """

    def __init__(self, world: World, count: int, seconds: float) -> None:
        self.begun: list[float] = []
        self.at_once = 0
        self.held: list[tuple[float, Callable[[], None]]] = []
        self._clock = world.clock
        self._count = count
        self._seconds = seconds
        self._sleep = world.clock.sleep
        world.clock.sleep = self._work  # type: ignore[method-assign]  # as it was, and work is done meanwhile

    def start(self, task: Callable[[], None]) -> None:
        now = self._clock.now()
        self.begun.append(now)
        self.held.append((now + self._seconds, task))
        self.at_once = max(self.at_once, len(self.held))

    def free(self) -> int:
        return self._count - len(self.held)

    def wait(self) -> None:
        while self.held:
            self._work(self._seconds)

    def _work(self, seconds: float) -> None:
        self._sleep(seconds)
        now = self._clock.now()
        done = [task for at, task in self.held if at <= now]
        self.held = [(at, task) for at, task in self.held if at > now]
        for task in done:
            task()


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture
def endless() -> Ticking:
    """No recognition ends while a tick runs."""
    return Ticking(recognition_seconds=600.0)


# --- the lease ---


def test_its_lease_is_renewed_in_time_for_as_long_as_it_runs() -> None:
    ticking = Ticking(recognition_seconds=60.0)
    ticking.submitted()
    leases: list[float] = []
    ticking.faults.happen(
        "documents.due", lambda: leases.append(ticking.tick.row.lease_until - ticking.clock.now()), times=999
    )
    assert ticking.run_for() == "ended"
    lease, renew = ticking.policy.tick_lease_seconds, ticking.policy.tick_renew_seconds
    assert leases[0] == lease
    assert all(lease - renew - 1.0 <= left <= lease for left in leases)
    renewals = [0.0, *ticking.of("tick.renew")]
    assert all(renew <= later - earlier < renew + 1.0 for earlier, later in pairwise(renewals))
    assert len(renewals) > 10


def test_a_renewal_that_fails_is_logged_and_tried_again_when_chance_says_until_the_lease_is_over(
    endless: Ticking,
) -> None:
    """By chance, so that many ticks do not do so at once."""
    endless.submitted()
    endless.clock.chance = lambda: 0.75  # type: ignore[method-assign]  # no dice
    endless.faults.fail("tick.renew", DOWN, times=1_000)
    assert endless.run_for() == "lost"
    lease, renew = endless.policy.tick_lease_seconds, endless.policy.tick_renew_seconds
    first, *_ = tries = endless.of("tick.renew")
    assert {name for name, _ in endless.failures()} == {"renew_failed"}
    assert renew <= first < renew + 1.0
    assert all(0.75 <= later - earlier < 0.85 for earlier, later in pairwise(tries))
    assert lease <= endless.clock.now() - endless.began < lease + 1.5


# --- how it ends ---


def test_with_nothing_to_do_it_measures_so_and_ends_when_the_index_has_settled(ticking: Ticking) -> None:
    ticking.tick.row = Tick(wake=7, wake_at=ticking.clock.now(), typical_seconds=3.5)
    assert ticking.run_for() == "ended"
    settle = ticking.policy.tick_settle_seconds
    assert settle <= ticking.clock.now() - ticking.began < settle + 1.0
    assert (ticking.tick.row.state, ticking.tick.row.typical_seconds) == ("idle", 3.5)
    assert ticking.journal.values == {"OldestDueAge": [0.0]}


@pytest.mark.parametrize(("due_in", "stays"), [(9.5, True), (10.5, False)])
def test_it_stays_for_what_is_due_soon_and_for_nothing_later(ticking: Ticking, due_in: float, stays: bool) -> None:
    ticking.due(DueKind.SUBMIT, due_in=due_in)
    assert ticking.run_for() == "ended"
    assert bool(ticking.of("resumes.send_one")) == stays
    assert (ticking.clock.now() - ticking.began >= due_in) == stays


def test_what_was_woken_since_its_last_look_keeps_it(ticking: Ticking) -> None:
    ticking.faults.happen("tick.end", lambda: ticking.tick.wake(ticking.clock.now()))
    assert ticking.run_for() == "ended"
    first, second = ticking.of("tick.end")
    assert second - first >= ticking.policy.tick_settle_seconds


def test_an_end_that_fails_is_logged_and_tried_again(ticking: Ticking) -> None:
    ticking.faults.fail("tick.end", DOWN)
    assert ticking.run_for() == "ended"
    assert ticking.failures() == [("end_failed", {})]
    assert len(ticking.of("tick.end")) == 2


def test_it_does_not_end_by_what_it_saw_before_a_look_that_failed() -> None:
    ticking = Ticking(recognition_seconds=10.0)
    ticking.submitted()
    down_from = ticking.ocr.accepted[0].ready_at

    def down_for_a_while() -> StoreUnavailable | None:
        return DOWN if down_from <= ticking.clock.now() < down_from + 5.0 else None

    ticking.faults.happen("documents.due", down_for_a_while, times=999)
    assert ticking.run_for() == "ended"
    assert ticking.clock.now() >= down_from + 5.0
    assert {name for name, _ in ticking.failures()} == {"refresh_failed"}


def test_out_of_time_it_renews_its_lease_and_its_successor_starts_when_its_workers_are_done(endless: Ticking) -> None:
    workers = endless.slow_workers(8, seconds=19.0)
    endless.submitted(8)
    endless.tick.row = replace(endless.tick.row, typical_seconds=3.5)
    asked = endless.ticks_asked
    assert endless.run_for(97.5) == "handed_over"
    assert endless.ticks_asked == asked + 1
    [handed_over] = endless.of("tick.hand_over")
    assert 97.5 <= handed_over < 97.5 + STEP
    assert max(workers.begun) + 19.0 <= endless.began + handed_over
    assert 97.5 <= endless.of("tick.renew")[-1] < 97.6
    row, lease = endless.tick.row, endless.policy.tick_lease_seconds
    assert (row.state, row.lease_until, row.typical_seconds) == ("starting", endless.clock.now() + lease, 3.5)


@pytest.mark.parametrize(("call", "seconds"), [("tick.renew", 5.0), ("tick.hand_over", POLL_SECONDS - STEP)])
def test_overtaken_it_ends_when_its_workers_are_done_and_starts_nobody(
    endless: Ticking, call: str, seconds: float
) -> None:
    workers = endless.slow_workers(8, seconds=7.0)
    endless.submitted(8)
    asked = endless.ticks_asked
    endless.faults.happen(call, lambda: setattr(endless.tick, "row", replace(endless.tick.row, owner="another")))
    assert endless.run_for() == "lost"
    assert endless.ticks_asked == asked
    assert workers.begun
    assert workers.held == []
    assert seconds <= endless.clock.now() - endless.began < seconds + 8.0


# --- its workers ---


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", [DueKind.SUBMIT, DueKind.DELIVER, DueKind.ASK])
def test_as_many_are_begun_as_workers_are_free(ticking: Ticking, kind: DueKind, count: int) -> None:
    workers = ticking.slow_workers(count, seconds=1.0)
    if kind is DueKind.ASK:
        ticking.running(4, age=100.0)
    else:
        ticking.due(kind, 4)
    ticking.run_for(10.0)
    assert workers.at_once == count
    assert workers.begun[:count] == [ticking.began] * count
    assert len(workers.begun) >= 4


def test_whoever_is_free_again_is_given_work_at_once(ticking: Ticking) -> None:
    ticking.slow_workers(1, seconds=0.01)
    ticking.running(8, age=100.0)
    ticking.run_for(2.0)
    assert ticking.of("documents.read_operation")[7] < 8 * 0.03


def test_an_ask_that_begins_late_counts_from_when_it_began(endless: Ticking) -> None:
    endless.slow_workers(8, seconds=0.7)
    endless.poll_settings = replace(endless.poll_settings, reads_per_second=3)
    endless.running(12, age=5.0)
    endless.run_for(20.0)
    times = endless.of("ocr.result")
    assert len(times) > 10
    assert all(after - first >= 1.0 for first, after in zip(times, times[3:], strict=False))


@pytest.mark.parametrize("how", ["handed_over", "lost"])
def test_when_it_ends_nothing_begins_any_more(endless: Ticking, how: str) -> None:
    """Though its workers were told to."""
    workers = endless.slow_workers(8, seconds=3.0)
    endless.running(12, age=5.0)
    if how == "lost":
        endless.faults.happen("tick.renew", lambda: setattr(endless.tick, "row", Tick()), skip=3)
    assert endless.run_for(22.0) == how
    ended = endless.of("tick.renew")[-1]
    assert max(workers.begun) - endless.began > ended - 3.0, "some were to begin"
    assert max(endless.of("ocr.result")) <= ended


def test_in_a_ticks_first_second_nothing_is_asked_for_whatever_it_took_to_take_the_row(ticking: Ticking) -> None:
    """The tick before may have asked until then."""
    ticking.running(3, age=100.0)
    ticking.faults.happen("tick.take", lambda: ticking.clock.advance(3.0))
    ticking.run_for(5.0)
    assert 4.0 <= ticking.of("ocr.result")[0] < 4.2


@pytest.mark.parametrize("call", ["ocr.result", "ocr.status"])
def test_no_more_than_the_quota_is_asked_for_in_any_second_by_a_tick_and_its_successor(
    endless: Ticking, call: str
) -> None:
    endless.poll_settings = replace(endless.poll_settings, reads_per_second=3)
    endless.running(12, age=5.0)
    for _ in range(3):
        assert endless.run_for(5.0) == "handed_over"
    times = endless.of(call)
    assert len(times) > 20
    assert all(after - first >= 1.0 for first, after in zip(times, times[3:], strict=False))


def test_a_page_that_failed_long_ago_is_told_so_before_it_is_given_up(ticking: Ticking) -> None:
    """Nobody had asked for it until its deadline was over, and the result does not tell."""
    document = ticking.upload("x.png", b"page")
    ticking.ocr.table[b"page"] = Failure(13, "out of order")
    ticking.submit()
    ticking.clock.advance(2 * ticking.policy.deadline_seconds(1))
    ticking.faults.fail("ocr.result", OcrOperationUnknown("404", Trace(status=404, code=5)), times=9)
    ticking.run_for()
    problem = ticking.row(document).problem
    assert problem is not None
    assert problem.reason is Reason.FAILED_IN_OCR


def test_it_asks_for_nothing_when_its_lease_is_no_longer_sure(endless: Ticking) -> None:
    endless.running(3, age=100.0)
    endless.faults.fail("tick.renew", DOWN, times=1_000)
    endless.run_for()
    sure = endless.policy.tick_lease_seconds - endless.policy.lease_margin_seconds
    assert sure - 5.0 < endless.of("ocr.result")[-1] < sure


def test_what_is_still_worked_on_is_not_begun_again(ticking: Ticking) -> None:
    """Its row shows nothing of it yet, for longer than a tick takes the index to lag behind."""
    workers = ticking.slow_workers(8, seconds=25.0)
    ticking.due(DueKind.DELIVER)
    ticking.run_for()
    first, *others = workers.begun
    assert first == ticking.began
    assert all(at >= ticking.began + 25.0 for at in others)
    assert all(at >= 25.0 for at in ticking.of("tick.end")), "and the tick stays for it"


@pytest.mark.parametrize(("error", "name"), [(DOWN, "step_failed"), (ValueError("ours"), "step_died")])
def test_a_step_that_fails_is_logged_with_its_page_and_ends_no_tick(
    ticking: Ticking, error: Exception, name: str
) -> None:
    document = ticking.upload("book.pdf", b"pages:3")
    ticking.submit()
    ticking.faults.fail("ocr.result", error, skip=2)
    assert ticking.run_for() == "ended"
    assert ticking.failures() == [(name, {"document": document.id, "page": 3})]
    assert ticking.row(document).outcome is Outcome.SUCCEEDED


# --- what it reads of what runs ---


@pytest.mark.parametrize(("more", "look_seconds"), [(-1, 0.0), (0, 0.0), (0, 0.01), (1, 0.0)])
def test_of_many_that_run_those_of_late_are_read_and_now_and_then_all(
    endless: Ticking, more: int, look_seconds: float
) -> None:
    endless.faults.happen("documents.due", lambda: endless.clock.advance(look_seconds), times=999)
    endless.tick.row = replace(endless.tick.row, typical_seconds=1_000.0)
    endless.running(MIN_KNOWN + more)
    endless.run_for(2.2 * FULL_REFRESH_SECONDS)
    reads = [(at, since) for kind, at, _, since in endless.reads if kind is DueKind.ASK]
    assert len(reads) > 60
    if more < 0:
        assert {since for _, since in reads} == {0.0}
        return
    whole = [at for at, since in reads if since == 0.0]
    assert whole[0] == 0.0
    assert [later - earlier for earlier, later in pairwise(whole)] == pytest.approx([FULL_REFRESH_SECONDS] * 2, abs=0.6)
    for (refreshed_at, _), (_, since) in pairwise(reads):
        assert since in (0.0, endless.began + refreshed_at - FORGET_SECONDS)


def test_what_is_no_longer_there_is_passed_over(ticking: Ticking) -> None:
    """The index still shows a page and a document that are gone."""
    ticking.running(age=100.0)
    ticking.due(DueKind.DELIVER)
    ticking.documents.hold_index()
    ticking.documents.operations.clear()
    ticking.documents.rows.clear()
    ticking.run_for(1.0)
    assert {"documents.read_operation", "documents.postpone"} <= set(ticking.faults.calls)
    assert ticking.deliver_queue == []
    assert ticking.failures() == []
    assert ticking.documents.rows == {}


def test_a_page_that_waits_again_is_not_finished(ticking: Ticking) -> None:
    """The index still shows it running."""
    [operation] = ticking.running(age=100.0)
    ticking.documents.hold_index()
    waits = Operation(operation.document_id, 1, 1, OperationState.WAITING, holder_rev=1)
    ticking.documents.operations[(operation.document_id, 1, 1)] = waits
    ticking.run_for(1.0)
    assert "documents.read_operation" in ticking.faults.calls
    assert ticking.documents.rows[operation.document_id].unfinished == {1}


@pytest.mark.parametrize("kind", [DueKind.ASK, DueKind.RECHECK])
def test_a_document_that_never_heard_of_its_last_page_is_sent_to_deliver(ticking: Ticking, kind: DueKind) -> None:
    """Whoever made it final died before the document heard of it: the index still shows the page, or it is due for
    a recheck."""
    [operation] = ticking.running(age=100.0)
    document = ticking.documents.rows[operation.document_id]
    if kind is DueKind.ASK:
        ticking.documents.hold_index()
    else:
        document = ticking.documents.rows[document.id] = replace(document, due_kind=kind, due_at=ticking.began)
    problem = Problem(Reason.FAILED_IN_OCR, "It failed.", "Try again.")
    failed = replace(operation, state=OperationState.FAILED, problem=problem, due_kind=None, due_at=None)
    ticking.documents.operations[(operation.document_id, 1, 1)] = failed
    ticking.run_for(1.0)
    row = ticking.row(document)
    assert row.state is DocumentState.DELIVERING
    [message] = ticking.deliver_queue
    assert parse_delivery(message.body) == [Resume(row.id, row.rev)]
    assert ticking.of("deliveries.send_one")[0] < LOOKED_AT_ONCE
    assert ticking.ocr.asked == {}


def test_after_a_throttle_it_asks_nothing_until_that_is_over(endless: Ticking) -> None:
    endless.running(age=100.0)
    endless.faults.fail("ocr.result", OcrThrottled("429", Trace(status=429, code=8), 25.0))
    endless.run_for(30.0)
    first, second, *_ = endless.of("ocr.result")
    assert 25.0 <= second - first < 25.0 + LOOKED_AT_ONCE


def test_what_a_recognition_took_is_learnt_from_its_row_and_handed_on(ticking: Ticking) -> None:
    """Not from when it was heard of."""
    ticking.submitted()
    ticking.tick.row = replace(ticking.tick.row, typical_seconds=10.0)
    ticking.faults.happen("documents.write_operation", lambda: ticking.clock.advance(3.0), times=9)
    ticking.run_for(30.0)
    [row] = ticking.documents.operations.values()
    assert row.finished_at is not None
    assert row.submitted_at is not None
    taken = (row.finished_at - row.submitted_at) / 2
    assert ticking.tick.row.typical_seconds == pytest.approx(intervals.typical_after(10.0, taken), abs=1e-6)


# --- what it hands out ---


def test_it_keeps_to_the_rates_of_asks_and_submits(endless: Ticking) -> None:
    endless.poll_settings = replace(endless.poll_settings, reads_per_second=1, submits_per_second=0.5)
    endless.running(5, age=100.0)
    endless.due(DueKind.SUBMIT, 3)
    endless.run_for(6.0)
    assert [round(at) for at in endless.of("ocr.result")] == [1, 2, 3, 4, 5]
    assert [round(at) for at in endless.of("ocr.status")] == [1, 2, 3, 4, 5]
    assert [round(at) for at in endless.of("resumes.send_one")] == [0, 2, 4]
    assert {limit for kind, at, limit, _ in endless.reads if kind is DueKind.SUBMIT and at > 0} == {7}
    assert endless.journal.values["Asks"] == [len(endless.of("ocr.result")) + len(endless.of("ocr.status"))]


def test_what_was_handed_out_is_put_off_until_the_message_may_be_lost(ticking: Ticking) -> None:
    [document] = ticking.due(DueKind.SUBMIT)
    ticking.run_for()
    row = ticking.row(document)
    assert (row.rev, row.attempts) == (document.rev, document.attempts)
    assert row.due_at == ticking.began + ticking.policy.handed_out_seconds
    [note] = [entry for entry in ticking.journal.notes if entry.name == "handed_out"]
    assert note.fields == {"document": document.id}


def due_for_delivery(world: Ticking, count: int, **changes: object) -> list[Document]:
    """So many documents whose outcome is fixed, and that nobody has sent to deliver."""
    made = []
    for row in world.due(DueKind.DELIVER, count):
        fixed = replace(row, state=DocumentState.DELIVERING, outcome=Outcome.SUCCEEDED, **changes)  # type: ignore[arg-type]
        made.append(fixed)
        world.documents.rows[row.id] = fixed
    return made


def test_what_is_due_for_delivery_is_put_off_and_sent_together(ticking: Ticking) -> None:
    documents = due_for_delivery(ticking, 3)
    ticking.run_for()
    assert {ticking.row(each).due_at for each in documents} == {ticking.began + ticking.policy.handed_out_seconds}
    [message] = ticking.deliver_queue
    assert parse_delivery(message.body) == [Resume(each.id, each.rev) for each in documents]


def test_one_that_goes_alone_is_sent_to_the_other_queue(ticking: Ticking) -> None:
    """Where those in the first need not wait for it."""
    [quick] = due_for_delivery(ticking, 1)
    [died] = due_for_delivery(ticking, 1, attempts=1)
    ticking.run_for()
    for queue, document in ((ticking.deliveries, quick), (ticking.deliveries_alone, died)):
        [body] = queue.sent
        assert parse_delivery(body) == [Resume(document.id, document.rev)]


def test_what_was_sent_lately_makes_what_comes_next_wait_for_others(ticking: Ticking) -> None:
    """Each message is an invocation, of which only a few run at once."""
    ticking.slow_workers(2, seconds=0.05)
    due_for_delivery(ticking, 12)
    ticking.run_for()
    sent = ticking.of("deliveries.send_one")
    assert all(later - earlier >= GROUP_SECONDS for earlier, later in pairwise(sent))
    assert len(sent) <= 4
    assert sum(len(parse_delivery(message.body)) for message in ticking.deliver_queue) == 12


@pytest.mark.parametrize("ended", ["handed_over", "lost"])
def test_what_was_collected_is_sent_however_the_tick_ends(endless: Ticking, ended: str) -> None:
    endless.running()
    endless.slow_workers(1, seconds=8.0)
    due_for_delivery(endless, 1)
    if ended == "lost":
        endless.faults.happen("tick.renew", lambda: setattr(endless.tick, "row", replace(endless.tick.row, owner="x")))
    assert endless.run_for(6.0) == ended
    assert len(endless.deliver_queue) == 1


def test_what_it_concludes_is_sent_once_though_the_index_shows_it_due(ticking: Ticking) -> None:
    """Nor is its due time put off: whoever looks next, should this tick die, hands it out."""
    document = ticking.upload("x.png", b"page")
    ticking.submit()
    ticking.run_for(9.0)
    [message] = ticking.deliver_queue
    assert parse_delivery(message.body) == [Resume(document.id, ticking.row(document).rev)]
    assert "documents.postpone" not in ticking.faults.calls
    ticking.run_for()
    assert len(ticking.deliver_queue) == 2


def test_deliveries_that_cannot_be_sent_are_logged_and_stay_due(ticking: Ticking) -> None:
    document = ticking.upload("x.png", b"page")
    ticking.submit()
    ticking.faults.fail("deliveries.send_one", DOWN)
    ticking.run_for(9.0)
    assert ticking.failures() == [("deliveries_not_sent", {})]
    row = ticking.row(document)
    assert row.due_at == row.outcome_at
    ticking.run_for()
    assert len(ticking.deliver_queue) == 1


def test_while_an_operator_pauses_only_deliveries_go_on_and_the_pause_is_looked_at_every_other_second(
    endless: Ticking,
) -> None:
    endless.running()
    endless.due(DueKind.SUBMIT, 3)
    endless.due(DueKind.DELIVER)
    endless.pause.row = Pause(rev=1, operator_since=endless.began)
    endless.faults.happen("pause.read", lambda: setattr(endless.pause, "row", Pause(rev=2)), skip=8)
    endless.run_for(20.0)
    first, measured, *others = looked = endless.of("pause.read")
    assert first == measured == 0.0, "and once for the measure"
    for earlier, later in pairwise([first, *others]):
        assert PAUSE_REFRESH_SECONDS <= later - earlier < PAUSE_REFRESH_SECONDS + LOOKED_AT_ONCE
    assert set(endless.of("resumes.send_one")) == {looked[8]}
    assert endless.of("documents.postpone")[0] == 0.0
    assert len(endless.deliver_queue) == 1


def test_in_a_pause_one_tick_hands_out_one_for_each_probe(endless: Ticking) -> None:
    """Whoever has it writes the pause's next probe only when it comes to send."""
    endless.running()
    endless.due(DueKind.SUBMIT, 5)
    endless.pause.row = Pause(rev=1, since=endless.began - 60.0, why="unknown", probe_at=endless.began + 1.0)
    probe = endless.policy.probe_seconds
    endless.run_for(1.0 + probe + 5.0)
    first, second = endless.of("resumes.send_one")
    assert 1.0 <= first < 1.0 + LOOKED_AT_ONCE
    assert probe <= second - first < probe + LOOKED_AT_ONCE


# --- what it measures ---


@pytest.mark.parametrize("kind", [kind for kind in DueKind if kind not in (DueKind.BACKFILL, DueKind.HELD)])
def test_it_measures_how_long_the_oldest_has_been_due_of_any_kind(ticking: Ticking, kind: DueKind) -> None:
    ticking.due(kind, due_in=-500.0)
    ticking.due(kind, due_in=-20.0)
    ticking.pause.row = Pause(rev=1, operator_since=ticking.began)
    ticking.run_for(5.0)
    assert ticking.journal.values["OldestDueAge"] == [500.0]


def test_it_counts_what_is_in_flight_of_each_kind_and_leaves_what_is_due_later_alone(ticking: Ticking) -> None:
    ticking.due(DueKind.SUBMIT, 500, due_in=900.0)
    ticking.due(DueKind.SUBMIT, due_in=5.0)
    ticking.due(DueKind.RECHECK, 2, due_in=900.0)
    ticking.due(DueKind.DELIVER, 3, due_in=23 * 3_600.0)
    assert ticking.run_for(60.0) == "ended"
    found = {name: values[0] for name, values in ticking.journal.values.items()}
    in_flight = {"DocumentsToSubmit": 501, "DocumentsInService": 2, "DocumentsToDeliver": 3}
    assert found == {"OldestDueAge": 0.0, **in_flight}
    assert len(ticking.of("resumes.send_one")) == 1
    assert ticking.of("documents.read") == ticking.of("deliveries.send_one") == []


def test_it_counts_running_pages_all_of_them_and_as_many_documents_as_it_reads(ticking: Ticking) -> None:
    ticking.running(MIN_KNOWN + 1)
    ticking.due(DueKind.RECHECK, 2, due_in=900.0)
    ticking.due(DueKind.SUBMIT, MAX_DUE_ENTRIES + 1, due_in=900.0)
    # So refreshes are 14 s apart, and not at the very time of which another would have been.
    ticking.faults.happen("documents.due", lambda: ticking.clock.advance(0.7), times=100)
    assert ticking.run_for(90.0) == "handed_over"
    assert ticking.journal.values["PagesRunning"] == [MIN_KNOWN + 1] * 2
    assert ticking.journal.values["DocumentsInService"] == [2] * 2
    assert ticking.journal.values["DocumentsToSubmit"] == [MAX_DUE_ENTRIES] * 2


def test_a_measure_takes_no_more_requests_than_any_refresh(ticking: Ticking) -> None:
    ticking.run_for()
    measured = [kind for kind, at, _, _ in ticking.reads if at == 0.0]
    assert sorted(measured) == sorted(DueKind)


def test_a_long_tick_measures_once_a_minute_and_logs_a_pause_though_nothing_waits(endless: Ticking) -> None:
    endless.submitted()
    endless.pause.row = Pause(rev=1, operator_since=endless.began)
    assert endless.run_for(100.0) == "handed_over"
    assert len(endless.journal.values["OldestDueAge"]) == 2
    assert endless.journal.counts["SubmittingPaused"] == 2
    assert [entry.fields for entry in endless.journal.notes if entry.name == "submitting_paused"] == [
        {"why": "operator"}
    ] * 2


# --- the wake ---


def test_what_a_tick_releases_it_hands_out_too() -> None:
    world = capped(per_day=5)
    uploads(world, 10)
    work(world)
    to_midnight(world)
    workers = SlowWorkers(world, 4, seconds=5.0)
    world.poll_ports = replace(world.poll_ports, workers=workers)
    world.poll()
    assert len(world.queue) == 5


def test_an_idle_tick_is_held_for_whoever_was_invoked_for_a_lease(world: World) -> None:
    now = world.clock.now()
    wake(world.submit_ports)
    assert (world.tick.row.state, world.tick.row.lease_until) == ("starting", now + world.policy.tick_lease_seconds)
    assert (world.tick.row.wake, world.tick.row.wake_at) == (1, now)
    assert world.ticks_asked == 1


@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_tick_that_begins_or_runs_only_hears_of_the_wake(world: World, state: str) -> None:
    world.tick.row = Tick(state=state, owner="poll", lease_until=world.clock.now() + 20.0)
    wake(world.submit_ports)
    assert (world.tick.row.state, world.tick.row.wake) == (state, 1)
    assert "tick.start" not in world.faults.calls
    assert world.ticks_asked == 0


@pytest.mark.parametrize("call", ["tick.wake", "tick.start", "poller.invoke"])
def test_a_wake_that_fails_is_logged_and_keeps_nobody_from_going_on(
    world: World, document: Document, call: str
) -> None:
    world.faults.fail(call, DOWN)
    assert world.submit() == []
    assert world.failures() == [("wake_failed", {})]
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1
