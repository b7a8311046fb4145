"""The local OCR service held to what is known of the real one: one test a fact, over HTTP."""

import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pikepdf
import pytest
import requests
from PIL import Image

from integration.local_ocr_calls import CONTENT, HEADERS, SECONDS, SHA256, Caller, serving

LINES = "Первая строка\nsecond line 😀\n\nanother block"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    table = tmp_path_factory.mktemp("ocr") / "table.json"
    table.write_text(json.dumps({SHA256: {"text": LINES}}))
    with serving(folder_id="folder", table=table) as caller:
        yield caller


@pytest.fixture
def service(running: Caller) -> Caller:
    running.server.reset()
    return running


def annotation(service: Caller, content: bytes = CONTENT, **fields: Any) -> dict[str, Any]:
    """The one page of a content's result."""
    [line] = service.result(service.finished(content, **fields)).content.splitlines()
    value = json.loads(line)["result"]["textAnnotation"]
    assert isinstance(value, dict)
    return value


def refusal(answer: requests.Response) -> tuple[int, int]:
    """HTTP status and gRPC code of a unary method's error."""
    body = answer.json()
    assert set(body) == {"code", "message", "details"}
    return answer.status_code, body["code"]


def picture(form: str, width: int = 8, height: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, form)
    return file.getvalue()


def pdf(pages: int) -> bytes:
    file = io.BytesIO()
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page()
        document.save(file)
    return file.getvalue()


# Submit


def test_a_submit_is_answered_with_an_operation_that_runs(service: Caller) -> None:
    operation = service.submit().json()
    assert set(operation) == {"id", "description", "createdAt", "createdBy", "modifiedAt", "done", "metadata"}
    assert operation["description"] == "OCR async recognition"
    assert operation["done"] is False
    assert operation["metadata"] is None


def test_ids_are_20_lower_case_letters_and_digits(service: Caller) -> None:
    operation = service.submit().json()
    assert all(re.fullmatch("[a-z0-9]{20}", operation[name]) for name in ("id", "createdBy"))


def test_times_have_whole_seconds(service: Caller) -> None:
    operation = service.submit().json()
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(service.clock.now))
    assert operation["createdAt"] == operation["modifiedAt"] == at


def test_a_repeated_submit_is_another_operation(service: Caller) -> None:
    assert service.submit().json()["id"] != service.submit().json()["id"]
    assert service.server.stats()["submits"]["by_sha256"] == {SHA256: 2}


@pytest.mark.parametrize(
    ("mime_type", "form"), [("image/jpeg", "JPEG"), ("JPEG", "JPEG"), ("image/png", "PNG"), ("PNG", "PNG")]
)
def test_images_are_taken_by_mime_type_or_format(service: Caller, mime_type: str, form: str) -> None:
    assert service.submit(picture(form), mimeType=mime_type).status_code == 200


@pytest.mark.parametrize("mime_type", ["application/pdf", "PDF"])
def test_a_pdf_of_one_page_is_taken(service: Caller, mime_type: str) -> None:
    assert service.submit(pdf(1), mimeType=mime_type).status_code == 200


def test_a_pdf_of_two_pages_is_refused(service: Caller) -> None:
    assert refusal(service.submit(pdf(2), mimeType="application/pdf")) == (400, 3)


@pytest.mark.parametrize("mime_type", ["image/tiff", "", None])
def test_another_type_is_refused(service: Caller, mime_type: object) -> None:
    assert refusal(service.submit(mimeType=mime_type)) == (400, 3)


@pytest.mark.parametrize(("size", "status"), [(10_000_000, 200), (10_000_001, 400)])
def test_a_file_has_at_most_ten_million_bytes(service: Caller, size: int, status: int) -> None:
    assert service.submit(CONTENT + bytes(size - len(CONTENT))).status_code == status


@pytest.mark.parametrize(("height", "status"), [(4_000, 200), (4_001, 400)])
def test_an_image_has_at_most_20_megapixels(service: Caller, height: int, status: int) -> None:
    assert service.submit(picture("PNG", 5_000, height), mimeType="PNG").status_code == status


@pytest.mark.parametrize("codes", [["*"], ["ru", "en"], ["ru", "en", "zh"], ["sah", "tt", "de"], []])
def test_languages_that_go_together(service: Caller, codes: list[str]) -> None:
    assert service.submit(languageCodes=codes).status_code == 200


@pytest.mark.parametrize("codes", [["xx"], ["*", "ru"], ["ja", "zh"], ["he", "de"]])
def test_languages_that_do_not_go_together(service: Caller, codes: list[str]) -> None:
    assert refusal(service.submit(languageCodes=codes)) == (400, 3)


@pytest.mark.parametrize("model", ["handwritten", "table", "license-plates"])
def test_models_that_need_explicit_languages(service: Caller, model: str) -> None:
    assert refusal(service.submit(model=model, languageCodes=["*"])) == (400, 3)
    assert service.submit(model=model, languageCodes=["ru"]).status_code == 200


@pytest.mark.parametrize("model", ["handwritten", "table"])
def test_models_that_read_russian_and_english_alone(service: Caller, model: str) -> None:
    assert refusal(service.submit(model=model, languageCodes=["de"])) == (400, 3)


@pytest.mark.parametrize(
    "model",
    [
        *["page", "page-column-sort", "markdown", "math-markdown", "passport", "driver-license-front"],
        *["driver-license-back", "vehicle-registration-front", "vehicle-registration-back"],
    ],
)
def test_the_other_models_detect_the_language(service: Caller, model: str) -> None:
    assert service.submit(model=model, languageCodes=["*"]).status_code == 200


def test_an_unknown_model_is_refused(service: Caller) -> None:
    assert refusal(service.submit(model="pages")) == (400, 3)


def test_the_model_need_not_be_named(service: Caller) -> None:
    assert service.submit(model=None).status_code == 200


# Quotas and times


def test_ten_submits_a_second(service: Caller) -> None:
    answers = [service.submit() for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert refusal(answers[-1]) == (429, 8)
    assert "quota limit exceed: allowed 10 requests" in answers[-1].json()["message"]
    assert "Retry-After" not in answers[-1].headers
    service.clock.now += 0.1
    assert [service.submit().status_code for _ in range(2)] == [200, 429]


def test_fifty_status_reads_a_second(service: Caller) -> None:
    answers = [service.status("x") for _ in range(51)]
    assert [answer.status_code for answer in answers] == [404] * 50 + [429]
    assert refusal(answers[-1]) == (429, 8)


def test_fifty_result_reads_a_second(service: Caller) -> None:
    answers = [service.result("x") for _ in range(51)]
    assert [answer.status_code for answer in answers] == [404] * 50 + [429]
    assert answers[-1].json()["error"]["grpcCode"] == 8


def test_each_method_has_its_own_quota(service: Caller) -> None:
    assert [service.submit().status_code for _ in range(11)][-1] == 429
    assert service.status("x").status_code == service.result("x").status_code == 404
    assert service.server.stats()["throttled"] == {"submit": 1, "status": 0, "result": 0}


def test_results_are_kept_three_days(service: Caller) -> None:
    operation_id = service.finished()
    service.clock.now += 3 * 24 * 3600 - 1
    assert service.result(operation_id).status_code == 200
    service.clock.now += 1
    assert service.result(operation_id).status_code == service.status(operation_id).status_code == 404
    service.submit()
    assert service.server.stats()["operations"] == {"running": 1, "succeeded": 0, "failed": 0}


# Status


def test_the_status_of_a_running_operation_is_what_the_submit_answered(service: Caller) -> None:
    operation = service.submit().json()
    assert service.status(operation["id"]).json() == operation


def test_a_finished_operation_has_neither_response_nor_error(service: Caller) -> None:
    operation = service.submit().json()
    service.clock.now += SECONDS
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(service.clock.now))
    assert service.status(operation["id"]).json() == {**operation, "done": True, "modifiedAt": at}


@pytest.mark.parametrize("operation_id", ["nobody000knows000this", "../_admin"])
def test_an_operation_that_is_not_known_is_not_found(service: Caller, operation_id: str) -> None:
    assert refusal(service.status(operation_id)) == (404, 5)
    result = service.result(operation_id)
    assert (result.status_code, result.json()["error"]["grpcCode"]) == (404, 5)


def test_no_operation_id_is_a_bad_request(service: Caller) -> None:
    result = service.result("")
    assert (result.status_code, result.json()["error"]["grpcCode"]) == (400, 3)


# Result


def test_a_result_that_is_not_ready_is_a_404_in_the_stream_s_shape(service: Caller) -> None:
    operation_id = service.submit().json()["id"]
    answer = service.result(operation_id)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "grpcCode": 5,
            "httpCode": 404,
            "message": f"operation data is not ready {operation_id}",
            "httpStatus": "Not Found",
            "details": [],
        }
    }


def test_a_result_is_json_lines_whose_pages_count_from_0_as_text(service: Caller) -> None:
    body = service.result(service.finished()).content
    assert body.endswith(b"\n")
    [line] = body.splitlines()
    value = json.loads(line)
    assert set(value) == {"result"}
    assert set(value["result"]) == {"textAnnotation", "page"}
    assert value["result"]["page"] == "0"


def test_a_result_can_be_read_again(service: Caller) -> None:
    operation_id = service.finished()
    assert service.result(operation_id).content == service.result(operation_id).content


def test_an_annotation_has_the_documented_fields_and_no_confidence(service: Caller) -> None:
    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {name for item in value.values() for name in names(item)}
        return {name for item in value for name in names(item)} if isinstance(value, list) else set()

    page = annotation(service)
    assert set(page) == {
        *["width", "height", "blocks", "entities", "tables", "fullText", "rotate", "markdown", "pictures"]
    }
    assert names(page["blocks"]) == {
        *["boundingBox", "vertices", "x", "y", "lines", "text", "words", "entityIndex", "textSegments", "startIndex"],
        *["length", "orientation", "languages", "languageCode", "layoutType"],
    }


def test_integers_are_texts(service: Caller) -> None:
    page = annotation(service)
    word = page["blocks"][0]["lines"][0]["words"][0]
    values = [page["width"], page["height"], word["entityIndex"], *word["boundingBox"]["vertices"][0].values()]
    values += word["textSegments"][0].values()
    assert all(re.fullmatch("-?[0-9]+", value) for value in values)
    assert word["entityIndex"] == "-1"


def test_the_full_text_is_the_lines_joined(service: Caller) -> None:
    page = annotation(service)
    lines = [line["text"] for block in page["blocks"] for line in block["lines"]]
    assert page["fullText"].rstrip("\n") == "\n".join(lines) == LINES.replace("\n\n", "\n")


def test_text_segments_count_characters_of_the_full_text(service: Caller) -> None:
    page = annotation(service)

    def cut(part: dict[str, Any]) -> str:
        [segment] = part["textSegments"]
        start = int(segment["startIndex"])
        text = page["fullText"][start : start + int(segment["length"])]
        assert isinstance(text, str)
        return text

    for block in page["blocks"]:
        assert cut(block) == "\n".join(line["text"] for line in block["lines"])
        for line in block["lines"]:
            assert cut(line) == line["text"]
            assert [cut(word) for word in line["words"]] == line["text"].split()


def test_corners_run_from_top_left_down_and_round(service: Caller) -> None:
    for part in annotation(service)["blocks"][0]["lines"]:
        left, down, right, up = [(int(point["x"]), int(point["y"])) for point in part["boundingBox"]["vertices"]]
        assert left[0] == down[0] < right[0] == up[0]
        assert left[1] == up[1] < right[1] == down[1]


def test_layout_turn_and_languages_have_the_service_s_words(service: Caller) -> None:
    page = annotation(service)
    assert page["rotate"] == page["blocks"][0]["lines"][0]["orientation"] == "ANGLE_0"
    assert page["blocks"][0]["layoutType"] == "LAYOUT_TYPE_TEXT"
    assert {"languageCode": "ru"} in page["blocks"][0]["languages"]


def test_width_and_height_are_the_image_s(service: Caller) -> None:
    page = annotation(service, picture("PNG", 120, 40), mimeType="PNG")
    assert (page["width"], page["height"]) == ("120", "40")


def test_markdown_is_there_for_its_models_and_else_a_blank(service: Caller) -> None:
    assert annotation(service)["markdown"] == " "
    assert "second line" in annotation(service, model="markdown", languageCodes=["*"])["markdown"]


# Errors


@pytest.mark.parametrize(
    ("code", "status"),
    [(1, 499), (3, 400), (4, 504), (5, 404), (7, 403), (8, 429), (9, 400), (11, 400), (13, 500), (14, 503), (16, 401)],
)
def test_a_grpc_code_has_its_http_status(service: Caller, code: int, status: int) -> None:
    service.fault("failing_operation", code=code)
    operation_id = service.finished()
    assert service.status(operation_id).json()["error"]["code"] == code
    answer = service.result(operation_id)
    error = answer.json()["error"]
    assert (answer.status_code, error["grpcCode"], error["httpCode"]) == (status, code, status)
    assert set(error) == {"grpcCode", "httpCode", "message", "httpStatus", "details"}


def test_every_answer_carries_the_ids_that_support_asks_for(service: Caller) -> None:
    answers = [
        service.submit(),
        service.status("x"),
        service.result("x"),
        service.submit(headers={}),
        service.token(""),
    ]
    assert all(answer.headers["x-server-trace-id"] for answer in answers)
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


# Credentials


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Api-Key another"},
        {"Authorization": "Api-Key"},
        {"Authorization": "Bearer local-test-key"},
        {"Authorization": "Bearer"},
        {"Authorization": "local-test-key"},
        {"Authorization": "Basic bG9jYWw="},
    ],
)
def test_wrong_credentials_are_refused_in_the_shape_of_each_method(service: Caller, headers: dict[str, str]) -> None:
    assert refusal(service.submit(headers=headers)) == refusal(service.status("x", headers=headers)) == (401, 16)
    result = service.result("x", headers=headers)
    assert (result.status_code, result.json()["error"]["grpcCode"]) == (401, 16)
    refused = service.server.stats()["refused"]
    assert refused == {**{target: {"unauthenticated": 1} for target in ("submit", "status", "result")}, "iam": {}}


def test_an_api_key_needs_no_folder(service: Caller) -> None:
    assert service.submit(headers=HEADERS).status_code == 200


def test_another_folder_is_refused_and_the_own_accepted(service: Caller) -> None:
    assert refusal(service.submit(headers={**HEADERS, "x-folder-id": "other"})) == (400, 3)
    assert service.submit(headers={**HEADERS, "x-folder-id": "folder"}).status_code == 200


@pytest.mark.parametrize("keep", ["true", "false"])
def test_the_header_about_keeping_data_is_taken(service: Caller, keep: str) -> None:
    headers = {**HEADERS, "x-data-logging-enabled": keep, "x-client-request-id": "0"}
    assert service.submit(headers=headers).status_code == 200
