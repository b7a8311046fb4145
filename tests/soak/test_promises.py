"""That the checks see what is wrong: on what the application leaves behind on fakes, and each change of it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
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
from soak.promises import broken, by_faults
from soak.uploads import KEY, TEXT, WORDS, Page, Upload
from textdrop.core import keys, renderings
from textdrop.core.documents import OperationState, Output, Problem
from textdrop.core.errors import OcrAnswerLost, Reason
from textdrop.ports import MakeSearchablePdf, Pages, Renderers
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


def searchable_pdf(
    source: BinaryIO, media_type: str, pages: Pages, to: BinaryIO, *numbers: Collection[int]
) -> Sequence[str]:
    """The recognised text over pages that have nothing else, as the uploads are no real files."""
    listed, blank = list(pages), io.BytesIO()
    with pikepdf.new() as document:
        for _ in listed:
            document.add_blank_page()
        document.save(blank)
    return layered_pdf(blank, listed, to).warnings


def mortal(source: BinaryIO, media_type: str, pages: Pages, to: BinaryIO, *numbers: Collection[int]) -> Sequence[str]:
    """Kills whoever makes a searchable PDF."""
    raise KilledError


def run(
    faults: Faults | None = None,
    make_pdf: MakeSearchablePdf = searchable_pdf,
) -> Evidence:
    """The uploads, each with its event twice, until all is over."""
    world = World(faults=faults)
    made = Renderers(markdown, partial(csv_files, bom=False), workbook, make_pdf, no_tables_note)
    world.deliver_ports = replace(world.deliver_ports, renderers=made)
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
    assert by_faults(good) == []


def test_a_failure_that_the_rows_explain_is_reported_and_is_no_broken_promise() -> None:
    faults = Faults()
    faults.fail("ocr.submit", lambda: OcrAnswerLost("lost"), when="after", times=3)
    evidence = run(faults)
    assert broken(evidence) == []
    [(document, why)] = by_faults(evidence)
    assert (document.id, why[:8]) == (of(evidence, ONE), "page 1: ")


def test_an_output_whose_making_was_killed_too_often_is_reported_and_is_no_broken_promise() -> None:
    evidence = run(make_pdf=mortal)
    assert broken(evidence) == []
    why = "There is no searchable PDF. Making it broke off 2 times."
    told = [(document.id, why) for document, why in by_faults(evidence)]
    assert told == [(of(evidence, number), why) for number in (ONE, BOOK, TORN)]
    swapped(BOOK, keys.JSON, "Making it broke off", "Nothing")(evidence)
    assert f"files: {of(evidence, BOOK)} does not say in its JSON what it lacks" in broken(evidence)


Change = Callable[[Evidence], object]
"""What alters the evidence."""


def of(evidence: Evidence, number: int) -> str:
    return evidence.puts[number].document


def some(name: str, value: object) -> Change:
    return lambda e: setattr(e, name, value)


def document(number: int, **changed: Any) -> Change:
    return lambda e: e.documents.update({of(e, number): replace(e.documents[of(e, number)], **changed)})


def first_page(number: int, **changed: Any) -> Change:
    return lambda e: e.operations[of(e, number)].append(replace(e.operations[of(e, number)].pop(0), **changed))


def swapped(number: int, suffix: str, old: str, new: str) -> Change:
    """Other words in a document's own file."""

    def change(evidence: Evidence) -> None:
        key = keys.own(of(evidence, number), 1, suffix)
        evidence.files[key] = evidence.files[key].replace(old.encode(), new.encode())

    return change


def of_another(number: int, suffix: str) -> Change:
    """The book's file is that of another document."""
    return lambda e: e.files.update({keys.own(of(e, BOOK), 1, suffix): e.files[keys.own(of(e, number), 1, suffix)]})


def of_older(suffix: str) -> Change:
    """The name shows the file of an older upload of the key."""
    return lambda e: e.files.update({f"{KEY}/one.png{suffix}": e.files[keys.own(of(e, ONE), 1, suffix)]})


def notice(number: int, **changed: Any) -> Change:
    def change(evidence: Evidence) -> None:
        [told] = [body for body in evidence.notices if of(evidence, number) in body]
        evidence.notices.append(json.dumps({**json.loads(told), **changed}))

    return change


def accepted(page_: Page, count: int) -> Change:
    return lambda e: e.ocr["submits"]["by_sha256"].update({page_.sha256: count})


def log(line: str) -> Change:
    return lambda e: e.logs["submit"].append(line)


def problem(reason: Reason) -> Problem:
    return Problem(reason, "What.", "Advice.")


CHANGES: dict[str, list[Change]] = {
    "ended": [
        lambda e: e.puts.append(Put(UPLOADS[0], "0" * 32)),
        document(ONE, due_at=1.0),
        first_page(ONE, state=OperationState.RUNNING),
        some("due", 1),
        some("dead_letters", 1),
    ],
    "outcomes": [
        document(DAMAGED, problem=problem(Reason.EMPTY_FILE)),
        document(BOOK, pages_recognized=2),
        first_page(ONE, problem=problem(Reason.SUBMIT_UNCONFIRMED)),
        lambda e: e.operations[of(e, BOOK)].pop(),
        lambda e: e.operations[of(e, DAMAGED)].append(e.operations[of(e, ONE)][0]),
    ],
    "files": [
        lambda e: e.files.pop(keys.own(of(e, ONE), 1, keys.TEXT)),
        lambda e: e.files.pop(keys.own(of(e, PRICES), 1, keys.table(1, 1))),
        of_another(DAMAGED, keys.ERROR),
        swapped(DAMAGED, keys.ERROR, '"damaged"', '"encrypted"'),
        swapped(DAMAGED, keys.ERROR, '"what"', '"why"'),
        swapped(BOOK, keys.JSON, '"notes"', '"note"'),
        swapped(BOOK, keys.JSON, "result/1", "error/1"),
        swapped(BOOK, keys.MARKDOWN, "page 3", "page 4"),
        swapped(ONE, keys.TEXT, "\nдоговор", " договор"),
        lambda e: e.files.update({keys.own(of(e, NEWER), 1, keys.WORKBOOK): b""}),
        *(of_another(TORN, suffix) for suffix in (keys.TEXT, keys.JSON, keys.MARKDOWN, keys.SEARCHABLE_PDF)),
        lambda e: e.files.update({keys.own("0" * 32, 1, keys.TEXT): b""}),
    ],
    "outputs": [
        document(BOOK, renderings=()),
        document(BOOK, renderings=tuple(renderings.missing(each, "It is gone.") for each in UPLOADS[BOOK].outputs)),
    ],
    "names": [
        of_older(keys.MARKDOWN),
        of_older(keys.TEXT),
        lambda e: e.files.pop(f"{KEY}/prices.png.tables/0001-01.csv"),
    ],
    "notices": [
        lambda e: e.notices.pop(),
        notice(ONE, id="x:1:y"),
        notice(ONE, outcome="failed"),
        notice(ONE, warnings=[]),
    ],
    "paid": [
        accepted(UPLOADS[0].pages[0], 2),
        accepted(UPLOADS[0].pages[0], 0),
        accepted(sent(b"other"), 1),
        lambda e: e.ocr["throttled"].update(submit=1),
        lambda e: e.ocr["refused"].update(submit={"body": 1}),
    ],
    "repeated": [some("accepted_again", 1), some("notices_again", 1)],
    "logs": [
        log('{"level":"ERROR","message":"pass_died"}'),
        log(f'{{"level":"INFO","x":"{TEXT}"}}'),
        log("%D0%BA%D0%BB%D1%8E%D1%87"),
        log("t1.9euelZqKxxxxxxxxxxxxxxxxxxxx"),
        some("emulator_log", f"error: {TEXT}"),
    ],
    "private": [swapped(DAMAGED, keys.ERROR, '"what"', f'"{TEXT}"'), notice(DAMAGED, what=API_KEY)],
}
"""What is changed in the evidence, by the check that must see it."""


@pytest.mark.parametrize(
    ("check", "number"), [(check, number) for check, changes in CHANGES.items() for number in range(len(changes))]
)
def test_what_is_wrong_is_seen(check: str, number: int, good: Evidence) -> None:
    altered = deepcopy(good)
    CHANGES[check][number](altered)
    assert check in {line.partition(":")[0] for line in broken(altered)}


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
    assert [each.pages for each in uploads.uploads(60, seed=1)] == [each.pages for each in made]
