"""The page tree of a PDF: how many pages there are, and which page has a number.

A tree may be malformed in any way, and its pages may lie anywhere in a gigabyte. Every node above the pages is read
with the tree, so that its counts can be checked against each other. The pages themselves are not, if a node counts as
many pages as it has kids and the first of these is a page. Where counts are wrong, pages are counted. What this cannot
see is a node that claims to have only pages, but has some nodes among them with more than one page and just as many
empty ones to make up for it. `document.pages` is not used: it reads all pages before it gives the first, and copies
pages that appear twice.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import pikepdf

from pagekit.errors import Reason, Refusal
from pagekit.pdf.qpdf import damaged

MAX_NODES = 100_000
MAX_DEPTH = 100

_NO_END = "The PDF is damaged: its list of pages has no end."
NO_PAGES = "The PDF has no pages."


@dataclass(frozen=True, slots=True)
class _Run:
    """Pages from number `first` on: kids of a node, from `kid` on. `node` is the path to it: which kid at each
    level."""

    first: int
    node: tuple[int, ...]
    kid: int


@dataclass(frozen=True, slots=True)
class PageTree:
    """Where the pages are. It holds no object of the document from which it was read, and fits any that is opened
    later.

    `counts_are_right`: each node that was read has as many pages as it says.
    """

    pages: int
    counts_are_right: bool
    runs: tuple[_Run, ...]

    def find(self, document: pikepdf.Pdf, number: int) -> tuple[pikepdf.Object, list[pikepdf.Object]]:
        """The page with that number, counted from 1, and the nodes above it, from the root down.

        Raises Refusal (`damaged`) if it is not there or turns out not to be a page.
        """
        run = self.runs[bisect_right(self.runs, number, key=lambda run: run.first) - 1]
        node = _root(document)
        above = [node]
        for kid in run.node:
            node = node["/Kids"][kid]
            above.append(node)
        page = node["/Kids"][run.kid + number - run.first]
        while isinstance(page, pikepdf.Dictionary) and (kids := _kids(page)) is not None:
            # A page that lies deeper than its neighbours.
            if len(kids) != 1 or len(above) > MAX_DEPTH:
                raise damaged("The PDF is damaged: its list of pages contradicts itself.")
            above.append(page)
            page = kids[0]
        if not _is_page(page):
            raise damaged(f"The PDF is damaged: page {number:,} is missing.")
        return page, above


def read_page_tree(document: pikepdf.Pdf, max_pages: int, *, trusting: bool) -> PageTree:
    """The tree; every page is inspected unless `trusting`. Raises Refusal: `damaged` or `too_many_pages`.

    A missing page counts if the tree says how many pages there are, and it makes up that number.
    """
    root = _root(document)
    tree = _Reading(max_pages, trusting)
    tree.read(root)
    if trusting and not tree.counts_are_right:
        tree = _Reading(max_pages, trusting=False)
        tree.read(root)
    if tree.pages == 0:
        raise damaged(NO_PAGES)
    if tree.first_missing and tree.pages != _count(root):
        raise damaged(f"The PDF is damaged: page {tree.first_missing:,} is missing.")
    return PageTree(tree.pages, tree.counts_are_right, tuple(tree.runs))


@dataclass(slots=True)
class _Reading:
    max_pages: int
    trusting: bool
    pages: int = 0
    first_missing: int = 0
    counts_are_right: bool = True
    runs: list[_Run] = field(default_factory=list)
    _nodes: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def read(self, root: pikepdf.Object) -> None:
        # Each open node with the path to it, its next kid and the number of pages before it.
        open_nodes: list[tuple[pikepdf.Object, tuple[int, ...], int, int]] = []
        self._open(root, (), open_nodes)
        while open_nodes:
            node, way, kid, before = open_nodes.pop()
            kids = node["/Kids"]
            if kid == len(kids):
                self.counts_are_right = self.counts_are_right and _count(node) == self.pages - before
                continue
            open_nodes.append((node, way, kid + 1, before))
            self._nodes += 1
            if self._nodes > MAX_NODES:
                raise damaged(_NO_END)
            below = kids[kid]
            if isinstance(below, pikepdf.Dictionary) and _kids(below) is not None:
                self._open(below, (*way, kid), open_nodes)
            else:
                self._add(way, kid, 1)
                if not _is_page(below):
                    if isinstance(below, pikepdf.Dictionary):
                        # The remains of a node with pages: nobody knows how many.
                        raise damaged(f"The PDF is damaged: page {self.pages:,} is missing.")
                    self.first_missing = self.first_missing or self.pages

    def _open(
        self,
        node: pikepdf.Object,
        way: tuple[int, ...],
        open_nodes: list[tuple[pikepdf.Object, tuple[int, ...], int, int]],
    ) -> None:
        if node.is_indirect:
            if node.objgen in self._seen:
                raise damaged(_NO_END)
            self._seen.add(node.objgen)
        if len(way) > MAX_DEPTH:
            raise damaged(_NO_END)
        kids = node["/Kids"]
        if self.trusting and len(kids) == _count(node) > 0 and _is_page(kids[0]):
            self._add(way, 0, len(kids))
            return
        open_nodes.append((node, way, 0, self.pages))

    def _add(self, way: tuple[int, ...], kid: int, count: int) -> None:
        last = self.runs[-1] if self.runs else None
        if last is None or last.node != way or last.kid + self.pages + 1 - last.first != kid:
            self.runs.append(_Run(self.pages + 1, way, kid))
        self.pages += count
        if self.pages > self.max_pages:
            raise too_many_pages(self.max_pages)


def too_many_pages(max_pages: int) -> Refusal:
    """The refusal of a PDF with more pages than that."""
    allowed = "1 page" if max_pages == 1 else f"{max_pages:,} pages"
    smaller = "of one page each" if max_pages == 1 else f"of at most {allowed}"
    return Refusal(
        Reason.TOO_MANY_PAGES,
        f"The PDF has more pages than a document may have here; the most is {allowed}.",
        f"Split it into files {smaller} and upload those, or retry it with some of its pages (textdrop retry --pages).",
    )


def _is_page(node: pikepdf.Object | None) -> bool:
    """Whether it is a page, and not the remains of a node with pages."""
    return isinstance(node, pikepdf.Dictionary) and "/Kids" not in node and node.get("/Type") != "/Pages"


def _root(document: pikepdf.Pdf) -> pikepdf.Object:
    """The node above all pages. A catalog that names a page, or a node in the middle, is corrected."""
    node = document.Root.get("/Pages")
    seen: set[tuple[int, int]] = set()
    while isinstance(node, pikepdf.Dictionary) and node.objgen not in seen:
        seen.add(node.objgen)
        above = node.get("/Parent")
        if isinstance(above, pikepdf.Dictionary) and _kids(above) is not None:
            node = above
    if not isinstance(node, pikepdf.Dictionary) or _kids(node) is None:
        raise damaged(NO_PAGES)
    return node


def _kids(node: pikepdf.Object) -> pikepdf.Object | None:
    kids = node.get("/Kids")
    return kids if isinstance(kids, pikepdf.Array) else None


def _count(node: pikepdf.Object) -> int:
    """How many pages the node says it has; -1 if it does not say."""
    count = node.get("/Count")
    return count if isinstance(count, int) else -1
