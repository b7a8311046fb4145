"""The frame of the benchmarks: how figures are judged, printed and kept. What they measure is theirs."""

from __future__ import annotations

import importlib.util

import pytest

from benchmarks import __main__ as bench
from benchmarks.backlog import use_percent
from benchmarks.figures import Figure, at_least, kept, lines, table, within
from benchmarks.long_document import pages_out_of_place
from benchmarks.stage import image, percentile
from local.ocr.table import synthetic_text


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


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.05, 1.0), (0.5, 10.0), (0.95, 19.0), (0.96, 20.0), (1.0, 20.0)]
)
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(20, 0, -1)], share) == value


def test_the_use_of_a_quota_is_between_the_first_and_the_last_acceptance() -> None:
    assert use_percent([5.0, 5.1, 5.2, 5.3, 5.5], 10) == pytest.approx(80)


def test_every_image_is_unlike_the_others() -> None:
    numbers = [0, 1, 255, 256, 257, 65_536, 900_000]
    assert len({image(number) for number in numbers}) == len(numbers)


def test_a_page_out_of_its_place_is_seen() -> None:
    cuts = ["a" * 64, "b" * 64]
    pages = [{"number": number, "text": synthetic_text(cut) + "\n"} for number, cut in enumerate(cuts, start=1)]
    assert pages_out_of_place(cuts, {"pages": pages}) == []
    assert pages_out_of_place(cuts[::-1], {"pages": pages}) == [1, 2]
    assert pages_out_of_place(cuts, {"pages": pages[:1]}) == [2]


def test_an_unknown_name_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ONLY", "latency, nonsense")
    assert bench.main() == 2
    assert "nonsense" in capsys.readouterr().err
