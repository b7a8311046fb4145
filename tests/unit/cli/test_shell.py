"""What all commands have: options before and behind, help, errors, the local stack, progress, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from documentation import TOP
from local.stack import write_env
from textdrop import __version__, cli
from textdrop.cli import shell
from textdrop.cli.app import COMMANDS, app
from textdrop.cli.progress import LINE_SECONDS, Progress
from textdrop.cli.shell import Shell
from textdrop.cli.words import duration, point_in_time, price, size
from textdrop.client import Cost, Textdrop
from unit.cli.conftest import Run
from unit.client.fake_stack import FakeStack

CHECKOUT = {**os.environ, "PYTHONPATH": str(TOP / "layers" / "textdrop")}


# --- options and help -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "--stack a --profile b --region c --json pause",
        "pause --stack a --profile b --region c --json",
        "--stack before --region before pause --stack a --json --profile b --region c",
    ],
)
def test_options_of_every_command_are_taken_on_both_sides(stack: Any, line: str) -> None:
    seen = []

    def connect(shell: Shell) -> Textdrop:
        seen.append((shell.stack, shell.profile, shell.region, shell.json))
        return Textdrop(session=stack)

    assert CliRunner().invoke(app, line.split(), obj=Shell(connect=connect)).exit_code == 0
    assert seen == [("a", "b", "c", True)]


def test_the_stack_may_come_from_the_environment(stack: Any) -> None:
    seen = []

    def connect(shell: Shell) -> Textdrop:
        seen.append(shell.stack)
        return Textdrop(session=stack)

    for line in ("pause", "pause --stack mine"):
        CliRunner(env={"TEXTDROP_STACK": "theirs"}).invoke(app, line.split(), obj=Shell(connect=connect))
    assert seen == ["theirs", "mine"]


@pytest.mark.parametrize(("name", "example"), [(name, example) for name, _, example in COMMANDS])
def test_each_command_has_a_line_and_an_example_that_is_understood(run: Run, name: str, example: str) -> None:
    [line] = [each for each in run("textdrop --help").stdout.splitlines() if each.startswith(f"  {name} ")]
    assert not line.endswith("...")
    text = run(f"textdrop {name} --help").stdout
    assert example in text
    assert "--json" in text
    words = example.split()
    assert words[:2] == ["textdrop", name]
    # It fails for what the stack lacks, not for how it is written.
    assert "Usage:" not in run(f"{example} --stack other").stderr


def test_help_is_quick_and_needs_neither_aws_nor_rich() -> None:
    program = "import sys; sys.argv[1:] = ['--help']; from textdrop.cli import main\ntry: main()\nfinally: "
    program += "print([name for name in ('boto3', 'botocore', 'rich', 'pagekit') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], env=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_module_runs_and_tells_its_version() -> None:
    command = [sys.executable, "-m", "textdrop.cli", "--version"]
    done = subprocess.run(command, env=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == f"textdrop {__version__}\n"


def test_a_wheel_of_the_checkout_has_the_packages_and_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=TOP, capture_output=True, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [entry] = [archive.read(name).decode() for name in names if name.endswith("entry_points.txt")]
        [metadata] = [archive.read(name).decode() for name in names if name.endswith("METADATA")]
    wanted = {
        "textdrop/client/connection.py",
        "textdrop/cli/app.py",
        "textdrop/core/identity.py",
        "pagekit/prepared.py",
    }
    assert wanted <= set(names)
    assert {name.split("/")[0] for name in names} == {"textdrop", "pagekit", f"textdrop-{__version__}.dist-info"}
    assert entry == "[console_scripts]\ntextdrop = textdrop.cli:main\n"
    always = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert [line.split()[1].split("<")[0] for line in always] == ["boto3", "botocore"]


def test_the_shell_is_taught_commands_and_options() -> None:
    def completed(*words: str) -> list[str]:
        program = "from textdrop.cli.app import app; app(prog_name='textdrop')"
        environment = {**CHECKOUT, "_TEXTDROP_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
        environment["COMP_CWORD"] = str(len(words) - 1)
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout.split()

    assert completed("textdrop", "re") == ["retry", "release", "render", "resume"]
    assert completed("textdrop", "retry", "--pr") == ["--prefix", "--profile"]


def test_without_typer_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    for module in [name for name in sys.modules if name.startswith("textdrop.cli.")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(SystemExit, match=r'the package typer is missing: pip install "\.\[cli\]", in a checkout'):
        cli.main()


# --- errors and ends --------------------------------------------------------------------------------------------------


def test_an_error_is_two_sentences_and_with_json_a_document(run: Run, stack: FakeStack) -> None:
    done = run("textdrop wait nowhere.pdf --json")
    assert done.exit_code == 2
    assert done.stderr.startswith("textdrop: There is no document known as nowhere.pdf.\n          Check the key")
    error = json.loads(done.stdout)["error"]
    assert (error["kind"], error["what"]) == ("not_found", "There is no document known as nowhere.pdf.")
    assert run("textdrop frobnicate").exit_code == 2
    assert run("textdrop list --limit 0").exit_code == 2


@pytest.mark.parametrize("call", ["on_list", "on_status"])
def test_ctrl_c_says_what_goes_on(run: Run, stack: FakeStack, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    stack.control.add("a.png", None)

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stack.control, call, interrupted)
    done = run("textdrop wait --prefix a")
    assert done.exit_code == 130
    assert done.stderr == "\nInterrupted. Reading continues; textdrop wait shows it.\n"


@pytest.mark.parametrize(
    ("going_on", "code", "says"),
    [("", 0, ""), ("Say it again.", 1, "The output is no longer read. Say it again.\n")],
    ids=["is no error", "is told what was begun"],
)
def test_a_reader_that_leaves_early(tmp_path: Path, going_on: str, code: int, says: str) -> None:
    program = (
        "from typer.testing import CliRunner\nfrom textdrop.cli.shell import *\nimport typer\n"
        "app = typer.Typer()\n@app.command()\n@everywhere\ndef talk(context: typer.Context) -> None:\n"
        f"    context.obj.going_on = {going_on!r}\n"
        "    for _ in range(100_000): context.obj.say('x')\n"
        "app()\n"
    )
    (tmp_path / "talk.py").write_text(program)
    shell_line = f'"{sys.executable}" "{tmp_path / "talk.py"}" | head -n 1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", shell_line], env=CHECKOUT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"x\n{code}\n", says)


def test_what_stdout_has_no_character_for_is_escaped() -> None:
    program = "import sys; from textdrop.cli import app; app.app = lambda: print('план.png'); app.run()"
    command = [sys.executable, "-c", program]
    ascii_only = {**CHECKOUT, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=ascii_only, capture_output=True, text=True, check=True)
    assert done.stdout == r"\u043f\u043b\u0430\u043d.png" + "\n"


# --- the local stack --------------------------------------------------------------------------------------------------


def test_local_takes_the_variables_of_the_local_stack(
    tmp_path: Path, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".local").mkdir()
    settings = {"AWS_ENDPOINT_URL": "https://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "it's", "AWS_REGION": "eu-central-2"}
    write_env(tmp_path / ".local" / "env", settings)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        os, "environ", {**os.environ, "AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "mine", "NO_PROXY": "example.com"}
    )
    seen = []

    def connect(shell: Shell) -> Textdrop:
        seen.append(
            (
                {name: os.environ.get(name) for name in (*settings, "AWS_PROFILE", "AWS_SESSION_TOKEN", "NO_PROXY")},
                shell.profile,
            )
        )
        return Textdrop(session=stack)

    Shell(local=True, profile="mine", connect=connect).textdrop  # noqa: B018  # it connects
    of_the_shell = {"AWS_PROFILE": None, "AWS_SESSION_TOKEN": None, "NO_PROXY": "example.com,127.0.0.1,localhost"}
    assert seen == [({**settings, **of_the_shell}, None)]
    assert "PATH" not in shell.local_settings(tmp_path)


def test_without_a_local_stack_it_says_how_to_start_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shell, "__file__", str(tmp_path / "a" / "b" / "c" / "d" / "shell.py"))
    done = run("textdrop summary --local")
    assert done.exit_code == 2
    assert "Start it with make up" in done.stderr


# --- words and progress -----------------------------------------------------------------------------------------------


def test_plain_progress_is_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with Progress(terminal=False, clock=lambda: now[0]) as progress:
        for number in range(13):
            now[0] = float(number)
            progress.show(f"{number // 2} done")
    assert LINE_SECONDS == 5.0
    assert capsys.readouterr().err.splitlines() == ["0 done", "2 done", "5 done"]


def test_on_a_terminal_there_is_a_bar_and_the_answer_stays_apart(run: Run, stack: FakeStack) -> None:
    stack.control.add("a.png", None)
    done = run("textdrop wait a.png", terminal=True)
    assert "a.png: " in done.stderr
    assert done.stdout.splitlines()[-1] == "1 document: 1 succeeded."


def test_words() -> None:
    assert [duration(seconds) for seconds in (45, 720, 12_000, 400_000)] == ["45 s", "12 min", "3 h 20 min", "4 days"]
    assert [size(number) for number in (999, 1_200, 5e9, 5e13)] == ["999 bytes", "1.2 KB", "5.0 GB", "50000.0 GB"]
    assert price(Cost("1234.5", "RUB")) == "1,234.50 RUB"
    assert price(Cost(None, "RUB", None, ("table",))) == "price not known of table"
    assert price(None) == "price not known"


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-11-01", "2026-11-01T00:00:00+00:00"),
        ("2026-11-01T12:30:00Z", "2026-11-01T12:30:00+00:00"),
        ("2026-11-01T12:30:00+03:00", "2026-11-01T12:30:00+03:00"),
    ],
)
def test_times(text: str, iso: str) -> None:
    assert point_in_time(text).isoformat() == iso


def test_times_ago() -> None:
    hours = (point_in_time("2h") - point_in_time("3d")).total_seconds() / 3600
    assert round(hours, 3) == 70.0
    for wrong in ("", "2", "h", "2y", "-2h", "soon"):
        with pytest.raises(ValueError, match=r"."):
            point_in_time(wrong)


# --- what keys, names and people may bring ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["list --json --limit 0", "list --bogus --json", "frobnicate --json", "--bogus --json"]
)
def test_with_json_a_wrong_command_line_is_a_document_too(run: Run, line: str) -> None:
    done = run(f"textdrop {line}")
    assert (done.exit_code, json.loads(done.stdout)["error"]["kind"]) == (2, "WrongUse")
    assert "Usage:" in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "get s3://results/in/ texts",
        "put nowhere.pdf --to s3://uploads/in/",
        "put nowhere.pdf --to /in/",
        "estimate s3://uploads/in/",
        "list --prefix s3://uploads/in/",
    ],
)
def test_an_address_is_no_start_of_a_key(run: Run, stack: FakeStack, line: str) -> None:
    done = run(f"textdrop {line}")
    assert (done.exit_code, done.stderr.splitlines()[-1].endswith(" in/")) == (2, True)
    assert stack.control.requests == []


def test_who_does_not_agree_gets_a_document_too(run: Run, stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.control.add("a.png")
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    declined = run("textdrop delete a.png --json", asks=True)
    assert (declined.exit_code, json.loads(declined.stdout)["error"]["kind"]) == (1, "NotAgreed")

    def interrupted(*_: object, **__: object) -> bool:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise typer.Abort from None

    monkeypatch.setattr(typer, "confirm", interrupted)
    assert run("textdrop delete a.png", asks=True).exit_code == 130
    assert stack.control.documents[f"{0:032x}"]["state"] == "final"


def test_a_key_moves_no_terminal(run: Run, stack: FakeStack) -> None:
    stack.control.add("\x1b[2Jплан\n.png")
    assert r"\x1b[2Jплан\n.png" in run("textdrop list").stdout


def test_a_name_that_is_no_utf_8_does_not_break_the_document(run: Run, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.pdf")).write_bytes(b"%PDF")
    done = run(f"textdrop put {tmp_path} --json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["files"][0]["error"] == "The file's name is not UTF-8."


def test_of_a_name_that_is_no_utf_8_no_document_is_known(run: Run, stack: FakeStack) -> None:
    done = run(os.fsdecode(b"textdrop status \xff.pdf"))
    assert (done.exit_code, done.stderr) == (2, "textdrop: There is no document known as ?.pdf.\n")
    assert stack.control.requests[-1]["documents"] == ["?.pdf"]


def test_a_folder_that_is_a_file_is_wrong_use(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(f'textdrop get "" {tmp_path / "file"}')
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, "          Name another folder.")
