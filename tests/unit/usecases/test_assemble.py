"""Long documents are put together in segments, over as many goes as it takes, and come out as short ones do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from fakes.faults import Faults
from fakes.files import KilledError
from textdrop.adapters.threads import ThreadCrew
from textdrop.core import keys
from textdrop.core.documents import Document, Outcome, Step
from textdrop.core.policy import Policy
from world import World

LONG = Policy(one_go_pages=3, segment_pages=2)
SEGMENTS = keys.segments("", 1).removeprefix(keys.OWN_FOLDER).partition("/")[0]


def files(world: World, key: str) -> dict[str, bytes | None]:
    return {suffix: world.file(key + suffix) for suffix in keys.SUFFIXES}


def without_ids(result: dict[str, object]) -> dict[str, Any]:
    """A result without what differs from one run to another."""
    return {name: value for name, value in result.items() if name not in ("timings", "id")}


def segments(world: World) -> list[str]:
    keys_there = world.results.keys()
    return [key for key in keys_there if "/segments/" in key]


@pytest.mark.parametrize("body", [b"pages:9", b"pages:9 bad:1", b"pages:9 bad:9", b"pages:4 bad:2", b"pages:8"])
def test_a_long_document_comes_out_as_in_one_go(body: bytes) -> None:
    short, long = World(), World(policy=LONG)
    for world in (short, long):
        world.upload("book.pdf", body)
        world.run()
    assert without_ids(long.json("book.pdf.ocr.json")) == without_ids(short.json("book.pdf.ocr.json"))
    assert long.file("book.pdf.txt") == short.file("book.pdf.txt")
    assert long.results.content_type("book.pdf.txt") == "text/plain; charset=utf-8"
    assert long.results.content_type("book.pdf.ocr.json") == "application/json"
    calls = Counter(long.faults.calls)
    assert (calls["results.complete"], calls["results.copy"]) == (4, 0)
    assert "results.complete" not in Counter(short.faults.calls)


def test_segments_are_gone_when_the_document_is_done() -> None:
    world = World(policy=LONG)
    world.upload("book.pdf", b"pages:9")
    world.run()
    assert segments(world) == []


def test_own_files_and_published_ones_are_the_same() -> None:
    world = World(policy=LONG)
    document = world.upload("book.pdf", b"pages:7")
    world.run()
    for suffix in (keys.TEXT, keys.JSON):
        assert world.file(keys.own(document.id, suffix)) == world.file("book.pdf" + suffix) != None  # noqa: E711


def test_what_was_assembled_before_a_break_is_not_made_again() -> None:
    faults = Faults()
    world = World(policy=LONG, faults=faults)
    document = world.upload("book.pdf", b"pages:9")
    faults.fail("results.put", KilledError(), skip=9 + 3)  # the pages as received, then three segments
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    fetched = Counter(faults.calls)["results.get"]
    assert fetched == 9 + 2, "the pages of the segment that was lost are fetched again, and no others"


def test_segments_that_leave_a_gap_are_not_used() -> None:
    world = World(policy=LONG)
    document = world.upload("book.pdf", b"pages:9")
    for first, last in ((3, 4), (8, 9)):
        for suffix in (keys.TEXT, keys.JSON):
            world.results.put(keys.segment(document.id, 1, first, last, suffix), b"stale")
    world.run()
    assert b"stale" not in (world.file("book.pdf.ocr.json") or b"")
    assert world.row(document).outcome is Outcome.SUCCEEDED


def test_out_of_time_a_long_document_goes_on_later_and_uses_up_no_attempt() -> None:
    world = World(policy=replace(LONG, segment_seconds=119.0))
    get, slow = world.poll_ports.results.get, 0.6

    def slow_get(key: str) -> bytes | None:
        world.clock.advance(slow)
        return get(key)

    world.poll_ports.results.get = slow_get  # type: ignore[method-assign]
    document = world.upload("book.pdf", b"pages:9")
    world.submit()
    seen: list[Document] = []
    for _ in range(12):
        world.clock.advance(5)
        world.poll()
        seen.append(world.row(document))
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert {row.step for row in seen} >= {Step.FILES}
    assert max(row.attempts for row in seen) <= 1
    assert Counter(world.faults.calls)["results.get"] == 9


def test_a_segment_ends_when_it_is_large_enough() -> None:
    world = World(policy=replace(LONG, segment_pages=500, segment_bytes=1))
    world.upload("book.pdf", b"pages:5")
    world.run()
    puts = [call for call in world.faults.calls if call == "results.upload_part"]
    assert len(puts) == 2 * 5 + 2, "five segments of text and JSON, and the published copies"


def test_pages_are_fetched_by_threads_in_order() -> None:
    for policy in (Policy(), LONG):
        world = World(policy=policy)
        object.__setattr__(world.poll_ports, "crew", ThreadCrew(7))
        world.upload("book.pdf", b"pages:9 bad:4")
        world.run()
        result: Any = world.json("book.pdf.ocr.json")
        assert [page["number"] for page in result["pages"]] == list(range(1, 10))
        assert [page["text"] + "\n" if page["text"] else "" for page in result["pages"]] == (
            world.file("book.pdf.txt") or b""
        ).decode().split("\f")


def test_a_lost_page_is_never_passed_over() -> None:
    for policy in (Policy(max_attempts=2), replace(LONG, max_attempts=2)):
        world = World(policy=policy)
        document = world.upload("book.pdf", b"pages:5")
        world.submit()
        put = world.poll_ports.results.put

        def forgetful(key: str, body: bytes, content_type: str, put: Any = put, own: str = document.id) -> None:
            if key != keys.page(own, 1, 3):
                put(key, body, content_type)

        world.poll_ports.results.put = forgetful  # type: ignore[method-assign]
        world.run()
        row = world.row(document)
        assert row.problem is not None
        assert (row.outcome, str(row.problem.reason)) == (Outcome.FAILED, "internal")
        assert world.file("book.pdf.txt") is None
