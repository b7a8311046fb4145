"""A long document rendered by the render function in AWS's own Lambda runtime: `make bench ONLY=rendering`.

100 scans in a PDF of 100 MB, a full page of 300 words on each, and a table on every tenth; everything that can be asked
for, one output after another in turns, and all at once. Rows and pages are put where recognition leaves them; the
function fetches them, makes the outputs, writes and publishes them, and tells of them. Processor time is that of the
function's process, for a page, with all its requests to the local stack's AWS emulator, which cost more than making
the outputs; beside it what an output adds to a document without any. VmHWM is beside 60 % of the function's size.
"""

from __future__ import annotations

import io
import random
import statistics
import time
import uuid
from collections.abc import Sequence

import pikepdf
from PIL import Image

from benchmarks.deployed import Deployed, cpu_seconds, deployed, layers, peak_megabytes
from benchmarks.figures import Figure, Say, within
from benchmarks.ocr_process import page_text
from local.lambda_runtime import Function
from local.ocr.annotation import text_annotation
from local.ocr.protocol import result_line
from local.ocr.table import A4_HEIGHT, A4_WIDTH, set_text
from textdrop.adapters.aws import items
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

PAGES = 100
SCAN_SIDE = 1_300
ROUNDS = 3
SHARE = 0.6
MOST_MILLISECONDS = 10.0
NOBODY = {"textdrop": "resume", "document": "nobody", "rev": 1}


def measure(say: Say) -> list[Figure]:
    """Figures by output. RuntimeError when a document is not delivered with all it asks for."""
    with deployed(say) as stack:
        bucket, table = stack.own_bucket(versioned=True), stack.own_table()
        book = _book()
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
        return _figures(used, seconds, peak, SHARE * stack.memory_mb("render"))


def _figures(
    used: dict[tuple[Output, ...], list[float]], seconds: list[float], peak: float, most_megabytes: float
) -> list[Figure]:
    a_page = {outputs: statistics.median(found) * 1000 / PAGES for outputs, found in used.items()}
    found = [Figure("text and JSON alone, processor time a page", f"{a_page[()]:.1f} ms")]
    for output in Output:
        added = a_page[output,] - a_page[()]
        found.append(within(f"{output.value} adds, processor time a page", added, MOST_MILLISECONDS, "ms", 1))
    every = tuple(Output)
    found.append(Figure("all outputs, processor time a page", f"{a_page[every]:.1f} ms"))
    low, high = min(seconds), max(seconds)
    found.append(Figure("all outputs, time", f"{statistics.median(seconds):.1f} s", f"{low:.1f} to {high:.1f} s"))
    found.append(within("peak memory", peak, round(most_megabytes), "MB", 0))
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


def _book() -> bytes:
    """A PDF of scans of noise, each unlike any other."""
    noise, written = random.Random(0), io.BytesIO()
    with pikepdf.new() as document:
        for _ in range(PAGES):
            content = io.BytesIO()
            scanned = Image.frombytes("L", (SCAN_SIDE, SCAN_SIDE), noise.randbytes(SCAN_SIDE**2))
            scanned.save(content, "JPEG", quality=90)
            scan = document.make_stream(content.getvalue())
            scan.Type, scan.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
            scan.Width = scan.Height = SCAN_SIDE
            scan.ColorSpace, scan.BitsPerComponent = pikepdf.Name.DeviceGray, 8
            scan.Filter = pikepdf.Name.DCTDecode
            page = document.add_blank_page(page_size=(595, 842))
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=scan))
            page.Contents = document.make_stream(b"q 595 0 0 842 0 0 cm /Scan Do Q")
        document.save(written)
    return written.getvalue()
