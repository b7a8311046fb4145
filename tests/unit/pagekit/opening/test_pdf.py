"""PDF files, good, damaged and hostile, before they are sent."""

from __future__ import annotations

import zlib
from typing import Literal

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts, FileLimits
from pagekit.prepared import How, PageWarning, Preparation
from unit.pagekit import making
from unit.pagekit.opening.opening import (
    FEW_PIXELS,
    difference,
    inspected,
    less_memory_than,
    opened,
    pages_of,
    picture_of,
    prepared,
    refusal,
)

ONE_PAGE = FileFacts("application/pdf", 1)


def changed(**objects: bytes) -> bytes:
    """The one-page scan with some objects replaced: `_2=…` is object 2."""
    return making.pdf({**making.pdf_objects(), **{int(name[1:]): body for name, body in objects.items()}})


def what_becomes_of(content: bytes) -> set[How | PageWarning | Reason]:
    """Of its pages: that they are cut, the warnings of those that are drawn, or why they are refused."""
    try:
        document = opened(content, FEW_PIXELS)
    except Refusal as refused:
        return {refused.reason}
    became: set[How | PageWarning | Reason] = set()
    for page in pages_of(document):
        if isinstance(page, Reason):
            became.add(page)
        elif page.preparation.how is How.CUT:
            became.add(How.CUT)
        else:
            became |= set(page.preparation.warnings) or {How.DRAWN}
    return became


def without(*numbers: int) -> bytes:
    return making.pdf({number: body for number, body in making.pdf_objects().items() if number not in numbers})


def test_pages_are_counted_up_to_the_limit() -> None:
    assert inspected(making.pdf_of_pages(3), FileLimits(max_pages=3)).pages == 3
    found = refusal(making.pdf_of_pages(3), FileLimits(max_pages=2))
    assert found.reason == Reason.TOO_MANY_PAGES
    assert found.what.endswith("the most is 2 pages.")
    one = refusal(making.pdf_of_pages(2), FileLimits(max_pages=1))
    assert one.what.endswith("the most is 1 page.")
    assert one.advice.startswith("Split it into files of one page each and upload those, or retry it")


@pytest.mark.filterwarnings("ignore:Encryption R=5 is deprecated:UserWarning")
@pytest.mark.parametrize("revision", [2, 3, 4, 5, 6])
def test_a_password_to_open_is_encrypted_and_one_to_change_is_not(revision: Literal[2, 3, 4, 5, 6]) -> None:
    def locked(user: str) -> bytes:
        modern = revision >= 4
        lock = pikepdf.Encryption(owner="owner", user=user, R=revision, aes=modern, metadata=modern)
        return making.resaved(making.pdf(), encryption=lock)

    assert refusal(locked("user")).reason == Reason.ENCRYPTED
    assert inspected(locked("")) == ONE_PAGE


@pytest.mark.parametrize(
    "handler",
    [
        {"trailer": b"/Encrypt 9 0 R"},
        {"trailer": b"/Encrypt 9  0\nR /ID [(a) (b)]"},
        {"trailer": b"/Encrypt << /Filter /Adobe.PubSec /V 4 >>"},
    ],
)
def test_encryption_without_a_password_is_encrypted(handler: dict[str, bytes]) -> None:
    objects = {**making.pdf_objects(), 9: b"<< /Filter /Adobe.PubSec /V 4 /SubFilter /adbe.pkcs7.s5 >>"}
    found = refusal(making.pdf(objects, b"/Root 1 0 R " + handler["trailer"]))
    assert found.reason == Reason.ENCRYPTED
    assert "certificates" in found.what


@pytest.mark.parametrize("save", making.WRITTEN.values(), ids=making.WRITTEN)
@pytest.mark.parametrize("percent", [*range(10, 100, 10), 97])
def test_a_pdf_cut_anywhere_is_never_taken_for_a_whole_one(percent: int, save: dict[str, object]) -> None:
    content = making.resaved(making.pdf_of_pages(2), **save)
    assert what_becomes_of(content[: len(content) * percent // 100]) <= {Reason.DAMAGED, PageWarning.DAMAGED}


def test_a_later_change_that_is_cut_off_is_warned_of() -> None:
    content = making.pdf() + b"4 0 obj\n" + making.stream(b"q Q")
    assert what_becomes_of(content[:-10]) == {PageWarning.DAMAGED}


BOX = b"[0 0 100 100]"
SOUND = {
    **{name: making.resaved(making.pdf(), **save) for name, save in making.WRITTEN.items()},
    "a mark before the header": b"\xef\xbb\xbf" + making.pdf(),
    "empty lines before the header": b"\r\n\r\n" + making.pdf(),
    "an answer's head before the header": b"HTTP/1.1 200 OK\r\n\r\n" + making.pdf(),
    "the most before the header": b"x" * 1019 + making.pdf(),
    "junk behind": making.pdf() + b"<html>junk</html>" * 1000,
    "a length that is too short": changed(_4=making.stream(b"q 100 0 0 100 0 0 cm /Scan Do Q", length=1)),
    "a length that is too long": changed(_4=making.stream(b"q 100 0 0 100 0 0 cm /Scan Do Q", length=40)),
    "content that is nowhere in a sound file": without(4),
    "a picture that is nowhere in a sound file": without(5),
    "a blank page": changed(_3=b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"),
    "a form that draws itself": changed(
        _5=making.stream(b"x", b"/Subtype /Form /Resources << /XObject << /Scan 5 0 R >> >>")
    ),
    **{
        f"box: {box.decode()}": changed(_3=making.PAGE.replace(BOX, box))
        for box in (b"[0 0 0 0]", b"[9 9 1 1]", b"7", b"null")
    },
}


@pytest.mark.parametrize("content", SOUND.values(), ids=SOUND)
def test_what_has_lost_nothing_is_cut(content: bytes) -> None:
    assert what_becomes_of(content) == {How.CUT}


WHOLE = making.pdf()
MENDED = {
    "table": making.with_broken_table(WHOLE),
    "one place": WHOLE.replace(b"0000000009 00000 n", b"0000000777 00000 n"),
    "no ends": WHOLE.replace(b"\nendobj", b""),
    "no table": WHOLE[: WHOLE.index(b"xref\n0 ")] + b"trailer\n<< /Root 1 0 R >>\n",
    "pages: large numbers": WHOLE.replace(b"/Kids [3 0 R] /Count 1", b"/Kids [3 99999999999999999999 R]"),
}


@pytest.mark.parametrize("content", MENDED.values(), ids=MENDED)
def test_what_was_mended_is_drawn(content: bytes) -> None:
    [page] = prepared(content)
    assert page.preparation == Preparation(How.DRAWN, warnings=page.preparation.warnings)
    assert PageWarning.DAMAGED in page.preparation.warnings
    assert difference(picture_of(page), picture_of(prepared(WHOLE)[0])) < 15


DAMAGED = {
    "lost: page": making.with_broken_table(without(3)),
    "lost: content": making.with_broken_table(without(4)),
    "lost: picture": making.with_broken_table(without(5)),
    "lost: one content": making.pdf().replace(b"4 0 obj", b"4 x obj"),
    "lost: one picture": making.pdf().replace(b"5 0 obj", b"5 x obj"),
    "nothing": b"%PDF-1.7\n",
    "zeros": b"%PDF-1.7\n" + bytes(3000),
    "catalog: a list": changed(_1=b"[1 2]"),
    "catalog: a number for pages": changed(_1=b"<< /Type /Catalog /Pages 7 >>"),
    "catalog: no pages": changed(_1=b"<< /Type /Catalog >>"),
    "pages: none": changed(_2=b"<< /Type /Pages /Kids [] /Count 0 >>"),
    "pages: in a circle": changed(
        _2=b"<< /Type /Pages /Kids [6 0 R] /Count 1 >>", _6=b"<< /Type /Pages /Kids [2 0 R] >>"
    ),
    "pages: null": changed(_2=b"<< /Type /Pages /Kids [null] /Count 1 >>"),
    "pages: deep": changed(_2=b"[" * 100_000),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_what_shows_nothing_any_more_is_refused(content: bytes) -> None:
    assert what_becomes_of(content) == {Reason.DAMAGED}


def test_a_page_that_is_lost_is_refused_alone() -> None:
    lost = making.with_broken_table(making.pdf_of_pages(3).replace(b"11 0 obj", b"11 x obj"))
    drawn, refused, also_drawn = pages_of(opened(lost, FEW_PIXELS))
    assert refused is Reason.DAMAGED
    assert drawn == also_drawn


def test_bombs_are_not_unpacked_into_memory() -> None:
    once = zlib.compress(bytes(100_000_000), 9)
    table = making.stream(once, b"/Type /XRef /Size 50000000 /W [1 2 1] /Root 1 0 R /Filter /FlateDecode")
    with less_memory_than(5_000_000):
        assert what_becomes_of(changed(_5=making.picture(once, b"/FlateDecode"))) == {How.CUT}
        bomb_as_table = b"%PDF-1.7\n1 0 obj\n" + table + b"\nendobj\nstartxref\n9\n%%EOF"
        assert refusal(bomb_as_table).reason == Reason.DAMAGED


def test_neither_text_nor_names_of_the_document_are_in_a_refusal() -> None:
    content = changed(_4=making.stream(b"(Ivanov 4111)", b"/Secret /Ivanov"), _1=b"<< /Pages (Ivanov) >>")
    found = refusal(content)
    assert "Ivanov" not in f"{found} {found.advice}"
    assert found.__cause__ is None
    assert found.__suppress_context__


PLAIN = making.resaved(making.pdf(), object_stream_mode=pikepdf.ObjectStreamMode.disable)


@given(position=st.integers(0, len(PLAIN) - 1), replacement=st.binary(min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_wrong_bytes_raise_nothing_but_a_refusal(position: int, replacement: bytes) -> None:
    content = PLAIN[:position] + replacement + PLAIN[position + len(replacement) :]
    what_becomes_of(content)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    what_becomes_of(making.with_broken_table(making.pdf()))
    what_becomes_of(making.pdf()[:900])
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")
