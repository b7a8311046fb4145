"""Every external call of a document's way fails once, before and after its effect; the promises hold all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

import pytest

from fakes.faults import Faults
from fakes.files import KilledError
from simulation import crash_pairs
from textdrop.core.documents import DocumentState, Outcome
from textdrop.core.errors import StoreUnavailable
from textdrop.core.events import parse_delivery
from textdrop.core.policy import Policy
from world import World


class Nth(Faults):
    """The nth call fails, before or after its effect; calls after it are good."""

    def __init__(self, nth: int, error: Callable[[], BaseException], when: str) -> None:
        super().__init__()
        self.nth, self.error, self.when = nth, error, when
        self.counted = 0
        self.fired = ""

    def before(self, call: str) -> None:
        self.counted += 1
        super().before(call)
        self._fire(call, "before")

    def after(self, call: str) -> None:
        super().after(call)
        self._fire(call, "after")

    def answer_lost(self, call: str) -> bool:
        lost = self.when == "lost" and self.counted == self.nth and not self.fired
        self.fired = self.fired or (call if lost else "")
        return lost

    def _fire(self, call: str, when: str) -> None:
        if when == self.when and self.counted == self.nth and not self.fired:
            self.fired = call
            raise self.error()


def killed() -> BaseException:
    return KilledError()


def unavailable() -> BaseException:
    return StoreUnavailable("a service failed")


def one_way(faults: Faults) -> World:
    """One good upload and one that is refused, from event to notices, with these faults."""
    world = World(faults=faults)
    world.upload("good.png", b"page")
    world.upload("bad.png", b"damaged")
    world.run()
    return world


def long_way(faults: Faults) -> World:
    """Some pages of a document, one of them damaged, assembled in segments."""
    world = World(faults=faults, policy=Policy(single_pass_max_pages=2, segment_pages=2))
    world.upload("book.pdf", b"pages:7 bad:4", {"ocr-pages": "2,4,6-"})
    world.run()
    return world


def rendered_way(faults: Faults) -> World:
    """A document that asks for every output, over an older one of the same key that did too."""
    world = World(faults=faults)
    world.upload("book.pdf", b"pages:3", {"ocr-outputs": "markdown tables searchable-pdf"})
    world.clock.advance(5.0)
    world.upload("book.pdf", b"pages:2", {"ocr-outputs": "searchable-pdf tables"})
    world.run()
    return world


def together_way(faults: Faults) -> World:
    """Three uploads, delivered by one message, as those before it are lost."""
    world = World(faults=faults)
    for key in ("a.png", "b.png", "c.png"):
        world.upload(key, b"page of " + key.encode())
    world.submit()
    world.poll()
    world.deliver_queue.clear()
    world.clock.advance(60.0)
    world.run()
    return world


def calls_of(way: Callable[[Faults], World]) -> Iterator[tuple[int, str]]:
    faults = Faults()
    way(faults)
    return enumerate(list(faults.calls), start=1)


CALLS = list(calls_of(one_way))
LONG_CALLS = list(calls_of(long_way))
RENDERED_CALLS = list(calls_of(rendered_way))
LOST_CALLS = [(nth, call) for nth, call in RENDERED_CALLS if not call.startswith("ocr.")]
TOGETHER_CALLS = list(takewhile(lambda each: each[1] != "deliveries.send_one", reversed(list(calls_of(together_way)))))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [killed, unavailable])
@pytest.mark.parametrize(("nth", "call"), CALLS, ids=[f"{nth}-{call}" for nth, call in CALLS])
def test_the_promises_hold_whatever_call_fails(
    nth: int, call: str, error: Callable[[], BaseException], when: str
) -> None:
    if call.startswith("ocr.") and error is unavailable:
        error = killed  # the OCR service's own failures are errors of another kind, tested by themselves
    faults = Nth(nth, error, when)
    world = one_way(faults)
    assert faults.fired == call
    rows = list(world.documents.rows.values())
    assert {row.source.key: row.outcome for row in rows} == {
        "good.png": Outcome.SUCCEEDED,
        "bad.png": Outcome.FAILED,
    }
    assert all(row.state is DocumentState.FINAL and row.due_at is None for row in rows)
    unconfirmed = sum(operation.unconfirmed for operation in world.documents.operations.values())
    assert 1 <= len(world.ocr.accepted) <= 1 + unconfirmed
    assert unconfirmed <= 1
    assert world.file("good.png.txt")
    assert world.file("good.png.error.json") is None
    assert world.json("bad.png.error.json")["reason"] == "damaged"
    check_notices(world)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [killed, unavailable])
@pytest.mark.parametrize(("nth", "call"), LONG_CALLS, ids=[f"{nth}-{call}" for nth, call in LONG_CALLS])
def test_the_promises_hold_for_a_long_document_whatever_call_fails(
    nth: int, call: str, error: Callable[[], BaseException], when: str
) -> None:
    if call.startswith("ocr.") and error is unavailable:
        error = killed
    faults = Nth(nth, error, when)
    world = long_way(faults)
    assert faults.fired == call
    [row] = world.documents.rows.values()
    assert (row.state, row.due_at) == (DocumentState.FINAL, None)
    assert (row.outcome, row.pages_recognized) == (Outcome.PARTIAL, 3)
    unconfirmed = sum(operation.unconfirmed for operation in world.documents.operations.values())
    assert 3 <= len(world.ocr.accepted) <= 3 + unconfirmed
    assert unconfirmed <= 1
    result: Any = world.json("book.pdf.ocr.json")
    assert [page["number"] for page in result["pages"] if page["text"]] == [2, 6, 7]
    texts = [page["text"] and page["text"] + "\n" for page in result["pages"]]
    assert (world.file("book.pdf.txt") or b"").decode().split("\f") == texts
    check_notices(world)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [killed, unavailable])
@pytest.mark.parametrize(("nth", "call"), RENDERED_CALLS, ids=[f"{nth}-{call}" for nth, call in RENDERED_CALLS])
def test_the_promises_hold_for_rendered_documents_whatever_call_fails(
    nth: int, call: str, error: Callable[[], BaseException], when: str
) -> None:
    if call.startswith("ocr.") and error is unavailable:
        error = killed
    faults = Nth(nth, error, when)
    check_rendered(rendered_way(faults))
    assert faults.fired == call


@pytest.mark.parametrize(("nth", "call"), LOST_CALLS, ids=[f"{nth}-{call}" for nth, call in LOST_CALLS])
def test_the_promises_hold_for_rendered_documents_whatever_answer_is_lost(nth: int, call: str) -> None:
    faults = Nth(nth, unavailable, "lost")
    check_rendered(rendered_way(faults))
    assert faults.fired == call


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [killed, unavailable])
@pytest.mark.parametrize(("nth", "call"), TOGETHER_CALLS, ids=[f"{nth}-{call}" for nth, call in TOGETHER_CALLS])
def test_the_promises_hold_for_documents_of_one_message_whatever_call_fails(
    nth: int, call: str, error: Callable[[], BaseException], when: str
) -> None:
    faults = Nth(nth, error, when)
    world = together_way(faults)
    assert faults.fired == call
    assert max(len(parse_delivery(body)) for body in world.deliveries.sent) == 3
    rows = list(world.documents.rows.values())
    assert [(row.outcome, row.due_at) for row in rows] == [(Outcome.SUCCEEDED, None)] * 3
    assert len({world.file(row.source.key + ".txt") for row in rows} - {None}) == 3
    check_notices(world)


def check_rendered(world: World) -> None:
    rows = world.documents.rows.values()
    assert {(row.state, row.due_at, row.outcome) for row in rows} == {(DocumentState.FINAL, None, Outcome.SUCCEEDED)}
    suffixes = {name.removeprefix("book.pdf") for name in world.results.keys() if name.startswith("book.pdf")}  # noqa: SIM118
    tables = {".tables.xlsx", ".tables/0001-01.csv", ".tables/0002-01.csv"}
    assert suffixes == {".txt", ".ocr.json", ".searchable.pdf", *tables}
    assert (world.file("book.pdf.searchable.pdf") or b"").startswith(b"pages:2")
    assert all(notice["warnings"] == [] for row in rows for notice in world.notices_of(row))
    check_notices(world)


def check_notices(world: World) -> None:
    for row in world.documents.rows.values():
        assert {notice["id"] for notice in world.notices_of(row)} == {f"{row.id}:1:{row.outcome}"}


def test_the_promises_hold_after_a_sample_of_the_pairs_of_crashes() -> None:
    """All of them: `make crashes`."""
    for outputs in crash_pairs.OUTPUTS:
        sample = list(crash_pairs.pairs(outputs, step=97))
        assert len(sample) > 50
        for pair in sample:
            crash_pairs.check(outputs, *pair)
