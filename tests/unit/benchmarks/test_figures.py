"""How figures are judged and printed."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as bench
from benchmarks.backlog import use_percent
from benchmarks.figures import Figure, at_least, table, within


def test_a_figure_is_judged_by_its_limit() -> None:
    assert within("time", 0.5, 0.5, "s").reached
    assert within("time", 0.501, 0.5, "s") == Figure("time", "0.501 s", "≤ 0.5 s", False)
    assert at_least("use", 97.0, 97, "%", 1).reached
    assert at_least("use", 96.9, 97, "%", 1) == Figure("use", "96.9 %", "≥ 97 %", False)
    assert "| a | 2 | ≤ 1 | **no** |" in table([Figure("a", "2", "≤ 1", False)], "a machine")


def test_the_use_of_a_quota_is_between_the_first_and_the_last_acceptance() -> None:
    assert use_percent([5.0, 5.1, 5.2, 5.3, 5.5], 10) == pytest.approx(80)


def test_an_unknown_name_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ONLY", "latency, nonsense")
    assert bench.main() == 2
    assert "nonsense" in capsys.readouterr().err
