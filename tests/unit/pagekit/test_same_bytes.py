"""The bytes of a page depend on the page alone: whatever becomes of the file around it, it is cut out the same.

A book is made of pages of all kinds. What they share (resources, layers, a form, the structure) lists what the pages
need that are in it, as in a file to which pages were added, or from which they were taken.
"""

from __future__ import annotations

import functools
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import pikepdf
import pytest
from PIL import Image

from pagekit.child.process import Child
from pagekit.limits import FileLimits
from pagekit.opening import open_document
from pagekit.prepared import How, PreparedPage
from unit.pagekit import making, troubled
from unit.pagekit.opening.opening import opened
from unit.pagekit.outputs import drawing
from unit.pagekit.outputs.reading import raster

LIMITS = FileLimits()

Body = str | tuple[str, bytes]
"""An object as text, or the entries and the data of a stream. `@name` refers to another, `$` is a number that each page
has in the document's structure."""


@dataclass(frozen=True)
class Page:
    """The objects of a page, and what of them is listed in what pages share: resources, layers, fields of the form."""

    objects: dict[str, Body]
    listed: dict[str, str] = field(default_factory=dict)


def _flate(data: bytes, entries: str = "") -> Body:
    return entries + " /Filter /FlateDecode", zlib.compress(data)


def _fax() -> bytes:
    content = making.encoded(BILEVEL, "TIFF", compression="group4")
    tiff: Any = Image.open(io.BytesIO(content))
    [start], [length] = tiff.tag_v2[273], tiff.tag_v2[279]
    return content[start : start + length]


def _jbig2() -> bytes:
    """A page and a region on it, which is packed as a fax is (ITU-T T.88, 7.4.6)."""
    information = struct.pack(">IBBBIIIIIBH", 1, 0x30, 0, 1, 19, *BILEVEL.size, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", *BILEVEL.size, 0, 0, 0, 1) + _fax()
    return information + struct.pack(">IBBBI", 2, 0x26, 0, 1, len(region)) + region


BILEVEL = drawing.page_of(drawing.ENGLISH)[0].resize((620, 310)).convert("1")
_BITS = (
    f"/Type /XObject /Subtype /Image /Width {BILEVEL.width} /Height {BILEVEL.height} /BitsPerComponent 1"
    " /ColorSpace /DeviceGray "
)
_FORM = "/Type /XObject /Subtype /Form /BBox [0 0 100 100] "
_WIDGET = "<< /Type /Annot /Subtype /Widget /F 4 /P @page /StructParent $1 "
_SHOWS: Body = "", b"q 80 0 0 80 10 10 cm /I Do Q"

SHARED: dict[str, Body] = {
    "font": "<< /Type /Font /Subtype /TrueType /BaseFont /Roboto /FirstChar 32 /LastChar 126"
    f" /FontDescriptor @descriptor /Encoding /WinAnsiEncoding /Widths [{'550 ' * 95}] >>",
    "descriptor": "<< /Type /FontDescriptor /FontName /Roboto /Flags 32 /FontBBox [-700 -300 1200 1000] /Ascent 900"
    " /ItalicAngle 0 /Descent -200 /CapHeight 700 /StemV 80 /FontFile2 @font_file >>",
    "font_file": _flate(resources.files("font_roboto").joinpath("files", "Roboto-Regular.ttf").read_bytes()),
    "helvetica": "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    "drawn": "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [.1 0 0 .1 0 0] /FirstChar 97 /LastChar 97"
    " /Widths [9] /Encoding << /Differences [97 /a] >> /CharProcs << /a @letter >> >>",
    "letter": ("", b"9 0 d0 /Half gs 0 0 8 8 re f"),
    "half": "<< /Type /ExtGState /ca .50 >>",
    "colours": "[ /CalRGB << /WhitePoint [.95 1. 1.09] /Gamma [2.2 2.2 2.2] >> ]",
    "head": _flate(b"q BT /F 9 Tf 10 85 Td (Head) Tj ET"),
    "foot": _flate(b"BT /F 9 Tf 10 5 Td (Foot) Tj ET Q"),
    "globals": ("", struct.pack(">IBBBI", 0, 62, 0, 0, 8) + b"\x20\0\0\0a\0b\0"),
    "metadata": (
        "/Type /Metadata /Subtype /XML ",
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
    ),
    "thread": "<< /F @bead /I << /Title (Article) >> >>",
    "bead": "<< /T @thread /N @bead /V @bead /R [0 0 9 9] >>",
}
PAGES = {
    "a scan in colour": Page(
        {
            "page": "<< /MediaBox [0 0 100 100] /CropBox @crop /Rotate 270 /Contents @shows /Thumb @thumb /Metadata"
            " @metadata /PieceInfo << /A << /Private @metadata >> >> /Resources << /XObject << /I @image >> >> >>",
            "crop": "[5 5 95 95]",
            "shows": _SHOWS,
            "image": (
                "/Type /XObject /Subtype /Image /Width 60 /Height 40 /BitsPerComponent 8 /ColorSpace /DeviceRGB"
                " /Filter /DCTDecode /StructParent $2 /Metadata @metadata",
                making.jpeg(),
            ),
            "thumb": ("/Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray ", b"x"),
        }
    ),
    "a fax": Page(
        {
            "page": "<< /Contents @shows /Resources << /XObject << /I @image >> /ProcSet [/PDF /ImageB] >> >>",
            "shows": _SHOWS,
            "image": (
                _BITS + f"/Filter [/CCITTFaxDecode] /DecodeParms [<< /K -1 /Columns {BILEVEL.width} >>]",
                _fax(),
            ),
        }
    ),
    "a scan in JBIG2": Page(
        {
            "page": "<< /Contents [@shows] /Resources @own /UserUnit 1.50 >>",
            "own": "<< /XObject << /I @image >> >>",
            "shows": _SHOWS,
            "image": (_BITS + "/Filter /JBIG2Decode /DecodeParms << /JBIG2Globals @globals >>", _jbig2()),
        }
    ),
    "print and a picture": Page(
        {
            "page": "<< /Resources @resources /Contents [@head @text @foot]"
            " /Group << /S /Transparency /CS /DeviceRGB >> >>",
            "text": _flate(
                b"/P << /MCID 0 >> BDC BT /F 20 Tf 10 60 Td (Print) Tj ET EMC"
                b" /Half gs /C cs .5 0 1 sc 9 9 9 9 re f /P1 Do"
            ),
            "picture": (_BITS + "/StructParent $3 ", BILEVEL.tobytes()),
        },
        {"/XObject": "/P1 @picture", "/Font": "/F @font", "/ExtGState": "/Half @half", "/ColorSpace": "/C @colours"},
    ),
    "a form, a pattern and drawn letters": Page(
        {
            "page": "<< /Resources @resources /Contents @text >>",
            "text": _flate(
                b"BT /F 20 Tf 10 60 Td (Form) Tj /D 1 Tf 0 -30 Td (a) Tj ET /F1 Do /Pattern cs /P scn 60 0 30 30 re f"
            ),
            "form": _flate(
                b"0 0 50 9 re f /Half gs", _FORM + "/Resources @resources /StructParents $4 /Metadata @metadata"
            ),
            "pattern": (
                "/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 9 /YStep 9 /Resources @resources ",
                b"/Half gs 0 0 5 5 re f",
            ),
        },
        {
            "/XObject": "/F1 @form",
            "/Pattern": "/P @pattern",
            "/Font": "/F @font /D @drawn",
            "/ExtGState": "/Half @half",
        },
    ),
    "links": Page(
        {
            "page": "<< /Contents @text /Resources << /Font << /F @helvetica >> /ExtGState << /H @half >> >>"
            " /Annots @annotations >>",
            "text": ("", b"BT /F 9 Tf 10 50 Td (Contents) Tj ET"),
            "annotations": "[ @link @jump @remark @popup << /Type /Annot /Subtype /Link /Rect [0 20 50 29] /Dest (a)"
            " /StructParent $5 >> ]",
            "link": "<< /Type /Annot /Subtype /Link /Rect [0 0 50 9] /Border [0 0 1] /Dest [ @another /Fit ]"
            " /StructParent $6 /P @page >>",
            "jump": "<< /Type /Annot /Subtype /Link /Rect [0 10 50 19] /A << /S /GoTo /D [ @another /Fit ] >> >>",
            "remark": "<< /Type /Annot /Subtype /Square /Rect [50 50 90 90] /C [1 0 0] /Popup @popup /IRT @link /NM (a)"
            " /AP << /N @look >> >>",
            "popup": "<< /Type /Annot /Subtype /Popup /Rect [0 0 9 9] /Parent @remark >>",
            "look": (_FORM, b"0 0 1 rg /H gs 5 5 30 30 re f"),
        }
    ),
    "fields": Page(
        {
            "page": "<< /Resources << >> /Annots [@name @button @shown @signed] >>",
            "name": _WIDGET + "/Rect [9 70 90 90] /Parent @field /AP << /N @look >> >>",
            "shown": _WIDGET + "/Rect [9 10 90 30] /Parent @field /DA (/Zx 9 Tf) >>",
            "button": _WIDGET + "/T (b) /FT /Btn /AS /On /Rect [9 40 30 60] /AP << /N << /On @look /Off @none >> >> >>",
            "signed": _WIDGET + "/T (s) /FT /Sig /Rect [50 40 90 60] /AP << /N @look >> /V << /Type /Sig /Filter"
            " /Adobe.PPKLite /ByteRange [0 9 9 9] /Contents <3000ff> /Reference [<< /Data @catalog >>] >> >>",
            "look": (_FORM, b"BT /Hv 30 Tf 10 50 Td (Name) Tj ET"),
            "none": (_FORM, b""),
        },
        {
            "parts of a field": "@name @shown",
            "fields": "@button @signed",
            "fonts of fields": "/Hv @helvetica /Zx @font",
        },
    ),
    "one more field": Page(
        {
            "page": "<< /Resources << >> /Annots [@more] >>",
            "more": _WIDGET + "/Rect [9 70 90 90] /Parent @field /DA (/Cr 9 Tf 0 g) /AP << /N @look >> >>",
            "courier": "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
            "look": (_FORM, b"BT /Cr 30 Tf 10 50 Td (More) Tj ET"),
        },
        {"parts of a field": "@more", "fonts of fields": "/Cr @courier"},
    ),
    "layers": Page(
        {
            "page": "<< /Resources @resources /Contents @text >>",
            "text": ("", b"/OC /L BDC 0 0 50 99 re f EMC /OC /M BDC 60 0 9 99 re f EMC /Hidden Do"),
            "form": (_FORM + "/OC @other ", b"0 90 100 9 re f"),
            "layer": "<< /Type /OCG /Name (layer) >>",
            "other": "<< /Type /OCG /Name (other) /Usage << /View << /ViewState /OFF >> >> >>",
            "member": "<< /Type /OCMD /OCGs [@layer] /P /AllOff >>",
        },
        {
            "/Properties": "/L @layer /M @member",
            "/XObject": "/Hidden @form",
            "layers": "@other @layer",
            "hidden": "@layer",
            "set by themselves": "@other",
        },
    ),
    "one more layer": Page(
        {
            "page": "<< /Resources @resources /Contents @text >>",
            "text": ("", b"/OC /N BDC 0 0 50 50 re f EMC 60 0 9 9 re f"),
            "layer": "<< /Type /OCG /Name (more) >>",
        },
        {"/Properties": "/N @layer", "layers": "@layer", "hidden": "@layer"},
    ),
    "all from above": Page(
        {
            "page": "<< /Parent @node /Contents @text >>",
            "text": ("", b"BT /F 20 Tf 10 20 Td (Above) Tj ET 0 0 30 9 re f"),
            "node": "<< /Type /Pages /Parent @pages /Kids [@page] /Count 1 /MediaBox [0 0 90 50] /CropBox [0 0 80 50]"
            " /Rotate 180 >>",
        },
        {"/Font": "/F @font"},
    ),
    "nothing": Page({"page": "<< /Contents @text >>", "text": ("/Filter /FlateDecode", b"")}),
}
ALL = tuple(PAGES)
_NAMES = [*SHARED, "catalog", "pages", "resources", "structure", "field"]
_NAMES += [f"{own}_{number}" for number, name in enumerate(ALL) for own in PAGES[name].objects]


def objects(pages: Iterable[str]) -> dict[str, Body]:
    """The objects of a book by their names; those of a page have its number in ALL behind them."""
    found = dict(SHARED)
    listed: dict[str, dict[str, None]] = {}
    kids = []
    for place, name in enumerate(pages):
        number = ALL.index(name)

        def qualified(text: str, name: str = name, number: int = number, place: int = place) -> str:
            text = text.replace("@another", f"@page_{(number + 1) % len(ALL)}").replace("$", f"{place}")
            return re.sub(rf"@({'|'.join(PAGES[name].objects)})\b", rf"@\1_{number}", text)

        for own, body in PAGES[name].objects.items():
            entries, data = body if isinstance(body, tuple) else (body, b"")
            if own == "page":
                above = "" if "/Parent" in entries else "/Parent @pages "
                entries = entries.replace("<< ", f"<< /Type /Page {above}/StructParents $0 /Tabs /S /B [@bead] ", 1)
            entries = qualified(entries)
            found[f"{own}_{number}"] = (entries, data) if isinstance(body, tuple) else entries
        for kind, entries in PAGES[name].listed.items():
            listed.setdefault(kind, {}).update(dict.fromkeys(re.findall(r"(?:/\w+ )?@\w+", qualified(entries))))
        kids.append(f"@{'node' if 'node' in PAGES[name].objects else 'page'}_{number}")

    def all_of(kind: str) -> str:
        return " ".join(listed.get(kind, ()))

    found["resources"] = (
        f"<< {' '.join(f'{kind} << {all_of(kind)} >>' for kind in listed if kind[0] == '/')} /ProcSet [/PDF] >>"
    )
    found["pages"] = (
        f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} /MediaBox [0 0 100 100] /Resources @resources >>"
    )
    found["structure"] = f"<< /Type /StructTreeRoot /K [{' '.join(f'<< /S /P /Pg {kid} /K 0 >>' for kid in kids)}] >>"
    found["field"] = (
        f"<< /T (f) /FT /Tx /V (\xfe\xff\x04\x51) /DA (/Hv 9 Tf 0 g) /Kids [{all_of('parts of a field')}] >>"
    )
    form = f"/AcroForm << /Fields [@field {all_of('fields')}] /DR << /Font << {all_of('fonts of fields')} >> >> >>"
    usage = f"<< /Event /View /Category [/View] /OCGs [{all_of('set by themselves')}] >>"
    layers = f"/OCProperties << /OCGs [{all_of('layers')}] /D << /OFF [{all_of('hidden')}] /AS [{usage}] >> >>"
    found["catalog"] = (
        "<< /Type /Catalog /Pages @pages /StructTreeRoot @structure /MarkInfo << /Marked true >> /Metadata @metadata"
        f" /Threads [@thread] /PageLabels << /Nums [0 << /S /r /St {len(kids)} >>] >> /OpenAction [{kids[0]} /Fit]"
        f" {form if 'parts of a field' in listed else ''} {layers if 'layers' in listed else ''} >>"
    )
    return found


def written(
    found: dict[str, Body], before: bytes = b"", *, names: Sequence[str] = _NAMES, generation: int = 0
) -> bytes:
    """A file of these objects, or a revision behind the file `before`; `names` says which numbers they have."""
    out = bytearray(before or b"%PDF-1.7\n")
    table = b"xref\n0 1\n0000000000 65535 f \n"
    for name in sorted(found, key=names.index):
        table += b"%d 1\n%010d %05d n \n" % (names.index(name) + 1, len(out), generation)
        body = found[name]
        entries, data = body if isinstance(body, tuple) else (body, None)
        text = re.sub(r"@(\w+)", lambda ref: f"{names.index(ref[1]) + 1} {generation} R", entries).encode("latin-1")
        text = text if data is None else making.stream(data, text)
        out += b"%d %d obj\n%b\nendobj\n" % (names.index(name) + 1, generation, text)
    place = len(out)
    previous = b"/Prev %d " % int(before.split()[-2]) if before else b""
    root = b"/Root %d %d R" % (names.index("catalog") + 1, generation)
    out += table + b"trailer\n<< /Size %d %b%b >>\nstartxref\n%d\n%%%%EOF\n" % (len(names) + 1, previous, root, place)
    return bytes(out)


def book(pages: Iterable[str] = ALL, **numbers: Any) -> bytes:
    return written(objects(pages), **numbers)


def revised(before: Sequence[str], after: Sequence[str]) -> bytes:
    """A book to which a program has appended what has changed."""
    old = objects(before)
    changed = {name: body for name, body in objects(after).items() if old.get(name) != body}
    return written(changed, written(old))


def cut(content: bytes, pages: Iterable[str] = ALL) -> dict[str, bytes]:
    """The bytes of each page of a book, all of which are cut."""
    document = opened(content)
    found = {name: document.page(number) for number, name in enumerate(pages, start=1)}
    document.close()
    assert document.facts.pages == len(found)
    assert {name: page.preparation.how for name, page in found.items()} == dict.fromkeys(found, How.CUT)
    return {name: page.content for name, page in found.items()}


@functools.cache
def by_itself(name: str) -> bytes:
    """A page's bytes where no other is in the book."""
    return cut(book([name]), [name])[name]


def others(found: dict[str, bytes]) -> list[str]:
    """The pages that have other bytes than by themselves."""
    return [name for name, content in found.items() if name in PAGES and content != by_itself(name)]


KINDS_OF_ENCRYPTION: dict[str, dict[str, Any]] = {
    "RC4, 40 bits": {"R": 2, "aes": False, "metadata": False},
    "RC4, 128 bits": {"R": 3, "aes": False, "metadata": False},
    "RC4, by a filter": {"R": 4, "aes": False, "metadata": False},
    "AES, 128 bits": {"R": 4},
    "AES, 256 bits": {"R": 6},
    "AES, 256 bits, of Acrobat 9": {"R": 5},
}
ARRANGED = {
    "all": ALL,
    "backwards": ALL[::-1],
    "shifted": (*ALL[5:], *ALL[:5]),
    **{f"without {name}": tuple(each for each in ALL if each != name) for name in ALL},
}
NEW = "a new page"
CHANGED: dict[str, tuple[Callable[[Any, Any], object], tuple[str, ...]]] = {
    "appended": (lambda pages, new: pages.append(new), (*ALL, NEW)),
    "prepended": (lambda pages, new: pages.insert(0, new), (NEW, *ALL)),
    "inserted": (lambda pages, new: pages.insert(4, new), (*ALL[:4], NEW, *ALL[4:])),
    "replaced": (lambda pages, new: pages.__setitem__(4, new), (*ALL[:4], NEW, *ALL[5:])),
    "removed": (lambda pages, _: pages.__delitem__(4), (*ALL[:4], *ALL[5:])),
    "reversed": (lambda pages, _: pages.reverse(), ALL[::-1]),
}


def saved(content: bytes, change: Callable[[Any, Any], object] = lambda *_: None, **save: Any) -> bytes:
    """The file as pikepdf writes it, with its streams as they are, when its pages were changed."""
    file = io.BytesIO()
    as_they_are = {"compress_streams": False, "stream_decode_level": pikepdf.StreamDecodeLevel.none}
    with making.opened(content) as document, making.opened(making.pdf()) as other:
        change(document.pages, other.pages[0])
        document.save(file, **as_they_are, **save)
    return file.getvalue()


def test_pages_are_cut_as_they_look_and_each_has_bytes_of_its_own() -> None:
    content = book()
    found = cut(content)
    assert len(set(found.values())) == len(ALL)
    for number, name in enumerate(ALL):
        assert raster(found[name]).tobytes() == raster(content, number).tobytes(), name


def test_the_form_has_the_fonts_that_the_fields_name() -> None:
    for name, fonts in (("fields", {"/Hv", "/Zx"}), ("one more field", {"/Cr"})):
        with making.opened(by_itself(name)) as document:
            assert set(document.Root.AcroForm.DR.Font.keys()) == fonts


@pytest.mark.parametrize("pages", ARRANGED.values(), ids=ARRANGED)
def test_whatever_pages_are_beside_it(pages: tuple[str, ...]) -> None:
    assert others(cut(book(pages), pages)) == []


@pytest.mark.parametrize("pages", ARRANGED.values(), ids=ARRANGED)
def test_in_whatever_revision_of_the_file(pages: tuple[str, ...]) -> None:
    assert others(cut(revised(pages[2:], pages), pages)) == []
    assert others(cut(revised(pages, pages[:-3]), pages[:-3])) == []


@pytest.mark.parametrize("names", [_NAMES[::-1], sorted(_NAMES)], ids=["backwards", "sorted"])
def test_whatever_numbers_its_objects_have(names: list[str]) -> None:
    assert others(cut(book(names=names, generation=3))) == []


@pytest.mark.parametrize(("change", "pages"), CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("save", making.WRITTEN.values(), ids=making.WRITTEN)
def test_whatever_a_program_does_to_other_pages(
    change: Callable[[Any, Any], object], pages: tuple[str, ...], save: dict[str, Any]
) -> None:
    assert others(cut(saved(book(), change, **save), pages)) == []


@pytest.mark.filterwarnings("ignore:Encryption R=5 is deprecated")
@pytest.mark.parametrize("kind", KINDS_OF_ENCRYPTION.values(), ids=KINDS_OF_ENCRYPTION)
def test_however_the_file_is_encrypted(kind: dict[str, Any]) -> None:
    # What encrypts packs what is not yet packed.
    plain = making.resaved(book())
    encrypted = making.resaved(plain, encryption=pikepdf.Encryption(owner="owner", user="", **kind))
    assert b"/Encrypt" in encrypted
    assert cut(encrypted) == cut(plain)


@pytest.fixture(scope="module")
def children() -> Iterator[list[Child]]:
    """Two processes: sets of names have another order in each."""
    children = [Child(), Child()]
    yield children
    for child in children:
        child.close()


def in_each(children: list[Child], content: bytes, limits: FileLimits = LIMITS) -> list[list[PreparedPage]]:
    """All pages, from the last on, as each process makes them."""
    found = []
    for child in children:
        document = open_document(io.BytesIO(content), limits, child)
        found.append([document.page(number) for number in range(document.facts.pages, 0, -1)])
        document.close()
    return found


def test_in_whatever_process(children: list[Child]) -> None:
    assert [[page.content for page in pages] for pages in in_each(children, book())] == [
        [by_itself(name) for name in reversed(ALL)]
    ] * 2


@pytest.mark.parametrize(
    "content",
    [
        troubled.with_pictures(troubled.flate()[:-900], b"/FlateDecode"),
        making.with_broken_table(making.pdf()),
        making.made(lambda document: making.add_scan(document, making.noise(300, 300))),
    ],
    ids=["broken data", "broken table", "too large"],
)
def test_a_page_that_is_drawn_is_drawn_the_same(children: list[Child], content: bytes) -> None:
    one, other = in_each(children, content, FileLimits(max_bytes=80_000, max_pixels=40_000))
    assert one == other
    assert one[-1].preparation.how is How.DRAWN


@pytest.mark.parametrize("content", [making.jpeg(), making.png()], ids=["JPEG", "PNG"])
def test_an_image_that_can_be_sent_is_its_own_bytes(content: bytes) -> None:
    assert opened(content).page(1).content == content


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "group4", "jpeg"])
def test_a_page_of_a_tiff_depends_on_its_image_alone(children: list[Child], compression: str) -> None:
    mode = "1" if compression == "group4" else "RGB"
    images = [making.noise(side, 50).convert(mode) for side in (60, 70, 80)]
    whole = making.encoded(images[0], "TIFF", save_all=True, append_images=images[1:], compression=compression)
    alone = [making.encoded(image, "TIFF", compression=compression) for image in images]
    one, other = in_each(children, whole)
    assert one == other == [opened(content).page(1) for content in reversed(alone)]
    assert len({page.content for page in one}) == len(images)
