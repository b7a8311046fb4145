"""Every external call of a document's way, and of what requests lead to, fails once, before and after its effect, or
loses its answer; so do pairs. The promises hold all the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from fakes.faults import Faults
from fakes.files import KilledError
from simulation import crash_pairs
from simulation.request_ways import WAYS, Way
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


def _one(world: World) -> None:
    """One good upload and one that is refused, from event to notices."""
    world.upload("good.png", b"page")
    world.upload("bad.png", b"damaged")
    world.run()


def _check_one(world: World, failures: int) -> None:
    rows = world.documents.rows.values()
    assert {row.source.key: row.outcome for row in rows} == {
        "good.png": Outcome.SUCCEEDED,
        "bad.png": Outcome.FAILED,
    }
    assert all(row.state is DocumentState.FINAL and row.due_at is None for row in rows)
    _check_paid(world, 1, failures)
    assert world.file("good.png.txt")
    assert world.file("good.png.error.json") is None
    assert world.json("bad.png.error.json")["reason"] == "damaged"
    _check_notices(world)


def _long(world: World) -> None:
    """Some pages of a document, one of them damaged, assembled in segments."""
    world.upload("book.pdf", b"pages:7 bad:4", {"ocr-pages": "2,4,6-"})
    world.run()


def _check_long(world: World, failures: int) -> None:
    [row] = world.documents.rows.values()
    assert (row.state, row.due_at) == (DocumentState.FINAL, None)
    assert (row.outcome, row.pages_recognized) == (Outcome.PARTIAL, 3)
    _check_paid(world, 3, failures)
    result: Any = world.json("book.pdf.ocr.json")
    assert [page["number"] for page in result["pages"] if page["text"]] == [2, 6, 7]
    texts = [page["text"] and page["text"] + "\n" for page in result["pages"]]
    assert (world.file("book.pdf.txt") or b"").decode().split("\f") == texts
    _check_notices(world)


def _rendered(world: World) -> None:
    """A document that asks for every output, over an older one of the same key that did too."""
    world.upload("book.pdf", b"pages:3", {"ocr-outputs": "markdown tables searchable-pdf"})
    world.clock.advance(5.0)
    world.upload("book.pdf", b"pages:2", {"ocr-outputs": "searchable-pdf tables"})
    world.run()


def _check_rendered(world: World, failures: int) -> None:
    rows = world.documents.rows.values()
    assert {(row.state, row.due_at, row.outcome) for row in rows} == {(DocumentState.FINAL, None, Outcome.SUCCEEDED)}
    suffixes = {name.removeprefix("book.pdf") for name in world.results.keys() if name.startswith("book.pdf")}  # noqa: SIM118
    tables = {".tables.xlsx", ".tables/0001-01.csv", ".tables/0002-01.csv"}
    assert suffixes == {".txt", ".ocr.json", ".searchable.pdf", *tables}
    assert (world.file("book.pdf.searchable.pdf") or b"").startswith(b"pages:2")
    assert all(notice["warnings"] == [] for row in rows for notice in world.notices_of(row))
    _check_notices(world)


def _three(faults: Faults) -> World:
    """Three uploads whose first messages to deliver are lost, so that one names all."""
    world = World(faults=faults)
    for key in ("a.png", "b.png", "c.png"):
        world.upload(key, b"page of " + key.encode())
    world.submit()
    world.poll()
    world.deliver_queue.clear()
    world.clock.advance(60.0)
    return world


def _check_together(world: World, failures: int) -> None:
    assert max(len(parse_delivery(body)) for body in world.deliveries.sent) == 3
    rows = list(world.documents.rows.values())
    assert [(row.outcome, row.due_at) for row in rows] == [(Outcome.SUCCEEDED, None)] * 3
    assert len({world.file(row.source.key + ".txt") for row in rows} - {None}) == 3
    _check_notices(world)


def _check_paid(world: World, pages: int, failures: int) -> None:
    unconfirmed = sum(operation.unconfirmed for operation in world.documents.operations.values())
    assert pages <= len(world.ocr.accepted) <= pages + unconfirmed
    assert unconfirmed <= failures


def _check_notices(world: World) -> None:
    for row in world.documents.rows.values():
        assert {notice["id"] for notice in world.notices_of(row)} == {f"{row.id}:1:{row.outcome}"}


DELIVERIES = {
    "one": Way(lambda faults: World(faults=faults), _one, _check_one),
    "long": Way(
        lambda faults: World(faults=faults, policy=Policy(single_pass_max_pages=2, segment_pages=2)), _long, _check_long
    ),
    "rendered": Way(lambda faults: World(faults=faults), _rendered, _check_rendered),
    "together": Way(_three, World.run, _check_together),
}
EACH = {name: replace(way, alike_most=sys.maxsize) for name, way in DELIVERIES.items()} | WAYS


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize(
    ("error", "when"),
    [(killed, "before"), (killed, "after"), (unavailable, "before"), (unavailable, "after"), (unavailable, "lost")],
)
def test_the_promises_hold_whatever_call_fails(name: str, error: Callable[[], BaseException], when: str) -> None:
    way = EACH[name]
    for nth, call in way.calls():
        if call.startswith("ocr.") and error is unavailable:
            continue  # the OCR service's own failures are errors of another kind, tested by themselves
        faults = Nth(nth, error, when)
        with failing_at(nth, call):
            world = way.run(faults)
            # A source that is gone fails its call by itself.
            assert faults.fired == call or (name, call) == ("the source is deleted", "sources.head")
            way.check(world, 0 if when == "lost" else 1)


@contextmanager
def failing_at(nth: int, call: str) -> Iterator[None]:
    """An error that leaves it says at which call."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"after call {nth}, {call}, had failed")
        raise


def test_the_promises_hold_after_a_sample_of_the_pairs_of_crashes_of_a_delivery() -> None:
    """All of them: `make crashes`."""
    for outputs in crash_pairs.OUTPUTS:
        sample = list(crash_pairs.pairs(outputs, step=97))
        assert len(sample) > 50
        for pair in sample:
            crash_pairs.check(outputs, *pair)


@pytest.mark.parametrize("name", WAYS)
def test_the_promises_hold_after_a_sample_of_the_pairs_of_crashes(name: str) -> None:
    """All of them: `make crashes`."""
    sample = list(crash_pairs.pairs_of(WAYS[name], step=197 * crash_pairs.STEPS.get(name, 1)))
    assert len(sample) > 9
    for pair in sample:
        crash_pairs.check_way(WAYS[name], *pair)
