"""Pages cut out of PDFs of several: each is what it was, alone, and a broken one does not lose the others."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileLimits
from pagekit.pdf.document import PdfDocument
from pagekit.prepared import How, PageWarning
from textdrop.core.errors import StoreUnavailable
from unit.pagekit import making
from unit.pagekit.making import grey_picture, made
from unit.pagekit.opening.opening import FailingFile, difference, opened, pages_of, picture_of, prepared
from unit.pagekit.outputs.reading import raster

LIMITS = FileLimits(max_pages=100)
PAGES = 6
BLANK = 20
"""How much any page differs from one on which its picture is missing, at least."""

NOISES = [random.Random(number).randbytes(3600) for number in range(1, PAGES + 1)]


def scan(document: Pdf, number: int, size: int = 60) -> Any:
    """A picture unlike any other's."""
    content = random.Random(number).randbytes(size * size)
    return grey_picture(document, Image.frombytes("L", (size, size), content))


def plain(document: Pdf) -> None:
    """Each page shows a picture of its own and a line at a place of its own."""
    for number in range(1, PAGES + 1):
        page = document.add_blank_page(page_size=(200, 300))
        page.Resources = Dictionary(XObject=Dictionary(Scan=scan(document, number)))
        page.Contents = document.make_stream(b"q 100 0 0 100 20 20 cm /Scan Do Q %d 150 30 9 re f" % (10 * number))


def turned_and_cropped(document: Pdf) -> None:
    plain(document)
    for number, page in enumerate(document.pages):
        page.Rotate = 90 * (number % 4)
        page.CropBox = Array([5, 5, 150 + number, 250])


def inheriting(document: Pdf) -> None:
    """What pages share stands above them."""
    plain(document)
    pages = document.Root.Pages
    pages.Rotate, pages.CropBox = 90, Array([10, 10, 190, 290])
    for page in document.pages:
        del page["/MediaBox"]
    pages.MediaBox = Array([0, 0, 200, 300])


def one_dictionary_for_all(document: Pdf) -> None:
    plain(document)
    shared = document.make_indirect(
        Dictionary(XObject=Dictionary({f"/P{number}": scan(document, number) for number in range(1, PAGES + 1)}))
    )
    for number, page in enumerate(document.pages, start=1):
        page.Resources = shared
        page.Contents = document.make_stream(b"q 100 0 0 100 20 20 cm /P%d Do Q" % number)


def stamped(document: Pdf) -> None:
    """A stamp and a form's field on each page, and a link to another."""
    plain(document)
    fields = []
    for number, page in enumerate(document.pages):
        look = document.make_stream(b"0 0 1 rg 0 0 %d 20 re f" % (20 + 10 * number))
        look.Type, look.Subtype, look.BBox = Name.XObject, Name.Form, Array([0, 0, 100, 20])
        stamp = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=Array([50, 250, 150, 270]), F=4)
        stamp.AP = Dictionary(N=look)
        link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 50, 50]))
        link.Dest = Array([document.pages[PAGES - 1 - number].obj, Name.Fit])
        field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, Rect=Array([20, 200, 90, 220]), F=4, FT=Name.Tx)
        field.T, field.V, field.AP = pikepdf.String(f"f{number}"), pikepdf.String("ё"), Dictionary(N=look)
        field = document.make_indirect(field)
        fields.append(field)
        page.Annots = Array([document.make_indirect(stamp), document.make_indirect(link), field])
    document.Root.AcroForm = Dictionary(Fields=Array(fields))


def with_fields_that_know_nothing_of_their_parents(document: Pdf) -> None:
    """As stamped, but what the fields are stands above them, and they do not say where."""
    stamped(document)
    for field in document.Root.AcroForm.Fields:
        del field["/FT"], field["/T"]
    above = Dictionary(FT=Name.Tx, T=pikepdf.String("f"), Kids=document.Root.AcroForm.Fields)
    document.Root.AcroForm.Fields = Array([document.make_indirect(above)])


def layered(document: Pdf) -> None:
    """A layer that is hidden, on each page."""
    plain(document)
    hidden = document.make_indirect(Dictionary(Type=Name.OCG, Name=pikepdf.String("hidden")))
    document.Root.OCProperties = Dictionary(OCGs=Array([hidden]), D=Dictionary(OFF=Array([hidden])))
    for page in document.pages:
        page.Resources.Properties = Dictionary(H=hidden)
        page.Contents = document.make_stream(page.Contents.read_bytes() + b" /OC /H BDC 0 0 200 300 re f EMC")


MAKINGS = [
    plain,
    turned_and_cropped,
    inheriting,
    one_dictionary_for_all,
    stamped,
    with_fields_that_know_nothing_of_their_parents,
    layered,
]
SAVED = {**making.WRITTEN, "with an owner's password": {"encryption": pikepdf.Encryption(owner="owner", user="")}}


@pytest.mark.parametrize("save", SAVED.values(), ids=SAVED)
@pytest.mark.parametrize("make", MAKINGS)
def test_each_page_looks_as_it_did_and_is_alone(make: Callable[[Pdf], None], save: dict[str, Any]) -> None:
    content = made(make, **save)
    pages = [page.content for page in prepared(content, LIMITS) if page.preparation.how is How.CUT]
    assert len(pages) == PAGES
    looks = set()
    for number, page in enumerate(pages):
        with making.opened(page) as cut:
            assert len(cut.pages) == 1
            assert not cut.is_encrypted
            assert cut.check_pdf_syntax() == []
            pictures = [part.read_bytes() for part in cut.objects if isinstance(part, pikepdf.Stream)]
        assert [noise in pictures for noise in NOISES] == [at == number for at in range(PAGES)], "no other page's"
        looks.add(raster(page).tobytes())
        assert raster(page).tobytes() == raster(content, number).tobytes()
    assert len(looks) == PAGES or make is inheriting or len(looks) > 1


def test_what_a_form_lacks_in_its_own_resources_is_kept_in_the_page_s() -> None:
    """Some viewers look for it there, though PDF 1.7, 8.10.1, says that they should not; what it has itself is not."""

    def make(document: Pdf) -> None:
        page = document.add_blank_page(page_size=(200, 300))
        fonts = {f"/F{n}": Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Courier) for n in range(4)}
        own = Dictionary(Font=Dictionary(F1=fonts["/F1"], F3=fonts["/F3"], F4=fonts["/F3"]))
        form = document.make_stream(
            b"BT /F1 9 Tf /F2 9 Tf /F3 9 Tf ET", Subtype=Name.Form, BBox=[0, 0, 9, 9], Resources=own
        )
        page.Resources = Dictionary(Font=Dictionary(fonts), XObject=Dictionary(X=form))
        page.Contents = document.make_stream(b"BT /F0 9 Tf ET /X Do")

    [page] = prepared(made(make))
    with making.opened(page.content) as cut:
        assert set(cut.pages[0].Resources.Font.keys()) == {"/F0", "/F2"}
        assert set(cut.pages[0].Resources.XObject.X.Resources.Font.keys()) == {"/F1", "/F3"}


@pytest.mark.parametrize("kind", ["FileAttachment", "Screen"])
def test_what_an_attachment_shows_is_kept_as_a_stamp(kind: str) -> None:
    """Without the file that is attached, poppler shows no such annotation."""

    def make(document: Pdf) -> None:
        stamped(document)
        for page in document.pages:
            page.Annots[0].Subtype = Name(f"/{kind}")
            page.Annots[0].FS = Dictionary(Type=Name.Filespec)

    [first, *_] = prepared(made(make))
    with making.opened(first.content) as cut:
        [stamp, *_] = cut.pages[0].Annots
        assert (str(stamp.Subtype), "/FS" in stamp, "/N" in stamp.AP) == ("/Stamp", False, True)


def test_a_page_that_is_too_large_by_itself_is_drawn() -> None:
    def make(document: Pdf) -> None:
        plain(document)
        document.pages[1].Resources.XObject.Scan = scan(document, 99, size=600)

    limits = FileLimits(max_bytes=200_000, max_pixels=40_000)
    pages = prepared(made(make), limits)
    assert [page.preparation.how for page in pages] == [How.CUT, How.DRAWN, *[How.CUT] * 4]
    assert PageWarning.DAMAGED not in pages[1].preparation.warnings
    assert len(pages[1].content) <= limits.max_bytes
    assert difference(picture_of(pages[1]), picture_of(prepared(made(make))[1])) < BLANK / 2


@pytest.mark.parametrize("kind", [Name.Form, Name.Type3])
@pytest.mark.parametrize("is_whole_shared", [True, False])
def test_hundreds_that_draw_each_other_share_the_dictionary_that_lists_them(kind: Name, is_whole_shared: bool) -> None:
    """What each of them draws is too much to follow; written out for each, what is listed would be the whole file."""
    count = 300

    def make(document: Pdf) -> None:
        page = document.add_blank_page(page_size=(200, 300))
        listed = document.make_indirect(Dictionary())
        resources = Dictionary({"/XObject" if kind == Name.Form else "/Font": listed})
        resources = document.make_indirect(resources) if is_whole_shared else resources
        for number in range(count):
            if kind == Name.Form:
                operators = b"0 0 9 9 re f /E%d Do" % ((number + 1) % count)
                drawn: Any = document.make_stream(operators, Subtype=kind, BBox=[0, 0, 9, 9], Resources=resources)
            else:
                operators = b"9 0 d0 BT /E%d 1 Tf (a) Tj ET" % ((number + 1) % count)
                letters = Dictionary(a=document.make_stream(operators))
                drawn = document.make_indirect(Dictionary(Subtype=kind, CharProcs=letters, Resources=resources))
            listed[f"/E{number}"] = drawn
        page.Resources = resources
        page.Contents = document.make_stream(b"BT /E0 1 Tf ET /E0 Do")

    content = made(make, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    [page] = prepared(content)
    assert page.preparation.how is How.CUT
    assert len(page.content) < 1.5 * len(content)


@pytest.mark.parametrize("count", [0, 1, PAGES - 1, PAGES + 1, 9])
def test_a_list_of_pages_that_lies_about_their_number_is_counted(count: int) -> None:
    content = made(plain, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    assert b"/Count 6" in content
    lying = content.replace(b"/Count 6", b"/Count %d" % count)
    assert [raster(page.content).tobytes() for page in prepared(lying, LIMITS)] == [
        raster(content, number).tobytes() for number in range(PAGES)
    ]


def test_a_read_that_fails_is_no_damage_and_the_page_can_be_had_later() -> None:
    def make(document: Pdf) -> None:
        for number in range(1, PAGES + 1):
            page = document.add_blank_page(page_size=(200, 300))
            page.Resources = Dictionary(XObject=Dictionary(Scan=scan(document, number, size=600)))
            page.Contents = document.make_stream(b"/Scan Do")

    content = made(make)
    file = FailingFile(content)
    document = PdfDocument(file, LIMITS)
    expected = prepared(content, LIMITS)
    for number in (2, 5, 3):
        file.reads = 0
        with pytest.raises(StoreUnavailable):
            document.page(number)
        file.reads = math.inf
        assert document.page(number) == expected[number - 1]
    file.reads = 0
    with pytest.raises(StoreUnavailable):
        PdfDocument(file, LIMITS)


def test_whatever_the_bytes_pages_are_refused_or_themselves() -> None:
    """Bytes changed at random: a page that comes out is that page, of the same number, or is refused."""
    content = made(plain, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    limits = FileLimits(max_pixels=40_000)
    sound = [picture_of(page) for page in prepared(content, limits)]
    chance = random.Random(7)
    became: Counter[str] = Counter()
    for _ in range(60):
        broken = bytearray(content)
        for _ in range(chance.randrange(1, 20)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            pages = pages_of(opened(bytes(broken), limits))
        except Refusal:
            became["refused"] += 1
            continue
        for number, page in enumerate(pages):
            if isinstance(page, Reason):
                became["page refused"] += 1
                continue
            became[page.preparation.how] += 1
            if page.preparation.how is How.CUT:
                others = [noise for at, noise in enumerate(NOISES) if at != number and noise[:1500] in page.content]
                assert others == [] or len(pages) != PAGES
            else:
                assert PageWarning.DAMAGED in page.preparation.warnings
                differences = [difference(picture_of(page), each) for each in sound]
                assert len(pages) != PAGES or min(differences) > BLANK or min(differences) == differences[number]
    assert set(became) >= {"page refused", "cut", "drawn"}
