"""Writes a document's own files: text and JSON from its pages, however many there are, or the error.

All pages are never in memory at once. What fits into one segment is written at once. Anything larger is written segment
by segment; each is an object of its own, which whoever continues after an interruption finds and need not make again.
At last they are joined within the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from pagekit.page import RecognisedPage, enlarged, stored_page
from textdrop.core import keys, results
from textdrop.core.documents import Document, Operation, OperationState, Outcome
from textdrop.core.errors import TextdropError
from textdrop.ports import DeliverPorts
from textdrop.usecases.side_by_side import side_by_side
from textdrop.usecases.time_left import NoTimeLeft, check_deadline

PAGES_AT_ONCE = 16


class PageMissing(TextdropError):
    """A recognised page, or a page's row, is no longer there, or cannot be read."""


def write_files(ports: DeliverPorts, document: Document, operations: Sequence[Operation], deadline: float) -> None:
    """The document's own files are there afterwards, and stay. `operations` are its run's.

    Raises NoTimeLeft when this has to continue later, PageMissing and StoreUnavailable.
    """
    if document.outcome not in (Outcome.SUCCEEDED, Outcome.PARTIAL):
        body = results.error_file(document, operations, ports.prices)
        check_deadline(ports, deadline)
        _put(ports, keys.own(document.id, document.run, keys.ERROR), keys.ERROR, body)
        return
    head, tail = results.result_frame(document, operations, ports.prices)
    is_long = document.pages > ports.policy.single_pass_max_pages
    there = ports.results.list_keys(keys.segments(document.id, document.run)) if is_long else []
    done = keys.segments_of(there)
    while not done or done[-1][1] < document.pages:
        first = done[-1][1] + 1 if done else 1
        if is_long:
            _time_for_segment(ports, deadline)
        last, text, json = _segment(ports, document.run, operations, first)
        if last < first:
            raise PageMissing(f"page in place {first} of {document.id} has no row")
        if first == 1:
            json = head + json
        if last == document.pages:
            json += tail
        whole = first == 1 and last == document.pages
        if whole:
            check_deadline(ports, deadline)
            put = [partial(_put, ports, keys.own(document.id, document.run, keys.TEXT), keys.TEXT, text)]
            put.append(partial(_put, ports, keys.own(document.id, document.run, keys.JSON), keys.JSON, json))
            side_by_side(ports.run_parallel, put)
            return
        # In this order: a segment whose JSON is there is whole.
        for suffix, body in ((keys.TEXT, text), (keys.JSON, json)):
            check_deadline(ports, deadline)
            _put(ports, keys.segment(document.id, document.run, first, last, suffix), suffix, body)
        done.append((first, last))
    if is_long:
        _time_for_segment(ports, deadline)
    joined: list[str] = []
    for suffix in (keys.TEXT, keys.JSON):
        segments = [keys.segment(document.id, document.run, first, last, suffix) for first, last in done]
        ports.results.join(
            segments, keys.own(document.id, document.run, suffix), partial(check_deadline, ports, deadline)
        )
        joined += segments
    check_deadline(ports, deadline)
    ports.results.delete(joined)


def _put(ports: DeliverPorts, key: str, suffix: str, body: bytes) -> None:
    ports.results.put(key, body, keys.CONTENT_TYPES[suffix])


def _time_for_segment(ports: DeliverPorts, deadline: float) -> None:
    if ports.clock.now() + ports.policy.segment_seconds > deadline:
        raise NoTimeLeft("no time left for another segment")


def _segment(ports: DeliverPorts, run: int, operations: Sequence[Operation], first: int) -> tuple[int, bytes, bytes]:
    """As many pages as make a segment, at least one, starting at this place: the last place, and all as text and JSON.

    Places count the document's pages from 1; they differ from the file's page numbers if only some of its pages are
    recognised.
    """
    last, text, json = first - 1, bytearray(), bytearray()
    for operation, page in stored_pages(ports, operations[first - 1 : first - 1 + ports.policy.segment_pages]):
        last += 1
        text += results.page_text(last, page)
        json += results.page_json(last, run, operation, page)
        if len(text) + len(json) >= ports.policy.segment_bytes:
            break
    return last, bytes(text), bytes(json)


def stored_pages(
    ports: DeliverPorts, operations: Sequence[Operation]
) -> Iterator[tuple[Operation, RecognisedPage | None]]:
    """The pages as they were stored, in order; None for one that failed. Raises PageMissing and StoreUnavailable."""
    for start in range(0, len(operations), PAGES_AT_ONCE):
        some = operations[start : start + PAGES_AT_ONCE]
        bodies: dict[int, bytes | None] = {}
        recognised = [operation for operation in some if operation.state is OperationState.RECOGNIZED]
        side_by_side(ports.run_parallel, [partial(_fetch, ports, operation, bodies) for operation in recognised])
        for operation in some:
            yield operation, _page(ports, operation, bodies)


def _fetch(ports: DeliverPorts, operation: Operation, bodies: dict[int, bytes | None]) -> None:
    key = keys.page(operation.document_id, operation.result_run, operation.page)
    bodies[operation.page] = ports.results.get(key)


def _page(ports: DeliverPorts, operation: Operation, bodies: dict[int, bytes | None]) -> RecognisedPage | None:
    if operation.state is not OperationState.RECOGNIZED:
        return None
    body = bodies.pop(operation.page)
    if body is None:
        raise PageMissing(f"page {operation.page} of {operation.document_id}")
    if operation.own_text:
        return _own_text(operation, body)
    page = ports.read_page(body)
    return enlarged(page, 1 / operation.prepared.scale) if operation.prepared is not None else page


def _own_text(operation: Operation, body: bytes) -> RecognisedPage:
    """A page whose text is the file's own is stored as we show it: no service has answered anything."""
    try:
        return stored_page(body)
    except ValueError as error:
        raise PageMissing(f"own text of page {operation.page} of {operation.document_id}") from error
