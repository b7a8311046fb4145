"""release: sends held documents whatever the caps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from textdrop.core import control, cursors
from textdrop.core.documents import Document, DocumentState
from textdrop.core.requests import MAX_LISTED, Release
from textdrop.ports import ControlPorts
from textdrop.usecases import reserve
from textdrop.usecases.control.active import OF_HELD, active
from textdrop.usecases.control.changing import MAX_AT_ONCE, asked_for, change
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.transitions import NotOurs

HELD = frozenset({DocumentState.HELD})


def release(ports: ControlPorts, settings: ControlSettings, asked: Release) -> dict[str, Any]:
    """The held documents are due for submitting, or would be in a dry run; and how many pages are then sent, whatever
    the caps.

    Raises StoreUnavailable; if only a single document fails, the answer says so.
    """

    def found() -> tuple[Sequence[Document], cursors.ActiveCursor | None]:
        page = active(ports, asked.chosen, MAX_LISTED, asked.cursor, HELD, OF_HELD)
        return page.documents, page.cursor

    documents, cursor = asked_for(ports, asked.documents, found)
    after_live = len(documents) > MAX_AT_ONCE

    def released(row: Document) -> Document | None:
        try:
            after = reserve.release(ports, ports.reservations, settings.caps, row, by_hand=True, after_live=after_live)
        except NotOurs:  # it was released beside us, and is being sent
            return None
        return after if isinstance(after, Document) else None

    # All of them reserve in the row of this month: in parallel they would only get in each other's way.
    in_turn = replace(ports, run_parallel=lambda work, most: work())
    done = change(in_turn, documents, _refusal, released, asked.dry_run)
    pages: dict[str, int] = {}
    for before, _ in done.changed:
        model = before.options.model if before.options else settings.model
        pages[model] = pages.get(model, 0) + (before.hold.pages if before.hold else 0)
    return {
        **done.answer(ports, settings, "released"),
        "cursor": cursors.to_text(cursor),
        "pages": sum(pages.values()),
        "cost": control.total_cost(pages, ports.prices),
    }


def _refusal(row: Document) -> str:
    if row.state is DocumentState.HELD:
        return ""
    if row.state in (DocumentState.DELETING, DocumentState.DELETED):
        return "It is deleted, or being deleted."
    return "It is not held: it is in flight." if row.outcome is None else f"It is not held: it is {row.outcome}."
