"""Outputs that are made again: of the pages there are, in a run of their own, without a word with the OCR service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.ocr import Failure
from textdrop.core import keys
from textdrop.core.documents import Billed, Document, DocumentState, Outcome, Output
from textdrop.core.observations import RenderAsked, RetryAsked
from world import World


def render(world: World, document: Document, *outputs: Output) -> Document:
    """Asks for these outputs, or for those of before, and lets the run end."""
    assert world.transition(document, RenderAsked(outputs or None)) is not None
    world.run()
    return world.row(document)


def names(world: World, key: str) -> set[str]:
    """The suffixes of the files that the upload's names have, but for the tables' CSV files."""
    return {suffix for suffix in keys.SUFFIXES if world.file(key + suffix) is not None}


def test_outputs_are_made_of_the_pages_there_are_and_nothing_is_paid(world: World) -> None:
    document = world.upload("x.pdf", b"pages:3 bad:2")
    world.run()
    sent, asked = len(world.ocr.accepted), world.ocr.asked.total()
    world.uploads.delete("x.pdf")
    row = render(world, document, Output.MARKDOWN)
    assert (row.state, row.run, row.outcome, row.pages_recognized) == (DocumentState.FINAL, 2, Outcome.PARTIAL, 2)
    assert (row.billed, row.pages_kept) == (Billed(), 2)
    assert (len(world.ocr.accepted), world.ocr.asked.total()) == (sent, asked)
    assert names(world, "x.pdf") == {keys.TEXT, keys.JSON, keys.MARKDOWN}
    result: Any = world.json("x.pdf.ocr.json")
    assert (result["run"], [page["status"] for page in result["pages"]]) == (2, ["recognized", "failed", "recognized"])
    assert result["options"]["outputs"] == {"value": ["markdown"], "from": "request"}
    first, second = world.ledger.runs(document.id)
    assert (first.submitted, second.submitted, second.kept, second.cost) == (2, 0, 2, "0.0000")
    ids = [notice["id"].partition(":")[2] for notice in world.notices_of(document)]
    assert ids == ["1:partial", "2:partial"]
    assert world.notices_of(document)[-1]["pages"]["failures"] == [{"reason": "damaged", "count": 1, "pages": "2"}]


def test_as_often_as_it_is_asked_for_and_the_names_have_what_was_asked_for_last(world: World) -> None:
    document = world.upload("x.png", b"page", {"ocr-outputs": "tables"})
    world.run()
    assert render(world, document, Output.MARKDOWN, Output.SEARCHABLE_PDF).run == 2
    assert names(world, "x.png") == {keys.TEXT, keys.JSON, keys.MARKDOWN, keys.SEARCHABLE_PDF}
    row = render(world, document)
    assert (row.run, row.pages_run, row.operations_run) == (3, 1, 1)
    assert names(world, "x.png") == {keys.TEXT, keys.JSON, keys.MARKDOWN, keys.SEARCHABLE_PDF}
    assert world.transition(document, RenderAsked(()))
    world.run()
    assert names(world, "x.png") == {keys.TEXT, keys.JSON}
    assert len(world.ocr.accepted) == 1


def test_after_a_retry_and_a_retry_after_it(world: World) -> None:
    document = world.upload("x.pdf", b"pages:2")
    world.ocr.table[b"pages:2 #2"] = Failure()
    world.run()
    world.ocr.table.clear()
    world.transition(document, RetryAsked())
    world.run()
    assert (world.file("x.pdf.txt") or b"").count(b"Content") == 2
    row = render(world, document, Output.MARKDOWN)
    assert (row.run, row.operations_run, row.outcome) == (3, 2, Outcome.SUCCEEDED)
    assert (world.file("x.pdf.txt") or b"").count(b"Content") == 2
    assert len(world.ocr.accepted) == 3
    world.transition(document, RetryAsked())
    world.run()
    row = world.row(document)
    assert (row.run, row.operations_run, row.pages_kept, row.outcome) == (4, 4, 2, Outcome.SUCCEEDED)
    assert len(world.ocr.accepted) == 3
    assert names(world, "x.pdf") == {keys.TEXT, keys.JSON, keys.MARKDOWN}, "what was asked for last is made again"
    result: Any = world.json("x.pdf.ocr.json")
    assert result["options"]["outputs"] == {"value": ["markdown"], "from": "request"}


@pytest.mark.parametrize("body", [b"damaged", b""])
def test_without_text_there_is_nothing_to_make_anything_of(world: World, body: bytes) -> None:
    document = world.upload("x.png", body)
    world.run()
    before = world.row(document)
    assert world.transition(document, RenderAsked((Output.MARKDOWN,))) is None
    assert world.row(document) == before


def test_a_row_of_a_former_version_is_rendered(world: World) -> None:
    document = world.upload("x.png", b"page")
    world.run()
    world.ledger.rows.clear()
    world.documents.rows[document.id] = replace(world.row(document), billed=None)
    row = render(world, document, Output.MARKDOWN)
    assert (row.outcome, row.billed) == (Outcome.SUCCEEDED, Billed())
    assert keys.MARKDOWN in names(world, "x.png")
    assert [run.run for run in world.ledger.runs(document.id)] == [2]
