"""qpdf, by way of pikepdf: the one way in which a PDF is opened, within limits of time and memory.

Importing this module imports pikepdf (60 ms) and sets its limits, which hold for the whole process: a few hundred
kilobytes of a hostile file can unpack to gigabytes. An import happens once, under a lock, before the first use, which
is what pikepdf asks for.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pikepdf

from pagekit.errors import NotRenderable, Reason, Refusal
from pagekit.pdf.whole_file import end_of_pdf

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

UNPACKED_BYTES = 64 * 1024 * 1024
"""The most that qpdf unpacks a stream to."""

CPU_SECONDS = 10.0
"""The most that opening a PDF may take: honest ones take well under a second."""

MENDING_SECONDS_PER_BYTE = 0.06e-6
"""What opening may take beyond that: a file whose table of objects is rebuilt is read from end to end, line by line,
which takes about a third of this."""

PAGE_CPU_SECONDS = 3.0
"""The most that one page may take: honest ones take milliseconds."""

GROWTH_BYTES = 500 * 1024 * 1024
"""The most memory that the process may have taken on since reading began: honest files take on some 50 MB."""

REWRITING_CPU_SECONDS = 30.0
"""What writing a PDF again may take, and beyond it, for each byte and for each page. An honest one takes a tenth."""
REWRITING_SECONDS_PER_BYTE = 0.1e-6
REWRITING_SECONDS_PER_PAGE = 0.1

DRAWING_SECONDS = 5.0
"""What drawing a page may take beyond that. An honest one takes a tenth."""

REWRITING_GROWTH_BYTES = 1_000_000_000
"""The most memory that the process may take on meanwhile. 5,000 pages of print take some 100 MB."""

cpu_clock: Callable[[], float] = time.thread_time
"""The processor time that this thread has used, in seconds. Tests replace it, so as not to depend on a machine."""

RECONSTRUCTED = "Attempting to reconstruct cross-reference table"
"""What qpdf's warnings say when it has searched the whole file for objects."""

# What qpdf's warnings say of where a stream or an object ends, and of data that it could not unpack: whether the data
# is whole is found out from the data.
_ABOUT_LENGTHS = (
    "expected endstream",
    "attempting to recover stream length",
    "recovered stream length",
    "lacks /Length key",
    "/Length key in stream dictionary is not an integer",
    "stream keyword ",
    "expected endobj",
    "error decoding stream data",
    "stream will be re-processed without filtering",
)
_BUFFER_BYTES = 16 * 1024
_SAVE_AGAIN = "Save, print to PDF or scan the document again and upload that."

# No `doc_max_warnings`: with it, qpdf reads all pages when it opens a file. Mending ends after 1,000 of them by itself.
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


class Bounds:
    """What reading a PDF for one purpose may cost. `failure` is what reading the file has raised, which qpdf keeps to
    itself.

    The purpose is one call, in one thread: `begin` there. Objects whose strings have no end are read to the end of the
    file each, over and over: half a megabyte of them keeps qpdf busy for minutes, and lists of numbers take 70 times as
    much memory as in the file. `exceeded` says that reading was stopped.
    """

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.exceeded = False
        self._stops_at = 0.0
        self._max_resident_bytes = 0

    def begin(self, cpu_seconds: float, growth_bytes: int) -> None:
        """Counts from now on, in this thread."""
        self.failure = None
        self.exceeded = False
        self._stops_at = cpu_clock() + cpu_seconds
        self._max_resident_bytes = _resident_bytes() + growth_bytes

    def allow_more(self, cpu_seconds: float) -> None:
        """As much time more."""
        self._stops_at += cpu_seconds

    def are_passed(self) -> bool:
        """Whether to stop, now and until the next `begin`."""
        self.exceeded = self.exceeded or cpu_clock() > self._stops_at or _resident_bytes() > self._max_resident_bytes
        return self.exceeded or self.failure is not None


class _BoundedFile(io.RawIOBase):
    """A file that ends once the bounds are passed or reading it has failed: qpdf takes that for damage and goes on.

    It has a position of its own: others may read in the same file in between.
    """

    def __init__(self, file: BinaryIO, bounds: Bounds, end: int | None) -> None:
        super().__init__()
        self._file = file
        self._bounds = bounds
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
        if self._bounds.are_passed():
            return 0
        into = memoryview(buffer).cast("B")
        try:
            self._file.seek(self._position)
            found = self._file.read(max(min(len(into), self._size - self._position), 0))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when qpdf has returned
            self._bounds.failure = error
            return 0
        into[: len(found)] = found
        self._position += len(found)
        return len(found)


def bounded(file: BinaryIO, bounds: Bounds, end: int | None = None) -> BinaryIO:
    """The file up to `end`, to be read within the bounds."""
    # A buffer of C's: qpdf asks for the position and the next bytes a million times.
    return io.BufferedReader(_BoundedFile(file, bounds, end), _BUFFER_BYTES)


def opened(file: BinaryIO) -> pikepdf.Pdf:
    """The PDF in a bounded file, which is read as long as it is open."""
    return pikepdf.open(
        file,
        suppress_warnings=True,
        # Inherited attributes are looked up where they are: spreading them over the pages reads all of them.
        inherit_page_attributes=False,
        access_mode=pikepdf.AccessMode.stream,
    )


@contextmanager
def opened_to_rewrite(file: BinaryIO) -> Iterator[tuple[pikepdf.Pdf, Bounds]]:
    """The PDF, to be written again as a whole within the bounds of that. `check` the bounds while it is worked on.

    Whatever qpdf makes of a file that fails: what reading it raised is raised. Raises NotRenderable for a PDF that
    cannot be opened or written, or not within the bounds.
    """
    bounds = Bounds()
    size = file.seek(0, io.SEEK_END)
    bounds.begin(REWRITING_CPU_SECONDS + REWRITING_SECONDS_PER_BYTE * size, REWRITING_GROWTH_BYTES)
    try:
        with opened(bounded(file, bounds, end_of_pdf(file))) as document:
            yield document, bounds
    except pikepdf.PasswordError:
        raise NotRenderable("The PDF opens only with a password.") from None
    except Exception as error:  # whatever qpdf made of it: what reading the file raised comes first
        check(bounds)
        if isinstance(error, pikepdf.PdfError):
            raise NotRenderable("The PDF is damaged or protected in a way that it cannot be written again.") from None
        raise
    check(bounds)


def check(bounds: Bounds) -> None:
    """Raises what reading the file has raised, and NotRenderable once the bounds are passed."""
    if bounds.are_passed():
        raise bounds.failure or NotRenderable("The PDF takes too much time or memory to be written again.")


def warnings_of(document: pikepdf.Pdf) -> list[str]:
    """qpdf's warnings since they were last asked for."""
    return [str(warning) for warning in document.get_warnings()]


def is_about_lengths(warning: str) -> bool:
    """Whether a warning says no more than that something ends elsewhere than it says, or cannot be unpacked."""
    return any(words in warning for words in _ABOUT_LENGTHS)


def damaged(what: str) -> Refusal:
    """The refusal of a damaged PDF, or of one of its pages."""
    return Refusal(Reason.DAMAGED, what, _SAVE_AGAIN)


def needs_password() -> Refusal:
    """The refusal of a PDF that opens with a password."""
    return Refusal(
        Reason.ENCRYPTED, "The PDF opens only with a password.", "Save it without the password and upload that."
    )


def is_protected() -> Refusal:
    """The refusal of a PDF that is encrypted otherwise."""
    return Refusal(
        Reason.ENCRYPTED,
        "The PDF is encrypted for the holders of certain certificates or by other protection software.",
        "Save it without encryption and upload that.",
    )


def _resident_bytes() -> int:
    """The process's memory, 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
