"""ports.Results.remove: what is removed for good, in every version."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from contract.moto_aws import Transport
from contract.store import ODD_KEYS, Store, never


# moto lists no key that XML cannot carry: see test_aws_failures.
@pytest.mark.parametrize("key", [*(key for key in ODD_KEYS if "\x01" not in key), "scan.pdf"])
def test_what_is_removed_leaves_no_version_and_no_delete_marker(either_store: Store, key: str) -> None:
    results = either_store.results
    for name in (key, key + ".txt", "x" + key):
        for body in (b"1", b"2"):
            results.put(name, body, "text/plain")
    results.delete([key])
    results.put(key + ".gone", b"1", "text/plain")
    results.delete([key + ".gone"])
    versioned = bool(either_store.bucket.version_counts().get(key))
    left = 2 if versioned else 1
    assert either_store.results.remove(key, lambda found: True, never, current=True) == (7 if versioned else 1)
    assert either_store.bucket.version_counts() == {"x" + key: left}
    assert results.get("x" + key) == b"2"
    assert either_store.results.remove(key, lambda found: True, never, current=True) == 0, "it may be repeated"


def test_what_is_not_wanted_stays(either_store: Store) -> None:
    for key in ("a/1", "a/2", "a/2 ", "a"):
        either_store.results.put(key, b"1", "text/plain")
    assert either_store.results.remove("a/", "a/2".__eq__, never, current=True) == 1
    assert list(either_store.bucket.version_counts()) == ["a", "a/1", "a/2 "]


def test_delete_markers_of_what_is_not_wanted_stay(store: Store) -> None:
    store.results.put("a.txt", b"1", "text/plain")
    store.results.delete(["a.txt"])
    assert store.results.remove("a", "a".__eq__, never, current=True) == 0
    assert store.bucket.version_counts() == {"a.txt": 2}


def test_but_for_the_current_one_all_versions_are_removed_and_all_where_a_key_was_deleted(store: Store) -> None:
    for key in ("kept.txt", "deleted.txt", "back.txt"):
        store.results.put(key, b"1", "text/plain")
        store.results.put(key, b"2", "text/plain")
    store.results.delete(["deleted.txt"])
    store.results.delete(["back.txt"])
    store.results.put("back.txt", b"3", "text/plain")
    assert store.results.remove("", lambda key: True, never, current=False) == 1 + 3 + 3
    assert store.bucket.version_counts() == {"back.txt": 1, "kept.txt": 1}
    assert (store.results.get("kept.txt"), store.results.get("back.txt")) == (b"2", b"3")
    assert store.results.remove("", lambda key: True, never, current=False) == 0


def test_without_versions_all_there_is_is_current(make_store: Callable[[bool], Store]) -> None:
    store = make_store(False)
    store.results.put("a.txt", b"1", "text/plain")
    assert store.results.remove("a", lambda key: True, never, current=False) == 0
    assert store.results.get("a.txt") == b"1"


def test_more_versions_are_removed_than_one_request_carries(store: Store) -> None:
    for number in range(1_003):
        store.results.put(f"many/{number % 600:05d}", b"", "text/plain")
    store.results.put("other", b"", "text/plain")
    assert store.results.remove("many/", lambda key: True, never, current=True) == 1_003
    assert store.bucket.version_counts() == {"other": 1}


def test_what_is_removed_below_a_prefix_is_named_without_it(store: Store) -> None:
    below = store.below("ocr/2026/")
    for key in ("a.txt", "ocr/2026", "ocr/2026x/a.txt"):
        store.results.put(key, b"others'", "text/plain")
    others = store.bucket.version_counts()
    below.put("a.txt", b"1", "text/plain")
    assert below.remove("a", "a.txt".__eq__, never, current=True) == 1
    assert store.bucket.version_counts() == others
    assert below.remove("\ud800", lambda key: True, never, current=True) == 0


def test_no_time_left_is_told_before_anything_is_removed(store: Store) -> None:
    store.results.put("a.txt", b"1", "text/plain")

    def check_deadline() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        store.results.remove("", lambda key: True, check_deadline, current=True)
    assert store.results.get("a.txt") == b"1"


@pytest.mark.parametrize("make_store", ["aws"], indirect=True)
def test_every_call_that_removes_is_made_right_after_a_look_at_the_time_the_oldest_version_first(
    store: Store, s3_client: tuple[Transport, Any]
) -> None:
    for body in (b"1", b"2"):
        store.results.put("a.txt", body, "text/plain")
    store.results.delete(["a.txt"])
    store.results.put("a\n.txt", b"1", "text/plain")
    there = s3_client[1].list_object_versions(Bucket=store.bucket.name, Prefix="a.txt")
    newest_first = [one["VersionId"] for one in there["DeleteMarkers"] + there["Versions"]]
    requests = s3_client[0].requests
    requests.clear()
    looked_before = list[int]()
    store.results.remove("a", lambda key: True, lambda: looked_before.append(len(requests)), current=True)
    assert looked_before == [0, 1, 2]
    assert [request.method for request in requests] == ["GET", "POST", "DELETE"]
    listing, deletion = (str(request) for request in (requests[0].url, requests[1].body))
    assert "encoding-type=url" in listing
    assert deletion.count("<Key>a.txt</Key>") == 3
    # A marker goes last: what it hides is at no time to be seen.
    assert re.findall("<VersionId>(.+?)</VersionId>", deletion) == [newest_first[2], newest_first[1], newest_first[0]]


@pytest.mark.parametrize("make_store", ["aws"], indirect=True)
def test_all_that_is_removed_is_counted_once_though_every_answer_was_lost(store: Store) -> None:
    for key in ("a.txt", "a\n.txt"):
        store.results.put(key, b"1", "text/plain")
    assert store.results.remove("a", lambda key: True, store.lose_answer, current=True) == 2
    assert store.bucket.version_counts() == {}
