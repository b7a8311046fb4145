"""Long documents are put together in segments, over as many passes as it takes, and come out as short ones do."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from fakes.faults import Faults
from fakes.files import KilledError
from pagekit.page import stored_page
from pagekit.prepared import How, Preparation
from textdrop.core import keys, results
from textdrop.core.documents import Document, DocumentState, Operation, Outcome, Step
from textdrop.core.errors import StoreUnavailable
from textdrop.core.policy import Policy
from textdrop.usecases.files import PageMissing, stored_pages, write_files
from textdrop.usecases.time_left import NoTimeLeft
from world import DELIVER_SECONDS, World

OWN_TEXT = (
    b'{"width": 9, "height": 9, "rotate": 0, "text": "", "blocks": [], "tables": [], "entities": [], "markdown": null}'
)
LONG = Policy(single_pass_max_pages=3, segment_pages=2)


def without_ids(result: dict[str, object]) -> dict[str, Any]:
    """A result without what differs from one run to another."""
    return {name: value for name, value in result.items() if name not in ("timings", "id")}


def segments(world: World) -> list[str]:
    keys_there = world.results.keys()
    return [key for key in keys_there if "/segments/" in key]


def ready(body: bytes) -> tuple[World, Document, list[Operation]]:
    """A document to be assembled, and its operations."""
    world = World(policy=LONG)
    document = world.upload("book.pdf", body)
    world.submit()
    world.clock.advance(60.0)
    world.poll()
    row = world.row(document)
    assert (row.state, row.step) == (DocumentState.DELIVERING, None)
    return world, row, world.documents.read_operations(document.id, row.run)


@pytest.mark.parametrize(
    ("body", "pages"),
    [
        (b"pages:9", "all"),
        (b"pages:9 bad:1", "all"),
        (b"pages:9 bad:9", "all"),
        (b"pages:4 bad:2", "all"),
        (b"pages:8", "all"),
        (b"pages:14 bad:6", "2,4-6,9-12"),
        (b"pages:14", "3-7"),
    ],
)
def test_a_long_document_comes_out_as_in_one_pass(body: bytes, pages: str) -> None:
    short, long = World(), World(policy=LONG)
    for world in (short, long):
        world.upload("book.pdf", body, {"ocr-pages": pages})
        world.run()
    assert without_ids(long.json("book.pdf.ocr.json")) == without_ids(short.json("book.pdf.ocr.json"))
    assert long.file("book.pdf.txt") == short.file("book.pdf.txt")
    assert long.results.content_type("book.pdf.txt") == "text/plain; charset=utf-8"
    assert long.results.content_type("book.pdf.ocr.json") == "application/json"
    calls = Counter(long.faults.calls)
    assert (calls["results.complete"], calls["results.copy"]) == (4, 0)
    assert "results.complete" not in Counter(short.faults.calls)
    assert segments(long) == []


@pytest.mark.parametrize("upload", [(b"pages:9", "all"), (b"pages:30", "5,7-9,20-22,29-")], ids=["all", "some"])
@pytest.mark.parametrize("segment_pages", [2, 3])
def test_what_was_assembled_before_a_break_is_not_made_again(segment_pages: int, upload: tuple[bytes, str]) -> None:
    faults = Faults()
    world = World(policy=replace(LONG, segment_pages=segment_pages), faults=faults)
    document = world.upload("book.pdf", upload[0], {"ocr-pages": upload[1]})
    faults.fail("results.put", KilledError(), skip=9 + 5)  # the pages as received, then text and JSON of two segments
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    fetched = Counter(faults.calls)["results.get"]
    assert fetched == 9 + segment_pages, "the pages of the segment that was lost are fetched again, and no others"


def test_segments_that_overlap_are_not_used() -> None:
    """As a policy with other sizes may have left them."""
    world, document, operations = ready(b"pages:9")
    whole = world.results.put
    for first, last in ((1, 2), (2, 5)):
        for suffix in (keys.TEXT, keys.JSON):
            whole(keys.segment(document.id, 1, first, last, suffix), b"%d-%d " % (first, last))
    write_files(world.deliver_ports, document, operations, world.clock.now() + DELIVER_SECONDS)
    text = world.file(keys.own(document.id, 1, keys.TEXT)) or b""
    assert text.startswith(b"1-2 ")
    assert b"2-5" not in text


def test_out_of_time_a_long_document_is_gone_on_with_later_and_uses_up_no_attempt() -> None:
    world = World(policy=replace(LONG, segment_seconds=DELIVER_SECONDS - 1.0))
    world.faults.happen("results.get", lambda: world.clock.advance(0.6), times=99)
    document = world.upload("book.pdf", b"pages:9")
    world.submit()
    seen: list[Document] = []
    for _ in range(12):
        world.clock.advance(5)
        world.poll()
        world.deliver()
        seen.append(world.row(document))
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert {row.step for row in seen} >= {Step.FILES}
    assert max(row.attempts for row in seen) <= 1
    assert Counter(world.faults.calls)["results.get"] == 9


@pytest.mark.parametrize("body", [b"pages:2", b"pages:9"])
def test_nothing_is_fetched_for_a_segment_that_has_not_its_time(body: bytes) -> None:
    """What is not long needs the time of its writing alone."""
    world, document, operations = ready(body)
    is_long = document.pages > LONG.single_pass_max_pages
    enough = world.clock.now() + (LONG.segment_seconds if is_long else world.deliver_ports.results.total_seconds)
    calls = len(world.faults.calls)
    with pytest.raises(NoTimeLeft):
        write_files(world.deliver_ports, document, operations, enough - 0.001)
    assert [call for call in world.faults.calls[calls:] if call == "results.put"] == []
    assert ("results.get" in world.faults.calls[calls:]) != is_long
    write_files(world.deliver_ports, document, operations, enough)
    assert world.file(keys.own(document.id, 1, keys.TEXT)) is not None


@pytest.mark.parametrize(
    ("call", "skip", "left_seconds", "not_called"),
    [
        ("results.put", 9, LONG.segment_seconds - 1.0, "results.upload_part"),
        ("results.upload_part", 0, 1.0, "results.complete"),
        ("results.complete", 1, 1.0, "results.delete"),
    ],
)
def test_segments_are_neither_joined_nor_deleted_without_the_time_for_it(
    call: str, skip: int, left_seconds: float, not_called: str
) -> None:
    world, document, operations = ready(b"pages:9")
    world.faults.happen(call, lambda: world.clock.advance(DELIVER_SECONDS - left_seconds), when="after", skip=skip)
    with pytest.raises(NoTimeLeft):
        write_files(world.deliver_ports, document, operations, world.clock.now() + DELIVER_SECONDS)
    assert world.faults.left() == 0
    assert not_called not in world.faults.calls
    assert len(segments(world)) == 2 * 5


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("pages", [1, 2, 3])
def test_a_segment_has_just_as_many_pages_as_make_its_size_and_all_of_them(pages: int, more: int) -> None:
    world, document, operations = ready(b"pages:9 bad:1")
    stored = list(enumerate(stored_pages(world.deliver_ports, operations), start=1))
    texts = [results.page_text(place, page) for place, (_, page) in stored]
    jsons = [results.page_json(place, 1, row, page) for place, (row, page) in stored]
    limit = sum(map(len, texts[:pages] + jsons[:pages])) + more
    object.__setattr__(world.deliver_ports, "policy", replace(LONG, segment_pages=500, segment_bytes=limit))
    world.faults.fail("results.put", StoreUnavailable("down"), when="after", skip=1)
    with pytest.raises(StoreUnavailable):
        write_files(world.deliver_ports, document, operations, world.clock.now() + DELIVER_SECONDS)
    text, json = (keys.segment(document.id, 1, 1, pages + more, suffix) for suffix in (keys.TEXT, keys.JSON))
    assert sorted(segments(world)) == sorted([text, json])
    assert world.file(text) == b"".join(texts[: pages + more])
    assert (world.file(json) or b"").endswith(b"[" + b"".join(jsons[: pages + more]))


def test_a_page_that_is_gone_is_said_to_be() -> None:
    world, document, operations = ready(b"pages:2")
    world.results.delete(keys.page(document.id, 1, 2))
    with pytest.raises(PageMissing, match=f"page 2 of {document.id}"):
        write_files(world.deliver_ports, document, operations, world.clock.now() + DELIVER_SECONDS)


def test_own_text_is_read_as_it_was_stored_and_to_no_scale() -> None:
    world, _, operations = ready(b"pages:2")
    key = keys.page(operations[0].document_id, 1, 1)
    page = {**stored_page(OWN_TEXT), "text": "Own text\n"}
    world.results.put(key, json.dumps(page).encode())
    scaled = replace(operations[0], own_text=True, prepared=Preparation(How.SCALED, 0.5))
    [(_, shown)] = stored_pages(world.deliver_ports, [scaled])
    assert shown == page


def test_own_text_that_cannot_be_read_is_said_to_be_missing_and_not_quoted() -> None:
    world, document, operations = ready(b"pages:2")
    world.results.put(keys.page(document.id, 1, 1), b'{"text": "private"}')
    with pytest.raises(PageMissing, match=f"own text of page 1 of {document.id}") as missing:
        list(stored_pages(world.deliver_ports, [replace(operations[0], own_text=True)]))
    assert "private" not in "".join(traceback.format_exception(missing.value))


def test_a_segment_ends_when_it_is_large_enough() -> None:
    world = World(policy=replace(LONG, segment_pages=500, segment_bytes=1))
    world.upload("book.pdf", b"pages:5")
    world.run()
    puts = [call for call in world.faults.calls if call == "results.upload_part"]
    assert len(puts) == 2 * 5 + 2, "five segments of text and JSON, and the published copies"


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


def test_a_document_of_few_pages_with_more_text_than_a_segment_has_comes_to_its_end() -> None:
    """Its delivery has less time in all than is asked for before another segment of a long one."""
    world = World(policy=Policy(segment_bytes=100))
    assert world.policy.delivery_seconds <= world.policy.segment_seconds
    world.faults.happen("results.get", lambda: world.clock.advance(0.1), times=99)
    document = world.upload("book.pdf", b"pages:3")
    world.run(minutes=10)
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert "results.complete" in world.faults.calls
    assert segments(world) == []
