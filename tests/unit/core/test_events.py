"""Messages of the uploads queue: S3's events, resume messages, and whatever else may land there."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from textdrop.core import identity
from textdrop.core.documents import Resume, Source
from textdrop.core.events import MessageMalformed, parse, resume_body

EVENTS = Path(__file__).parents[3] / "events"
PUT: dict[str, Any] = json.loads((EVENTS / "s3-put.json").read_text("utf-8"))
RESUME: dict[str, Any] = json.loads((EVENTS / "resume.json").read_text("utf-8"))

# What S3 takes as a key: 1 to 1,024 bytes of UTF-8.
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)


def put(**changed: object) -> dict[str, Any]:
    """One record as S3 sends it, with other fields of its object."""
    record: dict[str, Any] = copy.deepcopy(PUT["Records"][0])
    record["s3"]["object"].update(changed)
    return record


def message(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": list(records)})


def upload(record: dict[str, Any]) -> Source:
    [asked] = parse(message(record))
    assert isinstance(asked, Source)
    return asked


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        del record["s3"]["object"][name]
    return record


# --- S3's events ------------------------------------------------------------------------------------------------------


def test_an_upload_is_told_of_by_bucket_key_version_and_time() -> None:
    [asked] = parse((EVENTS / "s3-put.json").read_text("utf-8"))
    assert asked == Source(
        bucket="textdrop-uploads",
        key="contracts/Договор № 7+8.pdf",
        version_id="3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH",
        etag="d41d8cd98f00b204e9800998ecf8427e",
        size=183_204,
        sequencer="0055AED6DCD90281E5",
        event_at=1_773_480_413.589,
        last_modified=0.0,
    )


@given(key=KEYS, safe=st.sampled_from(["", "/", "/-_.!~*'()"]))
@example(key="+ %2B%20", safe="/")
@example(key="\u0130/\u00df\u1e9e.PDF", safe="/")
def test_every_key_comes_back_as_it_was(key: str, safe: str) -> None:
    assert upload(put(key=quote_plus(key, safe=safe))).key == key


@given(keys=st.lists(KEYS, max_size=4))
def test_several_records_are_several_uploads_in_order(keys: list[str]) -> None:
    records = [put(key=quote_plus(key)) for key in keys]
    assert [asked.key for asked in parse(message(*records)) if isinstance(asked, Source)] == keys


def test_the_test_event_asks_for_nothing() -> None:
    assert parse((EVENTS / "s3-test-event.json").read_text("utf-8")) == []


@pytest.mark.parametrize("key", ["a/", "a+b/c/", "a%2F"])
def test_a_folder_marker_asks_for_nothing(key: str) -> None:
    assert parse(message(put(key=key, size=0))) == []


@pytest.mark.parametrize(("key", "size"), [("a/", 1), ("a", 0)])
def test_a_folder_marker_is_empty_and_ends_in_a_slash(key: str, size: int) -> None:
    assert upload(put(key=key, size=size)).key == key


def test_without_a_size_nothing_is_taken_for_a_folder_marker() -> None:
    assert upload(without(put(key="a/"), "size")).size == 0


@pytest.mark.parametrize("version", [None, "", "null"])
def test_a_bucket_without_versions_gives_no_version(version: str | None) -> None:
    assert upload(put(versionId=version)).version_id == ""


def test_what_a_bucket_without_versions_leaves_out_is_empty() -> None:
    source = upload(without(put(), "versionId", "sequencer", "eTag"))
    assert (source.version_id, source.sequencer, source.etag) == ("", "", "")


@pytest.fixture
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_from_utc")
@pytest.mark.parametrize(
    "event_time", ["2026-03-14T09:26:53.589Z", "2026-03-14T12:26:53.589+03:00", "2026-03-14T09:26:53.589"]
)
def test_times_are_utc_unless_they_say_otherwise(event_time: str) -> None:
    assert upload(put() | {"eventTime": event_time}).event_at == 1_773_480_413.589


# --- resume messages --------------------------------------------------------------------------------------------------


def test_a_resume_message_names_a_document_and_its_rev() -> None:
    body = (EVENTS / "resume.json").read_text("utf-8")
    assert parse(body) == [Resume("9f86d081884c7d659a2feaa0c55ad015", 4)]


@given(key=KEYS, rev=st.integers(1, 2**53))
def test_a_resume_comes_back_as_it_was(key: str, rev: int) -> None:
    resume = Resume(identity.document_id(Source("uploads", key)), rev)
    assert parse(resume_body(resume)) == [resume]


# --- a batch ----------------------------------------------------------------------------------------------------------


# --- garbage ----------------------------------------------------------------------------------------------------------

MALFORMED_OBJECTS: list[dict[str, object]] = [
    {"key": ""},
    {"key": None},
    {"key": 7},
    {"key": ["a"]},
    {"key": "%FF.pdf"},
    {"size": -1},
    {"size": 1.5},
    {"size": float("nan")},
    {"size": float("inf")},
    {"size": 10**30},
    {"size": "12"},
    {"versionId": 3},
    {"versionId": ["v"]},
    {"eTag": {"a": 1}},
    {"sequencer": 17},
]


@pytest.mark.parametrize("changed", MALFORMED_OBJECTS)
def test_a_record_with_odd_values_is_malformed(changed: dict[str, object]) -> None:
    with pytest.raises(MessageMalformed):
        parse(message(put(**changed)))


@pytest.mark.parametrize("bucket", [None, "uploads", {}, {"name": ""}, {"name": 5}])
def test_a_record_with_an_odd_bucket_is_malformed(bucket: object) -> None:
    record = put()
    record["s3"]["bucket"] = bucket
    with pytest.raises(MessageMalformed):
        parse(message(record))


@pytest.mark.parametrize(
    "changed",
    [
        {"document": ""},
        {"document": "a b"},
        {"document": "\ud800"},
        {"document": "a" * 65},
        {"document": 5},
        {"document": None},
        {"rev": "4"},
        {"rev": 4.0},
        {"rev": None},
        {"rev": -1},
        {"rev": float("nan")},
        {"rev": float("inf")},
        {"rev": 2**64},
    ],
)
def test_an_odd_resume_message_is_malformed(changed: dict[str, object]) -> None:
    with pytest.raises(MessageMalformed):
        parse(json.dumps(RESUME | changed))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "7",
        "{}",
        "{",
        '"Records"',
        '{"Records": null}',
        '{"Records": {}}',
        '{"Records": ""}',
        '{"Records": [null]}',
        '{"Records": [{"eventName": 1}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
        '{"textdrop": "resume"}',
        '{"textdrop": "other"}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_what_is_neither_ours_nor_s3s_is_malformed(body: str) -> None:
    with pytest.raises(MessageMalformed):
        parse(body)


NUMBERS = st.integers() | st.integers(10**15, 10**400) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every value inside a JSON value."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [way for name, part in inner for way in [(*path, name), *paths(part, (*path, name))]]


def replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    changed = copy.deepcopy(value)
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = new
    return changed


def assert_sound(body: str) -> None:
    """Parsing raises MessageMalformed or gives rows whose values are what their types say."""
    try:
        asked = parse(body)
    except MessageMalformed:
        return
    for one in asked:
        if isinstance(one, Resume):
            assert one.document_id.isascii()
            assert one.document_id
            assert 0 <= one.rev <= 2**53
        else:
            texts = (one.bucket, one.key, one.version_id, one.etag, one.sequencer)
            assert all(isinstance(text, str) for text in texts)
            assert one.bucket
            assert one.key
            assert 0 <= one.size <= 2**53
            assert isinstance(one.event_at, float)
            assert len(identity.document_id(one)) == 32


@given(body=st.text() | st.builds(json.dumps, JSON))
def test_any_text_is_understood_or_malformed(body: str) -> None:
    assert_sound(body)


@given(path=st.sampled_from(paths(PUT)), new=JSON)
def test_an_event_with_any_value_changed_is_understood_or_malformed(path: tuple[str | int, ...], new: object) -> None:
    assert_sound(json.dumps(replaced(PUT, path, new)))


@given(path=st.sampled_from(paths(RESUME)), new=JSON)
def test_a_resume_with_any_value_changed_is_understood_or_malformed(path: tuple[str | int, ...], new: object) -> None:
    assert_sound(json.dumps(replaced(RESUME, path, new)))


def test_a_number_that_not_every_store_keeps_is_no_revision() -> None:
    assert parse(resume_body(Resume("d1", 2**53))) == [Resume("d1", 2**53)]
    with pytest.raises(MessageMalformed):
        parse(resume_body(Resume("d1", 2**53 + 1)))
