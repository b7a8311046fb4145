"""Whether the outputs that an upload asked for are there and hold the text of its pages, or its row says why not."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence

import pypdf
from pypdf.errors import PyPdfError

from pagekit.outputs.tables import no_tables_note
from soak.uploads import TEXT, Page, Upload
from textdrop.core import keys, renderings
from textdrop.core.documents import Document, Operation, OperationState, Outcome, Output, Rendering
from textdrop.core.policy import Policy
from textdrop.usecases.render import TRIES

POLICY = Policy()
_MARK = re.compile(r"^<!-- page (\d+) -->$", re.MULTILINE)


def wrong(
    upload: Upload, document: Document, operations: Sequence[Operation], files: Mapping[str, bytes]
) -> Iterator[str]:
    """What is wrong with the outputs of a document that has an outcome."""
    asked = upload.outputs if document.outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL) else ()
    listed = tuple(rendering.output for rendering in document.renderings)
    if listed != asked:
        yield f"{document.id} is to have {_names(asked)}, its row has {_names(listed)}"
        return
    recognised = [
        page if row.state is OperationState.RECOGNIZED else None
        for row, page in zip(operations, upload.pages, strict=False)
    ]
    for rendering in document.renderings:
        if not rendering.files:
            if not _is_no_table(document, rendering) and not _is_by_faults(rendering):
                yield f"{document.id} has no {rendering.output}, which no fault explains: {rendering.warnings}"
        elif rendering.warnings:
            yield f"{document.id} has a {rendering.output} with {rendering.warnings}"
        elif rendering.output is Output.MARKDOWN:
            if not _markdown_holds(files.get(keys.own(document.id, keys.MARKDOWN), b""), recognised):
                yield f"{document.id} does not have its pages' texts in its Markdown"
        elif rendering.output is Output.SEARCHABLE_PDF:
            why = _wrong_pdf(files.get(keys.own(document.id, keys.SEARCHABLE_PDF), b""), recognised)
            if why:
                yield f"{document.id} has a searchable PDF {why}"


def lacking(document: Document) -> list[str]:
    """What the row says of each output that the faults made the document lack."""
    return [
        warning
        for rendering in document.renderings
        if not rendering.files and not _is_no_table(document, rendering)
        for warning in rendering.warnings
    ]


def left_over(document: Document) -> list[str]:
    """The suffixes of files that the document may have though its row does not say so: whoever made them died, or
    ran out of time, before it was written down. They stay its own, and are not shown under the upload's name."""
    return [keys.OF_OUTPUT[rendering.output] for rendering in document.renderings if _is_by_faults(rendering)]


def _is_by_faults(rendering: Rendering) -> bool:
    output = rendering.output
    known = (
        renderings.given_up(output, POLICY.render_attempts),
        renderings.failed(output, TRIES),
        renderings.out_of_time(output),
    )
    return rendering in known


def _is_no_table(document: Document, rendering: Rendering) -> bool:
    model = document.options.model if document.options else ""
    return rendering == Rendering(Output.TABLES, warnings=(no_tables_note(model),))


def _markdown_holds(body: bytes, recognised: Sequence[Page | None]) -> bool:
    """Whether each page's part has just its words, and that of a page that failed no page's."""
    _, *parts = _MARK.split(body.decode())
    if [int(number) for number in parts[::2]] != list(range(1, len(recognised) + 1)):
        return False
    return all(
        TEXT not in part if page is None else part.replace("\\", "").split() == page.text.split()
        for part, page in zip(parts[1::2], recognised, strict=True)
    )


def _wrong_pdf(body: bytes, recognised: Sequence[Page | None]) -> str:
    """What is wrong with it: "" if it has all pages, and in the order of reading the words recognised on each."""
    try:
        texts = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages]
    except PyPdfError as error:
        return f"that cannot be opened: {type(error).__name__}"
    if len(texts) != len(recognised):
        return f"of {len(texts)} pages, not of {len(recognised)}"
    for number, (text, page) in enumerate(zip(texts, recognised, strict=True), start=1):
        found = " ".join(text.split())
        if page is None and TEXT in found:
            return f"with text on page {number}, which failed"
        if page is not None and " ".join(page.text.split()) not in found:
            return f"without the text of page {number}"
    return ""


def _names(outputs: Sequence[Output]) -> str:
    return ", ".join(outputs) or "no outputs"
