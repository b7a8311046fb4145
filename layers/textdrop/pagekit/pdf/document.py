"""PDF: whether it can be opened, how many pages it has, and each of them as a file of its own.

When is a damaged PDF fine? qpdf mends what it can, and a file cut in half is mended to a document with half its
content. That must not pass as the whole, so a document is refused if its end is missing, and a page if something of
it is (see page_file). A wrong table of objects and rubbish before or behind the file are mended without loss, and fine.

A document of one page is read in full at once. One of several pages may be larger than memory: opening it reads the
list of pages, and each page is read and judged when it is asked for, so that a broken one does not lose the others.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import pikepdf

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts, FileLimits
from pagekit.pdf import qpdf
from pagekit.pdf.cutting import PageTooLarge, cut_page
from pagekit.pdf.page_tree import PageTree, read_page_tree
from pagekit.pdf.qpdf import damaged
from pagekit.pdf.whole_file import (
    check_objects,
    is_cut_off,
    is_encrypted_without_password,
    stated_pages,
)
from pagekit.prepared import How, Preparation, PreparedPage

# Files up to this size are in memory anyway, and are read in full.
_SMALL_BYTES = 10_000_000
# qpdf keeps each object that it has read: 1 KB a page of a scan, 12 KB and more of one that was printed.
_PAGES_UNTIL_REOPENED = 500
# No page has that much, in a file that is no larger than one page may be.
_CHECKED_BYTES = 100_000_000

_UNREADABLE = "The PDF is damaged: its parts cannot be separated."


class _Broken(Exception):
    """Whatever a malformed object makes the library raise, it means one thing."""


class _Stopped(Exception):
    """Reading took more time or memory than it may."""


class PdfDocument:
    """A PDF that has been opened. Any thread may use it, one at a time. The file it reads from is not closed by it."""

    def __init__(self, file: BinaryIO, limits: FileLimits) -> None:
        """Opens it. Raises Refusal (`damaged`, `encrypted` or `too_many_pages`) and what reading the file raises.

        A PDF that opens without a password is not `encrypted`, whatever its owner's password forbids.
        """
        self._file = file
        self._max_bytes = limits.max_bytes
        self._size = file.seek(0, io.SEEK_END)
        self._bounds = qpdf.Bounds()
        self._document: pikepdf.Pdf | None = None
        self._pages_read = 0
        # What had to be mended in this bounded read.
        self._warnings: list[str] = []
        # Whether opening rebuilds the table of objects, which reads the whole file.
        self._is_reconstructed = False
        self._tree = self._read_tree(limits.max_pages)
        self.facts = FileFacts("application/pdf", pages=self._tree.pages)

    def page(self, number: int) -> PreparedPage:
        """That page, counted from 1, as a PDF of its own; the same bytes each time.

        Raises Refusal about this page alone (`damaged` or `file_too_large`) and what reading the file raises.
        """
        try:
            return PreparedPage(self._cut(number, self._max_bytes), "application/pdf", Preparation(How.CUT))
        except PageTooLarge:
            raise Refusal(
                Reason.FILE_TOO_LARGE,
                f"Page {number:,} of the PDF takes more than {self._max_bytes:,} bytes by itself, which is the most.",
                "Scan it at a lower resolution or in grey, or compress the PDF, and upload that.",
            ) from None

    def check(self, number: int) -> None:
        """Raises Refusal (`damaged`) if something of the page is missing, and what reading the file raises."""
        try:
            self._cut(number, _CHECKED_BYTES)
        except PageTooLarge:
            raise damaged(_UNREADABLE) from None

    def close(self) -> None:
        """Nothing is held any more but the file; to ask for a page opens it again."""
        if self._document is not None:
            self._document.close()
        self._document = None
        self._pages_read = 0

    def _read_tree(self, max_pages: int) -> PageTree:
        is_small = self._size <= _SMALL_BYTES
        if is_small:
            self._file.seek(0)
            check_objects(self._file.read())
        if is_cut_off(self._file):
            raise damaged("The PDF is cut off: its end is missing.")
        try:
            with self._bounded_read(self._opening_seconds()):
                document = self._opened()
                tree = read_page_tree(document, max_pages, trusting=not is_small)
                # Whether the table of objects is wrong as a whole is better found out now, with the time for it.
                with suppress(Refusal):
                    tree.find(document, 1)
            self._check_count(tree)
            return tree
        except _Stopped:
            raise damaged(_UNREADABLE) from None
        except _Broken:
            if is_encrypted_without_password(self._file):
                raise Refusal(
                    Reason.ENCRYPTED,
                    "The PDF is encrypted for the holders of certain certificates or by other protection software.",
                    "Save it without encryption and upload that.",
                ) from None
            raise damaged("The PDF cannot be opened, nor mended.") from None

    def _check_count(self, tree: PageTree) -> None:
        """A wrong count means nothing where nothing is damaged; else pages may be missing, and others misnumbered."""
        if not self._warnings and not self._is_reconstructed:
            return
        stated = stated_pages(self._file, tree.root) if self._is_reconstructed else -1
        stated = stated if stated >= 0 else tree.stated
        if tree.pages < stated or (tree.pages > 1 and tree.pages != stated):
            raise damaged("The PDF is damaged: one of its pages is missing.")

    def _cut(self, number: int, max_bytes: int) -> bytes:
        if not 1 <= number <= self._tree.pages:
            raise ValueError(f"there is no page {number}: the document has {self._tree.pages}")
        try:
            with self._bounded_read(self._opening_seconds() if self._is_reconstructed else qpdf.PAGE_CPU_SECONDS):
                return self._cut_within_bounds(number, max_bytes)
        except _Stopped:
            raise damaged(f"Page {number:,} of the PDF is damaged: its parts cannot be separated.") from None
        except _Broken:
            raise damaged(f"Page {number:,} of the PDF is damaged: it cannot be read.") from None

    def _cut_within_bounds(self, number: int, max_bytes: int) -> bytes:
        if self._pages_read >= _PAGES_UNTIL_REOPENED and not self._is_reconstructed:
            self.close()
        self._pages_read += 1
        document = self._document or self._opened()
        page, above = self._tree.find(document, number)
        content = cut_page(
            document,
            number,
            page,
            above,
            max_bytes=max_bytes,
            is_mended=self._is_mended,
            are_bounds_passed=self._bounds.are_passed,
        )
        if self._tree.pages > 1 and qpdf.is_garbled(page.objgen, self._warnings):
            # It may have become another page.
            raise damaged(f"The PDF is damaged: a part of page {number:,} is missing.")
        return content

    def _opening_seconds(self) -> float:
        return qpdf.CPU_SECONDS + qpdf.MENDING_SECONDS_PER_BYTE * self._size

    def _opened(self) -> pikepdf.Pdf:
        try:
            document = qpdf.opened(self._file, self._bounds)
        except pikepdf.PasswordError:
            raise Refusal(
                Reason.ENCRYPTED,
                "The PDF opens only with a password.",
                "Save it without the password and upload that.",
            ) from None
        warnings = qpdf.warnings_of(document)
        # Other warnings come each time it is opened, and are about as little as a blank in the wrong place.
        if any(qpdf.RECONSTRUCTED in warning for warning in warnings):
            self._is_reconstructed = True
            if any(qpdf.PAGE_LEFT_OUT in warning for warning in warnings):
                raise damaged("The PDF is damaged: one of its pages is missing.")
        self._document = document
        return document

    def _is_mended(self) -> bool:
        """Whether this bounded read had to mend anything.

        Raises PageTooLarge if it mended a stream to more than a page has.
        """
        new = qpdf.warnings_of(self._document) if self._document is not None else []
        self._warnings += new
        if qpdf.recovered_bytes(new) > max(self._max_bytes, _SMALL_BYTES):
            raise PageTooLarge
        return self._is_reconstructed or bool(self._warnings)

    @contextmanager
    def _bounded_read(self, cpu_seconds: float) -> Iterator[None]:
        """The document is read within it. Raises Refusal, PageTooLarge, _Broken, _Stopped, and what the file raises."""
        self._bounds.begin(cpu_seconds, qpdf.GROWTH_BYTES)
        self._warnings = []
        outcome: Exception | None = None
        try:
            yield
        except Exception as error:  # noqa: BLE001 - what it means is decided below
            outcome = error
        with suppress(PageTooLarge):
            self._is_mended()
        stopped, failure = self._bounds.exceeded, self._bounds.failure
        # What was read while the file seemed to end is not in it for qpdf. What was mended is not reported again, and a
        # table that was rebuilt for one page may be wrong for others.
        if stopped or failure is not None or (self._warnings and not self._is_reconstructed):
            self.close()
        if failure is not None:
            raise failure
        if stopped:
            raise _Stopped from None
        if isinstance(outcome, Refusal | PageTooLarge):
            raise outcome from None
        if outcome is not None:
            raise _Broken from None
