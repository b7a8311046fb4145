"""qpdf, through pikepdf: the only way in which a PDF is opened. `pagekit.child` bounds its time and memory.

Importing this module imports pikepdf (60 ms) and sets its limits, which hold for the whole process: a few hundred
kilobytes of a hostile file can unpack to gigabytes. An import happens once, under a lock, before the first use, which
is what pikepdf asks for.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import pikepdf

from pagekit.errors import NotRenderable, Reason, Refusal
from pagekit.pdf.whole_file import end_of_pdf

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

UNPACKED_BYTES = 64 * 1024 * 1024
"""The most that qpdf unpacks a stream to."""

RECONSTRUCTED = "Attempting to reconstruct cross-reference table"
"""What qpdf's warnings say when it has searched the whole file for objects."""

# What qpdf's warnings say of where a stream or an object ends, and of data that it could not unpack: whether the data
# is whole is found out from the data. And of references to object 0, which are to nothing (PDF 1.7, 7.5.4): qpdf itself
# writes them for pages that were removed.
_HARMLESS = (
    "expected endstream",
    "attempting to recover stream length",
    "recovered stream length",
    "lacks /Length key",
    "/Length key in stream dictionary is not an integer",
    "stream keyword ",
    "expected endobj",
    "error decoding stream data",
    "stream will be re-processed without filtering",
    "treating bad indirect reference (0 0 R) as null",
)
_BUFFER_BYTES = 16 * 1024
_SAVE_AGAIN = "Save, print to PDF or scan the document again and upload that."

# No `doc_max_warnings`: with it, qpdf reads all pages when it opens a file. Without it, mending still ends after 1,000
# of them.
pikepdf.settings.set_qpdf_limits(
    parser_max_nesting=100,
    parser_max_container_size=1_000_000,
    flate_max_memory=UNPACKED_BYTES,
    png_max_memory=UNPACKED_BYTES,
    run_length_max_memory=UNPACKED_BYTES,
    tiff_max_memory=UNPACKED_BYTES,
    dct_max_memory=UNPACKED_BYTES,
    dct_max_progressive_scans=1_000,
)


@dataclass(slots=True)
class Failure:
    """What reading the file has raised: qpdf hides it, and continues as if the file ended there."""

    error: Exception | None = None


class _Source(io.RawIOBase):
    """A file that ends once reading it has failed. It has its own position: others may read the same file."""

    def __init__(self, file: BinaryIO, failure: Failure, end: int | None) -> None:
        super().__init__()
        self._file = file
        self._failure = failure
        self._size = file.seek(0, io.SEEK_END) if end is None else end
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        # There is nothing before the beginning, where broken offsets may lead.
        self._position = max(start + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._failure.error is not None:
            return 0
        into = memoryview(buffer).cast("B")
        try:
            self._file.seek(self._position)
            found = self._file.read(max(min(len(into), self._size - self._position), 0))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when qpdf has returned
            self._failure.error = error
            return 0
        into[: len(found)] = found
        self._position += len(found)
        return len(found)


def source(file: BinaryIO, failure: Failure, end: int | None = None) -> BinaryIO:
    """The file up to `end`, for qpdf to read."""
    # A buffer of C's: qpdf asks for the position and the next bytes a million times.
    return io.BufferedReader(_Source(file, failure, end), _BUFFER_BYTES)


def opened(source: BinaryIO) -> pikepdf.Pdf:
    """The PDF in a source, which is read as long as the PDF is open."""
    return pikepdf.open(
        source,
        suppress_warnings=True,
        # Inherited attributes are looked up where they are: spreading them over the pages would read all of them.
        inherit_page_attributes=False,
        access_mode=pikepdf.AccessMode.stream,
    )


@contextmanager
def opened_to_rewrite(file: BinaryIO) -> Iterator[pikepdf.Pdf]:
    """The PDF, to be rewritten as a whole. If that fails, what reading the file raised is raised first.

    Raises NotRenderable for a PDF that cannot be opened or written.
    """
    failure = Failure()
    try:
        with opened(source(file, failure, end_of_pdf(file))) as document:
            yield document
    except pikepdf.PasswordError:
        raise NotRenderable("The PDF opens only with a password.") from None
    except Exception as error:  # whatever qpdf made of it: what reading the file raised comes first
        if failure.error is not None:
            raise failure.error from None
        if isinstance(error, pikepdf.PdfError):
            raise NotRenderable("The PDF is damaged or protected in a way that it cannot be written again.") from None
        raise
    if failure.error is not None:
        raise failure.error


def warnings_of(document: pikepdf.Pdf) -> list[str]:
    """qpdf's warnings since they were last asked for."""
    return [str(warning) for warning in document.get_warnings()]


def is_harmless(warning: str) -> bool:
    """Whether a warning only says that something ends elsewhere than it claims, cannot be unpacked, or refers to
    nothing."""
    return any(words in warning for words in _HARMLESS)


def damaged(what: str) -> Refusal:
    """The refusal of a damaged PDF, or of one of its pages."""
    return Refusal(Reason.DAMAGED, what, _SAVE_AGAIN)


def needs_password() -> Refusal:
    """The refusal of a PDF that opens with a password."""
    return Refusal(
        Reason.ENCRYPTED, "The PDF opens only with a password.", "Save it without the password and upload that."
    )


def is_protected() -> Refusal:
    """The refusal of a PDF that is encrypted with something other than a password."""
    return Refusal(
        Reason.ENCRYPTED,
        "The PDF is encrypted for the holders of certain certificates or by other protection software.",
        "Save it without encryption and upload that.",
    )
