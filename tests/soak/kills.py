"""Kills the functions' processes of one local stack at random, as a machine that fails would."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import processes

NAME = b"AWS_LAMBDA_FUNCTION_NAME="


def workers(mark: str) -> dict[int, str]:
    """The live processes that run functions, by id, of the stack whose emulator has the mark; each function's name.

    Not those that are still starting, which have no connection yet: when one of these dies the emulator takes the files
    of all the others away.
    """
    return {pid: name for pid in processes.find(mark) if (name := _function(pid, mark)) and _has_connections(pid)}


def _has_connections(pid: int) -> bool:
    try:
        return any(str(entry.readlink()).startswith("socket:") for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _function(pid: int, mark: str) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    if f"{processes.MARK}={mark}".encode() not in environment:
        return ""
    return next((line.removeprefix(NAME).decode() for line in environment if line.startswith(NAME)), "")


def kill(pid: int, mark: str) -> str:
    """The function's name if the process runs one of the stack's and was killed; "" if not. Never another's process."""
    try:
        with _held(pid) as descriptor:
            name = _function(pid, mark)  # once held, the id cannot come to mean another process
            if name:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            return name
    except ProcessLookupError:
        return ""


@contextmanager
def _held(pid: int) -> Iterator[int]:
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Killer:
    """Kills one of the functions' processes, any of them, again and again, on average every `mean_seconds`."""

    def __init__(self, mark: str, seed: int, mean_seconds: float) -> None:
        self.killed: Counter[str] = Counter()
        self._mark = mark
        self._chance = random.Random(seed)
        self._mean_seconds = mean_seconds
        self._dead: set[int] = set()

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop."""
        while not stop.wait(self._chance.expovariate(1 / self._mean_seconds)):
            # One that was killed may be there for a moment longer.
            living = sorted(workers(self._mark).keys() - self._dead)
            if living and (name := kill(chosen := self._chance.choice(living), self._mark)):
                self.killed[name] += 1
                self._dead.add(chosen)
