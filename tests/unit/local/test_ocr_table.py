"""The engine that answers from a table."""

import hashlib
import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from local.ocr.recognition import Outcome
from local.ocr.submission import Submission
from local.ocr.table import TableEngine, TableError, load


def submission(content: bytes, model: str = "page") -> Submission:
    return Submission(content, hashlib.sha256(content).hexdigest(), "image/jpeg", ("ru",), model)


def recognised(engine: TableEngine, content: bytes) -> tuple[Outcome, float]:
    seen: list[tuple[Outcome, float]] = []
    engine.begin(submission(content), lambda outcome, seconds: seen.append((outcome, seconds)))
    [once] = seen
    return once


def annotation(outcome: Outcome) -> Any:
    return json.loads(outcome.body)["result"]["textAnnotation"]


def test_an_unknown_content_gets_a_text_that_names_it() -> None:
    engine = TableEngine({}, seconds=3, spread=0, seed=0)
    first, seconds = recognised(engine, b"one")
    assert hashlib.sha256(b"one").hexdigest()[:12] in annotation(first)["fullText"]
    assert seconds == 3
    assert recognised(engine, b"one")[0] == first
    assert recognised(engine, b"two")[0] != first


def test_entries_are_looked_up_by_the_contents_sha256() -> None:
    given = {"width": "5", "fullText": "given\n"}
    table: dict[str, dict[str, Any]] = {
        submission(b"text").sha256: {"text": "Первая строка\nвторая\n\nnew block"},
        submission(b"annotation").sha256: {"annotation": given},
        submission(b"error").sha256: {"error": {"code": 3, "message": "bad"}},
        submission(b"blank").sha256: {"text": ""},
    }
    engine = TableEngine(table, seconds=0, spread=0, seed=0)
    text = annotation(recognised(engine, b"text")[0])
    assert text["fullText"] == "Первая строка\nвторая\nnew block\n"
    assert [len(block["lines"]) for block in text["blocks"]] == [2, 1]
    assert [block["languages"] for block in text["blocks"]] == [[{"languageCode": "ru"}], [{"languageCode": "en"}]]
    assert annotation(recognised(engine, b"annotation")[0]) == given
    assert recognised(engine, b"error")[0].error == {"code": 3, "message": "bad", "details": []}
    assert annotation(recognised(engine, b"blank")[0])["blocks"] == []


def test_times_are_spread_around_the_median_and_follow_from_seed_and_content() -> None:
    engine = TableEngine({}, seconds=3, spread=0.5, seed=7)
    contents = [str(number).encode() for number in range(400)]
    times = [recognised(engine, content)[1] for content in contents]
    assert statistics.median(times) == pytest.approx(3, rel=0.15)
    assert min(times) < 1.5 < 6 < max(times)
    again = TableEngine({}, seconds=3, spread=0.5, seed=7)
    assert [recognised(again, content)[1] for content in reversed(contents)] == times[::-1]
    other = TableEngine({}, seconds=3, spread=0.5, seed=8)
    assert recognised(other, contents[0])[1] != times[0]


@pytest.mark.parametrize(
    "table",
    [
        "not json",
        "[]",
        '{"ab": {"text": "x"}}',
        json.dumps({"A" * 64: {"text": "x"}}),
        json.dumps({"a" * 64: {}}),
        json.dumps({"a" * 64: {"text": "x", "error": {}}}),
        json.dumps({"a" * 64: {"text": 5}}),
        json.dumps({"a" * 64: {"annotation": "x"}}),
        json.dumps({"a" * 64: {"error": {"code": 0, "message": "x"}}}),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, table: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(TableError):
        load(path)


def test_a_sound_table_is_loaded(tmp_path: Path) -> None:
    table = {"a" * 64: {"text": "текст"}, "0" * 64: {"error": {"code": 13, "message": "m"}}}
    path = tmp_path / "table.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    assert load(path) == table
