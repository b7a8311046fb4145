"""The same use cases on virtual time: what a backlog makes of the quota where no machine of ours is the limit.

The fakes of the tests stand for AWS, and the local OCR service's own quotas for the service. Each call takes its time,
lognormal (sigma 0.4) around the medians below, half of it before its effect; and processor time, of which a process has
a share that follows from its memory, as on Lambda. The medians are assumptions, in the range that AWS's services show
within a region; the processor time of a call is measured on the local stack (cores busy ÷ calls). Batches of five go to
as many functions at once as MaximumConcurrency says, each function with its usual threads, and poll runs beside them.
"""

from __future__ import annotations

import heapq
import json
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from fakes.faults import Faults
from fakes.ocr import FakeOcr
from fakes.running import FakeClock
from local import cloudformation
from local.ocr.quota import WINDOWS
from textdrop import bootstrap
from textdrop.core.errors import OcrThrottled
from textdrop.usecases.submit import submit
from textdrop.usecases.tick import tick
from world import POLL_SECONDS, SUBMIT_SECONDS, World

SPREAD = 0.4
RECOGNITION_SECONDS = 3.0
SEED = 1
CALL_SECONDS = {
    **dict.fromkeys(("documents", "newest", "quota", "pause", "tick"), 0.006),
    **dict.fromkeys(("sources", "results"), 0.030),
    **dict.fromkeys(("notices", "resumes", "poller"), 0.020),
    "ocr": 0.060,
}
"""By port."""

SUBMIT_CALL_SECONDS = 0.200
"""A submit carries a file there."""

INVOKE_SECONDS = 0.030
"""From the end of one batch to the beginning of the next."""

REFRESH_SECONDS = 0.05
"""An empty queue is looked into again, and so is what somebody waits for."""

BATCH = 5
CPU_SECONDS = 0.0016
"""Of a whole core, for a call."""

SUBMIT_SHARE, POLL_SHARE = (cloudformation.memory_mb(name) / 1769 for name in ("submit", "poll"))
"""Of a core: Lambda gives one for 1,769 MB."""


@dataclass(slots=True)
class Process:
    """A function's process; only one of its threads computes at a time, and never faster than its share."""

    share: float
    busy_until: float = 0.0


@dataclass(slots=True)
class _Thread:
    """A thread of virtual time. `go`: it may run."""

    process: Process | None
    go: threading.Lock = field(default_factory=threading.Lock)
    ended: bool = False
    waiters: list[_Thread] = field(default_factory=list)


class VirtualClock(FakeClock):
    """Time that passes only while every thread sleeps or waits; one of them runs at a time.

    Threads that are not begun by `start` see time stand still.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self._time = super().now()
        self._order = count()
        self._asleep: list[tuple[float, int, _Thread]] = []
        self._mine = threading.local()
        self._over = threading.Lock()
        self.failure: BaseException | None = None

    def now(self) -> float:
        return self._time

    def me(self) -> _Thread:
        """The thread that runs."""
        thread: _Thread = self._mine.thread
        return thread

    def start(self, body: Callable[[], None], process: Process | None) -> _Thread:
        """Begins a thread, which runs when its turn comes, now or later."""
        thread = _Thread(process)
        thread.go.acquire()

        def run() -> None:
            self._mine.thread = thread
            thread.go.acquire()
            try:
                body()
            except BaseException as error:  # noqa: BLE001 - told of at the end of all
                self.failure = self.failure or error
            thread.ended = True
            for waiter in thread.waiters:
                self._sleep_until(self._time, waiter)
            self._next()

        threading.Thread(target=run, daemon=True).start()
        self._sleep_until(self._time, thread)
        return thread

    def sleep(self, seconds: float) -> None:
        me = self.me()
        self._sleep_until(self._time + max(0.0, seconds), me)
        self._next()
        me.go.acquire()

    def wait_for(self, thread: _Thread) -> None:
        """Returns when it has ended."""
        if thread.ended:
            return
        me = self.me()
        thread.waiters.append(me)
        self._next()
        me.go.acquire()

    def run(self) -> None:
        """Returns when no thread is left. Raises what ended one."""
        self._over.acquire()
        self._next()
        self._over.acquire()
        self._over.release()
        if self.failure is not None:
            raise self.failure

    def _sleep_until(self, at: float, thread: _Thread) -> None:
        heapq.heappush(self._asleep, (at, next(self._order), thread))

    def _next(self) -> None:
        if not self._asleep:
            self._over.release()
            return
        at, _, thread = heapq.heappop(self._asleep)
        self._time = max(self._time, at)
        thread.go.release()


class Weather(Faults):
    """What calls take, and the service's quota. `accepted_at` are the times of its acceptances, in order.

    `ocr` gets the time of each recognition before it takes it.
    """

    def __init__(self, clock: VirtualClock, submits_per_second: float, window: str) -> None:
        super().__init__()
        self.accepted_at: list[float] = []
        self.throttled = 0
        self.last_notice_at = 0.0
        self.ocr: FakeOcr | None = None
        self._clock = clock
        self._quota = WINDOWS[window](submits_per_second)
        self._chances = random.Random(SEED)

    def spread(self, median_seconds: float) -> float:
        """A time around this median."""
        return self._chances.lognormvariate(math.log(median_seconds), SPREAD)

    def before(self, call: str) -> None:
        process = self._clock.me().process
        if process is not None:
            begins = max(self._clock.now(), process.busy_until)
            process.busy_until = begins + CPU_SECONDS / process.share
            self._clock.sleep(process.busy_until - self._clock.now())
        self._clock.sleep(self._half(call))
        if call == "ocr.submit":
            if not self._quota.take(self._clock.now()):
                self.throttled += 1
                self._clock.sleep(self._half(call))
                raise OcrThrottled("over the quota")
            self.accepted_at.append(self._clock.now())
            if self.ocr is not None:
                self.ocr.seconds = self.spread(RECOGNITION_SECONDS)

    def after(self, call: str) -> None:
        if call == "notices.publish":
            self.last_notice_at = self._clock.now()
        self._clock.sleep(self._half(call))

    def answer_lost(self, call: str) -> bool:
        return False

    def _half(self, call: str) -> float:
        median = SUBMIT_CALL_SECONDS if call == "ocr.submit" else CALL_SECONDS[call.partition(".")[0]]
        return self.spread(median) / 2


class VirtualWorkers:
    """Threads of one process, at most so many at once."""

    def __init__(self, clock: VirtualClock, most: int, process: Process) -> None:
        self._clock = clock
        self._most = most
        self._process = process
        self._waiting: list[Callable[[], None]] = []
        self._threads: list[_Thread] = []

    def start(self, task: Callable[[], None]) -> None:
        self._waiting.append(task)
        self._threads = [thread for thread in self._threads if not thread.ended]
        if len(self._threads) < self._most:
            self._threads.append(self._clock.start(self._work, self._process))

    def _work(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()

    def free(self) -> int:
        working = sum(not thread.ended for thread in self._threads)
        return max(0, self._most - working - len(self._waiting))

    def wait(self) -> None:
        for thread in list(self._threads):
            self._clock.wait_for(thread)


@dataclass(frozen=True, slots=True)
class Run:
    """What the service saw, in epoch seconds; how many documents were told of; seconds until the last of them."""

    accepted_at: list[float]
    throttled: int
    notices: int
    seconds: float


class Backlog(World):
    """So many images in the queue, so many functions at work on them, and poll."""

    def __init__(self, images: int, submits_per_second: float, window: str, concurrency: int) -> None:
        self._virtual = VirtualClock(SEED)
        self.weather = Weather(self._virtual, submits_per_second, window)
        super().__init__(clock=self._virtual, faults=self.weather)
        self.weather.ocr = self.ocr
        self._images = images
        self._concurrency = concurrency
        self._poll_process = Process(POLL_SHARE)
        self.submit_settings = replace(self.submit_settings, submits_per_second=submits_per_second)
        self.poll_settings = replace(
            self.poll_settings,
            submits_per_second=submits_per_second,
            asks_per_second=bootstrap.ASKS_PER_SECOND,
        )

    def pass_by(self) -> Run:
        """All are there from the beginning; from the first batch until every notice is out and no function runs."""
        began_at = self._virtual.now()
        for number in range(self._images):
            self.upload(f"{number}.png", f"image {number}".encode())
        self._run_functions()
        notices = len({json.loads(notice.body)["document"] for notice in self.notices.published})
        seconds = self.weather.last_notice_at - began_at
        return Run(sorted(self.weather.accepted_at), self.weather.throttled, notices, seconds)

    def one_at_a_time(self, pause_seconds: float) -> list[float]:
        """Each is uploaded up to `pause_seconds`, by chance, after the notice of the one before: the times from upload
        to notice, less the recognition."""
        found: list[float] = []

        def arrive() -> None:
            for number in range(self._images):
                self._virtual.sleep(pause_seconds * self._virtual.chance())
                began_at = self._virtual.now()
                self.upload(f"{number}.png", f"image {number}".encode())
                while len(self.notices.published) <= number:
                    self._virtual.sleep(REFRESH_SECONDS)
                found.append(self.weather.last_notice_at - began_at - self.ocr.seconds)

        self._virtual.start(arrive, None)
        self._run_functions()
        return found

    def _run_functions(self) -> None:
        for _ in range(self._concurrency):
            process = Process(SUBMIT_SHARE)
            self._virtual.start(partial(self._function, process), process)
        self._virtual.start(self._schedule, None)
        self._virtual.run()

    def _function(self, process: Process) -> None:
        """One of the functions that the queue calls: batch after batch."""
        workers = VirtualWorkers(self._virtual, bootstrap.SUBMIT_THREADS, process)
        ports = replace(self.submit_ports, workers=workers)
        while len(self.notices.published) < self._images:
            self._virtual.sleep(self.weather.spread(INVOKE_SECONDS))
            while not self.queue and len(self.notices.published) < self._images:
                self._virtual.sleep(REFRESH_SECONDS)
            batch, self.queue = self.queue[:BATCH], self.queue[BATCH:]
            if batch and submit(ports, self.submit_settings, batch, self._virtual.now() + SUBMIT_SECONDS):
                raise RuntimeError("messages failed, though nothing went wrong")

    def _schedule(self) -> None:
        while len(self.notices.published) < self._images:
            self._virtual.sleep(60.0)
            self._tick_asked()

    def _tick_asked(self) -> None:
        workers = VirtualWorkers(self._virtual, bootstrap.POLL_THREADS, self._poll_process)
        ports = replace(self.poll_ports, workers=workers)

        def run() -> None:
            self._virtual.sleep(self.weather.spread(INVOKE_SECONDS))
            tick(ports, self.poll_settings, self._virtual.now() + POLL_SECONDS)

        self._virtual.start(run, self._poll_process)
