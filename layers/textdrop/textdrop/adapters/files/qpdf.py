"""qpdf, by way of pikepdf: the limits within which hostile files are opened.

Importing this module imports pikepdf (60 ms) and sets its limits, which hold for the whole process: a few hundred
kilobytes of a hostile file can unpack to gigabytes. An import happens once, under a lock, before the first use, which
is what pikepdf asks for.
"""

from __future__ import annotations

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


def damaged(what: str) -> Refusal:
    """The refusal of a damaged PDF, or of one of its pages."""
    return Refusal(Reason.DAMAGED, what, _SAVE_AGAIN)
