"""qpdf, by way of pikepdf: the limits within which hostile files are opened.

Importing this module imports pikepdf (60 ms) and sets its limits, which hold for the whole process: a few hundred
kilobytes of a hostile file can unpack to gigabytes. An import happens once, under a lock, before the first use, which
is what pikepdf asks for.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pikepdf

from textdrop.core.errors import Reason, Refusal

UNPACKED_BYTES = 100 * 1024 * 1024
"""The most that a stream may unpack to."""

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_SAVE_AGAIN = "Save, print to PDF or scan the document again and upload that."

pikepdf.settings.set_qpdf_limits(
    doc_max_warnings=10_000,
    parser_max_nesting=100,
    parser_max_container_size=1_000_000,
    flate_max_memory=UNPACKED_BYTES,
    png_max_memory=UNPACKED_BYTES,
    run_length_max_memory=UNPACKED_BYTES,
    tiff_max_memory=UNPACKED_BYTES,
    dct_max_memory=UNPACKED_BYTES,
    dct_max_progressive_scans=1_000,
)


CPU_SECONDS = 10.0
"""The most that looking into one PDF may take: honest ones of 10 MB take well under a second."""


class BoundedFile(io.BytesIO):
    """A PDF's bytes, which end once looking into them has taken `CPU_SECONDS` of this thread.

    Objects whose strings have no end are read to the end of the file each, over and over: half a megabyte of them keeps
    qpdf busy for minutes. `exceeded` says that it was stopped: qpdf takes the missing bytes for damage and mends on.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.exceeded = False
        self._stops_at = time.thread_time() + CPU_SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        return b"" if self._stopped() else super().read(size)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return 0 if self._stopped() else super().readinto(buffer)

    def _stopped(self) -> bool:
        self.exceeded = self.exceeded or time.thread_time() > self._stops_at
        return self.exceeded


def damaged(what: str) -> Refusal:
    """The refusal of a damaged PDF, or of one of its pages."""
    return Refusal(Reason.DAMAGED, what, _SAVE_AGAIN)
