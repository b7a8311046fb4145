"""What the tick learns of how long recognitions take, and how often it asks by it."""

from __future__ import annotations

import random

import pytest

from world import World


@pytest.mark.parametrize("seconds", [0.5, 10.0, 50.0])
def test_what_recognitions_take_is_learnt_not_when_their_results_were_fetched(seconds: float) -> None:
    world, chance, learnt = World(), random.Random(1), []
    for number in range(60):
        world.ocr.seconds = seconds * chance.uniform(0.7, 1.3)
        world.upload(f"{number}.png", b"page %d" % number)
        world.run()
        learnt.append(world.tick.read().typical_seconds)
    mean = sum(learnt[30:]) / len(learnt[30:])
    assert mean == pytest.approx(seconds, rel=0.15)
    asks = [world.ocr.asked[accepted.operation_id] for accepted in world.ocr.accepted[30:]]
    assert sum(asks) / len(asks) < 4.5


def test_one_recognition_that_hung_leaves_the_others_quick() -> None:
    world = World()
    for number in range(30):
        world.ocr.seconds = 1_000.0 if number == 20 else 2.0
        world.upload(f"{number}.png", b"page %d" % number)
        world.run()
    after = world.tick.read().typical_seconds
    assert after == pytest.approx(2.0, rel=0.3)
