"""Kills the functions' processes of one local stack at random, as a machine that fails would."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path

from local import processes

NAME = b"AWS_LAMBDA_FUNCTION_NAME="


def _function(pid: int, mark: str) -> str:
    """The name of the function that the process runs, of the stack whose emulator has the mark; "" if it runs none.

    Nor if it is still starting, when it has no connection yet: if such a process dies, the emulator takes the files of
    all the others away.
    """
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        started = any(str(entry.readlink()).startswith("socket:") for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return ""
    if not started or f"{processes.MARK}={mark}".encode() not in environment:
        return ""
    return next((line.removeprefix(NAME).decode() for line in environment if line.startswith(NAME)), "")


def kill(pid: int, mark: str) -> str:
    """The function's name if the process runs one of the stack's and was killed; "" if not. Never another's process."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return ""
    try:
        name = _function(pid, mark)  # once held, the id cannot come to mean another process
        if name:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return name
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
            running = [p for p in processes.find(self._mark) if p not in self._dead and _function(p, self._mark)]
            if running and (name := kill(chosen := self._chance.choice(running), self._mark)):
                self.killed[name] += 1
                self._dead.add(chosen)
