"""The client held to every kind of fault of the local OCR service: an answer is read, or is an error of its class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from integration.fault_stage import HIT, RECOGNITION_SECONDS, Stage, whole_text
from local.ocr.kinds import KINDS
from local.ocr.protocol import IAM, RESULT, STATUS, SUBMIT
from textdrop.adapters.yandex.client import YandexOcr
from textdrop.core import errors
from textdrop.core.answers import NotReady, OperationStatus, Recognition, Submitted

Lost, Malformed, Large = errors.OcrAnswerLost, errors.OcrAnswerMalformed, errors.OcrAnswerTooLarge
Refused, Missing, Rejected = errors.OcrCredentialsRefused, errors.OcrCredentialsMissing, errors.OcrRejected
Throttled, Unavailable, Unreachable = errors.OcrThrottled, errors.OcrUnavailable, errors.OcrUnreachable
Unknown = errors.OcrOperationUnknown
READ = None
"""The call brings what it would without the fault."""

Met = type[errors.OcrError] | type[NotReady] | None
Row = tuple[str, Mapping[str, object], Met]


def rows(met: Met, *kinds: str, **fields: object) -> list[Row]:
    return [(kind, fields, met) for kind in kinds]


LATE = ("slow", "slow_answer")
CALLS: dict[str, list[Row]] = {
    SUBMIT: [
        *rows(READ, *LATE, "slow_recognition", "late_result", "failing_operation"),
        *rows(Lost, "lost_request", "lost_answer", "499", "cut_body", "truncated_body", "empty_body", "html_body"),
        *rows(Lost, "wrong_types", "large_body"),
        *rows(Lost, *LATE, seconds=60),
        *rows(Lost, "499", "5xx", body=False),
        *rows(Lost, "5xx", status=502),
        *rows(Lost, "5xx", status=504),
        *rows(Unavailable, "5xx"),
        *rows(Unavailable, "5xx", status=500),
        *rows(Unavailable, "404", body=False),
        *rows(Refused, "401", "403"),
        *rows(Refused, "401", "403", body=False),
        *rows(Throttled, "429"),
        *rows(Rejected, "404", "reject"),
        *rows(Rejected, "reject", code=9),
        *rows(Rejected, "reject", code=11),
    ],
    STATUS: [
        *rows(READ, *LATE),
        *rows(Lost, "lost_request", "lost_answer", "499", "cut_body"),
        *rows(Lost, *LATE, seconds=60),
        *rows(Lost, "499", "5xx", body=False),
        *rows(Lost, "5xx", status=504),
        *rows(Unavailable, "5xx"),
        *rows(Refused, "401", "403"),
        *rows(Throttled, "429"),
        *rows(Unknown, "400", "404"),
        *rows(Unknown, "404", body=False),
        *rows(Malformed, "truncated_body", "empty_body", "html_body", "wrong_types"),
        *rows(Large, "large_body", bytes=200_000),
    ],
    RESULT: [
        *rows(READ, *LATE),
        *rows(Lost, "lost_request", "lost_answer", "499", "cut_body"),
        *rows(Lost, *LATE, seconds=60),
        *rows(Lost, "499", "5xx", body=False),
        *rows(Lost, "5xx", status=504),
        *rows(Lost, "error_in_stream", code=4),
        *rows(Unavailable, "5xx", "error_in_stream"),
        *rows(Rejected, "error_in_stream", code=3),
        *rows(Rejected, "400", body=False),
        *rows(Refused, "401", "403"),
        *rows(Throttled, "429"),
        *rows(NotReady, "400", "404", "empty_body"),
        *rows(NotReady, "error_in_stream", code=9),
        *rows(NotReady, "404", body=False),
        *rows(Malformed, "truncated_body", "html_body", "wrong_types"),
        *rows(Large, "large_body", "empty_words"),
    ],
    IAM: [
        *rows(READ, *LATE, "dead_token"),
        *rows(Unreachable, "lost_request", "lost_answer", "499", "5xx", "cut_body", "truncated_body", "empty_body"),
        *rows(Unreachable, "html_body", "wrong_types"),
        *rows(Unreachable, "large_body", bytes=200_000),
        *rows(Unreachable, *LATE, seconds=60),
        *rows(Unreachable, "404", "5xx", body=False),
        *rows(Missing, "401", "403", "404"),
        *rows(Throttled, "429"),
    ],
}

ENDS: list[tuple[str, Mapping[str, object], Met, int]] = [
    # What becomes of an operation: the result once it is due, and the code in its status.
    ("slow_recognition", {}, NotReady, 0),
    ("late_result", {}, NotReady, 0),
    ("failing_operation", {"in_result": False}, NotReady, 13),
    *(
        ("failing_operation", {"code": code}, met, code)
        for met, codes in {
            Lost: (1, 4),
            Unavailable: (2, 10, 12, 13, 14, 15),
            Rejected: (3, 6, 11),
            NotReady: (5, 9),
            Refused: (7, 16),
            Throttled: (8,),
        }.items()
        for code in codes
    ),
]


def parameters() -> Iterator[Any]:
    for target, table in CALLS.items():
        for kind, fields, met in table:
            yield pytest.param(target, kind, fields, met, id="-".join([target, kind, *map(str, fields.values())]))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.stop()


def test_every_kind_is_met_by_every_call_it_can_have() -> None:
    possible = {(name, target) for name, kind in KINDS.items() for target in kind.targets}
    assert {(kind, target) for target, table in CALLS.items() for kind, _, _ in table} == possible


def submit(client: YandexOcr, content: bytes = HIT) -> Submitted:
    return client.submit(client.prepare(content, "image/png", ["ru"], "page"), "request")


def told(call: Callable[[], object]) -> object:
    """What a call brings, or the error that it raises."""
    try:
        return call()
    except errors.OcrError as error:
        return error


def check(answer: object, met: Met, good: type) -> None:
    assert type(answer) is (met or good), answer
    if isinstance(answer, errors.OcrError) and not isinstance(answer, Missing | Unreachable):
        assert answer.trace.client_request_id


@pytest.mark.parametrize(("target", "kind", "fields", "met"), [*parameters()])
def test_a_call_meets(stage: Stage, target: str, kind: str, fields: Mapping[str, object], met: Met) -> None:
    client = stage.client(hangs="seconds" in fields, authorized=target == IAM)
    operation_id = ""
    if target in (STATUS, RESULT):
        operation_id = submit(client).operation.id
        stage.clock.advance(RECOGNITION_SECONDS)
    stage.fault(kind, target, fields)
    call, good = {
        SUBMIT: (lambda: submit(client), Submitted),
        STATUS: (lambda: client.status(operation_id), OperationStatus),
        RESULT: (lambda: client.result(operation_id), Recognition),
        IAM: (lambda: submit(client), Submitted),
    }[target]
    answer = told(call)
    check(answer, met, good)
    if isinstance(answer, Submitted):
        client.status(answer.operation.id)  # it is the operation that was asked for, or this raises
    elif isinstance(answer, OperationStatus):
        assert answer.error_code == 0
    elif isinstance(answer, Recognition):
        assert client.read_page(answer.body)["text"] == whole_text(HIT)
    stats = stage.server.stats()
    if target == IAM:
        # Without a token nothing was sent to the OCR service, so nothing is in doubt.
        assert stats["submits"]["accepted"] == (1 if met is READ else 0)
    assert stats["faults"] == {kind: 1}


@pytest.mark.parametrize(("kind", "fields", "met", "code"), ENDS)
def test_an_operation_ends(stage: Stage, kind: str, fields: Mapping[str, object], met: Met, code: int) -> None:
    client = stage.client()
    stage.fault(kind, SUBMIT, fields)
    operation_id = submit(client).operation.id
    stage.clock.advance(RECOGNITION_SECONDS)
    answer = told(lambda: client.result(operation_id))
    check(answer, met, Recognition)
    assert not isinstance(answer, errors.OcrError) or answer.trace.code == code
    status = told(lambda: client.status(operation_id))
    assert isinstance(status, OperationStatus)
    assert status.error_code == code
