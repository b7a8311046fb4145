"""Whether the next step still fits into the time that its worker has."""

from __future__ import annotations

from textdrop.core.errors import TextdropError
from textdrop.ports import DeliverPorts


class NoTimeLeft(TextdropError):
    """The step does not fit into the time that is left; the document comes due again."""


def check_deadline(ports: DeliverPorts, deadline: float) -> None:
    """Results are only touched by calls that end before the lease does: a late one could undo a newer upload's results,
    or what another worker has made of this delivery. Raises NoTimeLeft."""
    if ports.clock.now() + ports.results.total_seconds > deadline:
        raise NoTimeLeft("no time left to write results")
