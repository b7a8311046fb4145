"""Reads and checks the body of a submit: what the service documents about content, type, languages and model."""

import base64
import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import imagesize

from local.ocr.protocol import INVALID_ARGUMENT, RefusedError

MAX_CONTENT_BYTES = 10_000_000
MAX_PIXELS = 20_000_000

JPEG, PNG, PDF = "image/jpeg", "image/png", "application/pdf"
MAGIC = {JPEG: b"\xff\xd8\xff", PNG: b"\x89PNG\r\n\x1a\n", PDF: b"%PDF-"}

# fmt: off
LANGUAGES = frozenset((
    "ar", "az", "ba", "be", "bg", "bs", "cs", "cv", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hu", "hy",
    "id", "it", "ja", "ka", "kk", "ko", "ky", "lt", "lv", "mt", "nl", "no", "pl", "pt", "ro", "ru", "sah", "sk", "sl",
    "sr", "sv", "tg", "th", "tr", "tt", "uz", "vi", "zh", "*",
))
MARKDOWN_MODELS = frozenset(("markdown", "math-markdown"))
TABLE_MODEL = "table"
MODELS = MARKDOWN_MODELS | frozenset((
    "page", "page-column-sort", "handwritten", TABLE_MODEL, "passport", "driver-license-front", "driver-license-back",
    "vehicle-registration-front", "vehicle-registration-back", "license-plates",
))
# fmt: on


@dataclass(frozen=True)
class Submission:
    """A checked request for one recognition; `mime_type` is one of JPEG, PNG, PDF."""

    content: bytes
    sha256: str
    mime_type: str
    languages: tuple[str, ...]
    model: str


def parse_body(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises RefusedError."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _refused("body", "request body is not a JSON object")
    return value


def read_submission(value: dict[str, Any]) -> Submission:
    """The checked request. Raises RefusedError with code 3 for the first thing that is wrong."""
    try:
        content = base64.b64decode(value.get("content", ""), validate=True)
    except (TypeError, ValueError):
        raise _refused("content", "content is not valid base64") from None
    if not content:
        raise _refused("content", "content is empty")
    if len(content) > MAX_CONTENT_BYTES:
        raise _refused("size", f"file size {len(content)} exceeds the limit of {MAX_CONTENT_BYTES} bytes")
    mime_type, model, languages = value.get("mimeType"), value.get("model"), value.get("languageCodes")
    if mime_type not in MAGIC:
        raise _refused("mime_type", f"mimeType is not supported, allowed: {', '.join(MAGIC)}")
    if model not in MODELS:
        raise _refused("model", f"model is not supported, allowed: {', '.join(sorted(MODELS))}")
    if not isinstance(languages, list) or not LANGUAGES.issuperset(languages):
        raise _refused("language", "languageCodes holds a language that is not supported")
    _check_file(content, mime_type)
    return Submission(content, hashlib.sha256(content).hexdigest(), mime_type, tuple(languages), model)


def _refused(reason: str, message: str) -> RefusedError:
    return RefusedError(INVALID_ARGUMENT, message, reason)


def _check_file(content: bytes, mime_type: str) -> None:
    """Checks what the file's head shows. What only decoding shows ends the operation, with its own error."""
    real_type = next((name for name, magic in MAGIC.items() if content.startswith(magic)), mime_type)
    if real_type != mime_type:
        raise _refused("mime_type", f"content is {real_type}, but mimeType says {mime_type}")
    if mime_type == PDF and (pages := _pdf_pages(content)) > 1:
        raise _refused("pages", f"the PDF has {pages} pages, one is allowed")
    width, height = image_size(content)
    if width * height > MAX_PIXELS:
        raise _refused("pixels", f"the image has {width} x {height} pixels, at most {MAX_PIXELS} are allowed")


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height in pixels from the head of an image; (0, 0) if it has none, or for a PDF."""
    if content.startswith(MAGIC[PDF]):
        return 0, 0
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except Exception:  # noqa: BLE001 - a hostile head may raise anything in the parser; recognition says what is wrong
        return 0, 0
    return (int(width), int(height)) if width > 0 and height > 0 else (0, 0)


def _pdf_pages(content: bytes) -> int:
    """0 if it cannot be opened, damaged or encrypted in any way; recognition says what is wrong."""
    import pikepdf  # only when a PDF comes: it takes 61 ms to import

    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            return len(pdf.pages)
    except Exception:  # noqa: BLE001
        return 0
