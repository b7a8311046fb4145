"""The commands of docs/command.md do what the page says."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from typer.testing import Result

from documentation import TOP, command
from unit.cli.conftest import Run
from unit.client.fake_stack import UPLOADS, FakeStack


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are given in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive").mkdir()
    for name in ("letter.pdf", "prices.png", "archive/a.png", "archive/b.png"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def results(run: Run, block: str) -> list[Result]:
    """What each command of the block comes to."""
    lines = block.replace("\\\n", " ").splitlines()
    done = [run(shlex.join(shlex.split(line, comments=True))) for line in lines]
    assert done
    return done


def test_upload(run: Run, stack: FakeStack, folder: Path) -> None:
    done = results(run, command("docs/command.md", "upload"))
    assert [each.exit_code for each in done] == [0] * 4
    head = stack.s3.head_object(Bucket=UPLOADS, Key="mixed/archive/a.png")
    assert head["Metadata"] == {"ocr-pages": "without-text"}
    assert stack.s3.head_object(Bucket=UPLOADS, Key="prices.png")["Metadata"] == {
        "case": "7-114",
        "ocr-model": "table",
        "ocr-outputs": "markdown tables",
    }
    assert sorted(path.name for path in (folder / "results").rglob("*.txt")) == [
        "a.png.txt",
        "b.png.txt",
        "letter.pdf.txt",
    ]
    assert (folder / "results" / "archive" / "a.png.txt").is_file()


def test_look(run: Run, stack: FakeStack) -> None:
    stack.control.add("inbox/letter.pdf")
    stack.control.add("inbox/b.png", "failed", "damaged", outcome_at="2999-01-01T00:00:00.000Z")
    stack.control.add("inbox/c.png", None)
    stack.control.hold("other/large.pdf")
    status, listed, held, _, waited, watched = results(run, command("docs/command.md", "look"))
    assert "  run 1: succeeded" in status.stdout
    assert listed.stdout.endswith("inbox/b.png\n")
    assert held.stdout.endswith("other/large.pdf\n")
    assert waited.stdout.splitlines()[-1] == "1 document: 1 succeeded."
    assert watched.stdout.startswith("Nothing is in flight but 1 held document.")


def test_change(run: Run, stack: FakeStack) -> None:
    run("textdrop put letter.pdf archive --to inbox --wait")
    stack.control.add("x.png", "failed", "failed_in_ocr", outcome_at="2999-01-01T00:00:00.000Z")
    stack.control.add("inbox/wrong/y.png", None)
    done = results(run, command("docs/command.md", "change"))
    assert [each.exit_code for each in done] == [0] * 7
    states = {each["key"]: (each["run"], each["state"]) for each in stack.control.documents.values()}
    assert states["x.png"] == (2, "final")
    assert states["inbox/letter.pdf"] == (2, "accepted")
    assert states["inbox/wrong/y.png"][1] == "delivering"
    assert states["inbox/archive/a.png"][1] == "deleting"
    assert stack.s3.list_objects_v2(Bucket=UPLOADS)["KeyCount"] == 2
    assert [each.stdout.split()[0] for each in done[-2:]] == ["Paused:", "Not"]


def test_backfill(run: Run, stack: FakeStack) -> None:
    stack.s3.put_object(Bucket=UPLOADS, Key="scans/1.pdf", Body=b"%PDF")
    stack.control.goes_on = True
    estimated, otherwise, taken, watched = results(run, command("docs/command.md", "backfill"))
    assert "1 new" in estimated.stdout
    assert "1 new" in otherwise.stdout
    assert taken.stdout.startswith("1 object taken")
    assert watched.stdout.endswith("  succeeded: 1\n")


def test_held(run: Run, stack: FakeStack) -> None:
    for key in ("inbox/atlas.pdf", "inbox/b.pdf", "c.pdf"):
        stack.control.hold(key)
    would, one, more = results(run, command("docs/command.md", "held"))
    assert [each.exit_code for each in (would, one, more)] == [0, 0, 0]
    assert "3 documents, about 3 pages, 0.40 RUB." in would.stdout
    assert one.stdout.splitlines()[-1] == "1 document: 1 succeeded."
    states = {each["key"]: each["state"] for each in stack.control.documents.values()}
    assert states == {"inbox/atlas.pdf": "final", "inbox/b.pdf": "recognizing", "c.pdf": "held"}


def test_programs(run: Run) -> None:
    for done in results(run, command("docs/command.md", "programs")):
        assert done.stdout.startswith("{\n")
        assert done.exit_code == 0


def test_install(tmp_path: Path) -> None:
    """With pip's settings by which this machine's own packages are enough: the command is there and runs."""
    [packages] = (TOP / ".local" / "venv" / "uv" / "lib").glob("python3.*/site-packages")
    target = tmp_path / "installed"
    pip = tmp_path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pip "$@"\n')
    pip.chmod(0o700)
    environment = {
        "PATH": f"{pip.parent}:{target / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{target}:{sysconfig.get_path('purelib')}:{packages}",
        "PIP_TARGET": str(target),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the option's value: False
    }
    script = command("docs/command.md", "install")
    shell = ["sh", "-eu", "-c", script]
    done = subprocess.run(shell, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Put files in, get their text" in done.stdout
    assert (target / "textdrop" / "client" / "connection.py").is_file()
