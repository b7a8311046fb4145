"""PDFs with text laid over them: what is there stays, old layers are replaced, text is not there twice."""

from __future__ import annotations

import io
import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, OutlineItem, Pdf

from pagekit.errors import NotRenderable
from pagekit.outputs.searchable_pdf import searchable_pdf
from pagekit.page import RecognisedPage
from pagekit.pdf import page_content
from textdrop.core.errors import StoreUnavailable
from unit.pagekit import making
from unit.pagekit.making import resaved, with_broken_table
from unit.pagekit.opening.opening import FailingFile
from unit.pagekit.outputs import drawing, reading

INVISIBLE, VISIBLE = 3, 0
Change = Callable[[Pdf, Any], None]

IMAGE, PAGE = drawing.page_of(drawing.ENGLISH)
SCAN = making.scans([IMAGE])


def with_page(change: Change) -> bytes:
    """A scan, to whose page something was done."""
    return making.made(lambda document: change(document, making.add_scan(document, IMAGE)))


def with_operators(operators: bytes) -> bytes:
    """A scan with more operators behind those that show it."""
    return with_page(lambda _, drawn: making.add_operators(drawn, operators))


def form(document: Pdf, operators: bytes, **entries: Any) -> Any:
    made = document.make_stream(operators, Type=Name.XObject, Subtype=Name.Form, **entries)
    made.BBox = Array([-9999, -9999, 9999, 9999])
    return made


def assert_same_picture(before: bytes, after: bytes, page: int = 0) -> None:
    assert reading.problems(after) == []
    assert reading.raster(after, page).tobytes() == reading.raster(before, page).tobytes()


def assert_text_once(document: bytes, page: RecognisedPage) -> None:
    assert reading.lines_by_pdfium(document) == drawing.lines_of(page)
    assert reading.lines_by_pypdf(document) == drawing.lines_of(page)


def test_what_the_pages_raise_is_raised() -> None:
    def pages() -> Iterator[tuple[int, RecognisedPage]]:
        yield 1, PAGE
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        searchable_pdf(io.BytesIO(SCAN), "application/pdf", pages(), io.BytesIO())


# --- text of the page's own


def test_of_a_page_that_shows_some_text_the_rest_is_laid_over_it() -> None:
    first = PAGE.copy()
    first["blocks"] = [{**PAGE["blocks"][0], "lines": PAGE["blocks"][0]["lines"][:1]}]
    source = with_operators(making.lines_as_text(first, VISIBLE))
    document, told = making.rendered(source, PAGE)
    assert (told.layered, told.own_text) == (1, ())
    assert sorted(reading.lines_by_pdfium(document)) == sorted(drawing.lines_of(PAGE))
    assert_same_picture(source, document)


def nameless_letters(document: Pdf, drawn: Any) -> None:
    """Letters drawn by procedures, without names: they can be seen, and not be searched."""
    making.add_operators(drawn, making.lines_as_text(PAGE, VISIBLE))
    drawn.Resources.Font.F = Dictionary(
        Type=Name.Font,
        Subtype=Name.Type3,
        FontBBox=Array([0, 0, 1000, 1000]),
        FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]),
        CharProcs=Dictionary(g1=document.make_stream(b"1000 0 d0 0 0 700 700 re f")),
        Encoding=Dictionary(Differences=Array([0, *[Name("/g1")] * 256])),
        FirstChar=0,
        LastChar=255,
        Widths=Array([500] * 256),
    )


def text_elsewhere(document: Pdf, drawn: Any) -> None:
    making.add_operators(drawn, making.lines_as_text(PAGE, VISIBLE, shift=-2000))


@pytest.mark.parametrize("change", [nameless_letters, text_elsewhere])
def test_text_that_does_not_count(change: Change) -> None:
    document, told = making.rendered(with_page(change), PAGE)
    assert (told.layered, told.own_text) == (1, ())
    assert drawing.ENGLISH[1] in reading.lines_by_pdfium(document)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_text_in_forms_is_found_where_they_are_drawn(rotate: int) -> None:
    """A form within a form, moved, enlarged and turned, with the text of the page."""

    def draw(document: Pdf) -> None:
        drawn = making.add_scan(document, IMAGE)
        width, height = (float(length) for length in drawn.MediaBox[2:])
        making.add_operators(drawn, b"")
        inner = form(document, making.lines_as_text(PAGE, VISIBLE), Resources=Dictionary(Font=drawn.Resources.Font))
        inner.Matrix = Array([0.5, 0, 0, 0.5, 0, 0])
        outer = form(document, b"q 2 0 0 2 -40 -60 cm /Inner Do Q")
        outer.Resources = Dictionary(XObject=Dictionary(Inner=inner))
        drawn.Resources.XObject.Outer = outer
        turned = {
            0: (1, 0, 0, 1, 40, 60),
            270: (0, -1, 1, 0, 60, width - 40),
            180: (-1, 0, 0, -1, width - 40, height - 60),
            90: (0, 1, -1, 0, height - 60, 40),
        }
        drawn.contents_add(b"q %d %d %d %d %f %f cm /Outer Do Q" % turned[rotate])
        if rotate in (90, 270):
            drawn.MediaBox = Array([0, 0, height, width])
        drawn.Rotate = rotate

    assert making.rendered(making.made(draw), PAGE)[1].own_text == (1,)


@pytest.mark.parametrize("mode", [VISIBLE, INVISIBLE], ids=["seen", "unseen"])
def test_a_page_whose_text_was_taken_from_it_stays_as_it_is(mode: int) -> None:
    """The text is there once, in the file's own words; the page behind it gets a layer as ever."""

    def draw(document: Pdf) -> None:
        making.add_operators(making.add_scan(document, IMAGE), making.lines_as_text(PAGE, mode))
        making.add_scan(document, IMAGE)

    source = making.made(draw)
    other = drawing.page_of(drawing.ENGLISH[::-1])[1]
    document, told = making.rendered(source, other, PAGE, own_text={1})
    assert (told.layered, told.own_text, told.warnings) == (1, (1,), ())
    for number in (0, 1):
        assert reading.lines_by_pdfium(document, number) == drawing.lines_of(PAGE)
        assert reading.lines_by_pypdf(document, number) == drawing.lines_of(PAGE)
        assert_same_picture(source, document, number)
    with making.opened(source) as before, making.opened(document) as after:
        assert [part.read_bytes() for part in after.pages[0].Contents] == [
            part.read_bytes() for part in before.pages[0].Contents
        ]


def test_of_a_document_that_is_all_text_nothing_is_laid_over_it() -> None:
    source = with_operators(making.lines_as_text(PAGE, INVISIBLE))
    document, told = making.rendered(source, PAGE, own_text={1})
    assert (told.layered, told.own_text) == (0, (1,))
    assert b"Textdrop" not in document


# --- old layers


def test_an_old_layer_in_a_form_is_replaced() -> None:
    """Also where the mode is set outside the form; and where another page shows the same form, it stays as it is."""
    wrong = drawing.page_of(["Thnk yuo", "for yoor", "0rder"])[1]

    def draw(document: Pdf) -> None:
        first, second = making.add_scan(document, IMAGE), making.add_scan(document, IMAGE)
        for drawn in (first, second):
            making.add_operators(drawn, b"3 Tr q 1 0 0 1 0 0 cm /Old Do Q 0 Tr 1 0 0 rg 20 20 30 30 re f")
        text = making.lines_as_text(wrong, INVISIBLE).replace(b"3 Tr", b"")
        old = form(document, text + b" 0 1 0 rg 60 20 30 30 re f", Resources=Dictionary(Font=first.Resources.Font))
        for drawn in (first, second):
            drawn.Resources.XObject.Old = document.make_indirect(old)

    source = making.made(draw)
    document, _ = making.rendered(source, PAGE, None)
    assert_text_once(document, PAGE)
    assert reading.lines_by_pdfium(document, 1) == drawing.lines_of(wrong)
    for number in (0, 1):
        assert_same_picture(source, document, number)


def test_what_was_made_here_is_replaced_as_well() -> None:
    once, _ = making.rendered(SCAN, PAGE)
    twice, _ = making.rendered(once, PAGE)
    assert_text_once(twice, PAGE)
    assert_same_picture(once, twice)


@pytest.mark.parametrize("recognised", [None, drawing.page_of()[1]], ids=["not recognised", "nothing found"])
def test_an_old_layer_without_a_new_one_stays(recognised: RecognisedPage | None) -> None:
    source = with_operators(making.lines_as_text(PAGE, INVISIBLE))
    document, told = making.rendered(source, recognised)
    assert told.layered == 0
    assert reading.lines_by_pdfium(document) == reading.lines_by_pdfium(source) == drawing.lines_of(PAGE)


def test_text_that_is_seen_does_not_move_when_what_is_unseen_before_it_goes() -> None:
    source = with_operators(
        b"BT /F 12 Tf 20 280 Td 3 Tr (unseen) Tj 0 Tr (seen) Tj ET "
        b"BT 14 TL 20 260 Td 3 Tr (a) ' 5 2 (b) \" [(c) 20 (d)] TJ T* 0 Tr (below) Tj ET"
    )
    document, _ = making.rendered(source, PAGE)
    assert_same_picture(source, document)
    text = " ".join(reading.lines_by_pypdf(document))
    assert "below" in text
    assert "cd" not in text


# --- the document


def test_the_structure_stays() -> None:
    def draw(document: Pdf) -> None:
        pages = [making.add_scan(document, IMAGE) for _ in range(3)]
        with document.open_outline() as outline:
            outline.root.append(OutlineItem("Second", 1))
        document.Root.PageLabels = Dictionary(Nums=Array([0, Dictionary(S=Name.r)]))
        link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 50, 50]), F=4)
        link.Dest = Array([pages[2].obj, Name.Fit])
        field = document.make_indirect(
            Dictionary(Type=Name.Annot, Subtype=Name.Widget, Rect=Array([20, 20, 90, 40]), F=4, FT=Name.Tx, T="name")
        )
        field.V, field.DA = pikepdf.String("value"), pikepdf.String("/Helv 10 Tf 0 g")
        pages[0].Annots = Array([document.make_indirect(link), field])
        document.Root.AcroForm = Dictionary(Fields=Array([field]), NeedAppearances=True)
        hidden = document.make_indirect(Dictionary(Type=Name.OCG, Name="hidden"))
        document.Root.OCProperties = Dictionary(OCGs=Array([hidden]), D=Dictionary(OFF=Array([hidden])))
        pages[1].Resources.Properties = Dictionary(Hidden=hidden)
        pages[1].contents_add(b"/OC /Hidden BDC 1 0 0 rg 0 0 400 400 re f EMC")
        document.docinfo.Title = pikepdf.String("Приложение")
        document.attachments["data.csv"] = b"1,2,3"
        with document.open_metadata() as metadata:
            metadata["dc:title"] = "Приложение"

    source = making.made(draw)
    document, told = making.rendered(source, PAGE, PAGE, PAGE)
    assert told.layered == 3
    for number in range(3):
        assert_same_picture(source, document, number)
    with making.opened(document) as after, making.opened(source) as before:
        with after.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Second"]
            destination: Any = outline.root[0].destination
            assert destination[0].objgen == after.pages[1].obj.objgen
        assert after.pages[0].Annots[0].Dest[0].objgen == after.pages[2].obj.objgen
        assert after.Root.AcroForm.Fields[0].V == "value"
        assert after.Root.AcroForm.Fields[0].objgen == after.pages[0].Annots[1].objgen
        assert [str(page.label) for page in after.pages] == ["i", "ii", "iii"]
        assert after.docinfo.Title == "Приложение"
        assert bytes(after.attachments["data.csv"].get_file().read_bytes()) == b"1,2,3"
        assert after.Root.Metadata.read_bytes() == before.Root.Metadata.read_bytes()
        assert after.Root.OCProperties.D.OFF[0].Name == "hidden"


def test_packed_streams_are_copied_as_they_are_and_what_was_not_packed_takes_less() -> None:
    packed = making.made(lambda document: making.add_scan(document, IMAGE))
    document, _ = making.rendered(packed, PAGE)
    with making.opened(packed) as before, making.opened(document) as after:
        scan, copied = (each.pages[0].Resources.XObject.Scan for each in (before, after))
        assert copied.read_raw_bytes() == scan.read_raw_bytes()
        layer, *own = after.pages[0].Contents
        assert [stream.read_raw_bytes() for stream in own] == [before.pages[0].Contents.read_raw_bytes()]
        assert layer.read_bytes().startswith(b"q\n")
    unpacked = making.made(lambda document: making.add_scan(document, IMAGE), compress_streams=False)
    document, _ = making.rendered(unpacked, PAGE)
    with making.opened(document) as after:
        assert after.pages[0].Resources.XObject.Scan.read_bytes() == IMAGE.tobytes()
    assert len(document) < len(unpacked) / 2


def test_the_same_document_and_text_give_the_same_bytes() -> None:
    assert making.rendered(SCAN, PAGE)[0] == making.rendered(SCAN, PAGE)[0]


def test_object_streams_stay() -> None:
    document, _ = making.rendered(resaved(SCAN, object_stream_mode=pikepdf.ObjectStreamMode.generate), PAGE)
    assert_text_once(document, PAGE)
    assert b"/ObjStm" in document


def test_pages_that_share_their_resources() -> None:
    """Inherited from the node above; one font is enough for all."""

    def draw(document: Pdf) -> None:
        for _ in range(3):
            making.add_scan(document, IMAGE)
        document.Root.Pages.Resources = document.pages[0].Resources
        document.Root.Pages.Rotate = 90
        for drawn in document.pages:
            del drawn.Resources

    lying = drawing.turned(IMAGE, PAGE, 90)[1]
    source = making.made(draw)
    document, told = making.rendered(source, lying, lying, None)
    assert told.layered == 2
    for number in (0, 1):
        assert reading.lines_by_pdfium(document, number) == drawing.lines_of(PAGE)
        assert_same_picture(source, document, number)
    with pikepdf.open(io.BytesIO(document), inherit_page_attributes=False) as pdf:
        assert list(pdf.Root.Pages.Resources.Font.keys()) == ["/Textdrop"]
        assert sum(item.get("/Type") == "/Font" for item in pdf.objects if isinstance(item, Dictionary)) == 2


def test_a_font_of_the_same_name_stays() -> None:
    def change(document: Pdf, drawn: Any) -> None:
        making.add_operators(drawn, b"BT /Textdrop 12 Tf 20 280 Td (mine) Tj ET")
        drawn.Resources.Font.Textdrop = drawn.Resources.Font.F

    source = with_page(change)
    document, _ = making.rendered(source, PAGE)
    assert_same_picture(source, document)
    assert set(drawing.lines_of(PAGE)) < set(reading.lines_by_pdfium(document))


# --- what is told


def sign(document: Pdf, drawn: Any) -> None:
    signature = Dictionary(Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), Contents=b"\0" * 20)
    field = Dictionary(FT=Name.Sig, T="signature", V=document.make_indirect(signature))
    group = Dictionary(T="group", Kids=Array([document.make_indirect(field)]))
    document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(group)]), SigFlags=3)


LOCKED = pikepdf.Encryption(owner="secret", user="", R=6, allow=pikepdf.Permissions(extract=False, modify_other=False))


@pytest.mark.parametrize(
    ("source", "word"),
    [(resaved(SCAN, encryption=LOCKED), "protected"), (with_page(sign), "signed"), (with_broken_table(SCAN), "mended")],
    ids=["an owner's password", "a signature", "a wrong table"],
)
def test_what_is_dropped_or_mended_is_told_of(source: bytes, word: str) -> None:
    document, told = making.rendered(source, PAGE)
    [warning] = told.warnings
    assert word in warning
    assert_text_once(document, PAGE)
    assert_same_picture(source, document)
    with making.opened(document) as pdf:
        assert not pdf.is_encrypted


@pytest.mark.parametrize(
    ("content", "what"),
    [
        *((content, "") for content in (b"", b"%PDF-1.7\n", b"not a PDF", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n")),
        (resaved(SCAN, encryption=pikepdf.Encryption(owner="a", user="b")), "password"),
        (SCAN, "page 2"),
    ],
)
def test_what_cannot_be_rendered(content: bytes, what: str) -> None:
    with pytest.raises(NotRenderable) as refused:
        making.rendered(content, PAGE, PAGE)
    assert what in refused.value.what


def test_pages_without_a_size_are_told_of() -> None:
    unknown = PAGE.copy()
    unknown["width"] = 0
    _, told = making.rendered(making.scans([IMAGE] * 14), *[unknown] * 13, PAGE)
    assert told.layered == 1
    assert told.warnings == (
        "Pages 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more are without recognised text in the searchable PDF: the size of "
        "what was recognised is not known.",
    )


def test_malformed_pages_do_not_lose_the_others() -> None:
    def draw(document: Pdf) -> None:
        pages = [making.add_scan(document, IMAGE) for _ in range(5)]
        pages[0].Resources = Name.Odd
        pages[1].Contents = Array([42, Name.Odd])
        pages[2].Resources.XObject = Array([])
        pages[3].MediaBox = Array([Name.Odd, 2])

    document, told = making.rendered(making.made(draw), *[PAGE] * 5)
    assert told.layered == 5
    assert reading.problems(document) == []
    for number in range(5):
        assert reading.lines_by_pdfium(document, number) == drawing.lines_of(PAGE), number


# --- reading, writing


def test_what_reading_raises_is_raised_whenever_it_happens() -> None:
    source = making.scans([IMAGE] * 2)
    for reads in itertools.count():
        to = io.BytesIO()
        try:
            searchable_pdf(FailingFile(source, reads), "application/pdf", [(2, PAGE)], to)
        except StoreUnavailable:
            continue
        break
    assert reads >= 10
    assert to.getvalue() == making.rendered(source, None, PAGE)[0]


def test_what_writing_raises_is_raised() -> None:
    class FullDisk(io.BytesIO):
        def write(self, content: Any, /) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        searchable_pdf(io.BytesIO(SCAN), "application/pdf", [(1, PAGE)], FullDisk())


def place_to_sign(document: Pdf, drawn: Any) -> None:
    field = Dictionary(FT=Name.Sig, T="sign here")
    document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]), SigFlags=1)


def chain_of_references(document: Pdf, drawn: Any) -> None:
    drawn.Chain = document.make_indirect(Dictionary(Next=Name.None_))
    for _ in range(20_000):
        drawn.Chain = document.make_indirect(Dictionary(Next=drawn.Chain))


def form_in_itself(document: Pdf, drawn: Any) -> None:
    making.add_operators(drawn, b"/Self Do " * 3)
    drawn.Resources.XObject.Self = form(document, b"BT 3 Tr /F 9 Tf (x) Tj ET " + b"/Self Do " * 3)


def not_what_it_says(document: Pdf, drawn: Any) -> None:
    drawn.contents_add(document.make_stream(b"q 1 0 0 1 0 0 cm", Filter=Name.FlateDecode))


def too_many_operators(document: Pdf, drawn: Any) -> None:
    drawn.contents_add(b"BT /F 12 Tf (" + b"x" * 5_000_000 + b") Tj ET")


def operator_in_an_array(document: Pdf, drawn: Any) -> None:
    drawn.contents_add(b"BT 9 0 0 9 9 9 Tm [(x) Tj] TJ ET")


AS_DRAWN = ["Page 1 is in the searchable PDF as drawn"]


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        (place_to_sign, []),
        (chain_of_references, []),
        (form_in_itself, AS_DRAWN),
        (not_what_it_says, AS_DRAWN),
        (too_many_operators, AS_DRAWN),
        (operator_in_an_array, AS_DRAWN),
    ],
)
def test_an_odd_page_gets_its_text_and_is_warned_of(change: Change, warnings: list[str]) -> None:
    _, told = making.rendered(with_page(change), PAGE)
    assert told.layered == 1
    assert [warning[:40] for warning in told.warnings] == warnings


@pytest.mark.parametrize(
    ("filters", "packed"),
    [
        (None, bytes),
        (Name.FlateDecode, zlib.compress),
        (Array([Name.ASCIIHexDecode]), lambda data: data.hex().encode()),
    ],
    ids=["plain", "flate", "hexadecimal"],
)
def test_operators_are_unpacked_within_bounds(
    filters: Any, packed: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_content, "_UNPACKED_BYTES", 100)
    with Pdf.new() as document:
        stream = document.make_stream(b"")
        stream.write(packed(b"x" * 100), filter=filters)
        assert page_content.unpacked(stream) == b"x" * 100
        stream.write(packed(b"x" * 101), filter=filters)
        assert page_content.unpacked(stream) is None
