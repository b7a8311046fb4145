"""Threads of which one runs at a time, and which stop where they are told to.

So a history can hold any worker of any invocation in the middle of a call, let others work, and let it go on later, in
whatever order; and the same choices always give the same history.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fakes.files import KilledError
from textdrop.core.caps import NO_CAPS, Caps
from textdrop.core.documents import Resume
from textdrop.core.reuse import SentPage

THREADS = 8


@dataclass(eq=False)
class Invocation:
    """One run of a function, begun at `began_at`, on a machine whose clock is off by `skew` seconds, with the rate
    and the caps that were configured then.

    `dead`: nothing of it does anything more. `calls` counts its calls, `troubles` those that failed or at which it was
    killed or held. `heavy` are the documents with a result that needs much memory which it has read, `handed_out` those
    that it has to send deliver.
    """

    number: int
    began_at: float
    skew: float = 0.0
    submits_per_second: float = 0.0
    caps: Caps = NO_CAPS
    dead: bool = False
    calls: int = 0
    sleeps: int = 0
    troubles: int = 0
    heavy: set[str] = field(default_factory=set)
    handed_out: set[Resume] = field(default_factory=set)
    tasks: list[Fibre] = field(default_factory=list)

    def working(self) -> list[Fibre]:
        """Its threads, beside the first, that have not ended."""
        return [task for task in self.tasks if not task.ended]


class _Carrier:
    """A thread that carries one fibre after another: beginning a thread takes longer than most of what it does."""

    idle: list[_Carrier]

    def __init__(self) -> None:
        self.go = threading.Lock()
        self.back = threading.Lock()
        self.go.acquire()
        self.back.acquire()
        self.body: Callable[[], None] = _nothing
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self.go.acquire()
            self.body()
            self.idle.append(self)
            self.back.release()


_Carrier.idle = []


def _nothing() -> None:
    """What a carrier does that was never used."""


class Fibre:
    """A thread of an invocation: `first` is the one that the function began in. `learnt`: whether the
    service was there for its last submit, as long as nobody else knows. `posted_on` is the day (UTC), by its clock, on
    which that began; `claims` are those that there were when it read one last, and `read_at` when that was."""

    def __init__(self, hub: Hub, invocation: Invocation, body: Callable[[], None], first: bool) -> None:
        self.hub = hub
        self.invocation = invocation
        self.first = first
        self.ended = False
        self.learnt: bool | None = None
        self.posted_on = ""
        self.claims: dict[str, SentPage] = {}
        self.read_at = 0.0
        self.waits_for: Sequence[Fibre] = ()
        self._body = body
        self._carrier = _Carrier.idle.pop() if _Carrier.idle else _Carrier()
        self._carrier.body = self._run

    def go_on(self) -> None:
        """Returns when it has ended, or stops again."""
        before, self.hub.current = self.hub.current, self
        self._carrier.go.release()
        self._carrier.back.acquire()
        self.hub.current = before

    def stop(self, waits_for: Sequence[Fibre] = ()) -> None:
        """Called in it: it stops here, and whoever let it go on continues. Raises KilledError if it died meanwhile."""
        self.waits_for = waits_for
        self.hub.stopped.append(self)
        self._carrier.back.release()
        self._carrier.go.acquire()
        if self.invocation.dead:
            raise KilledError

    def _run(self) -> None:
        try:
            self._body()
        except KilledError:
            self.invocation.dead = True
        except BaseException as error:  # noqa: BLE001 - a mistake, or a promise that was broken: it is the history's end
            self.hub.failure = self.hub.failure or error
            self.invocation.dead = True
        self.ended = True


class Hub:
    """All fibres. `current` is the one that runs; `stopped` are those held, in the order in which they stopped."""

    def __init__(self) -> None:
        self.current: Fibre | None = None
        self.stopped: list[Fibre] = []
        self.failure: BaseException | None = None

    def invoke(self, invocation: Invocation, body: Callable[[], None]) -> None:
        """Runs an invocation until it ends or stops. Raises what broke it, unless that was to be."""
        Fibre(self, invocation, body, first=True).go_on()
        self._follow_up()

    def held(self) -> list[Fibre]:
        """Those that could go on."""
        return [fibre for fibre in self.stopped if all(other.ended for other in fibre.waits_for)]

    def resume(self, fibre: Fibre) -> None:
        """Lets a stopped one go on. Raises what broke it, unless that was to be."""
        self.stopped.remove(fibre)
        fibre.go_on()
        self._follow_up()

    def abandon(self) -> None:
        """Ends every fibre there is: the history is over."""
        while self.stopped:
            fibre = self.stopped.pop()
            fibre.invocation.dead = True
            fibre.go_on()

    def _follow_up(self) -> None:
        """Who waited for one that has ended goes on at once, and the dead are cleared away."""
        while True:
            ready = [fibre for fibre in self.stopped if fibre.invocation.dead]
            ready += [fibre for fibre in self.held() if fibre.waits_for]
            if not ready:
                break
            self.stopped.remove(ready[0])
            ready[0].go_on()
        if self.failure is not None:
            raise self.failure


class FibreWorkers:
    """Each task is a fibre of the invocation that starts it; or, without threads, runs in its caller."""

    def __init__(self, hub: Hub, threads: bool) -> None:
        self._hub = hub
        self._threads = threads

    def start(self, task: Callable[[], None]) -> None:
        me = self._hub.current
        if me is None or not self._threads:
            task()
            return
        begun = Fibre(self._hub, me.invocation, task, first=False)
        me.invocation.tasks.append(begun)
        begun.go_on()
        if me.invocation.dead:
            raise KilledError

    def free(self) -> int:
        me = self._hub.current
        return THREADS - len(me.invocation.working()) if me is not None else THREADS

    def wait(self) -> None:
        me = self._hub.current
        while me is not None and (working := me.invocation.working()):
            me.stop(working)

    def run_parallel(self, task: Callable[[], None], max_workers: int) -> None:
        """Helpers and the caller share the task."""
        me = self._hub.current
        if me is None or not self._threads:
            task()
            return
        errors: list[Exception] = []

        def help_out() -> None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - as run_parallel does: the caller raises it at the end
                errors.append(error)

        helpers: list[Fibre] = []
        for _ in range(max_workers - 1):
            helpers.append(Fibre(self._hub, me.invocation, help_out, first=False))
            me.invocation.tasks.append(helpers[-1])
            helpers[-1].go_on()
            if me.invocation.dead:
                raise KilledError
        help_out()
        while working := [helper for helper in helpers if not helper.ended]:
            me.stop(working)
        if errors:
            raise errors[0]
