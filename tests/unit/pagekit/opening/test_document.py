"""What a file is taken for, by its content alone."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pagekit.errors import Reason, Refusal
from pagekit.limits import FileFacts, FileLimits
from unit.pagekit import making
from unit.pagekit.opening.opening import inspected, refusal


def image(kind: str) -> bytes:
    return making.encoded(Image.new("RGB", (8, 8)), kind)


def zipped(*names: str, content: bytes = b"<x/>") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "looks_like"),
    [
        (image("TIFF"), "a TIFF image"),
        (image("GIF"), "a GIF image"),
        (image("BMP"), "a BMP image"),
        (image("WEBP"), "a WebP image"),
        (image("JPEG2000"), "a JPEG 2000 image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "an AVIF image"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video or a sound"),
        (zipped("word/document.xml"), "a Word document (DOCX)"),
        (zipped("xl/workbook.xml"), "an Excel workbook (XLSX)"),
        (zipped("ppt/presentation.xml"), "a PowerPoint presentation (PPTX)"),
        (zipped("a.txt"), "a ZIP archive"),
        (zipped("scan.pdf", content=making.pdf()), "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old Microsoft Office document or an Outlook message"),
        (b"{\\rtf1 text}", "an RTF document"),
        (b"%!PS-Adobe-3.0\n", "a PostScript file"),
        (b"AT&TFORM\0\0", "a DjVu document"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\n<html><body>", "an HTML page"),
        (b'<?xml version="1.0"?><svg xmlns="x">', "an SVG drawing"),
        (b'<?xml version="1.0"?><order>', "an XML file"),
        ("Договор №5\n".encode(), "a plain text file"),
        ("Договор №5\n".encode("cp1251"), "a plain text file"),
        ("\ufeffДоговор".encode("utf-16-le"), "a plain text file (UTF-16)"),
        (b"x" * 1020 + making.pdf(), "a file of an unknown kind"),
        (b"\x01\x02\x03", "a file of an unknown kind"),
        (bytes(5000), "nothing but zero bytes, as a broken copy leaves"),
    ],
)
def test_an_unsupported_file_is_named(content: bytes, looks_like: str) -> None:
    found = refusal(content)
    assert found.reason == Reason.UNSUPPORTED_TYPE
    assert found.what == f"The file is {looks_like}; PDF, JPEG and PNG can be recognised."
    assert found.advice


def test_an_empty_file() -> None:
    assert refusal(b"").reason == Reason.EMPTY_FILE


def test_a_file_that_is_too_large_is_told_in_numbers() -> None:
    content = making.jpeg()
    assert inspected(content, FileLimits(max_bytes=len(content))).pages == 1
    found = refusal(content, FileLimits(max_bytes=len(content) - 1))
    assert found.reason == Reason.FILE_TOO_LARGE
    assert found.what == f"The file has {len(content):,} bytes; the most is {len(content) - 1:,}."


def test_a_document_of_several_pages_may_be_larger_than_a_page() -> None:
    content = making.pdf_of_pages(3)
    most = len(content)
    assert inspected(content, FileLimits(max_bytes=most - 1, max_document_bytes=most)).pages == 3
    assert refusal(content, FileLimits(max_document_bytes=most - 1)).reason == Reason.FILE_TOO_LARGE


def test_the_type_comes_before_the_size() -> None:
    assert refusal(image("TIFF"), FileLimits(max_bytes=5)).reason == Reason.UNSUPPORTED_TYPE


def test_the_first_bytes_win_in_a_file_that_is_two_things() -> None:
    comment = b"%PDF-1.7 1 0 obj"
    content = making.jpeg()
    both = content[:2] + b"\xff\xfe\0" + bytes([2 + len(comment)]) + comment + content[2:]
    assert inspected(both) == FileFacts("image/jpeg", 1)
    assert inspected(b"<html>" + making.pdf()) == FileFacts("application/pdf", 1)


@given(
    start=st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", b"PK\x03\x04", b"\0\0\0\x18ftyp"]
    ),
    rest=st.binary(max_size=400),
)
@settings(max_examples=300, deadline=None)
def test_whatever_the_bytes_nothing_but_a_refusal_is_raised(start: bytes, rest: bytes) -> None:
    with suppress(Refusal):
        assert inspected(start + rest).pages == 1


@pytest.mark.parametrize(
    ("program", "heavy"),
    [
        (
            "import io\n"
            "from pagekit.opening import open_document\n"
            "from pagekit.limits import FileLimits\n"
            "assert open_document(io.BytesIO(sys.stdin.buffer.read()), FileLimits()).facts.pages == 1\n",
            {"PIL", "pikepdf", "lxml"},
        ),
        (
            "import io\n"
            "from pagekit.opening import open_document\n"
            "from pagekit.limits import FileLimits\n"
            "from unit.pagekit import troubled\n"
            "document = open_document(io.BytesIO(troubled.written(troubled.objects())), FileLimits())\n"
            "assert document.page(1).media_type == 'application/pdf'\n",
            {"pagekit.pdf.drawing"},
        ),
        ("import pagekit.outputs.workbook, pagekit.outputs.markdown\n", {"xlsxwriter"}),
    ],
    ids=["an image", "a sound PDF", "no workbook"],
)
def test_a_heavy_library_is_imported_only_where_it_is_needed(program: str, heavy: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}print({heavy} & set(sys.modules))"],
        input=making.jpeg(),
        capture_output=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout == b"set()\n"
