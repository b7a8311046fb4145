"""Pages that were drawn to be recognised, in the searchable PDF: the picture that was sent, and its text, once."""

from __future__ import annotations

import io
import zlib

import pytest
from pikepdf import Array, Name, Pdf
from PIL import Image, ImageChops, ImageStat

from pagekit.errors import NotRenderable
from pagekit.limits import FileLimits
from pagekit.page import RecognisedPage
from pagekit.pdf import layered_pdf
from pagekit.pdf.document import PdfDocument
from pagekit.prepared import How, PreparedPage
from unit.pagekit import making
from unit.pagekit.outputs import drawing, reading

READ = [drawing.page_of(lines) for lines in (drawing.ENGLISH, drawing.RUSSIAN, drawing.ENGLISH[::-1])]
SCANS = making.scans([image for image, _ in READ])
PAGES = [page for _, page in READ]


def with_wrong_checksum(number: int, *, rotate: int = 0) -> bytes:
    """The content of one page is packed, and its checksum is wrong."""

    def make(document: Pdf) -> None:
        for place, (image, _) in enumerate(READ, start=1):
            page = making.add_scan(document, image, rotate=rotate)
            if place == number:
                content = zlib.compress(page.Contents.read_bytes())
                page.Contents = document.make_stream(content[:-1] + b"\0")
                page.Contents.Filter = Name.FlateDecode
                page.UserUnit = 2
                page.Annots = Array()

    return making.made(make)


def page_as_sent(content: bytes, number: int) -> PreparedPage:
    document = PdfDocument(io.BytesIO(content), FileLimits())
    page = document.page(number)
    document.close()
    return page


def as_sent(page: RecognisedPage, prepared: PreparedPage) -> RecognisedPage:
    """What is recognised on the page as it was sent, which has other pixels."""
    with Image.open(io.BytesIO(prepared.content)) as image:
        width, height = image.size

    def scaled(x: float, y: float) -> tuple[float, float]:
        return x * width / page["width"], y * height / page["height"]

    return drawing.moved_page(page, scaled, (width, height))


def assert_text(document: bytes, pages: list[RecognisedPage]) -> None:
    assert reading.problems(document) == []
    for number, page in enumerate(pages):
        assert reading.lines_by_pdfium(document, number) == drawing.lines_of(page)
        assert reading.lines_by_pypdf(document, number) == drawing.lines_of(page)


def difference(document: bytes, number: int, expected: Image.Image) -> float:
    found = reading.raster(document, number).convert("L").resize((200, 100), Image.Resampling.BOX)
    return ImageStat.Stat(ImageChops.difference(found, expected.resize((200, 100), Image.Resampling.BOX))).mean[0]


@pytest.mark.parametrize("rotate", [0, 90])
def test_a_drawn_page_becomes_its_picture_and_the_others_stay(rotate: int) -> None:
    content = with_wrong_checksum(2, rotate=rotate)
    sent = page_as_sent(content, 2)
    assert sent.preparation.how is How.DRAWN
    pages = [PAGES[0], as_sent(PAGES[1], sent), PAGES[2]]
    document, told = making.rendered(content, *pages, drawn={2})
    assert_text(document, pages)
    assert told.layered == 3
    assert told.warnings[0].startswith("Page 2 is in the searchable PDF as a picture")
    with making.opened(document) as pdf:
        [picture] = pdf.pages[1].Resources.XObject.values()
        assert (int(picture.Width), int(picture.Height)) == (pages[1]["width"], pages[1]["height"])
        assert "/Annots" not in pdf.pages[1]
        assert float(pdf.pages[1].MediaBox[2]) == pytest.approx(2 * READ[1][0].width * making.POINTS, rel=0.01)
    for number, (image, _) in enumerate(READ):
        assert difference(document, number, image) < 3
    assert making.rendered(content, *pages, drawn={2})[0] == document


def test_words_stand_on_a_drawn_page() -> None:
    content = making.with_broken_table(making.scans([READ[0][0]]))
    page = as_sent(PAGES[0], page_as_sent(content, 1))
    document, _ = making.rendered(content, page, drawn={1})
    assert min(reading.covered(document, page)) >= 0.9


def test_text_that_can_be_seen_on_a_drawn_page_is_there_once() -> None:
    """The page has it as text of its own, but a reader that stops at the checksum does not see it."""

    def make(document: Pdf) -> None:
        page = making.add_scan(document, READ[0][0])
        making.add_operators(page, making.lines_as_text(PAGES[0], 0))
        content = zlib.compress(b"\n".join(part.read_bytes() for part in page.Contents))
        page.Contents = document.make_stream(content[:-1] + b"\0")
        page.Contents.Filter = Name.FlateDecode

    content = making.made(make)
    page = as_sent(PAGES[0], page_as_sent(content, 1))
    document, told = making.rendered(content, page, drawn={1})
    assert_text(document, [page])
    assert told.layered == 1


def test_a_document_that_qpdf_does_not_see_is_made_of_pictures_alone() -> None:
    content = making.with_broken_table(SCANS)
    pages = [as_sent(page, page_as_sent(content, number)) for number, page in enumerate(PAGES, start=1)]
    document, told = making.rendered(content, *pages, drawn={1, 2, 3})
    assert_text(document, pages)
    assert told.warnings[0].startswith("Pages 1, 2 and 3 are in the searchable PDF as a picture")
    # Those that were not recognised, or cannot be shown, have their places too.
    lost = content.replace(b"/Scan", b"/Nope", 1)
    document, told = making.rendered(lost, None, pages[1], drawn={2, 3})
    with making.opened(document) as pdf:
        assert len(pdf.pages) == 3
    assert reading.lines_by_pdfium(document, 1) == drawing.lines_of(pages[1])


def test_more_pictures_than_can_be_held_are_not_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layered_pdf, "_MAX_PICTURE_BYTES", 1_000)
    with pytest.raises(NotRenderable, match="too many pages"):
        making.rendered(making.with_broken_table(SCANS), *PAGES, drawn={1})


def test_what_no_viewer_opens_is_not_rendered() -> None:
    with pytest.raises(NotRenderable):
        making.rendered(b"%PDF-1.7\n", *PAGES, drawn={1})
