"""Outputs that are asked for: made before the delivery goes on, or a warning; never a lost text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, BinaryIO

import pytest

from fakes.ocr import synthetic_text
from fakes.rendering import fake_renderers
from pagekit.page import RecognisedPage
from textdrop.core import keys
from textdrop.core.documents import Document, DocumentState, Outcome, Output, Rendering, Step
from textdrop.core.errors import ObjectForbidden, StoreUnavailable
from textdrop.usecases.accept import Message
from textdrop.usecases.parsed_pages import ParsedPages
from textdrop.usecases.time_left import NoTimeLeft
from world import DELIVER_SECONDS, World

ALL = "searchable-pdf markdown tables"
TEXT_ALONE = {".ocr.json", ".txt"}
RENDERED = {".md", ".searchable.pdf", ".tables.xlsx"}
DOWN = StoreUnavailable("down")


def published(world: World, key: str = "x.pdf") -> set[str]:
    """The suffixes of all files under an upload's name."""
    return {name[len(key) :] for name in world.results.keys() if name.startswith(key)}  # noqa: SIM118 - no dict


class HandedOver(World):
    """A document that poll has just handed to deliver, with what it asks for."""

    def __init__(self, outputs: str, body: bytes = b"page", pages: str = "all") -> None:
        super().__init__()
        self.uploaded = self.upload("x.pdf", body, {"ocr-outputs": outputs, "ocr-pages": pages})
        self.submit()
        self.clock.advance(5.0)
        self.poll()
        [self.message] = self.deliver_queue
        self.deliver_queue.clear()

    def renderers(self, **some: object) -> None:
        """Instead of the fakes."""
        mine = replace(self.deliver_ports.renderers, **some)  # type: ignore[arg-type]  # its functions
        self.deliver_ports = replace(self.deliver_ports, renderers=mine)

    def late(self, *_: object) -> list[str]:
        """All of the pass's time passes, with nothing to warn of."""
        self.clock.advance(DELIVER_SECONDS)
        return []

    def delivered(self, message: Message | None = None) -> bool:
        """Whether the document is final once deliver has had its message, or this one."""
        self.deliver_one(message or self.message)
        return self.now_stored.state is DocumentState.FINAL

    @property
    def now_stored(self) -> Document:
        return self.row(self.uploaded)

    @property
    def notice(self) -> Any:
        [notice] = self.notices_of(self.uploaded)
        return notice

    def has(self, suffix: str) -> bool:
        return self.file(keys.own(self.uploaded.id, 1, suffix)) is not None


# --- what there is in the end ---


def test_all_that_is_asked_for_is_there_when_the_one_notice_comes(world: World) -> None:
    document = world.upload("a/scan.pdf", b"pages:3", {"ocr-outputs": ALL})
    world.run()
    assert published(world, "a/scan.pdf") == TEXT_ALONE | RENDERED | {f".tables/000{page}-01.csv" for page in (1, 2, 3)}
    notice: Any
    [notice] = world.notices_of(document)
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


def test_a_searchable_pdf_is_made_knowing_which_pages_were_drawn(world: World) -> None:
    world.upload("scan.pdf", b"pages:3 drawn:2", {"ocr-outputs": "searchable-pdf"})
    world.run()
    assert (world.file("scan.pdf.searchable.pdf") or b"").endswith(b", drawn: 2")
    result: Any = world.json("scan.pdf.ocr.json")
    assert [page["prepared"]["how"] for page in result["pages"]] == ["cut", "drawn", "cut"]
    assert world.faults.calls.count("results.copy") == 2, "text and JSON: one call may not copy a large PDF in its time"


def test_a_searchable_pdf_is_made_knowing_which_pages_stay_as_they_are(world: World) -> None:
    world.upload("scan.pdf", b"pages:3 text:2", {"ocr-outputs": "searchable-pdf markdown", "ocr-pages": "without-text"})
    world.run()
    assert (world.file("scan.pdf.searchable.pdf") or b"").endswith(b", as it is: 2")
    assert "<!-- page 2 -->\nOwn text of page 2" in (world.file("scan.pdf.md") or b"").decode()


def test_the_stack_chooses_outputs_for_those_who_do_not(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, outputs="markdown")
    world.upload("a.png", b"a")
    world.upload("b.png", b"b", {"ocr-outputs": "none"})
    world.run()
    assert published(world, "a.png") == TEXT_ALONE | {".md"}
    assert published(world, "b.png") == TEXT_ALONE
    chosen: Any = world.json("a.png.ocr.json")["options"]
    assert chosen["outputs"] == {"value": ["markdown"], "from": "parameter"}


def test_that_no_table_was_found_is_no_warning_where_the_stack_asked_for_tables(world: World) -> None:
    world.submit_settings = replace(world.submit_settings, outputs="tables")
    world.deliver_ports = replace(world.deliver_ports, renderers=fake_renderers(has_tables=False))
    uploaded = world.upload("a.png", b"a")
    world.run()
    assert published(world, "a.png") == TEXT_ALONE
    [notice] = world.notices_of(uploaded)
    assert notice["warnings"] == world.json("a.png.ocr.json")["notes"] == []


@pytest.mark.parametrize(
    ("outputs", "body", "files", "warning"),
    [
        ("tables", b"page", set[str](), "No tables were found with the model page."),
        ("searchable-pdf", b"signed", {".searchable.pdf"}, "A signature is no longer valid."),
        (
            ALL,
            b"mortal",
            {".md", ".tables.xlsx", ".tables/0001-01.csv"},
            "There is no searchable PDF. Making it broke off 2 times.",
        ),
    ],
)
def test_a_warning_stands_in_notice_and_result_beside_a_file_or_without(
    outputs: str, body: bytes, files: set[str], warning: str
) -> None:
    world = HandedOver(outputs, body)
    if not files:
        world.deliver_ports = replace(world.deliver_ports, renderers=fake_renderers(has_tables=False))
    world.run()
    assert world.now_stored.outcome is Outcome.SUCCEEDED
    assert published(world) == TEXT_ALONE | files
    assert world.notice["warnings"] == world.json("x.pdf.ocr.json")["notes"] == [warning]
    passes = 2 if body == b"mortal" else 1
    rules = world.journal.rules()
    assert rules.count("delivery_taken") + rules.count("rendering_given_up") == passes + (body == b"mortal")
    assert rules.count("rendered") == passes, "what was made in the first pass is not made again"


def test_a_source_that_is_gone_by_then_is_a_warning() -> None:
    world = HandedOver("searchable-pdf")
    world.uploads.forget("x.pdf", world.uploaded.source.version_id)
    assert world.delivered()
    assert world.notice["warnings"] == ["There is no searchable PDF. The uploaded file is no longer there."]


def test_a_source_that_may_not_be_read_is_a_warning() -> None:
    world = HandedOver("searchable-pdf")
    world.faults.fail("sources.head", ObjectForbidden("403"))
    assert world.delivered()
    assert "may not read" in world.notice["warnings"][0]


def test_a_failing_store_is_no_fault_of_the_rendering() -> None:
    world = HandedOver(ALL)
    world.faults.fail("results.put", DOWN)
    assert not world.delivered()
    row = world.now_stored
    assert (row.attempts, row.consecutive_failures, row.step) == (0, 1, Step.RENDER)
    world.run()
    assert world.notice["warnings"] == []
    assert published(world) == TEXT_ALONE | RENDERED | {".tables/0001-01.csv"}


def test_what_was_made_is_counted_by_its_files_from_the_whole_source() -> None:
    world = HandedOver("markdown tables searchable-pdf", b"pages:3")
    read: list[bytes] = []

    def searchable_pdf(source: BinaryIO, media_type: str, pages: object, to: BinaryIO, *numbers: object) -> list[str]:
        read.append(source.read())
        to.write(b"pdf")
        return []

    world.renderers(searchable_pdf=searchable_pdf)
    assert world.delivered()
    assert read == [b"pages:3"]
    assert world.now_stored.renderings == (
        Rendering(Output.MARKDOWN, files=1),
        Rendering(Output.TABLES, files=4),
        Rendering(Output.SEARCHABLE_PDF, files=1),
    )


def test_what_could_not_be_made_is_logged_each_time() -> None:
    world = HandedOver("searchable-pdf", b"clumsy")
    assert world.delivered()
    assert world.failures() == [("output_failed", {"document": world.uploaded.id, "output": "searchable-pdf"})] * 2
    assert {type(entry.error) for entry in world.journal.failures} == {ValueError}


# --- whose it is ---


def test_outputs_that_keep_failing_hold_the_text_up_for_so_many_tries_and_no_longer() -> None:
    """However long nobody was free to make them."""
    world = HandedOver("markdown")
    world.clock.advance(86_400.0)
    for failures in range(world.policy.render_failures):
        assert world.now_stored.consecutive_failures == failures
        world.poll()
        world.faults.fail("results.put", DOWN)
        world.deliver()
        world.clock.advance(world.policy.max_backoff_seconds + 1.0)
    world.run()
    assert world.notice["warnings"] == ["There is no Markdown. Making it failed again and again."]
    assert published(world) == TEXT_ALONE


def test_who_lost_the_document_writes_nothing_more() -> None:
    world = HandedOver(ALL)
    before = world.deliver_ports

    def overtaken(pages: object) -> Any:
        world.clock.advance(DELIVER_SECONDS + 60.0)
        row = world.now_stored
        world.documents.rows[row.id] = replace(row, rev=row.rev + 1, holder="other")
        yield "late"

    world.renderers(markdown=overtaken)
    assert not world.delivered()
    assert world.file("x.pdf.md") is None
    world.deliver_ports = before
    world.run()
    assert published(world) == TEXT_ALONE | RENDERED | {".tables/0001-01.csv"}
    assert len(world.notices_of(world.uploaded)) == 1


# --- its time ---


def test_an_output_that_takes_too_long_is_a_warning() -> None:
    world = HandedOver("searchable-pdf")
    world.renderers(searchable_pdf=world.late)
    assert not world.delivered(), "no time for the files"
    world.run()
    assert world.notice["warnings"] == ["There is no searchable PDF. It takes longer than one delivery may."]
    assert published(world) == TEXT_ALONE


def test_an_output_has_the_whole_time_of_a_pass_before_it_is_given_up() -> None:
    world = HandedOver("markdown searchable-pdf")
    markdown, pdf = world.deliver_ports.renderers.markdown, world.deliver_ports.renderers.searchable_pdf
    made: list[float] = []

    def slow_markdown(pages: Any) -> Any:
        yield from markdown(pages)
        world.clock.advance(DELIVER_SECONDS - 60.0)

    def slow_pdf(*given: Any) -> Any:
        world.clock.advance(120.0)
        made.append(world.clock.now())
        return pdf(*given)

    world.renderers(markdown=slow_markdown, searchable_pdf=slow_pdf)
    assert not world.delivered()
    row = world.now_stored
    assert (row.attempts, row.consecutive_failures) == (0, 0), "nothing is wrong with the document"
    world.run()
    assert world.notice["warnings"] == []
    assert world.file("x.pdf.searchable.pdf") is not None
    assert len(made) == 2
    assert world.now_stored.state is DocumentState.FINAL


@pytest.mark.parametrize(("late_at", "given"), [(1, [1]), (3, [1, 2, 3])])
def test_out_of_time_no_other_page_is_given_out_and_no_markdown_stored(late_at: int, given: list[int]) -> None:
    world = HandedOver("markdown", b"pages:3")
    numbers: list[int] = []

    def slow(pages: Any) -> Any:
        for number, _ in pages:
            numbers.append(number)
            world.clock.advance(DELIVER_SECONDS if number == late_at else 0.0)
            yield "text"

    world.renderers(markdown=slow)
    assert not world.delivered()
    assert numbers == given
    assert not world.has(keys.MARKDOWN)


def test_a_table_is_not_stored_when_making_it_took_all_the_time() -> None:
    world = HandedOver("tables")
    world.renderers(csv_files=lambda pages: [(number, 1, b"a,b") for number, _ in pages if not world.late()])
    assert not world.delivered()
    assert not world.has(keys.table(1, 1))


def test_a_source_that_is_fetched_for_too_long_is_not_rendered() -> None:
    world = HandedOver("searchable-pdf")
    rendered: list[object] = []
    world.faults.happen("sources.head", world.late)

    def searchable_pdf(*given: object) -> list[str]:
        rendered.append(given)
        return []

    world.renderers(searchable_pdf=searchable_pdf)
    assert not world.delivered()
    assert rendered == []


# --- pages for several outputs ---


class Counted(ParsedPages):
    """The pages of a document, the second of which failed; `parsed` are the bodies that were parsed."""

    def __init__(self) -> None:
        world = HandedOver("markdown", b"pages:4,bad:2")
        read_page = world.deliver_ports.read_page
        self.parsed: list[bytes] = []

        def noted(body: bytes) -> RecognisedPage:
            self.parsed.append(body)
            return read_page(body)

        self.deadline = world.clock.now() + 600.0
        operations = world.documents.read_operations(world.uploaded.id, 1)
        super().__init__(replace(world.deliver_ports, read_page=noted), operations)


@pytest.fixture
def counted() -> Iterator[Counted]:
    made = Counted()
    with made:
        yield made


def test_who_reads_after_one_that_stopped_gets_every_page_or_those_that_are_wanted(counted: Counted) -> None:
    stopped = list(islice(counted.read(counted.deadline), 3))
    every = list(counted.read(counted.deadline))
    assert every[:3] == stopped
    assert [number for number, _ in every] == [1, 2, 3, 4]
    assert len(counted.parsed) == 3
    assert list(counted.read(counted.deadline, {3})) == every[2:3]


def test_pages_that_are_kept_are_not_given_out_after_the_deadline_either(counted: Counted) -> None:
    assert len(list(counted.read(counted.deadline))) == 4
    with pytest.raises(NoTimeLeft):
        next(counted.read(0.0))


# --- names ---


def test_the_newest_upload_has_the_names_whatever_either_asked_for(world: World) -> None:
    world.upload("x.pdf", b"pages:3", {"ocr-outputs": ALL})
    world.run()
    newer = world.upload("x.pdf", b"other", {"ocr-outputs": "markdown"})
    world.run()
    assert published(world) == TEXT_ALONE | {".md"}
    assert synthetic_text(b"other") in (world.file("x.pdf.md") or b"").decode()
    assert world.file(keys.own(newer.id, 1, keys.MARKDOWN)) is not None


def test_tables_under_the_names_of_an_older_uploads_stay(world: World) -> None:
    for body in (b"pages:3", b"pages:2 again"):
        world.upload("x.pdf", body, {"ocr-outputs": "tables"})
        world.run()
    assert published(world) == TEXT_ALONE | {".tables.xlsx", ".tables/0001-01.csv", ".tables/0002-01.csv"}


def test_files_of_other_uploads_beside_the_tables_stay(world: World) -> None:
    """An upload may be called as if it stood among another one's tables."""
    world.upload("x.pdf", b"pages:2", {"ocr-outputs": "tables"})
    world.upload("x.pdf.tables/0001-01.csv", b"beside", {"ocr-outputs": "tables"})
    world.run()
    world.upload("x.pdf", b"again")
    world.run()
    assert published(world, "x.pdf.tables/0001-01.csv") == TEXT_ALONE | {".tables.xlsx", ".tables/0001-01.csv"}
    assert world.file("x.pdf.tables/0001-01.csv") is None


def test_pages_are_in_their_places_however_they_were_read_before() -> None:
    handed = HandedOver("markdown", b"pages:9 bad:4", "3-7")
    ports, deadline = handed.deliver_ports, handed.clock.now() + DELIVER_SECONDS
    operations = handed.documents.read_operations(handed.uploaded.id, 1)
    with ParsedPages(ports, operations) as pages:
        every = list(pages.read(deadline))
    assert [number for number, page in every if page is None] == [4]
    with ParsedPages(ports, operations) as pages:
        assert list(islice(pages.read(deadline, {3, 5}), 2)) == [every[0], every[2]]
        assert list(islice(pages.read(deadline), 1)) == every[:1]
        assert list(pages.read(deadline, {4, 7})) == [every[1], every[4]]
        assert list(pages.read(deadline)) == every
