"""Which page has which number, in lists of pages that are sound, crooked or wrong."""

from __future__ import annotations

import io

import pikepdf
import pytest

from pagekit.errors import Reason, Refusal
from pagekit.pdf.page_tree import PageTree, read_page_tree
from unit.pagekit import making

Objects = dict[int, bytes]


def page(number: int) -> bytes:
    return b"<< /Type /Page /Number %d >>" % number


def node(kids: bytes, count: int | None = None) -> bytes:
    counted = b"" if count is None else b" /Count %d" % count
    return b"<< /Type /Pages /Kids [" + kids + b"]" + counted + b" >>"


PAGES = {number: page(number - 10) for number in range(11, 17)}
FLAT = {1: making.CATALOG, 2: node(b"11 0 R 12 0 R 13 0 R 14 0 R 15 0 R 16 0 R", 6), **PAGES}
NESTED = {
    1: making.CATALOG,
    2: node(b"3 0 R 14 0 R 4 0 R", 6),
    3: node(b"11 0 R 12 0 R 13 0 R", 3),
    4: node(b"15 0 R 16 0 R", 2),
    **PAGES,
}
CROOKED: dict[str, Objects] = {
    "flat": FLAT,
    "nested": NESTED,
    "a node for each page": {
        1: making.CATALOG,
        2: node(b"3 0 R 4 0 R 5 0 R", 6),
        3: node(b"6 0 R 7 0 R", 2),
        4: node(b"13 0 R 14 0 R", 2),
        5: node(b"15 0 R 16 0 R", 2),
        6: node(b"11 0 R", 1),
        7: node(b"12 0 R", 1),
        **PAGES,
    },
    "some pages deeper than others": {**FLAT, 2: FLAT[2].replace(b"13 0 R", b"3 0 R"), 3: node(b"13 0 R", 1)},
    "pages within their list": {**FLAT, 2: FLAT[2].replace(b"13 0 R", page(3)).replace(b"14 0 R", page(4))},
    "an empty node": {**FLAT, 2: FLAT[2].replace(b"13 0 R", b"3 0 R 13 0 R"), 3: node(b"", 0)},
    "no counts": {**NESTED, 2: node(b"3 0 R 14 0 R 4 0 R"), 3: node(b"11 0 R 12 0 R 13 0 R")},
    "counts that are wrong": {**NESTED, 3: node(b"11 0 R 12 0 R 13 0 R", 2), 4: node(b"15 0 R 16 0 R", 3)},
    "a count that is wrong as trusted": {
        **NESTED,
        2: node(b"3 0 R 14 0 R 15 0 R 16 0 R", 6),
        3: node(b"11 0 R 4 0 R", 2),
        4: node(b"12 0 R 13 0 R", 2),
    },
    "one count that is wrong": {**FLAT, 2: FLAT[2].replace(b"/Count 6", b"/Count 60000")},
    "a catalog that names a node in the middle": {
        **NESTED,
        1: b"<< /Type /Catalog /Pages 3 0 R >>",
        3: NESTED[3].replace(b"/Type", b"/Parent 2 0 R /Type"),
    },
}


def opened(objects: Objects) -> pikepdf.Pdf:
    file = io.BytesIO(making.pdf(objects))
    return pikepdf.open(file, suppress_warnings=True, inherit_page_attributes=False)


def numbers(tree: PageTree, document: pikepdf.Pdf) -> list[int]:
    return [int(tree.find(document, number)[0]["/Number"]) for number in range(1, tree.pages + 1)]


@pytest.mark.parametrize("trusting", [False, True])
@pytest.mark.parametrize("objects", CROOKED.values(), ids=CROOKED)
def test_pages_have_their_numbers(objects: Objects, trusting: bool) -> None:
    tree = read_page_tree(opened(objects), 10, trusting=trusting)
    assert numbers(tree, opened(objects)) == [1, 2, 3, 4, 5, 6], "also in the document as it is opened again"


def test_pages_are_not_read_where_the_counts_are_trusted() -> None:
    content = making.pdf(FLAT).replace(b"14 0 obj", b"14 x obj")
    for trusting in (True, False):
        with pikepdf.open(io.BytesIO(content), suppress_warnings=True, inherit_page_attributes=False) as document:
            tree = read_page_tree(document, 10, trusting=trusting)
            assert (tree.pages, bool(document.get_warnings())) == (6, not trusting)
            with pytest.raises(Refusal, match="page 4 is missing"):
                tree.find(document, 4)
            assert tree.find(document, 5)[0]["/Number"] == 5


def test_a_node_where_a_page_should_be_is_no_page() -> None:
    document = opened({**FLAT, 2: FLAT[2].replace(b"13 0 R", b"3 0 R"), 3: node(b"13 0 R 13 0 R", 1)})
    tree = read_page_tree(document, 10, trusting=True)
    with pytest.raises(Refusal, match="contradicts"):
        tree.find(document, 3)


@pytest.mark.parametrize("trusting", [False, True])
@pytest.mark.parametrize(
    "objects",
    [
        {**NESTED, 3: b"<< /Type /Pages /Count 3 >>"},
        {**NESTED, 3: b"<< /Kids 7 /Count 3 >>"},
        {**NESTED, 3: b"null"},
        {**NESTED, 4: node(b"15 0 R 3 0 R", 4)},
        {**NESTED, 4: node(b"2 0 R 15 0 R", 2)},
    ],
    ids=["node without pages", "node with no list", "node missing", "node that is there twice", "root in itself"],
)
def test_what_makes_numbers_doubtful_is_damaged(objects: Objects, trusting: bool) -> None:
    with pytest.raises(Refusal) as caught:
        read_page_tree(opened(objects), 10, trusting=trusting)
    assert caught.value.reason == Reason.DAMAGED
