"""A PDF is opened to be written again, within bounds: a hostile one must not take the others' time and memory.

Importing this module sets qpdf's limits, which hold for the whole process, to the values with which pages are cut.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pikepdf

from pagekit.errors import NotRenderable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

UNPACKED_BYTES = 4 * 1024 * 1024

CPU_SECONDS = 30.0
"""What writing a PDF anew may take, and beyond it, for each byte and for each page. An honest one takes a tenth."""
CPU_SECONDS_PER_BYTE = 0.1e-6
CPU_SECONDS_PER_PAGE = 0.1

GROWTH_BYTES = 1_000_000_000
"""The most memory that the process may take on meanwhile. 5,000 pages of print take some 100 MB."""

_BUFFER_BYTES = 64 * 1024

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


class BoundedSource(io.RawIOBase):
    """A file that ends once the bounds are passed or reading it has failed: qpdf takes either for damage and goes on,
    so both are remembered here."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.exceeded = False
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._position = 0
        self._stops_at = time.thread_time() + CPU_SECONDS + CPU_SECONDS_PER_BYTE * self._size
        self._most_bytes = _resident_bytes() + GROWTH_BYTES

    def allow_pages(self, pages: int) -> None:
        """More time for so many pages."""
        self._stops_at += CPU_SECONDS_PER_PAGE * pages

    def check(self) -> None:
        """Raises what reading has raised, and NotRenderable once the bounds are passed."""
        self.exceeded = self.exceeded or time.thread_time() > self._stops_at or _resident_bytes() > self._most_bytes
        if self.failure is not None:
            raise self.failure
        if self.exceeded:
            raise NotRenderable("The PDF takes too much time or memory to be written again.")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        # There is nothing before the beginning, where broken offsets may lead.
        self._position = max(start + offset, 0)
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        try:
            self.check()
            into = memoryview(buffer).cast("B")
            self._file.seek(self._position)
            found = self._file.read(len(into))
        except NotRenderable:
            return 0
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when qpdf has returned
            self.failure = error
            return 0
        into[: len(found)] = found
        self._position += len(found)
        return len(found)


@contextmanager
def opened(file: BinaryIO) -> Iterator[tuple[pikepdf.Pdf, BoundedSource]]:
    """The PDF, and the file as it reads it. Whatever qpdf makes of a file that fails, what it raised is raised.

    Raises NotRenderable for a PDF that cannot be opened or written.
    """
    source = BoundedSource(file)
    try:
        with pikepdf.open(
            # A buffer of C's: qpdf asks for the position and the next bytes a million times.
            io.BufferedReader(source, _BUFFER_BYTES),
            suppress_warnings=True,
            inherit_page_attributes=False,
            access_mode=pikepdf.AccessMode.stream,
        ) as document:
            yield document, source
    except pikepdf.PasswordError:
        raise NotRenderable("The PDF opens only with a password.") from None
    except Exception as error:  # whatever qpdf made of it: what reading the source raised comes first
        source.check()
        if isinstance(error, pikepdf.PdfError):
            raise NotRenderable("The PDF is damaged or protected in a way that it cannot be written again.") from None
        raise
    source.check()


def _resident_bytes() -> int:
    """The process's memory, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
