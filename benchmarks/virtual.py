"""Virtual time for many threads, of which one runs at a time: when all of them wait, the clock jumps to the next.

So hours of the application pass in seconds, and the same seed gives the same run.
"""

from __future__ import annotations

import heapq
import random
import threading
import uuid
from collections import deque
from collections.abc import Callable

START = 1_700_000_000.0


class Fibre:
    """A thread of the world. `owner` is what it works for (a function's environment), handed on to what it starts."""

    def __init__(self, body: Callable[[], None], owner: object) -> None:
        self.body = body
        self.owner = owner
        self.ended = False
        self.carrier: _Carrier | None = None


class _Carrier:
    """A thread that carries one fibre after another: beginning a thread takes longer than most of what one does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pass = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._fibre: Fibre | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def run(self, fibre: Fibre) -> None:
        """Called by the world: returns when the fibre ends or waits."""
        self._fibre = fibre
        self._pass.release()
        self._back.acquire()

    def wait(self) -> None:
        """Called in the fibre: the world goes on, until it comes back to this one."""
        self._back.release()
        self._pass.acquire()

    def _run(self) -> None:
        while True:
            self._pass.acquire()
            fibre = self._fibre
            assert fibre is not None
            try:
                fibre.body()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the world ends by it
                self._world.failure = error
            fibre.ended = True
            self._back.release()


class World:
    """All threads and the one clock. `now` is epoch seconds."""

    def __init__(self) -> None:
        self.now = START
        self.failure: BaseException | None = None
        self.current: Fibre | None = None
        self._due: list[tuple[float, int, Fibre]] = []
        self._waiting: list[tuple[Callable[[], bool], Fibre]] = []
        self._idle: list[_Carrier] = []
        self._count = 0

    def start(self, body: Callable[[], None], after: float = 0.0, owner: object = None) -> Fibre:
        """Begins a thread in so many seconds. Its owner is that of whoever starts it, unless another is given."""
        if owner is None and self.current is not None:
            owner = self.current.owner
        fibre = Fibre(body, owner)
        self._put(self.now + after, fibre)
        return fibre

    def run(self, until: Callable[[], bool]) -> None:
        """Lets time pass until it is so. Raises what a thread raised, and RuntimeError if nothing is left to happen."""
        while not until():
            if not self._due:
                raise RuntimeError("nothing is left to happen")
            at, _, fibre = heapq.heappop(self._due)
            self.now = max(self.now, at)
            self._submit_pass(fibre)
            if self.failure is not None:
                raise self.failure
            self._wake_waiting()

    def sleep(self, seconds: float) -> None:
        """In a thread: returns so much later."""
        at = self.now + max(0.0, seconds)
        if not self._waiting and (not self._due or self._due[0][0] > at):
            self.now = at  # nothing else happens meanwhile
            return
        fibre = self._current()
        self._put(at, fibre)
        self._wait(fibre)

    def wait(self, until: Callable[[], bool]) -> None:
        """In a thread: returns when it is so, which is looked at whenever another thread has gone on."""
        while not until():
            fibre = self._current()
            self._waiting.append((until, fibre))
            self._wait(fibre)

    def _current(self) -> Fibre:
        if self.current is None:
            raise RuntimeError("only a thread of the world can wait in it")
        return self.current

    def _put(self, at: float, fibre: Fibre) -> None:
        self._count += 1
        heapq.heappush(self._due, (at, self._count, fibre))

    def _submit_pass(self, fibre: Fibre) -> None:
        if fibre.carrier is None:
            fibre.carrier = self._idle.pop() if self._idle else _Carrier(self)
        self.current = fibre
        fibre.carrier.run(fibre)
        self.current = None
        if fibre.ended:
            self._idle.append(fibre.carrier)
            fibre.carrier = None

    @staticmethod
    def _wait(fibre: Fibre) -> None:
        assert fibre.carrier is not None
        fibre.carrier.wait()

    def _wake_waiting(self) -> None:
        ready = [fibre for until, fibre in self._waiting if until()]
        if ready:
            self._waiting = [(until, fibre) for until, fibre in self._waiting if fibre not in ready]
            for fibre in ready:
                self._put(self.now, fibre)


class VirtualClock:
    """The world's time, as `ports.Clock`; chance comes from a seed."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._random = random.Random(seed)

    def now(self) -> float:
        return self._world.now

    def sleep(self, seconds: float) -> None:
        self._world.sleep(seconds)

    def chance(self) -> float:
        return self._random.random()

    def token(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


class VirtualWorkers:
    """As `adapters.threads.ThreadWorkers`: at most `count` tasks at once, more wait their turn."""

    def __init__(self, world: World, count: int) -> None:
        self._world = world
        self._count = count
        self._tasks: deque[Callable[[], None]] = deque()
        self._running = 0

    def start(self, task: Callable[[], None]) -> None:
        self._tasks.append(task)
        if self._running < self._count:
            self._running += 1
            self._world.start(self._work)

    def free(self) -> int:
        return max(0, self._count - self._running - len(self._tasks))

    def wait(self) -> None:
        self._world.wait(lambda: self._running == 0)

    def _work(self) -> None:
        while self._tasks:
            self._tasks.popleft()()
        self._running -= 1
