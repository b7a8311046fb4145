"""What the demo makes of rows and notices."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.demo import progress
from local.demo.progress import Upload, document_id, see_notice, see_state
from textdrop.core import identity
from textdrop.core.documents import DocumentState, Source


def upload(key: str = "demo/1/a.pdf", **given: Any) -> Upload:
    return Upload("a.pdf", key, Path("a.pdf"), **given)


def notice(key: str = "demo/1/a.pdf", **given: Any) -> str:
    return json.dumps({"document": "d", "outcome": "succeeded", "source": {"key": key}, "files": {}, **given})


@pytest.mark.parametrize("key", ["a b+c.pdf", "Счёт 📄.png"])
def test_the_document_id_is_the_one_of_the_product(key: str) -> None:
    assert document_id("uploads", key, "v1") == identity.document_id(Source("uploads", key, "v1"))


def test_every_state_of_a_document_is_known_and_in_order() -> None:
    assert list(progress.ORDER[-len(DocumentState) :]) == [str(state) for state in DocumentState]


def test_a_state_never_goes_back() -> None:
    seen = upload(state="uploaded")
    assert see_state(seen, "recognizing")
    assert not see_state(seen, "accepted")
    assert not see_state(seen, "recognizing")
    assert not see_state(seen, "a state of tomorrow")
    assert seen.state == "recognizing"


def test_a_notice_ends_its_upload_and_no_other() -> None:
    first, second = upload(uploaded_at=10.0), upload("demo/1/b.pdf", uploaded_at=10.0)
    uploads = {each.key: each for each in (first, second)}
    assert see_notice(uploads, notice(outcome="failed", reason="damaged"), 12.5) is first
    assert (first.outcome, first.reason, first.seconds, first.over) == ("failed", "damaged", 2.5, True)
    assert not second.over
    assert not see_state(first, "delivering")


def test_a_repeated_notice_changes_nothing() -> None:
    seen = upload(uploaded_at=10.0)
    see_notice({seen.key: seen}, notice(), 11.0)
    assert see_notice({seen.key: seen}, notice(outcome="failed"), 12.0) is None
    assert (seen.outcome, seen.ended_at) == ("succeeded", 11.0)


def test_a_notice_that_is_faster_than_the_answer_to_the_upload_counts() -> None:
    seen = upload(state="uploading")
    see_notice({seen.key: seen}, notice(), 11.0)
    seen.uploaded_at = 11.1
    assert seen.over
    assert seen.seconds == 0.0


def test_files_that_a_document_has_not_are_left_out() -> None:
    seen = upload()
    assert (seen.files, seen.warnings) == ({}, [])
    place = {"bucket": "b", "key": "k"}
    see_notice({seen.key: seen}, notice(files={"text": place, "tables": None}, warnings=["No tables."]), 1.0)
    assert (seen.files, seen.warnings) == ({"text": place}, ["No tables."])


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[" * 100_000,
        '{"Type": "Notification"}',
        notice("demo/1/other.pdf"),
        notice(outcome=None),
        notice(files=[]),
        notice(warnings=None),
    ],
)
def test_messages_that_are_no_notices_of_ours_are_passed_over(body: str) -> None:
    seen = upload()
    assert see_notice({seen.key: seen}, body, 1.0) is None
    assert not seen.over
