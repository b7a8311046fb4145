"""Work on several things at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from textdrop.client.access import THREADS

T = TypeVar("T")
R = TypeVar("R")
_WAITING = 4 * THREADS


def at_once(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results for the items, in the order in which they are done. Items are taken as they are needed.

    If the iterator is closed early, work that has begun is finished, and no other begins.
    """
    pool = ThreadPoolExecutor(THREADS)
    left = iter(items)
    running: set[Future[R]] = set()
    try:
        while True:
            running |= {pool.submit(work, item) for item in islice(left, _WAITING - len(running))}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
