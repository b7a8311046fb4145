"""The local stack's own files: what a shell reads, what a crash leaves behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch
from urllib.request import proxy_bypass

import pytest
from botocore.exceptions import ClientError

from local import deployment, processes, servers, stack
from local.ocr import authorized_key
from unit.client.fake_stack import FakeStack, fake_stack


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
    record = stack.Record(emulator_port=4566, ocr_port=4568, ocr="b", deployed="c")
    stack.Folder(tmp_path).write(record)
    assert stack.Folder(tmp_path).read() == record


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStack]:
    """A stack whose AWS is in memory. What is done to the environment is undone."""
    theirs = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_S3": "https://s3.example"}
    with fake_stack() as made, patch.dict(os.environ, theirs):
        monkeypatch.setattr(deployment, "session", lambda: made)
        yield made


def test_the_client_of_a_stack_knows_no_settings_of_the_users_own(in_memory: FakeStack) -> None:
    stack.client({"AWS_ENDPOINT_URL": "https://127.0.0.1:4566", "AWS_CA_BUNDLE": "a.crt", "TABLE_NAME": "t"})
    assert {name: value for name, value in os.environ.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": "https://127.0.0.1:4566",
        "AWS_CA_BUNDLE": "a.crt",
        "AWS_CONFIG_FILE": os.devnull,
    }
    assert proxy_bypass("127.0.0.1")


def test_what_is_in_flight_is_told_by_control_or_why_it_is_not_known(in_memory: FakeStack) -> None:
    in_memory.control.add("a.pdf", None)
    assert stack.in_flight({}) == "1 reading (1 page with the OCR service)"
    in_memory.invoker.failures = [ClientError({"Error": {"Code": "AccessDenied"}}, "Invoke")]
    assert stack.in_flight({}).startswith("not known. These credentials may not use the function textdrop-control.")


def test_down_forgets_a_stack_that_died(tmp_path: Path) -> None:
    folder = stack.Folder(tmp_path)
    folder.write(stack.Record(emulator_port=1, deployed="x"))
    folder.tmp.mkdir()
    folder.env.write_text("export TABLE_NAME='t'\n", encoding="utf-8")
    folder.authorized_key.write_text("{}", encoding="utf-8")
    assert not stack.is_up(tmp_path)
    assert stack.down(tmp_path) is False
    assert {path.name for path in tmp_path.iterdir()} == {"lock"}


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "a file"
    taken.touch()
    assert stack.main(["--state", str(taken), "up"]) == 1
    assert str(taken) in capsys.readouterr().err


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_was_taken_after_it_was_chosen_is_given_up_for_another(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_port = processes.free_port
    choices = iter([taken])
    monkeypatch.setattr(processes, "free_port", lambda port: next(choices, None) or free_port(port))
    tried = []

    def start(port: int) -> None:
        tried.append(port)
        if port == taken:
            raise processes.ProcessFailed("address in use")

    assert stack.on_free_port(taken, start) == tried[1]
    assert tried[0] == taken != tried[1]


def test_a_server_that_does_not_start_on_a_free_port_is_not_tried_again() -> None:
    tried = []

    def start(port: int) -> None:
        tried.append(port)
        raise processes.ProcessFailed("no such engine")

    with pytest.raises(processes.ProcessFailed, match="no such engine"):
        stack.on_free_port(0, start)
    assert len(tried) == 1


class Machine:
    """Servers that only say they run: the starts of each, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.starts: list[str] = []
        self.running: set[str] = set()
        monkeypatch.setattr(servers, "start_emulator", lambda mark, port, **_: self._start(mark))
        monkeypatch.setattr(servers, "start_ocr", lambda mark, port, **_: self._start(mark))
        monkeypatch.setattr(servers, "emulator_is_up", lambda port, certificate: True)
        monkeypatch.setattr(servers, "ocr_is_up", lambda port: True)
        monkeypatch.setattr(processes, "find", lambda mark: [1] if mark in self.running else [])
        monkeypatch.setattr(processes, "stop", self.running.discard)

    def _start(self, mark: str) -> None:
        self.starts.append(mark.rpartition("#")[2])
        self.running.add(mark)

    def started(self, folder: stack.Folder, engine: str | None = "table", *options: str) -> list[str]:
        """What `up` starts now."""
        self.starts.clear()
        stack.start_servers(folder, folder.read(), engine, say=lambda _: None, ocr_options=options)
        return list(self.starts)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """A project whose servers are not really started."""
    (tmp_path / ".local").mkdir()
    monkeypatch.setattr(authorized_key, "generate", lambda: {"id": "made"})
    return Machine(monkeypatch)


def test_another_engine_or_option_restarts_the_ocr_service_and_no_engine_ends_it(
    machine: Machine, tmp_path: Path
) -> None:
    folder = stack.Folder(tmp_path / ".local")
    assert machine.started(folder, "table", "--seconds", "2") == ["aws", "ocr"]
    assert machine.started(folder, "table", "--seconds", "2") == []
    assert machine.started(folder, "table", "--seconds", "3") == ["ocr"]
    assert machine.started(folder, "tesseract", "--seconds", "3") == ["ocr"]
    assert machine.started(folder, None) == []
    assert machine.running == {folder.mark("aws")}


def test_a_stack_keeps_its_authorized_key(machine: Machine, tmp_path: Path) -> None:
    folder = stack.Folder(tmp_path / ".local")
    machine.started(folder)
    made = folder.authorized_key.read_text(encoding="utf-8")
    assert folder.authorized_key.stat().st_mode & 0o777 == 0o600
    folder.authorized_key.with_suffix(".new").write_text("half a ke", encoding="utf-8")  # as a killed `up` leaves it
    machine.started(folder)
    assert folder.authorized_key.read_text(encoding="utf-8") == made
    folder.authorized_key.unlink()
    machine.started(folder)
    assert "made" in folder.authorized_key.read_text(encoding="utf-8")


def test_too_little_room_is_said_before_anything_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=stack.NEEDED_BYTES - 1))
    with pytest.raises(stack.NotUsable, match=r"2\.5 GB free, and a running stack needs 2\.5 GB"):
        stack.check_space(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=stack.NEEDED_BYTES))
    stack.check_space(tmp_path)
