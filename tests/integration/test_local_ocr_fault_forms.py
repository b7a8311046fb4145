"""The forms that faults give to a result and to an operation: a test a kind, named after it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from integration.local_ocr_calls import SHA256, Caller, serving

LINES = ["Первая строка", "second line", "third"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    table = tmp_path_factory.mktemp("ocr") / "table.json"
    table.write_text(json.dumps({SHA256: {"text": f"{LINES[0]}\n{LINES[1]}\n\n{LINES[2]}"}}))
    with serving(table=table) as caller:
        yield caller


@pytest.fixture
def service(running: Caller) -> Caller:
    running.server.reset()
    return running


def result(service: Caller, kind: str, **fields: Any) -> requests.Response:
    """A result that meets the fault; what is read after it is sound again."""
    service.fault(kind, **fields)
    operation_id = service.finished()
    answer = service.result(operation_id)
    assert service.server.stats()["faults"] == {kind: 1}
    assert full_text(service.result(operation_id).json()["result"]["textAnnotation"]) == LINES
    return answer


def page(service: Caller, kind: str, **fields: Any) -> dict[str, Any]:
    """The annotation of a result of one page that meets the fault."""
    value = result(service, kind, **fields).json()["result"]["textAnnotation"]
    assert isinstance(value, dict)
    return value


def pages(answer: requests.Response) -> list[dict[str, Any]]:
    return [json.loads(line)["result"] for line in answer.content.splitlines()]


def full_text(annotation: dict[str, Any]) -> list[str]:
    return str(annotation["fullText"]).splitlines()


def line_texts(annotation: dict[str, Any]) -> list[str]:
    return [line["text"] for block in annotation["blocks"] for line in block["lines"]]


TARGETS = pytest.mark.parametrize("target", ["submit", "status", "result"])


def test_content_type(service: Caller) -> None:
    assert result(service, "content_type", type="text/plain").headers["Content-Type"] == "text/plain"


def test_wrong_types(service: Caller) -> None:
    broken = page(service, "wrong_types")
    assert broken["blocks"] == "list"
    assert isinstance(broken["fullText"], list)


def test_not_utf8(service: Caller) -> None:
    answer = result(service, "not_utf8")
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()
    assert LINES[0] in answer.content.decode("cp1251")


@pytest.mark.parametrize("target", ["submit", "status"])
def test_zero_error(service: Caller, target: str) -> None:
    service.fault("zero_error", target=target)
    operation = service.ask(target).json()
    assert operation["error"]["code"] == 0
    assert operation["done"] is (target == "status")


@pytest.mark.parametrize("target", ["submit", "status"])
def test_nanosecond_times(service: Caller, target: str) -> None:
    service.fault("nanosecond_times", target=target)
    operation = service.ask(target).json()
    assert operation["createdAt"][19:] == operation["modifiedAt"][19:] == ".123456789Z"


@TARGETS
def test_unknown_fields(service: Caller, target: str) -> None:
    service.fault("unknown_fields", target=target)
    value, plain = service.ask(target).json(), service.ask(target).json()
    assert set(value) - set(plain) == {"unknownField", "unknownObject"}
    if target == "result":
        word = value["result"]["textAnnotation"]["blocks"][0]["lines"][0]["words"][0]
        assert {"unknownField", "unknownObject", "text"} < set(word)


def test_null_fields(service: Caller) -> None:
    nulls = page(service, "null_fields")
    assert nulls["tables"] is nulls["rotate"] is nulls["blocks"][0]["languages"] is None
    assert full_text(nulls) == line_texts(nulls) == LINES
    service.fault("null_fields", target="status")
    assert service.status(service.submit().json()["id"]).json()["done"] is None


def test_missing_fields(service: Caller) -> None:
    thin = page(service, "missing_fields")
    assert set(thin) == {"width", "height", "blocks", "fullText"}
    assert full_text(thin) == line_texts(thin) == LINES
    service.fault("missing_fields", target="status")
    operation = service.status(service.submit().json()["id"]).json()
    assert not {"done", "metadata"} & set(operation)
    assert operation["id"]


def test_no_full_text(service: Caller) -> None:
    read = page(service, "no_full_text")
    assert "fullText" not in read
    assert line_texts(read) == LINES


def test_no_blocks(service: Caller) -> None:
    read = page(service, "no_blocks")
    assert "blocks" not in read
    assert full_text(read) == LINES


def test_blank_page(service: Caller) -> None:
    blank = page(service, "blank_page")
    assert (blank["blocks"], blank["fullText"]) == ([], "")
    assert int(blank["width"]) > 0


def test_page_alone(service: Caller) -> None:
    assert result(service, "page_alone").json() == {"result": {"page": "0"}}


def test_bare(service: Caller) -> None:
    bare = result(service, "bare").json()
    assert set(bare) == {"textAnnotation", "page"}
    assert full_text(bare["textAnnotation"]) == LINES


def test_snake_case(service: Caller) -> None:
    old = result(service, "snake_case").json()["result"]
    assert set(old) == {"text_annotation", "page"}
    blocks = old["text_annotation"]["blocks"]
    assert [line["alternatives"][0]["text"] for block in blocks for line in block["lines"]] == LINES
    assert set(blocks[0]) == {"bounding_box", "lines", "languages"}
    assert set(blocks[0]["lines"][0]) == {"bounding_box", "alternatives"}
    assert set(blocks[0]["lines"][0]["alternatives"][0]["words"][0]) == {"bounding_box", "text", "entity_index"}
    assert "full_text" not in old["text_annotation"]


def test_pretty_printed(service: Caller) -> None:
    answer = result(service, "pretty_printed")
    assert len(answer.content.splitlines()) > 20
    assert full_text(answer.json()["result"]["textAnnotation"]) == LINES


def test_blank_lines(service: Caller) -> None:
    lines = result(service, "blank_lines").content.split(b"\n")
    assert sum(not line.strip() for line in lines) >= 3
    assert [json.loads(line)["result"]["page"] for line in lines if line.strip()] == ["0"]


def test_no_last_newline(service: Caller) -> None:
    answer = result(service, "no_last_newline")
    assert answer.content.endswith(b"}")
    assert answer.json()["result"]["page"] == "0"


# Several pages


def test_concatenated(service: Caller) -> None:
    body = result(service, "concatenated").content
    assert b"\n" not in body
    first, second = body.decode().split("}{")
    read = [json.loads(f"{first}}}")["result"], json.loads(f"{{{second}")["result"]]
    assert [part["page"] for part in read] == ["0", "1"]
    assert [text for part in read for text in full_text(part["textAnnotation"])] == LINES


@pytest.mark.parametrize("number", [2, 3, 5])
def test_pages_out_of_order(service: Caller, number: int) -> None:
    read = pages(result(service, "pages_out_of_order", pages=number))
    assert [part["page"] for part in read] == [str(at) for at in reversed(range(number))]
    texts = [text for part in reversed(read) for text in full_text(part["textAnnotation"])]
    assert texts == LINES
    assert [line_texts(part["textAnnotation"]) for part in read] == [full_text(part["textAnnotation"]) for part in read]


def test_missing_page(service: Caller) -> None:
    read = pages(result(service, "missing_page"))
    assert [part["page"] for part in read] == ["0", "2"]
    assert [full_text(part["textAnnotation"]) for part in read] == [[LINES[0]], [LINES[2]]]


def test_error_in_stream(service: Caller) -> None:
    answer = result(service, "error_in_stream", code=4)
    assert answer.status_code == 200
    first, second = map(json.loads, answer.content.splitlines())
    assert full_text(first["result"]["textAnnotation"]) == LINES[:2]
    assert (second["error"]["grpcCode"], second["error"]["httpCode"]) == (4, 504)
