"""The commands of README and docs/operations.md, as they stand there, and the lines of Python in README."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import textdrop.client
from documentation import PAGES, TOP, command
from textdrop.cli.app import app
from textdrop.client import Textdrop
from unit.cli.conftest import Run
from unit.client.conftest import Clock
from unit.client.fake_stack import UPLOADS, FakeStack


@pytest.fixture
def give(run: Run, stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Gives the commands one after another, in a folder with files, and says yes; what they print."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive" / "2019").mkdir(parents=True)
    for name in ("archive/2019/a.png", "archive/b.png", "scan.pdf"):
        (tmp_path / name).write_bytes(b"a file " + name.encode())
    stack.control.endings["scans/archive/b.png"] = ("failed", "ocr_unavailable")

    def given(script: str) -> list[str]:
        lines = [" ".join(shlex.split(line, comments=True)) for line in script.splitlines()]
        done = [(line, run(line, asks=True, typed="y\n")) for line in lines]
        assert [(line, each.stdout, each.stderr) for line, each in done if each.exit_code not in (0, 1)] == []
        return [each.stdout for _, each in done]

    return given


def test_a_folder_becomes_a_tree_of_texts_and_what_failed_is_retried(
    give: Callable[[str], list[str]], stack: FakeStack, tmp_path: Path
) -> None:
    put, got, listed, retried, _ = give(command("README.md", "the command"))
    assert put.splitlines()[-1] == "2 documents: 1 failed, 1 succeeded."
    assert "1 " in got
    assert [path.name for path in sorted((tmp_path / "texts").rglob("*.*"))] == ["a.png.txt"]
    assert "scans/archive/b.png" in listed
    assert "1 document" in retried
    [document] = [each for each in stack.control.documents.values() if each["key"] == "scans/archive/b.png"]
    assert document["run"] == 2


def test_the_lines_of_python_print_a_text(
    stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scan.pdf").write_bytes(b"%PDF scan")
    clock = Clock()
    connect = partial(Textdrop, session=stack, sleep=clock.sleep, clock=clock)
    monkeypatch.setattr(textdrop.client, "Textdrop", connect)
    [lines] = re.findall(
        r"<!-- runs: client -->\n```python\n(.*?)```", (TOP / "README.md").read_text("utf-8"), re.DOTALL
    )
    exec(lines, {})
    assert capsys.readouterr().out == "text of scan.pdf\n\n"


@pytest.fixture
def archive(stack: FakeStack) -> FakeStack:
    """A stack with documents, and with objects that are none yet."""
    for key in ("contracts/scan.pdf", "scans/2018/a.pdf", "scans/2019/b.pdf", "scans/c.pdf"):
        stack.s3.put_object(Bucket=UPLOADS, Key=key, Body=b"%PDF")
    stack.control.add("contracts/scan.pdf", "failed", "ocr_unavailable")
    return stack


def asked(stack: FakeStack) -> list[tuple[str, bool]]:
    """The commands that control got, in order, each once, and whether they were to change anything."""
    asked = [(request["command"], not request.get("dry_run")) for request in stack.control.requests]
    return list(dict.fromkeys(asked))


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        (command("docs/operations.md", "doctor"), [("check", True)]),
        (command("docs/operations.md", "look"), [("summary", True), ("check", True), ("status", True)]),
        (command("docs/operations.md", "what failed"), [("list", True), ("retry", False), ("retry", True)]),
        (
            command("docs/operations.md", "what is not wanted"),
            [("cancel", False), ("cancel", True), ("delete", False), ("status", True), ("delete", True)],
        ),
        (command("docs/operations.md", "what was there before"), [("backfill", False), ("backfill", True)]),
        (command("docs/operations.md", "pause"), [("pause", True), ("resume", True)]),
    ],
    ids=["doctor", "look", "what failed", "what is not wanted", "what was there before", "pause"],
)
def test_an_operators_commands_do_what_they_say(
    give: Callable[[str], list[str]], archive: FakeStack, script: str, commands: list[tuple[str, bool]]
) -> None:
    if "cancel" in script:  # while it is in flight watch would not end
        archive.control.add("scans/2019/b.pdf", None)
    printed = give(script)
    assert len(printed) == len(script.splitlines())
    assert asked(archive) == commands


def test_commands_and_options_that_are_named_exist() -> None:
    commands: Any = get_command(app)
    options = {
        name: {option for parameter in each.params for option in parameter.opts}
        for name, each in commands.commands.items()
    }
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    named = re.findall(r"`textdrop ([a-z]+)([^`]*)`", text)
    assert len(named) > 10
    reasons = text.split("## Reasons")[1].split("\n## ")[0]  # the words of errors
    named += [("retry", " ".join(re.findall(r"--[a-z]+", reasons)))]
    for name, rest in named:
        assert set(re.findall(r"--[a-z-]+", rest)) <= options[name], name
