"""That the checks see what is wrong: on what the application itself leaves behind, running on fakes, tampered with."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import BinaryIO

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
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Output, Rendering
from textdrop.core.errors import OcrAnswerLost, Reason
from textdrop.ports import Pages, Renderers
from unit.pagekit.outputs.set_page import PAGE_HEIGHT, WIDTH, block, table
from world import World

API_KEY = "an-api-key"


def sent(content: bytes, text: str = "", reason: Reason | None = None) -> Page:
    return Page(hashlib.sha256(content).hexdigest(), text, reason)


BOOK, TORN, PRICES = b"pages:3 of a book", b"pages:2 torn", b"prices"
SOME, ALL = {"ocr-outputs": "markdown,searchable-pdf"}, {"ocr-outputs": "markdown,tables,searchable-pdf"}
UPLOADS = [
    Upload(f"{KEY}/one.png", b"first", (sent(b"first", f"{TEXT} 1\nдоговор"),), metadata=ALL),
    Upload(f"{KEY}/book.pdf", BOOK, tuple(sent(BOOK + b" #%d" % n, f"{TEXT} p{n}") for n in (1, 2, 3)), metadata=SOME),
    Upload(f"{KEY}/bad.png", b"bad", (sent(b"bad", "", Reason.FAILED_IN_OCR),)),
    Upload(f"{KEY}/damaged.png", b"damaged", refused=("failed", Reason.DAMAGED)),
    Upload(f"{KEY}/empty.png", b"", refused=("skipped", Reason.EMPTY_FILE)),
    Upload(f"{KEY}/one.png", b"second", (sent(b"second", f"{TEXT} 2"),)),
    Upload(
        f"{KEY}/torn.pdf",
        TORN,
        (sent(TORN + b" #1", f"{TEXT} t1"), sent(TORN + b" #2", "", Reason.FAILED_IN_OCR)),
        metadata=SOME,
    ),
    Upload(f"{KEY}/prices.png", PRICES, (sent(PRICES, f"{TEXT} in a table"),), metadata={"ocr-outputs": "tables"}),
]


def set_page(text: str) -> RecognisedPage:
    """A page with places for its words."""
    return {**page(text), "width": WIDTH, "height": PAGE_HEIGHT, "blocks": [block(text)]}


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
    world.ocr.table = {b"bad": Failure(13, WORDS), TORN + b" #2": Failure(13, WORDS)}
    world.ocr.table |= {b"first": set_page(UPLOADS[0].pages[0].text), b"second": set_page(UPLOADS[5].pages[0].text)}
    world.ocr.table |= {BOOK + b" #%d" % n: set_page(UPLOADS[1].pages[n - 1].text) for n in (1, 2, 3)}
    world.ocr.table[TORN + b" #1"] = set_page(UPLOADS[6].pages[0].text)
    prices = UPLOADS[7].pages[0].text
    world.ocr.table[PRICES] = {**set_page(prices), "tables": [table([[prices]])]}
    puts = []
    for upload in UPLOADS:
        document = world.upload(upload.key, upload.content, upload.metadata)
        world.queue *= 2
        puts.append(Put(upload, document.id))
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


def test_a_failure_that_the_rows_explain_is_told_and_is_no_broken_promise() -> None:
    faults = Faults()
    faults.fail("ocr.submit", lambda: OcrAnswerLost("lost"), when="after", times=3)
    evidence = run(faults)
    assert broken(evidence) == []
    [(document, why)] = unexpected(evidence)
    assert (document.id, why) == (evidence.puts[0].document, "page 1: 3 submits without an answer")


def test_an_output_whose_making_was_killed_too_often_is_told_and_is_no_broken_promise() -> None:
    evidence = run(make_pdf=mortal)
    assert broken(evidence) == []
    assert {document.id for document, _ in lacking(evidence)} == {of(evidence, number) for number in (0, 1, 6)}
    assert {why for _, why in lacking(evidence)} == {"There is no searchable PDF. Making it broke off 2 times."}
    assert unexpected(evidence) == []


@pytest.mark.parametrize("was_written", [False, True])
def test_what_an_output_that_was_not_to_be_made_left_behind_is_not_shown(was_written: bool) -> None:
    evidence = run(make_pdf=mortal)
    own, shown = keys.own(of(evidence, 1), keys.SEARCHABLE_PDF), f"{KEY}/book.pdf{keys.SEARCHABLE_PDF}"
    evidence = with_file(evidence, own, lambda _: b"%PDF-")
    assert broken(evidence) == []
    if was_written:
        evidence = with_file(evidence, shown, lambda _: b"%PDF-")
    assert bool(broken(evidence)) is was_written


def of(evidence: Evidence, number: int) -> str:
    return evidence.puts[number].document


def with_document(evidence: Evidence, number: int, **changed: object) -> Evidence:
    document: Document = replace(evidence.documents[of(evidence, number)], **changed)  # type: ignore[arg-type]
    return replace(evidence, documents={**evidence.documents, document.id: document})


def with_operation(evidence: Evidence, number: int, **changed: object) -> Evidence:
    first, *others = evidence.operations[of(evidence, number)]
    operation: Operation = replace(first, **changed)  # type: ignore[arg-type]
    return replace(evidence, operations={**evidence.operations, of(evidence, number): [operation, *others]})


def with_file(evidence: Evidence, key: str, change: Callable[[bytes], bytes] | None) -> Evidence:
    files = {name: body for name, body in evidence.files.items() if name != key}
    return replace(evidence, files=files if change is None else {**files, key: change(evidence.files.get(key, b""))})


def with_accepted(evidence: Evidence, page_: Page, count: int) -> Evidence:
    by_sha256 = {**evidence.ocr["submits"]["by_sha256"], page_.sha256: count}
    return replace(evidence, ocr={**evidence.ocr, "submits": {"by_sha256": by_sha256}})


def with_log(evidence: Evidence, line: str) -> Evidence:
    return replace(evidence, logs={**evidence.logs, "submit": [line]})


def with_rendering(evidence: Evidence, number: int, rendering: Rendering | None, output: Output) -> Evidence:
    """What the row says of an output is this instead; None: nothing."""
    others = evidence.documents[of(evidence, number)].renderings
    changed = [rendering if each.output is output else each for each in others]
    return with_document(evidence, number, renderings=tuple(each for each in changed if each is not None))


def without_output(evidence: Evidence, number: int, suffix: str, why: Rendering) -> Evidence:
    """The document lacks this output everywhere, and its row says that of it."""
    names = (keys.own(of(evidence, number), suffix), evidence.puts[number].upload.key + suffix)
    files = {name: body for name, body in evidence.files.items() if name not in names}
    return with_rendering(replace(evidence, files=files), number, why, why.output)


def searchable(*texts: str) -> bytes:
    """A searchable PDF with a page for each text."""
    to = io.BytesIO()
    searchable_pdf(io.BytesIO(), "", [(number, set_page(text)) for number, text in enumerate(texts, start=1)], to)
    return to.getvalue()


def with_markdown(evidence: Evidence, number: int, old: str, new: str) -> Evidence:
    key = keys.own(of(evidence, number), keys.MARKDOWN)
    return with_file(evidence, key, lambda body: body.replace(old.encode(), new.encode()))


def with_pdf(evidence: Evidence, number: int, body: bytes) -> Evidence:
    return with_file(evidence, keys.own(of(evidence, number), keys.SEARCHABLE_PDF), lambda _: body)


def with_notice(evidence: Evidence, number: int, **changed: object) -> Evidence:
    notices = [json.loads(body) for body in evidence.notices]
    told = [{**notice, **changed} if notice["document"] == of(evidence, number) else notice for notice in notices]
    return replace(evidence, notices=[json.dumps(notice) for notice in told])


def error_file(evidence: Evidence) -> str:
    return keys.own(of(evidence, 3), keys.ERROR)


TAMPERED: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "an upload without a row": ("ended", lambda e: replace(e, puts=[*e.puts, Put(UPLOADS[0], "0" * 32)])),
    "a row without an upload": ("ended", lambda e: replace(e, puts=e.puts[1:])),
    "a row that is not final": ("ended", lambda e: with_document(e, 0, state=DocumentState.DELIVERING)),
    "a final row that is due": ("ended", lambda e: with_document(e, 0, due_at=1.0)),
    "a page that is not final": ("ended", lambda e: with_operation(e, 0, state=OperationState.RUNNING)),
    "something due": ("ended", lambda e: replace(e, due=1)),
    "a dead letter": ("ended", lambda e: replace(e, dead_letters=1)),
    "another reason": ("outcomes", lambda e: with_document(e, 3, problem=e.documents[of(e, 4)].problem)),
    "a page that failed for nothing": (
        "outcomes",
        lambda e: with_operation(e, 0, problem=replace(e.documents[of(e, 3)].problem, reason=Reason.INTERNAL)),  # type: ignore[type-var]
    ),
    "an unconfirmed page without unconfirmed": (
        "outcomes",
        lambda e: with_operation(
            e,
            0,
            problem=replace(e.documents[of(e, 3)].problem, reason=Reason.SUBMIT_UNCONFIRMED),  # type: ignore[type-var]
        ),
    ),
    "a page too few": (
        "outcomes",
        lambda e: replace(e, operations={**e.operations, of(e, 1): e.operations[of(e, 1)][1:]}),
    ),
    "an outcome that its pages do not make": ("outcomes", lambda e: with_document(e, 1, pages_recognized=2)),
    "no text": ("files", lambda e: with_file(e, keys.own(of(e, 0), keys.TEXT), None)),
    "another text": ("files", lambda e: with_file(e, keys.own(of(e, 0), keys.TEXT), lambda body: body + b"x")),
    "pages in another order": (
        "files",
        lambda e: with_file(e, keys.own(of(e, 1), keys.TEXT), lambda body: b"\f".join(reversed(body.split(b"\f")))),
    ),
    "another document's JSON": (
        "files",
        lambda e: with_file(e, keys.own(of(e, 0), keys.JSON), lambda _: e.files[keys.own(of(e, 5), keys.JSON)]),
    ),
    "an error without its schema": (
        "files",
        lambda e: with_file(e, error_file(e), lambda _: b'{"id": 1, "outcome": "failed", "reason": "damaged"}'),
    ),
    "a file too many": ("files", lambda e: with_file(e, keys.own(of(e, 0), keys.ERROR), lambda _: b"{}")),
    "an output's file that is missing": ("files", lambda e: with_file(e, keys.own(of(e, 1), keys.MARKDOWN), None)),
    "an output's file that its row does not tell of": (
        "files",
        lambda e: with_rendering(e, 1, None, Output.SEARCHABLE_PDF),
    ),
    "a table's file that is missing": ("files", lambda e: with_file(e, keys.own(of(e, 7), keys.table(1, 1)), None)),
    "a table's file too many": (
        "files",
        lambda e: with_file(e, keys.own(of(e, 7), keys.table(1, 2)), lambda _: b"1\r\n"),
    ),
    "a lack that the result does not tell of": (
        "files",
        lambda e: without_output(e, 1, keys.SEARCHABLE_PDF, renderings.failed(Output.SEARCHABLE_PDF, 2)),
    ),
    "an output of which the row says nothing": ("outputs", lambda e: with_rendering(e, 1, None, Output.MARKDOWN)),
    "an output that nobody asked for": (
        "outputs",
        lambda e: with_document(e, 5, renderings=(Rendering(Output.MARKDOWN, 1),)),
    ),
    "an output that is missing for nothing": (
        "outputs",
        lambda e: without_output(e, 1, keys.MARKDOWN, Rendering(Output.MARKDOWN)),
    ),
    "an output that is missing though nothing failed": (
        "outputs",
        lambda e: without_output(e, 1, keys.MARKDOWN, renderings.missing(Output.MARKDOWN, "The file is gone.")),
    ),
    "an output that was given up too early": (
        "outputs",
        lambda e: without_output(e, 1, keys.MARKDOWN, renderings.given_up(Output.MARKDOWN, 1)),
    ),
    "an output with a warning": (
        "outputs",
        lambda e: with_rendering(e, 1, Rendering(Output.MARKDOWN, 1, ("It is short.",)), Output.MARKDOWN),
    ),
    "Markdown with other words": ("outputs", lambda e: with_markdown(e, 1, "p2", "p3")),
    "Markdown with a word too many": ("outputs", lambda e: with_markdown(e, 1, "p2", "p2 p2")),
    "Markdown without a page": ("outputs", lambda e: with_markdown(e, 1, f"<!-- page 3 -->\n\n{TEXT} p3\n", "")),
    "Markdown with another page's number": ("outputs", lambda e: with_markdown(e, 1, "page 3", "page 4")),
    "Markdown with its pages the other way round": (
        "outputs",
        lambda e: with_markdown(with_markdown(with_markdown(e, 1, "p1", "x"), 1, "p2", "p1"), 1, "x", "p2"),
    ),
    "Markdown with text on a page that failed": (
        "outputs",
        lambda e: with_markdown(e, 6, "<!-- page 2 -->", f"<!-- page 2 -->\n\n{TEXT}"),
    ),
    "a searchable PDF that is none": ("outputs", lambda e: with_pdf(e, 1, b"%PDF-1.7 and no more")),
    "a searchable PDF without a byte": ("outputs", lambda e: with_pdf(e, 1, b"")),
    "a searchable PDF without a page": ("outputs", lambda e: with_pdf(e, 1, searchable(f"{TEXT} p1", f"{TEXT} p2"))),
    "a searchable PDF with other words": (
        "outputs",
        lambda e: with_pdf(e, 1, searchable(f"{TEXT} p1", f"{TEXT} p2", "p3")),
    ),
    "a searchable PDF with text on a page that failed": (
        "outputs",
        lambda e: with_pdf(e, 6, searchable(f"{TEXT} t1", f"{TEXT} t2")),
    ),
    "an older upload's output": (
        "names",
        lambda e: with_file(e, f"{KEY}/one.png.md", lambda _: e.files[keys.own(of(e, 0), keys.MARKDOWN)]),
    ),
    "an older upload's table": ("names", lambda e: with_file(e, f"{KEY}/one.png.tables/0001-01.csv", lambda _: b"")),
    "an output's name that is missing": ("names", lambda e: with_file(e, f"{KEY}/book.pdf.md", None)),
    "a table's name that is missing": ("names", lambda e: with_file(e, f"{KEY}/prices.png.tables/0001-01.csv", None)),
    "another document's searchable PDF": (
        "names",
        lambda e: with_file(e, f"{KEY}/book.pdf.searchable.pdf", lambda _: searchable(f"{TEXT} p1")),
    ),
    "an older upload's name": (
        "names",
        lambda e: with_file(e, f"{KEY}/one.png.txt", lambda _: e.files[keys.own(of(e, 0), keys.TEXT)]),
    ),
    "a name too many": ("names", lambda e: with_file(e, f"{KEY}/one.png.error.json", lambda _: b"{}")),
    "a name that is missing": ("names", lambda e: with_file(e, f"{KEY}/one.png.txt", None)),
    "a document nobody was told of": ("notices", lambda e: replace(e, notices=e.notices[1:])),
    "a second id": ("notices", lambda e: replace(e, notices=[*e.notices, *with_notice(e, 0, id="x:1:y").notices])),
    "another outcome told": ("notices", lambda e: with_notice(e, 0, outcome="failed")),
    "a lack that the notice does not tell of": ("notices", lambda e: with_notice(e, 0, warnings=[])),
    "a page paid for twice": ("paid", lambda e: with_accepted(e, UPLOADS[0].pages[0], 2)),
    "a page sent that nobody took": ("paid", lambda e: with_accepted(e, UPLOADS[0].pages[0], 0)),
    "a content that is no page's": ("paid", lambda e: with_accepted(e, sent(b"other"), 1)),
    "a quota overrun": ("paid", lambda e: replace(e, ocr={**e.ocr, "throttled": {"submit": 1}})),
    "a request refused": ("paid", lambda e: replace(e, ocr={**e.ocr, "refused": {"submit": {"body": 1}}})),
    "a repeat paid for": ("repeated", lambda e: replace(e, accepted_again=1)),
    "a repeat told of": ("repeated", lambda e: replace(e, notices_again=1)),
    "an error nobody expected": ("logs", lambda e: with_log(e, '{"level":"ERROR","message":"pass_died"}')),
    "text in a log": ("logs", lambda e: with_log(e, f'{{"level":"INFO","x":"{TEXT}"}}')),
    "a key in a log, encoded": ("logs", lambda e: with_log(e, "%D0%BA%D0%BB%D1%8E%D1%87")),
    "AWS's words in a log": ("logs", lambda e: with_log(e, AWS_WORDS)),
    "a credential in a log": ("logs", lambda e: with_log(e, API_KEY)),
    "a token in a log": ("logs", lambda e: with_log(e, "t1.9euelZqKxxxxxxxxxxxxxxxxxxxx")),
    "a presigned address in a log": ("logs", lambda e: with_log(e, "https://b/k?X-Amz-Signature=0")),
    "text outside the logs": ("logs", lambda e: replace(e, emulator_log=f"error: {TEXT}")),
    "text in an error": (
        "told",
        lambda e: with_file(e, error_file(e), lambda body: body.replace(b'"what"', f'"{TEXT}"'.encode())),
    ),
    "a credential in a notice": ("told", lambda e: with_notice(e, 3, what=API_KEY)),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_wrong_is_seen(name: str, good: Evidence) -> None:
    check, tamper = TAMPERED[name]
    assert check in {line.partition(":")[0] for line in broken(tamper(good))}


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
    assert any(Output.TABLES in upload.outputs for upload in asking)
    assert any(len(upload.pages) > 1 for upload in asking)
    assert any(page_.reason for upload in asking for page_ in upload.pages)
    assert {Output.MARKDOWN, Output.SEARCHABLE_PDF} <= set.intersection(*(set(upload.outputs) for upload in asking))
    of_key = [[bool(upload.outputs) for upload in made if upload.key == key] for key in {each.key for each in asking}]
    assert any((False, True) in pairwise(asked) for asked in of_key), "one that asks is put over one that does not"
    assert any((True, False) in pairwise(asked) for asked in of_key), "one that asks is under one that does not"
    again = uploads.uploads(60, seed=1)
    assert [upload.metadata for upload in made] == [upload.metadata for upload in again]
    assert [upload.pages for upload in made] == [upload.pages for upload in again]
