"""render: makes the files of documents with text again; nothing is paid for."""

from __future__ import annotations

from typing import Any

from textdrop.core.documents import Document, DocumentState, Outcome
from textdrop.core.observations import RenderAsked
from textdrop.core.requests import Render
from textdrop.ports import ControlPorts
from textdrop.usecases.control.changing import WHY_NOT_FINAL, change
from textdrop.usecases.control.references import named
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.transitions import transition_document


def render(ports: ControlPorts, settings: ControlSettings, asked: Render) -> dict[str, Any]:
    """The documents are delivered again. Raises StoreUnavailable; if only a single document fails, the answer says
    so."""
    documents = named(ports, asked.documents)

    def rendered(row: Document) -> Document | None:
        return transition_document(ports, row, RenderAsked(asked.outputs))

    done = change(ports, documents, _refusal, rendered, dry_run=False)
    return done.answer(ports, settings, "began")


def _refusal(row: Document) -> str:
    if row.state is not DocumentState.FINAL:
        return WHY_NOT_FINAL[row.state]
    if row.outcome not in (Outcome.SUCCEEDED, Outcome.PARTIAL):
        return f"It has no text to make outputs of: it is {row.outcome}."
    return ""
