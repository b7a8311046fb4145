"""Files that are opened in the child: the same pages as without it, and nothing of a hostile one outside it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from pikepdf import Pdf

from pagekit.child.document import SENT_WHOLE_BYTES, ChildsDocument
from pagekit.child.messages import Message
from pagekit.child.process import Child, Reply
from pagekit.child.searchable_pdf import searchable_pdf
from pagekit.errors import NotRenderable, Reason, Refusal
from pagekit.limits import FileLimits
from pagekit.outputs.searchable_pdf import searchable_pdf as searchable_pdf_here
from pagekit.page import RecognisedPage
from pagekit.pdf.document import PdfDocument
from textdrop.core.errors import StoreUnavailable
from unit.pagekit import making, typeset
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


# --- text of the page's own


class NotingChild(Child):
    """Notes of each task that it is given whether it is asked for own text."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bool] = []

    def run(self, task: Message, content: bytes, answer: Callable[[Message, bytes], Reply]) -> None:
        self.asked.append(task["own_text"])
        super().run(task, content, answer)


def text_and_scans(count: int) -> bytes:
    """Every other page is a scan."""

    def draw(document: Pdf) -> None:
        for _ in range(count):
            typeset.add_page(document, typeset.lines(drawing.RUSSIAN))
            making.add_scan(document, drawing.page_of(drawing.RUSSIAN)[0])

    return making.made(draw)


def test_own_text_is_what_this_process_would_find_and_other_pages_are_prepared_with_it() -> None:
    content = text_and_scans(3)
    here, child = PdfDocument(io.BytesIO(content), LIMITS), NotingChild()
    there = ChildsDocument(child, io.BytesIO(content), "application/pdf", LIMITS)
    there.page(1)
    assert child.asked == [False]
    for number in range(1, 7):
        found = there.own_text(number)
        assert found == here.own_text(number)
        assert (found is not None) == (number % 2 == 1)
        if found is None:
            asked = len(child.asked)
            assert there.page(number) == here.page(number)
            assert len(child.asked) == asked
    # Some are found out at a time.
    assert len(child.asked) < 1 + 6
    # In any order, and again.
    for number in (3, 2, 3, 6):
        assert (there.own_text(number), there.page(number)) == (here.own_text(number), here.page(number))
    assert (there.own_text(0), there.own_text(7)) == (None, None)
    child.close()


@pytest.mark.parametrize("hostile", [1, 2, 3])
def test_a_page_that_kills_the_child_has_no_text(hostile: int) -> None:
    document = in_child(chain_of_lengths(hostile))
    for number in (1, 2, 3):
        assert document.own_text(number) is None
        if number == hostile:
            assert refusal_of_page(document, number).reason is Reason.DAMAGED
        else:
            assert document.page(number).content.startswith(b"%PDF")


def test_what_reading_the_file_for_own_text_raises_is_raised_here() -> None:
    file = FailingFile(text_and_scans(1))
    document = ChildsDocument(CHILD, file, "application/pdf", LIMITS)
    file.reads = 0
    with pytest.raises(StoreUnavailable):
        document.own_text(1)


# --- searchable PDFs


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


def test_a_page_with_its_own_text_stays_as_it_is_in_the_child_too() -> None:
    to = io.BytesIO()
    searchable_pdf(CHILD, io.BytesIO(making.pdf_of_pages(2)), "application/pdf", recognised(2), to, own_text={1})
    assert reading.lines_by_pdfium(to.getvalue(), 0) == []
    assert reading.lines_by_pdfium(to.getvalue(), 1) == ["Zebra 2"]


def test_a_searchable_pdf_that_kills_the_child_cannot_be_rendered() -> None:
    with pytest.raises(NotRenderable):
        searchable_pdf(CHILD, io.BytesIO(chain_of_lengths()), "application/pdf", recognised(3), io.BytesIO())


def test_what_reading_pages_raises_comes_through() -> None:
    def failing() -> Iterator[tuple[int, RecognisedPage]]:
        yield from recognised(1)
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        searchable_pdf(CHILD, io.BytesIO(making.pdf_of_pages(3)), "application/pdf", failing(), io.BytesIO())
