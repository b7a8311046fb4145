"""list: documents by outcome, reason, prefix and time."""

from __future__ import annotations

from typing import Any

from textdrop.core import cursors
from textdrop.core.control import IN_FLIGHT
from textdrop.core.cursors import ActiveCursor, EndedCursor
from textdrop.core.requests import List
from textdrop.ports import ControlPorts
from textdrop.usecases.control import active, ended
from textdrop.usecases.control.release import HELD
from textdrop.usecases.control.settings import ControlSettings, shown


def list_documents(ports: ControlPorts, settings: ControlSettings, asked: List) -> dict[str, Any]:
    """A page of the documents. Raises StoreUnavailable."""
    found: active.Found | ended.Found
    if asked.active:
        cursor = asked.cursor if isinstance(asked.cursor, ActiveCursor) else None
        states, kinds = (HELD, active.OF_HELD) if asked.held else (IN_FLIGHT, active.KINDS)
        found = active.active(ports, asked.chosen, asked.limit, cursor, states, kinds)
    else:
        place = asked.cursor if isinstance(asked.cursor, EndedCursor) else None
        found = ended.ended(ports, asked.chosen, asked.limit, place)
    paused = ports.pause.read()
    return {
        "documents": [shown(ports, settings, row, paused) for row in found.documents],
        "cursor": cursors.to_text(found.cursor),
        "evaluated": found.evaluated,
    }
