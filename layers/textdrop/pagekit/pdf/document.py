"""PDF: whether it can be opened, how many pages it has, and each of them as it is sent.

A sound page is cut out by qpdf. One whose own data is broken, or that is too large, is drawn from what was cut; one of
which qpdf does not see everything, from the file. If qpdf has to mend a file as a whole, every page is drawn from the
file: viewers show its newest state, and qpdf may see an older one. Opening reads the list of pages; each page is read
and judged when it is asked for. So a file may be larger than memory, and a broken page does not cost the others.
"""

from __future__ import annotations

import io
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

import pikepdf

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts, FileLimits
from pagekit.page import RecognisedPage
from pagekit.pdf import qpdf
from pagekit.pdf.beside_pages import attached_files, is_dynamic_form
from pagekit.pdf.cutting import CutPage, Fault, PageTooLarge, cut_page
from pagekit.pdf.page_tree import NO_PAGES, PageTree, read_page_tree, too_many_pages
from pagekit.pdf.qpdf import damaged
from pagekit.pdf.soundness import Soundness
from pagekit.pdf.whole_file import end_of_pdf, is_encrypted_without_password
from pagekit.pdf.written_references import WrittenReferences
from pagekit.prepared import How, PageWarning, Preparation, PreparedPage

if TYPE_CHECKING:
    from pagekit.pdf.drawing import Drawing, ShownPdf

# Files up to this size are in memory anyway, and are read in full.
_SMALL_BYTES = 10_000_000
# pdfium reads a broken file whole.
_MAX_DRAWN_FILE_BYTES = 200_000_000
_MAX_CUT_BYTES = 120_000_000
_COPIED_BYTES = 1024 * 1024
# A small document may have lost so many pages, if it states them.
_LOST_PAGES = 10
_SEEN_OTHERWISE = frozenset({Fault.LEFT_OUT, Fault.MENDED})
_LOW_DPI = 150


class _Broken(Exception):
    """Whatever a malformed object makes the library raise, it means the same."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What qpdf finds in a file."""

    tree: PageTree
    attachments: int


class PdfDocument:
    """A PDF that has been opened. It does not close the file that it reads.

    One thread may use it at a time; while pages are drawn, one in the whole process: pdfium is not thread-safe.
    """

    def __init__(self, file: BinaryIO, limits: FileLimits) -> None:
        """Opens it. Raises Refusal (`damaged`, `encrypted`, `xfa_form` or `too_many_pages`) and what reading the file
        raises.

        A PDF that opens without a password is not `encrypted`, whatever its owner's password forbids.
        """
        self._file = file
        self._limits = limits
        self._size = file.seek(0, io.SEEK_END)
        self._failure = qpdf.Failure()
        self._document: pikepdf.Pdf | None = None
        self._soundness: Soundness | None = None
        # What had to be mended while it was open this time.
        self._warnings: list[str] = []
        # Whether opening rebuilds the table of objects, which reads the whole file.
        self._is_reconstructed = False
        self._shown: ShownPdf | None = None
        self._copied: IO[bytes] | None = None
        self._is_locked = False
        # A page that was cut to see whether it has text, and its number: if it has none, that page is asked for next.
        self._kept: tuple[int, CutPage | None] | None = None
        self._end = end_of_pdf(file)
        opened = self._read_by_qpdf()
        self._tree = opened.tree if opened is not None else None
        # Whether qpdf's view of the file as a whole cannot be trusted: then all pages are drawn.
        self.is_broken = self._tree is None or self._is_reconstructed or self._end is None or self._may_lack_pages()
        self._is_shown_whole = False
        try:
            self.facts = self._facts(opened)
        except BaseException:
            self.close()
            raise

    def page(self, number: int) -> PreparedPage:
        """That page, counted from 1: cut if it is sound, else drawn; the same bytes each time.

        Raises Refusal about this page alone (`damaged` or `file_too_large`) and what reading the file raises.
        """
        if not 1 <= number <= self.facts.pages:
            raise ValueError(f"there is no page {number}: the document has {self.facts.pages}")
        is_listed = self._tree is not None and number <= self._tree.pages
        kept, self._kept = self._kept, None
        cut = kept[1] if kept is not None and kept[0] == number else self._cut(number) if is_listed else None
        faults = cut.faults if cut is not None else frozenset({Fault.MENDED} if is_listed else ())
        if cut is None or self._is_shown_whole or (not self.is_broken and faults & _SEEN_OTHERWISE):
            drawing, is_damaged = self._drawn_from_file(number, cut, faults)
        elif self.is_broken or faults or len(cut.content) > self._limits.max_bytes:
            drawing, is_damaged = self._drawn_from_cut(number, cut), self.is_broken or bool(faults)
        else:
            return PreparedPage(cut.content, "application/pdf", Preparation(How.CUT))
        if not drawing.shows_something and (faults or drawing.has_broken_picture):
            raise damaged(f"Page {number:,} of the PDF is damaged: what is on it is missing or cannot be decoded.")
        warnings = {
            PageWarning.DAMAGED: is_damaged or drawing.has_broken_picture,
            PageWarning.LOW_RESOLUTION: drawing.dpi < _LOW_DPI,
            PageWarning.MISSING_FONT: drawing.lacks_font,
        }
        preparation = Preparation(How.DRAWN, warnings=tuple(warning for warning, holds in warnings.items() if holds))
        return PreparedPage(drawing.content, drawing.media_type, preparation)

    def own_text(self, number: int) -> RecognisedPage | None:
        """As `Document`. A page that is not sound, or is too large to be sent as it is, has none."""
        self._kept = None
        if self.is_broken or not 1 <= number <= self.facts.pages:
            return None
        try:
            cut = self._cut(number)
        except Refusal:
            return None
        self._kept = number, cut
        if cut is None or cut.faults or len(cut.content) > self._limits.max_bytes:
            return None
        from pagekit.pdf.drawing import ShownPdf

        try:
            shown = ShownPdf(cut.content)
        except Refusal:
            return None
        try:
            return shown.own_text(1, user_unit=self._user_unit(number))
        finally:
            shown.close()

    def close(self) -> None:
        """Holds nothing any more but the file; asking for a page opens it again."""
        self._close_qpdf()
        if self._shown is not None:
            self._shown.close()
        if self._copied is not None:
            self._copied.close()
        self._shown = self._copied = self._kept = None

    def _read_by_qpdf(self) -> _Opened | None:
        """None if qpdf cannot say which pages there are. Raises Refusal for what no viewer opens either."""
        try:
            with self._reading():
                document = self._opened()
                if is_dynamic_form(document):
                    raise _dynamic_form()
                is_small = self._size <= _SMALL_BYTES
                tree = read_page_tree(document, self._limits.max_pages, trusting=not is_small)
                # Whether the table of objects is wrong as a whole is better found out now, while there is time for it.
                with suppress(Refusal):
                    tree.find(document, 1)
                return _Opened(tree, attached_files(document, tree if is_small else None))
        except _Broken:
            if is_encrypted_without_password(self._file):
                raise qpdf.is_protected() from None
            return None
        except Refusal as refusal:
            # Where only attached files are locked, viewers open the rest.
            self._is_locked = refusal.reason is Reason.ENCRYPTED
            if refusal.reason not in (Reason.DAMAGED, Reason.ENCRYPTED):
                raise
            return None

    def _may_lack_pages(self) -> bool:
        """Whether something was mended when the list of pages was read, and the list is shorter than it says."""
        is_mended = not all(map(qpdf.is_harmless, self._warnings))
        return is_mended and self._tree is not None and not self._tree.counts_are_right

    def _facts(self, opened: _Opened | None) -> FileFacts:
        """If the file is broken the longer list of pages counts, qpdf's or pdfium's."""
        pages = opened.tree.pages if opened is not None else 0
        attachments = opened.attachments if opened is not None else 0
        if self.is_broken:
            try:
                shown = self._file_as_shown()
            except Refusal:
                if opened is None:
                    raise
            else:
                if shown.is_dynamic_form:
                    raise _dynamic_form()
                shown_pages = shown.pages
                self._is_shown_whole = shown_pages >= pages
                pages, attachments = max(pages, shown_pages), max(attachments, shown.attachments)
                # A few pages more were lost; many more were never there.
                if shown.stated_pages <= 2 * pages + _LOST_PAGES:
                    pages = max(pages, shown.stated_pages)
                if pages > self._limits.max_pages:
                    raise too_many_pages(self._limits.max_pages)
        if not pages:
            raise damaged(NO_PAGES)
        return FileFacts("application/pdf", pages, attachments)

    def _drawn_from_file(self, number: int, cut: CutPage | None, faults: frozenset[Fault]) -> tuple[Drawing, bool]:
        """The page as viewers show it, if qpdf sees it differently, and whether that is damage. If pdfium shows
        nothing, it is what qpdf sees, which occasionally is more."""
        shown, tree = self._file_as_shown(), self._tree
        has_same_pages = tree is not None and tree.pages == shown.pages
        # Otherwise pdfium may take another page for it.
        is_found = self._is_shown_whole or (has_same_pages and tree is not None and tree.counts_are_right)
        drawing = None
        if is_found:
            with suppress(Refusal):
                drawing = shown.draw(number, self._limits, user_unit=self._user_unit(number))
        if cut is not None and (has_same_pages or not self.is_broken) and not (drawing and drawing.shows_something):
            return self._drawn_from_cut(number, cut), True
        if drawing is None:
            raise damaged(f"Page {number:,} of the PDF is damaged: it cannot be shown.")
        return drawing, not self._is_locked and (self.is_broken or faults != {Fault.LEFT_OUT})

    def _drawn_from_cut(self, number: int, cut: CutPage) -> Drawing:
        from pagekit.pdf.drawing import ShownPdf

        user_unit = self._user_unit(number)
        # What qpdf holds of a large page is not needed any more, and pdfium is about to take as much.
        self._close_qpdf()
        shown = ShownPdf(cut.content)
        try:
            return shown.draw(1, self._limits, user_unit=user_unit, is_sound=not cut.faults)
        finally:
            shown.close()

    def _file_as_shown(self) -> ShownPdf:
        """The file as pdfium opens it. pdfium reads a broken file whole, so that is copied. Raises Refusal."""
        if self._shown is None:
            if self._size > _MAX_DRAWN_FILE_BYTES:
                raise Refusal(
                    Reason.DAMAGED,
                    f"The PDF is damaged, and with {self._size:,} bytes too large to be mended; the most is "
                    f"{_MAX_DRAWN_FILE_BYTES:,}.",
                    "Open it in a viewer, print it to PDF and upload that.",
                )
            from pagekit.pdf.drawing import ShownPdf

            copied = tempfile.NamedTemporaryFile(suffix=".pdf")  # noqa: SIM115 - it is closed with the document
            try:
                self._file.seek(0)
                shutil.copyfileobj(self._file, copied, _COPIED_BYTES)
                copied.flush()
                self._shown = ShownPdf(Path(copied.name))
            except BaseException:
                copied.close()
                raise
            self._copied = copied
        return self._shown

    def _user_unit(self, number: int) -> float:
        """How many 72nds of an inch a unit of the page measures; 1 if that cannot be read."""
        try:
            with self._reading():
                unit = float(self._page(number)[0].get("/UserUnit", 1))
        except (_Broken, Refusal):
            return 1.0
        return unit if math.isfinite(unit) and unit > 0 else 1.0

    def _cut(self, number: int) -> CutPage | None:
        """The page cut out; None if qpdf cannot read it. Raises Refusal if nothing more can be done for it."""
        try:
            with self._reading():
                page, above = self._page(number)
                cut = cut_page(
                    self._opened(),
                    self._judge(),
                    number,
                    page,
                    above,
                    max_bytes=_MAX_CUT_BYTES,
                )
        except PageTooLarge:
            raise Refusal(
                Reason.FILE_TOO_LARGE,
                f"Page {number:,} of the PDF takes more than {_MAX_CUT_BYTES:,} bytes, which is the most.",
                "Scan it at a lower resolution or in grey, or compress the PDF, and upload that.",
            ) from None
        except (_Broken, Refusal):
            return None
        if all(map(qpdf.is_harmless, self._warnings)):
            return cut
        return CutPage(cut.content, cut.faults | {Fault.MENDED})

    def _page(self, number: int) -> tuple[pikepdf.Object, list[pikepdf.Object]]:
        if self._tree is None:
            raise _Broken
        return self._tree.find(self._opened(), number)

    def _judge(self) -> Soundness:
        if self._soundness is None:
            size = self._end or self._size
            written = WrittenReferences(self._source(), size, self._opened(), counts_all=self.is_broken)
            self._soundness = Soundness(written)
        return self._soundness

    def _source(self) -> BinaryIO:
        return qpdf.source(self._file, self._failure, self._end)

    def _opened(self) -> pikepdf.Pdf:
        """The document, opened anew if it is closed."""
        if self._document is None:
            try:
                self._document = qpdf.opened(self._source())
            except pikepdf.PasswordError:
                raise qpdf.needs_password() from None
            # Other warnings come each time it is opened, and are about trifles such as a blank in the wrong place.
            if any(qpdf.RECONSTRUCTED in warning for warning in qpdf.warnings_of(self._document)):
                self._is_reconstructed = True
        return self._document

    def _close_qpdf(self) -> None:
        if self._document is not None:
            self._document.close()
        self._document = None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """The document is read inside this context. Raises Refusal, PageTooLarge, _Broken, MemoryError, and what the
        file raises."""
        self._failure.error = None
        self._warnings = []
        outcome: Exception | None = None
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - what it means is decided below
            outcome = error
        if self._document is not None:
            self._warnings = qpdf.warnings_of(self._document)
        failure = self._failure.error
        # For qpdf, what was read while the file seemed to end does not exist. What was mended is not reported again,
        # and a table that was rebuilt for one page may be wrong for others.
        if failure is not None or (self._warnings and not self._is_reconstructed):
            self._close_qpdf()
        if failure is not None:
            raise failure
        if isinstance(outcome, Refusal | PageTooLarge):
            raise outcome from None
        if outcome is not None:
            raise _Broken from None


def _dynamic_form() -> Refusal:
    return Refusal(
        Reason.XFA_FORM,
        "The PDF is a dynamic XFA form, whose pages are not in the file as such: only Adobe Acrobat shows them.",
        "Open it in Adobe Acrobat, print it to PDF and upload that.",
    )
