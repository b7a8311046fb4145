"""A survivor needs a reason, a reason a survivor; and docs/mutation.md says what is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutation import __main__ as command
from mutation import mutants, page, survivors
from mutation.survivors import Change, Survivor

KNOWN = Survivor("core/quota.py", "factor", "return 1.0", ("return 2.0", "return 3.0"), "It is bounded.")
TWO, THREE = (Change("core/quota.py", "factor", "return 1.0", becomes) for becomes in KNOWN.becomes)
OTHER = Change("core/quota.py", "factor", "return 1.0", "return 4.0")


def test_a_survivor_without_a_reason_is_missed() -> None:
    assert survivors.unexplained({TWO, THREE}, [KNOWN]) == []
    assert survivors.unexplained({TWO, OTHER}, [KNOWN]) == [OTHER]


def test_a_reason_without_a_survivor_is_told_if_its_module_was_tried() -> None:
    assert survivors.outlived({TWO}, [KNOWN], ["core/quota.py"]) == [THREE]
    assert survivors.outlived(set(), [KNOWN], ["core/bucket.py"]) == []


def test_the_command_fails_on_a_survivor_without_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "mutation.md"
    here.write_text(page.PAGE.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(page, "PAGE", here)
    monkeypatch.setattr(survivors, "load", lambda: [KNOWN])
    assert command.tell({TWO, THREE}, ["core/quota.py"]) == 0
    assert capsys.readouterr().out == ""
    assert command.tell({TWO, OTHER}, ["core/quota.py"]) == 1
    told = capsys.readouterr().out
    assert "killed by now, its reason can go: core/quota.py, in factor\n    return 1.0\n    return 3.0\n" in told
    assert "survived without a reason: core/quota.py, in factor\n    return 1.0\n    return 4.0\n" in told


def test_a_reason_must_be_given(tmp_path: Path) -> None:
    file = tmp_path / "survivors.toml"
    file.write_text('[[survivor]]\nmodule = "a.py"\nin = ""\nline = "x"\nbecomes = ["y"]\nwhy = " "\n', "utf-8")
    with pytest.raises(ValueError, match=r"no reason: a\.py: x"):
        survivors.load(file)


@pytest.mark.parametrize("name", sorted({known.module for known in survivors.load()}))
def test_every_reason_is_of_a_line_that_is_there(name: str) -> None:
    """Whether it still survives only `make mutation` tells."""
    module = mutants.load(name)
    text = " ".join(module.text.split())
    assert [known.line for known in survivors.load() if known.module == name and known.line not in text] == []


def test_the_page_is_up_to_date() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.generated(text, page.load(), survivors.load()) == text


def test_figures_are_kept_of_every_module_as_it_is_now() -> None:
    assert [name for name in mutants.names() if name not in page.load()] == []


def test_enough_is_killed() -> None:
    figures = page.load()
    assert page.share(figures.values()) >= 0.90
    assert {name: page.share([kept]) for name, kept in figures.items() if page.share([kept]) < 0.85} == {}


def test_a_percentage_is_not_rounded_up() -> None:
    assert page.percent(1000, 999) == "99.9 %"
    assert page.percent(3000, 2999) == "99.9 %"
    assert page.percent(10, 10) == "100.0 %"
