"""PDF files, good, damaged and hostile, before they are sent."""

from __future__ import annotations

import itertools
import tracemalloc
import zlib
from contextlib import suppress
from typing import Literal

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts, FileLimits
from pagekit.pdf import qpdf
from unit.pagekit.opening import making
from unit.pagekit.opening.opening import inspected, refusal

ONE_PAGE = FileFacts("application/pdf", 1)


def changed(**objects: bytes) -> bytes:
    """The one-page scan with some objects replaced: `_2=…` is object 2."""
    return making.pdf({**making.pdf_objects(), **{int(name[1:]): body for name, body in objects.items()}})


def without(*numbers: int) -> bytes:
    return making.pdf({number: body for number, body in making.pdf_objects().items() if number not in numbers})


WRITTEN: dict[str, dict[str, object]] = {
    "plain": {},
    "linearized": {"linearize": True},
    "object streams": {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
}


@pytest.mark.parametrize("save", WRITTEN.values(), ids=WRITTEN)
def test_a_page(save: dict[str, object]) -> None:
    assert inspected(making.resaved(making.pdf(), **save)) == ONE_PAGE


@pytest.mark.parametrize("junk", [b"\xef\xbb\xbf", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1019])
def test_junk_before_the_header(junk: bytes) -> None:
    assert inspected(junk + making.pdf()) == ONE_PAGE


def test_a_header_too_far_in_is_none() -> None:
    assert refusal(b"x" * 1020 + making.pdf()).reason == Reason.UNSUPPORTED_TYPE


def test_pages_are_counted_up_to_the_limit() -> None:
    assert inspected(making.pdf_of_pages(3), FileLimits(max_pages=3)).pages == 3
    found = refusal(making.pdf_of_pages(3), FileLimits(max_pages=2))
    assert found.reason == Reason.TOO_MANY_PAGES
    assert found.what.endswith("the most is 2 pages.")
    one = refusal(making.pdf_of_pages(2), FileLimits(max_pages=1))
    assert one.what.endswith("the most is 1 page.")
    assert one.advice == "Split it into files of one page each and upload those."


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


def test_broken_password_encryption_is_damaged() -> None:
    objects = {**making.pdf_objects(), 9: b"<< /Filter /Standard /V 9 /R 9 >>"}
    assert refusal(making.pdf(objects, b"/Root 1 0 R /Encrypt 9 0 R")).reason == Reason.DAMAGED


@pytest.mark.parametrize("save", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("percent", [*range(10, 100, 10), 97])
def test_a_pdf_cut_anywhere_is_damaged(percent: int, save: dict[str, object]) -> None:
    content = making.resaved(making.pdf_of_pages(2), **save)
    assert refusal(content[: len(content) * percent // 100]).reason == Reason.DAMAGED


def test_a_later_change_that_is_cut_off_is_damaged_and_not_the_older_state() -> None:
    content = making.pdf() + b"4 0 obj\n" + making.stream(b"q Q")
    assert refusal(content[:-10]).what == "The PDF is cut off: its end is missing."


@pytest.mark.parametrize(
    "content",
    [
        making.with_broken_table(making.pdf()),
        making.pdf() + b"<html>junk</html>" * 1000,
        making.pdf().replace(b"0000000009 00000 n", b"0000000777 00000 n"),
        changed(_4=making.stream(b"q 100 0 0 100 0 0 cm /Scan Do Q", length=1)),
        changed(_4=making.stream(b"q 100 0 0 100 0 0 cm /Scan Do Q", length=40)),
        making.pdf().replace(b"\nendobj", b""),
    ],
    ids=["table", "junk behind", "one place", "too short", "too long", "no ends"],
)
def test_what_is_mended_without_loss_is_fine(content: bytes) -> None:
    assert inspected(content) == ONE_PAGE


@pytest.mark.parametrize(
    "content",
    [
        making.with_broken_table(without(3)),
        making.with_broken_table(without(4)),
        making.with_broken_table(without(5)),
        making.pdf().replace(b"4 0 obj", b"4 x obj"),
        making.pdf().replace(b"5 0 obj", b"5 x obj"),
        changed(_5=making.picture(making.jpeg(), length=90_000)),
        making.with_broken_table(making.pdf_of_pages(3).replace(b"11 0 obj", b"11 x obj")),
    ],
    ids=[
        "page",
        "content",
        "picture",
        "one content",
        "one picture",
        "picture too short",
        "page and table",
    ],
)
def test_what_is_mended_with_a_loss_is_damaged(content: bytes) -> None:
    assert refusal(content).reason == Reason.DAMAGED


def test_a_reference_to_nothing_is_fine_where_nothing_is_damaged() -> None:
    assert inspected(without(4)) == ONE_PAGE
    assert inspected(without(5)) == ONE_PAGE


def test_a_blank_page_is_a_page() -> None:
    assert inspected(changed(_3=b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>")) == ONE_PAGE


def test_a_cut_off_jpeg_in_a_sound_pdf_is_damaged() -> None:
    scan = making.jpeg()
    assert "cut off" in refusal(changed(_5=making.picture(scan[: len(scan) // 2]))).what
    inherited = changed(
        _2=b"<< /Kids [3 0 R] /Count 1 /Resources << /XObject << /Form 6 0 R >> >> >>",
        _3=b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        _5=making.picture(scan[: len(scan) // 2]),
        _6=making.stream(b"/Scan Do", b"/Subtype /Form /Resources << /XObject << /Scan 5 0 R >> >>"),
    )
    assert "cut off" in refusal(inherited).what


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n",
        b"%PDF-1.7\n" + bytes(3000),
        changed(_1=b"[1 2]"),
        changed(_1=b"<< /Type /Catalog /Pages 7 >>"),
        changed(_1=b"<< /Type /Catalog >>"),
        changed(_2=b"<< /Type /Pages /Kids [] /Count 0 >>"),
        changed(_2=b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>"),
        changed(_2=b"<< /Type /Pages /Kids [6 0 R] /Count 1 >>", _6=b"<< /Type /Pages /Kids [2 0 R] >>"),
        changed(_2=b"<< /Type /Pages /Kids [null] /Count 1 >>"),
        changed(_2=b"[" * 100_000),
        changed(_2=b"<< /Type /Pages /Kids [3 99999999999999999999 R] /Count 99999999999999999999999 >>"),
    ],
)
def test_a_pdf_without_sound_pages_is_damaged(content: bytes) -> None:
    assert refusal(content).reason == Reason.DAMAGED


@pytest.mark.parametrize(
    "box", [b"[0 0 0 0]", b"[9 9 1 1]", b"[0 0 1e99 -99999999999]", b"[0 0 1e7 1e7]", b"7", b"null"]
)
def test_page_boxes_are_not_judged(box: bytes) -> None:
    assert inspected(changed(_3=making.PAGE.replace(b"[0 0 100 100]", box))) == ONE_PAGE


def test_forms_that_draw_themselves_end() -> None:
    form = making.stream(b"x", b"/Subtype /Form /Resources << /XObject << /Scan 5 0 R >> >>")
    assert inspected(changed(_5=form)) == ONE_PAGE


def test_bombs_are_not_unpacked() -> None:
    once = zlib.compress(bytes(100_000_000), 9)
    thrice = zlib.compress(zlib.compress(once, 9), 9)
    table = making.stream(once, b"/Type /XRef /Size 50000000 /W [1 2 1] /Root 1 0 R /Filter /FlateDecode")
    tracemalloc.start()
    try:
        for content in (
            changed(_4=making.stream(once, b"/Filter /FlateDecode")),
            changed(_5=making.picture(thrice, b"[/FlateDecode /FlateDecode /FlateDecode]")),
        ):
            assert inspected(content) == ONE_PAGE
        bomb_as_table = b"%PDF-1.7\n1 0 obj\n" + table + b"\nendobj\nstartxref\n9\n%%EOF"
        assert refusal(bomb_as_table).reason == Reason.DAMAGED
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 5_000_000


def test_a_bomb_in_a_damaged_pdf_is_not_mended() -> None:
    bomb = making.stream(zlib.compress(bytes(120_000_000), 9), b"/Filter /FlateDecode")
    assert refusal(making.with_broken_table(changed(_4=bomb))).reason == Reason.DAMAGED


def test_more_objects_than_mending_can_bear_are_damaged() -> None:
    found = refusal(b"%PDF-1.7\n" + b"1 0 obj\n" * 200_001)
    assert "200,000 objects" in found.what


def test_neither_text_nor_names_of_the_document_are_in_a_refusal() -> None:
    content = changed(_4=making.stream(b"(Ivanov 4111)", b"/Secret /Ivanov"), _1=b"<< /Pages (Ivanov) >>")
    found = refusal(content)
    assert "Ivanov" not in f"{found} {found.advice}"
    assert found.__cause__ is None
    assert found.__suppress_context__


SOUND = making.resaved(making.pdf(), object_stream_mode=pikepdf.ObjectStreamMode.disable)


@given(position=st.integers(0, len(SOUND) - 1), replacement=st.binary(min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_wrong_bytes_raise_nothing_but_a_refusal(position: int, replacement: bytes) -> None:
    content = SOUND[:position] + replacement + SOUND[position + len(replacement) :]
    with suppress(Refusal):
        assert inspected(content) == ONE_PAGE


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    inspected(making.with_broken_table(making.pdf()))
    refusal(making.pdf()[:900])
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")


def test_a_file_that_is_read_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each string without an end is read to the end of the file, over and over."""
    asked = itertools.count()
    monkeypatch.setattr(qpdf, "cpu_clock", lambda: next(asked) * 0.1)
    endless = b"".join(b"%d 0 obj\n<< /A (without end >>\n" % number for number in range(1, 5_000))
    content = b"%PDF-1.7\n" + endless + b"startxref\n9\n%%EOF\n"
    found = refusal(content)
    assert found.reason == Reason.DAMAGED
    assert "separated" in found.what
    assert next(asked) < 1_000


def test_a_file_that_took_too_long_is_damaged_whatever_was_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qpdf, "CPU_SECONDS", -1.0)
    assert refusal(making.pdf()).reason == Reason.DAMAGED
    monkeypatch.undo()
    assert inspected(making.pdf()).pages == 1
