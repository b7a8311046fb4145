"""The local stack's own files: what a shell reads, what a crash leaves behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local import stack


def test_the_env_file_means_the_same_to_a_shell_and_to_us(tmp_path: Path) -> None:
    variables = {"AWS_CA_BUNDLE": "/a b/$HOME/it's.crt", "TABLE_NAME": "t"}
    stack.write_env(stack.Folder(tmp_path).env, variables)
    assert stack.read_env(tmp_path) == variables
    script = f'. {tmp_path}/env && printf "%s|%s|%s|%s" "$AWS_CA_BUNDLE" "$TABLE_NAME" "$NO_PROXY" "$AWS_PROFILE"'
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "example.com", "AWS_PROFILE": "work"}
    said = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True).stdout
    assert said == "/a b/$HOME/it's.crt|t|127.0.0.1,localhost,example.com|"


def test_without_a_stack_the_env_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(stack.NotUsable, match="make up"):
        stack.read_env(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"another": 1}', '{"emulator_port": 1'])
def test_a_record_that_cannot_be_read_is_an_empty_one(tmp_path: Path, text: str) -> None:
    stack.Folder(tmp_path).record.write_text(text, encoding="utf-8")
    assert stack.Folder(tmp_path).read() == stack.Record()


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = stack.Record(emulator_port=4566, emulator="a", ocr_port=4568, ocr="b", deployed="c")
    stack.Folder(tmp_path).write(record)
    assert stack.Folder(tmp_path).read() == record


def test_down_forgets_a_stack_that_died(tmp_path: Path) -> None:
    folder = stack.Folder(tmp_path)
    folder.write(stack.Record(emulator_port=1, deployed="x"))
    folder.tmp.mkdir()
    folder.env.write_text("export TABLE_NAME='t'\n", encoding="utf-8")
    assert not stack.is_up(tmp_path)
    assert stack.down(tmp_path) is False
    assert {path.name for path in tmp_path.iterdir()} == {"lock"}


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "a file"
    taken.touch()
    assert stack.main(["--state", str(taken), "up", "--no-real"]) == 1
    assert str(taken) in capsys.readouterr().err
