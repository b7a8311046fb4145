"""qpdf, by way of pikepdf: opening a PDF within limits that hold for hostile files.

Importing this module imports pikepdf (60 ms) and sets its limits, which hold for the whole process: a few hundred
kilobytes of a hostile file can unpack to gigabytes. An import happens once, under a lock, before the first use, which
is what pikepdf asks for.
"""

from __future__ import annotations

from typing import BinaryIO

import pikepdf

from textdrop.core.errors import Reason, Refusal

UNPACKED_BYTES = 100 * 1024 * 1024
"""The most that a stream may unpack to."""

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


def open_pdf(file: BinaryIO, *, mend: bool) -> pikepdf.Pdf:
    """The document, read from the file piece by piece as it is used. Raises pikepdf.PdfError.

    Without `mend`, an object that is not where the table of objects says reads as null, with a warning; with it, the
    whole file is searched for objects. Inherited attributes stay where they are: spreading them walks all pages.
    """
    return pikepdf.open(
        file,
        suppress_warnings=True,
        inherit_page_attributes=False,
        attempt_recovery=mend,
        access_mode=pikepdf.AccessMode.stream,
    )


def damaged(what: str) -> Refusal:
    """The refusal of a damaged PDF, or of one of its pages."""
    return Refusal(Reason.DAMAGED, what, _SAVE_AGAIN)
