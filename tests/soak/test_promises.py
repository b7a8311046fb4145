"""That the checks see what is wrong: on what the application leaves behind on fakes, and each change of it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO

import pikepdf
import pytest

from fakes.faults import Faults
from fakes.files import KilledError
from fakes.ocr import Failure, page
from pagekit.outputs.csv_files import csv_files
from pagekit.outputs.markdown import markdown
from pagekit.outputs.tables import no_tables_note
from pagekit.outputs.workbook import workbook
from pagekit.page import RecognisedPage
from pagekit.pdf.layered_pdf import layered_pdf
from soak import uploads
from soak.evidence import Evidence, Put
from soak.promises import broken, lacking, unexpected
from soak.uploads import AWS_WORDS, KEY, TEXT, WORDS, Page, Upload
from textdrop.core import keys, renderings
from textdrop.core.documents import Document, DocumentState, OperationState, Output, Problem, Rendering
from textdrop.core.errors import OcrAnswerLost, Reason
from textdrop.ports import Pages, Renderers
from unit.pagekit.outputs.set_page import PAGE_HEIGHT, WIDTH, block, table
from world import World

API_KEY = "an-api-key"


ONE, BOOK, BAD, DAMAGED, EMPTY, NEWER, TORN, PRICES = range(8)
OCR: dict[bytes, RecognisedPage | Failure] = {}
"""What the OCR service makes of each page."""


def set_page(text: str) -> RecognisedPage:
    """A page with places for its words."""
    return {**page(text), "width": WIDTH, "height": PAGE_HEIGHT, "blocks": [block(text)]}


def upload(name: str, content: bytes, *texts: str, outputs: str = "") -> Upload:
    """An upload whose pages have these texts; with "" recognition fails."""
    pages = []
    for number, text in enumerate(texts, start=1):
        page_content = content if len(texts) == 1 else content + b" #%d" % number
        OCR[page_content] = set_page(text) if text else Failure(13, WORDS)
        pages.append(sent(page_content, text, None if text else Reason.FAILED_IN_OCR))
    return Upload(f"{KEY}/{name}", content, tuple(pages), metadata={"ocr-outputs": outputs} if outputs else {})


def sent(content: bytes, text: str = "", reason: Reason | None = None) -> Page:
    return Page(hashlib.sha256(content).hexdigest(), text, reason)


UPLOADS = [
    upload("one.png", b"first", f"{TEXT} 1\nдоговор", outputs="markdown,tables,searchable-pdf"),
    upload("book.pdf", b"pages:3 of a book", *(f"{TEXT} p{n}" for n in (1, 2, 3)), outputs="markdown,searchable-pdf"),
    upload("bad.png", b"bad", ""),
    Upload(f"{KEY}/damaged.png", b"damaged", refused=("failed", Reason.DAMAGED)),
    Upload(f"{KEY}/empty.png", b"", refused=("skipped", Reason.EMPTY_FILE)),
    upload("one.png", b"second", f"{TEXT} 2"),
    upload("torn.pdf", b"pages:2 torn", f"{TEXT} t1", "", outputs="markdown,searchable-pdf"),
    upload("prices.png", b"prices", f"{TEXT} in a table", outputs="tables"),
]
OCR[b"prices"] = {**set_page(f"{TEXT} in a table"), "tables": [table([[f"{TEXT} in a table"]])]}


def searchable_pdf(source: BinaryIO, media_type: str, pages: Pages, to: BinaryIO) -> Sequence[str]:
    """The recognised text over pages that have nothing else, as the uploads are no real files."""
    listed, blank = list(pages), io.BytesIO()
    with pikepdf.new() as document:
        for _ in listed:
            document.add_blank_page()
        document.save(blank)
    return layered_pdf(blank, listed, to).warnings


def mortal(source: BinaryIO, media_type: str, pages: Pages, to: BinaryIO) -> Sequence[str]:
    """Kills whoever makes a searchable PDF."""
    raise KilledError


def run(
    faults: Faults | None = None, make_pdf: Callable[[BinaryIO, str, Pages, BinaryIO], Sequence[str]] = searchable_pdf
) -> Evidence:
    """The uploads, each with its event twice, until all is over."""
    world = World(faults=faults)
    made = Renderers(markdown, partial(csv_files, bom=False), workbook, make_pdf, no_tables_note)
    world.render_ports = replace(world.render_ports, renderers=made)
    world.ocr.table = dict(OCR)
    puts = []
    for each in UPLOADS:
        document = world.upload(each.key, each.content, each.metadata)
        world.queue *= 2
        puts.append(Put(each, document.id))
        world.run()
    rows, stored = world.documents.operations.values(), world.results.keys()
    accepted = {hashlib.sha256(content).hexdigest(): count for content, count in world.ocr.billed.items()}
    return Evidence(
        puts=puts,
        documents=dict(world.documents.rows),
        operations={put.document: [row for row in rows if row.document_id == put.document] for put in puts},
        due=0,
        dead_letters=0,
        files={key: world.file(key) or b"" for key in stored if "/pages/" not in key},
        notices=[notice.body for notice in world.notices.published],
        ocr={"submits": {"by_sha256": accepted}, "throttled": {"submit": 0}, "refused": {"result": {"not_found": 3}}},
        logs={"submit": ['{"level":"INFO","message":"document transition"}']},
        emulator_log="",
        private=[API_KEY],
    )


@pytest.fixture(scope="module")
def good() -> Evidence:
    return run()


def test_what_the_application_leaves_behind_keeps_every_promise(good: Evidence) -> None:
    assert broken(good) == []
    assert unexpected(good) == []


def test_a_failure_that_the_rows_explain_is_reported_and_is_no_broken_promise() -> None:
    faults = Faults()
    faults.fail("ocr.submit", lambda: OcrAnswerLost("lost"), when="after", times=3)
    evidence = run(faults)
    assert broken(evidence) == []
    [(document, why)] = unexpected(evidence)
    assert (document.id, why) == (evidence.puts[0].document, "page 1: 3 submits without an answer")


def test_an_output_whose_making_was_killed_too_often_is_reported_and_is_no_broken_promise() -> None:
    evidence = run(make_pdf=mortal)
    assert broken(evidence) == []
    assert {document.id for document, _ in lacking(evidence)} == {of(evidence, number) for number in (ONE, BOOK, TORN)}
    assert {why for _, why in lacking(evidence)} == {"There is no searchable PDF. Making it broke off 2 times."}
    assert unexpected(evidence) == []


def test_what_an_output_that_was_not_to_be_made_left_behind_is_not_shown() -> None:
    evidence = own(BOOK, keys.SEARCHABLE_PDF, always(b"%PDF-"))(run(make_pdf=mortal))
    assert broken(evidence) == []
    assert broken(named(f"book.pdf{keys.SEARCHABLE_PDF}", always(b"%PDF-"))(evidence))


Change = Callable[[Evidence], Evidence]
FileChange = Callable[[bytes], bytes] | None


def of(evidence: Evidence, number: int) -> str:
    return evidence.puts[number].document


def some(**changed: Any) -> Change:
    return lambda evidence: replace(evidence, **changed)


def document(number: int, **changed: Any) -> Change:
    def change(evidence: Evidence) -> Evidence:
        row: Document = replace(evidence.documents[of(evidence, number)], **changed)
        return replace(evidence, documents={**evidence.documents, row.id: row})

    return change


def first_page(number: int, **changed: Any) -> Change:
    def change(evidence: Evidence) -> Evidence:
        first, *others = evidence.operations[of(evidence, number)]
        rows = [replace(first, **changed), *others]
        return replace(evidence, operations={**evidence.operations, of(evidence, number): rows})

    return change


def rendering(number: int, output: Output, given: Rendering | None) -> Change:
    """What the row says of an output is this instead; None: nothing."""

    def change(evidence: Evidence) -> Evidence:
        there = [
            given if each.output is output else each for each in evidence.documents[of(evidence, number)].renderings
        ]
        return document(number, renderings=tuple(each for each in there if each is not None))(evidence)

    return change


def _with_file(evidence: Evidence, key: str, change: FileChange) -> Evidence:
    files = {name: body for name, body in evidence.files.items() if name != key}
    return replace(evidence, files=files if change is None else {**files, key: change(evidence.files.get(key, b""))})


def own(number: int, suffix: str, change: FileChange) -> Change:
    """A document's own file is changed, or gone."""
    return lambda evidence: _with_file(evidence, keys.own(of(evidence, number), suffix), change)


def named(name: str, change: FileChange) -> Change:
    """A file under an upload's name is changed, or gone."""
    return lambda evidence: _with_file(evidence, f"{KEY}/{name}", change)


def always(body: bytes) -> FileChange:
    return lambda _: body


def swapped(old: str, new: str) -> FileChange:
    return lambda body: body.replace(old.encode(), new.encode())


def without_output(number: int, why: Rendering) -> Change:
    """The document lacks this output everywhere, and its row says that of it."""
    suffix = keys.OF_OUTPUT[why.output]

    def change(evidence: Evidence) -> Evidence:
        without = named(evidence.puts[number].upload.key.removeprefix(f"{KEY}/") + suffix, None)(evidence)
        return rendering(number, why.output, why)(own(number, suffix, None)(without))

    return change


def searchable(*texts: str) -> FileChange:
    """A searchable PDF with a page for each text."""
    to = io.BytesIO()
    searchable_pdf(io.BytesIO(), "", [(number, set_page(text)) for number, text in enumerate(texts, start=1)], to)
    return always(to.getvalue())


def notice(number: int, **changed: Any) -> Change:
    def change(evidence: Evidence) -> Evidence:
        notices = [json.loads(body) for body in evidence.notices]
        told = [{**each, **changed} if each["document"] == of(evidence, number) else each for each in notices]
        return replace(evidence, notices=[json.dumps(each) for each in told])

    return change


def counted(name: str, value: Any) -> Change:
    """What the OCR service counted under the name."""
    return lambda evidence: replace(evidence, ocr={**evidence.ocr, name: value})


def accepted(page_: Page, count: int) -> Change:
    def change(evidence: Evidence) -> Evidence:
        by_sha256 = {**evidence.ocr["submits"]["by_sha256"], page_.sha256: count}
        return counted("submits", {"by_sha256": by_sha256})(evidence)

    return change


def log(line: str) -> Change:
    return lambda evidence: replace(evidence, logs={**evidence.logs, "submit": [line]})


def problem(reason: Reason) -> Problem:
    return Problem(reason, "What.", "Advice.")


CHANGES: dict[str, list[Change]] = {
    "ended": [
        lambda evidence: replace(evidence, puts=[*evidence.puts, Put(UPLOADS[0], "0" * 32)]),
        lambda evidence: replace(evidence, puts=evidence.puts[1:]),
        document(ONE, state=DocumentState.DELIVERING),
        document(ONE, due_at=1.0),
        first_page(ONE, state=OperationState.RUNNING),
        some(due=1),
        some(dead_letters=1),
    ],
    "outcomes": [
        document(DAMAGED, problem=problem(Reason.EMPTY_FILE)),
        document(BOOK, pages_recognized=2),
        first_page(ONE, problem=problem(Reason.INTERNAL)),
        first_page(ONE, problem=problem(Reason.SUBMIT_UNCONFIRMED)),
        lambda e: replace(e, operations={**e.operations, of(e, BOOK): e.operations[of(e, BOOK)][1:]}),
    ],
    "files": [
        own(ONE, keys.TEXT, None),
        own(ONE, keys.TEXT, lambda body: body + b"x"),
        own(BOOK, keys.TEXT, lambda body: b"\f".join(reversed(body.split(b"\f")))),
        lambda e: own(ONE, keys.JSON, always(e.files[keys.own(of(e, NEWER), keys.JSON)]))(e),
        own(DAMAGED, keys.ERROR, always(b'{"id": 1, "outcome": "failed", "reason": "damaged"}')),
        own(DAMAGED, keys.ERROR, swapped('"damaged"', '"encrypted"')),
        own(ONE, keys.ERROR, always(b"{}")),
        own(BOOK, keys.MARKDOWN, None),
        rendering(BOOK, Output.SEARCHABLE_PDF, None),
        own(PRICES, keys.table(1, 1), None),
        own(PRICES, keys.table(1, 2), always(b"1\r\n")),
        # The result does not say what is missing.
        without_output(BOOK, renderings.failed(Output.SEARCHABLE_PDF, 2)),
    ],
    "outputs": [
        rendering(BOOK, Output.MARKDOWN, None),
        document(NEWER, renderings=(Rendering(Output.MARKDOWN, 1),)),
        without_output(BOOK, Rendering(Output.MARKDOWN)),
        without_output(BOOK, renderings.missing(Output.MARKDOWN, "The file is gone.")),
        without_output(BOOK, renderings.given_up(Output.MARKDOWN, 1)),
        rendering(BOOK, Output.MARKDOWN, Rendering(Output.MARKDOWN, 1, ("It is short.",))),
        own(BOOK, keys.MARKDOWN, swapped("p2", "p3")),
        own(BOOK, keys.MARKDOWN, swapped("p2", "p2 p2")),
        own(BOOK, keys.MARKDOWN, swapped(f"<!-- page 3 -->\n\n{TEXT} p3\n", "")),
        own(BOOK, keys.MARKDOWN, swapped("page 3", "page 4")),
        own(TORN, keys.MARKDOWN, swapped("<!-- page 2 -->", f"<!-- page 2 -->\n\n{TEXT}")),
        own(BOOK, keys.SEARCHABLE_PDF, always(b"%PDF-1.7 and no more")),
        own(BOOK, keys.SEARCHABLE_PDF, searchable(f"{TEXT} p1", f"{TEXT} p2")),
        own(BOOK, keys.SEARCHABLE_PDF, searchable(f"{TEXT} p1", f"{TEXT} p2", "p3")),
        own(TORN, keys.SEARCHABLE_PDF, searchable(f"{TEXT} t1", f"{TEXT} t2")),
    ],
    "names": [
        # Of an older upload of the key:
        lambda e: named("one.png.md", always(e.files[keys.own(of(e, ONE), keys.MARKDOWN)]))(e),
        lambda e: named("one.png.txt", always(e.files[keys.own(of(e, ONE), keys.TEXT)]))(e),
        named("one.png.tables/0001-01.csv", always(b"")),
        named("one.png.txt", None),
        named("prices.png.tables/0001-01.csv", None),
        named("book.pdf.searchable.pdf", searchable(f"{TEXT} p1")),
    ],
    "notices": [
        lambda evidence: replace(evidence, notices=evidence.notices[1:]),
        lambda e: replace(e, notices=[*e.notices, *notice(ONE, id="x:1:y")(e).notices]),
        notice(ONE, outcome="failed"),
        notice(ONE, warnings=[]),
    ],
    "paid": [
        accepted(UPLOADS[0].pages[0], 2),
        accepted(UPLOADS[0].pages[0], 0),
        accepted(sent(b"other"), 1),
        counted("throttled", {"submit": 1}),
        counted("refused", {"submit": {"body": 1}}),
    ],
    "repeated": [some(accepted_again=1), some(notices_again=1)],
    "logs": [
        log('{"level":"ERROR","message":"pass_died"}'),
        log(f'{{"level":"INFO","x":"{TEXT}"}}'),
        log("%D0%BA%D0%BB%D1%8E%D1%87"),
        log(AWS_WORDS),
        log(API_KEY),
        log("t1.9euelZqKxxxxxxxxxxxxxxxxxxxx"),
        log("https://b/k?X-Amz-Signature=0"),
        some(emulator_log=f"error: {TEXT}"),
    ],
    "private": [own(DAMAGED, keys.ERROR, swapped('"what"', f'"{TEXT}"')), notice(DAMAGED, what=API_KEY)],
}
"""What is changed in the evidence, by the check that must see it."""


@pytest.mark.parametrize(
    ("check", "number"), [(check, number) for check, changes in CHANGES.items() for number in range(len(changes))]
)
def test_what_is_wrong_is_seen(check: str, number: int, good: Evidence) -> None:
    assert check in {line.partition(":")[0] for line in broken(CHANGES[check][number](good))}


def test_the_uploads_are_what_they_are_to_be() -> None:
    made = uploads.uploads(60, seed=1)
    assert len(made) == 60
    pages = [page_.sha256 for upload in made for page_ in upload.pages]
    assert len(set(pages)) == len(pages) > 50
    assert any(upload.is_lost for upload in made)
    assert len({upload.key for upload in made}) < 60, "some are put over others"
    assert all((KEY in upload.key) and bool(upload.pages) != bool(upload.refused) for upload in made)
    assert {fault["sha256"] for fault in uploads.faults(made)} <= set(pages)
    assert set(uploads.table(made)) == set(pages)
    asking = [upload for upload in made if upload.outputs]
    assert len(asking) == 6
    assert {output for upload in asking for output in upload.outputs} == set(Output)
    assert any(page_.reason for upload in asking for page_ in upload.pages)
    again = uploads.uploads(60, seed=1)
    assert [(each.key, each.pages, each.outputs) for each in made] == [
        (each.key, each.pages, each.outputs) for each in again
    ]
