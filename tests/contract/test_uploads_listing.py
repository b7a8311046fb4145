"""ports.UploadListing: every version of every object, part by part, from any mark on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from contract.moto_aws import MotoBucket, Transport
from fakes import FakeBucket, FakeClock, FakeSources, FakeUploadListing, Faults
from fakes.faults import ANY
from textdrop.adapters.aws.s3 import S3Sources
from textdrop.adapters.aws.uploads_listing import S3UploadListing
from textdrop.core import identity
from textdrop.core.documents import Source
from textdrop.core.errors import StoreUnavailable
from textdrop.core.reconciling import Cursor, ListingPage
from textdrop.ports import Sources, UploadListing

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


@dataclass(frozen=True)
class Listing:
    """One bucket, as an uploader sees it, as submit sees it, and as a list."""

    bucket: FakeBucket | MotoBucket
    sources: Sources
    uploads: UploadListing
    pass_time: Callable[[], None]
    lose_answer: Callable[[], None]
    break_down: Callable[[], None]


@pytest.fixture(scope="module")
def s3_client(aws: None) -> tuple[Transport, Any]:
    """The client for buckets, which takes longer to make than a test, and its transport."""
    transport = Transport()
    return transport, transport.client("s3")


@pytest.fixture(params=["fake", "aws"])
def make_listing(request: pytest.FixtureRequest) -> Iterator[Callable[[bool], Listing]]:
    """Makes an empty bucket, with versions or without."""
    if request.param == "fake":
        faults, clock = Faults(), FakeClock()

        def make_fake(versioned: bool) -> Listing:
            bucket = FakeBucket("uploads", clock, versioned=versioned)
            return Listing(
                bucket,
                FakeSources([bucket], faults),
                FakeUploadListing(bucket, faults),
                lambda: clock.advance(1.0),
                faults.lose_answer,
                lambda: faults.fail(ANY, StoreUnavailable("broken")),
            )

        yield make_fake
        assert not faults.left(), "what was to go wrong did not"
        return
    transport, client = request.getfixturevalue("s3_client")

    def make_real(versioned: bool) -> Listing:
        bucket = MotoBucket(client, f"bucket-{uuid.uuid4()}", versioned=versioned)
        listing = S3UploadListing(client, bucket.name)
        return Listing(bucket, S3Sources(client), listing, lambda: None, transport.lose_answer, transport.break_down)

    yield make_real
    assert not transport.left(), "what was to go wrong did not"


@pytest.fixture
def listing(make_listing: Callable[[bool], Listing]) -> Listing:
    """An empty bucket with versions, as the template makes it."""
    return make_listing(True)


@pytest.fixture(params=[True, False], ids=["versioned", "unversioned"])
def either(request: pytest.FixtureRequest, make_listing: Callable[[bool], Listing]) -> Listing:
    """An empty bucket."""
    return make_listing(request.param)


def parts(uploads: UploadListing) -> list[ListingPage]:
    """The whole listing, each part from the mark of the one before."""
    found = [uploads.after(Cursor())]
    while (mark := found[-1].after) is not None:
        found.append(uploads.after(mark))
    return found


def listed(uploads: UploadListing) -> list[Source]:
    return [source for part in parts(uploads) for source in part.sources]


def test_an_empty_bucket_has_nothing(either: Listing) -> None:
    assert either.uploads.after(Cursor()) == ListingPage((), None)


def test_an_upload_is_listed_as_it_is_seen(either: Listing) -> None:
    told = either.bucket.put("a/scan.pdf", b"content")
    [found] = listed(either.uploads)
    seen = either.sources.head(told).source
    assert found == replace(told, sequencer="", event_at=found.last_modified, last_modified=found.last_modified)
    assert int(found.last_modified) == seen.last_modified
    assert identity.document_id(found) == identity.document_id(seen), "as submit makes it of the event"


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys(either: Listing, key: str) -> None:
    either.bucket.put(key, b"1")
    assert [found.key for found in listed(either.uploads)] == [key]


def test_every_version_is_listed_but_no_delete_marker(listing: Listing) -> None:
    first = listing.bucket.put("a.png", b"1")
    listing.pass_time()
    second = listing.bucket.put("a.png", b"2")
    other = listing.bucket.put("b.png", b"3")
    listing.bucket.delete("a.png")
    listing.bucket.delete("never.png")
    found = [(source.key, source.version_id) for source in listed(listing.uploads)]
    assert sorted(found) == sorted((told.key, told.version_id) for told in (first, second, other))


def test_without_versions_the_last_upload_of_a_key_is_all_there_is(make_listing: Callable[[bool], Listing]) -> None:
    listing = make_listing(False)
    listing.bucket.put("a.png", b"1")
    listing.bucket.put("gone.png", b"1")
    listing.bucket.delete("gone.png")
    told = listing.bucket.put("a.png", b"22")
    [found] = listed(listing.uploads)
    assert (found.etag, found.size, found.version_id) == (told.etag, 2, "")


def test_more_objects_are_listed_than_one_answer_carries(either: Listing) -> None:
    keys = [f"{number:05d}+Ё.png" for number in range(BEYOND_ONE_ANSWER)]
    for key in keys:
        either.bucket.put(key, b"")
    found = parts(either.uploads)
    assert [len(part.sources) for part in found] == [1_000, 3]
    assert [source.key for part in found for source in part.sources] == keys
    assert found[0].after is not None
    assert found[0].after.key == keys[999]


def test_more_versions_of_a_key_are_listed_than_one_answer_carries(listing: Listing) -> None:
    told = [listing.bucket.put("a.png", b"").version_id for _ in range(BEYOND_ONE_ANSWER)]
    found = [source.version_id for source in listed(listing.uploads)]
    assert len(found) == len(told)
    assert set(found) == set(told)


def test_a_lost_answer_is_asked_for_again(listing: Listing) -> None:
    listing.bucket.put("a.png", b"1")
    listing.lose_answer()
    assert len(listed(listing.uploads)) == 1


def test_a_breakdown_is_store_unavailable(listing: Listing) -> None:
    for mark in (Cursor(), Cursor("a.png", "v1")):
        listing.break_down()
        with pytest.raises(StoreUnavailable):
            listing.uploads.after(mark)


def test_a_mark_that_is_no_longer_taken_is_the_beginning(s3_client: tuple[Transport, Any]) -> None:
    transport, client = s3_client
    bucket = MotoBucket(client, f"bucket-{uuid.uuid4()}")
    bucket.put("a.png", b"1")
    transport.answer(400, INVALID_ARGUMENT)
    assert len(S3UploadListing(client, bucket.name).after(Cursor("b.png", "v1")).sources) == 1
    transport.answer(400, INVALID_ARGUMENT)
    with pytest.raises(StoreUnavailable, match="InvalidArgument"):
        S3UploadListing(client, bucket.name).after(Cursor())
    transport.answer(403, INVALID_ARGUMENT.replace("InvalidArgument", "AccessDenied"))
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        S3UploadListing(client, bucket.name).after(Cursor("b.png", "v1"))


def test_keys_that_xml_cannot_carry_come_encoded_and_are_marks(s3_client: tuple[Transport, Any]) -> None:
    transport, client = s3_client
    uploads, key = S3UploadListing(client, "uploads"), "tab\tline\nreturn\r\x01 +.txt"
    transport.answer(200, ENCODED, times=2)
    part = uploads.after(Cursor())
    at = 1_773_480_413.0
    assert part.sources == (Source("uploads", key, "", "e", 7, event_at=at, last_modified=at),)
    assert part.after == Cursor(key, "null")
    assert "encoding-type=url" in transport.requests[-1].url
    uploads.after(part.after)
    asked = parse_qs(urlsplit(transport.requests[-1].url).query)
    assert (asked["key-marker"], asked["version-id-marker"]) == ([key], ["null"])
