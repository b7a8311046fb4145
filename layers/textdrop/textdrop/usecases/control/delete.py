"""delete: removes everything that is kept of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textdrop.core import control, cursors
from textdrop.core.cursors import ActiveCursor, EndedCursor
from textdrop.core.documents import Document, DocumentState
from textdrop.core.errors import StoreUnavailable
from textdrop.core.observations import DeleteAsked
from textdrop.core.requests import MAX_LISTED, Delete
from textdrop.core.results import timestamp
from textdrop.ports import ControlPorts
from textdrop.usecases.control.active import active
from textdrop.usecases.control.changing import asked_for, change
from textdrop.usecases.control.ended import beginning, ended
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.transitions import transition_document


def delete(ports: ControlPorts, settings: ControlSettings, asked: Delete) -> dict[str, Any]:
    """The documents are being deleted, or would be in a dry run. Without an outcome a filter chooses first what is in
    flight, then what ended.

    Raises StoreUnavailable; if only a single document fails, the answer says so.
    """

    def found() -> tuple[Sequence[Document], EndedCursor | ActiveCursor | None]:
        if asked.chosen.outcome is None and not isinstance(asked.cursor, EndedCursor):
            in_flight = active(ports, asked.chosen, MAX_LISTED, asked.cursor)
            if in_flight.cursor is not None or in_flight.documents:
                return in_flight.documents, in_flight.cursor or beginning(asked.chosen, ports.clock.now())
        place = asked.cursor if isinstance(asked.cursor, EndedCursor) else None
        page = ended(ports, asked.chosen, MAX_LISTED, place)
        return page.documents, page.cursor

    documents, cursor = asked_for(ports, asked.documents, found)
    done = change(ports, documents, _refusal, lambda row: transition_document(ports, row, DeleteAsked()), asked.dry_run)
    answer = done.answer(ports, settings, "deleting")
    kept_until = [_kept_until(ports, before) for before, _ in done.changed]
    shown: Any = answer["deleting"]
    deleting = [{**each, "ocr_result_kept_until": until} for each, until in zip(shown, kept_until, strict=True)]
    return {**answer, "deleting": deleting, "cursor": cursors.to_text(cursor)}


def _kept_until(ports: ControlPorts, row: Document) -> str | None:
    """The latest time by which the OCR service has deleted its last result; None if it has none."""
    now = ports.clock.now()
    try:
        # For its first run the row itself says so.
        runs = ports.ledger.runs(row.id) if row.run > 1 else ()
    except StoreUnavailable:  # it is being deleted all the same
        return timestamp(now + ports.policy.result_kept_seconds)
    return control.kept_by_service_until(row, runs, now, ports.policy)


def _refusal(row: Document) -> str:
    if row.state is DocumentState.DELETING:
        return "It is being deleted already."
    return "It was deleted." if row.state is DocumentState.DELETED else ""
