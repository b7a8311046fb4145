"""Notices, results and errors as objects: those that the documentation shows, and those of other versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from documentation import TOP, example
from textdrop.client import Cost, ErrorFile, HeldNotice, Notice, NotReadable, Result, read_message
from textdrop.client.reading import written

NOTICES = sorted((TOP / "events").glob("notice-*.json"))
HELD = (TOP / "events" / "held.json").read_text("utf-8")
EVENT = (TOP / "events" / "eventbridge-notice.json").read_text("utf-8")
BILLING = {
    "pages_paid": 1,
    "pages_unconfirmed": 0,
    "pages_kept": 2,
    "cost": {"amount": "0.1321", "currency": "RUB", "prices_of": None},
}
"""As a former version wrote it."""


@pytest.mark.parametrize("path", NOTICES, ids=lambda path: path.stem)
def test_a_notice_is_read_whole_raw_or_in_an_envelope(path: Path) -> None:
    raw = path.read_text("utf-8")
    value = json.loads(raw)
    notice = Notice.from_message(raw)
    # All that the notice says is there; fields without a value are there as None.
    back = written(notice)
    back["billing"]["cost"].pop("unpriced")  # of several models, as the client adds costs up
    assert {name: back[name] for name in value if name not in ("schema", "files", "at")} == {
        name: each for name, each in value.items() if name not in ("schema", "files", "at")
    }
    assert {name: each for name, each in back["files"].items() if each} == {
        name: each for name, each in value["files"].items() if each
    }
    assert Notice.from_message(json.dumps({"Type": "Notification", "Message": raw})) == notice


def test_a_notice_comes_as_an_event_too() -> None:
    notice = Notice.from_message(EVENT)
    assert (notice.source.key, notice.outcome, notice.at.year) == ("contracts/blurred.jpg", "failed", 2026)
    assert notice.pages.failures[0].pages == "1"
    assert notice.files.error is not None
    assert notice.files.text is None


@pytest.mark.parametrize(
    "body",
    [
        HELD,
        json.dumps({"Type": "Notification", "Message": HELD}),
        json.dumps({"detail-type": "Document Held", "detail": json.loads(HELD)}),
    ],
    ids=["raw", "envelope", "event"],
)
def test_that_a_document_is_held_is_told_apart_from_how_one_has_ended(body: str) -> None:
    held = read_message(body)
    assert isinstance(held, HeldNotice)
    value, back = json.loads(HELD), written(held)
    back["cost"].pop("unpriced")
    assert back == {name: each for name, each in value.items() if name != "schema"}
    with pytest.raises(NotReadable, match=r"says that archive/maps\.pdf is held") as refused:
        Notice.from_message(body)
    assert "read_message" in refused.value.advice
    assert read_message(EVENT) == Notice.from_message(EVENT)


def test_a_held_message_of_a_later_version_says_which_it_is() -> None:
    later = json.dumps({**json.loads(HELD), "schema": "textdrop.held/2"})
    with pytest.raises(NotReadable, match=r'of schema "textdrop\.held/2"; this client reads textdrop\.held/1'):
        read_message(later)


def test_a_result_and_an_error_are_read_whole() -> None:
    result = Result.from_json({**example("docs/results.md", "result"), "billing": BILLING})
    assert result.pages[0].blocks[0].lines[0].words[2].text == "7"
    assert result.pages[0].blocks[0].polygon[1] == (676, 318)
    assert result.timings.duration_seconds == 3.25
    assert result.billing is not None
    assert result.billing.cost == Cost("0.1321", "RUB", None)
    assert (result.billing.pages_reused, result.billing.pages_skipped) == (0, 0)
    assert result.pages[0].text_from == "service"
    error = ErrorFile.from_json(example("docs/results.md", "error"))
    assert error.pages[0].problem is not None
    assert error.pages[0].problem.service == error.service
    assert (error.reason, error.attempts) == ("failed_in_ocr", 1)


def test_fields_that_are_not_known_are_ignored() -> None:
    value = example("docs/results.md", "notice")
    value["mood"] = value["pages"]["mood"] = "good"
    assert Notice.from_json(value) == Notice.from_json(example("docs/results.md", "notice"))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"schema": "textdrop.notice/2"}, 'of schema "textdrop.notice/2"; this client reads textdrop.notice/1'),
        ({"schema": None}, "without a schema"),
        ({"run": "1"}, r"The field notice\.run is not a whole number"),
        ({"run": True}, r"The field notice\.run is not a whole number"),
        ({"pages": {"total": 1}}, r"The field notice\.pages\.recognized is missing"),
        ({"pages": []}, r"The field notice\.pages is not a JSON object"),
        ({"warnings": "none"}, r"The field notice\.warnings is not a JSON list"),
        ({"at": "today"}, r"The field notice\.at is not a time"),
    ],
)
def test_a_notice_of_another_form_is_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(NotReadable, match=what):
        Notice.from_json({**example("docs/results.md", "notice"), **change})


@pytest.mark.parametrize("body", ["", "[]", '"x"', '{"Type": "Notification"}', '{"detail-type": "x"}', "[" * 100_000])
def test_a_message_that_is_none_is_refused(body: str) -> None:
    with pytest.raises(NotReadable):
        Notice.from_message(body)
