"""PDFs of several pages that cost too much, or are broken so that one page could pass for another."""

from __future__ import annotations

import io

import pikepdf
import pytest

from pagekit.errors import Reason
from pagekit.pdf import cutting
from pagekit.pdf import document as pdf
from pagekit.prepared import How, PageWarning, PreparedPage
from unit.pagekit import making
from unit.pagekit.opening.opening import (
    FEW_PIXELS,
    difference,
    opened,
    pages_of,
    picture_of,
    prepared,
)

JPEGS = [making.jpeg(200 + number, 200) for number in range(3)]
SAME = 10
"""How much a page that was drawn may differ from itself; others differ more, as their noise is another."""
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents %d 0 R /Resources << /XObject << /Scan %d 0 R >> >> >>"
)


def objects(**changed: bytes) -> dict[int, bytes]:
    """Three pages, each with its content and its scan: 10, 11 and 12; 20, 21 and 22; 30, 31 and 32."""
    made = {1: making.CATALOG, 2: b"<< /Type /Pages /Kids [10 0 R 20 0 R 30 0 R] /Count 3 >>"}
    for number, jpeg in enumerate(JPEGS, start=1):
        made[10 * number] = PAGE % (10 * number + 1, 10 * number + 2)
        made[10 * number + 1] = making.stream(b"q 9 0 0 9 0 0 cm /Scan Do Q %%page %d" % number)
        made[10 * number + 2] = making.picture(jpeg)
    return dict(sorted({**made, **{int(name[1:]): body for name, body in changed.items()}}.items()))


def page_as_cut(content: bytes) -> int:
    """Which of the pages it is, by its scan and by its content."""
    [by_scan] = [number for number, jpeg in enumerate(JPEGS, start=1) if jpeg in content]
    [by_content] = [number for number in (1, 2, 3) if b"%%page %d" % number in content]
    assert by_scan == by_content
    return by_scan


def page_as_shown(page: PreparedPage) -> int:
    """Which of the pages it is; less than 0 if it was drawn because of damage, 0 if it is none of them."""
    if page.preparation.how is How.CUT:
        return page_as_cut(page.content)
    assert PageWarning.DAMAGED in page.preparation.warnings
    differences = [difference(picture_of(page), picture_of(sound)) for sound in prepared(making.pdf(objects()))]
    return -1 - differences.index(min(differences)) if min(differences) < SAME else 0


def pages(content: bytes, order: tuple[int, ...] = (1, 2, 3)) -> list[int | Reason]:
    """What comes for each number when they are asked for in this order."""
    found = pages_of(opened(content, FEW_PIXELS), order)
    return [page if isinstance(page, Reason) else page_as_shown(page) for page in found]


ORDERS = [(1, 2, 3), (3, 2, 1), (2, 3, 1)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("small_bytes", [0, 10_000_000], ids=["large", "small"])
def test_a_wrong_table_is_mended_without_loss(
    small_bytes: int, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "_SMALL_BYTES", small_bytes)
    assert pages(making.pdf(objects()), order) == [1, 2, 3]
    assert pages(making.with_broken_table(making.pdf(objects())), order) == [-1, -2, -3]


@pytest.mark.parametrize("order", ORDERS)
def test_mending_one_page_leaves_the_others_as_they_are(order: tuple[int, ...]) -> None:
    """The content of page 3 has the number of that of page 2: a search of the file finds it twice."""
    content = making.pdf(objects())
    place = content.index(b"31 0 obj")
    assert pages(content[:place] + b"21" + content[place + 2 :], order) == [1, 2, Reason.DAMAGED]


@pytest.mark.parametrize("junk", [b"", b" ) ", b" 7 "])
@pytest.mark.parametrize("order", ORDERS)
def test_a_page_that_has_run_into_the_next_one_is_drawn_as_viewers_show_it(order: tuple[int, ...], junk: bytes) -> None:
    sound = objects()
    # Page 2 comes right behind page 1, and the end of one and the beginning of the other are overwritten.
    content = making.pdf({number: sound[number] for number in (1, 2, 10, 20, 11, 12, 21, 22, 30, 31, 32)})
    start, end = content.index(b" >>\nendobj\n20 0 obj"), content.index(b"/Parent", content.index(b"20 0 obj"))
    broken = content[:start] + junk.ljust(end - start) + content[end:]
    assert pages(broken, order) == [-2, Reason.DAMAGED, 3]


@pytest.mark.parametrize(
    ("kids", "expected"),
    [
        (b"[)0 0 R 20 0 R 30 0 R]", [-2, -3, Reason.DAMAGED]),
        (b"[10 0 R null 30 0 R]", [-1, Reason.DAMAGED, -3]),
        (b"[10 0 R 10 0 R 30 0 R]", [-1, -1, -3]),
        (b"[10 0 R 20 0 R]   ", [-1, -2, Reason.DAMAGED]),
    ],
)
def test_pages_that_vanished_while_the_file_was_mended_are_missed(kids: bytes, expected: list[int | Reason]) -> None:
    """qpdf takes them out of the list, and corrects its count."""
    content = making.pdf(objects(_2=b"<< /Type /Pages /Kids " + kids + b" /Count 3 >>"))
    assert pages(making.with_broken_table(content)) == expected


@pytest.mark.parametrize(
    ("kids", "expected"),
    [
        (b"[10 0 R 20 x R 30 0 R]", [-1, Reason.DAMAGED, Reason.DAMAGED]),
        (b"[10 0 R 20 0 R> 30 0 R]", [-1, -2, Reason.DAMAGED]),
    ],
)
def test_pages_that_vanish_from_a_garbled_list_are_missed(kids: bytes, expected: list[int | Reason]) -> None:
    """The table of objects is right, and nothing but the list of pages had to be mended."""
    content = making.pdf(objects(_2=b"<< /Type /Pages /Kids " + kids + b" /Count 3 >>"))
    assert pages(content) == expected


def test_a_page_that_vanished_from_a_packed_list_is_missed() -> None:
    """Its count is nowhere but in what qpdf has changed."""
    plain = objects(_20=b"null")
    packed = plain.pop(2)
    content = bytearray(b"%PDF-1.7\n")
    places: dict[int, int] = {}
    stream = making.stream(b"2 0 " + packed, b"/Type /ObjStm /N 1 /First 4")
    for number, body in {**plain, 40: stream}.items():
        places[number] = len(content)
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    places[41] = len(content)
    table = b"".join(
        b"\2\0\0\0\50" if number == 2 else b"\1%b" % places.get(number, 0).to_bytes(4, "big") for number in range(42)
    )
    content += b"41 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        making.stream(table, b"/Type /XRef /Size 42 /W [1 4 0] /Root 1 0 R"),
        places[41],
    )
    assert pages(bytes(content)) == [1, Reason.DAMAGED, 3]
    assert pages(making.with_broken_table(bytes(content))) == [-1, Reason.DAMAGED, -3]


def test_a_broken_picture_that_pages_share_is_noticed_on_each_of_them() -> None:
    shared = objects(_12=making.picture(JPEGS[0][: len(JPEGS[0]) // 2]))
    shared[20] = PAGE % (21, 12)
    document = opened(making.pdf(shared), FEW_PIXELS)
    for _ in range(2):
        for number in (1, 2):
            assert PageWarning.DAMAGED in document.page(number).preparation.warnings
        assert page_as_cut(document.page(3).content) == 3


def test_a_page_has_what_the_nearest_node_above_it_gives() -> None:
    nested = objects(
        _2=b"<< /Type /Pages /Kids [10 0 R 40 0 R] /Count 3 /Rotate 90 /CropBox [0 0 5 5] >>",
        _40=b"<< /Type /Pages /Parent 2 0 R /Kids [20 0 R 30 0 R] /Count 2 /Rotate 180 >>",
    )
    nested[30] = nested[30].replace(b"/MediaBox", b"/Rotate 270 /MediaBox")
    document = opened(making.pdf(nested))
    turned = []
    for number in (1, 2, 3):
        with pikepdf.open(io.BytesIO(document.page(number).content)) as cut:
            assert cut.pages[0]["/CropBox"] == pikepdf.Array([0, 0, 5, 5])
            turned.append(cut.pages[0]["/Rotate"])
    assert turned == [90, 180, 270]


def test_neither_other_pages_nor_what_is_attached_go_along() -> None:
    entries = b" /Annots [50 0 R] /PieceInfo 52 0 R /B 52 0 R /XObject"
    content = objects(
        _10=PAGE.replace(b"/XObject", b"/Properties << /Next 20 0 R >> /XObject").replace(
            b" /Resources", entries[:-9] + b" /Resources"
        )
        % (11, 12),
        _50=b"<< /Subtype /FileAttachment /FS 51 0 R /Parent 52 0 R /Dest [20 0 R] /IRT 52 0 R /P 20 0 R >>",
        _51=b"<< /EF << /F 52 0 R >> >>",
        _52=making.stream(b"attached" * 1_000),
    )
    content[12] = content[12].replace(b"/Type", b"/Metadata 52 0 R /PieceInfo << /X 52 0 R >> /Type")
    page = opened(making.pdf(content)).page(1).content
    assert page_as_cut(page) == 1
    assert b"attached" not in page
    assert b"/FileAttachment" in page


NAME = "/Скан №1".encode("cp1251").replace(b" ", b"#20")
CHANGED: dict[str, tuple[dict[str, bytes], list[int | Reason]]] = {
    "lost names": ({"_20": PAGE.replace(b"/Parent", b"Parent") % (21, 22)}, [1, -2, 3]),
    "content that cannot be unpacked": (
        {
            "_10": PAGE.replace(b"/Scan %d 0 R", b"/Scan %d 0 R /Same 12 0 R") % (11, 12),
            "_11": making.stream(b"no flate %page 1", b"/Filter /FlateDecode"),
        },
        [Reason.DAMAGED, 2, 3],
    ),
    "names that are not UTF-8": (
        {
            "_10": PAGE.replace(b"/Scan", b"/Other 22 0 R " + NAME) % (11, 12),
            "_11": making.stream(b"q 9 0 0 9 0 0 cm " + NAME + b" Do Q %page 1"),
        },
        [1, 2, 3],
    ),
    "a form without resources": (
        {
            "_10": PAGE.replace(b"/Scan %d 0 R", b"/Scan %d 0 R /Form 13 0 R /Other 22 0 R") % (11, 12),
            "_11": making.stream(b"/Form Do %page 1"),
            "_13": making.stream(b"/Scan Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]"),
        },
        [1, 2, 3],
    ),
}


@pytest.mark.parametrize(("changed", "expected"), CHANGED.values(), ids=CHANGED)
def test_what_a_page_draws_goes_along(changed: dict[str, bytes], expected: list[int | Reason]) -> None:
    assert pages(making.pdf(objects(**changed))) == expected


def test_a_chain_of_references_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "_MAX_PARTS", 1_000)
    chain = {number: b"<< /Next %d 0 R >>" % (number + 1) for number in range(100, 2_000)}
    first = PAGE.replace(b"/Resources", b"/Group << /P 100 0 R >> /Resources") % (11, 12)
    assert pages(making.pdf({**objects(_10=first), **chain})) == [-1, 2, 3]
