"""What a PDF contains besides its pages: attached files, and forms that are shown in place of the pages."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pikepdf

from pagekit.errors import Refusal
from pagekit.pdf.page_tree import PageTree

MAX_COUNTED = 10_000
"""Attached files are counted up to this number, on as many pages, in as many nodes."""

_MAX_PAGES = 100
_MAX_ANNOTATIONS = 1_000


def attached_files(document: pikepdf.Pdf, tree: PageTree | None) -> int:
    """How many files are attached to the document and, with `tree`, to its first pages."""
    count = _embedded_files(document)
    if tree is not None:
        for number in range(1, min(tree.pages, _MAX_PAGES) + 1):
            with suppress(Refusal):
                count += _attached_to(tree.find(document, number)[0])
    return min(count, MAX_COUNTED)


def is_dynamic_form(document: pikepdf.Pdf) -> bool:
    """Whether a dynamic XFA form is to be shown in place of the pages, which then say at most "Please wait".

    The fields of a static form are on the pages, and are drawn there (XFA 3.3, "Static forms"; PDF 1.7, 12.7.8).
    """
    form = document.Root.get("/AcroForm")
    if not isinstance(form, pikepdf.Dictionary) or form.get("/XFA") is None:
        return False
    fields = form.get("/Fields")
    return document.Root.get_bool("/NeedsRendering", False) or not isinstance(fields, pikepdf.Array) or not len(fields)


def _embedded_files(document: pikepdf.Pdf) -> int:
    """How many names are in the tree of embedded files (PDF 1.7, 7.9.6)."""
    names = document.Root.get("/Names")
    waiting: list[Any] = [names.get("/EmbeddedFiles")] if isinstance(names, pikepdf.Dictionary) else []
    count = 0
    for _ in range(MAX_COUNTED):
        if not waiting:
            break
        node = waiting.pop()
        if not isinstance(node, pikepdf.Dictionary):
            continue
        listed, kids = node.get("/Names"), node.get("/Kids")
        count += len(listed) // 2 if isinstance(listed, pikepdf.Array) else 0
        waiting += list(kids)[:MAX_COUNTED] if isinstance(kids, pikepdf.Array) else []
    return count


def _attached_to(page: pikepdf.Object) -> int:
    annotations = page.get("/Annots")
    return sum(
        isinstance(annotation, pikepdf.Dictionary) and annotation.get("/Subtype") == "/FileAttachment"
        for annotation in (list(annotations)[:_MAX_ANNOTATIONS] if isinstance(annotations, pikepdf.Array) else [])
    )
