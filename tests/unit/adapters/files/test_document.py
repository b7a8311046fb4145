"""Files opened, and their pages one by one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pikepdf
import pypdfium2
import pytest
from PIL import ImageChops

from textdrop.adapters.files import drawings, pdf_document
from textdrop.adapters.files.document import OpenedDocument, open_document
from textdrop.core.errors import Reason, Refusal, StoreUnavailable
from textdrop.core.files import FileLimits
from unit.adapters.files import making

LIMITS = FileLimits()
INVOICE = b"BT /F1 20 Tf 10 50 Td (Invoice %d) Tj ET"


class Counted(io.BytesIO):
    """A file that counts what is read, and fails when told to."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.reads = self.bytes_read = 0
        self.fails_at = -1

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        if self.reads == self.fails_at:
            raise StoreUnavailable("s3.GetObject: SlowDown")
        piece = super().read(size)
        self.bytes_read += len(piece)
        return piece


def opened(content: bytes, limits: FileLimits = LIMITS) -> OpenedDocument:
    return open_document(io.BytesIO(content), len(content), limits)


def pages(content: bytes, limits: FileLimits = LIMITS) -> list[bytes]:
    with opened(content, limits) as document:
        return [document.page(number) for number in range(1, document.facts.pages + 1)]


def refusal(document: OpenedDocument, number: int) -> Refusal:
    with pytest.raises(Refusal) as caught:
        document.page(number)
    return caught.value


def look(content: bytes, page: int = 0) -> object:
    """The page's pixels, annotations and all."""
    document = pypdfium2.PdfDocument(content)
    try:
        document.init_forms()
        return document[page].render(scale=0.5, may_draw_forms=True).to_pil().convert("RGB")
    finally:
        document.close()


def looks_the_same(one: object, other: object) -> bool:
    return ImageChops.difference(one, other).getbbox() is None


def book(count: int, change: Callable[[pikepdf.Pdf, list[pikepdf.Object]], None] = lambda _, __: None) -> bytes:
    """A PDF of pages that differ, each with text, a picture of its own, and a link to the first page."""
    file = io.BytesIO()
    with pikepdf.new() as document:
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        made: list[pikepdf.Object] = []
        for number in range(1, count + 1):
            picture = document.make_stream(
                making.jpeg(),
                Subtype=pikepdf.Name.Image,
                Width=60,
                Height=40,
                BitsPerComponent=8,
                ColorSpace=pikepdf.Name.DeviceRGB,
                Filter=pikepdf.Name.DCTDecode,
            )
            content = b"q 40 0 0 40 100 100 cm /Scan Do Q " + INVOICE % number
            made.append(
                document.make_indirect(
                    pikepdf.Dictionary(
                        Type=pikepdf.Name.Page,
                        MediaBox=[0, 0, 200, 150],
                        Contents=document.make_stream(content),
                        Resources={"/XObject": {"/Scan": picture}, "/Font": {"/F1": font}},
                    )
                )
            )
            made[-1]["/Annots"] = [{"/Subtype": pikepdf.Name.Link, "/Rect": [0, 0, 9, 9], "/Dest": [made[0]]}]
            document.pages.append(pikepdf.Page(made[-1]))
        change(document, made)
        document.save(file, static_id=True)
    return file.getvalue()


def form(document: pikepdf.Pdf, red: float, **entries: object) -> pikepdf.Object:
    return document.make_stream(
        b"%.1f 0 0 rg 0 0 50 50 re f" % red, Subtype=pikepdf.Name.Form, BBox=[0, 0, 50, 50], **entries
    )


def with_stamp(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
    stamp = pikepdf.Dictionary(Subtype=pikepdf.Name.Stamp, Rect=[10, 70, 60, 120], F=4, P=made[1])
    stamp["/AP"] = pikepdf.Dictionary(N=form(document, 1))
    made[1]["/Annots"].append(document.make_indirect(stamp))


def with_fields(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
    field = document.make_indirect(pikepdf.Dictionary(FT=pikepdf.Name.Btn, T="sex", V=pikepdf.Name.On, Kids=[]))
    for page in made:
        box = pikepdf.Dictionary(Subtype=pikepdf.Name.Widget, Rect=[10, 70, 60, 120], F=4, AS=pikepdf.Name.On)
        box["/Parent"], box["/P"] = field, page
        box["/AP"] = pikepdf.Dictionary(N=pikepdf.Dictionary(On=form(document, 1), Off=form(document, 0)))
        page["/Annots"].append(document.make_indirect(box))
        field["/Kids"].append(page["/Annots"][-1])
    document.Root["/AcroForm"] = pikepdf.Dictionary(Fields=[field], DA="/Helv 0 Tf 0 g")


def with_hidden_layer(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
    layers = [document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name=name)) for name in ("on", "off")]
    document.Root["/OCProperties"] = pikepdf.Dictionary(
        OCGs=layers, D=pikepdf.Dictionary(OFF=[layers[1]], Order=layers)
    )
    made[1]["/Resources"]["/Properties"] = pikepdf.Dictionary(On=layers[0], Off=layers[1])
    made[1]["/Contents"] = document.make_stream(
        b"/OC /On BDC 1 0 0 rg 0 0 50 50 re f EMC /OC /Off BDC 0 0 1 rg 30 30 90 90 re f EMC"
    )


def turned_and_cropped(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
    made[1]["/Rotate"] = -90
    made[1]["/CropBox"] = [20, 10, 150, 140]


def inheriting(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
    document.Root.Pages["/Rotate"] = 90
    document.Root.Pages["/MediaBox"] = [0, 0, 150, 150]
    document.Root.Pages["/Resources"] = made[1]["/Resources"]
    for page in made:
        del page["/MediaBox"]
    del made[1]["/Resources"]


def in_pieces(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
    made[1]["/Contents"] = pikepdf.Array(
        [document.make_stream(b"q 40 0 0 40 9 9 cm"), document.make_stream(b"/Scan Do Q")]
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda _, __: None,
        with_stamp,
        with_fields,
        with_hidden_layer,
        turned_and_cropped,
        inheriting,
        in_pieces,
    ],
    ids=["plain", "stamp", "fields", "layer", "turned", "inherited", "pieces"],
)
def test_a_page_cut_out_looks_as_it_did(change: Callable[[pikepdf.Pdf, list[pikepdf.Object]], None]) -> None:
    content = book(3, change)
    for number, page in enumerate(pages(content)):
        assert len(pypdfium2.PdfDocument(page)) == 1
        assert looks_the_same(look(page), look(content, number))
        assert not looks_the_same(look(page), look(content, (number + 1) % 3))


def test_a_page_leads_nowhere_else() -> None:
    content = book(20, with_fields)
    assert max(len(page) for page in pages(content)) < len(content) / 8


def test_a_single_page_is_sent_as_it_is() -> None:
    content = book(1) + b"\n%\n"
    assert pages(content) == [content]


def test_a_single_page_that_is_too_large_as_it_is_is_cut_out() -> None:
    content = book(1)
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as document:
        document.Root["/Extra"] = document.make_stream(bytes(range(256)) * 200)
        document.save(file, compress_streams=False)
    (page,) = pages(file.getvalue(), FileLimits(max_bytes=20_000))
    assert len(page) < 20_000
    assert looks_the_same(look(page), look(content))


def test_pages_in_any_order_and_again_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    content = book(5)
    in_order = pages(content)
    monkeypatch.setattr(pdf_document, "PAGES_AN_OPENING", 2)
    with opened(content) as document:
        assert [document.page(number) for number in (5, 1, 3, 3, 2, 4, 1)] == [
            in_order[number - 1] for number in (5, 1, 3, 3, 2, 4, 1)
        ]
    monkeypatch.setattr(pdf_document, "BYTES_AN_OPENING", 1)
    assert pages(content) == in_order


def test_there_is_no_page_before_the_first_or_after_the_last() -> None:
    for content in (book(2), making.pdf(), making.jpeg()):
        with opened(content) as document:
            for number in (0, document.facts.pages + 1):
                with pytest.raises(IndexError):
                    document.page(number)


def shared(count: int, *, nested: bool = False) -> bytes:
    """All pages have the pictures of all pages, by one dictionary; `nested`: by a form that all of it is drawn in."""

    def change(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
        everything = pikepdf.Dictionary(XObject={}, Font=made[0]["/Resources"]["/Font"])
        together = document.make_indirect(everything)
        for number, page in enumerate(made):
            together["/XObject"][f"/Im#{number}" if number == 1 else f"/Im{number}"] = page["/Resources"]["/XObject"][
                "/Scan"
            ]
            name = b"/Im#231" if number == 1 else b"/Im%d" % number
            operators = b"q 40 0 0 40 100 100 cm " + name + b" Do Q " + INVOICE % number
            page["/Resources"] = together
            page["/Contents"] = document.make_stream(operators)
            if nested:
                whole = document.make_stream(
                    operators, Subtype=pikepdf.Name.Form, BBox=[0, 0, 200, 150], Resources=together
                )
                page["/Resources"] = pikepdf.Dictionary(XObject={"/Whole": whole})
                page["/Contents"] = document.make_stream(b"/Whole Do")

    return book(count, change)


@pytest.mark.parametrize("nested", [False, True], ids=["page", "form"])
@pytest.mark.parametrize("count", [10, 40])
def test_shared_resources_are_left_out(count: int, nested: bool) -> None:
    content = shared(count, nested=nested)
    # A few pictures too many do no harm, as long as they fit.
    limits = FileLimits(max_bytes=9_000)
    cut_out = pages(content, limits)
    assert max(len(page) for page in cut_out) < 6_000
    for number in (0, 1, 7):
        assert looks_the_same(look(cut_out[number]), look(content, number))


def test_pictures_of_other_pages_are_not_even_read() -> None:
    content = shared(200)
    file = Counted(content)
    with open_document(file, len(content), LIMITS) as document:
        before = file.bytes_read
        document.page(100)
    assert file.bytes_read - before < len(content) / 10


def test_a_form_without_resources_draws_with_those_of_its_page() -> None:
    def change(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
        drawn = made[0]["/Resources"]["/XObject"]
        for number in range(30):
            drawn[f"/Other{number}"] = drawn["/Scan"]
        drawn["/Form"] = document.make_stream(
            b"q 40 0 0 40 100 100 cm /Other7 Do Q", Subtype=pikepdf.Name.Form, BBox=[0, 0, 200, 150]
        )
        made[0]["/Contents"] = document.make_stream(b"/Form Do")

    content = book(2, change)
    assert looks_the_same(look(pages(content)[0]), look(content))


def test_operators_that_unpack_to_too_much_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "_MAX_LZW_BYTES", 10)

    def change(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
        for number in range(30):
            made[0]["/Resources"]["/XObject"][f"/Other{number}"] = form(document, number / 30)
        packed = b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01\x00\x00\x00\x00\x00\x00"
        made[0]["/Contents"] = document.make_stream(packed, Filter=pikepdf.Name.LZWDecode)

    page = pages(book(2, change))[0]
    with pikepdf.open(io.BytesIO(page)) as document:
        assert len(document.pages[0].obj["/Resources"]["/XObject"]) == 31


@pytest.mark.parametrize(
    ("media", "crop", "unit", "expected"),
    [
        ([10, 20, 110, 220], None, None, [10, 20, 110, 220]),
        ([110, 220, 10, 20], [20, 30, 40, 50], None, [20, 30, 40, 50]),
        ([0, 0, 0, 0], None, None, [0, 0, 612, 792]),
        ([0, 0, 100], None, None, [0, 0, 612, 792]),
        ([0, 0, 99_999_999, 20_000], None, None, [0, 5_600, 14_400, 20_000]),
        ([0, 0, 100, 100], [200, 200, 300, 300], None, [0, 0, 100, 100]),
        ([0, 0, 100, 100], [-50, 50, 50, 999], None, [0, 50, 50, 100]),
        ([0, 0, 100, 100], None, 2, [0, 0, 100, 100]),
        ([0, 0, 100, 100], None, 100_000, [0, 0, 100, 100]),
    ],
)
def test_boxes_are_kept_unless_no_page_can_be_so(
    media: list[int], crop: list[int] | None, unit: int | None, expected: list[int]
) -> None:
    def change(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
        made[0]["/MediaBox"] = media
        if crop is not None:
            made[0]["/CropBox"] = crop
        if unit is not None:
            made[0]["/UserUnit"] = unit

    with pikepdf.open(io.BytesIO(pages(book(2, change))[0])) as document:
        page = document.pages[0]
        assert [int(corner) for corner in page.cropbox] == expected
        assert page.obj.get("/UserUnit") == (2 if unit == 2 else None)


def test_a_page_that_is_too_large_loses_itself_alone() -> None:
    noise = bytes(range(256)) * 400

    def change(document: pikepdf.Pdf, made: list[pikepdf.Object]) -> None:
        made[1]["/Resources"]["/XObject"]["/Scan"].write(making.jpeg(900, 700), filter=pikepdf.Name.DCTDecode)
        look = pikepdf.Dictionary(N=document.make_stream(noise, Filter=pikepdf.Name.JPXDecode))
        made[2]["/Annots"].append(pikepdf.Dictionary(Subtype=pikepdf.Name.Stamp, Rect=[0, 0, 9, 9], AP=look))
        made[3]["/Resources"]["/Font"]["/F1"]["/FontDescriptor"] = pikepdf.Dictionary(
            FontFile=document.make_stream(noise, Filter=pikepdf.Name.JPXDecode)
        )

    with opened(book(5, change), FileLimits(max_bytes=50_000)) as document:
        for number in (2, 3):
            found = refusal(document, number)
            assert found.reason == Reason.FILE_TOO_LARGE
            assert found.what.startswith(f"Page {number} ")
        assert len(document.page(1)) < 50_000
        assert len(document.page(5)) < 50_000


def without_picture(content: bytes, page: int) -> bytes:
    """The data of this page's picture is gone: zeros in its place."""
    start = -1
    for _ in range(page):
        start = content.index(b"\xff\xd8\xff", start + 1)
    end = content.index(b"endstream", start)
    return content[:start] + bytes(end - start) + content[end:]


def without_object(content: bytes, number: int) -> bytes:
    return content.replace(b"\n%d 0 obj" % number, b"\n%d x obj" % number)


def number_of(content: bytes, page: int, entry: str = "") -> int:
    with pikepdf.open(io.BytesIO(content)) as document:
        found = document.pages[page - 1].obj
        return int((found[entry] if entry else found).objgen[0])


@pytest.mark.parametrize("mended_up_to", [10**9, 0], ids=["small", "large"])
def test_a_damaged_page_loses_itself_alone(monkeypatch: pytest.MonkeyPatch, mended_up_to: int) -> None:
    monkeypatch.setattr(pdf_document, "MENDED_UP_TO_BYTES", mended_up_to)
    content = book(4)
    content = without_object(content, number_of(content, 3, "/Contents"))
    with opened(without_picture(content, 2)) as document:
        assert [document.facts.pages, *(refusal(document, number).reason for number in (2, 3))] == [
            4,
            Reason.DAMAGED,
            Reason.DAMAGED,
        ]
        for number in (1, 4):
            assert looks_the_same(look(document.page(number)), look(content, number - 1))


def test_an_object_in_the_wrong_place_is_found() -> None:
    content = book(3)
    number = number_of(content, 2, "/Contents")
    place = b"%010d 00000 n" % content.index(b"\n%d 0 obj" % number, 1)
    moved = content.replace(b"%010d" % (int(place[:10]) + 1), b"%010d" % 12)
    assert moved != content
    assert looks_the_same(look(pages(moved)[1]), look(content, 1))


def test_a_large_file_is_read_only_where_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    content = book(300)
    monkeypatch.setattr(pdf_document, "MENDED_UP_TO_BYTES", 0)
    file = Counted(content)
    with open_document(file, len(content), LIMITS) as document:
        assert document.facts.pages == 300
        assert file.bytes_read < 65_536 * 2 + len(content) / 20
        before = file.bytes_read
        document.page(150)
        assert file.bytes_read - before < 20_000


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[: len(content) * 97 // 100],
        lambda content: content + b"4 0 obj\n<<",
        making.with_broken_table,
        lambda content: content + bytes(5_000),
        lambda content: content.replace(b"/Kids", b"/Kiss").replace(b"/Pages", b"/Rages"),
    ],
    ids=["half", "end", "change", "table", "junk", "tree"],
)
def test_a_large_file_that_would_need_mending_is_damaged(
    monkeypatch: pytest.MonkeyPatch, spoilt: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(pdf_document, "MENDED_UP_TO_BYTES", 0)
    with pytest.raises(Refusal) as caught:
        opened(spoilt(book(3)))
    assert caught.value.reason == Reason.DAMAGED


def test_a_large_file_is_refused_for_its_encryption_and_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_document, "MENDED_UP_TO_BYTES", 0)
    locked = making.resaved(book(3), encryption=pikepdf.Encryption(owner="owner", user="user"))
    certified = making.pdf(making.pdf_objects(), b"/Root 1 0 R /Encrypt << /Filter /Adobe.PubSec /V 4 >>")
    for content, reason in (
        (locked, Reason.ENCRYPTED),
        (certified, Reason.ENCRYPTED),
        (book(6), Reason.TOO_MANY_PAGES),
    ):
        with pytest.raises(Refusal) as caught:
            opened(content, FileLimits(max_pages=5))
        assert caught.value.reason == reason


@pytest.mark.parametrize("kids", [b"[7 0 R 8 0 R]", b"[7 0 R]"])
def test_page_numbers_that_do_not_hold_in_a_large_file(monkeypatch: pytest.MonkeyPatch, kids: bytes) -> None:
    """Where as many pages are stated as there are kids, each is taken for a page, and one may be a list of pages."""
    monkeypatch.setattr(pdf_document, "MENDED_UP_TO_BYTES", 0)
    objects = {**making.pdf_objects(), 2: b"<< /Type /Pages /Kids [6 0 R 3 0 R] /Count 2 >>"}
    listed = {6: b"<< /Type /Pages /Count 1 /Kids %b >>" % kids, 7: making.PAGE, 8: making.PAGE}
    with opened(making.pdf(objects | listed)) as document:
        assert document.facts.pages == 2
        assert pikepdf.open(io.BytesIO(document.page(2)))
        if kids == b"[7 0 R]":
            assert document.page(1) == document.page(2)
        else:
            assert refusal(document, 1).reason == Reason.DAMAGED


def test_pages_of_a_pdf_that_only_an_owner_may_change_are_cut_out() -> None:
    content = book(3)
    locked = making.resaved(content, encryption=pikepdf.Encryption(owner="owner", user=""))
    assert looks_the_same(look(pages(locked)[1]), look(content, 1))


@pytest.mark.parametrize("mended_up_to", [10**9, 0], ids=["small", "large"])
@pytest.mark.parametrize(
    "content", [book(2), making.pdf(), making.jpeg(), b"PK\3\4", making.with_broken_table(book(2))]
)
def test_a_file_that_cannot_be_read_is_not_damaged(
    monkeypatch: pytest.MonkeyPatch, content: bytes, mended_up_to: int
) -> None:
    """Each read of a file fails once: the error is that of reading, wherever it comes, and the next try goes well."""
    monkeypatch.setattr(pdf_document, "MENDED_UP_TO_BYTES", mended_up_to)

    def outcome(file: Counted) -> list[bytes] | Reason:
        try:
            with open_document(file, len(content), LIMITS) as document:
                found = []
                for number in range(1, document.facts.pages + 1):
                    try:
                        found.append(document.page(number))
                    except StoreUnavailable:
                        found.append(document.page(number))
                        failed.append("page")
                return found
        except Refusal as refusal:
            return refusal.reason

    failed: list[str] = []
    sound = Counted(content)
    expected = outcome(sound)
    assert sound.reads
    for read in range(1, sound.reads + 1):
        file = Counted(content)
        file.fails_at = read
        count = len(failed)
        try:
            found = outcome(file)
        except StoreUnavailable:
            failed.append("opening")
        else:
            assert found == expected
        assert len(failed) == count + 1


def test_the_kind_of_a_large_archive_is_told_by_its_end() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("media.bin", bytes(300_000))
        archive.writestr("word/document.xml", "")
    with pytest.raises(Refusal) as caught:
        opened(file.getvalue())
    assert "Word document" in caught.value.what


def test_an_image_that_is_too_large_is_not_read() -> None:
    content = making.jpeg() + bytes(500_000)
    file = Counted(content)
    with pytest.raises(Refusal) as caught:
        open_document(file, len(content), FileLimits(max_bytes=400_000))
    assert caught.value.reason == Reason.FILE_TOO_LARGE
    assert file.bytes_read < 100_000


@pytest.mark.parametrize("content", [making.jpeg(), making.png()])
def test_an_image_is_sent_as_it_is(content: bytes) -> None:
    assert pages(content) == [content]
