"""ports.UploadListing: every version of every object, part by part, from any cursor on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from contract.moto_aws import MotoBucket, Transport
from contract.store import Store
from textdrop.adapters.aws.uploads_listing import S3UploadListing
from textdrop.core import identity
from textdrop.core.documents import Source
from textdrop.core.errors import StoreUnavailable
from textdrop.core.reconciling import Cursor, ListingPage
from textdrop.ports import UploadListing

ODD_KEYS = ["a b/c+d.pdf", "Счёт № 7.pdf", "\U0001f600?&=#%2F%.png", "a//b/../c", "'\"<>&"]
BEYOND_ONE_ANSWER = 1_003
INVALID_ARGUMENT = "<Error><Code>InvalidArgument</Code><Message>Invalid version id specified</Message></Error>"


# As S3 answers when it is asked to encode keys; moto does not.
ENCODED = """<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextKeyMarker>tab%09line%0Areturn%0D%01+%2B.txt</NextKeyMarker><NextVersionIdMarker>null</NextVersionIdMarker>
<Version><Key>tab%09line%0Areturn%0D%01+%2B.txt</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>
<LastModified>2026-03-14T09:26:53.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size></Version>
</ListVersionsResult>"""


def parts(uploads: UploadListing) -> list[ListingPage]:
    """The whole listing, each part from the cursor of the one before."""
    found = [uploads.after(Cursor())]
    while (cursor := found[-1].after) is not None:
        found.append(uploads.after(cursor))
    return found


def listed(uploads: UploadListing) -> list[Source]:
    return [source for part in parts(uploads) for source in part.sources]


def test_an_upload_is_listed_as_it_is_seen(either_store: Store) -> None:
    assert either_store.uploads.after(Cursor()) == ListingPage((), None)
    told = either_store.bucket.put("a/scan.pdf", b"content")
    [found] = listed(either_store.uploads)
    seen = either_store.sources.head(told).source
    assert found == replace(told, sequencer="", event_at=found.last_modified, last_modified=found.last_modified)
    assert int(found.last_modified) == seen.last_modified
    assert identity.document_id(found) == identity.document_id(seen), "as submit makes it of the event"


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys(either_store: Store, key: str) -> None:
    either_store.bucket.put(key, b"1")
    assert [found.key for found in listed(either_store.uploads)] == [key]


def test_every_version_is_listed_but_no_delete_marker(store: Store) -> None:
    first = store.bucket.put("a.png", b"1")
    store.pass_time()
    second = store.bucket.put("a.png", b"2")
    other = store.bucket.put("b.png", b"3")
    store.bucket.delete("a.png")
    store.bucket.delete("never.png")
    found = [(source.key, source.version_id) for source in listed(store.uploads)]
    assert sorted(found) == sorted((told.key, told.version_id) for told in (first, second, other))


def test_of_the_versions_of_a_key_the_newest_is_current_unless_the_key_was_deleted(either_store: Store) -> None:
    for key in ("a.png", "gone.png", "back.png"):
        either_store.bucket.put(key, b"1")
        either_store.bucket.put(key, b"2")
    either_store.bucket.delete("gone.png")
    either_store.bucket.delete("back.png")
    told = [either_store.bucket.put("back.png", b"3"), either_store.bucket.put("a.png", b"3")]
    [page] = parts(either_store.uploads)
    assert {(source.key, source.version_id, source.etag) for source in page.current} == {
        (source.key, source.version_id, source.etag) for source in told
    }
    assert set(page.current) <= set(page.sources)


def test_without_versions_the_last_upload_of_a_key_is_all_there_is(make_store: Callable[[bool], Store]) -> None:
    store = make_store(False)
    store.bucket.put("a.png", b"1")
    store.bucket.put("gone.png", b"1")
    store.bucket.delete("gone.png")
    told = store.bucket.put("a.png", b"22")
    [found] = listed(store.uploads)
    assert (found.etag, found.size, found.version_id) == (told.etag, 2, "")


def test_more_objects_are_listed_than_one_answer_carries_and_those_under_the_prefix_alone(either_store: Store) -> None:
    under = [f"in box/2026 +Ё/{number:04d}.png" for number in range(BEYOND_ONE_ANSWER)]
    for key in ["in box/", "in box/2026 +Ё", "in box/2026", "in box/2026 +Ё0", "a/in box/2026 +Ё/a.png", "z", *under]:
        either_store.bucket.put(key, b"")
    found = parts(either_store.uploads_under("in box/2026 +Ё/"))
    assert [len(part.sources) for part in found] == [1_000, 3]
    assert [source.key for part in found for source in part.sources] == under
    assert found[0].after is not None
    assert found[0].after.key == under[999]
    assert [part.current for part in found] == [part.sources for part in found]


def test_more_versions_of_a_key_are_listed_than_one_answer_carries(store: Store) -> None:
    told = [store.bucket.put("a.png", b"").version_id for _ in range(BEYOND_ONE_ANSWER)]
    pages = parts(store.uploads)
    found = [source.version_id for part in pages for source in part.sources]
    assert [source.version_id for part in pages for source in part.current] == [told[-1]]
    assert len(found) == len(told)
    assert set(found) == set(told)


def test_a_lost_answer_is_asked_for_again(store: Store) -> None:
    store.bucket.put("a.png", b"1")
    store.lose_answer()
    assert len(listed(store.uploads)) == 1


def test_a_breakdown_is_store_unavailable(store: Store) -> None:
    for cursor in (Cursor(), Cursor("a.png", "v1")):
        store.break_down()
        with pytest.raises(StoreUnavailable):
            store.uploads.after(cursor)


def test_a_mark_that_is_no_longer_taken_is_the_beginning(s3_client: tuple[Transport, Any]) -> None:
    transport, client = s3_client
    bucket = MotoBucket(client, f"bucket-{uuid.uuid4()}")
    bucket.put("a.png", b"1")
    transport.answer(400, INVALID_ARGUMENT)
    assert len(S3UploadListing(client, bucket.name, "").after(Cursor("b.png", "v1")).sources) == 1
    transport.answer(400, INVALID_ARGUMENT)
    with pytest.raises(StoreUnavailable, match="InvalidArgument"):
        S3UploadListing(client, bucket.name, "").after(Cursor())
    transport.answer(403, INVALID_ARGUMENT.replace("InvalidArgument", "AccessDenied"))
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        S3UploadListing(client, bucket.name, "").after(Cursor("b.png", "v1"))


def test_keys_that_xml_cannot_carry_come_encoded_and_are_marks(s3_client: tuple[Transport, Any]) -> None:
    transport, client = s3_client
    uploads, key = S3UploadListing(client, "uploads", ""), "tab\tline\nreturn\r\x01 +.txt"
    transport.answer(200, ENCODED, times=2)
    part = uploads.after(Cursor())
    at = 1_773_480_413.0
    assert part.sources == (Source("uploads", key, "", "e", 7, event_at=at, last_modified=at),)
    assert part.after == Cursor(key, "null")
    assert "encoding-type=url" in transport.requests[-1].url
    uploads.after(part.after)
    asked = parse_qs(urlsplit(transport.requests[-1].url).query)
    assert (asked["key-marker"], asked["version-id-marker"]) == ([key], ["null"])
