"""The child process: it opens files that others made, within limits of memory and processor time.

It reads tasks from its standard input and answers on its standard output; it asks its parent for what it reads of the
file. It opens nothing else, and has no credentials.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from pagekit.blank import is_blank
from pagekit.child.messages import Message, receive, send
from pagekit.errors import NotRenderable, Refusal
from pagekit.limits import FileLimits, UploadType
from pagekit.prepared import Document

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from pagekit.page import RecognisedPage

MEMORY_BYTES = 470_000_000
"""The most data of its own: together with its parent, 60 % of a function of 1,024 MB."""

ADDRESS_BYTES = 1_000_000_000
"""The most address space, with all libraries; it is the limit on systems that do not count data separately."""

MENDING_SECONDS_PER_BYTE = 0.06e-6
"""What a step may take beyond that: if a file's table of objects is rebuilt, the file is read from end to end."""

KEPT_BYTES = 200_000_000
"""A child that has taken more memory than this is replaced: it does not give memory back."""

AHEAD_PAGES = 16
AHEAD_BYTES = 4_000_000
AHEAD_SECONDS = 1.0
"""So many pages are prepared beyond the one that was asked for: opening a document again costs more than a page."""

_PIECE_BYTES = 1024 * 1024
_BUFFER_BYTES = 64 * 1024


class _ReadFailed(Exception):
    """The parent could not read the file; it knows why."""


class _ParentsFile(io.RawIOBase):
    """The file, read by the parent."""

    def __init__(self, pipes: _Pipes, size: int) -> None:
        super().__init__()
        self._pipes = pipes
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence] + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        into = memoryview(buffer).cast("B")
        length = max(min(len(into), self._size - self._position, _PIECE_BYTES), 0)
        if not length:
            return 0
        message, content = self._pipes.ask({"read": [self._position, length]})
        if "failed" in message:
            raise _ReadFailed
        into[: len(content)] = content
        self._position += len(content)
        return len(content)


class _ParentsOutput(io.RawIOBase):
    """A file that the parent writes, from its beginning on, until `is_over`: then what is left in buffers is
    dropped."""

    def __init__(self, pipes: _Pipes) -> None:
        super().__init__()
        self.is_over = False
        self._pipes = pipes

    def writable(self) -> bool:
        return True

    def write(self, content: ReadableBuffer, /) -> int:
        piece = bytes(memoryview(content)[:_PIECE_BYTES])
        if not self.is_over:
            self._pipes.answer({"piece": True}, piece)
        return len(piece)


class _Pipes:
    """The way to the parent."""

    def __init__(self) -> None:
        self._input = sys.stdin.buffer
        # Libraries may write to standard output; that must not get between the messages.
        self._output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def next_task(self) -> tuple[Message, bytes] | None:
        return receive(self._input)

    def answer(self, message: Message, content: bytes = b"") -> None:
        send(self._output, message, content)

    def ask(self, message: Message) -> tuple[Message, bytes]:
        self.answer(message)
        received = receive(self._input)
        if received is None:
            sys.exit()
        return received


def main() -> None:
    """Does tasks until the parent ends, or too much memory was taken."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, MEMORY_BYTES)
    _limit(resource.RLIMIT_AS, ADDRESS_BYTES)
    pipes = _Pipes()
    while (received := pipes.next_task()) is not None:
        task, content = received
        _allow_step(task)
        file = _file(pipes, task["size"], content)
        try:
            if task["task"] == "pages":
                _pages(pipes, task, file)
            else:
                _searchable_pdf(pipes, task, file)
        except _ReadFailed:
            pass
        except MemoryError:
            # What is left of the task may hold all the memory: a new child is the sure way to free it.
            os._exit(1)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > KEPT_BYTES:
            pipes.answer({"done": "ends"})
            return
        pipes.answer({"done": "stays"})


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _allow_step(task: Message) -> None:
    """The next step has its processor time; after that the system ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = task["step_seconds"] + int(MENDING_SECONDS_PER_BYTE * task["size"])
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + allowed)


def _file(pipes: _Pipes, size: int, content: bytes) -> BinaryIO:
    if len(content) == size:
        return io.BytesIO(content)
    return io.BufferedReader(_ParentsFile(pipes, size), _BUFFER_BYTES)


def _opened(media_type: UploadType, file: BinaryIO, limits: FileLimits) -> Document:
    # Each costs memory and time to import that the other should not pay for.
    if media_type == "application/pdf":
        from pagekit.pdf.document import PdfDocument

        return PdfDocument(file, limits)
    from pagekit.pictures.document import PictureDocument

    return PictureDocument(file, media_type, limits)


def _pages(pipes: _Pipes, task: Message, file: BinaryIO) -> None:
    """Answers with the facts, then with pages from `first` on; if requested, with the own text of those that have
    it."""
    first = task["first"]
    try:
        document = _opened(task["media_type"], file, FileLimits(**task["limits"]))
    except Refusal as refusal:
        pipes.answer({"refused": 0, **_told(refusal)})
        return
    facts = document.facts
    pipes.answer({"facts": [facts.media_type, facts.pages, facts.attachments]})
    began, sent_bytes = time.monotonic(), 0
    for number in range(first, min(first + AHEAD_PAGES, facts.pages + 1)):
        has_own_text = False
        if task["own_text"]:
            _allow_step(task)
            own_text = document.own_text(number)
            content = json.dumps(own_text).encode()
            pipes.answer({"own_text": number}, content)
            sent_bytes += len(content)
            has_own_text = own_text is not None
        if not has_own_text:
            _allow_step(task)
            sent_bytes += _answer_page(pipes, document, number)
        if sent_bytes > AHEAD_BYTES or time.monotonic() > began + AHEAD_SECONDS:
            break
    document.close()


def _answer_page(pipes: _Pipes, document: Document, number: int) -> int:
    """Answers with the page, or why it is refused. Returns how many bytes it has."""
    try:
        page = document.page(number)
    except Refusal as refusal:
        pipes.answer({"refused": number, **_told(refusal)})
        return 0
    how, blank = page.preparation, is_blank(page.content, page.media_type)
    pipes.answer(
        {"page": number, "media_type": page.media_type, "how": [how.how, how.scale, how.warnings, blank]},
        page.content,
    )
    return len(page.content)


def _told(refusal: Refusal) -> Message:
    return {"reason": refusal.reason, "what": refusal.what, "advice": refusal.advice}


def _searchable_pdf(pipes: _Pipes, task: Message, file: BinaryIO) -> None:
    """Takes recognised pages one by one, and answers with the PDF in pieces, then with its warnings."""
    from pagekit.outputs.searchable_pdf import searchable_pdf

    output = _ParentsOutput(pipes)
    to = io.BufferedWriter(output, _PIECE_BYTES)
    try:
        pages = _recognised(pipes, task)
        rendered = searchable_pdf(file, task["media_type"], pages, to, task["drawn"], task["own_text"])
        to.flush()
    except NotRenderable as refusal:
        pipes.answer({"not_renderable": refusal.what})
        return
    finally:
        output.is_over = True
    pipes.answer({"rendered": [rendered.layered, rendered.own_text, rendered.warnings]})


def _recognised(pipes: _Pipes, task: Message) -> Iterator[tuple[int, RecognisedPage | None]]:
    while True:
        message, _ = pipes.ask({"next": True})
        if "failed" in message:
            raise _ReadFailed
        if "number" not in message:
            return
        _allow_step(task)
        yield message["number"], message["recognised"]


if __name__ == "__main__":
    main()
