"""What a file is, by its first bytes: one of the types that can be sent, or a name for what it looks like."""

from __future__ import annotations

from pagekit.limits import UploadType

PDF_HEADER_WITHIN_BYTES = 1024
"""How far into a file readers look for the PDF header (PDF 1.7, appendix H.3, note 13)."""

_TEXT_SAMPLE_BYTES = 4096
_CONTROL_BYTES = bytes(set(range(32)) - set(b"\t\n\f\r\x1b")) + b"\x7f"

READABLE = "PDF, JPEG, PNG, TIFF, WebP, GIF, BMP, JPEG 2000, HEIC and AVIF"
"""What can be recognised, as named in sentences for owners of files."""

_CONVERT = "Convert it to PDF, JPEG or PNG and upload that."
_SAVE_AS_PDF = "Save or print it as PDF and upload that."
_UNPACK = "Unpack it and upload the documents and images in it one by one."
_NOTHING_TO_DO = "It holds text already, so there is nothing to recognise; to have it read as a page, print it as PDF."
_ACCEPTED = f"{READABLE} files are accepted, whatever their names."

# What can be recognised, except PDF, which may begin further in. An ISO media file (HEIC, AVIF, MP4, …) is below.
_READABLE: tuple[tuple[int, bytes | tuple[bytes, ...], UploadType], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "image/tiff"),
    (0, (b"GIF87a", b"GIF89a"), "image/gif"),
    (0, (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), "image/jp2"),
)

_SIGNATURES: tuple[tuple[int, bytes | tuple[bytes, ...], str, str], ...] = (
    (0, (b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"), "a JPEG XL image", _CONVERT),
    (0, b"\x97JB2\r\n\x1a\n", "a JBIG2 image", _CONVERT),
    (0, b"AT&TFORM", "a DjVu document", _CONVERT),
    (0, b"8BPS", "a Photoshop image", _CONVERT),
    (0, b"\0\0\1\0", "an icon", _CONVERT),
    (0, (b"%!PS", b"\xc5\xd0\xd3\xc6"), "a PostScript file", _CONVERT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document or an Outlook message", _SAVE_AS_PDF),
    (0, b"{\\rtf", "an RTF document", _SAVE_AS_PDF),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\0", "an XZ archive", _UNPACK),
    (257, b"ustar", "a TAR archive", _UNPACK),
)

# The first box of an ISO media file says which of them it is, and which others it is compatible with.
_ISO_BRANDS: tuple[tuple[frozenset[bytes], UploadType], ...] = (
    (frozenset((b"avif", b"avis")), "image/avif"),
    (
        frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")),
        "image/heic",
    ),
)
_MAX_BRANDS = 64

# The parts that office documents must have, searched by name in the document's ZIP file.
_ZIPPED_DOCUMENTS: tuple[tuple[bytes, str], ...] = (
    (b"word/document.xml", "a Word document (DOCX)"),
    (b"xl/workbook.xml", "an Excel workbook (XLSX)"),
    (b"ppt/presentation.xml", "a PowerPoint presentation (PPTX)"),
    (b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument file"),
    (b"mimetypeapplication/epub+zip", "an EPUB book"),
)


def media_type(content: bytes) -> UploadType | None:
    """The type of a file that can be recognised, by its content alone; None for any other file.

    A known signature in the first bytes takes precedence over a PDF header further in: a ZIP file may contain a PDF
    unpacked.
    """
    for offset, signature, readable in _READABLE:
        if content.startswith(signature, offset):
            return readable
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"BM") and content[6:10] == b"\0\0\0\0":
        return "image/bmp"
    brands = _iso_brands(content)
    for known, readable in _ISO_BRANDS:
        if not known.isdisjoint(brands):
            return readable
    if b"%PDF-" in content[:PDF_HEADER_WITHIN_BYTES] and _binary_kind(content) is None:
        return "application/pdf"
    return None


def describe_unsupported(content: bytes) -> tuple[str, str]:
    """What a file that cannot be sent looks like ("a TIFF image"), and what its owner can do about it."""
    kind = _binary_kind(content)
    if kind is not None:
        return kind
    if not content.strip(b"\0"):
        return "nothing but zero bytes, as a broken copy leaves", "Copy or scan it again and upload that."
    return _text_kind(content) or ("a file of an unknown kind", _ACCEPTED)


def _binary_kind(content: bytes) -> tuple[str, str] | None:
    if content.startswith(b"PK\x03\x04") or content.startswith(b"PK\x05\x06"):
        for part, name in _ZIPPED_DOCUMENTS:
            if part in content:
                return name, _SAVE_AS_PDF
        return "a ZIP archive", _UNPACK
    for offset, signature, name, advice in _SIGNATURES:
        if content.startswith(signature, offset):
            return name, advice
    return ("a video or a sound", _ACCEPTED) if content[4:8] == b"ftyp" else None


def _iso_brands(content: bytes) -> set[bytes]:
    """The brands of an ISO media file: the major one and those it is compatible with; none for other files."""
    if content[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(content[:4], "big"), 16 + 4 * _MAX_BRANDS)
    return {content[8:12], *(content[start : start + 4] for start in range(16, end, 4))}


def _text_kind(content: bytes) -> tuple[str, str] | None:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "a plain text file (UTF-16)", _NOTHING_TO_DO
    sample = content[:_TEXT_SAMPLE_BYTES]
    if sample.translate(None, _CONTROL_BYTES) != sample:
        return None
    start = sample.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in start:
        return "an SVG drawing", _CONVERT
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page", _SAVE_AS_PDF
    if start.startswith(b"<?xml"):
        return "an XML file", _NOTHING_TO_DO
    return "a plain text file", _NOTHING_TO_DO
