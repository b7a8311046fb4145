"""What each answer about an operation means."""

from __future__ import annotations

from typing import Any

import pytest

from textdrop.adapters.yandex.client import YandexOcr
from textdrop.core.errors import (
    OcrAnswerMalformed,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
)
from unit.adapters.yandex.scripted_service import Play, ScriptedService, answer


def test_asks_at_the_operation_service(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, {"id": "a b/c", "done": True}))
    client.status("a b/c")
    (sent,) = service.exchanges
    assert (sent.method, sent.path) == ("GET", "/operation-service/operations/a%20b%2Fc")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"id": "fd8", "done": False}, 0),
        ({"id": "fd8", "done": True}, 0),
        ({"id": "fd8"}, 0),
        ({"done": True}, 0),
        ({"id": None, "done": True}, 0),
        ({"id": "fd8", "done": "true"}, 0),
        ({"id": "fd8", "done": "false"}, 0),
        ({"id": "fd8", "done": 1}, 0),
        ({"id": "fd8", "done": None, "error": None}, 0),
        ({"id": "fd8", "done": True, "error": {}}, 0),
        ({"id": "fd8", "done": True, "error": {"code": 0, "message": ""}}, 0),
        ({"id": "fd8", "done": True, "error": {"code": "0"}}, 0),
        ({"id": "fd8", "done": True, "error": {"code": 3, "message": "m"}}, 3),
        ({"id": "fd8", "done": False, "error": {"code": "13", "message": "m"}}, 13),
        ({"id": "fd8", "error": {"code": "INTERNAL"}}, 2),
        ({"id": "fd8", "error": {"code": 1234}}, 1234),
        ({"id": "fd8", "error": "words"}, 0),
    ],
)
def test_state(service: ScriptedService, client: YandexOcr, operation: dict[str, Any], code: int) -> None:
    service.plays(answer(200, operation, headers={"x-request-id": "request"}))
    status = client.status("fd8")
    assert (status.error_code, status.trace.request_id) == (code, "request")


def test_a_failure_keeps_the_service_s_words(service: ScriptedService, client: YandexOcr) -> None:
    service.plays(answer(200, {"id": "fd8", "done": True, "error": {"code": 3, "message": "ы" * 600}}))
    assert client.status("fd8").error_message == "ы" * 500


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
