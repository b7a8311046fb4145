"""PDF: whether it can be opened, how many pages it has, and whether they are whole.

When is a damaged PDF fine? pikepdf mends what it can, and a file cut in half is mended to a document with half its
content. That must not pass as the whole, so a document is refused if
- its end is missing: the last thing that is written, again with each later change, is "startxref", where the table of
  objects is, and no object may begin behind it;
- it needed mending, and then a page, its content or a picture on it is not there or is shorter than it should be
  (where nothing is damaged, a reference to nothing is allowed, and means nothing: PDF 1.7, 7.3.10);
- a JPEG that it shows is cut off, as programs that wrap scans in PDF do not look into them.
A wrong table of objects and rubbish before or behind the file are mended without loss, and are fine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import pikepdf

from textdrop.adapters.files.images import is_whole_jpeg
from textdrop.adapters.files.qpdf import UNPACKED_BYTES, BoundedFile, damaged
from textdrop.adapters.files.whole_file import check_objects, is_cut_off, is_encrypted_without_password, listed_pages
from textdrop.core.errors import Reason, Refusal
from textdrop.core.files import FileFacts, FileLimits

_MAX_TREE_NODES = 100_000
_MAX_TREE_DEPTH = 50
# In the operators of a page: "/Name Do". A name with an escape (#) in it, which is rare, is left out.
_DRAWN = re.compile(rb"(/[^\s/\[\]<>(){}%#]+)\s+Do\b")


def inspect_pdf(content: bytes, limits: FileLimits) -> FileFacts:
    """The facts of a PDF. Raises Refusal: `damaged`, `encrypted` or `too_many_pages`, and nothing else.

    A PDF that opens without a password is not `encrypted`, whatever its owner's password forbids.
    """
    check_objects(content)
    file = BoundedFile(content)
    try:
        return _inspected(file, content, limits)
    finally:
        if file.exceeded:
            # Whatever was made of a part of it.
            raise damaged("The PDF is damaged: its parts cannot be told from each other.")


def _inspected(file: BoundedFile, content: bytes, limits: FileLimits) -> FileFacts:
    try:
        # Inherited attributes are looked up where they are: spreading them over the pages walks the whole tree.
        with pikepdf.open(file, suppress_warnings=True, inherit_page_attributes=False) as document:
            if is_cut_off(content):
                raise damaged("The PDF is cut off: its end is missing.")
            noticed = bool(document.get_warnings())
            pages = list(_pages(document, limits.max_pages))
            _check_whole(document, pages, content, noticed)
            return FileFacts("application/pdf", pages=len(pages))
    except Refusal:
        raise
    except pikepdf.PasswordError:
        raise Refusal(
            Reason.ENCRYPTED,
            "The PDF opens only with a password.",
            "Save it without the password and upload that.",
        ) from None
    except Exception:  # noqa: BLE001 - whatever a malformed object makes the library raise, it means one thing
        if is_encrypted_without_password(content):
            raise Refusal(
                Reason.ENCRYPTED,
                "The PDF is encrypted for the holders of certain certificates or by other protection software.",
                "Save it without encryption and upload that.",
            ) from None
        raise damaged("The PDF cannot be opened, nor mended.") from None


def _opens_unmended(content: bytes) -> bool:
    """Whether the table of objects is usable; a warning may be about as little as a missing page size."""
    try:
        with pikepdf.open(
            BytesIO(content), suppress_warnings=True, inherit_page_attributes=False, attempt_recovery=False
        ):
            return True
    except pikepdf.PdfError:
        return False


def _pages(document: pikepdf.Pdf, max_pages: int) -> Iterator[pikepdf.Dictionary]:
    """Each page in order, from a page tree that may be malformed in any way.

    Refusal if there is none, if one is missing, or as soon as there are more than `max_pages`. `document.pages` is
    not used: it makes copies of pages that appear twice, all of them before it gives the first.
    """
    pages = 0
    seen: set[tuple[int, int]] = set()
    nodes: list[pikepdf.Object | None] = [document.Root.get("/Pages")]
    for _ in range(_MAX_TREE_NODES):
        if not nodes:
            break
        node = nodes.pop()
        if not isinstance(node, pikepdf.Dictionary):
            raise damaged(f"The PDF is damaged: page {pages + 1:,} is missing.")
        kids = node.get("/Kids")
        if isinstance(kids, pikepdf.Array):
            if node.objgen in seen or len(nodes) + len(kids) > _MAX_TREE_NODES:
                break
            if node.is_indirect:
                seen.add(node.objgen)
            nodes.extend(reversed(list(kids)))
            continue
        pages += 1
        if pages > max_pages:
            allowed = "1 page" if max_pages == 1 else f"{max_pages:,} pages"
            smaller = "of one page each" if max_pages == 1 else f"of at most {allowed}"
            raise Refusal(
                Reason.TOO_MANY_PAGES,
                f"The PDF has more pages than a document may have here; the most is {allowed}.",
                f"Split it into files {smaller} and upload those.",
            )
        yield node
    if nodes:
        raise damaged("The PDF is damaged: its list of pages has no end.")
    if pages == 0:
        raise damaged("The PDF has no pages.")


def _check_whole(document: pikepdf.Pdf, pages: list[pikepdf.Dictionary], content: bytes, noticed: bool) -> None:
    """Refusal if a page or something of it is lost. `noticed`: there were warnings when the document was opened."""
    check = _Check(document.is_encrypted)
    lost = [number for number, page in enumerate(pages, 1) if not check.is_whole(page)]
    # Asked for after that: an object is read, and mended, when it is used.
    mended = bool(document.get_warnings())
    if not noticed and not mended:
        return
    # Mending drops the pages that are not there from the lists of pages; the file still names them.
    if any(document.get_object(listed) is None for listed in listed_pages(content)):
        raise damaged("The PDF is damaged: one of its pages is missing.")
    if not mended and _opens_unmended(content):
        return
    # A reference to a lost object cannot be told from none, so what is missing shows in what the page draws.
    lost += [number for number, page in enumerate(pages, 1) if check.draws_what_is_lost(page)]
    if lost:
        raise damaged(f"The PDF is damaged: a part of page {min(lost):,} is missing.")


@dataclass(slots=True)
class _Check:
    """Whether pages are whole. What they share is looked at once, so that no sharing makes it slow."""

    encrypted: bool
    streams: set[tuple[int, int]] = field(default_factory=set)
    resources: set[tuple[int, int]] = field(default_factory=set)
    unpacked_bytes: int = 0

    def is_whole(self, page: pikepdf.Dictionary) -> bool:
        """Whether the page's content and all that it may draw have their data."""
        if not all(self._has_data(part) for part in _contents(page)):
            return False
        holders = [_holder_of_resources(page)]
        while holders:
            for drawing in self._new_drawings(holders.pop()):
                if isinstance(drawing, pikepdf.Stream) and drawing.objgen in self.streams:
                    continue
                if not self._has_data(drawing):
                    return False
                if drawing.get("/Filter") == "/DCTDecode" and not is_whole_jpeg(drawing.read_raw_bytes()):
                    raise damaged("The PDF holds a JPEG image that is cut off: the end of it is missing.")
                holders.append(drawing)
        return True

    def draws_what_is_lost(self, page: pikepdf.Dictionary) -> bool:
        """Whether the page has no content, or draws a picture or form that is not in its resources."""
        parts = {part.objgen: part for part in _contents(page) if isinstance(part, pikepdf.Stream)}
        drawn: set[bytes] = set()
        for part in parts.values():
            operators = part.read_bytes()
            self.unpacked_bytes += len(operators)
            if self.unpacked_bytes > UNPACKED_BYTES:
                raise damaged("The PDF is damaged, and too large when unpacked to be mended.")
            drawn.update(_DRAWN.findall(operators))
        resources = _holder_of_resources(page).get("/Resources")
        drawings = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
        there = drawings.keys() if isinstance(drawings, pikepdf.Dictionary) else set()
        return not parts or any(name.decode("latin-1") not in there for name in drawn)

    def _new_drawings(self, holder: pikepdf.Object) -> list[pikepdf.Object]:
        """The pictures and forms in the resources of a page or form, unless they were given before."""
        resources = holder.get("/Resources")
        if not isinstance(resources, pikepdf.Dictionary):
            return []
        owner = (resources if resources.is_indirect else holder).objgen
        if owner in self.resources:
            return []
        self.resources.add(owner)
        drawings = resources.get("/XObject")
        return [drawings[name] for name in drawings.keys()] if isinstance(drawings, pikepdf.Dictionary) else []  # noqa: SIM118

    def _has_data(self, part: pikepdf.Object) -> bool:
        """Whether it is a stream that is not empty unless it says so; a picture must be as long as it says."""
        if not isinstance(part, pikepdf.Stream):
            return False
        if part.objgen not in self.streams:
            length = part.get("/Length")
            least = length if isinstance(length, int) else 0
            # Changed line ends make text a little shorter, and decryption makes all data so: nothing is lost by either.
            if self.encrypted or part.get("/Subtype") != "/Image":
                least = min(least, 1)
            if len(part.read_raw_bytes()) < least:
                return False
            self.streams.add(part.objgen)
        return True


def _contents(page: pikepdf.Dictionary) -> list[pikepdf.Object]:
    contents = page.get("/Contents")
    if contents is None:
        return []
    return list(contents) if isinstance(contents, pikepdf.Array) else [contents]


def _holder_of_resources(page: pikepdf.Object) -> pikepdf.Object:
    """The page itself, or the node above it from which it inherits its resources."""
    node: pikepdf.Object | None = page
    for _ in range(_MAX_TREE_DEPTH):
        if not isinstance(node, pikepdf.Dictionary):
            break
        if "/Resources" in node:
            return node
        node = node.get("/Parent")
    return page
