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
from pagekit.kinds import media_type
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
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
        (b"\xff\x0a\x00", "a JPEG XL image"),
        (b"\x97JB2\r\n\x1a\n", "a JBIG2 image"),
        (b"8BPS\0\1", "a Photoshop image"),
        (b"\0\0\1\0\1\0", "an icon"),
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
    can = "PDF, JPEG, PNG, TIFF, WebP, GIF, BMP, JPEG 2000, HEIC and AVIF can be recognised."
    assert found.what == f"The file is {looks_like}; {can}"
    assert found.advice


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (making.jpeg(), "image/jpeg"),
        (making.png(), "image/png"),
        (making.pdf(), "application/pdf"),
        (b"x" * 1000 + making.pdf(), "application/pdf"),
        (image("TIFF"), "image/tiff"),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"II+\0\x08\0\0\0", "image/tiff"),
        (b"MM\0+\0\x08\0\0", "image/tiff"),
        (image("GIF"), "image/gif"),
        (b"GIF89a", "image/gif"),
        (image("BMP"), "image/bmp"),
        (b"BM in a text", None),
        (image("WEBP"), "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (image("JPEG2000"), "image/jp2"),
        (b"\xff\x4f\xff\x51\0\x2f", "image/jp2"),
        (image("AVIF"), "image/avif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", "image/avif"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42avif", None),
        (b"\0\0\0\x0cJXL \r\n\x87\n", None),
        (b"AT&TFORM\0\0", None),
    ],
)
def test_a_type_is_what_the_first_bytes_say(content: bytes, kind: str | None) -> None:
    assert media_type(content) == kind


def test_an_empty_file() -> None:
    assert refusal(b"").reason == Reason.EMPTY_FILE


def test_a_document_may_be_larger_than_a_page_up_to_a_limit_of_its_own() -> None:
    content = making.pdf_of_pages(3)
    most = len(content)
    assert inspected(content, FileLimits(max_bytes=most - 1, max_document_bytes=most)).pages == 3
    found = refusal(content, FileLimits(max_document_bytes=most - 1))
    assert found.reason == Reason.FILE_TOO_LARGE
    assert found.what == f"The file has {most:,} bytes; the most is {most - 1:,}."


def test_the_type_comes_before_the_size() -> None:
    assert refusal(b"8BPS\0\1 and more", FileLimits(max_bytes=5)).reason == Reason.UNSUPPORTED_TYPE


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
            "from pagekit.child.process import Child\n"
            "from pagekit.limits import FileLimits\n"
            "from pagekit.opening import open_document\n"
            "assert open_document(io.BytesIO(sys.stdin.buffer.read()), FileLimits(), Child()).facts.pages == 1\n",
            {"PIL", "pikepdf", "lxml"},
        ),
        (
            "import io\n"
            "from pagekit.limits import FileLimits\n"
            "from pagekit.pdf.document import PdfDocument\n"
            "from unit.pagekit import troubled\n"
            "document = PdfDocument(io.BytesIO(troubled.written(troubled.objects())), FileLimits())\n"
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
