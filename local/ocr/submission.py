"""Reads and checks the body of a submit: what the service documents about content, type, languages and model."""

import base64
import binascii
import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import imagesize

from local.ocr.protocol import INVALID_ARGUMENT, RefusedError
from local.ocr.settings import Settings

JPEG, PNG, PDF = "image/jpeg", "image/png", "application/pdf"
# Both spellings are in use: MIME types, as recorded, and the names of the formats, as documented.
MIME_TYPES = {JPEG: JPEG, "JPEG": JPEG, PNG: PNG, "PNG": PNG, PDF: PDF, "PDF": PDF}
MAGIC = {JPEG: b"\xff\xd8\xff", PNG: b"\x89PNG\r\n\x1a\n", PDF: b"%PDF-"}

# Of these only one in a request, beside Russian and English.
SOLITARY_LANGUAGES = frozenset(("ar", "el", "he", "hy", "ja", "ka", "ko", "th", "zh"))
# fmt: off
LANGUAGES = SOLITARY_LANGUAGES | frozenset((
    "az", "ba", "be", "bg", "bs", "cs", "cv", "da", "de", "en", "es", "et", "fi", "fr", "hu", "id", "it", "kk", "ky",
    "lt", "lv", "mt", "nl", "no", "pl", "pt", "ro", "ru", "sah", "sk", "sl", "sr", "sv", "tg", "tr", "tt", "uz", "vi",
))
# fmt: on
DETECT = "*"
RUSSIAN_AND_ENGLISH = frozenset(("ru", "en"))

DEFAULT_MODEL = "page"
MARKDOWN_MODELS = frozenset(("markdown", "math-markdown"))
TABLE_MODEL = "table"
RUSSIAN_AND_ENGLISH_MODELS = frozenset(("handwritten", TABLE_MODEL))
EXPLICIT_LANGUAGE_MODELS = RUSSIAN_AND_ENGLISH_MODELS | {"license-plates"}
# fmt: off
MODELS = frozenset((
    "page", "page-column-sort", "handwritten", "table", "markdown", "math-markdown", "passport",
    "driver-license-front", "driver-license-back", "vehicle-registration-front", "vehicle-registration-back",
    "license-plates",
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
    except (ValueError, RecursionError) as failure:
        raise RefusedError(INVALID_ARGUMENT, "request body is not valid JSON", "body") from failure
    if not isinstance(value, dict):
        raise RefusedError(INVALID_ARGUMENT, "request body must be a JSON object", "body")
    return value


def read_submission(value: dict[str, Any], settings: Settings) -> Submission:
    """The checked request. Raises RefusedError with code 3 for the first thing that is wrong."""
    content = _content(value.get("content"))
    if len(content) > settings.max_content_bytes:
        message = f"file size {len(content)} exceeds the limit of {settings.max_content_bytes} bytes"
        raise RefusedError(INVALID_ARGUMENT, message, "size")
    mime_type = _mime_type(_either(value, "mimeType", "mime_type"))
    model = _model(value.get("model"))
    languages = _languages(_either(value, "languageCodes", "language_codes"), model)
    _check_file(content, mime_type, settings)
    return Submission(content, hashlib.sha256(content).hexdigest(), mime_type, languages, model)


def _either(value: dict[str, Any], name: str, proto_name: str) -> object:
    """A proto3 JSON parser takes both spellings of a name."""
    return value.get(name, value.get(proto_name))


def _content(content: object) -> bytes:
    if not isinstance(content, str) or not content:
        raise RefusedError(INVALID_ARGUMENT, "content is empty; expected the file in base64", "content")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as failure:
        raise RefusedError(INVALID_ARGUMENT, "content is not valid base64", "content") from failure


def _mime_type(name: object) -> str:
    if not isinstance(name, str) or name not in MIME_TYPES:
        message = f"mimeType is not supported, allowed: {', '.join(MIME_TYPES)}"
        raise RefusedError(INVALID_ARGUMENT, message, "mime_type")
    return MIME_TYPES[name]


def _model(name: object) -> str:
    if name is None or name == "":
        return DEFAULT_MODEL
    if not isinstance(name, str) or name not in MODELS:
        raise RefusedError(INVALID_ARGUMENT, f"model is not supported, allowed: {', '.join(sorted(MODELS))}", "model")
    return name


def _languages(codes: object, model: str) -> tuple[str, ...]:
    if codes is None:
        codes = []
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise RefusedError(INVALID_ARGUMENT, "languageCodes must be a list of strings", "language")
    chosen = frozenset(codes)
    if chosen - LANGUAGES - {DETECT}:
        raise RefusedError(INVALID_ARGUMENT, "languageCodes holds a language that is not supported", "language")
    if DETECT in chosen and len(chosen) > 1:
        raise RefusedError(INVALID_ARGUMENT, "languageCodes: '*' stands alone", "language")
    if model in EXPLICIT_LANGUAGE_MODELS and (not chosen or DETECT in chosen):
        raise RefusedError(INVALID_ARGUMENT, f"model {model} needs explicit languageCodes", "language")
    if model in RUSSIAN_AND_ENGLISH_MODELS and not chosen <= RUSSIAN_AND_ENGLISH:
        raise RefusedError(INVALID_ARGUMENT, f"model {model} reads ru and en only", "language")
    solitary = chosen & SOLITARY_LANGUAGES
    if solitary and (len(solitary) > 1 or not chosen - solitary <= RUSSIAN_AND_ENGLISH):
        message = f"of {', '.join(sorted(SOLITARY_LANGUAGES))} only one goes into a request, beside ru and en"
        raise RefusedError(INVALID_ARGUMENT, message, "language")
    return tuple(codes)


def _check_file(content: bytes, mime_type: str, settings: Settings) -> None:
    """What the file's head shows. What only decoding shows ends the operation instead, with an error of its own."""
    real_type = next((name for name, magic in MAGIC.items() if content.startswith(magic)), None)
    if real_type is None:
        return
    if real_type != mime_type:
        raise RefusedError(INVALID_ARGUMENT, f"content is {real_type}, but mimeType says {mime_type}", "mime_type")
    if mime_type == PDF:
        pages = _pdf_pages(content)
        if pages is not None and pages > settings.max_pdf_pages:
            message = f"the PDF has {pages} pages, at most {settings.max_pdf_pages} are allowed"
            raise RefusedError(INVALID_ARGUMENT, message, "pages")
        return
    width, height = image_size(content)
    if width * height > settings.max_pixels:
        message = f"the image has {width} x {height} pixels, at most {settings.max_pixels} are allowed"
        raise RefusedError(INVALID_ARGUMENT, message, "pixels")


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height in pixels as the head says; (0, 0) when it says none."""
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except Exception:  # noqa: BLE001 - a hostile head may raise anything in the parser; recognition says what is wrong
        return 0, 0
    return (int(width), int(height)) if width > 0 and height > 0 else (0, 0)


def _pdf_pages(content: bytes) -> int | None:
    import pikepdf  # only when a PDF comes: it takes 61 ms to import

    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            return len(pdf.pages)
    except Exception:  # noqa: BLE001 - damaged or encrypted, in any way: recognition says what is wrong
        return None
