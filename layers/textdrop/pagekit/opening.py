"""An uploaded file as a document: what it really is, or why it is refused, and its pages, one by one."""

from __future__ import annotations

import io
from typing import BinaryIO, Protocol

from pagekit.errors import Reason, Refusal
from pagekit.kinds import READABLE, describe_unsupported, media_type
from pagekit.limits import FileFacts, FileLimits

# Enough to detect a type; of an archive also the end, where the names of the files in it are.
_SAMPLE_BYTES = 64 * 1024


class Document(Protocol):
    """A file that can be sent, page by page. Any thread may use it, one at a time."""

    facts: FileFacts

    def page(self, number: int) -> bytes:
        """The page, counted from 1, as a file of its own, of the same media type, of at most `limits.max_bytes`.

        The same bytes each time. Raises Refusal for what concerns this page alone, and what reading the file raises.
        """

    def close(self) -> None:
        """Lets go of what it holds; the file it reads from stays open."""


class OnePage:
    """A file that is one page, as it was uploaded."""

    def __init__(self, content: bytes, facts: FileFacts) -> None:
        self.facts = facts
        self._content = content

    def page(self, number: int) -> bytes:
        """The file itself."""
        if number != 1:
            raise ValueError(f"there is no page {number}: the document has 1")
        return self._content

    def close(self) -> None:
        """Lets go of the content."""
        self._content = b""


def open_document(file: BinaryIO, limits: FileLimits) -> Document:
    """The document in a file, judged by its content alone. One of one page has been read in full.

    Raises Refusal, whatever the bytes (`empty_file`, `unsupported_type`, `file_too_large`, `image_too_large`,
    `damaged`, `encrypted` or `too_many_pages`), and what reading the file raises, but nothing else. The type comes
    before the size: nobody should make a file smaller only to learn that it cannot be read anyway.
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
    # A PDF library costs memory and time that images should not pay for, so it is imported for a PDF only.
    if kind == "application/pdf":
        if size > limits.max_document_bytes:
            raise _too_large(size, limits.max_document_bytes)
        from pagekit.pdf.document import PdfDocument

        document = PdfDocument(file, limits)
        if document.facts.pages > 1:
            return document
        if not fits:
            raise _too_large(size, limits.max_bytes)
        document.check(1)
        document.close()
        return OnePage(content, document.facts)
    if not fits:
        raise _too_large(size, limits.max_bytes)
    from pagekit.images import can_be_sent

    if can_be_sent(content, kind, limits):
        return OnePage(content, FileFacts(kind, pages=1))
    from pagekit.pictures import PictureDocument

    pictures = PictureDocument(file, kind, limits)
    if pictures.facts.pages > 1:
        raise Refusal(Reason.UNSUPPORTED_TYPE, "The TIFF has several pages.", "Convert it to PDF and upload that.")
    page = pictures.page(1)
    return OnePage(page.content, FileFacts(page.media_type, pages=1))


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _too_large(size: int, most: int) -> Refusal:
    return Refusal(
        Reason.FILE_TOO_LARGE,
        f"The file has {size:,} bytes; the most is {most:,}.",
        "Scan it at a lower resolution or in grey, compress it, or split it, and upload that.",
    )
