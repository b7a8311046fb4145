"""retry: the next run of documents that have ended, which pays only for pages without a result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from textdrop.core import control, cursors, options, page_ranges
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Options, Outcome
from textdrop.core.errors import InvalidOptions, StoreUnavailable
from textdrop.core.observations import RetryAsked
from textdrop.core.requests import MAX_LISTED, Retry
from textdrop.ports import ControlPorts
from textdrop.usecases.control.changing import MAX_AT_ONCE, WHY_NOT_FINAL, asked_for, change
from textdrop.usecases.control.ended import ended
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.transitions import transition_document

COUNTED_DOCUMENTS = 20
"""The operations of so many documents a call are read, to tell which pages are to be paid for."""


def retry(ports: ControlPorts, settings: ControlSettings, asked: Retry) -> dict[str, Any]:
    """The documents are in their next run, or would be in a dry run; and about how many pages are to be paid for.

    Raises StoreUnavailable; if only a single document fails, the answer says so.
    """
    requested = dict(asked.requested)

    def found() -> tuple[Sequence[Document], cursors.EndedCursor | None]:
        page = ended(ports, asked.chosen, MAX_LISTED, asked.cursor)
        return page.documents, page.cursor

    documents, cursor = asked_for(ports, asked.documents, found)
    seen = RetryAsked(asked.requested, after_live=len(documents) > MAX_AT_ONCE)

    def retried(row: Document) -> Document | None:
        return transition_document(ports, row, seen)

    done = change(ports, documents, partial(_refusal, requested=requested), retried, asked.dry_run)
    pages: dict[str, int] = {}
    counted = 0
    for before, _ in done.changed:
        wanted = _options(before, requested)
        model = requested.get(options.MODEL, settings.model).strip().lower() if wanted is None else wanted.model
        number, has_read = _pages_to_pay(ports, before, wanted, settings.max_pages, counted < COUNTED_DOCUMENTS)
        counted += has_read
        pages[model] = pages.get(model, 0) + number
    return {
        **done.answer(ports, settings, "began"),
        "cursor": cursors.to_text(cursor),
        "pages": sum(pages.values()),
        "cost": control.total_cost(pages, ports.prices),
    }


def _refusal(row: Document, requested: dict[str, str]) -> str:
    if row.state is not DocumentState.FINAL:
        return WHY_NOT_FINAL[row.state]
    try:
        wanted = _options(row, requested)
    except InvalidOptions as refusal:
        return f"The options cannot be combined with the document's own. {refusal.what} {refusal.advice}"
    if row.outcome is Outcome.SUCCEEDED and (not requested or (wanted is not None and _same(wanted, row.options))):
        return "It succeeded, with these options: name options that change something, or render its outputs again."
    return ""


def _options(row: Document, requested: dict[str, str]) -> Options | None:
    """The options of the next run; None if those of the last run are not known. Raises InvalidOptions."""
    now = row.options
    if now is None:
        return None
    outputs = " ".join(map(str, now.outputs)) or options.NO_OUTPUTS
    reuse = options.YES if now.reuse else options.NO
    return options.resolve({}, " ".join(now.languages), now.model, outputs, now.pages, requested, reuse=reuse)


def _same(wanted: Options, now: Options | None) -> bool:
    return now is not None and _comparable(wanted) == _comparable(now)


def _comparable(chosen: Options) -> tuple[object, ...]:
    return frozenset(chosen.languages), chosen.model, frozenset(chosen.outputs), chosen.pages


def _pages_to_pay(
    ports: ControlPorts, before: Document, wanted: Options | None, max_pages: int, may_read: bool
) -> tuple[int, bool]:
    """About how many pages the next run pays for (those that the last run did not recognise with these languages and
    this model), and whether operations were read. A document that was never inspected counts as one page."""
    now = before.options
    if wanted is None or now is None or not before.file_pages:
        return 1, False
    try:
        chosen = page_ranges.chosen(wanted.pages, before.file_pages, before.file_pages)
    except InvalidOptions:
        return 0, False
    if len(chosen) > max_pages:
        return 0, False  # such a run is refused before anything is sent
    if (wanted.model, frozenset(wanted.languages)) != (now.model, frozenset(now.languages)):
        return len(chosen), False
    # The row of one that was cancelled, or could not be delivered, does not say how many pages are recognised.
    is_told = before.outcome is not Outcome.CANCELLED and not before.outcome_replaced
    if (wanted.pages == now.pages and is_told) or not may_read:
        return max(0, len(chosen) - before.pages_recognized), False
    try:
        operations = ports.documents.read_operations(before.id, before.operations_run)
    except StoreUnavailable:  # the run has begun, whatever it costs
        return max(0, len(chosen) - before.pages_recognized), True
    return len(chosen - _recognized(operations)), True


def _recognized(operations: Sequence[Operation]) -> frozenset[int]:
    return frozenset(each.page for each in operations if each.state is OperationState.RECOGNIZED)
