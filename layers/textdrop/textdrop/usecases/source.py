"""The source of a document that is being sent: opened when a page of it is first needed, shared by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pagekit.prepared import PreparedPage
from textdrop.ports import OpenedDocument


class PageSource:
    """The pages of an uploaded file, cut out one at a time. Use it in a `with`; it closes what it opened."""

    def __init__(self, open_again: Callable[[], OpenedDocument], opened: OpenedDocument | None = None) -> None:
        """`opened` is the file if it has been inspected already; else `open_again` opens it."""
        self._open_again = open_again
        self._opened = opened
        self._lock = threading.Lock()

    def page(self, number: int) -> PreparedPage:
        """The page as it is sent. Raises Refusal if this page cannot be sent, ObjectGone and StoreUnavailable."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open_again()
            return self._opened.page(number)

    def __enter__(self) -> PageSource:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
