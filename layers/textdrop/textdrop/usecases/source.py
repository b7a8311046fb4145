"""The source of a document that is being sent: opened when the first page of it is needed, and shared by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pagekit.page import RecognisedPage
from pagekit.prepared import PreparedPage
from textdrop.ports import OpenedDocument

MAX_KEPT_BYTES = 10_000_000
"""The most bytes that pages which were cut ahead may have, for each document that is being sent."""


class PageSource:
    """The pages of an uploaded file, cut out one at a time. Use it in a `with`; it closes what it opened.

    A page that was cut before it is sent is kept until then, as far as there is room.
    """

    def __init__(self, open_again: Callable[[], OpenedDocument], opened: OpenedDocument | None = None) -> None:
        """`opened` is the file if it has been inspected already; otherwise `open_again` opens it."""
        self._open_again = open_again
        self._opened = opened
        self._kept: dict[int, PreparedPage] = {}
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def page(self, number: int) -> PreparedPage:
        """The page as it is sent. Raises Refusal if this page cannot be sent, ObjectGone and StoreUnavailable."""
        with self._lock:
            if number in self._kept:
                page = self._kept.pop(number)
                self._kept_bytes -= len(page.content)
                return page
            return self._open().page(number)

    def keep(self, number: int, page: PreparedPage) -> None:
        """The next call for this page returns it again."""
        with self._lock:
            if number not in self._kept and self._kept_bytes + len(page.content) <= MAX_KEPT_BYTES:
                self._kept[number] = page
                self._kept_bytes += len(page.content)

    def own_text(self, number: int) -> RecognisedPage | None:
        """The page's own text, if it has usable text. Raises what `page` raises."""
        with self._lock:
            return self._open().own_text(number)

    def _open(self) -> OpenedDocument:
        if self._opened is None:
            self._opened = self._open_again()
        return self._opened

    def __enter__(self) -> PageSource:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
