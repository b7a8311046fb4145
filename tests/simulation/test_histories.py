"""The promises hold in every random history, whatever went wrong in it; and the histories reach what there is.

More: `make simulate HISTORIES=100000 SEED=1`; one again, at its shortest: `make simulate HISTORIES=1 SEED=<its seed>`.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from fakes.faults import every_call
from simulation import __main__ as command
from simulation import coverage
from simulation.mistakes import MISTAKES, histories_until_found
from simulation.shrink import shrunk
from simulation.trial import again, by_chance
from textdrop.core import states

HISTORIES = int(os.environ.get("HISTORIES") or "2000")
FIRST_SEED = int(os.environ.get("SEED") or "1")
MOMENTS = ("before", "after")


def test_the_promises_hold_in_every_history() -> None:
    counts: Counter[str] = Counter()
    with coverage.counting(counts):
        for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES):
            broken = by_chance(seed, counts)
            assert broken is None, f"{broken.what}\nat its shortest: make simulate HISTORIES=1 SEED={seed}"
    reached = {rule.id for rule in states.RULES if counts[f"rule {rule.id}"]}
    assert not reached & coverage.UNREACHABLE.keys(), "reached after all: take it out of UNREACHABLE"
    assert not any(coverage.met(counts, kind, call) for kind in coverage.MISHAPS for call in coverage.UNCALLED)
    if HISTORIES >= 2000:
        assert {rule.id for rule in states.RULES} - reached == coverage.UNREACHABLE.keys()
        assert not coverage.unmet(counts), "a call that never failed, died or was held there"
        assert (
            min(counts[f"answer ocr.{call}: no secret"] for call in ("submit", "result", "status")) >= HISTORIES // 200
        )
        assert counts["message of deliver names several, killers among them"] >= HISTORIES // 20


@pytest.mark.parametrize(
    "name",
    [
        "the POST is repeated when its answer is lost",
        "an intent left behind is not counted as unconfirmed",
        "the newest upload is not raised",
        "slots are reserved half as far apart",
        "an orderly return uses up an attempt",
        "final before the notice was accepted",
        "a dead letter goes back without being counted",
        "deliver takes a document whatever rev its message has",
        "a document whose delivery died goes with others",
        "a kept page counts as paid",
        "held documents are released beyond the caps",
        "what moves to another day stays on its own too",
        "nobody is told that a document is held",
    ],
)
def test_a_planted_mistake_is_found(name: str) -> None:
    """Of those that few histories find; all: `make mistakes`."""
    _, broken = histories_until_found(name, 500)
    assert broken is not None


def test_a_failing_history_shrinks_to_the_same_short_one_each_time() -> None:
    name = "an intent left behind is not counted as unconfirmed"
    _, broken = histories_until_found(name, 500)
    assert broken is not None
    with MISTAKES[name]():
        short = shrunk(broken)
        assert short == shrunk(broken)
        told: list[str] = []
        assert again(short.script, told.append) == short
    assert short.promise == broken.promise
    assert len(short.script.acts) + len(short.script.mishaps) <= 4
    assert any("intent_stale" in line for line in told)
    assert again(short.script) is None, "without the mistake nothing is wrong with it"


def test_a_history_is_played_again_as_it_was() -> None:
    name = "the newest upload is not raised"
    _, broken = histories_until_found(name, 500)
    assert broken is not None
    with MISTAKES[name]():
        assert again(broken.script) == broken


def test_every_mistake_still_has_its_place() -> None:
    for plant in MISTAKES.values():
        with plant():
            pass


def test_what_was_never_met_is_told() -> None:
    calls = [call for call in every_call() if call not in coverage.UNCALLED]
    counts = Counter({f"{kind} {call} {when}": 1 for kind in ("store", "kill") for call in calls for when in MOMENTS})
    counts += Counter({f"hold {call} after": 1 for call in calls}) + Counter({f"lost {call} lost": 1 for call in calls})
    assert coverage.unmet(counts) == []
    del counts["store documents.write after"], counts["hold queue.send_one after"], counts["store ocr.submit before"]
    assert coverage.unmet(counts) == ["store after documents.write", "hold queue.send_one"]


@pytest.mark.parametrize(("histories_least", "ended"), [(2, 1), (3, 0)])
def test_too_few_of_a_rule_fail_a_long_run(
    histories_least: int, ended: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RULE_HISTORIES", histories_least)
    monkeypatch.setenv("HISTORIES", "2")
    monkeypatch.setenv("WORKERS", "1")
    assert command.main() == ended
    said = capsys.readouterr().out
    assert "0  rejected\n" in said
    assert "tick.read: a tick takes the row" in said
