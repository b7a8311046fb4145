"""What forms, letters, patterns, masks and looks of annotations lack, and viewers take from the page, goes along."""

from __future__ import annotations

import pikepdf
import pytest

from pagekit.pdf import cutting
from pagekit.prepared import How
from unit.pagekit import making
from unit.pagekit.opening.opening import opened
from unit.pagekit.outputs.reading import raster

KINDS = {
    "Font": ("F", b"BT /F 40 Tf 10 30 Td (Text) Tj ET"),
    "XObject": ("I", b"q 80 0 0 80 10 10 cm /I Do Q"),
    "ExtGState": ("G", b"/G gs 0 0 90 90 re f"),
    "ColorSpace": ("C", b"/C cs 1 sc 0 0 90 90 re f"),
    "Pattern": ("T", b"/Pattern cs /T scn 0 0 90 90 re f"),
    "Shading": ("S", b"/S sh"),
    "Properties": ("L", b"0 0 9 9 re f /OC /L BDC 0 0 90 90 re f EMC"),
}
"""For each kind of resources the name of one, and what shows it."""

SHARED = {
    50: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    51: making.stream(
        b"\x40\x80\xc0\x20", b"/Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace /DeviceGray"
    ),
    52: b"<< /Type /ExtGState /ca .5 >>",
    53: b"[/Indexed /DeviceRGB 1 <ff000000ff00>]",
    54: making.stream(
        b"0 0 5 5 re f",
        b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 9 /YStep 9 /Resources << >>",
    ),
    55: b"<< /ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 90 90]"
    b" /Function << /FunctionType 2 /Domain [0 1] /N 1 >> >>",
    56: b"<< /Type /OCG /Name (layer) >>",
}
NONE, OTHERS = b"", b"/Resources << /ProcSet [/PDF] >>"


def form(operators: bytes, resources: bytes = NONE, entries: bytes = b"") -> bytes:
    return making.stream(operators, b"/Type /XObject /Subtype /Form /BBox [0 0 100 100] " + resources + entries)


def drawn_letter(resources: bytes = NONE) -> bytes:
    return (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 100 100] /FontMatrix [.01 0 0 .01 0 0] /FirstChar 97"
        b" /LastChar 97 /Widths [100] /Encoding << /Differences [97 /a] >> /CharProcs << /a 11 0 R >> "
        + resources
        + b">>"
    )


def named(kind: bytes, name: bytes) -> bytes:
    return b"/Resources << /%b << /%b 11 0 R >> >>" % (kind, name)


def ways(operators: bytes) -> dict[str, tuple[bytes, dict[int, bytes], bytes]]:
    """For each way to draw with the operators: the page's content, what is drawn from object 10 on (a form is /X, a
    font /D, a pattern /P, a state /M), and entries of the page."""
    letter, letters = making.stream(b"100 0 d0 " + operators), b"BT /D 100 Tf (a) Tj ET"
    tile = b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 90 90] /XStep 99 /YStep 99 "
    group = b"/Group << /S /Transparency /CS /DeviceGray >>"
    mask = b"<< /Type /ExtGState /SMask << /S /Luminosity /G 11 0 R >> >>"
    look = b"/Annots [<< /Subtype /Stamp /F 4 /Rect [0 0 100 100] /AP << /N 10 0 R >> >>]"
    inner = {11: form(operators), 12: form(operators, OTHERS)}
    return {
        "a form without resources": (b"/X Do", {10: form(operators)}, b""),
        "a form that lacks the name": (b"/X Do", {10: form(operators, OTHERS)}, b""),
        "a form in a form": (b"/X Do", {10: form(b"/N Do", named(b"XObject", b"N")), **inner}, b""),
        "a form that lacks the name in a form": (
            b"/X Do",
            {10: form(b"/N Do", b"/Resources << /XObject << /N 12 0 R >> >>"), **inner},
            b"",
        ),
        "a form of the page in a form": (b"/X Do", {10: form(b"/Y Do", OTHERS), **inner}, b""),
        "a form in a form in a form in itself": (
            b"/X Do",
            {
                10: form(b"/N Do", b"/Resources << /XObject << /N 13 0 R >> >>"),
                13: form(b"/N Do /A Do", b"/Resources << /XObject << /N 10 0 R /A 12 0 R >> >>"),
                **inner,
            },
            b"",
        ),
        "a form of the form around it": (
            b"/X Do",
            {
                10: form(b"/N Do", b"/Resources << /XObject << /N 13 0 R /Q 12 0 R >> >>"),
                13: form(b"/Q Do"),
                **inner,
            },
            b"",
        ),
        "a letter": (letters, {10: drawn_letter(), 11: letter}, b""),
        "a letter in a form": (
            b"/X Do",
            {10: form(letters, b"/Resources << /Font << /D 13 0 R >> >>"), 13: drawn_letter(), 11: letter},
            b"",
        ),
        "a pattern": (b"/Pattern cs /P scn 0 0 90 90 re f", {10: making.stream(operators, tile)}, b""),
        "a pattern that lacks the name": (
            b"/Pattern cs /P scn 0 0 90 90 re f",
            {10: making.stream(operators, tile + OTHERS)},
            b"",
        ),
        "a mask": (b"/M gs 0 0 90 90 re f", {10: mask, 11: form(b"1 g 1 G " + operators, entries=group)}, b""),
        "the look of an annotation": (b"", {10: form(operators)}, look),
        "the look of an annotation that lacks the name": (b"", {10: form(operators, OTHERS)}, look),
        "a form in the look of an annotation": (b"", {10: form(b"/N Do", named(b"XObject", b"N")), **inner}, look),
    }


def page(way: str, operators: bytes, more: dict[int, bytes] | None = None, **resources: bytes) -> bytes:
    """A page that draws in that way; of each kind of resources it has one that nothing names, too, and those given."""
    content, drawn, entries = ways(operators)[way]
    kinds = {
        kind: b"/%b %d 0 R /Other %d 0 R " % (name.encode(), number, number)
        for number, (kind, (name, _)) in enumerate(KINDS.items(), start=50)
    }
    for kind, name in (("XObject", b"X"), ("Font", b"D"), ("Pattern", b"P"), ("ExtGState", b"M")):
        if b"/%b " % name in content:
            kinds[kind] += b"/%b 10 0 R " % name
    if 12 in drawn:
        kinds["XObject"] += b"/Y 12 0 R "
    for kind, names in resources.items():
        kinds[kind] += names
    listed = b" ".join(b"/%b << %b >>" % (kind.encode(), names) for kind, names in kinds.items())
    layers = b"/OCProperties << /OCGs [56 0 R] /D << /OFF [56 0 R] >> >>"
    objects = {
        1: making.CATALOG.replace(b">>", layers + b" >>"),
        2: making.PAGES,
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R /Resources << %b >> %b >>"
        % (listed, entries),
        4: making.stream(content),
        **SHARED,
        **drawn,
        **(more or {}),
    }
    return making.pdf(dict(sorted(objects.items())))


def cut(content: bytes) -> bytes:
    """The page, which is cut, and looks as it did."""
    prepared = opened(content).page(1)
    assert prepared.preparation.how is How.CUT
    assert raster(prepared.content).tobytes() == raster(content).tobytes()
    return prepared.content


def names(content: bytes, kind: str) -> set[str]:
    """Of one kind those that the page has of those that it may have."""
    with making.opened(content) as document:
        return set(document.pages[0].Resources.get(f"/{kind}", pikepdf.Dictionary()).keys())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ways(b""))
def test_whatever_takes_it(way: str, kind: str) -> None:
    name, operators = KINDS[kind]
    found = names(cut(page(way, operators)), kind)
    assert f"/{name}" in found
    assert "/Other" not in found


PICTURE = making.stream(b"\0\1\0\1", b"/Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace /C ")
SHADING = SHARED[55].replace(b"/DeviceGray", b"/C")
SEPARATION = b"[/Separation /Spot /C << /FunctionType 2 /Domain [0 1] /N 1 >>]"
BY_NAME = {
    "a picture": (b"XObject", b"q 90 0 0 90 0 0 cm /N Do Q", PICTURE),
    "a shading": (b"Shading", b"/N sh", SHADING),
    "a pattern of a shading": (
        b"Pattern",
        b"/Pattern cs /N scn 0 0 90 90 re f",
        b"<< /PatternType 2 /Shading %b >>" % SHADING,
    ),
    "another": (b"ColorSpace", b"/N cs 1 sc 0 0 90 90 re f", SEPARATION),
    "one for patterns": (
        b"ColorSpace",
        b"/N cs 1 /T scn 0 0 90 90 re f",
        b"[/Pattern /C]",
    ),
}


@pytest.mark.parametrize(("kind", "operators", "drawn"), BY_NAME.values(), ids=BY_NAME)
def test_a_colour_space_that_is_named_by(kind: bytes, operators: bytes, drawn: bytes) -> None:
    own = b"/Resources << /%b << /N 20 0 R >> >>" % kind
    for way, more in (("a form without resources", {}), ("a form that lacks the name", {10: form(operators, own)})):
        content = page(way, operators, {20: drawn, **more}, **{kind.decode(): b"/N 20 0 R"})
        assert names(cut(content), "ColorSpace") in ({"/C"}, {"/C", "/N"})


@pytest.mark.parametrize("name", ["DefaultGray", "DefaultRGB", "DefaultCMYK"])
def test_a_colour_space_that_stands_for_others(name: str) -> None:
    content = page("a form without resources", b"0 0 90 90 re f", ColorSpace=b"/%b 53 0 R" % name.encode())
    assert names(cut(content), "ColorSpace") == {f"/{name}"}


def test_a_form_that_has_others_of_a_kind_takes_none_of_it_from_the_page() -> None:
    """So pdfium does, be the others used or not; other viewers do, so that it is kept."""
    lacking = form(b"/I Do 0 0 9 9 re f", b"/Resources << /XObject << /Unused 51 0 R >> >>")
    content = cut(page("a form without resources", b"", {10: lacking}))
    assert names(content, "XObject") == {"/X", "/I"}
    with making.opened(content) as document:
        assert document.pages[0].Resources.XObject.X.Resources == pikepdf.Dictionary(XObject=pikepdf.Dictionary())


def test_what_a_form_takes_from_one_that_draws_it() -> None:
    """Which is the page's, and has no resources of its own, or not this one."""
    outer = form(b"/Y Do /Z Do", b"/Resources << /ExtGState << /H 52 0 R /Other 52 0 R >> /Font << /K 50 0 R >> >>")
    more = {10: outer, 12: form(b"/H gs 0 0 90 90 re f"), 13: form(b"BT /K 40 Tf 10 30 Td (Text) Tj ET", OTHERS)}
    content = cut(page("a form without resources", b"", more, XObject=b"/Y 12 0 R /Z 13 0 R"))
    with making.opened(content) as document:
        own = document.pages[0].Resources.XObject.X.Resources
        assert {kind: set(found.keys()) for kind, found in own.items()} == {"/ExtGState": {"/H"}, "/Font": {"/K"}}


@pytest.mark.parametrize("way", ["a letter", "a pattern", "a form without resources"])
def test_what_is_not_named_is_not_in_their_own_resources_either(way: str) -> None:
    own = b"/Resources << /ExtGState << /G 52 0 R /Other 52 0 R >> >>"
    content, drawn, _ = ways(KINDS["ExtGState"][1])[way]
    drawn[10] = drawn[10].replace(b"<< /Type", b"<< " + own + b" /Type", 1)
    if b"/Resources" not in drawn[10]:
        drawn[10] = drawn[10].replace(b"<< ", b"<< " + own, 1)
    content = cut(page(way, KINDS["ExtGState"][1], drawn))
    assert b"/G " in content
    assert b"/Other " not in content


def nested(count: int) -> dict[int, bytes]:
    """Forms each of which draws all others by the page's names, and the next by one of its own."""
    every = b" ".join(b"/E%d Do" % number for number in range(count))
    return {
        100 + number: form(
            b"/N Do " + every, b"/Resources << /XObject << /N %d 0 R >> >>" % (100 + (number + 1) % count)
        )
        for number in range(count)
    }


def test_if_too_much_is_drawn_all_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {10: form(b"/E0 Do"), **nested(30)}
    listed = b" ".join(b"/E%d %d 0 R" % (number, 100 + number) for number in range(30))
    content = page("a form without resources", b"", more, XObject=listed)
    assert "/Other" not in names(opened(content).page(1).content, "XObject")
    monkeypatch.setattr(cutting, "_MAX_READ_BYTES", 2_000_000)
    assert "/Other" in names(opened(content).page(1).content, "XObject")
