"""Set-up: an environment that was not finished is made from scratch, and too little room is said at the start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from local import setup


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that set-up ran, in an empty place."""
    commands: list[str] = []
    environments = {"uv": tmp_path / "uv", "dev": tmp_path / "dev"}
    monkeypatch.setattr(setup, "ENVIRONMENTS", environments)
    monkeypatch.setattr(setup, "VENVS", tmp_path)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "has_this_python", lambda folder: folder.exists())

    def run(*command: object) -> None:
        commands.append(" ".join(str(part).removeprefix(str(tmp_path) + "/") for part in command))
        folder = environments["uv"] if "venv" in command and "-m" in command else environments["dev"]
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        (folder / "bin" / "python").touch()

    monkeypatch.setattr(setup, "run", run)
    return commands


def test_what_is_finished_is_left_alone_and_what_is_not_is_made_from_scratch(made: list[str], tmp_path: Path) -> None:
    assert setup.main([]) == 0
    assert [command for command in made if "--editable" in command] == [made[-1]]
    made.clear()
    assert setup.main([]) == 0
    assert made == []
    (tmp_path / "dev" / "textdrop.stamp").unlink()
    assert setup.main([]) == 0
    assert [command for command in made if "--clear" in command and command.endswith("dev")]


def test_what_one_target_alone_needs_is_made_when_it_is_named(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "ONLY_IF_NAMED", {"dev"})
    assert setup.main([]) == 0
    assert [command for command in made if command.endswith("dev")] == []
    assert setup.main(["dev"]) == 0
    assert [command for command in made if command.endswith("dev")]


def test_too_little_room_is_said_at_the_start(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000_000))
    assert setup.main([]) == 1
    assert made == []
    assert "has 1.0 GB free and needs 4.0 GB" in capsys.readouterr().err
