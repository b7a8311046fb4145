"""Reuse: a page that the service took before is not paid for again, for whatever document; and when it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Literal

import pytest

from fakes.ocr import INTERNAL, Failure
from pagekit.prepared import How, Preparation
from textdrop.core import keys, problems
from textdrop.core.documents import Billed, Document, DocumentState, OperationState, Outcome, Resume
from textdrop.core.errors import OcrRejected, OcrUnavailable, StoreUnavailable, Trace
from textdrop.core.events import delivery_body
from textdrop.core.observations import Cancelled, DeleteAsked, RetryAsked
from unit.usecases.capped import TODAY, allow, capped, delete, reserved, work
from world import World

PAGE = b"the same page"
DOWN = StoreUnavailable("down")


def reusing(world: World) -> World:
    """The world with the parameter on."""
    world.submit_settings = replace(world.submit_settings, reuse="yes")
    return world


@pytest.fixture
def world() -> World:
    return reusing(World())


def done(world: World, key: str, body: bytes = PAGE, metadata: dict[str, str] | None = None) -> Document:
    """An upload that came to its end."""
    document = world.upload(key, body, metadata)
    world.run()
    return document


def counts(world: World, document: Document) -> tuple[int, int, int]:
    """How many pages of its run were paid, kept and reused."""
    row = world.row(document)
    return (row.billed or Billed()).paid, row.pages_kept, row.pages_reused


# --- what is not paid for again ---


def test_the_same_upload_again_costs_nothing_and_has_the_same_text(world: World) -> None:
    first, second = done(world, "a.png"), done(world, "b.png")
    assert [counts(world, document) for document in (first, second)] == [(1, 0, 0), (0, 0, 1)]
    assert world.file("a.png.txt") == world.file("b.png.txt") is not None
    assert world.operation(second).reused_from == first.id
    stored = [world.file(keys.page(document.id, 1, 1)) for document in (first, second)]
    assert stored[0] == stored[1] is not None


def test_one_page_in_two_folders_at_once_is_paid_once_and_both_have_it_in_their_own_folder(world: World) -> None:
    first, second = world.upload("a/x.png", PAGE), world.upload("b/x.png", PAGE)
    world.submit()
    assert world.operation(second).state is OperationState.RUNNING
    assert world.operation(second).described == world.operation(first).described
    world.run()
    assert [counts(world, document) for document in (first, second)] == [(1, 0, 0), (0, 0, 1)]
    assert len(world.ocr.accepted) == 1
    assert world.file("a/x.png.txt") == world.file("b/x.png.txt") is not None
    assert world.file(keys.page(second.id, 1, 1)) is not None


def test_a_document_of_three_pages_again_costs_nothing(world: World) -> None:
    first, second = done(world, "a.pdf", b"pages:3"), done(world, "b.pdf", b"pages:3")
    assert [counts(world, document) for document in (first, second)] == [(3, 0, 0), (0, 0, 3)]
    assert world.file("a.pdf.txt") == world.file("b.pdf.txt")
    assert world.file("a.pdf.txt") is not None
    pages: list[Any] = [world.json(f"{key}.ocr.json")["pages"] for key in ("a.pdf", "b.pdf")]
    assert [page.pop("text_from") for of_one in pages for page in of_one] == ["service"] * 3 + ["reused"] * 3
    assert pages[0] == pages[1]


class SamePages:
    """A file of three pages that are alike."""

    def __init__(self, world: World) -> None:
        opens = world.submit_ports.open_document

        def open_document(file: Any, limits: Any) -> Any:
            opened = opens(file, limits)
            page = opened.page

            class Opened:
                facts = opened.facts
                close = opened.close

                def page(self, number: int) -> Any:
                    return page(1)

                def own_text(self, number: int) -> None:
                    return None

            return Opened()

        world.submit_ports = replace(world.submit_ports, open_document=open_document)


@pytest.mark.parametrize("per_day", [0, 3])
def test_pages_that_are_alike_within_a_document_are_paid_once(per_day: int) -> None:
    world = reusing(capped(per_day=per_day))
    SamePages(world)
    document = world.upload("x.pdf", b"pages:3")
    work(world)
    assert counts(world, document) == (1, 0, 2)
    assert len(world.ocr.accepted) == 1
    assert reserved(world) == ({TODAY: 1} if per_day else {})
    assert {world.operation(document, page).reused_from for page in (1, 2, 3)} == {"", document.id}


def test_a_page_that_was_reused_before_is_told_of_by_the_one_that_was_sent(world: World) -> None:
    first = done(world, "a.png")
    others = [done(world, key) for key in ("b.png", "c.png")]
    assert {world.operation(other).reused_from for other in others} == {first.id}


def test_what_is_reused_needs_no_room_under_a_cap() -> None:
    world = reusing(capped(per_day=3))
    first = world.upload("a.pdf", b"pages:3")
    work(world)
    second = world.upload("b.pdf", b"pages:3")
    work(world)
    assert [counts(world, document) for document in (first, second)] == [(3, 0, 0), (0, 0, 3)]
    assert reserved(world) == {TODAY: 3}


def test_one_page_twice_at_once_uses_the_room_of_one() -> None:
    world = reusing(capped(per_day=2))
    for key in ("a.png", "b.png", "c.png"):
        world.upload(key, PAGE)
    world.submit()
    assert {row.unfinished for row in world.documents.rows.values()} == {frozenset({1})}, "each waits for its text"
    work(world)
    assert {row.outcome for row in world.documents.rows.values()} == {Outcome.SUCCEEDED}
    assert reserved(world) == {TODAY: 1}


def test_places_are_in_pixels_of_each_upload_though_the_page_is_one(world: World) -> None:
    """What the one was scaled to, the other is."""
    first = done(world, "a.png", b"scaled")
    opens = world.submit_ports.open_document

    def open_document(file: Any, limits: Any) -> Any:
        opened: Any = opens(file, limits)
        page = opened.page(1)
        opened.page = lambda number: replace(page, preparation=Preparation(How.AS_IS))
        return opened

    world.submit_ports = replace(world.submit_ports, open_document=open_document)
    second = done(world, "b.png", b"scaled")
    assert [counts(world, document) for document in (first, second)] == [(1, 0, 0), (0, 0, 1)]
    pages: list[Any] = [world.json(f"{key}.ocr.json")["pages"] for key in ("a.png", "b.png")]
    assert [(page["prepared"]["scale"], page["width"]) for [page] in pages] == [(0.5, 200), (1.0, 100)]


# --- what is ---


@pytest.mark.parametrize(
    ("metadata", "parameter"),
    [
        ({"ocr-reuse": "no"}, "yes"),
        ({}, "no"),
        ({"ocr-model": "markdown"}, "yes"),
        ({"ocr-languages": "ru"}, "yes"),
    ],
)
def test_not_wanted_or_read_with_other_options_it_is_paid_for(
    world: World, metadata: dict[str, str], parameter: str
) -> None:
    done(world, "a.png")
    world.submit_settings = replace(world.submit_settings, reuse=parameter)
    second = done(world, "b.png", PAGE, metadata)
    assert counts(world, second) == (1, 0, 0)


def test_the_languages_in_another_order_are_the_same(world: World) -> None:
    done(world, "a.png", PAGE, {"ocr-languages": "ru en"})
    assert counts(world, done(world, "b.png", PAGE, {"ocr-languages": "en ru"})) == (0, 0, 1)


def test_an_upload_may_ask_for_it_where_the_parameter_is_off() -> None:
    world = World()
    yes = {"ocr-reuse": "yes"}
    assert counts(world, done(world, "a.png")) == (1, 0, 0)
    assert counts(world, done(world, "b.png", PAGE, yes)) == (1, 0, 0)  # nobody wrote down what was sent before
    assert counts(world, done(world, "c.png", PAGE, yes)) == (0, 0, 1)


def test_what_the_service_refused_or_failed_is_sent_again(world: World) -> None:
    world.faults.fail("ocr.submit", OcrRejected("400", Trace(status=400, code=3)))
    assert world.row(done(world, "a.png")).outcome is Outcome.FAILED
    world.ocr.table[PAGE] = Failure(INTERNAL, "it broke")
    assert world.row(done(world, "b.png")).outcome is Outcome.FAILED
    world.ocr.table.clear()
    assert counts(world, done(world, "c.png")) == (1, 0, 0)
    assert counts(world, done(world, "d.png")) == (0, 0, 1)
    assert len(world.ocr.accepted) == 2


def test_two_that_share_an_id_that_fails_each_come_to_an_end(world: World) -> None:
    """The one that paid fails; the other is sent by itself."""
    world.ocr.table[PAGE] = Failure(INTERNAL, "it broke")
    first, second = world.upload("a.png", PAGE), world.upload("b.png", PAGE)
    world.submit()
    assert len(world.ocr.accepted) == 1
    world.run()
    assert [world.row(document).outcome for document in (first, second)] == [Outcome.FAILED] * 2
    assert len(world.ocr.accepted) == 2
    assert world.operation(second).reused_from == ""


def test_of_one_that_was_deleted_it_is_paid_for_and_no_row_names_it(world: World) -> None:
    first = done(world, "a.png")
    delete(world, first)
    assert world.sent_pages.rows == {}
    assert counts(world, done(world, "b.png")) == (1, 0, 0)


def test_while_another_is_being_deleted_nothing_of_it_is_taken(world: World) -> None:
    first = done(world, "a.png")
    world.transition(first, DeleteAsked())
    world.poll()
    world.deliver()
    assert world.row(first).state is DocumentState.DELETING
    assert counts(world, done(world, "b.png")) == (1, 0, 0)
    assert [row.document_id for row in world.sent_pages.rows.values()] != [first.id]


def test_who_has_copied_a_result_keeps_it_when_the_other_is_deleted(world: World) -> None:
    first, second = done(world, "a.png"), done(world, "b.png")
    text = world.file("b.png.txt")
    delete(world, first)
    assert world.file("b.png.txt") == text is not None
    assert world.file(keys.page(second.id, 1, 1)) is not None


def test_who_shares_an_id_gets_its_result_though_the_other_was_deleted() -> None:
    world = reusing(World(recognition_seconds=400.0))
    first, second = world.upload("a.png", PAGE), world.upload("b.png", PAGE)
    world.submit()
    delete(world, first)
    world.run()
    assert counts(world, second) == (0, 0, 1)
    assert world.row(second).outcome is Outcome.SUCCEEDED
    assert world.file("b.png.txt") is not None


def test_who_has_taken_over_the_row_of_a_deleted_document_keeps_it(world: World) -> None:
    first = done(world, "a.png")
    world.results.delete(keys.page(first.id, 1, 1))
    second = done(world, "b.png")
    assert counts(world, second) == (1, 0, 0)
    delete(world, first)
    assert [row.document_id for row in world.sent_pages.rows.values()] == [second.id]
    assert counts(world, done(world, "c.png")) == (0, 0, 1)


def test_of_one_that_was_cancelled_before_it_was_sent_the_other_sends_it(world: World) -> None:
    world.faults.fail("ocr.submit", OcrUnavailable("500", Trace(status=500, code=13)))
    first = world.upload("a.png", PAGE)
    world.submit()
    assert len(world.sent_pages.rows) == 1
    world.transition(first, Cancelled(problems.cancelled()))
    assert counts(world, done(world, "b.png")) == (1, 0, 0)


def test_of_one_that_was_cancelled_while_it_ran_the_other_gets_what_was_paid() -> None:
    world = reusing(World(recognition_seconds=100.0))
    first = world.upload("a.png", PAGE)
    world.submit()
    world.transition(first, Cancelled(problems.cancelled()))
    second = done(world, "b.png")
    assert counts(world, second) == (0, 0, 1)
    assert world.row(second).outcome is Outcome.SUCCEEDED


def test_what_the_service_has_forgotten_is_paid_for() -> None:
    world = reusing(World(recognition_seconds=1e9))
    first = world.upload("a.png", PAGE)
    world.submit()
    world.clock.advance(world.policy.deadline_seconds(1))
    second = world.upload("b.png", PAGE)
    world.submit()
    assert world.operation(first).state is OperationState.RUNNING
    assert world.operation(second).reused_from == ""
    assert len(world.ocr.accepted) == 2


# --- who waits for another ---


def test_a_page_waits_for_the_same_page_that_is_about_to_be_sent_and_sends_it_in_the_end_itself(world: World) -> None:
    world.faults.fail("ocr.submit", OcrUnavailable("500", Trace(status=500, code=13)))
    world.upload("a.png", PAGE)
    world.submit()
    second = world.upload("b.png", PAGE)
    began = world.clock.now()
    world.submit()
    assert world.ocr.accepted == []
    due_at = world.row(second).due_at
    assert due_at is not None
    assert began < due_at <= began + 60.0
    assert world.row(second).consecutive_failures == 0
    world.run()
    assert {row.outcome for row in world.documents.rows.values()} == {Outcome.SUCCEEDED}
    assert len(world.ocr.accepted) == 1


def test_a_page_that_waits_keeps_no_other_from_being_sent(world: World) -> None:
    world.faults.fail("ocr.submit", OcrUnavailable("500", Trace(status=500, code=13)))
    first = world.upload("a.pdf", b"pages:3")
    world.submit()
    assert world.operation(first, 1).state is OperationState.WAITING
    second = world.upload("b.pdf", b"pages:3")
    world.submit()
    assert [row.page for row in world.documents.read_operations(second.id, 1)] == [2, 3]
    world.run()
    assert [counts(world, document) for document in (first, second)] == [(3, 0, 0), (0, 0, 3)]


def test_it_waits_no_longer_than_a_quarter_of_an_hour(world: World) -> None:
    world.faults.fail("ocr.submit", OcrUnavailable("500", Trace(status=500, code=13)))
    first = world.upload("a.png", PAGE)
    world.submit()
    claimed_at = world.clock.now()
    world.documents.rows[first.id] = replace(world.row(first), due_at=world.clock.now() + 86_400.0)
    second = world.upload("b.png", PAGE)
    world.submit()
    for _ in range(40):
        world.clock.advance(30.0)
        world.poll()
        world.submit()
        if world.ocr.accepted:
            break
    assert 890.0 < world.clock.now() - claimed_at < 1_000.0
    assert world.operation(second).reused_from == ""


def test_nobody_waits_for_one_that_is_held() -> None:
    world = reusing(capped(per_day=1))
    first = world.upload("a.pdf", b"pages:2")
    world.submit()
    assert world.row(first).state is DocumentState.HELD
    allow(world)
    SamePages(world)
    world.documents.rows[first.id] = replace(world.row(first), due_at=world.clock.now() + 86_400.0)
    second = world.upload("b.pdf", b"pages:2")
    world.submit()
    assert len(world.ocr.accepted) == 1
    assert world.row(second).unfinished == {1, 2}


def test_two_that_claim_a_page_at_the_same_time_send_it_once(world: World) -> None:
    first = world.upload("a.png", PAGE)
    [message] = world.visible()
    taken = world.receive(message)
    second = world.upload("b.png", PAGE)
    world.faults.happen("sent_pages.claim", lambda: world.submit() and None)
    world.submit([taken])
    world.run()
    assert Counter(counts(world, document) for document in (first, second)) == {(1, 0, 0): 1, (0, 0, 1): 1}


def test_one_that_claimed_the_page_long_ago_is_not_overtaken_while_it_waits_for_its_slot(world: World) -> None:
    world.faults.fail("ocr.submit", OcrUnavailable("500", Trace(status=500, code=13)))
    first = world.upload("a.png", PAGE)
    world.submit()
    world.clock.advance(world.policy.reuse_wait_seconds - 1.0)
    world.poll()
    second = world.upload("b.png", PAGE)
    [other] = world.visible()[-1:]
    taken = world.receive(other)

    def meanwhile() -> None:
        world.clock.advance(2.0)
        world.submit([taken])

    world.faults.happen("quota.reserve", meanwhile)
    world.submit()
    world.run()
    assert [counts(world, document) for document in (first, second)] == [(1, 0, 0), (0, 0, 1)]
    assert len(world.ocr.accepted) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["sent_pages.read", "sent_pages.claim", "results.get", "results.put"])
def test_an_outage_while_a_page_is_looked_up_costs_no_second_page(
    world: World, call: str, when: Literal["before", "after"]
) -> None:
    done(world, "a.png")
    world.faults.fail(call, DOWN, when=when)
    second = done(world, "b.png")
    assert world.row(second).outcome is Outcome.SUCCEEDED
    assert len(world.ocr.accepted) == 1


# --- retries ---


def test_a_retry_keeps_what_was_reused_and_sends_only_what_failed(world: World) -> None:
    done(world, "a.pdf", b"pages:3")
    world.sent_pages.rows = dict(list(world.sent_pages.rows.items())[:2])
    world.faults.fail("ocr.submit", OcrRejected("400", Trace(status=400, code=3)))
    second = done(world, "b.pdf", b"pages:3")
    assert (world.row(second).outcome, counts(world, second)) == (Outcome.PARTIAL, (0, 0, 2))
    world.transition(second, RetryAsked())
    world.run()
    assert (world.row(second).outcome, counts(world, second)) == (Outcome.SUCCEEDED, (1, 2, 0))


def test_what_runs_from_an_earlier_run_is_left_alone_when_the_others_are_looked_at_ahead() -> None:
    world = reusing(capped(per_day=9, recognition_seconds=100.0))
    document = world.upload("x.pdf", b"pages:2")
    world.faults.fail("ocr.submit", OcrUnavailable("500", Trace(status=500, code=13)), skip=1)
    world.submit()
    world.transition(document, Cancelled(problems.cancelled()))
    row = world.row(document)
    world.send_delivery(delivery_body([Resume(row.id, row.rev)]))
    world.deliver()
    world.transition(document, RetryAsked())
    work(world)
    assert (world.row(document).outcome, counts(world, document)) == (Outcome.SUCCEEDED, (1, 1, 0))
    assert "pass_died" not in {entry.name for entry in world.journal.failures}


def test_a_retry_with_another_model_pays_and_one_back_keeps(world: World) -> None:
    done(world, "a.png")
    second = done(world, "b.png")
    for model, expected in (("table", (1, 0, 0)), ("page", (0, 1, 0))):
        world.transition(second, RetryAsked((("ocr-model", model),)))
        world.run()
        assert counts(world, second) == expected


def test_a_retry_of_the_one_that_paid_leaves_what_others_find(world: World) -> None:
    first = done(world, "a.png")
    world.transition(first, RetryAsked((("ocr-model", "table"),)))
    world.run()
    world.transition(first, RetryAsked((("ocr-model", "page"),)))
    world.run()
    assert counts(world, done(world, "b.png")) == (0, 0, 1)
    assert counts(world, done(world, "c.png", PAGE, {"ocr-model": "table"})) == (0, 0, 1)
