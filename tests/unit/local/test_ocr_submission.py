"""What a submit's body must hold; every refusal is code 3 and counted under the reason's name."""

import base64
import io
import json
from dataclasses import replace
from typing import Any

import pikepdf
import pytest
from PIL import Image

from local.ocr.protocol import INVALID_ARGUMENT, RefusedError
from local.ocr.settings import Settings
from local.ocr.submission import parse_body, read_submission

SETTINGS = Settings()


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def image(form: str, size: tuple[int, int] = (40, 20)) -> bytes:
    file = io.BytesIO()
    Image.new("1" if form == "PNG" else "L", size).save(file, form)
    return file.getvalue()


def pdf(pages: int) -> bytes:
    file = io.BytesIO()
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page()
        document.save(file)
    return file.getvalue()


def request(**changes: Any) -> dict[str, Any]:
    value = {
        "content": encoded(image("JPEG")),
        "mimeType": "image/jpeg",
        "languageCodes": ["ru", "en"],
        "model": "page",
    }
    return {**value, **changes}


def refusal(value: dict[str, Any], settings: Settings = SETTINGS) -> str:
    with pytest.raises(RefusedError) as caught:
        read_submission(value, settings)
    assert caught.value.code == INVALID_ARGUMENT
    return caught.value.reason


@pytest.mark.parametrize(
    ("content", "name", "mime_type"),
    [
        (image("JPEG"), "image/jpeg", "image/jpeg"),
        (image("JPEG"), "JPEG", "image/jpeg"),
        (image("PNG"), "image/png", "image/png"),
        (image("PNG"), "PNG", "image/png"),
        (pdf(1), "application/pdf", "application/pdf"),
        (pdf(1), "PDF", "application/pdf"),
    ],
)
def test_takes_the_documented_formats_under_both_names(content: bytes, name: str, mime_type: str) -> None:
    submission = read_submission(request(content=encoded(content), mimeType=name), SETTINGS)
    assert (submission.content, submission.mime_type) == (content, mime_type)
    assert submission.languages == ("ru", "en")


def test_takes_the_names_of_the_protobuf_too_and_defaults() -> None:
    content = encoded(image("JPEG"))
    submission = read_submission({"content": content, "mime_type": "JPEG", "language_codes": ["de"]}, SETTINGS)
    assert (submission.mime_type, submission.languages, submission.model) == ("image/jpeg", ("de",), "page")
    assert read_submission({"content": content, "mimeType": "JPEG"}, SETTINGS).languages == ()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_body(body)
    assert (caught.value.code, caught.value.reason) == (INVALID_ARGUMENT, "body")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"content": None}, "content"),
        ({"content": ""}, "content"),
        ({"content": "not base64!"}, "content"),
        ({"content": 5}, "content"),
        ({"mimeType": "image/tiff"}, "mime_type"),
        ({"mimeType": None}, "mime_type"),
        ({"mimeType": ["JPEG"]}, "mime_type"),
        ({"mimeType": "image/png"}, "mime_type"),
        ({"model": "pages"}, "model"),
        ({"model": ["page"]}, "model"),
        ({"languageCodes": "ru"}, "language"),
        ({"languageCodes": [1]}, "language"),
        ({"languageCodes": ["xx"]}, "language"),
        ({"languageCodes": ["*", "ru"]}, "language"),
        ({"languageCodes": ["ar", "he"]}, "language"),
        ({"languageCodes": ["ja", "de"]}, "language"),
        ({"languageCodes": ["*"], "model": "table"}, "language"),
        ({"languageCodes": [], "model": "license-plates"}, "language"),
        ({"languageCodes": ["de"], "model": "handwritten"}, "language"),
    ],
)
def test_refuses_what_the_service_does_not_know(changes: dict[str, Any], reason: str) -> None:
    assert refusal(request(**changes)) == reason


@pytest.mark.parametrize(
    ("languages", "model"),
    [
        (["*"], "page"),
        (["ja", "ru", "en"], "page"),
        (["de", "kk", "sah"], "page-column-sort"),
        (["ru"], "table"),
        (["en", "ru"], "handwritten"),
        (["de"], "license-plates"),
        ([], "passport"),
    ],
)
def test_takes_the_languages_that_go_together(languages: list[str], model: str) -> None:
    submission = read_submission(request(languageCodes=languages, model=model), SETTINGS)
    assert (submission.languages, submission.model) == (tuple(languages), model)


def test_limits_hold_exactly() -> None:
    content = image("PNG", (400, 200))
    value = request(content=encoded(content), mimeType="PNG")
    fits = replace(SETTINGS, max_content_bytes=len(content), max_pixels=80_000)
    assert read_submission(value, fits).content == content
    assert refusal(value, replace(fits, max_content_bytes=len(content) - 1)) == "size"
    assert refusal(value, replace(fits, max_pixels=79_999)) == "pixels"


def test_the_defaults_are_the_documented_limits() -> None:
    twenty_megapixels = request(content=encoded(image("PNG", (5000, 4000))), mimeType="PNG")
    assert read_submission(twenty_megapixels, SETTINGS).mime_type == "image/png"
    assert refusal(request(content=encoded(image("PNG", (5000, 4001))), mimeType="PNG")) == "pixels"
    assert refusal(request(content=encoded(pdf(2)), mimeType="PDF")) == "pages"
    assert refusal(request(content=encoded(b"\xff\xd8\xff" + bytes(10_000_000)))) == "size"


@pytest.mark.parametrize("content", [b"\xff\xd8\xff", b"%PDF-1.4 and nothing", b"any bytes", image("PNG")[:20]])
def test_what_only_decoding_shows_is_accepted(content: bytes) -> None:
    kind = "PDF" if content.startswith(b"%PDF") else "PNG" if content.startswith(b"\x89") else "JPEG"
    assert read_submission(request(content=encoded(content), mimeType=kind), SETTINGS).content == content


def test_no_message_repeats_the_callers_content() -> None:
    with pytest.raises(RefusedError) as caught:
        read_submission(json.loads('{"content": "secret words"}'), SETTINGS)
    assert "secret" not in caught.value.message
