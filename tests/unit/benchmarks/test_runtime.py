"""What the benchmarks of the functions' runtime make of what they measured."""

from __future__ import annotations

import os

import pytest

from benchmarks import imports, tick_load
from benchmarks.deployed import cpu_seconds, function_names, peak_megabytes
from benchmarks.ocr_process import page_text
from local import servers
from textdrop.bootstrap import ASKS_PER_SECOND


def test_every_function_of_the_template_is_measured() -> None:
    folders = {path.parent.name for path in (servers.ROOT / "functions").glob("*/handler.py")}
    assert set(function_names()) == folders


def test_this_process_has_used_memory_and_time() -> None:
    assert 5 < peak_megabytes(os.getpid()) < 10_000
    assert 0 < cpu_seconds(os.getpid()) <= sum(os.times()[:2]) + 0.05


def test_pages_are_full_and_differ() -> None:
    assert len(page_text(1).split()) == 300
    assert page_text(1) == page_text(1) != page_text(2)


@pytest.mark.parametrize(("function", "reached"), [(150.0, True), (151.0, False)])
def test_init_is_judged_by_the_ratio_of_medians(function: float, reached: bool) -> None:
    pairs = [(imports.Cold(baseline, 1.0), imports.Cold(function, 500.0)) for baseline in (90.0, 100.0, 200.0)]
    init, whole = imports._figures("poll", pairs, whole=True)
    assert init.reached is reached
    assert init.value.startswith(f"{function / 100:.2f} × (pairs ")
    assert whole.reached is None


def minute(**changed: float) -> tick_load.Minute:
    measured = {"seconds": 60.0, "cpu_seconds": 6.0, "asks": 60 * ASKS_PER_SECOND, "pages": 600, "documents": 600}
    return tick_load.Minute(**{**measured, "read_before": 500, "told": 500, "throttled": 0, "held": True, **changed})  # type: ignore[arg-type]  # numbers all


@pytest.mark.parametrize(
    ("changed", "short"),
    [
        ({}, []),
        ({"asks": 59 * ASKS_PER_SECOND}, ["one: asks made, held to 0.250 of a core"]),
        ({"told": 490}, ["one: told of"]),
        ({"cpu_seconds": 10.6}, ["one: processor time, of its share"]),
    ],
)
def test_a_tick_is_judged_by_what_it_carries_and_what_it_takes(changed: dict[str, float], short: list[str]) -> None:
    figures = tick_load._figures(tick_load.Load("one", 1), minute(**changed), 0.25)
    assert [figure.name for figure in figures if figure.reached is False] == short
