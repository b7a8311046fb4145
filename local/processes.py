"""Background processes of the local stack, known by a mark in their environment.

A record of process ids becomes wrong (a crash, a restart, a reused id), and does not have the children of a crashed
server. A mark that every child inherits is always right: what has it is ours, and nothing else is.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MARK = "TEXTDROP_LOCAL_PROCESS"
TERM_SECONDS = 5.0

# Children are meant to outlive this process. They are kept, because a Popen object that is deleted first complains.
_started: list[subprocess.Popen[bytes]] = []


class ProcessFailed(Exception):
    """A process ended early or did not become ready; the message carries the end of its log."""


def find(mark: str) -> list[int]:
    """Ids of the live processes that were started under the mark, and of their children; oldest id first."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:  # ended meanwhile, or another user's
            continue
        if wanted in environment.split(b"\0"):
            found.append(int(folder.name))
    return sorted(found)


def start(
    mark: str, command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str], cwd: Path
) -> subprocess.Popen[bytes]:
    """Start a command under the mark, in a session of its own, its output in `log` (overwritten)."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, MARK: mark},
            cwd=cwd,
            start_new_session=True,
        )
    _started.append(child)
    return child


def stop(mark: str) -> None:
    """End what has the mark: the first process is asked to end, then those that it leaves, then all are killed."""
    first = find(mark)[:1]
    _signal(first, signal.SIGTERM)
    _wait(lambda: not set(first) & set(find(mark)))
    for asked in (signal.SIGTERM, signal.SIGKILL):
        _signal(find(mark), asked)
        _wait(lambda: not find(mark))


def _signal(pids: Sequence[int], asked: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, asked)


def _wait(is_over: Callable[[], bool]) -> None:
    """Return once it is over, or after TERM_SECONDS."""
    limit = time.monotonic() + TERM_SECONDS
    while time.monotonic() < limit:
        over = is_over()
        for child in _started:  # waiting for a zombie would never end, and it would complain when this process ends
            child.poll()
        if over:
            return
        time.sleep(0.05)


def wait_ready(
    child: subprocess.Popen[bytes], is_ready: Callable[[], bool], *, name: str, log: Path, timeout_seconds: float
) -> None:
    """Return once `is_ready()` holds; ProcessFailed with the log's end if the process or the time ends first."""
    limit = time.monotonic() + timeout_seconds
    while not is_ready():
        code = child.poll()
        if code is not None:
            raise ProcessFailed(f"{name} ended with {code} while starting. Its log, {log}, ends:\n{tail(log)}")
        if time.monotonic() > limit:
            raise ProcessFailed(f"{name} was not ready in {timeout_seconds:.0f} s. Its log, {log}, ends:\n{tail(log)}")
        time.sleep(0.05)


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def free_port(usual: int) -> int:
    """The usual port on 127.0.0.1 if it can be bound now, else any that can."""
    for port in (usual, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ProcessFailed("no port can be bound on 127.0.0.1")
