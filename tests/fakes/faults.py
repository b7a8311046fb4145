"""What goes wrong in the fakes, and when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, Literal, ParamSpec, TypeVar

ANY = "*"


@dataclass
class _Planned:
    call: str
    when: Literal["before", "after", "lost"]
    act: Callable[[], object]
    skip: int


class Faults:
    """Every fake asks here before and after each of its calls, named `<port>.<method>`, such as `documents.write`.

    `calls` are all calls so far; `times`, when each was made. A simulation overrides `before` and `after`: what they
    raise happens before or after the call's effect. They are called outside the fake's lock.
    """

    def __init__(self, now: Callable[[], float] = lambda: 0.0) -> None:
        self.calls: list[str] = []
        self.times: list[tuple[str, float]] = []
        self._now = now
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []

    def fail(
        self,
        call: str,
        error: BaseException | Callable[[], BaseException],
        *,
        when: Literal["before", "after"] = "before",
        skip: int = 0,
        times: int = 1,
    ) -> None:
        """The next such calls (after `skip` good ones) raise this error, before or after their effect."""
        self.happen(call, error if callable(error) else lambda: error, when=when, skip=skip, times=times)

    def happen(
        self,
        call: str,
        act: Callable[[], object],
        *,
        when: Literal["before", "after"] = "before",
        skip: int = 0,
        times: int = 1,
    ) -> None:
        """This is done at the next such calls (after `skip` others), before or after their effect. An error that it
        returns is raised."""
        with self._lock:
            self._planned.extend(_Planned(call, when, act, skip if time == 0 else 0) for time in range(times))

    def lose_answer(self, call: str = ANY) -> None:
        """The next such call takes effect, its answer is lost, and the library repeats it, as botocore does."""
        with self._lock:
            self._planned.append(_Planned(call, "lost", lambda: None, 0))

    def of(self, call: str) -> list[float]:
        """When such calls were made."""
        return [at for name, at in self.times if name == call]

    def mend(self) -> None:
        """No planned fault happens any more."""
        with self._lock:
            self._planned.clear()

    def left(self) -> int:
        """How many planned faults have not happened yet."""
        return len(self._planned)

    def before(self, call: str) -> None:
        """Called before the effect."""
        with self._lock:
            self.calls.append(call)
            self.times.append((call, self._now()))
        self._raise_planned(call, "before")

    def after(self, call: str) -> None:
        """Called after the effect."""
        self._raise_planned(call, "after")

    def answer_lost(self, call: str) -> bool:
        """Whether the answer of this call is to be lost and the call repeated."""
        return self._taken(call, "lost") is not None

    def _raise_planned(self, call: str, when: str) -> None:
        planned = self._taken(call, when)
        error = planned.act() if planned is not None else None
        if isinstance(error, BaseException):
            raise error

    def _taken(self, call: str, when: str) -> _Planned | None:
        with self._lock:
            for planned in self._planned:
                if planned.call in (call, ANY) and planned.when == when:
                    if planned.skip:
                        planned.skip -= 1
                        return None
                    self._planned.remove(planned)
                    return planned
        return None


class Fake:
    """A fake of one port. Each of its effects is atomic; its rows are frozen data, so what it gives out never changes.

    `repeated` is set while a call whose answer was lost is repeated: only then may a row that is as the call would
    have made it be taken for the call's own work.
    """

    port: str
    used_as: tuple[str, ...] = ()
    """The ports of a fake that stands for several."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults if faults is not None else Faults()
        self.lock = threading.RLock()
        self.repeated = False


P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Fake)
EFFECTS: list[tuple[str, str]] = []
"""The class and the method of every effect there is."""


def every_call() -> list[str]:
    """The names of all calls that can fail, as `Faults` is asked with them."""
    ports = {fake.__name__: fake.used_as or (fake.port,) for fake in Fake.__subclasses__()}
    return sorted(f"{port}.{name}" for owner, name in EFFECTS for port in ports.get(owner, ()))


def effect(method: Callable[Concatenate[F, P], T]) -> Callable[Concatenate[F, P], T]:
    """Makes a fake's method one atomic call that can fail before or after its effect, or lose its answer."""

    EFFECTS.append((method.__qualname__.partition(".")[0], method.__name__))

    @wraps(method)
    def call(self: F, /, *arguments: P.args, **named: P.kwargs) -> T:
        name = f"{self.port}.{method.__name__}"
        self.faults.before(name)
        with self.lock:
            answer = method(self, *arguments, **named)
            if self.faults.answer_lost(name):
                self.repeated = True
                try:
                    answer = method(self, *arguments, **named)
                finally:
                    self.repeated = False
        self.faults.after(name)
        return answer

    return call
