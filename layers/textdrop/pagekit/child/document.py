"""An uploaded file that is opened in the child process, page by page."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import asdict
from typing import BinaryIO, cast

from pagekit.child.messages import Message
from pagekit.child.process import Child, ChildDied, Reply
from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts, FileLimits, UploadType
from pagekit.page import RecognisedPage
from pagekit.prepared import How, PageWarning, Preparation, PreparedPage

SENT_WHOLE_BYTES = 10_000_000
"""A file of this size or less goes to the child with its task; of a larger one the child asks for what it reads."""

_SAVE_AGAIN = "Save, print to PDF or scan the document again and upload that."


class ChildsDocument:
    """A `Document` whose file the child opens anew each time; pages that it prepared ahead are kept here."""

    facts: FileFacts

    def __init__(self, child: Child, file: BinaryIO, media_type: UploadType, limits: FileLimits) -> None:
        """Opens it. Raises Refusal about the file, and what reading it raises."""
        self._child = child
        self._file = file
        self._media_type: UploadType = media_type
        self._limits = limits
        self._size = file.seek(0, io.SEEK_END)
        self._prepared: dict[int, PreparedPage | Refusal] = {}
        # As JSON, which takes less memory.
        self._own_texts: dict[int, bytes] = {}
        try:
            self._prepare(1)
        except ChildDied:
            # With the facts known, a page killed it; that page is refused when it is asked for.
            if not hasattr(self, "facts"):
                raise _damaged("The file cannot be opened: that takes too much time or memory.") from None

    def page(self, number: int) -> PreparedPage:
        """As `Document`."""
        if not 1 <= number <= self.facts.pages:
            raise ValueError(f"there is no page {number}: the document has {self.facts.pages}")
        if number not in self._prepared:
            self._prepared.clear()
            try:
                self._prepare(number)
            except ChildDied:
                if number not in self._prepared:
                    raise _damaged(f"Page {number:,} cannot be read: that takes too much time or memory.") from None
        prepared = self._prepared.pop(number)
        if isinstance(prepared, Refusal):
            raise prepared
        return prepared

    def own_text(self, number: int) -> RecognisedPage | None:
        """As `Document`."""
        if self._media_type != "application/pdf" or not 1 <= number <= self.facts.pages:
            return None
        if number not in self._own_texts:
            self._own_texts.clear()
            self._prepared.clear()
            with suppress(ChildDied, Refusal):
                self._prepare(number, with_own_text=True)
        return cast(RecognisedPage | None, json.loads(self._own_texts.pop(number, b"null")))

    def close(self) -> None:
        """As `Document`."""
        self._prepared.clear()
        self._own_texts.clear()

    def _prepare(self, first: int, *, with_own_text: bool = False) -> None:
        """Prepares the page, and some after it; with `with_own_text` it sends own texts, which are then kept here, in
        place of the pages that have them.

        Raises ChildDied, Refusal, and what reading the file raises.
        """
        failure: Exception | None = None

        def answer(message: Message, content: bytes) -> Reply:
            nonlocal failure
            if "read" in message:
                try:
                    return {}, self._read(*message["read"])
                except Exception as error:  # noqa: BLE001 - raised when the child has come to its end
                    failure = error
                    return {"failed": True}, b""
            if "facts" in message:
                media_type, pages, attachments = message["facts"]
                self.facts = FileFacts(media_type, pages, attachments)
            elif "own_text" in message:
                self._own_texts[message["own_text"]] = content
            elif "page" in message:
                how, scale, warnings, blank = message["how"]
                preparation = Preparation(How(how), scale, tuple(map(PageWarning, warnings)), blank)
                self._prepared[message["page"]] = PreparedPage(content, message["media_type"], preparation)
            elif message["refused"]:
                self._prepared[message["refused"]] = _refusal(message)
            else:
                failure = _refusal(message)
            return None

        task = {"task": "pages", "media_type": self._media_type, "limits": asdict(self._limits), "first": first}
        whole = self._read(0, self._size) if self._size <= SENT_WHOLE_BYTES else b""
        self._child.run({**task, "own_text": with_own_text, "size": self._size}, whole, answer)
        if failure is not None:
            raise failure

    def _read(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        return self._file.read(length)


def _refusal(message: Message) -> Refusal:
    return Refusal(Reason(message["reason"]), message["what"], message["advice"])


def _damaged(what: str) -> Refusal:
    return Refusal(Reason.DAMAGED, what, _SAVE_AGAIN)
