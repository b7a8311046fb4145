"""Files that are opened in the child: the same pages as without it, and nothing of a hostile one outside it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from pagekit.child.document import SENT_WHOLE_BYTES, ChildsDocument
from pagekit.child.process import Child
from pagekit.child.searchable_pdf import searchable_pdf
from pagekit.errors import NotRenderable, Reason, Refusal
from pagekit.limits import FileLimits
from pagekit.outputs.searchable_pdf import searchable_pdf as searchable_pdf_here
from pagekit.page import RecognisedPage
from pagekit.pdf.document import PdfDocument
from textdrop.core.errors import StoreUnavailable
from unit.pagekit import making
from unit.pagekit.opening.opening import CHILD, LIMITS, FailingFile, pages_of, refusal_of_page
from unit.pagekit.outputs import drawing, reading

LENGTHS = 6_000


def in_child(content: bytes, limits: FileLimits = LIMITS) -> ChildsDocument:
    return ChildsDocument(CHILD, io.BytesIO(content), "application/pdf", limits)


def chain_of_lengths(page: int = 1) -> bytes:
    """A PDF of three pages, of one of which the content's /Length is a stream's, whose /Length is the next one's, …"""
    document = {
        1: making.CATALOG,
        2: b"<< /Type /Pages /Kids [3 0 R 4 0 R 5 0 R] /Count 3 >>",
        **{
            number: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents %d 0 R >>"
            % (10 if number == page + 2 else 6)
            for number in (3, 4, 5)
        },
        6: making.stream(b"q Q"),
    }
    for number in range(10, 10 + LENGTHS):
        document[number] = b"<< /Length %d 0 R >>\nstream\nq Q\nendstream" % (number + 1)
    document[10 + LENGTHS] = b"3"
    return making.pdf(document)


def test_pages_are_those_that_this_process_would_cut() -> None:
    content = making.pdf_of_pages(40)
    document = in_child(content)
    assert document.facts.pages == 40
    assert pages_of(document, [*range(1, 41)]) == pages_of(PdfDocument(io.BytesIO(content), LIMITS))
    assert document.page(7) == document.page(7)
    with pytest.raises(ValueError, match="41"):
        document.page(41)


def test_a_large_file_is_read_where_it_is_needed() -> None:
    content = making.pdf_of_pages(3)
    large = content + bytes(SENT_WHOLE_BYTES) + content[content.rindex(b"startxref") :]
    read = 0

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal read
            found = super().read(size)
            read += len(found)
            return found

    document = ChildsDocument(CHILD, Counting(large), "application/pdf", LIMITS)
    assert document.facts.pages == 3
    assert 0 < read < SENT_WHOLE_BYTES / 2


@pytest.mark.parametrize("size", [0, SENT_WHOLE_BYTES], ids=["small", "large"])
def test_what_reading_the_file_raises_is_raised_here(size: int) -> None:
    file = FailingFile(making.pdf_of_pages(40) + bytes(size), reads=0)
    with pytest.raises(StoreUnavailable):
        ChildsDocument(CHILD, file, "application/pdf", LIMITS)
    file = FailingFile(making.pdf_of_pages(40))
    document = ChildsDocument(CHILD, file, "application/pdf", LIMITS)
    file.reads = 0
    with pytest.raises(StoreUnavailable):
        document.page(40)


def test_a_refusal_of_the_file_and_of_its_only_page() -> None:
    with pytest.raises(Refusal) as whole:
        in_child(making.pdf_of_pages(3), FileLimits(max_pages=2))
    assert whole.value.reason is Reason.TOO_MANY_PAGES
    scan = making.jpeg()
    lost = {**making.pdf_objects(), 5: making.picture(scan[: len(scan) // 9])}
    page = refusal_of_page(in_child(making.pdf(lost)), 1)
    assert page.reason is Reason.DAMAGED
    assert page.advice


@pytest.mark.parametrize("hostile", [1, 2, 3])
def test_a_page_that_kills_the_child_is_damaged_alone(hostile: int) -> None:
    document = in_child(chain_of_lengths(hostile))
    for number in (1, 2, 3):
        if number == hostile:
            found = refusal_of_page(document, number)
            assert found.reason is Reason.DAMAGED
            assert str(number) in found.what
        else:
            assert document.page(number).content.startswith(b"%PDF")
    assert in_child(making.pdf_of_pages(1)).facts.pages == 1


def test_a_file_that_takes_too_long_is_damaged() -> None:
    """Each string without an end is read to the end of the file, over and over."""
    endless = b"".join(b"%d 0 obj\n<< /A (without end >>\n" % number for number in range(1, 20_000))
    child = Child(step_seconds=1)
    with pytest.raises(Refusal) as found:
        ChildsDocument(child, io.BytesIO(b"%PDF-1.7\n" + endless + b"startxref\n9\n%%EOF\n"), "application/pdf", LIMITS)
    child.close()
    assert found.value.reason is Reason.DAMAGED
    assert "time" in found.value.what


def recognised(count: int) -> Iterator[tuple[int, RecognisedPage]]:
    for number in range(1, count + 1):
        yield number, drawing.page_of([f"Zebra {number}"], size=(1000, 1000), letter=30)[1]


def test_a_searchable_pdf_is_the_one_that_this_process_would_make() -> None:
    content = making.pdf_of_pages(3)
    here, there = io.BytesIO(), io.BytesIO()
    made = searchable_pdf_here(io.BytesIO(content), "application/pdf", recognised(3), here)
    warnings = searchable_pdf(CHILD, io.BytesIO(content), "application/pdf", recognised(3), there)
    assert there.getvalue() == here.getvalue()
    assert tuple(warnings) == made.warnings
    assert reading.lines_by_pdfium(there.getvalue())[:1] == ["Zebra 1"]


def test_a_searchable_pdf_that_kills_the_child_cannot_be_rendered() -> None:
    with pytest.raises(NotRenderable):
        searchable_pdf(CHILD, io.BytesIO(chain_of_lengths()), "application/pdf", recognised(3), io.BytesIO())


def test_what_reading_pages_raises_comes_through() -> None:
    def failing() -> Iterator[tuple[int, RecognisedPage]]:
        yield from recognised(1)
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        searchable_pdf(CHILD, io.BytesIO(making.pdf_of_pages(3)), "application/pdf", failing(), io.BytesIO())
