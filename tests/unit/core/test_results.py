"""The files a document ends in, compared whole: what users read is part of what is promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from pagekit.page import RecognisedPage
from pagekit.prepared import How, PageWarning, Preparation
from textdrop import __version__
from textdrop.core import problems, results
from textdrop.core.answers import OperationDescription
from textdrop.core.billing import TextFrom, text_from
from textdrop.core.documents import Billed, Document, Operation, OperationState, Options, Outcome, Problem, Source
from textdrop.core.errors import Reason, Trace
from textdrop.core.prices import Prices
from unit.core.test_notices import SUCCEEDED


def text_file(pages: Sequence[RecognisedPage | None]) -> bytes:
    """`<key>.txt` of these pages."""
    return b"".join(results.page_text(place, page) for place, page in enumerate(pages, start=1))


def result_file(document: Document, operations: Sequence[Operation], pages: Sequence[RecognisedPage | None]) -> bytes:
    """`<key>.ocr.json` of these pages."""
    head, tail = results.result_frame(document, operations, Prices())
    each_page = enumerate(zip(operations, pages, strict=True), start=1)
    body = [results.page_json(place, document.run, *each) for place, each in each_page]
    return b"".join([head, *body, tail])


TRACE = Trace(status=200, client_request_id="c1", request_id="r1", server_trace_id="s1")
FAILURE = Trace(status=200, code=3, message="image is too blurred", client_request_id="c2", request_id="r2")
POLYGON = [[10, 20], [110, 20], [110, 40], [10, 40]]

DOCUMENT = replace(SUCCEEDED, submit_passes=2, options=Options(("ru", "en"), "page", "metadata", "parameter"))
DESCRIBED = OperationDescription(
    "op1", "OCR async recognition", "2026-03-14T09:26:56Z", "ajeexample", "2026-03-14T09:26:58Z", {"a": [1]}
)
SCALED = Preparation(How.SCALED, 0.5, (PageWarning.LOW_RESOLUTION,))
OPERATION = Operation(DOCUMENT.id, 1, 1, OperationState.RECOGNIZED, described=DESCRIBED, trace=TRACE, prepared=SCALED)
FAILED = replace(
    OPERATION,
    state=OperationState.FAILED,
    described=replace(DESCRIBED, id="op2", metadata=None),
    problem=problems.failed_in_service(FAILURE),
)
UNSENT = Operation(DOCUMENT.id, 1, 1, OperationState.FAILED, unconfirmed=3, problem=problems.unconfirmed(3))
PAGE: RecognisedPage = {
    "width": 2480,
    "height": 3508,
    "rotate": 0,
    "text": "Договор № 7",
    "blocks": [
        {
            "type": "text",
            "polygon": POLYGON,
            "languages": ["ru"],
            "lines": [
                {"text": "Договор № 7", "polygon": POLYGON, "words": [{"text": "Договор", "polygon": POLYGON}]},
            ],
        }
    ],
    "tables": [],
    "entities": [],
    "markdown": None,
}
BLANK: RecognisedPage = {**PAGE, "text": "", "blocks": []}
SOURCE_SHOWN = {
    "bucket": "textdrop-uploads",
    "key": "contracts/Договор № 7+8.pdf",
    "version_id": "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH",
    "etag": "d41d8cd98f00b204e9800998ecf8427e",
    "size": 183_204,
    "media_type": "application/pdf",
    "file_pages": 1,
    "attachments": 0,
}
OPTIONS_SHOWN = {
    "languages": {"value": ["ru", "en"], "from": "metadata"},
    "model": {"value": "page", "from": "parameter"},
    "outputs": {"value": [], "from": "parameter"},
    "pages": {"value": "all", "from": "parameter"},
    "reuse": {"value": False, "from": "parameter"},
}
TIMINGS_SHOWN = {
    "uploaded_at": "2026-03-14T09:26:53.000Z",
    "accepted_at": "2026-03-14T09:26:55.250Z",
    "began_at": "2026-03-14T09:26:55.250Z",
    "outcome_at": "2026-03-14T09:26:58.500Z",
    "duration_seconds": 3.25,
}
SERVICE_SHOWN = {
    "status": 200,
    "code": 3,
    "message": "image is too blurred",
    "client_request_id": "c2",
    "request_id": "r2",
    "server_trace_id": None,
}
PROBLEM_SHOWN = {
    "reason": "failed_in_ocr",
    "what": "The OCR service failed to recognise the page.",
    "advice": problems.failed_in_service(FAILURE).advice,
    "service": SERVICE_SHOWN,
}
OPERATION_SHOWN = {
    "id": "op2",
    "description": "OCR async recognition",
    "created_at": "2026-03-14T09:26:56Z",
    "created_by": "ajeexample",
    "modified_at": "2026-03-14T09:26:58Z",
    "metadata": None,
    "error": {"code": 3, "message": "image is too blurred"},
}


def page(text: str) -> RecognisedPage:
    return {**PAGE, "text": text}


def read(file: bytes) -> dict[str, Any]:
    """The file, which agrees with its published schema."""
    return schemas.checked(file.decode("utf-8"))


def error(document: Document, *operations: Operation, **changed: Any) -> dict[str, Any]:
    """`<key>.error.json` of the document as failed, with these changes."""
    changed = {"outcome": Outcome.FAILED, "problem": problems.attempts_exhausted(5), **changed}
    return read(results.error_file(replace(document, **changed), operations, Prices()))


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "file"),
    [
        (["one"], "one\n"),
        (["one\n"], "one\n"),
        (["one", "two\nthree"], "one\n\ftwo\nthree\n"),
        ([""], ""),
        (["", "two", ""], "\ftwo\n\f"),
        (["a\r\nb\rc\n\rd"], "a\nb\nc\n\nd\n"),
        (["a\fb", "\f"], "a\nb\n\f\n"),
        (["Ёж 🦔"], "Ёж 🦔\n"),
        (["a\ud800b"], "a?b\n"),
    ],
)
def test_text_has_a_form_feed_between_pages_and_plain_line_ends(texts: list[str], file: str) -> None:
    assert text_file([page(text) for text in texts]) == file.encode()


@given(texts=st.lists(st.none() | st.text(st.characters() | st.sampled_from("\r\n\f"), max_size=20), min_size=1))
def test_any_text_comes_apart_into_its_pages(texts: list[str | None]) -> None:
    file = text_file([None if text is None else page(text) for text in texts]).decode("utf-8")
    assert "\r" not in file
    shown = file.split("\f")
    assert len(shown) == len(texts)
    for part, text in zip(shown, texts, strict=True):
        assert part == "" or part.endswith("\n")
        assert part.split() == (text or "").encode("utf-8", "replace").decode().split()


# --- <key>.ocr.json ---------------------------------------------------------------------------------------------------


def partial_result(*operations: Operation, **changed: Any) -> dict[str, Any]:
    """`<key>.ocr.json` of these pages, numbered from 1; those that failed have no text."""
    recognized = sum(operation.problem is None for operation in operations)
    document = replace(DOCUMENT, outcome=Outcome.PARTIAL, pages=len(operations), pages_recognized=recognized)
    document = replace(document, problem=FAILED.problem, **changed)
    rows = [replace(operation, page=number) for number, operation in enumerate(operations, start=1)]
    return read(result_file(document, rows, [PAGE if row.problem is None else None for row in rows]))


def test_of_some_pages_of_a_file_those_alone_are_in_the_result_under_their_numbers() -> None:
    options = Options(("ru", "en"), "page", pages="2,5-", pages_from="metadata")
    operations = [replace(OPERATION, page=2), replace(FAILED, page=5), replace(OPERATION, page=6)]
    document = replace(DOCUMENT, outcome=Outcome.PARTIAL, options=options, file_pages=6, pages=3, pages_recognized=2)
    shown = read(result_file(document, operations, [PAGE, None, PAGE]))
    assert [page["number"] for page in shown["pages"]] == [2, 5, 6]
    assert shown["notes"] == ["Without text: 1 of 3 pages: 5 (failed_in_ocr)."]
    assert (shown["options"]["pages"], shown["source"]["file_pages"]) == ({"value": "2,5-", "from": "metadata"}, 6)


def test_a_blank_page_is_a_result() -> None:
    [shown] = read(result_file(DOCUMENT, [OPERATION], [BLANK]))["pages"]
    assert (shown["status"], shown["text"], shown["blocks"]) == ("recognized", "", [])


def test_a_partial_result_says_which_pages_failed_and_why() -> None:
    shown = partial_result(OPERATION, FAILED, OPERATION)
    assert shown["outcome"] == "partial"
    assert [one["status"] for one in shown["pages"]] == ["recognized", "failed", "recognized"]
    assert shown["pages"][1] == {
        "number": 2,
        "status": "failed",
        "reason": "failed_in_ocr",
        "problem": PROBLEM_SHOWN,
        "text_from": None,
        "prepared": {"how": "scaled", "scale": 0.5, "warnings": ["low_resolution"]},
        "width": None,
        "height": None,
        "rotate": None,
        "text": "",
        "blocks": [],
        "tables": [],
        "entities": [],
        "markdown": None,
        "operation": OPERATION_SHOWN,
    }


def test_a_page_that_was_never_sent_has_no_operation() -> None:
    page, _ = partial_result(UNSENT, OPERATION)["pages"]
    assert (page["operation"], page["reason"]) == (None, "submit_unconfirmed")


OWN_TEXT = Operation(DOCUMENT.id, 1, 1, OperationState.RECOGNIZED, own_text=True)
REUSED = replace(OPERATION, reused_from="another")
KEPT = replace(OPERATION, run=2, paid_run=1)


@pytest.mark.parametrize(
    ("operation", "run", "source"),
    [
        (OPERATION, 1, TextFrom.SERVICE),
        (OWN_TEXT, 1, TextFrom.FILE),
        (REUSED, 1, TextFrom.REUSED),
        (KEPT, 2, TextFrom.EARLIER_RUN),
        (replace(KEPT, reused_from="another"), 2, TextFrom.EARLIER_RUN),
        (replace(OWN_TEXT, run=2, paid_run=1), 2, TextFrom.EARLIER_RUN),
        (OPERATION, 2, TextFrom.EARLIER_RUN),
        (FAILED, 1, None),
        (replace(REUSED, state=OperationState.RUNNING), 1, None),
    ],
)
def test_the_text_of_a_page_is_from_one_place(operation: Operation, run: int, source: TextFrom | None) -> None:
    assert text_from(operation, run) is source


def test_each_page_says_where_its_text_is_from() -> None:
    shown = partial_result(OPERATION, OWN_TEXT, REUSED, FAILED, replace(OPERATION, paid_run=1))
    assert [page["text_from"] for page in shown["pages"]] == ["service", "file", "reused", None, "earlier_run"]
    of_own_text = shown["pages"][1]
    assert (of_own_text["operation"], of_own_text["prepared"], of_own_text["text"]) == (None, None, PAGE["text"])
    [again] = read(result_file(replace(DOCUMENT, run=2), [OWN_TEXT], [PAGE]))["pages"]
    assert again["text_from"] == "earlier_run", "as a run has it that only makes outputs anew"


def test_pages_that_cost_nothing_are_told_by_kind() -> None:
    document = replace(DOCUMENT, billed=Billed(2), pages_kept=3, pages_reused=4, pages_skipped=5)
    for shown in (read(result_file(document, [OPERATION], [PAGE])), error(document)):
        told = {name: count for name, count in shown["billing"].items() if name != "cost"}
        assert told == {
            "pages_paid": 2,
            "pages_unconfirmed": 0,
            "pages_kept": 3,
            "pages_reused": 4,
            "pages_skipped": 5,
        }


def test_how_pages_without_text_and_reuse_were_chosen_is_told() -> None:
    options = replace(DOCUMENT.options or Options((), ""), pages="without-text", pages_from="metadata", reuse=True)
    shown = read(result_file(replace(DOCUMENT, options=options), [OPERATION], [PAGE]))["options"]
    assert shown["pages"] == {"value": "without-text", "from": "metadata"}
    assert shown["reuse"] == {"value": True, "from": "parameter"}


@pytest.mark.parametrize(
    ("pages", "note"),
    [
        ([FAILED, OPERATION], "1 of 2 pages: 1 (failed_in_ocr)"),
        ([FAILED, FAILED, OPERATION], "2 of 3 pages: 1-2 (failed_in_ocr)"),
        ([*[FAILED] * 3, *[OPERATION] * 3, FAILED], "4 of 7 pages: 1-3, 7 (failed_in_ocr)"),
        ([OPERATION, FAILED] * 3, "3 of 6 pages: 2, 4, 6 (failed_in_ocr)"),
        ([UNSENT, FAILED, OPERATION, UNSENT], "3 of 4 pages: 1, 4 (submit_unconfirmed); 2 (failed_in_ocr)"),
    ],
)
def test_failed_pages_are_named_in_ranges_by_reason(pages: list[Operation], note: str) -> None:
    assert partial_result(*pages)["notes"] == [f"Without text: {note}."]


@given(failed=st.sets(st.integers(1, 40), min_size=1, max_size=39))
def test_ranges_name_exactly_the_failed_pages(failed: set[int]) -> None:
    operations = [replace(FAILED if number in failed else OPERATION, page=number) for number in range(1, 41)]
    [group] = results.failures(operations)
    assert (group["reason"], group["count"]) == ("failed_in_ocr", len(failed))
    spans = [span.split("-") for span in group["pages"].split(", ")]
    named = [number for span in spans for number in range(int(span[0]), int(span[-1]) + 1)]
    assert named == sorted(failed)


def test_pages_that_failed_are_in_their_order_however_they_are_given() -> None:
    operations = [replace(UNSENT, page=4), replace(OPERATION, page=3), replace(FAILED, page=2), UNSENT]
    assert results.failures(operations) == [
        {"reason": "submit_unconfirmed", "count": 2, "pages": "1, 4"},
        {"reason": "failed_in_ocr", "count": 1, "pages": "2"},
    ]


# --- <key>.error.json -------------------------------------------------------------------------------------------------


def test_an_error_before_anything_was_sent() -> None:
    assert error(
        DOCUMENT,
        outcome=Outcome.SKIPPED,
        problem=Problem(Reason.EMPTY_FILE, "The file has no bytes.", "Check the upload."),
        options=None,
        media_type="",
        file_pages=0,
        pages=0,
        pages_recognized=0,
        billed=Billed(),
    ) == {
        "schema": "textdrop.error/1",
        "id": DOCUMENT.id,
        "run": 1,
        "outcome": "skipped",
        "source": {**SOURCE_SHOWN, "media_type": None, "file_pages": None},
        "metadata": {"case": "7-114"},
        "metadata_omitted": 0,
        "reason": "empty_file",
        "what": "The file has no bytes.",
        "advice": "Check the upload.",
        "service": None,
        "options": None,
        "attempts": 2,
        "billing": {
            "pages_paid": 0,
            "pages_unconfirmed": 0,
            "pages_kept": 0,
            "pages_reused": 0,
            "pages_skipped": 0,
            "cost": {"amount": "0", "currency": "RUB", "prices_of": "2026-05"},
        },
        "pages": [],
        "versions": {"textdrop": __version__},
        "timings": TIMINGS_SHOWN,
    }


def test_metadata_of_the_upload_is_in_result_and_error() -> None:
    source = replace(DOCUMENT.source, metadata=(("case", "7-114"), ("owner", "Анна")), metadata_omitted=2)
    document = replace(DOCUMENT, source=source)
    for shown in (read(result_file(document, [OPERATION], [PAGE])), error(document)):
        assert (shown["metadata"], shown["metadata_omitted"]) == ({"case": "7-114", "owner": "Анна"}, 2)


def test_an_error_of_the_service_has_all_that_its_support_asks_for() -> None:
    shown = error(DOCUMENT, FAILED, problem=FAILED.problem, pages_recognized=0)
    assert (shown["outcome"], shown["attempts"], shown["options"]) == ("failed", 2, OPTIONS_SHOWN)
    assert {name: shown[name] for name in PROBLEM_SHOWN} == PROBLEM_SHOWN
    assert shown["pages"] == [
        {
            "number": 1,
            "status": "failed",
            "problem": PROBLEM_SHOWN,
            "unconfirmed_submits": 0,
            "operation": OPERATION_SHOWN,
            "submit": {
                "status": 200,
                "code": None,
                "message": None,
                "client_request_id": "c1",
                "request_id": "r1",
                "server_trace_id": "s1",
            },
        }
    ]


def test_of_a_cancelled_document_a_page_with_its_own_text_is_recognised_without_an_operation() -> None:
    [shown] = error(DOCUMENT, OWN_TEXT, outcome=Outcome.CANCELLED, problem=problems.cancelled())["pages"]
    assert (shown["status"], shown["operation"], shown["submit"]) == ("recognized", None, None)


def test_unversioned_and_unseen_uploads_have_null_for_what_is_not_known() -> None:
    shown = error(DOCUMENT, source=Source("uploads", "a.pdf", event_at=0.0))
    assert (shown["source"]["version_id"], shown["source"]["etag"], shown["timings"]["uploaded_at"]) == (None,) * 3


def test_of_an_upload_that_was_never_seen_the_event_says_when() -> None:
    shown = error(DOCUMENT, source=replace(DOCUMENT.source, last_modified=0.0, event_at=1_773_480_413.5))
    assert shown["timings"]["uploaded_at"] == "2026-03-14T09:26:53.500Z"


@pytest.mark.parametrize(
    ("outcome_at", "seconds"), [(1_773_480_415.0, 0.0), (1_773_480_416.0, 0.75), (1_773_480_416.0009765625, 0.751)]
)
def test_a_duration_is_from_acceptance_to_outcome_and_never_negative(outcome_at: float, seconds: float) -> None:
    assert error(DOCUMENT, outcome_at=outcome_at)["timings"]["duration_seconds"] == seconds


def test_an_operation_that_failed_without_a_code_of_the_service_shows_no_error_of_it() -> None:
    lost = replace(OPERATION, state=OperationState.FAILED, problem=problems.result_too_large(TRACE))
    [shown] = error(DOCUMENT, lost)["pages"]
    assert shown["operation"]["error"] is None


# --- both -------------------------------------------------------------------------------------------------------------


def test_russian_can_be_read_and_files_end_in_a_line_end() -> None:
    problem = replace(problems.rejected(TRACE), what="Договор № 7.")
    failed = replace(DOCUMENT, outcome=Outcome.FAILED, problem=problem)
    for file in (result_file(DOCUMENT, [OPERATION], [PAGE]), results.error_file(failed, [], Prices())):
        assert "Договор № 7".encode() in file
        assert file.endswith(b"}\n")


@given(key=st.text(min_size=1), text=st.text(), message=st.text())
def test_whatever_the_texts_are_the_files_are_json_in_utf_8(key: str, text: str, message: str) -> None:
    problem = problems.rejected(Trace(400, 3, message))
    document = replace(DOCUMENT, source=replace(DOCUMENT.source, key=key), problem=problem)
    result = read(result_file(document, [OPERATION], [page(text)]))
    failed = error(document, replace(FAILED, problem=problem), problem=problem)
    shown = [key, text, message or None]
    assert [result["source"]["key"], result["pages"][0]["text"], failed["service"]["message"]] == [
        value and value.encode("utf-8", "replace").decode() for value in shown
    ]
