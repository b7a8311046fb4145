"""PDF: whether it can be opened, how many pages it has, and each of them as a PDF of its own, whole or refused.

The file is never held as a whole, so that it may have any size; it may be in S3, where each look into it costs time.

When is a damaged PDF fine? qpdf mends what it can, and a file cut in half is mended to a document with half its
content. That must not pass as the whole. Of the document is asked, when it is opened, that
- it opens without a password;
- its end is there: the last thing that is written, again with each later change, is "startxref", where the table of
  objects is, and no object may begin behind it. A table that can be used is found from the file's last kilobyte, so of
  such a file only the end is looked at;
- no page is missing from its list of pages.
Of each page, when it is asked for, that
- its content, and the pictures and forms that it draws, are there and are not shorter than they should be, if anything
  had to be mended (where nothing is damaged, a reference to nothing is allowed, and means nothing: PDF 1.7, 7.3.10);
- no JPEG that it shows is cut off, as programs that wrap scans in PDF do not look into them.
So damage to one page loses that page alone. A document of one page is judged, and cut if need be, when it is opened.

Mending means searching the whole file for objects, reading it again and again. A file of up to `MENDED_UP_TO_BYTES` is
mended: a wrong table of objects, and rubbish before or behind the file, lose nothing and are fine. To that size, too,
every page is looked up when the document is opened. Of a larger file a page is read only when it is asked for, the
numbers of pages that its lists state are believed, and what would need mending is `damaged`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import pikepdf

from textdrop.adapters.files.drawings import Drawings, TooLarge, draws_what_is_lost
from textdrop.adapters.files.page_cut import alone, cut
from textdrop.adapters.files.page_tree import PagePath, page_at, page_paths
from textdrop.adapters.files.qpdf import damaged, open_pdf
from textdrop.adapters.files.whole_file import check_objects, is_cut_off, is_encrypted_without_password, listed_pages
from textdrop.core.errors import Reason, Refusal
from textdrop.core.files import FileFacts, FileLimits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MENDED_UP_TO_BYTES: Final = 50_000_000
PAGES_AN_OPENING: Final = 100
BYTES_AN_OPENING: Final = 32_000_000
"""qpdf keeps the objects that it has read of a document, and pikepdf all that was copied out of it, so the document is
opened anew after so many pages, or so many bytes of them, whichever comes first."""

_TAIL_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024
# More pictures than this in the resources of a page are hardly all its own.
_MANY_NAMES = 16


class PdfDocument:
    """An open PDF. Not safe to use from several threads at once. The file stays the caller's to close."""

    def __init__(self, file: BinaryIO, size: int, limits: FileLimits) -> None:
        """Raises Refusal (`damaged`, `encrypted`, `too_many_pages`; for a single page also `file_too_large`), and
        what reading the file raises."""
        self._file = _Watched(file, size)
        self._size = size
        self._limits = limits
        self._document: pikepdf.Pdf | None = None
        self._drawings = Drawings(encrypted=False, max_bytes=limits.max_bytes)
        self._paths: list[PagePath] = []
        self._may_mend = size <= MENDED_UP_TO_BYTES
        self._mending = False
        # Something was missing or not in its place, so that what a page lacks may have been lost.
        self._suspicious = False
        self._pages_cut = 0
        self._bytes_cut = 0
        self._only: bytes | None = None
        with self._reading():
            self._open_first()
            self.facts = FileFacts("application/pdf", pages=len(self._paths))
            if self.facts.pages == 1:
                self._only = self._page(1)

    def page(self, number: int) -> bytes:
        """A PDF of this page, counted from 1, that shows what the page shows; of a single page within the limit, the
        file as it is.

        Asking again gives the same bytes. Raises Refusal (`damaged` or `file_too_large`), which concerns this page
        alone, and what reading the file raises; after either, other pages may be asked for, and this one again.
        """
        if not 1 <= number <= self.facts.pages:
            raise IndexError(f"page {number} of {self.facts.pages}")
        if self._only is not None:
            return self._only
        with self._reading():
            return self._page(number)

    def close(self) -> None:
        """Frees what the document holds."""
        self._drop()
        self._only = None

    def _open_first(self) -> None:
        try:
            document = self._open()
            self._paths = page_paths(document, self._limits.max_pages, trusting=not self._may_mend)
            self._suspicious = bool(document.get_warnings())
            if is_cut_off(self._end(_TAIL_BYTES)):
                raise damaged("The PDF is cut off: its end is missing.")
        except pikepdf.PasswordError:
            raise _with_password() from None
        except Refusal as refusal:
            if refusal.reason == Reason.TOO_MANY_PAGES or not self._may_mend:
                raise
            self._mend()
        except Exception:  # noqa: BLE001 - whatever a malformed object makes the library raise, it means one thing
            if not self._may_mend:
                raise _unreadable(self._end(_TAIL_BYTES), "too large to be mended") from None
            self._mend()
        else:
            if self._suspicious and self._may_mend:
                self._mend()
                # The table of objects can be used, and a warning may be about as little as a missing page size.
                self._suspicious = False

    def _mend(self) -> None:
        """Opens the document with all that can be found in the file. Refusal if that is not the whole."""
        self._drop()
        self._mending = self._suspicious = True
        content = self._end(self._size)
        check_objects(content)
        try:
            document = self._open()
            if is_cut_off(content):
                raise damaged("The PDF is cut off: its end is missing.")
            self._paths = page_paths(document, self._limits.max_pages, trusting=False)
            # Mending drops the pages that are not there from the lists of pages; the file still names them.
            if any(document.get_object(listed) is None for listed in listed_pages(content)):
                raise damaged("The PDF is damaged: one of its pages is missing.")
            document.get_warnings()
        except pikepdf.PasswordError:
            raise _with_password() from None
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 - as above
            raise _unreadable(content, "cannot be mended") from None

    def _page(self, number: int) -> bytes:
        # Mending anew would cost more than what is kept of a file that is small enough to be mended.
        used_up = self._pages_cut >= PAGES_AN_OPENING or self._bytes_cut >= BYTES_AN_OPENING
        if used_up and not self._mending:
            self._drop()
        try:
            return self._cut(number)
        except Refusal:
            if self._mending or not (self._may_mend and self._suspicious):
                raise
        paths = self._paths
        try:
            self._mend()
            if len(self._paths) != len(paths):
                raise damaged("The PDF is damaged: its list of pages is broken.")
        except Refusal:
            # The other pages are as they were.
            self._drop()
            self._may_mend = self._mending = False
            self._paths = paths
            raise
        return self._cut(number)

    def _cut(self, number: int) -> bytes:
        document = self._document or self._open()
        self._pages_cut += 1
        problem = damaged(f"The PDF is damaged: page {number:,} cannot be read.")
        for most_names in (_MANY_NAMES, 0):
            try:
                page = alone(page_at(document, self._paths[number - 1]))
                self._check(document, number, page, most_names)
                if len(self._paths) == 1 and self._size <= self._limits.max_bytes:
                    return bytes(self._end(self._size))
                content = cut(document, page, self._limits.max_bytes)
                self._bytes_cut += len(content)
                self._note_warnings(document)
                if self._suspicious and self._may_mend and not self._mending:
                    raise problem
                return content
            except TooLarge:
                problem = _too_large(number, self._limits)
            except Refusal as refusal:
                problem = refusal
            except Exception:  # noqa: BLE001 - as above
                self._note_warnings(document)
        raise problem

    def _check(self, document: pikepdf.Pdf, number: int, page: pikepdf.Dictionary, most_names: int) -> None:
        """Refusal if something of the page is lost."""
        whole = self._drawings.are_whole(page, most_names)
        self._note_warnings(document)
        if self._suspicious and (not whole or draws_what_is_lost(page)):
            raise damaged(f"The PDF is damaged: a part of page {number:,} is missing.")

    def _note_warnings(self, document: pikepdf.Pdf) -> None:
        # An object is read, and found to be damaged, when it is used; the warning comes once.
        self._suspicious |= bool(document.get_warnings())

    def _open(self) -> pikepdf.Pdf:
        self._file.seek(0)
        self._document = open_pdf(cast(BinaryIO, self._file), mend=self._mending)
        self._drawings = Drawings(self._document.is_encrypted, self._limits.max_bytes)
        self._pages_cut = 0
        self._bytes_cut = 0
        return self._document

    def _drop(self) -> None:
        if self._document is not None:
            self._document.close()
        self._document = None

    def _end(self, most_bytes: int) -> bytearray:
        """The last bytes of the file, at most so many."""
        content = bytearray(min(most_bytes, self._size))
        self._file.seek(self._size - len(content))
        done = 0
        with memoryview(content) as view:
            while done < len(content) and (count := self._file.readinto(view[done : done + _PIECE_BYTES])):
                done += count
        return content

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What reading the file raises is raised, whatever qpdf made of it: a failing network is no damage."""
        self._file.failure = None
        try:
            yield
        finally:
            if self._file.failure is not None:
                # What could not be read is null in it.
                self._drop()
                raise self._file.failure


class _Watched(io.RawIOBase):
    """A file that remembers what reading it raised, and raises it again at every later use.

    qpdf takes an error of reading for damage to the object that it was reading, mends the document around it and goes
    on. So what was asked of it may have failed, or may even have succeeded, without a word of the error.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self.failure: BaseException | None = None
        self._file = file
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    # qpdf asks for and sets the place a hundred times as often as it reads, so neither goes on to the file.
    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = 0 if whence == io.SEEK_SET else self._position if whence == io.SEEK_CUR else self._size
        if start + offset < 0:
            raise ValueError("a position before the start of the file")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self.failure is not None:
            raise self.failure
        view = memoryview(buffer).cast("B")
        try:
            self._file.seek(self._position)
            content = self._file.read(len(view))
        except BaseException as error:
            self.failure = error
            raise
        view[: len(content)] = content
        self._position += len(content)
        return len(content)


def _with_password() -> Refusal:
    return Refusal(
        Reason.ENCRYPTED,
        "The PDF opens only with a password.",
        "Save it without the password and upload that.",
    )


def _unreadable(content: bytearray, why: str) -> Refusal:
    """Why qpdf could not open the file that these bytes are, or are the end of."""
    if is_encrypted_without_password(content):
        return Refusal(
            Reason.ENCRYPTED,
            "The PDF is encrypted for the holders of certain certificates or by other protection software.",
            "Save it without encryption and upload that.",
        )
    return damaged(f"The PDF is damaged, and {why}.")


def _too_large(number: int, limits: FileLimits) -> Refusal:
    return Refusal(
        Reason.FILE_TOO_LARGE,
        f"Page {number:,} takes more than {limits.max_bytes:,} bytes by itself; that is the most that a page may have.",
        "Scan it at a lower resolution or in grey, or compress it, and upload that.",
    )
