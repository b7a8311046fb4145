"""cancel: sends nothing more of documents in flight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textdrop.core import cursors, problems
from textdrop.core.documents import Document, DocumentState
from textdrop.core.observations import Cancelled
from textdrop.core.requests import MAX_LISTED, Cancel
from textdrop.ports import ControlPorts
from textdrop.usecases.control.active import active
from textdrop.usecases.control.changing import asked_for, change
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.transitions import transition_document

WITHOUT_OUTCOME = frozenset({DocumentState.ACCEPTED, DocumentState.RECOGNIZING, DocumentState.HELD})


def cancel(ports: ControlPorts, settings: ControlSettings, asked: Cancel) -> dict[str, Any]:
    """The documents have the outcome cancelled, or would have it in a dry run.

    Raises StoreUnavailable; if only a single document fails, the answer says so.
    """

    def found() -> tuple[Sequence[Document], cursors.ActiveCursor | None]:
        page = active(ports, asked.chosen, MAX_LISTED, asked.cursor, WITHOUT_OUTCOME)
        return page.documents, page.cursor

    documents, cursor = asked_for(ports, asked.documents, found)

    def cancelled(row: Document) -> Document | None:
        return transition_document(ports, row, Cancelled(problems.cancelled()))

    done = change(ports, documents, _refusal, cancelled, asked.dry_run)
    return {**done.answer(ports, settings, "cancelled"), "cursor": cursors.to_text(cursor)}


def _refusal(row: Document) -> str:
    if row.state in WITHOUT_OUTCOME:
        return ""
    if row.state in (DocumentState.DELETING, DocumentState.DELETED):
        return "It is deleted, or being deleted."
    return f"It has its outcome already: {row.outcome}."
