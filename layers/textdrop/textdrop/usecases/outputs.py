"""Makes the outputs that a document asks for, one after another.

An output that cannot be made, or fails twice, is a warning in result and notice; text and JSON are there all the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

from pagekit.errors import NotRenderable
from textdrop.core import keys
from textdrop.core.documents import Document, Operation, Output, Rendering
from textdrop.core.errors import ObjectForbidden, ObjectGone, StoreUnavailable
from textdrop.core.observations import Rendered
from textdrop.core.renderings import failed, missing, out_of_time
from textdrop.ports import DeliverPorts, Pages
from textdrop.usecases.parsed_pages import ParsedPages
from textdrop.usecases.time_left import NoTimeLeft, check_deadline
from textdrop.usecases.transitions import transition_held

TRIES = 2
FETCH_BYTES = 8_000_000


def make_outputs(ports: DeliverPorts, document: Document, operations: Sequence[Operation], deadline: float) -> Document:
    """Makes the remaining outputs of a document that we hold; its row afterwards, which says what became of each.

    `deadline` is when this worker is ended by force. Raises NotOurs, NoTimeLeft, StoreUnavailable and PageMissing.
    """
    with ParsedPages(ports, operations) as pages:
        for place, output in enumerate(document.to_render):
            rendering = _tried(ports, document, pages, output, deadline, is_first=place == 0)
            document = transition_held(ports, document, Rendered(rendering))
    return document


def _tried(
    ports: DeliverPorts, document: Document, pages: ParsedPages, output: Output, deadline: float, *, is_first: bool
) -> Rendering:
    """What became of this output. Raises StoreUnavailable, and NoTimeLeft if a pass that begins with it may finish
    it."""
    for _ in range(TRIES):
        try:
            return _make(ports, document, pages, output, deadline)
        except StoreUnavailable:
            raise
        except NotRenderable as error:
            return missing(output, error.what)
        except NoTimeLeft:
            if not is_first:
                raise
            return out_of_time(output)
        except Exception as error:  # noqa: BLE001 - whatever a file does to a library: a warning, never a lost text
            ports.journal.failed("output_failed", error, document=document.id, output=output.value)
    return failed(output, TRIES)


def _make(ports: DeliverPorts, document: Document, pages: ParsedPages, output: Output, deadline: float) -> Rendering:
    match output:
        case Output.MARKDOWN:
            return _markdown(ports, document, pages.read(deadline), deadline)
        case Output.TABLES:
            return _tables(ports, document, pages, deadline)
        case Output.SEARCHABLE_PDF:
            return _searchable_pdf(ports, document, pages, deadline)


def _markdown(ports: DeliverPorts, document: Document, pages: Pages, deadline: float) -> Rendering:
    text = "".join(ports.renderers.markdown(pages))
    check_deadline(ports, deadline)
    key = keys.own(document.id, document.run, keys.MARKDOWN)
    ports.results.put(key, text.encode("utf-8", "replace"), keys.CONTENT_TYPES[keys.MARKDOWN])
    return Rendering(Output.MARKDOWN, files=1)


def _tables(ports: DeliverPorts, document: Document, pages: ParsedPages, deadline: float) -> Rendering:
    with_tables: set[int] = set()
    made: list[str] = []
    for page, number, body in ports.renderers.csv_files(pages.read(deadline)):
        check_deadline(ports, deadline)
        made.append(keys.own(document.id, document.run, keys.table(page, number)))
        ports.results.put(made[-1], body, keys.CSV_CONTENT_TYPE)
        with_tables.add(page)
    if not made:
        options = document.options
        if options is None or options.outputs_from == "parameter":
            return Rendering(Output.TABLES)  # most pages have none, which matters only to whoever asked for this page's
        return Rendering(Output.TABLES, warnings=(ports.renderers.no_tables(options.model),))
    with tempfile.TemporaryFile() as file:
        ports.renderers.workbook(pages.read(deadline, with_tables), file)
        _put(ports, document, keys.WORKBOOK, file, deadline)
    return Rendering(Output.TABLES, files=len(made) + 1)


def _searchable_pdf(ports: DeliverPorts, document: Document, pages: ParsedPages, deadline: float) -> Rendering:
    try:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as file:
            _fetch(ports, document, source, deadline)
            read, drawn, own_text = pages.read(deadline), pages.drawn(), pages.own_text()
            warnings = ports.renderers.searchable_pdf(source, document.media_type, read, file, drawn, own_text)
            _put(ports, document, keys.SEARCHABLE_PDF, file, deadline)
    except ObjectGone as error:
        raise NotRenderable("The uploaded file is no longer there.") from error
    except ObjectForbidden as error:
        raise NotRenderable("The deliver function may not read the uploaded file.") from error
    return Rendering(Output.SEARCHABLE_PDF, files=1, warnings=tuple(warnings))


def _fetch(ports: DeliverPorts, document: Document, to: BinaryIO, deadline: float) -> None:
    """The whole upload. A PDF that is rewritten is read in many places, each of which would be a request.

    Raises NoTimeLeft, ObjectGone, ObjectForbidden and StoreUnavailable.
    """
    with ports.sources.head(document.source).open() as upload:
        while piece := upload.read(FETCH_BYTES):
            check_deadline(ports, deadline)
            to.write(piece)
    to.seek(0)


def _put(ports: DeliverPorts, document: Document, suffix: str, file: BinaryIO, deadline: float) -> None:
    file.seek(0)
    key = keys.own(document.id, document.run, suffix)
    ports.results.put_file(key, file, keys.CONTENT_TYPES[suffix], partial(check_deadline, ports, deadline))
