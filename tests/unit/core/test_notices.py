"""Notices, and the message that a document is held: small, findable, filterable. The samples in `events/` are made by
`core.results`, and stay so.

After a change to either, write the samples anew with
`PYTHONPATH=layers/textdrop:tests .venv/bin/python tests/unit/core/test_notices.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from documentation import example
from textdrop.adapters.aws.eventbridge import DETAIL_TYPE, SOURCE
from textdrop.core import page_numbers, problems, renderings, results
from textdrop.core.documents import (
    Billed,
    Document,
    DocumentState,
    Hold,
    Operation,
    OperationState,
    Options,
    Outcome,
    Output,
    Period,
    Problem,
    Rendering,
    Source,
)
from textdrop.core.errors import Reason, Trace
from textdrop.core.options import MODELS, SHARED_LANGUAGES
from textdrop.core.prices import Prices

EVENTS = Path(__file__).parents[3] / "events"
MESSAGE_BYTES = 262_144
"""The most that SNS takes; EventBridge takes no less."""
BUCKET = "textdrop-results"

SUCCEEDED = Document(
    id="9f86d081884c7d659a2feaa0c55ad015",
    source=Source(
        "textdrop-uploads",
        "contracts/Договор № 7+8.pdf",
        "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH",
        "d41d8cd98f00b204e9800998ecf8427e",
        183_204,
        "0055AED6DCD90281E5",
        1_773_480_413.589,
        1_773_480_413.0,
        metadata=(("case", "7-114"),),
    ),
    state=DocumentState.DELIVERING,
    accepted_at=1_773_480_415.25,
    submit_passes=1,
    billed=Billed(1),
    options=Options(("ru", "en"), "page"),
    media_type="application/pdf",
    file_pages=1,
    pages=1,
    outcome=Outcome.SUCCEEDED,
    pages_recognized=1,
    outcome_at=1_773_480_418.5,
)
FAILED = replace(
    SUCCEEDED,
    id="60303ae22b998861bce3b28f33eec1be",
    source=replace(SUCCEEDED.source, key="scans/receipt.jpg", version_id="Kd7TnFzTnB1kWqyRyq6gFJm2sH8x", size=92_113),
    media_type="image/jpeg",
    outcome=Outcome.FAILED,
    problem=problems.rejected(Trace(400, 3, "image is too blurred", "c1", "r1", "s1")),
    billed=Billed(),
    pages_recognized=0,
)
SKIPPED = replace(
    SUCCEEDED,
    id="fd61a03af4f77d870fc21e05e7e80678",
    source=replace(SUCCEEDED.source, key="notes.txt", version_id="mRk1Xq8XnB2kPzyTyq6gFJm2aB4c", size=17),
    options=None,
    billed=Billed(),
    media_type="",
    file_pages=0,
    pages=0,
    outcome=Outcome.SKIPPED,
    problem=Problem(
        Reason.UNSUPPORTED_TYPE,
        "The file is a plain text file; PDF, JPEG, PNG, TIFF, WebP, GIF, BMP, JPEG 2000, HEIC and AVIF "
        "can be recognised.",
        "It holds text already, so there is nothing to recognise; to have it read as a page, print it as PDF.",
    ),
    pages_recognized=0,
)
PARTIAL = replace(
    SUCCEEDED,
    id="7d865e959b2466918c9863afca942d0f",
    source=replace(SUCCEEDED.source, key="archive/book.pdf", version_id="Zr5nYl2XnB7kQwzTyq6gFJm2cD9e", size=2_480_118),
    outcome=Outcome.PARTIAL,
    billed=Billed(3),
    file_pages=5,
    pages=5,
    pages_recognized=3,
    problem=FAILED.problem,
)
OUTPUTS = replace(
    SUCCEEDED,
    id="1b4f0e9851971998e732078544c96b36",
    source=replace(
        SUCCEEDED.source, key="archive/price lists.pdf", version_id="Pq9sVmWnXnB5kLhyRyq6gFJm2dE1f", size=1_204_377
    ),
    run=2,
    began_at=1_773_480_415.75,
    billed=Billed(1),
    pages_kept=2,
    options=Options(("ru", "en"), "table", model_from="metadata", outputs=tuple(Output), outputs_from="metadata"),
    file_pages=3,
    pages=3,
    pages_recognized=3,
    renderings=(
        Rendering(Output.MARKDOWN, 1),
        Rendering(Output.TABLES, 3),  # a workbook and two CSV files
        renderings.missing(Output.SEARCHABLE_PDF, "The uploaded file is no longer there."),
    ),
)
CANCELLED = replace(
    SUCCEEDED,
    id="2c624232cc221ae1c7e1d7a1a1b2c3d4",
    source=replace(
        SUCCEEDED.source, key="archive/atlas.pdf", version_id="Xk2sVmWnXnB5kLhyRyq6gFJm2dE4a", size=9_204_377
    ),
    outcome=Outcome.CANCELLED,
    problem=problems.cancelled(),
    billed=Billed(7, 1),
    file_pages=200,
    pages=200,
    pages_recognized=0,
)
HELD = replace(
    CANCELLED,
    id="b4b147bc522828731f1a016bfa72c073",
    source=replace(CANCELLED.source, key="archive/maps.pdf", version_id="Yt3vBnTzTnB1kWqyRyq6gFJm2sG7"),
    state=DocumentState.HELD,
    outcome=None,
    problem=None,
    outcome_at=None,
    billed=None,
    hold=Hold(Period.DAY, 180, cap=1_000, at=1_773_480_416.0),
)
FAILED_IN_CONTRACTS = replace(FAILED, source=replace(FAILED.source, key="contracts/blurred.jpg"))
BUS_SAMPLE = "eventbridge-notice.json"
HELD_SAMPLE = "held.json"
SAMPLES = {
    "notice-succeeded.json": SUCCEEDED,
    "notice-partial.json": PARTIAL,
    "notice-failed.json": FAILED,
    "notice-skipped.json": SKIPPED,
    "notice-outputs.json": OUTPUTS,
    "notice-cancelled.json": CANCELLED,
}


def operations_without_text(*pages: int, problem: Problem | None = FAILED.problem) -> list[Operation]:
    """The rows of pages that the service refused, or that failed otherwise."""
    return [Operation(PARTIAL.id, 1, page, OperationState.FAILED, problem=problem) for page in pages]


def notice(
    document: Document,
    published: bool = True,
    newest: bool = True,
    operations: Sequence[Operation] = (),
    prefix: str = "",
) -> dict[str, Any]:
    """The notice, which agrees with its published schema."""
    return schemas.checked(results.notice(document, operations, Prices(), BUCKET, prefix, published, newest))


def sample(document: Document) -> str:
    """The sample's text: the notice, indented."""
    # Those that the service has of a document that was cancelled are no failures.
    at_service = document.billed.submitted if document.billed and document.outcome is Outcome.CANCELLED else 0
    failed = range(document.pages_recognized + at_service + 1, document.pages + 1)
    shown = notice(document, operations=operations_without_text(*failed, problem=document.problem))
    return json.dumps(shown, ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_are_what_is_sent(name: str) -> None:
    assert (EVENTS / name).read_text("utf-8") == sample(SAMPLES[name])


def bus_event() -> str:
    """The sample of what a rule on an EventBridge bus gives its targets (EventBridge user guide, "Event structure")."""
    event = {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": "123456789012",
        "time": "2026-03-14T09:26:59Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": json.loads(sample(FAILED_IN_CONTRACTS)),
    }
    return json.dumps(event, ensure_ascii=False, indent=2) + "\n"


def test_the_sample_of_an_event_has_a_notice_as_its_detail() -> None:
    assert (EVENTS / BUS_SAMPLE).read_text("utf-8") == bus_event()


def held(hold: Hold, document: Document = HELD) -> dict[str, Any]:
    """The message that the document is held, which agrees with its published schema."""
    return schemas.checked(results.hold_message(replace(document, hold=hold), Prices()))


def held_sample() -> str:
    assert HELD.hold is not None
    return json.dumps(held(HELD.hold), ensure_ascii=False, indent=2) + "\n"


def test_the_sample_of_a_held_message_is_what_is_sent_and_what_the_documentation_shows() -> None:
    assert (EVENTS / HELD_SAMPLE).read_text("utf-8") == held_sample()
    assert example("docs/results.md", "held") == json.loads(held_sample())


@pytest.mark.parametrize("published", [True, False])
def test_files_are_named_with_the_prefix_of_the_results(published: bool) -> None:
    without, below = (notice(OUTPUTS, published, published, prefix=prefix)["files"] for prefix in ("", "ocr/2026/"))
    named = {kind: {**place, "key": "ocr/2026/" + place["key"]} for kind, place in without.items() if place}
    assert {kind: place for kind, place in below.items() if place} == named
    assert "tables" in named


def test_of_very_many_failed_pages_the_first_are_named() -> None:
    failed = range(1, 5_000, 2)
    [group] = notice(PARTIAL, operations=operations_without_text(*failed))["pages"]["failures"]
    named, rest = group["pages"].split(", ")[:-1], group["pages"].split(", ")[-1]
    assert (group["count"], rest) == (2_500, "…")
    assert len(group["pages"]) <= page_numbers.MAX_CHARACTERS + 3
    assert [int(number) for number in named] == list(failed)[: len(named)]
    assert len(named) > 90


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), outcome=st.sampled_from(Outcome))
def test_whatever_the_key_the_notice_is_json_and_says_it(key: str, outcome: Outcome) -> None:
    problem = {Outcome.SUCCEEDED: None, Outcome.CANCELLED: CANCELLED.problem}.get(outcome, SKIPPED.problem)
    recognized = 1 if outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL) else 0
    document = replace(SUCCEEDED, outcome=outcome, problem=problem, pages_recognized=recognized)
    document = replace(document, source=replace(SUCCEEDED.source, key=key))
    assert notice(document)["source"]["key"] == key


@pytest.mark.parametrize("key", ["\0" * 1024, "я" * 512, "📄" * 256, '"' * 1024, "\x1f/" * 512])
def test_the_longest_notice_is_small(key: str) -> None:
    document = replace(
        SUCCEEDED,
        source=replace(
            SUCCEEDED.source, bucket="b" * 63, key=key, version_id="v" * 1024, metadata=(("m", "\0" * 2_047),)
        ),
        options=Options(SHARED_LANGUAGES, max(MODELS, key=len), "metadata", "metadata", tuple(Output), "metadata"),
        renderings=tuple(Rendering(output, 5_000, ("w" * 2_000,) * 20) for output in Output),
        outcome=Outcome.PARTIAL,
        pages=5_000,
        problem=Problem(
            Reason.INVALID_OPTIONS, "w" * 1_000, "a" * 1_000, FAILED.problem.trace if FAILED.problem else Trace()
        ),
    )
    body = results.notice(
        document, operations_without_text(*range(1, 5_000, 2)), Prices(), "r" * 63, "p" * 256, True, True
    )
    attributes = results.notice_attributes(document)
    size = len(body.encode()) + sum(len((name + value).encode()) for name, value in attributes.items())
    # E-mail, queues and rules on the way add their own. Up to seven places have the key in them.
    assert size < MESSAGE_BYTES / 3


def test_a_notice_can_be_read_in_russian_too() -> None:
    document = replace(SUCCEEDED, source=replace(SUCCEEDED.source, key="договоры/скан.pdf"))
    assert "договоры/скан.pdf" in results.notice(document, [], Prices(), BUCKET, "", True, True)


# --- a document is held -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hold", "what", "turns_at"),
    [
        (Hold(Period.DAY, 1, cap=1), "1 page is to be sent to the OCR service, and the cap of 1 page a day", "-15T"),
        (Hold(Period.MONTH, 2_000, cap=30_000), "2,000 pages are to be sent to the OCR service", "-04-01T"),
    ],
)
def test_it_is_told_how_many_pages_wait_for_which_cap_until_when(hold: Hold, what: str, turns_at: str) -> None:
    told = held(replace(hold, at=1_773_480_416.0))
    assert told["what"].startswith(what)
    assert turns_at + "00:00:00.000Z" in told["turns_at"]
    assert (told["pages"], told["cap"], told["period"]) == (hold.pages, hold.cap, str(hold.period))
    assert told["at"] == "2026-03-14T09:26:56.000Z"


@pytest.mark.parametrize(("is_larger", "told"), [(False, "once the next day (UTC)"), (True, "a person")])
def test_whether_it_goes_on_by_itself_is_said_to_programs_and_people(is_larger: bool, told: str) -> None:
    message = held(Hold(Period.DAY, 3, is_larger, cap=2))
    assert message["waits_for_a_person"] is is_larger
    assert told in message["advice"]
    assert "textdrop release" in message["advice"]


def test_what_held_pages_cost_is_told_where_the_price_is_known() -> None:
    hold = Hold(Period.DAY, 180, cap=1_000)
    assert held(hold)["cost"] == {"amount": "23.778", "currency": "RUB", "prices_of": "2026-05"}
    unpriced = replace(HELD, options=Options(("ru",), "markdown"))
    assert held(hold, unpriced)["cost"]["amount"] is None


def test_a_hold_is_told_apart_by_its_attributes_and_is_no_outcome() -> None:
    assert results.hold_attributes(HELD) == {"held": "true", "model": "page", "prefix": "archive/"}
    notices = {name for document in SAMPLES.values() for name in results.notice_attributes(document)}
    assert "held" not in notices


# --- attributes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "attributes"),
    [
        (SUCCEEDED, {"outcome": "succeeded", "model": "page", "prefix": "contracts/"}),
        (FAILED, {"outcome": "failed", "reason": "rejected_by_ocr", "model": "page", "prefix": "scans/"}),
        (SKIPPED, {"outcome": "skipped", "reason": "unsupported_type", "prefix": "/"}),
    ],
)
def test_attributes_are_what_subscribers_filter_by(document: Document, attributes: dict[str, str]) -> None:
    assert results.notice_attributes(document) == attributes


@given(key=st.text(min_size=1), outcome=st.sampled_from(Outcome), reason=st.none() | st.sampled_from(Reason))
def test_no_attribute_is_empty(key: str, outcome: Outcome, reason: Reason | None) -> None:
    document = replace(
        SKIPPED,
        source=replace(SKIPPED.source, key=key),
        outcome=outcome,
        problem=None if reason is None else Problem(reason, "what", "advice"),
    )
    attributes = results.notice_attributes(document)
    assert all(attributes.values())
    assert {"outcome", "prefix"} <= set(attributes) <= {"outcome", "reason", "model", "prefix"}
    assert ("reason" in attributes) == (reason is not None)


if __name__ == "__main__":
    for sample_name, sample_document in SAMPLES.items():
        (EVENTS / sample_name).write_text(sample(sample_document), "utf-8")
    (EVENTS / BUS_SAMPLE).write_text(bus_event(), "utf-8")
    (EVENTS / HELD_SAMPLE).write_text(held_sample(), "utf-8")
