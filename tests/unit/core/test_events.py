"""Messages of the uploads queue: S3's events, resume messages, and whatever else may land there."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aws_events import event, event_bridge_event
from textdrop.core import identity
from textdrop.core.documents import Resume, Source
from textdrop.core.events import MessageMalformed, is_foreign, parse, resume_body

EVENTS = Path(__file__).parents[3] / "events"
PUT: dict[str, Any] = json.loads((EVENTS / "s3-put.json").read_text("utf-8"))
CREATED: dict[str, Any] = json.loads((EVENTS / "eventbridge-object-created.json").read_text("utf-8"))
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


UPLOAD = Source(
    bucket="textdrop-uploads",
    key="contracts/Договор № 7+8.pdf",
    version_id="3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH",
    etag="d41d8cd98f00b204e9800998ecf8427e",
    size=183_204,
    sequencer="0055AED6DCD90281E5",
    event_at=1_773_480_413.589,
    last_modified=0.0,
)


@pytest.mark.parametrize(
    ("file", "asked"),
    [
        ("s3-put.json", [UPLOAD]),
        ("s3-test-event.json", []),
        ("eventbridge-object-created.json", [replace(UPLOAD, event_at=1_773_480_413.0)]),
        ("eventbridge-object-deleted.json", []),
        ("resume.json", [Resume("9f86d081884c7d659a2feaa0c55ad015", 4)]),
    ],
)
def test_samples_are_understood(file: str, asked: list[Source | Resume]) -> None:
    assert parse((EVENTS / file).read_text("utf-8")) == asked


@pytest.mark.parametrize(
    ("record", "changed"),
    [
        # A folder marker is empty and ends in a slash. It asks for nothing.
        (put(key="a/", size=0), None),
        (put(key="a+b/c/", size=0), None),
        (put(key="a%2F", size=0), None),
        (put(key="a/", size=1), {"key": "a/", "size": 1}),
        (put(key="a", size=0), {"key": "a", "size": 0}),
        (without(put(key="a/"), "size"), {"key": "a/", "size": 0}),
        # A bucket without versions gives none.
        *((put(versionId=version), {"version_id": ""}) for version in (None, "", "null")),
        (without(put(), "versionId", "sequencer", "eTag"), {"version_id": "", "sequencer": "", "etag": ""}),
        # Times are UTC unless they say otherwise.
        (put() | {"eventTime": "2026-03-14T12:26:53.589+03:00"}, {}),
        (put() | {"eventTime": "2026-03-14T09:26:53.589"}, {}),
    ],
)
def test_what_a_record_asks_for(
    record: dict[str, Any], changed: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as far_from_utc:
        far_from_utc.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        asked = parse(message(record))
    time.tzset()
    assert asked == ([] if changed is None else [replace(UPLOAD, **changed)])


@given(key=KEYS, safe=st.sampled_from(["", "/", "/-_.!~*'()"]))
@example(key="+ %2B%20", safe="/")
@example(key="\u0130/\u00df\u1e9e.PDF", safe="/")
def test_every_key_comes_back_as_it_was(key: str, safe: str) -> None:
    assert upload(put(key=quote_plus(key, safe=safe))).key == key


@given(keys=st.lists(KEYS, max_size=4))
def test_several_records_are_several_uploads_in_order(keys: list[str]) -> None:
    records = [put(key=quote_plus(key)) for key in keys]
    assert [asked.key for asked in parse(message(*records)) if isinstance(asked, Source)] == keys


# --- the same through EventBridge -------------------------------------------------------------------------------------


def created(**changed: object) -> dict[str, Any]:
    """The event as EventBridge sends it, with other fields of its object."""
    event: dict[str, Any] = copy.deepcopy(CREATED)
    event["detail"]["object"].update(changed)
    return event


SOURCES = st.builds(
    Source,
    bucket=st.just("textdrop-uploads"),
    key=KEYS,
    version_id=st.sampled_from(["", "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH"]),
    etag=st.just("d41d8cd98f00b204e9800998ecf8427e"),
    size=st.integers(1, 2**43),
    sequencer=st.sampled_from(["0055AED6DCD90281E5", "617f08299329d189"]),
    event_at=st.integers(1, 4_000_000_000).map(float),
)


@given(source=SOURCES)
@example(source=Source("textdrop-uploads", "+ %2B%20/Ё.pdf", size=1, event_at=1.0))
def test_both_shapes_tell_of_the_same_upload_whatever_its_key(source: Source) -> None:
    assert parse(event_bridge_event(source)) == parse(event(source)) == [source]


def test_an_events_fraction_of_a_second_makes_no_other_document() -> None:
    [told] = parse(message(put()))
    [through_event_bridge] = parse(json.dumps(CREATED))
    assert isinstance(told, Source)
    assert isinstance(through_event_bridge, Source)
    for version in ("v1", ""):
        one, other = (replace(seen, version_id=version) for seen in (told, through_event_bridge))
        assert identity.document_id(one) == identity.document_id(other)
        assert identity.order(one) == identity.order(other)


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        (created(key="a+b %2F.pdf"), {"key": "a+b %2F.pdf"}),
        (created(key="a/", size=0), None),
        (created(key="a/", size=1), {"key": "a/", "size": 1}),
        (CREATED | {"detail-type": "Object Tags Added"}, None),
        (CREATED | {"detail-type": "Object Restore Completed", "detail": {}}, None),
    ],
)
def test_what_an_event_through_eventbridge_asks_for(sent: dict[str, Any], changed: dict[str, Any] | None) -> None:
    whole_seconds = replace(UPLOAD, event_at=1_773_480_413.0)
    assert parse(json.dumps(sent)) == ([] if changed is None else [replace(whole_seconds, **changed)])


def test_a_bucket_without_versions_gives_none_through_eventbridge_either() -> None:
    sent = created()
    del sent["detail"]["object"]["version-id"]
    [asked] = parse(json.dumps(sent))
    assert isinstance(asked, Source)
    assert asked.version_id == ""


# --- of others --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "key", "prefix", "foreign"),
    [
        ("ours", "scans/a.png", "scans/", False),
        ("ours", "scans/a.png", "", False),
        ("ours", "scans/", "scans/", False),
        ("ours", "Scans/a.png", "scans/", True),
        ("ours", "scans", "scans/", True),
        ("ours", "old/scans/a.png", "scans/", True),
        ("ours", "a.png", "scans/", True),
        ("ours-2", "scans/a.png", "scans/", True),
        ("our", "scans/a.png", "", True),
    ],
)
def test_uploads_to_another_bucket_or_outside_the_prefix_are_foreign(
    bucket: str, key: str, prefix: str, foreign: bool
) -> None:
    assert is_foreign(Source(bucket, key), "ours", prefix) is foreign


# --- resume messages --------------------------------------------------------------------------------------------------


@given(key=KEYS, rev=st.integers(1, 2**53))
@example(key="a", rev=2**53)
def test_a_resume_comes_back_as_it_was(key: str, rev: int) -> None:
    resume = Resume(identity.document_id(Source("uploads", key)), rev)
    assert parse(resume_body(resume)) == [resume]


# --- garbage ----------------------------------------------------------------------------------------------------------

OBJECTS: list[dict[str, object]] = [
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
OBJECTS_CREATED: list[dict[str, object]] = [
    *(changed for changed in OBJECTS if changed.keys() & {"size", "sequencer"}),
    {"key": ""},
    {"key": None},
    {"key": "\ud800.pdf"},
    {"version-id": 3},
    {"etag": {"a": 1}},
]
BUCKETS: list[object] = [None, "uploads", {}, {"name": ""}, {"name": 5}]
RESUMES: list[dict[str, object]] = [
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
    {"rev": 2**53 + 1},  # not every store keeps it
]


@pytest.mark.parametrize(
    "body",
    [
        *(message(put(**changed)) for changed in OBJECTS),
        *(message({**put(), "s3": {**put()["s3"], "bucket": bucket}}) for bucket in BUCKETS),
        *(json.dumps(created(**changed)) for changed in OBJECTS_CREATED),
        *(json.dumps(CREATED | {"detail": {**CREATED["detail"], "bucket": bucket}}) for bucket in BUCKETS),
        *(
            json.dumps({name: CREATED[name] for name in CREATED if name != gone})
            for gone in ("detail", "time", "source")
        ),
        json.dumps({name: CREATED[name] for name in CREATED if name != "detail-type"}),
        json.dumps(CREATED | {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"}),
        json.dumps(CREATED | {"time": "yesterday"}),
        json.dumps(CREATED | {"time": 1_773_480_413}),
        *(json.dumps(RESUME | changed) for changed in RESUMES),
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
    ids=lambda body: body[-40:],
)
def test_what_is_odd_or_neither_ours_nor_s3s_is_malformed(body: str) -> None:
    with pytest.raises(MessageMalformed):
        parse(body)


NUMBERS = st.integers() | st.integers(10**15, 10**400) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any) -> list[tuple[Any, str | int]]:
    """Every place in a JSON value: what it is in, and its name there."""
    names: Iterable[str | int] = ()
    if isinstance(value, dict | list):
        names = value if isinstance(value, dict) else range(len(value))
    return [found for name in names for found in [(value, name), *places(value[name])]]


def changed_anywhere(event: dict[str, Any], place: int, new: object) -> str:
    changed = copy.deepcopy(event)
    found = places(changed)
    inside, name = found[place % len(found)]
    inside[name] = new
    return json.dumps(changed)


CHANGED = st.builds(changed_anywhere, st.sampled_from([PUT, CREATED, RESUME]), st.integers(0, 99), JSON)


@settings(max_examples=300)
@given(body=st.text() | st.builds(json.dumps, JSON) | CHANGED)
def test_any_text_is_understood_or_malformed(body: str) -> None:
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
