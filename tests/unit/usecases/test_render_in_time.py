"""Render holds its document for the time of a pass, begins nothing that outlasts it, and tells of what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from textdrop.core import keys
from textdrop.core.documents import Document, Output, Rendering, Resume
from textdrop.core.errors import StoreUnavailable
from textdrop.usecases.render import render
from world import RENDER_SECONDS, World


class Go:
    """A document of pages that poll has just handed over to render, with what it asks for."""

    def __init__(self, outputs: str, body: bytes = b"pages:3") -> None:
        self.world = World()
        self.uploaded = self.world.upload("x.pdf", body, {"ocr-outputs": outputs})
        self.world.submit()
        self.world.clock.advance(5.0)
        self.world.poll()
        [self.resume] = self.world.render_function.asked
        self.world.render_function.asked.clear()

    def renderers(self, **some: object) -> None:
        """Instead of the fakes."""
        mine = replace(self.world.render_ports.renderers, **some)  # type: ignore[arg-type]  # its functions
        self.world.render_ports = replace(self.world.render_ports, renderers=mine)

    def late(self) -> None:
        """All of the pass's time passes."""
        self.world.clock.advance(RENDER_SECONDS)

    def run(self, resume: Resume | None = None) -> str:
        return render(self.world.render_ports, resume or self.resume, self.world.clock.now() + RENDER_SECONDS)

    @property
    def row(self) -> Document:
        return self.world.row(self.uploaded)

    def has(self, suffix: str) -> bool:
        return self.world.file(keys.own(self.uploaded.id, suffix)) is not None


def test_the_lease_outlasts_the_go_by_its_margin() -> None:
    go = Go("markdown")
    due: list[float | None] = []

    def markdown(pages: object) -> list[str]:
        due.append(go.row.due_at)
        return ["text"]

    go.renderers(markdown=markdown)
    began = go.world.clock.now()
    assert go.run() == "delivered"
    assert due == [began + RENDER_SECONDS + go.world.policy.lease_margin_seconds]


def test_a_document_that_is_gone_is_left() -> None:
    assert Go("markdown").run(Resume("gone", 1)) == "stale"


def test_what_was_made_is_counted_by_its_files() -> None:
    go = Go("markdown tables searchable-pdf")
    assert go.run() == "delivered"
    assert go.row.renderings == (
        Rendering(Output.MARKDOWN, files=1),
        Rendering(Output.TABLES, files=4),
        Rendering(Output.SEARCHABLE_PDF, files=1),
    )
    assert (go.world.journal.counts["OutputsMade"], go.world.journal.counts["OutputsMissing"]) == (3, 0)


def test_what_could_not_be_made_is_told_and_counted() -> None:
    go = Go("searchable-pdf", b"clumsy")
    assert go.run() == "delivered"
    told = [(entry.name, type(entry.error), entry.fields) for entry in go.world.journal.failures]
    fields = {"document": go.uploaded.id, "output": "searchable-pdf"}
    assert told == [("output_failed", ValueError, fields)] * 2, "each time"
    assert (go.world.journal.counts["OutputsMade"], go.world.journal.counts["OutputsMissing"]) == (0, 1)


@pytest.mark.parametrize(
    ("error", "ended", "event"),
    [(StoreUnavailable("down"), "later", "rendering_failed"), (ValueError("ours"), "died", "rendering_died")],
)
def test_a_delivery_that_goes_wrong_after_rendering_is_told_of(error: Exception, ended: str, event: str) -> None:
    go = Go("markdown")
    go.world.faults.fail("notices.publish", error)
    assert go.run() == ended
    [failure] = go.world.journal.failures
    assert (failure.name, failure.error, failure.fields) == (event, error, {"document": go.uploaded.id})


def test_markdown_is_not_stored_when_making_it_took_all_the_time() -> None:
    go = Go("markdown")
    markdown = go.world.render_ports.renderers.markdown

    def slow(pages: Any) -> Any:
        yield from markdown(pages)
        go.late()

    go.renderers(markdown=slow)
    assert go.run() == "later"
    assert not go.has(keys.MARKDOWN)


def test_a_table_is_not_stored_when_making_it_took_all_the_time() -> None:
    go = Go("tables")

    def slow(pages: Any) -> Any:
        numbers = [number for number, _ in pages]
        go.late()
        yield from ((number, 1, b"a,b") for number in numbers)

    go.renderers(csv_files=slow)
    assert go.run() == "later"
    assert not go.has(keys.table(1, 1))


def test_out_of_time_no_other_page_is_given_out() -> None:
    go = Go("markdown")
    given: list[int] = []

    def slow(pages: Any) -> Any:
        for number, _ in pages:
            given.append(number)
            go.late()
            yield "text"

    go.renderers(markdown=slow)
    assert go.run() == "later"
    assert given == [1]


def test_a_source_that_is_fetched_for_too_long_is_not_rendered() -> None:
    go = Go("searchable-pdf")
    look, rendered = go.world.render_ports.sources.head, []

    def slow(source: Any) -> Any:
        go.late()
        return look(source)

    def searchable_pdf(*_: object) -> Sequence[str]:
        rendered.append(True)
        return []

    go.world.render_ports.sources.head = slow  # type: ignore[method-assign]  # slower
    go.renderers(searchable_pdf=searchable_pdf)
    assert go.run() == "later"
    assert rendered == []


def test_the_source_is_given_whole_and_from_its_beginning() -> None:
    go = Go("searchable-pdf")
    read: list[bytes] = []

    def searchable_pdf(source: BinaryIO, media_type: str, pages: object, to: BinaryIO) -> Sequence[str]:
        read.append(source.read())
        to.write(b"pdf")
        return []

    go.renderers(searchable_pdf=searchable_pdf)
    assert go.run() == "delivered"
    assert read == [b"pages:3"]
