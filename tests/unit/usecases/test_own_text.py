"""Pages with text of their own: they are recognised by that, and nothing is sent of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pagekit.limits import FileLimits
from pagekit.page import RecognisedPage
from textdrop.core import keys
from textdrop.core.documents import Billed, OperationState, Outcome
from textdrop.core.observations import RetryAsked
from unit.usecases.capped import TODAY, capped, reserved, work
from unit.usecases.test_reuse import reusing
from world import World

WITHOUT_TEXT = {"ocr-pages": "without-text"}


@pytest.mark.parametrize("per_day", [0, 9])
def test_a_page_with_text_of_its_own_is_not_sent(per_day: int) -> None:
    world = reusing(capped(per_day=per_day))
    document = world.upload("x.pdf", b"pages:3 text:2", WITHOUT_TEXT)
    work(world)
    row = world.row(document)
    assert (row.outcome, row.pages, row.pages_recognized, row.pages_skipped) == (Outcome.SUCCEEDED, 3, 3, 1)
    assert row.billed == Billed(2)
    assert len(world.ocr.accepted) == 2
    operation = world.operation(document, 2)
    assert (operation.state, operation.own_text, operation.sent) == (OperationState.RECOGNIZED, True, False)
    assert reserved(world) == ({TODAY: 2} if per_day else {})
    assert len(world.sent_pages.rows) == 2


def test_what_is_stored_is_its_text_which_is_in_the_result(world: World) -> None:
    document = world.upload("x.pdf", b"pages:3 text:2", WITHOUT_TEXT)
    world.run()
    body = world.file(keys.page(document.id, 1, 2))
    assert body is not None
    assert json.loads(body)["text"] == "Own text of page 2"
    assert world.operation(document, 2).result_bytes == len(body)
    assert "Own text of page 2" in (world.file("x.pdf.txt") or b"").decode()


def test_a_document_whose_every_page_has_text_is_done_without_the_service(world: World) -> None:
    document = world.upload("x.png", b"text:1", WITHOUT_TEXT)
    world.run()
    assert (world.row(document).outcome, world.row(document).billed) == (Outcome.SUCCEEDED, Billed())
    assert world.ocr.accepted == []


def test_a_document_of_more_pages_than_a_pass_looks_at_is_not_held_for_those_with_text() -> None:
    world = capped(per_day=2)
    opens = world.submit_ports.open_document

    def open_document(file: Any, limits: FileLimits) -> Any:
        opened: Any = opens(file, limits)
        text = opened.own_text(1)

        def own_text(number: int) -> RecognisedPage | None:
            world.clock.advance(8.0)
            return text if number != 5 else None

        opened.own_text = own_text
        return opened

    world.submit_ports = replace(world.submit_ports, open_document=open_document)
    document = world.upload("x.pdf", b"pages:9 text:1", WITHOUT_TEXT)
    work(world)
    row = world.row(document)
    assert (row.outcome, row.pages_skipped, row.billed) == (Outcome.SUCCEEDED, 8, Billed(1))
    assert reserved(world) == {TODAY: 1}


def test_unless_that_is_asked_for_every_page_is_sent(world: World) -> None:
    document = world.upload("x.pdf", b"pages:3 text:2")
    world.run()
    assert world.row(document).billed == Billed(3)


@pytest.mark.parametrize(("pages", "paid", "kept"), [("without-text", 0, 3), ("all", 1, 2)])
def test_a_retry_that_asks_for_all_pages_sends_those_with_text_too(
    world: World, pages: str, paid: int, kept: int
) -> None:
    document = world.upload("x.pdf", b"pages:3 text:2", WITHOUT_TEXT)
    world.run()
    world.transition(document, RetryAsked((("ocr-pages", pages),)))
    world.run()
    row = world.row(document)
    assert (row.billed, row.pages_kept, row.pages_skipped) == (Billed(paid), kept, 0)


def test_what_was_paid_for_is_kept_where_a_retry_would_do_with_its_own_text(world: World) -> None:
    document = world.upload("x.pdf", b"pages:3 text:2")
    world.run()
    world.transition(document, RetryAsked(tuple(WITHOUT_TEXT.items())))
    world.run()
    assert (world.row(document).billed, world.row(document).pages_kept) == (Billed(), 3)
