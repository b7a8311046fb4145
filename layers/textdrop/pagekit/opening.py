"""An uploaded file as a document: what it actually is, or why it is refused, and its pages, one by one."""

from __future__ import annotations

import io
from typing import BinaryIO

from pagekit.blank import is_blank
from pagekit.child.document import ChildsDocument
from pagekit.child.process import Child
from pagekit.errors import Reason, Refusal
from pagekit.images import can_be_sent
from pagekit.kinds import READABLE, describe_unsupported, media_type
from pagekit.limits import FileFacts, FileLimits, MediaType
from pagekit.prepared import Document, How, Preparation, PreparedPage

# Enough to detect a type; in an archive also the end, where its files are named.
_SAMPLE_BYTES = 64 * 1024


class OnePage:
    """A file that is one page, as it was uploaded."""

    def __init__(self, content: bytes, media_type: MediaType) -> None:
        self.facts = FileFacts(media_type, pages=1)
        self._page = PreparedPage(content, media_type, Preparation(How.AS_IS, blank=is_blank(content, media_type)))

    def page(self, number: int) -> PreparedPage:
        """The file itself."""
        if number != 1:
            raise ValueError(f"there is no page {number}: the document has 1")
        return self._page

    def own_text(self, number: int) -> None:
        """An image has none."""

    def close(self) -> None:
        """Nothing is held but the content."""


def open_document(file: BinaryIO, limits: FileLimits, child: Child) -> Document:
    """The document in a file, judged by its content alone. What takes more than reading a header is done in the child.

    Raises Refusal, whatever the bytes (`empty_file`, `unsupported_type`, `file_too_large`, `image_too_large`,
    `damaged`, `encrypted`, `xfa_form` or `too_many_pages`), and what reading the file raises, but nothing else. The
    type is checked before the size: nobody should make a file smaller only to learn that it cannot be read anyway.
    """
    size = file.seek(0, io.SEEK_END)
    if size == 0:
        raise Refusal(Reason.EMPTY_FILE, "The file is empty.", "Upload it again, or check where it comes from.")
    fits = size <= limits.max_bytes
    content = _read(file, 0, size) if fits else _read(file, 0, _SAMPLE_BYTES)
    kind = media_type(content)
    if kind is None:
        if not fits:
            content += _read(file, max(size - _SAMPLE_BYTES, len(content)), _SAMPLE_BYTES)
        looks_like, advice = describe_unsupported(content)
        raise Refusal(Reason.UNSUPPORTED_TYPE, f"The file is {looks_like}; {READABLE} can be recognised.", advice)
    if size > limits.max_document_bytes:
        raise Refusal(
            Reason.FILE_TOO_LARGE,
            f"The file has {size:,} bytes; the most is {limits.max_document_bytes:,}.",
            "Scan it at a lower resolution or in grey, compress it, or split it, and upload that.",
        )
    if fits and (kind == "image/jpeg" or kind == "image/png") and can_be_sent(content, kind, limits):
        return OnePage(content, kind)
    return ChildsDocument(child, file, kind, limits)


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)
