"""What the OCR service's log tells of a request: enough to follow an operation, nothing of its text or credentials."""

from __future__ import annotations

import json
import logging

import pytest

from local.ocr.faults import Faults
from local.ocr.protocol import RESULT, STATUS, SUBMIT, Answer
from local.ocr.server import exchange

ID = "fd8o8hrp4k2m1n0b7c6d"
SECRET = "CANARY"
MADE = Answer(200, json.dumps({"id": ID, "metadata": SECRET}).encode())
DONE = Answer(200, SECRET.encode())
SUBMIT_PATH = "/ocr/v1/recognizeTextAsync"


@pytest.mark.parametrize(
    ("method", "path", "answer", "told"),
    [
        ("POST", SUBMIT_PATH, MADE, f"request method=POST target=submit operation={ID} status=200"),
        ("POST", SUBMIT_PATH, Answer(429, MADE.body), "request method=POST target=submit status=429"),
        ("POST", SUBMIT_PATH, DONE, "request method=POST target=submit status=200"),
        ("POST", SUBMIT_PATH, Answer(200, b'["id"]'), "request method=POST target=submit status=200"),
        (
            "POST",
            SUBMIT_PATH,
            Answer(200, MADE.body, cut=True),
            f"request method=POST target=submit operation={ID} status=none",
        ),
        (
            "GET",
            f"/ocr/v1/getRecognition?operationId={ID}",
            Answer(404, DONE.body),
            f"request method=GET target=result operation={ID} status=404",
        ),
        (
            "GET",
            f"/ocr/v1/getRecognition?operation_id={ID}&x={SECRET}",
            Answer(200, DONE.body, sent_bytes=3),
            f"request method=GET target=result operation={ID} status=200 cut_after_bytes=3",
        ),
        ("GET", f"/operations/{ID}?x={SECRET}", DONE, f"request method=GET target=status operation={ID} status=200"),
        ("POST", "/iam/v1/tokens", DONE, "request method=POST target=iam status=200"),
        ("GET", f"/{SECRET}", Answer(404, DONE.body), "request method=GET target=unknown status=404"),
        ("GET", "/_admin/stats", DONE, ""),
    ],
)
def test_a_request_and_its_answer_are_a_line(method: str, path: str, answer: Answer, told: str) -> None:
    assert exchange(method, path, answer) == told


@pytest.mark.parametrize("id_", [f"{SECRET}%0aline", SECRET, "a" * 51, "a=b"])
def test_what_is_no_operation_s_id_is_not_repeated(id_: str) -> None:
    assert exchange("GET", f"/operations/{id_}", DONE) == "request method=GET target=status status=200"
    made = Answer(200, json.dumps({"id": id_}).encode())
    assert exchange("POST", SUBMIT_PATH, made) == "request method=POST target=submit status=200"


def test_a_fault_that_is_met_is_told_with_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "local.ocr")
    faults = Faults(0)
    faults.add({"kind": "5xx", "count": 1, "target": STATUS})
    faults.add({"kind": "never_done", "count": 1})
    faults.add({"kind": "lost_answer", "count": 1, "target": RESULT})
    for _ in range(2):
        faults.before(STATUS, None, lambda _seconds: None)
        faults.course("a" * 64)
        faults.after(RESULT, None, DONE, lambda _seconds: None)
    assert caplog.messages == [
        "fault met kind=5xx target=status",
        f"fault met kind=never_done target={SUBMIT}",
        "fault met kind=lost_answer target=result",
    ]
