"""Outputs that are asked for: made by the render function before delivery goes on, or a warning; never a lost text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fakes.ocr import synthetic_text
from fakes.rendering import fake_renderers
from textdrop.core import keys
from textdrop.core.documents import Document, DocumentState, Outcome, Resume, Step
from textdrop.core.errors import ObjectForbidden, StoreUnavailable
from textdrop.usecases.deliver import deliver
from textdrop.usecases.render import render
from world import RENDER_SECONDS, World

ALL = {"ocr-outputs": "searchable-pdf markdown tables"}
TEXT_ALONE = {".ocr.json", ".txt"}
RENDERED = {".md", ".searchable.pdf", ".tables.xlsx"}


def published(world: World, key: str) -> set[str]:
    """The suffixes of all files under an upload's name."""
    return {name[len(key) :] for name in world.results.keys() if name.startswith(key)}  # noqa: SIM118 - no dict


def notice_of(world: World, document: Document) -> Any:
    (notice,) = world.notices_of(document)
    return notice


def handed_over(world: World) -> Resume:
    """A document's way up to where poll hands it over."""
    world.submit()
    world.clock.advance(5.0)
    world.poll()
    (resume,) = world.render_function.asked
    return resume


def test_all_that_is_asked_for_is_there_when_the_one_notice_comes(world: World) -> None:
    document = world.upload("a/scan.pdf", b"pages:3", ALL)
    world.run()
    assert published(world, "a/scan.pdf") == TEXT_ALONE | RENDERED | {f".tables/000{page}-01.csv" for page in (1, 2, 3)}
    notice = notice_of(world, document)
    assert {name: place["key"] for name, place in notice["files"].items() if name != "tables"} == {
        "text": "a/scan.pdf.txt",
        "json": "a/scan.pdf.ocr.json",
        "markdown": "a/scan.pdf.md",
        "searchable_pdf": "a/scan.pdf.searchable.pdf",
        "workbook": "a/scan.pdf.tables.xlsx",
    }
    assert notice["files"]["tables"] == {"bucket": "results", "key": "a/scan.pdf.tables/", "count": 3}
    assert notice["warnings"] == []
    first = synthetic_text(b"pages:3 #1")
    assert (world.file("a/scan.pdf.md") or b"").startswith(f"<!-- page 1 -->\n{first}".encode())
    assert world.file("a/scan.pdf.tables/0001-01.csv") == first.encode()
    assert world.file("a/scan.pdf.tables.xlsx") == b"sheets of [1, 2, 3]"
    assert (world.file("a/scan.pdf.searchable.pdf") or b"").startswith(b"pages:3 with " + first.encode())
    assert world.json("a/scan.pdf.ocr.json")["notes"] == []
    assert len(world.ocr.accepted) == 3


def test_the_stack_chooses_outputs_for_those_who_do_not(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, outputs="markdown")
    world.upload("a.png", b"a")
    world.upload("b.png", b"b", {"ocr-outputs": "none"})
    world.run()
    assert published(world, "a.png") == TEXT_ALONE | {".md"}
    assert published(world, "b.png") == TEXT_ALONE
    chosen: Any = world.json("a.png.ocr.json")["options"]
    assert chosen["outputs"] == {"value": ["markdown"], "from": "parameter"}


def test_no_tables_are_said_to_be_none(world: World) -> None:
    world.render_ports = replace(world.render_ports, renderers=fake_renderers(has_tables=False))
    document = world.upload("x.png", b"page", {"ocr-outputs": "tables"})
    world.run()
    said = "No tables were found with the model page."
    assert published(world, "x.png") == TEXT_ALONE
    assert notice_of(world, document)["warnings"] == [said]
    assert world.json("x.png.ocr.json")["notes"] == [said]


def test_a_warning_may_stand_beside_a_file(world: World) -> None:
    document = world.upload("x.png", b"signed", {"ocr-outputs": "searchable-pdf"})
    world.run()
    assert published(world, "x.png") == TEXT_ALONE | {".searchable.pdf"}
    assert notice_of(world, document)["warnings"] == ["A signature is no longer valid."]


def test_a_source_that_kills_render_is_given_up_after_two_goes(world: World) -> None:
    document = world.upload("x.png", b"mortal", ALL)
    world.run()
    assert world.row(document).outcome is Outcome.SUCCEEDED
    assert published(world, "x.png") == TEXT_ALONE | {".md", ".tables.xlsx", ".tables/0001-01.csv"}
    assert notice_of(world, document)["warnings"] == ["There is no searchable PDF. Making it broke off 2 times."]
    assert world.journal.rules().count("rendering_taken") == 2
    assert world.journal.rules().count("rendered") == 2, "what was made in the first pass is not made again"


def test_a_source_that_is_gone_by_then_is_a_warning(world: World) -> None:
    document = world.upload("x.png", b"page", {"ocr-outputs": "searchable-pdf"})
    resume = handed_over(world)
    world.uploads.forget("x.png", document.source.version_id)
    assert render(world.render_ports, resume, world.clock.now() + RENDER_SECONDS) == "delivered"
    assert notice_of(world, document)["warnings"] == [
        "There is no searchable PDF. The uploaded file is no longer there."
    ]


def test_a_source_that_may_not_be_read_is_a_warning(world: World) -> None:
    document = world.upload("x.png", b"page", {"ocr-outputs": "searchable-pdf"})
    resume = handed_over(world)
    world.faults.fail("sources.head", ObjectForbidden("403"))
    assert render(world.render_ports, resume, world.clock.now() + RENDER_SECONDS) == "delivered"
    assert "may not read" in notice_of(world, document)["warnings"][0]


def test_a_failing_store_is_no_fault_of_the_rendering(world: World) -> None:
    document = world.upload("x.png", b"page", ALL)
    resume = handed_over(world)
    world.faults.fail("results.put", StoreUnavailable("broken"))
    assert render(world.render_ports, resume, world.clock.now() + RENDER_SECONDS) == "later"
    row = world.row(document)
    assert (row.attempts, row.consecutive_failures, row.step) == (0, 1, Step.RENDER)
    world.run()
    assert notice_of(world, document)["warnings"] == []
    assert published(world, "x.png") == TEXT_ALONE | RENDERED | {".tables/0001-01.csv"}


def test_a_message_that_is_lost_or_late_does_nothing_twice(world: World) -> None:
    document = world.upload("x.png", b"page", ALL)
    late = handed_over(world)
    world.render_function.asked.clear()
    world.clock.advance(600.0)
    world.poll()
    (again,) = world.render_function.asked
    assert again.rev > late.rev
    assert render(world.render_ports, late, world.clock.now() + RENDER_SECONDS) == "stale"
    assert world.render() == ["delivered"]
    assert render(world.render_ports, again, world.clock.now() + RENDER_SECONDS) == "stale"
    assert notice_of(world, document)["warnings"] == []
    assert world.row(document).state is DocumentState.FINAL


def test_a_render_function_that_cannot_run_holds_the_text_up_for_an_hour_at_most(world: World) -> None:
    document = world.upload("x.png", b"page", {"ocr-outputs": "markdown"})
    resume = handed_over(world)
    for _ in range(90):
        world.render_function.asked.clear()
        world.clock.advance(60.0)
        world.poll()
    assert notice_of(world, document)["warnings"] == ["There is no Markdown. It could not be made in time."]
    row = world.row(document)
    assert row.state is DocumentState.FINAL
    assert world.file("x.png.txt") is not None
    assert render(world.render_ports, resume, world.clock.now() + RENDER_SECONDS) == "stale"


def test_an_output_that_takes_too_long_is_a_warning(world: World) -> None:
    document = world.upload("x.png", b"page", {"ocr-outputs": "searchable-pdf"})
    resume = handed_over(world)

    def takes_too_long(*_: object) -> list[str]:
        world.clock.advance(RENDER_SECONDS)
        return []

    slow = replace(world.render_ports.renderers, searchable_pdf=takes_too_long)
    world.render_ports = replace(world.render_ports, renderers=slow)
    assert render(world.render_ports, resume, world.clock.now() + RENDER_SECONDS) == "later", "no time for the files"
    world.run()
    (warning,) = notice_of(world, document)["warnings"]
    assert warning == "There is no searchable PDF. It takes longer than the render function has."
    assert published(world, "x.png") == TEXT_ALONE


def test_an_output_has_the_whole_time_of_a_go_before_it_is_given_up(world: World) -> None:
    document = world.upload("x.png", b"page", {"ocr-outputs": "markdown searchable-pdf"})
    resume = handed_over(world)
    markdown, pdf = world.render_ports.renderers.markdown, world.render_ports.renderers.searchable_pdf
    made: list[float] = []

    def slow_markdown(pages: Any) -> Any:
        yield from markdown(pages)
        world.clock.advance(RENDER_SECONDS - 60.0)

    def slow_pdf(*given: Any) -> Any:
        world.clock.advance(120.0)
        made.append(world.clock.now())
        return pdf(*given)

    slow = replace(world.render_ports.renderers, markdown=slow_markdown, searchable_pdf=slow_pdf)
    world.render_ports = replace(world.render_ports, renderers=slow)
    assert render(world.render_ports, resume, world.clock.now() + RENDER_SECONDS) == "later"
    row = world.row(document)
    assert (row.attempts, row.consecutive_failures) == (0, 0), "nothing is wrong with the document"
    world.run()
    assert notice_of(world, document)["warnings"] == []
    assert world.file("x.png.searchable.pdf") is not None
    assert len(made) == 2
    assert world.row(document).state is DocumentState.FINAL


def test_who_lost_the_document_writes_nothing_more(world: World) -> None:
    document = world.upload("x.png", b"page", ALL)
    resume = handed_over(world)

    def overtaken(pages: object) -> Any:
        world.clock.advance(RENDER_SECONDS + 60.0)
        deliver(world.poll_ports, world.row(document), world.clock.now() + 120.0)
        yield "late"

    world.render_ports = replace(
        world.render_ports, renderers=replace(world.render_ports.renderers, markdown=overtaken)
    )
    assert render(world.render_ports, resume, world.clock.now() + RENDER_SECONDS) in ("stale", "later")
    assert world.file("x.png.md") is None
    world.render_ports = replace(world.render_ports, renderers=fake_renderers())
    world.run()
    assert published(world, "x.png") == TEXT_ALONE | RENDERED | {".tables/0001-01.csv"}
    assert len(world.notices_of(document)) == 1


def test_the_newest_upload_has_the_names_whatever_either_asked_for(world: World) -> None:
    world.upload("x.pdf", b"pages:3", ALL)
    world.run()
    newer = world.upload("x.pdf", b"other", {"ocr-outputs": "markdown"})
    world.run()
    assert published(world, "x.pdf") == TEXT_ALONE | {".md"}
    assert synthetic_text(b"other") in (world.file("x.pdf.md") or b"").decode()
    assert world.file(keys.own(newer.id, keys.MARKDOWN)) is not None


def test_files_of_other_uploads_beside_the_tables_stay(world: World) -> None:
    """An upload may be called as if it stood among another one's tables."""
    world.upload("x.pdf", b"pages:2", {"ocr-outputs": "tables"})
    world.upload("x.pdf.tables/0001-01.csv", b"beside", {"ocr-outputs": "tables"})
    world.run()
    world.upload("x.pdf", b"again")
    world.run()
    assert published(world, "x.pdf.tables/0001-01.csv") == TEXT_ALONE | {".tables.xlsx", ".tables/0001-01.csv"}
    assert world.file("x.pdf.tables/0001-01.csv") is None
