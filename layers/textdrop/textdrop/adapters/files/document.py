"""An uploaded file, opened: what it is, and each of its pages as it can be sent."""

from __future__ import annotations

import io
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from textdrop.adapters.files.kinds import describe_unsupported, media_type
from textdrop.core.errors import Reason, Refusal
from textdrop.core.files import FileFacts, FileLimits

# A type shows at the start; what a ZIP file holds is listed at its end.
_SAMPLE_BYTES = 64 * 1024


class Pages(Protocol):
    """The pages of a file of one kind."""

    facts: FileFacts

    def page(self, number: int) -> bytes:
        """The page, counted from 1."""

    def close(self) -> None:
        """Frees what the pages hold."""


class OpenedDocument:
    """A context manager around an opened file, which stays the caller's to close. For one thread at a time."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pages.close()

    @property
    def facts(self) -> FileFacts:
        """What the file is, and how many pages it has."""
        return self._pages.facts

    def page(self, number: int) -> bytes:
        """What is to be sent for this page (counted from 1; an image is one), in any order, the same bytes each time.

        Raises Refusal (`damaged` or `file_too_large`) for this page alone, and what reading the file raises; then the
        other pages may still be asked for, and this one again.
        """
        return self._pages.page(number)


def open_document(file: BinaryIO, size: int, limits: FileLimits) -> OpenedDocument:
    """Looks into a file of `size` bytes, judged by its content alone, reading no more of it than it must.

    Raises Refusal, whatever the bytes: `empty_file`, `unsupported_type`, `damaged`, `encrypted`, `too_many_pages`,
    `image_too_large`, and `file_too_large` for an image or a single page; and what reading the file raises, which is
    never taken for damage. The type comes before the size: nobody should make a file smaller only to learn that it
    cannot be read anyway. A PDF may have any size.
    """
    if size == 0:
        raise Refusal(Reason.EMPTY_FILE, "The file is empty.", "Upload it again, or check where it comes from.")
    sample = _read(file, 0, min(size, _SAMPLE_BYTES))
    kind = media_type(sample)
    if kind is None:
        rest = max(_SAMPLE_BYTES, size - _SAMPLE_BYTES)
        looks_like, advice = describe_unsupported(sample + _read(file, rest, max(0, size - rest)))
        raise Refusal(
            Reason.UNSUPPORTED_TYPE, f"The file is {looks_like}; PDF, JPEG and PNG can be recognised.", advice
        )
    # A PDF library costs memory and time that images should not pay for, so it is imported for a PDF only.
    if kind == "application/pdf":
        from textdrop.adapters.files.pdf_document import PdfDocument

        return OpenedDocument(PdfDocument(file, size, limits))
    if size > limits.max_bytes:
        raise Refusal(
            Reason.FILE_TOO_LARGE,
            f"The file has {size:,} bytes; the most is {limits.max_bytes:,}.",
            "Scan it at a lower resolution or in grey, compress it, or split it, and upload that.",
        )
    from textdrop.adapters.files.images import inspect_jpeg, inspect_png

    content = _read(file, 0, size)
    facts = inspect_jpeg(content, limits) if kind == "image/jpeg" else inspect_png(content, limits)
    return OpenedDocument(_Image(facts, content))


@dataclass(slots=True)
class _Image:
    facts: FileFacts
    content: bytes

    def page(self, number: int) -> bytes:
        if number != 1:
            raise IndexError(f"page {number} of 1")
        return self.content

    def close(self) -> None:
        self.content = b""


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    """So many bytes, fewer where the file ends; a file may give them in pieces."""
    file.seek(start)
    pieces = io.BytesIO()
    while piece := file.read(size - pieces.tell()):
        pieces.write(piece)
    return pieces.getvalue()
