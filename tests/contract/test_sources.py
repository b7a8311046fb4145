"""ports.Sources: uploads by version."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from contract.moto_aws import Transport
from contract.store import ODD_KEYS, Store
from textdrop.core.documents import Source
from textdrop.core.errors import ObjectDeleted, ObjectGone, StoreUnavailable
from textdrop.ports import SourceObject

METADATA = {"ocr-languages": "ru en", "OCR-Model": "page"}


def read(seen: SourceObject) -> bytes:
    """All of an upload's content."""
    with seen.open() as file:
        return file.read()


@pytest.mark.parametrize("body", [b"", b"\x00content\xff" * 1000])
def test_an_upload_is_seen_and_read(either_store: Store, body: bytes) -> None:
    told = either_store.bucket.put("a/scan.pdf", body, METADATA)
    seen = either_store.sources.head(told)
    assert seen.source == replace(told, last_modified=seen.source.last_modified)
    assert seen.source.last_modified > 1_600_000_000
    assert '"' not in seen.source.etag
    assert seen.source.size == len(body)
    assert seen.metadata == {"ocr-languages": "ru en", "ocr-model": "page"}
    assert read(seen) == body
    assert read(seen) == body, "it may be read again"


def test_what_a_source_leaves_out_is_seen(either_store: Store) -> None:
    told = either_store.bucket.put("a/scan.pdf", b"content")
    seen = either_store.sources.head(Source(told.bucket, told.key)).source
    assert (seen.etag, seen.size, seen.version_id) == (told.etag, 7, "")
    assert read(either_store.sources.head(seen)) == b"content"


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_of_uploads(either_store: Store, key: str) -> None:
    told = either_store.bucket.put(key, b"content")
    assert read(either_store.sources.head(told)) == b"content"


def test_an_older_version_is_read_as_it_was(store: Store) -> None:
    first = store.bucket.put("scan.pdf", b"first", {"ocr-model": "page"})
    second = store.bucket.put("scan.pdf", b"second!")
    seen = store.sources.head(first)
    assert (seen.source.size, dict(seen.metadata), read(seen)) == (5, {"ocr-model": "page"}, b"first")
    assert read(store.sources.head(second)) == b"second!"


def test_behind_a_delete_marker_every_version_is_deleted_and_can_still_be_read(store: Store) -> None:
    first = store.bucket.put("scan.pdf", b"first")
    second = store.bucket.put("scan.pdf", b"second!")
    seen = store.sources.head(first)
    store.bucket.delete("scan.pdf")
    for told in (first, second):
        with pytest.raises(ObjectDeleted):
            store.sources.head(told)
    assert read(seen) == b"first"
    store.bucket.put("scan.pdf", b"third")
    assert read(store.sources.head(second)) == b"second!", "the key has an object again"


def test_a_replaced_object_without_versions_is_gone_and_not_deleted(make_store: Callable[[bool], Store]) -> None:
    store = make_store(False)
    first = store.bucket.put("scan.pdf", b"first")
    seen = store.sources.head(first)
    second = store.bucket.put("scan.pdf", b"second")
    for look in (lambda: store.sources.head(first), lambda: read(seen)):
        with pytest.raises(ObjectGone) as raised:
            look()
        assert type(raised.value) is ObjectGone
    assert read(store.sources.head(second)) == b"second"


def test_an_object_replaced_after_a_look_that_knew_no_etag_is_gone(make_store: Callable[[bool], Store]) -> None:
    store = make_store(False)
    store.bucket.put("scan.pdf", b"first")
    seen = store.sources.head(Source(store.bucket.name, "scan.pdf"))
    store.bucket.put("scan.pdf", b"second")
    with pytest.raises(ObjectGone):
        read(seen)


def test_a_deleted_upload_is_deleted(either_store: Store) -> None:
    told = either_store.bucket.put("scan.pdf", b"content")
    seen = either_store.sources.head(told)
    if told.version_id:
        either_store.bucket.forget("scan.pdf", told.version_id)
    else:
        either_store.bucket.delete("scan.pdf")
    with pytest.raises(ObjectDeleted):
        either_store.sources.head(told)
    with pytest.raises(ObjectDeleted):
        read(seen)


def test_a_deleted_version_of_a_key_that_has_others_is_deleted(store: Store) -> None:
    first, second, third = (store.bucket.put("scan.pdf", body) for body in (b"first", b"second", b"third"))
    for gone, is_current in ((first, False), (third, True)):
        store.bucket.forget("scan.pdf", gone.version_id)
        with pytest.raises(ObjectDeleted):
            store.sources.head(gone)
        assert store.sources.head(second).is_current == is_current
    assert read(store.sources.head(second)) == b"second"


@pytest.mark.parametrize("make_store", ["aws"], indirect=True)
def test_a_look_at_the_current_version_is_one_request_and_at_another_two(
    store: Store, s3_client: tuple[Transport, Any]
) -> None:
    first, second = store.bucket.put("scan.pdf", b"first"), store.bucket.put("scan.pdf", b"second")
    requests = s3_client[0].requests
    for told, asked in ((second, [""]), (first, ["", f"versionId={first.version_id}"])):
        requests.clear()
        store.sources.head(told)
        assert [(request.method, urlsplit(request.url).query) for request in requests] == [
            ("HEAD", query) for query in asked
        ]
    store.bucket.delete("scan.pdf")
    requests.clear()
    with pytest.raises(ObjectDeleted):
        store.sources.head(second)
    assert len(requests) == 1


def test_what_is_not_there_is_deleted(either_store: Store) -> None:
    name = either_store.bucket.name
    told = either_store.bucket.put("deleted.pdf", b"content")
    either_store.bucket.delete("deleted.pdf")
    for source in (
        Source(name, "never.pdf"),
        Source(name, "\udcff\ud800.pdf", version_id="v1"),
        Source(f"no-{uuid.uuid4()}", "scan.pdf"),
        replace(told, version_id=""),
    ):
        with pytest.raises(ObjectDeleted):
            either_store.sources.head(source)


def test_reading_survives_a_lost_answer(store: Store) -> None:
    told = store.bucket.put("scan.pdf", b"content")
    store.lose_answer()
    seen = store.sources.head(told)
    store.lose_answer()
    assert read(seen) == b"content"


def test_a_breakdown_of_uploads_is_store_unavailable(store: Store) -> None:
    told = store.bucket.put("scan.pdf", b"content")
    seen = store.sources.head(told)
    store.break_down()
    with pytest.raises(StoreUnavailable):
        store.sources.head(told)
    store.break_down()
    with pytest.raises(StoreUnavailable):
        read(seen)
