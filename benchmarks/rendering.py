"""A long document rendered, by itself and by the render function: `make bench ONLY=rendering`.

100 scans in a PDF of 132 MB, a full page of 300 words on each, and a table on every tenth. By themselves the renderers
get pages that are read already, and files in memory; of a searchable PDF the time is taken off in which pikepdf reads
and writes the same PDF as it is. Then the render function does it in AWS's own Lambda runtime: one output after another
in turns, and all at once. Rows and pages are put where recognition leaves them; the function fetches them and the
upload, makes the outputs, writes and publishes them, and tells of them. Its processor time is that of its process, with
all its requests to the local stack's AWS emulator: most of it is TLS and checksums of those megabytes. Its VmHWM is
beside 60 % of its size.
"""

from __future__ import annotations

import io
import statistics
import time
import uuid
from collections.abc import Callable, Sequence

import pikepdf

from benchmarks import scans
from benchmarks.deployed import Deployed, cpu_seconds, deployed, layers, peak_megabytes
from benchmarks.figures import Figure, Say, within
from benchmarks.ocr_process import page_text
from local.lambda_runtime import Function
from local.ocr.annotation import text_annotation
from local.ocr.protocol import result_line
from local.ocr.table import A4_HEIGHT, A4_WIDTH, set_text
from textdrop.adapters.aws import items
from textdrop.adapters.yandex.recognition import read_page
from textdrop.core import keys
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Options,
    Outcome,
    Output,
    Source,
    Step,
)
from textdrop.rendering.csv_files import csv_files
from textdrop.rendering.markdown import markdown
from textdrop.rendering.searchable_pdf import searchable_pdf
from textdrop.rendering.workbook import workbook

PAGES = 100
SCAN_BYTES = 1_340_000
ROUNDS = 3
SHARE = 0.6
MOST_MILLISECONDS = 10.0
NOBODY = {"textdrop": "resume", "document": "nobody", "rev": 1}


def measure(say: Say) -> list[Figure]:
    """Figures by output. RuntimeError when a document is not delivered with all it asks for."""
    written = io.BytesIO()
    scans.book(written, PAGES, scans.side_of(SCAN_BYTES))
    book = written.getvalue()
    found = _alone(book)
    say("renderers by themselves are measured")
    with deployed(say) as stack:
        bucket, table = stack.own_bucket(versioned=True), stack.own_table()
        put = stack.client("s3").put_object(Bucket=bucket, Key="book.pdf", Body=book)
        say(f"{PAGES} pages, {len(book) / 1e6:.0f} MB")
        source = Source(bucket, "book.pdf", put["VersionId"], put["ETag"].strip('"'), len(book), last_modified=1.0)
        asked: list[tuple[Output, ...]] = [(), *((output,) for output in Output), tuple(Output)]
        function = stack.start("render", layers(), {"TABLE_NAME": table})
        used: dict[tuple[Output, ...], list[float]] = {outputs: [] for outputs in asked}
        seconds: list[float] = []
        try:
            function.invoke(NOBODY)  # the first call imports, and makes clients
            _rendered(stack, function, table, source, tuple(Output))
            for number in range(ROUNDS):
                for outputs in asked:
                    began = time.monotonic()
                    used[outputs].append(_rendered(stack, function, table, source, outputs))
                    if outputs == asked[-1]:
                        seconds.append(time.monotonic() - began)
                say(f"round {number + 1} of {ROUNDS}")
            peak = peak_megabytes(function.process_id())
        finally:
            function.stop()
        return found + _figures(used, seconds, peak, SHARE * stack.memory_mb("render"))


def _alone(book: bytes) -> list[Figure]:
    """What each renderer takes by itself."""
    pages = [(number, read_page(_recognised(number))) for number in range(1, PAGES + 1)]
    untouched = _median(lambda: _rewritten(book))
    took = {
        "markdown": _median(lambda: "".join(markdown(pages))),
        "tables: CSV files": _median(lambda: list(csv_files(pages, bom=True))),
        "tables: workbook": _median(lambda: workbook(pages, io.BytesIO())),
        "searchable-pdf, beside reading and writing": _median(
            lambda: searchable_pdf(io.BytesIO(book), "application/pdf", pages, io.BytesIO())
        )
        - untouched,
    }
    return [
        within(f"{name}, processor time a page", seconds * 1000 / PAGES, MOST_MILLISECONDS, "ms", 1)
        for name, seconds in took.items()
    ]


def _median(render: Callable[[], object]) -> float:
    """Processor seconds, the median of the rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        render()
        took.append(time.process_time() - began)
    return statistics.median(took)


def _rewritten(book: bytes) -> None:
    with pikepdf.open(io.BytesIO(book)) as document:
        document.save(io.BytesIO())


def _figures(
    used: dict[tuple[Output, ...], list[float]], seconds: list[float], peak: float, most_megabytes: float
) -> list[Figure]:
    a_page = {outputs: statistics.median(found) * 1000 / PAGES for outputs, found in used.items()}
    found = [Figure("the function, text and JSON alone, processor time a page", f"{a_page[()]:.1f} ms")]
    for output in Output:
        found.append(Figure(f"the function, {output.value} adds", f"{a_page[output,] - a_page[()]:.1f} ms"))
    found.append(Figure("the function, all outputs", f"{a_page[tuple(Output)]:.1f} ms"))
    low, high = min(seconds), max(seconds)
    median = statistics.median(seconds)
    found.append(Figure("the function, all outputs, time", f"{median:.1f} s", f"{low:.1f} to {high:.1f} s"))
    found.append(within("the function, peak memory", peak, round(most_megabytes), "MB", 0))
    return found


def _rendered(stack: Deployed, function: Function, table: str, source: Source, outputs: Sequence[Output]) -> float:
    """The processor time that a new document took. Without outputs it is delivered by the same function."""
    document = Document(
        id=uuid.uuid4().hex,
        source=source,
        state=DocumentState.DELIVERING,
        accepted_at=time.time(),
        due_kind=DueKind.DELIVER,
        due_at=time.time() + 600.0,
        options=Options(("ru", "en"), "table", outputs=tuple(outputs)),
        media_type="application/pdf",
        pages=PAGES,
        outcome=Outcome.SUCCEEDED,
        pages_recognized=PAGES,
        outcome_at=time.time(),
        step=Step.RENDER,
    )
    _put_rows(stack, table, document)
    before = cpu_seconds(function.process_id())
    ended = function.invoke({"textdrop": "resume", "document": document.id, "rev": document.rev}).value
    if ended != {"ended": "delivered"}:
        raise RuntimeError(f"render's answer: {ended}")
    made = stack.client("dynamodb").get_item(
        TableName=table, Key={"pk": {"S": document.id}, "sk": {"S": items.DOCUMENT_SK}}
    )
    renderings = items.to_document(made["Item"]).renderings
    if [rendering.output for rendering in renderings if rendering.files] != [o for o in Output if o in outputs]:
        raise RuntimeError(f"made: {renderings}")
    return cpu_seconds(function.process_id()) - before


def _put_rows(stack: Deployed, table: str, document: Document) -> None:
    dynamodb, s3, bucket = stack.client("dynamodb"), stack.client("s3"), stack.env["RESULTS_BUCKET"]
    dynamodb.put_item(TableName=table, Item=items.of_document(document))
    for page in range(1, PAGES + 1):
        operation = Operation(
            document.id,
            1,
            page,
            OperationState.RECOGNIZED,
            holder_rev=1,
            described=OperationDescription(f"op{page}"),
            submitted_at=time.time(),
            finished_at=time.time(),
        )
        dynamodb.put_item(TableName=table, Item=items.of_operation(operation))
        s3.put_object(Bucket=bucket, Key=keys.page(document.id, 1, page), Body=_recognised(page))


def _recognised(page: int) -> bytes:
    """The service's answer for a page."""
    annotation = text_annotation(set_text(page_text(page), A4_WIDTH, A4_HEIGHT))
    if page % 10 == 0:
        cells = [
            {"boundingBox": {}, "rowIndex": str(row), "columnIndex": str(column), "text": f"{row}, {column}"}
            for row in range(20)
            for column in range(5)
        ]
        annotation["tables"] = [{"boundingBox": {}, "rowCount": "20", "columnCount": "5", "cells": cells}]
    return result_line(annotation, 0)
