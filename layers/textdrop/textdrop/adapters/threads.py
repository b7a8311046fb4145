"""Threads for work that waits on the network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait


class ThreadWorkers:
    """At most `count` tasks at once, each in a thread; more wait. The threads are reused. `failed` is called, in the
    task's thread, with whatever a task raises; it must not raise itself."""

    def __init__(self, count: int, failed: Callable[[BaseException], None]) -> None:
        self._count = count
        self._failed = failed
        self._pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix="worker")
        self._changed = threading.Condition()
        self._unfinished = 0

    def start(self, task: Callable[[], None]) -> None:
        with self._changed:
            self._unfinished += 1
        try:
            self._pool.submit(self._run, task)
        except RuntimeError:  # the process is ending: no thread can be started any more
            self._finished()
            raise

    def _run(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 (a pool swallows every kind, so every kind is reported here)
            self._failed(error)
        finally:
            self._finished()

    def _finished(self) -> None:
        with self._changed:
            self._unfinished -= 1
            self._changed.notify_all()

    def free(self) -> int:
        with self._changed:
            return max(0, self._count - self._unfinished)

    def wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._unfinished == 0)


class ParallelThreads:
    """At most `helpers` threads, shared by all callers; each caller also works on its task in its own thread."""

    def __init__(self, helpers: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=helpers, thread_name_prefix="run_parallel")

    def __call__(self, task: Callable[[], None], max_workers: int) -> None:
        shared = [self._pool.submit(task) for _ in range(max_workers - 1)]
        try:
            task()
        finally:
            # The task is finished: threads that have not begun need not.
            begun = [future for future in shared if not future.cancel()]
            wait(begun)
        for future in begun:
            future.result()
