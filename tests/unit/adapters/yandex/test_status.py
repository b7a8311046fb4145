"""What each answer about an operation means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textdrop.adapters.yandex.client import YandexOcr
from textdrop.core.answers import OperationDescription
from textdrop.core.errors import (
    OcrAnswerMalformed,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
)
from unit.adapters.yandex.scripted_service import Play, ScriptedService, answer

DEEP: dict[str, Any] = {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}}}
DEEPER: dict[str, Any] = {"a": {"a": {"a": {"a": {"a": {"a": {"a": DEEP}}}}}}}


def test_asks_at_the_operation_service(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, {"id": "a b/c", "done": True}))
    with pytest.raises(OcrAnswerMalformed):
        client.status("a b/c")
    (sent,) = service.exchanges
    assert (sent.method, sent.path) == ("GET", "/operation-service/operations/a%20b%2Fc")


def test_describes_the_operation(service: ScriptedService, client: YandexOcr) -> None:
    operation = {
        "id": "fd8",
        "description": "d",
        "created_at": "2026-01-02T03:04:05Z",
        "createdBy": "c",
        "modifiedAt": "m",
        "done": True,
        "metadata": {"@type": "t", "n": 1},
        "response": {"@type": "r"},
    }
    service.plays(answer(200, operation, headers={"x-request-id": "request"}))
    status = client.status("fd8")
    assert status.operation == OperationDescription(
        "fd8", "d", "2026-01-02T03:04:05Z", "c", "m", {"@type": "t", "n": 1}
    )
    assert status.trace.request_id == "request"


@pytest.mark.parametrize(
    ("operation", "done", "code"),
    [
        ({"id": "fd8", "done": False}, False, 0),
        ({"id": "fd8", "done": True}, True, 0),
        ({"id": "fd8"}, False, 0),
        ({"done": True}, True, 0),
        ({"id": None, "done": True}, True, 0),
        ({"id": "fd8", "done": "true"}, True, 0),
        ({"id": "fd8", "done": "false"}, False, 0),
        ({"id": "fd8", "done": 1}, True, 0),
        ({"id": "fd8", "done": None, "error": None}, False, 0),
        ({"id": "fd8", "done": True, "error": {}}, True, 0),
        ({"id": "fd8", "done": True, "error": {"code": 0, "message": ""}}, True, 0),
        ({"id": "fd8", "done": True, "error": {"code": "0"}}, True, 0),
        ({"id": "fd8", "done": True, "error": {"code": 3, "message": "m"}}, True, 3),
        ({"id": "fd8", "done": False, "error": {"code": "13", "message": "m"}}, False, 13),
        ({"id": "fd8", "error": {"code": "INTERNAL"}}, False, 2),
        ({"id": "fd8", "error": {"code": 1234}}, False, 1234),
        ({"id": "fd8", "error": "words"}, False, 0),
    ],
)
def test_state(service: ScriptedService, client: YandexOcr, operation: dict[str, Any], done: bool, code: int) -> None:
    service.plays(answer(200, operation))
    status = client.status("fd8")
    assert (status.operation.id, status.done, status.error_code) == ("fd8", done, code)


def test_a_failure_keeps_the_service_s_words(service: ScriptedService, client: YandexOcr) -> None:
    error = {"code": 3, "message": "ы" * 600, "details": [{"@type": "t", "reason": "r"}]}
    service.plays(answer(200, {"id": "fd8", "done": True, "error": error}))
    status = client.status("fd8")
    assert status.error_message == "ы" * 500
    assert status.error_details == ({"@type": "t", "reason": "r"},)


def test_what_it_describes_can_be_stored_and_written(service: ScriptedService, client: YandexOcr) -> None:
    body = (
        rb"""{"id": "fd8", "done": true, "description": "\ud800x", "createdBy": 7,
        "metadata": {"\udfff": ["\ud83d\ude00", NaN, 1e999, 5e0, """
        + b"9" * 5_000
        + rb"""]}}"""
    )
    service.plays(answer(200, body=body))
    operation = client.status("fd8").operation
    assert (operation.description, operation.created_by) == ("\ufffdx", "7")
    assert operation.metadata == {"\ufffd": ["😀", None, None, 5.0, None]}
    json.dumps(operation.metadata, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(("metadata", "kept"), [(DEEP, DEEP), (DEEPER, None), ([1], None), ("text", None)])
def test_metadata_that_could_not_be_stored_is_left_out(
    service: ScriptedService, client: YandexOcr, metadata: Any, kept: Any
) -> None:
    service.plays(answer(200, {"id": "fd8", "metadata": metadata, "error": {"code": 3, "details": [metadata]}}))
    status = client.status("fd8")
    assert status.operation.metadata == kept
    assert status.error_details == (() if metadata is DEEPER else (metadata,))


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (answer(410), OcrOperationUnknown),
        (answer(200, {"error": {"grpcCode": 5, "httpCode": 404}}), OcrOperationUnknown),
        (answer(400, {"code": 3, "message": "m"}), OcrRejected),
        (answer(302, headers={"location": "/"}), OcrAnswerMalformed),
        (answer(200, {}), OcrAnswerMalformed),
        (answer(200, [{"id": "fd8"}]), OcrAnswerMalformed),
        (answer(200, {"id": "another", "done": True}), OcrAnswerMalformed),
    ],
)
def test_no_status(service: ScriptedService, client: YandexOcr, play: Play, error: type[OcrError]) -> None:
    service.plays(play)
    with pytest.raises(error) as raised:
        client.status("fd8")
    assert type(raised.value) is error
