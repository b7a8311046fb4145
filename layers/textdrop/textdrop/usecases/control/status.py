"""status: how documents are doing."""

from __future__ import annotations

from typing import Any

from textdrop.core import control
from textdrop.core.requests import Status
from textdrop.ports import ControlPorts
from textdrop.usecases.control.references import named
from textdrop.usecases.control.settings import ControlSettings, shown


def status(ports: ControlPorts, settings: ControlSettings, asked: Status) -> dict[str, Any]:
    """The documents, and the references that are not known. Raises StoreUnavailable."""
    paused = ports.pause.read()
    found: list[dict[str, Any]] = []
    missing: list[str] = []
    for each in named(ports, asked.documents):
        if each.row is None:
            missing.append(each.asked)
            continue
        answer = shown(ports, settings, each.row, paused, each.asked)
        if asked.pages:
            operations = ports.documents.read_operations(each.row.id, each.row.operations_run)
            runs = ports.ledger.runs(each.row.id)
            answer |= {
                "page_states": control.page_states(each.row, operations),
                "timeline": control.timeline(each.row, operations, runs),
                "runs": [control.run(run) for run in runs],
            }
        found.append(answer)
    return {"documents": found, "missing": missing}
