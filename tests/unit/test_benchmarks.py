"""The frame of the benchmarks: how figures are judged, printed and kept. What they measure is theirs."""

from __future__ import annotations

import importlib.util

import pytest

from benchmarks import __main__ as bench
from benchmarks.figures import Figure, at_least, kept, lines, table, within


def test_a_figure_is_judged_by_its_limit() -> None:
    assert within("time", 0.5, 0.5, "s").reached
    assert within("time", 0.501, 0.5, "s") == Figure("time", "0.501 s", "≤ 0.5 s", False)
    assert at_least("use", 97.0, 97, "%", 1).reached
    assert at_least("use", 96.9, 97, "%", 1) == Figure("use", "96.9 %", "≥ 97 %", False)


def test_what_falls_short_is_seen() -> None:
    short, shown = Figure("a", "2", "≤ 1", False), Figure("b", "3")
    assert "NOT REACHED" in lines([short, shown])[0]
    assert lines([short, shown])[1].split() == ["b", "3"]
    assert "| a | 2 | ≤ 1 | **no** |" in table([short, shown], "a machine")


def test_a_section_is_replaced_alone() -> None:
    page = "x\n<!-- measured: a (…) -->\nold\n<!-- end -->\n<!-- measured: b (…) -->\nstays\n<!-- end -->\n"
    assert kept(page, "a", "new \\1") == page.replace("old", "new \\1")
    with pytest.raises(KeyError):
        kept(page, "c", "new")


@pytest.mark.parametrize("name", bench.BENCHMARKS)
def test_every_benchmark_has_its_section(name: str) -> None:
    assert importlib.util.find_spec(f"benchmarks.{name}") is not None
    assert "new" in kept(bench.PAGE.read_text("utf-8"), name, "new")


def test_an_unknown_name_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ONLY", "latency, nonsense")
    assert bench.main() == 2
    assert "nonsense" in capsys.readouterr().err
