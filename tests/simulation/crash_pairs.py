"""A worker dies at one call, and whoever goes on dies at another: every pair of a document's way. `make crashes`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

from fakes.faults import Faults
from fakes.files import KilledError
from simulation.request_ways import WAYS, Way
from textdrop.core.documents import DocumentState, Outcome
from world import World

OUTPUTS = ("", "markdown tables searchable-pdf")
STEPS = {"cancel and retry": 7, "delete": 3, "hold over": 7, "share with another": 3}
"""Of the ways that take longest so many pairs stand for one."""
Crash = tuple[int, str]
"""At which call, and whether before or after its effect."""


class Crashes(Faults):
    """The worker dies at these calls."""

    def __init__(self, *crashes: Crash) -> None:
        super().__init__()
        self._crashes = frozenset(crashes)

    def before(self, call: str) -> None:
        super().before(call)
        self._crash("before")

    def after(self, call: str) -> None:
        super().after(call)
        self._crash("after")

    def _crash(self, when: str) -> None:
        if (len(self.calls), when) in self._crashes:
            raise KilledError


def delivery(outputs: str, *crashes: Crash) -> tuple[World, Crashes]:
    """From the upload of one page, which asks for these outputs, to its notice."""
    faults = Crashes(*crashes)
    world = World(faults=faults)
    world.upload("good.png", b"page", {"ocr-outputs": outputs} if outputs else None)
    world.run()
    return world, faults


def pairs(outputs: str, step: int = 1) -> Iterator[tuple[Crash, Crash]]:
    """Every `step`th pair; the second call is counted in the way that the first crash leads to."""
    number = 0
    for first_call in range(1, len(delivery(outputs)[1].calls) + 1):
        for first in ((first_call, "before"), (first_call, "after")):
            for second_call in range(first_call + 1, len(delivery(outputs, first)[1].calls) + 1):
                for second in ((second_call, "before"), (second_call, "after")):
                    number += 1
                    if number % step == 0:
                        yield first, second


def check(outputs: str, *crashes: Crash) -> None:
    """The promises hold after these crashes."""
    world, _ = delivery(outputs, *crashes)
    [row] = world.documents.rows.values()
    assert (row.state, row.due_at, row.outcome) == (DocumentState.FINAL, None, Outcome.SUCCEEDED), (crashes, row)
    unconfirmed = sum(operation.unconfirmed for operation in world.documents.operations.values())
    assert 1 <= len(world.ocr.accepted) <= 1 + unconfirmed, (crashes, unconfirmed)
    assert unconfirmed <= len(crashes), (crashes, unconfirmed)
    assert world.file("good.png.txt"), crashes
    assert world.file("good.png.error.json") is None, crashes
    missing = [rendering.output for rendering in row.renderings if not rendering.files]
    assert not row.to_render, crashes
    assert not missing or len(crashes) >= world.policy.render_attempts, (crashes, missing)
    assert {notice["id"] for notice in world.notices_of(row)} == {f"{row.id}:1:succeeded"}, crashes


def pairs_of(way: Way, step: int = 1) -> Iterator[tuple[Crash, Crash]]:
    """Every `step`th pair of the calls that a request leads to."""
    numbered = [(nth, when) for nth, _ in way.calls() for when in ("before", "after")]
    number = 0
    for place, first in enumerate(numbered):
        for second in numbered[place + 1 :]:
            number += 1
            if number % step == 0 and second[0] > first[0]:
                yield first, second


def check_way(way: Way, *crashes: Crash) -> None:
    """The promises hold after these crashes, of which the second is counted in the way that the first leads to."""
    way.check(way.run(Crashes(*crashes)), len(crashes))


def main(say: Callable[[str], object] = print) -> int:
    """0: all of them."""
    began, number = time.monotonic(), 0
    for outputs in OUTPUTS:
        for pair in pairs(outputs):
            check(outputs, *pair)
            number += 1
    for name, way in WAYS.items():
        for pair in pairs_of(way, step=STEPS.get(name, 1)):
            check_way(way, *pair)
            number += 1
    say(f"{number:,} pairs of crashes, every promise kept, in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
