"""Processes under a mark: found with their children, ended with them, nothing else touched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import processes

# A parent that starts a child in a session of its own, tells the child's id, and waits.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    name = f"{tmp_path}#test"
    yield name
    processes.stop(name)


def start(mark: str, tmp_path: Path, program: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program]
    return processes.start(mark, command, log=tmp_path / "log", environment=dict(os.environ), cwd=tmp_path)


def has_child(log: Path) -> bool:
    return log.read_text(encoding="utf-8").strip() != ""


def test_a_process_is_found_with_its_children_and_ended_with_them(mark: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start(mark, tmp_path, PARENT)
    processes.wait_ready(child, lambda: has_child(log), name="parent", log=log, timeout_seconds=20)
    grandchild = int(log.read_text(encoding="utf-8"))
    assert processes.find(mark) == sorted([child.pid, grandchild])
    processes.stop(mark)
    assert processes.find(mark) == []


def test_children_of_a_killed_process_are_ended_too(mark: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start(mark, tmp_path, PARENT)
    processes.wait_ready(child, lambda: has_child(log), name="parent", log=log, timeout_seconds=20)
    child.kill()
    child.wait()
    assert processes.find(mark) == [int(log.read_text(encoding="utf-8"))]
    processes.stop(mark)
    assert processes.find(mark) == []


def test_a_process_that_will_not_end_is_killed(mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERM_SECONDS", 0.2)
    log = tmp_path / "log"
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    child = start(mark, tmp_path, deaf)
    processes.wait_ready(child, lambda: has_child(log), name="deaf", log=log, timeout_seconds=20)
    processes.stop(mark)
    assert processes.find(mark) == []


def test_processes_under_another_mark_are_left_alone(mark: str, tmp_path: Path) -> None:
    other = start(mark + "0", tmp_path, "import time; time.sleep(60)")
    processes.stop(mark)
    assert other.poll() is None
    processes.stop(mark + "0")
    other.wait(timeout=30)  # it would sleep for longer
    assert processes.find(mark + "0") == []


def test_a_process_that_ends_early_is_told_with_its_last_words(mark: str, tmp_path: Path) -> None:
    child = start(mark, tmp_path, "raise SystemExit('no such engine')")
    with pytest.raises(processes.ProcessFailed, match="the engine ended with 1 while starting") as failure:
        processes.wait_ready(child, lambda: False, name="the engine", log=tmp_path / "log", timeout_seconds=20)
    assert "no such engine" in str(failure.value)


def test_a_process_that_is_never_ready_is_told(mark: str, tmp_path: Path) -> None:
    child = start(mark, tmp_path, "import time; time.sleep(60)")
    with pytest.raises(processes.ProcessFailed, match="was not ready"):
        processes.wait_ready(child, lambda: False, name="x", log=tmp_path / "log", timeout_seconds=0.1)


def test_a_taken_port_is_not_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert processes.free_port(taken) != taken
    assert processes.free_port(taken) == taken
