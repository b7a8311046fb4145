"""Every call of what requests lead to fails once, before and after its effect, or loses its answer; so do pairs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulation import crash_pairs
from simulation.request_ways import WAYS
from simulation.test_crash_points import Nth, killed, unavailable

CALLS = [(name, nth, call) for name, way in WAYS.items() for nth, call in way.calls()]
NAMES = [f"{name}-{nth}-{call}" for name, nth, call in CALLS]
LOST = [each for each in CALLS if not each[2].startswith("ocr.")]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [killed, unavailable])
@pytest.mark.parametrize(("name", "nth", "call"), CALLS, ids=NAMES)
def test_the_promises_hold_whatever_call_fails(
    name: str, nth: int, call: str, error: Callable[[], BaseException], when: str
) -> None:
    if call.startswith("ocr.") and error is unavailable:
        error = killed  # the OCR service's own failures are errors of another kind, tested by themselves
    faults = Nth(nth, error, when)
    world = WAYS[name].run(faults)
    assert faults.fired == call or _tells_of_deletion(name, call)
    WAYS[name].check(world, 1)


@pytest.mark.parametrize(("name", "nth", "call"), LOST, ids=[f"{name}-{nth}-{call}" for name, nth, call in LOST])
def test_the_promises_hold_whatever_answer_is_lost(name: str, nth: int, call: str) -> None:
    faults = Nth(nth, unavailable, "lost")
    world = WAYS[name].run(faults)
    assert faults.fired == call or _tells_of_deletion(name, call)
    WAYS[name].check(world, 0)


def _tells_of_deletion(name: str, call: str) -> bool:
    """Whether the call fails by itself, as its upload is gone."""
    return (name, call) == ("the source is deleted", "sources.head")


@pytest.mark.parametrize("name", WAYS)
def test_the_promises_hold_after_a_sample_of_the_pairs_of_crashes(name: str) -> None:
    """All of them: `make crashes`."""
    sample = list(crash_pairs.pairs_of(WAYS[name], step=197 * crash_pairs.STEPS.get(name, 1)))
    assert len(sample) > 9
    for pair in sample:
        crash_pairs.check_way(WAYS[name], *pair)
