"""Work done in a child: a copy of this process, with a bound on its time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MEMORY_BYTES = 4_000_000_000


class ChildEnded(Exception):
    """A child was ended before it was done: out of time, or of memory."""


class ChildFailed(Exception):
    """A child's work raised; the message is the traceback."""


@dataclass
class Child:
    """A process that works something out. It is ended by force at `ends_at`, or after so much work."""

    pid: int
    pipe: int
    ends_at: float

    def overdue(self) -> bool:
        """Whether it has taken too long, for whatever reason."""
        return time.monotonic() > self.ends_at

    def end(self) -> None:
        """Ends it and whatever it began."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def result(self) -> Any:
        """What it worked out. Returns when it has ended. Raises ChildEnded if it was by force, ChildFailed if it could
        not."""
        with os.fdopen(self.pipe, "rb") as read:
            said = read.read()
        if not said:
            raise ChildEnded
        answer = json.loads(said)
        if "error" in answer:
            raise ChildFailed(answer["error"])
        return answer["result"]


def fork(work: Callable[[], Any], cpu_seconds: float = 600.0, wall_seconds: float = 1200.0) -> Child:
    """Begins work in a child; what it returns comes back as JSON. What it prints is dropped."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return Child(pid, read, time.monotonic() + wall_seconds)
    os.close(read)
    try:
        _alone(cpu_seconds)
        try:
            answer = {"result": work()}
        except BaseException:  # noqa: BLE001 - whatever it is, the parent is told
            answer = {"error": traceback.format_exc()}
        said = json.dumps(answer).encode()
        while said:
            said = said[os.write(write, said) :]
    finally:
        os._exit(0)


def _alone(cpu_seconds: float) -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    seconds = int(cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def in_child(work: Callable[[], Any]) -> Any:
    """What the work returns, worked out in a child, which is waited for."""
    child = fork(work)
    try:
        return child.result()
    finally:
        child.end()
        os.waitpid(child.pid, 0)
