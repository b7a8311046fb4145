"""What is sound is cut, what is not is drawn as viewers show it, and nothing is lost without a word."""

from __future__ import annotations

import zlib

import pytest
from PIL import Image

from pagekit.errors import Reason
from pagekit.limits import FileLimits
from pagekit.prepared import How, PageWarning, PreparedPage
from unit.pagekit import making, troubled
from unit.pagekit.opening.opening import (
    FEW_PIXELS,
    SMALL,
    difference,
    inspected,
    opened,
    pages_of,
    picture_of,
    prepared,
    refusal,
)
from unit.pagekit.troubled import DRAWS, FIRST, SECOND, objects, with_pictures, written

SAME = 8
"""How much a page may differ from its scan: a third of what the other, or an empty page, does."""

CUT, DRAWN, DAMAGED = How.CUT, How.DRAWN, PageWarning.DAMAGED
SCANS = [image.resize(SMALL, Image.Resampling.BOX) for image in troubled.IMAGES]
CONTENT = FIRST + 1
WRONG_CHECKSUM = zlib.compress(DRAWS)[:-1] + b"\0"
FLUSHED = (packer := zlib.compressobj()).compress(DRAWS) + packer.flush(zlib.Z_SYNC_FLUSH)

CASES: dict[str, tuple[bytes, list[How | PageWarning | Reason]]] = {
    "sound": (written(objects()), [CUT, CUT]),
    "a large object number": (troubled.with_numbers(150_000, SECOND + 2), [CUT, DRAWN]),
    "large object numbers": (troubled.with_numbers(150_000), [DAMAGED, DAMAGED]),
    "another generation": (
        written(objects({FIRST: troubled.page(FIRST).replace(b"/Contents 4 0 R", b"/Contents 4 7 R")})),
        [DRAWN, CUT],
    ),
    "another generation of the root": (written(objects(), b"1 7 R"), [DAMAGED, DAMAGED]),
    "a table that begins at 1": (written(objects(), first=1), [DAMAGED, DAMAGED]),
    "a large object stream": (troubled.with_large_object_stream(), [CUT, CUT]),
    "a wrong count of pages": (
        written(objects({2: b"<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 9 >>"})),
        [CUT, CUT],
    ),
    "a wrong size": (written(objects()).replace(b"/Size 9", b"/Size 5"), [CUT, CUT]),
    "a JPEG that says it is longer": (
        written(objects({FIRST + 2: troubled.picture(troubled.JPEGS[0], length=len(troubled.JPEGS[0]) + 2)})),
        [CUT, CUT],
    ),
    "a wrong checksum": (
        written(objects({CONTENT: making.stream(WRONG_CHECKSUM, b"/Filter /FlateDecode")})),
        [DAMAGED, CUT],
    ),
    "content without its end": (
        written(objects({CONTENT: making.stream(zlib.compress(DRAWS + b" " * 9)[:-5], b"/Filter /FlateDecode")})),
        [DAMAGED, CUT],
    ),
    "flushed, not finished": (written(objects({CONTENT: making.stream(FLUSHED, b"/Filter /FlateDecode")})), [CUT, CUT]),
    "flushed, not finished, with a checksum": (
        written(objects({CONTENT: making.stream(FLUSHED + b"\x12\x34\x56\x78\n", b"/Filter /FlateDecode")})),
        [CUT, CUT],
    ),
    "flate": (with_pictures(troubled.flate(), b"/FlateDecode"), [CUT, CUT]),
    "flate in hexadecimal": (
        with_pictures(troubled.flate().hex().encode() + b">", b"[/ASCIIHexDecode /FlateDecode]"),
        [CUT, CUT],
    ),
    "a JPEG in flate": (
        with_pictures(zlib.compress(troubled.JPEGS[0]), b"[/FlateDecode /DCTDecode]"),
        [CUT, CUT],
    ),
    "nearly all of a flate": (with_pictures(troubled.flate()[:-10], b"/FlateDecode"), [DAMAGED, CUT]),
    "nearly all of a JPEG": (with_pictures(troubled.JPEGS[0][:-60], b"/DCTDecode"), [DAMAGED, CUT]),
    "nearly all of a JPEG in flate": (
        with_pictures(zlib.compress(troubled.JPEGS[0][:-60]), b"[/FlateDecode /DCTDecode]"),
        [DAMAGED, CUT],
    ),
    "taken for text": (
        with_pictures(troubled.as_if_utf_8(troubled.flate()), b"/FlateDecode"),
        [Reason.DAMAGED, CUT],
    ),
    "a JPEG taken for text": (
        with_pictures(troubled.as_if_utf_8(troubled.JPEGS[0]), b"/DCTDecode"),
        [Reason.DAMAGED, CUT],
    ),
    "content that cannot be unpacked": (
        written(objects({CONTENT: making.stream(b"no flate", b"/Filter /FlateDecode")})),
        [Reason.DAMAGED, CUT],
    ),
    "a name that is nowhere, in a file that was mended": (
        making.with_broken_table(written(objects({CONTENT: making.stream(DRAWS + b" /Nowhere Do")}))),
        [DAMAGED, DAMAGED],
    ),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES)
def test_pages_are_cut_drawn_or_refused(content: bytes, expected: list[How | PageWarning | Reason]) -> None:
    pages = pages_of(opened(content, FEW_PIXELS))
    assert len(pages) == len(expected)
    for page, scan, became in zip(pages, SCANS, expected, strict=True):
        if isinstance(page, Reason):
            # By identity: the warning for damage has the same word.
            assert page is became
            continue
        assert page.preparation.how == (CUT if became is CUT else DRAWN)
        assert page.preparation.warnings == ((DAMAGED,) if became is DAMAGED else ())
        assert difference(_above_margin(page), scan) < SAME


def _above_margin(page: PreparedPage) -> Image.Image:
    """The page without the empty strip below some pictures."""
    shown = picture_of(page)
    has_margin = shown.crop((0, 52, 60, 60)).getextrema() == (255, 255)
    return shown.crop((0, 0, 60, 50)).resize(SMALL) if has_margin else shown


def test_the_newest_state_is_sent_whatever_the_file_says_of_its_place() -> None:
    """An earlier startxref is right; readers that trust it show an older state."""
    for startxref, became in ((None, CUT), (0, DRAWN), (77, DRAWN)):
        first, _ = prepared(troubled.updated(startxref=startxref))
        assert first.preparation.how is became
        assert difference(picture_of(first), SCANS[1]) < SAME


def test_a_blank_page_is_no_damage() -> None:
    """It never had any content, and the table of the file has to be rebuilt."""
    blank = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 50] >>"
    first, second = prepared(making.with_broken_table(written(objects({FIRST: blank}))))
    assert picture_of(first).getextrema() == (255, 255)
    assert difference(picture_of(second), SCANS[1]) < SAME


def test_attached_files_do_not_count_against_the_size_and_are_counted() -> None:
    content = troubled.with_attachment(2_000_000)
    limits = FileLimits(max_bytes=1_000_000)
    assert len(content) > limits.max_bytes
    assert inspected(content, limits).attachments == 2
    [page] = prepared(content, limits)
    assert page.preparation.how is CUT
    assert inspected(making.with_broken_table(content), limits).attachments == 2


def test_a_form_that_is_not_on_the_page_is_refused() -> None:
    found = refusal(troubled.xfa_form(dynamic=True))
    assert found.reason is Reason.XFA_FORM
    assert "print it to PDF" in found.advice
    assert refusal(making.with_broken_table(troubled.xfa_form(dynamic=True))).reason is Reason.XFA_FORM
    [page] = prepared(troubled.xfa_form(dynamic=False))
    assert page.preparation.how is CUT


def test_a_broken_file_that_is_too_large_to_be_drawn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pagekit.pdf.document._MAX_DRAWN_FILE_BYTES", 1_000)
    found = refusal(troubled.with_numbers(150_000))
    assert (found.reason, "too large to be mended" in found.what) == (Reason.DAMAGED, True)
