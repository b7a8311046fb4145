"""ports.Results: results by name."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import pytest

from contract.moto_aws import Transport
from contract.store import ODD_KEYS, Store, never
from fakes import FakeBucket, FakeClock, FakeResults
from textdrop.adapters.aws import joining
from textdrop.adapters.aws.clients import CALL_SECONDS
from textdrop.core.errors import StoreUnavailable
from textdrop.ports import Results


def test_a_result_is_there_whole(store: Store) -> None:
    assert store.results.get("scan.pdf.txt") is None
    store.results.put("scan.pdf.txt", "Привет".encode(), "text/plain; charset=utf-8")
    assert store.results.get("scan.pdf.txt") == "Привет".encode()
    assert store.bucket.content_type("scan.pdf.txt") == "text/plain; charset=utf-8"
    store.results.put("scan.pdf.txt", b"", "text/plain")
    assert store.results.get("scan.pdf.txt") == b""


def test_a_copy_has_the_content_and_type(store: Store) -> None:
    store.results.put(".textdrop/documents/1/result.ocr.json", b"{}", "application/json")
    store.results.put("scan.pdf.ocr.json", b"old", "text/plain")
    store.results.copy(".textdrop/documents/1/result.ocr.json", "scan.pdf.ocr.json")
    assert store.results.get("scan.pdf.ocr.json") == b"{}"
    assert store.bucket.content_type("scan.pdf.ocr.json") == "application/json"
    assert store.results.get(".textdrop/documents/1/result.ocr.json") == b"{}"


MEBIBYTE = 1024 * 1024


def content(size: int, seed: int) -> bytes:
    """Bytes that are nowhere else in it."""
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize(
    "sizes",
    [
        [3],
        [0],
        [0, 0],
        [10, 20, 30],
        [6 * MEBIBYTE],
        [6 * MEBIBYTE, 7 * MEBIBYTE, 1],
        [1, 6 * MEBIBYTE, 0, 5 * MEBIBYTE + 1],
        [3 * MEBIBYTE, 3 * MEBIBYTE, 3 * MEBIBYTE, 3 * MEBIBYTE],
        [4 * MEBIBYTE, 12 * MEBIBYTE],
    ],
    ids=str,
)
def test_joined_objects_are_one_after_another(store: Store, sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MAX_PART_BYTES", 8 * MEBIBYTE)
    bodies = [content(size, seed) for seed, size in enumerate(sizes)]
    names = [f"part {number}/ё.json" for number in range(len(sizes))]
    for name, body in zip(names, bodies, strict=True):
        store.results.put(name, body, "application/json")
    store.results.put("whole.json", b"old", "text/plain")
    asked = list[bool]()
    store.results.join(names, "whole.json", lambda: asked.append(True))
    assert store.results.get("whole.json") == b"".join(bodies)
    assert store.bucket.content_type("whole.json") == "application/json"
    assert asked, "whether there is time"
    assert store.results.get(names[0]) == bodies[0], "the parts stay"


@pytest.mark.parametrize("size", [0, 3, 8 * MEBIBYTE - 1, 8 * MEBIBYTE, 8 * MEBIBYTE + 1, 21 * MEBIBYTE])
def test_a_file_is_there_whole_however_large(store: Store, size: int) -> None:
    store.results.put("scan.pdf", b"old", "text/plain")
    asked = list[bool]()
    store.results.put_file("scan.pdf", io.BytesIO(content(size, 1)), "application/pdf", lambda: asked.append(True))
    assert store.results.get("scan.pdf") == content(size, 1)
    assert store.bucket.content_type("scan.pdf") == "application/pdf"
    assert asked, "whether there is time"


def put_file(size: int) -> Callable[[Results, str, Callable[[], None]], None]:
    return lambda results, to, check: results.put_file(to, io.BytesIO(content(size, 1)), "text/plain", check)


@pytest.mark.parametrize(
    "write",
    [put_file(3), put_file(17 * MEBIBYTE), lambda results, to, check: results.join(["1", "2", "3"], to, check)],
    ids=["small file", "large file", "join"],
)
def test_a_write_out_of_time_leaves_all_as_it_was(
    store: Store, write: Callable[[Results, str, Callable[[], None]], None]
) -> None:
    part = content(6 * MEBIBYTE, 1)
    for name in ("1", "2", "3"):
        store.results.put(name, part, "application/json")
    store.results.put("whole", b"old", "text/plain")
    calls = list[None]()
    write(store.results, "other", lambda: calls.append(None))
    for left in range(len(calls)):

        def check_deadline(left: list[None] = [None] * left) -> None:
            if not left:
                raise TimeoutError
            left.pop()

        with pytest.raises(TimeoutError):
            write(store.results, "whole", check_deadline)
        assert store.results.get("whole") == b"old"
    assert store.bucket.unfinished_uploads() == 0


@pytest.mark.parametrize("make_store", ["aws"], indirect=True)
@pytest.mark.parametrize(
    ("write", "writes"),
    [
        (put_file(3), ["PUT"]),
        (put_file(8 * MEBIBYTE), ["POST", "PUT", "POST"]),
        (lambda results, to, check: results.join(["1"], to, check), ["PUT"]),
        (lambda results, to, check: results.join(["2", "1", "2"], to, check), ["POST", "PUT", "PUT", "POST"]),
    ],
    ids=["small file", "large file", "copy", "join"],
)
def test_each_call_that_writes_is_made_right_after_a_look_at_the_time(
    store: Store,
    s3_client: tuple[Transport, Any],
    write: Callable[[Results, str, Callable[[], None]], None],
    writes: list[str],
) -> None:
    store.results.put("1", content(6 * MEBIBYTE, 1), "application/json")
    store.results.put("2", b"2", "application/json")
    requests = s3_client[0].requests
    requests.clear()
    looked_before = list[int]()
    write(store.results, "whole", lambda: looked_before.append(len(requests)))
    writing = [number for number, request in enumerate(requests) if request.method in ("PUT", "POST")]
    assert [requests[number].method for number in writing] == writes
    assert looked_before == writing


def test_a_join_of_what_is_not_there_is_store_unavailable(store: Store) -> None:
    store.results.put("1", content(6 * MEBIBYTE, 1), "application/json")
    with pytest.raises(StoreUnavailable):
        store.results.join(["1", "2"], "whole.json", lambda: None)
    assert store.results.get("whole.json") is None


def test_names_under_a_prefix_are_listed_in_order(store: Store) -> None:
    for key in ("a/1-2.json", "a/1.json", "a/10.json", "a/я.json", "a/\U0001f600.json", "b/1.json", "a.json"):
        store.results.put(key, b"1", "application/json")
    assert store.results.list_keys("a/1") == ["a/1-2.json", "a/1.json", "a/10.json"]
    assert store.results.list_keys("a/") == ["a/1-2.json", "a/1.json", "a/10.json", "a/я.json", "a/\U0001f600.json"]
    assert store.results.list_keys("c/") == []


def test_more_names_are_listed_than_one_answer_carries(store: Store) -> None:
    for number in range(1_003):
        store.results.put(f"{number:05d}", b"", "text/plain")
    assert store.results.list_keys("") == [f"{number:05d}" for number in range(1_003)]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_of_results(store: Store, key: str) -> None:
    store.results.put(key, b"1", "text/plain")
    assert store.results.get(key) == b"1"
    store.results.copy(key, key + ".txt")
    assert store.results.get(key + ".txt") == b"1"
    store.results.delete([key, key + ".txt"])
    assert store.results.get(key) is None
    assert store.results.get(key + ".txt") is None


def test_deleting_one_of_two_keys_that_xml_cannot_tell_apart_leaves_the_other(store: Store) -> None:
    store.results.put("a\r.txt", b"1", "text/plain")
    store.results.put("a\n.txt", b"2", "text/plain")
    store.results.delete(["a\r.txt"])
    assert store.results.get("a\r.txt") is None
    assert store.results.get("a\n.txt") == b"2"


def test_a_copy_of_nothing_is_store_unavailable(store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        store.results.copy("nothing.txt", "scan.pdf.txt")
    assert store.results.get("scan.pdf.txt") is None


def test_the_fake_knows_how_long_a_key_may_be() -> None:
    # S3 refuses it with KeyTooLongError; moto takes it.
    results = FakeResults(FakeBucket("results", FakeClock()))
    results.put("ы" * 512, b"1", "text/plain")
    with pytest.raises(StoreUnavailable):
        results.put("ы" * 513, b"1", "text/plain")


def test_deleted_names_are_gone_and_it_may_be_repeated(store: Store) -> None:
    for key in ("a.txt", "b.txt", "c.txt"):
        store.results.put(key, b"1", "text/plain")
    store.results.delete(["a.txt", "b.txt", "never.txt", "\ud800.txt"])
    store.results.delete(["a.txt"])
    store.results.delete([])
    assert store.bucket.keys() == ["c.txt"]


@pytest.mark.parametrize("key", [*ODD_KEYS, "scan.pdf.txt"])
def test_what_exists_is_told_from_what_was_deleted_or_never_there(either_store: Store, key: str) -> None:
    results = either_store.results
    assert not results.exists(key)
    results.put(key, b"", "text/plain")
    assert results.exists(key)
    assert not results.exists(key + "x")
    results.delete([key])
    assert not results.exists(key)
    assert not results.exists("\ud800.txt")


def test_results_below_a_prefix_are_apart_from_all_others(store: Store) -> None:
    below, prefix = store.below("ocr/2026/"), "ocr/2026/"
    for key in ("a.txt", "ocr/a.txt", "ocr/2026", "ocr/2026x/a.txt"):
        store.results.put(key, b"others'", "text/plain")
    others = store.bucket.keys()
    assert (below.prefix, below.list_keys(""), below.get("a.txt"), below.exists("a.txt")) == (prefix, [], None, False)
    with pytest.raises(StoreUnavailable):
        below.copy("a.txt", "b.txt")
    below.delete(["a.txt", *others])
    assert store.bucket.keys() == others

    below.put("a.txt", content(6 * MEBIBYTE, 1), "text/plain")
    below.put_file("b.txt", io.BytesIO(b"b"), "text/plain", lambda: None)
    below.copy("b.txt", "c.txt")
    below.join(["a.txt", "b.txt"], "d.txt", lambda: None)
    made = {"a.txt", "b.txt", "c.txt", "d.txt"}
    assert set(store.bucket.keys()) == {*others, *(prefix + key for key in made)}
    assert (set(below.list_keys("")), below.list_keys("d")) == (made, ["d.txt"])
    assert (below.get("c.txt"), below.exists("c.txt")) == (b"b", True)
    assert below.get("d.txt") == content(6 * MEBIBYTE, 1) + b"b"
    below.delete(["a.txt", "b.txt"])
    below.delete(["c.txt"])
    assert set(store.bucket.keys()) == {*others, prefix + "d.txt"}


def test_results_survive_lost_answers(store: Store) -> None:
    store.lose_answer()
    store.results.put("a.txt", b"1", "text/plain")
    store.lose_answer()
    store.results.copy("a.txt", "b.txt")
    store.lose_answer()
    assert store.results.get("b.txt") == b"1"
    store.lose_answer()
    store.results.delete(["a.txt"])
    assert store.bucket.keys() == ["b.txt"]
    store.lose_answer()
    assert store.results.remove("", lambda key: True, never, current=True) == 6, "each was made twice"
    assert store.bucket.version_counts() == {}


@pytest.mark.parametrize(
    "call",
    [
        lambda results: results.put("a.txt", b"1", "text/plain"),
        lambda results: results.put_file("a.txt", io.BytesIO(b"1"), "text/plain", lambda: None),
        lambda results: results.put_file("a.txt", io.BytesIO(bytes(9_000_000)), "text/plain", lambda: None),
        lambda results: results.get("a.txt"),
        lambda results: results.copy("a.txt", "b.txt"),
        lambda results: results.join(["a.txt", "b.txt"], "c.txt", lambda: None),
        lambda results: results.list_keys("a"),
        lambda results: results.exists("a.txt"),
        lambda results: results.delete(["a.txt"]),
        lambda results: results.delete(["a\x01.txt"]),
        lambda results: results.remove("a", lambda key: True, never, current=True),
    ],
    ids=["put", "file", "large-file", "get", "copy", "join", "under", "exists", "delete", "delete-odd", "remove"],
)
def test_a_breakdown_of_results_is_store_unavailable(store: Store, call: Callable[[Results], object]) -> None:
    store.break_down()
    with pytest.raises(StoreUnavailable):
        call(store.results)


def test_the_bucket_is_named_and_calls_are_bounded(store: Store) -> None:
    assert store.results.bucket == store.bucket.name
    assert 0 < store.results.total_seconds < 60


@pytest.mark.parametrize("make_store", ["aws"], indirect=True)
def test_a_call_has_the_time_of_all_its_tries(store: Store) -> None:
    assert store.results.total_seconds == CALL_SECONDS
