"""The child process that opens files which others made, as its parent sees it.

A hostile file can make a library overrun its stack, fill the memory or run for minutes. In a process of its own, with
limits, that ends the process and not the function, and costs one page or one file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from pagekit.child.messages import Broken, Message, receive, send

STEP_SECONDS = 10
"""Processor time for opening a file, and for each page. Honest files take milliseconds, drawn pages a second."""

SILENT_SECONDS = 60.0
"""A child that says nothing for so long is killed. Its processor time ends it long before, if it has half a processor
to itself."""

# The runtime's own libraries, and one heap for all threads: separate heaps would take up address space.
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG")

Reply = tuple[Message, bytes] | None


class ChildDied(Exception):
    """The child ended before its task. `out_of_time`: it exceeded its processor time, or was silent for too long."""

    def __init__(self, *, out_of_time: bool) -> None:
        super().__init__("out of time" if out_of_time else "died")
        self.out_of_time = out_of_time


class Child:
    """One child: started when it is first needed, kept for later tasks, and replaced when it has died.

    Any thread may use it: it works on one task at a time. It has this process's path, and none of its credentials.
    """

    def __init__(self, program: str = "pagekit.child", step_seconds: int = STEP_SECONDS) -> None:
        self._program = program
        self._step_seconds = step_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, task: Message, content: bytes, answer: Callable[[Message, bytes], Reply]) -> None:
        """The task has been done. `answer` takes each message of the child, and returns the reply, if there is one.

        A child that has worked before, and dies before its first answer, may have died of an earlier task: then the
        task begins again in a new one. Raises ChildDied, and what `answer` raises, after which the child is ended.
        """
        with self._lock:
            answered = False

            def noting(message: Message, body: bytes) -> Reply:
                nonlocal answered
                answered = answered or "read" not in message
                return answer(message, body)

            is_fresh = self._process is None
            task = {**task, "step_seconds": self._step_seconds}
            try:
                self._run(task, content, noting)
            except ChildDied as death:
                if is_fresh or answered or death.out_of_time:
                    raise
                self._run(task, content, noting)

    def close(self) -> None:
        """The child has ended."""
        with self._lock:
            if self._process is not None:
                self._end(self._process)

    def _run(self, task: Message, content: bytes, answer: Callable[[Message, bytes], Reply]) -> None:
        process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            reply: Reply = task, content
            while True:
                if reply is not None:
                    send(process.stdin, *reply)
                message, body = self._received(process)
                if "done" in message:
                    break
                reply = answer(message, body)
        except (OSError, Broken):
            raise ChildDied(out_of_time=self._end(process)) from None
        except BaseException:
            self._end(process)
            raise
        if message["done"] == "ends":
            self._end(process)

    def _received(self, process: subprocess.Popen[bytes]) -> tuple[Message, bytes]:
        assert process.stdout is not None
        # A thread that kills the child is the only way to bound a read from it on every system.
        timer = threading.Timer(SILENT_SECONDS, process.send_signal, [signal.SIGXCPU])
        timer.start()
        try:
            received = receive(process.stdout)
        finally:
            timer.cancel()
        if received is None:
            raise Broken
        return received

    def _started(self) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-m", self._program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path("/"),
            env={
                **environment,
                "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
                "PYTHONDONTWRITEBYTECODE": "1",
                "MALLOC_ARENA_MAX": "1",
            },
        )
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> bool:
        """The child is gone afterwards. Returns whether it had been ended because of its time."""
        self._process = None
        assert process.stdin is not None
        assert process.stdout is not None
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            try:
                pipe.close()
            except OSError:
                continue
        return code == -signal.SIGXCPU
