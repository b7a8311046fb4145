"""Threads in virtual time: one runs at a time, and time passes only when all of them wait.

A port's call waits for its latency; what a thread does between two calls takes no time. What is due at the same time
happens in the order in which it was requested: the same seed gives the same run, whatever the machine.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from fakes.files import KilledError
from fakes.running import FakeClock


@dataclass(eq=False)
class Invocation:
    """One run of a function. `dead`: it was killed, and none of its threads does anything more.

    `idle_connections`: its connections to each host of the OCR service, by the times at which they were last used.
    `processor_free_at`: the time until which its processor is busy.
    """

    dead: bool = False
    idle_connections: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    processor_free_at: float = 0.0


@dataclass(eq=False)
class Thread:
    """A thread of an invocation. `answer_seconds`: how long its current call takes after its effect."""

    invocation: Invocation
    carrier: _Carrier
    answer_seconds: float = 0.0


class _Carrier:
    """A thread of this process, which runs one virtual thread after another, because starting a thread takes long."""

    idle: list[_Carrier]

    def __init__(self) -> None:
        self.go = threading.Lock()
        self.go.acquire()
        self.carried: Callable[[], threading.Lock]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self.go.acquire()
        while True:
            following = self.carried()
            if following is not self.go:
                following.release()
                self.go.acquire()


_Carrier.idle = []


class Scheduler:
    """Virtual time, `now`, and everything that will happen in it. `current` is the thread that runs."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.current: Thread | None = None
        self._due: list[tuple[float, int, Thread | Callable[[], None]]] = []
        self._asked = itertools.count()
        self._begun: set[Thread] = set()
        self._failure: BaseException | None = None
        self._main = threading.Lock()
        self._main.acquire()

    def run(self) -> None:
        """Runs until nothing is due any more. Raises what a thread or an action raised, and RuntimeError if a thread
        would wait forever."""
        self._hand_on(self._main)
        if self._failure is not None:
            raise self._failure
        if not all(thread.invocation.dead for thread in self._begun):
            raise RuntimeError("a thread waits for what never comes")

    def call_at(self, at: float, action: Callable[[], None]) -> None:
        """Schedules the action, which must not wait, for that time."""
        heapq.heappush(self._due, (at, next(self._asked), action))

    def start(self, body: Callable[[], None], invocation: Invocation | None = None) -> None:
        """Starts a thread; without an invocation, in that of the thread that runs."""
        carrier = _Carrier.idle.pop() if _Carrier.idle else _Carrier()
        thread = Thread(invocation or self.me().invocation, carrier)

        def carried() -> threading.Lock:
            try:
                if not thread.invocation.dead:
                    body()
            except KilledError:
                thread.invocation.dead = True
            except BaseException as error:  # noqa: BLE001 - whatever it is, `run` raises it
                self._failure = self._failure or error
            self._begun.remove(thread)
            _Carrier.idle.append(carrier)
            return self._next()

        carrier.carried = carried
        self._begun.add(thread)
        self.wake(thread)

    def me(self) -> Thread:
        """The thread that runs."""
        if self.current is None:
            raise RuntimeError("only a thread can wait")
        return self.current

    def sleep(self, seconds: float) -> None:
        """Lets that much time pass for the thread that runs. Raises KilledError if its invocation has died
        meanwhile."""
        me = self.me()
        at = self.now + max(0.0, seconds)
        if self._due and self._due[0][0] <= at:
            heapq.heappush(self._due, (at, next(self._asked), me))
            self._hand_on(me.carrier.go)
        else:
            self.now = at
        if me.invocation.dead:
            raise KilledError

    def park(self) -> None:
        """The thread that runs waits until it is woken. Raises KilledError if its invocation has died meanwhile."""
        me = self.me()
        self._hand_on(me.carrier.go)
        if me.invocation.dead:
            raise KilledError

    def wake(self, thread: Thread) -> None:
        """A parked thread continues now."""
        heapq.heappush(self._due, (self.now, next(self._asked), thread))

    def _hand_on(self, mine: threading.Lock) -> None:
        following = self._next()
        if following is not mine:
            following.release()
            mine.acquire()

    def _next(self) -> threading.Lock:
        """What the next thread waits for; actions that are due before are done."""
        while self._due and self._failure is None:
            at, _, due = heapq.heappop(self._due)
            self.now = max(self.now, at)
            if isinstance(due, Thread):
                self.current = due
                return due.carrier.go
            self.current = None
            try:
                due()
            except BaseException as error:  # noqa: BLE001 - whatever it is, `run` raises it
                self._failure = error
        self.current = None
        return self._main


class VirtualClock(FakeClock):
    """The scheduler's time, and chance from a seed."""

    def __init__(self, scheduler: Scheduler, seed: int) -> None:
        super().__init__(scheduler.now, seed)
        self._scheduler = scheduler

    def now(self) -> float:
        return self._scheduler.now

    def sleep(self, seconds: float) -> None:
        self._scheduler.sleep(seconds)


class VirtualLock:
    """A lock whose holder may wait in virtual time; those who wait for it get it in turn."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._held = False
        self._waiting: deque[Thread] = deque()

    def __enter__(self) -> None:
        if self._held:
            self._waiting.append(self._scheduler.me())
            self._scheduler.park()
        self._held = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._waiting:
            self._scheduler.wake(self._waiting.popleft())
        else:
            self._held = False


class _Pool:
    """At most `count` threads, which do one job after another, in the order of the requests."""

    def __init__(self, scheduler: Scheduler, count: int) -> None:
        self.jobs: deque[Callable[[], None]] = deque()
        self._scheduler = scheduler
        self._free = count

    def submit(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)
        if self._free:
            self._free -= 1
            self._scheduler.start(self._work)

    def _work(self) -> None:
        while self.jobs:
            self.jobs.popleft()()
        self._free += 1


class VirtualWorkers:
    """Like `adapters.threads.ThreadWorkers`."""

    def __init__(self, scheduler: Scheduler, count: int, failed: Callable[[BaseException], None]) -> None:
        self._scheduler = scheduler
        self._count = count
        self._failed = failed
        self._pool = _Pool(scheduler, count)
        self._unfinished = 0
        self._waiting: list[Thread] = []

    def start(self, task: Callable[[], None]) -> None:
        self._unfinished += 1

        def job() -> None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - as ThreadWorkers do
                self._failed(error)
            self._unfinished -= 1
            if self._unfinished == 0:
                while self._waiting:
                    self._scheduler.wake(self._waiting.pop())

        self._pool.submit(job)

    def free(self) -> int:
        return max(0, self._count - self._unfinished)

    def wait(self) -> None:
        while self._unfinished:
            self._waiting.append(self._scheduler.me())
            self._scheduler.park()


class VirtualCrew:
    """Like `adapters.threads.ParallelThreads`."""

    def __init__(self, scheduler: Scheduler, helpers: int) -> None:
        self._scheduler = scheduler
        self._pool = _Pool(scheduler, helpers)

    def __call__(self, task: Callable[[], None], max_workers: int) -> None:
        caller = self._scheduler.me()
        errors: list[Exception] = []
        left = max_workers - 1
        is_waiting = False

        def job() -> None:
            nonlocal left
            try:
                task()
            except Exception as error:  # noqa: BLE001 - the caller raises it at the end
                errors.append(error)
            left -= 1
            if is_waiting and left == 0:
                self._scheduler.wake(caller)

        for _ in range(max_workers - 1):
            self._pool.submit(job)
        try:
            task()
        finally:
            # The task has ended: workers that have not begun need not begin.
            left -= self._pool.jobs.count(job)
            while job in self._pool.jobs:
                self._pool.jobs.remove(job)
            is_waiting = True
            if left:
                self._scheduler.park()
        if errors:
            raise errors[0]
