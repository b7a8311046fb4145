"""When each call was made, by a virtual clock."""

from __future__ import annotations

from collections.abc import Callable

from fakes.faults import Faults
from fakes.running import FakeClock


class Timed(Faults):
    """Remembers when each call was made. `during` moves the clock while a call is under way, `on` is called then."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.times: list[tuple[str, float]] = []
        self.during: dict[str, float] = {}
        self.on: dict[str, Callable[[], None]] = {}

    def before(self, call: str) -> None:
        self.times.append((call, self._clock.now()))
        self._clock.advance(self.during.get(call, 0.0))
        if call in self.on:
            self.on[call]()
        super().before(call)

    def of(self, call: str) -> list[float]:
        return [at for name, at in self.times if name == call]
