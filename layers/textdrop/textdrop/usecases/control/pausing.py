"""pause and resume: nothing is sent to the OCR service until a request resumes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textdrop.core import control
from textdrop.core.errors import StoreUnavailable
from textdrop.core.pause import Pause, paused_by_operator, resumed_by_operator
from textdrop.ports import ControlPorts
from textdrop.usecases.wake import wake

TRIES = 5


def pause(ports: ControlPorts) -> dict[str, Any]:
    """Nothing is sent any more, not even a probe. Raises StoreUnavailable."""
    return {"pause": control.pause(_write(ports, paused_by_operator))}


def resume(ports: ControlPorts) -> dict[str, Any]:
    """Sending continues; with a probe, if the OCR service itself has paused it. Raises StoreUnavailable."""
    row = _write(ports, resumed_by_operator)
    wake(ports)
    return {"pause": control.pause(row)}


def _write(ports: ControlPorts, becomes: Callable[[Pause, float], Pause | None]) -> Pause:
    for _ in range(TRIES):
        row = ports.pause.read()
        after = becomes(row, ports.clock.now())
        if after is None:
            return row
        if ports.pause.write(row, after):
            ports.journal.noted("pause_written", operator_since=after.operator_since)
            return after
    raise StoreUnavailable("the pause row was written by others again and again")
