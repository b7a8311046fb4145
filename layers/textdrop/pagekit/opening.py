"""An uploaded file as a document: what it really is, or why it is refused, and its pages, one by one."""

from __future__ import annotations

import io
from typing import BinaryIO

from pagekit.errors import Reason, Refusal
from pagekit.kinds import describe_unsupported, media_type
from pagekit.limits import FileFacts, FileLimits, MediaType
from pagekit.prepared import Document, How, Preparation, PreparedPage

# Enough to detect a type; of an archive also the end, where the names of the files in it are.
_SAMPLE_BYTES = 64 * 1024


class OnePage:
    """A file that is one page, as it was uploaded."""

    def __init__(self, content: bytes, media_type: MediaType, facts: FileFacts) -> None:
        self.facts = facts
        self._page = PreparedPage(content, media_type, Preparation(How.AS_IS))

    def page(self, number: int) -> PreparedPage:
        """The file itself."""
        if number != 1:
            raise ValueError(f"there is no page {number}: the document has 1")
        return self._page

    def close(self) -> None:
        """Nothing is held but the content."""


def open_document(file: BinaryIO, limits: FileLimits) -> Document:
    """The document in a file, judged by its content alone. One of one page has been read in full.

    Raises Refusal, whatever the bytes (`empty_file`, `unsupported_type`, `file_too_large`, `image_too_large`,
    `damaged`, `encrypted`, `xfa_form` or `too_many_pages`), and what reading the file raises, but nothing else. The
    type comes before the size: nobody should make a file smaller only to learn that it cannot be read anyway.
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
        raise Refusal(
            Reason.UNSUPPORTED_TYPE, f"The file is {looks_like}; PDF, JPEG and PNG can be recognised.", advice
        )
    # A PDF library costs memory and time that images should not pay for, so it is imported for a PDF only.
    if kind == "application/pdf":
        if size > limits.max_document_bytes:
            raise _too_large(size, limits.max_document_bytes)
        from pagekit.pdf.document import PdfDocument

        return PdfDocument(file, limits)
    if not fits:
        raise _too_large(size, limits.max_bytes)
    from pagekit.images import inspect_jpeg, inspect_png

    inspect = inspect_jpeg if kind == "image/jpeg" else inspect_png
    return OnePage(content, kind, inspect(content, limits))


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _too_large(size: int, most: int) -> Refusal:
    return Refusal(
        Reason.FILE_TOO_LARGE,
        f"The file has {size:,} bytes; the most is {most:,}.",
        "Scan it at a lower resolution or in grey, compress it, or split it, and upload that.",
    )
