"""The pages of a PDF, from a page tree that may be malformed in any way.

pikepdf's own list of pages is not used: it reads every page before it gives the first, which of a file in S3 is most of
the file, and makes copies of pages that appear twice.
"""

from __future__ import annotations

from typing import Final

import pikepdf

from textdrop.adapters.files.qpdf import damaged
from textdrop.core.errors import Reason, Refusal

PagePath = tuple[int, ...]
"""Where a page is: the place in each list of kids from the root of the page tree down."""

_MAX_TREE_NODES: Final = 100_000
_MAX_TREE_DEPTH: Final = 50
_INHERITED: Final = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")


def page_paths(document: pikepdf.Pdf, max_pages: int, *, trusting: bool) -> list[PagePath]:
    """Where each page is, in order.

    Refusal if there is none, if one is missing, or as soon as there are more than `max_pages`. `trusting`: a node that
    counts as many pages as it has kids has only pages as kids, none of which is read.
    """
    paths: list[PagePath] = []
    seen: set[tuple[int, int]] = set()
    pending: list[tuple[pikepdf.Object | None, PagePath]] = [(document.Root.get("/Pages"), ())]
    for _ in range(_MAX_TREE_NODES):
        if not pending:
            break
        node, path = pending.pop()
        if not isinstance(node, pikepdf.Dictionary):
            raise damaged(f"The PDF is damaged: page {len(paths) + 1:,} is missing.")
        kids = node.get("/Kids")
        if not isinstance(kids, pikepdf.Array):
            paths.append(path)
        elif trusting and node.get("/Count") == len(kids):
            paths.extend((*path, place) for place in range(min(len(kids), max_pages + 1)))
        else:
            too_many = len(pending) + len(kids) > _MAX_TREE_NODES or len(path) >= _MAX_TREE_DEPTH
            if node.objgen in seen or too_many:
                raise damaged("The PDF is damaged: its list of pages has no end.")
            if node.is_indirect:
                seen.add(node.objgen)
            pending.extend((kids[place], (*path, place)) for place in reversed(range(len(kids))))
        if len(paths) > max_pages:
            allowed = "1 page" if max_pages == 1 else f"{max_pages:,} pages"
            smaller = "of one page each" if max_pages == 1 else f"of at most {allowed}"
            raise Refusal(
                Reason.TOO_MANY_PAGES,
                f"The PDF has more pages than a document may have here; the most is {allowed}.",
                f"Split it into files {smaller} and upload those.",
            )
    if pending:
        raise damaged("The PDF is damaged: its list of pages has no end.")
    if not paths:
        raise damaged("The PDF has no pages.")
    return paths


def page_at(document: pikepdf.Pdf, path: PagePath) -> dict[str, pikepdf.Object]:
    """The page's entries, inherited ones included. Refusal (`damaged`) if there is no page."""
    node = document.Root.get("/Pages")
    entries: dict[str, pikepdf.Object] = {}
    for depth in range(_MAX_TREE_DEPTH + 1):
        if not isinstance(node, pikepdf.Dictionary):
            break
        kids = node.get("/Kids")
        if not isinstance(kids, pikepdf.Array):
            return entries | {name: node[name] for name in node.keys()}  # noqa: SIM118 - not a mapping
        entries |= {name: node[name] for name in _INHERITED if name in node}
        # Below a node that was trusted, a list of one page may be in the place of the page.
        if depth >= len(path) and len(kids) != 1:
            break
        node = kids[path[depth] if depth < len(path) else 0]
    raise damaged("The PDF is damaged: a page is missing.")
