"""The requirement files: exact, hashed, and the same versions where code is tested as where it runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from template.cloudformation import ROOT

LAYER = ROOT / "layers" / "dependencies" / "requirements.txt"
ENVIRONMENTS = sorted((ROOT / "local" / "requirements").glob("*.txt"))


def requirements(path: Path) -> dict[str, str]:
    """Each requirement's line without comments, by its name."""
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    return {re.split(r"[=<>!~ ;\[]", line)[0]: line for line in lines}


def version(line: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+==(\S+)", line)
    assert found, line
    return found[1]


@pytest.mark.parametrize("path", [LAYER, *ENVIRONMENTS], ids=lambda path: path.stem)
def test_everything_is_exact_and_hashed(path: Path) -> None:
    lines = requirements(path)
    assert lines
    for line in lines.values():
        assert version(line)
        assert "--hash=sha256:" in line
        assert "://" not in line


def test_the_layer_has_what_the_project_declares_and_no_conditions() -> None:
    lines = requirements(LAYER)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runs = [*project["dependencies"], *project["optional-dependencies"]["functions"]]
    declared = {re.split(r"[=<>!~ ;\[]", requirement)[0] for requirement in runs}
    assert declared <= set(lines)
    assert not [line for line in lines.values() if ";" in line]  # another machine would answer them differently


def test_what_runs_in_lambda_is_what_the_tests_run_with() -> None:
    tested = requirements(ROOT / "local" / "requirements" / "dev.txt")
    assert {name: version(line) for name, line in requirements(LAYER).items()} == {
        name: version(tested[name]) for name in requirements(LAYER)
    }
