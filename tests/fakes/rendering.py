"""Outputs that tell of the pages they were made of, and of what is wrong with the source: "unrenderable", "deadly"."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

from fakes.files import KilledError
from pagekit.errors import NotRenderable
from textdrop.ports import Pages, Renderers


def fake_renderers(has_tables: bool = True) -> Renderers:
    """Every recognised page has a table, or none has.

    A source that begins with `unrenderable` cannot be rendered, one that begins with `mortal` kills the worker, and one
    that begins with `clumsy` fails in a way that nobody expects.
    """

    def csv_files(pages: Pages) -> Iterator[tuple[int, int, bytes]]:
        for number, page in pages:
            if page is not None and has_tables:
                yield number, 1, page["text"].encode()

    return Renderers(_markdown, csv_files, _workbook, _searchable_pdf, _no_tables)


def _markdown(pages: Pages) -> Iterator[str]:
    for number, page in pages:
        yield f"<!-- page {number} -->\n" + ("" if page is None else page["text"])


def _workbook(pages: Pages, to: BinaryIO) -> None:
    found = [number for number, page in pages if page is not None]
    to.write(f"sheets of {found}".encode())


def _searchable_pdf(
    source: BinaryIO,
    media_type: str,
    pages: Pages,
    to: BinaryIO,
    drawn: Collection[int],
    own_text: Collection[int],
) -> Sequence[str]:
    source.seek(0)
    content = source.read()
    if content.startswith(b"unrenderable"):
        raise NotRenderable("The file cannot be rewritten.")
    if content.startswith(b"mortal"):
        raise KilledError
    if content.startswith(b"clumsy"):
        raise ValueError("this quotes the document")
    texts = [page["text"] if page is not None else "-" for _, page in pages]
    to.write(content + b" with " + "|".join(texts).encode())
    to.writelines(b", drawn: %d" % page for page in sorted(drawn))
    to.writelines(b", as it is: %d" % page for page in sorted(own_text))
    return ["A signature is no longer valid."] if content.startswith(b"signed") else []


def _no_tables(model: str) -> str:
    return f"No tables were found with the model {model}."
