"""Whether what is about to begin still fits into the time that its worker has."""

from __future__ import annotations

from textdrop.core.errors import TextdropError
from textdrop.ports import DeliverPorts


class NoTimeLeft(TextdropError):
    """The step does not fit into the time that is left; the document comes due again."""


def check_deadline(ports: DeliverPorts, deadline: float) -> None:
    """A result is touched only by a call that ends before the lease: a late one could undo a newer upload's, or what
    another worker has made of this delivery. Raises NoTimeLeft."""
    if ports.clock.now() + ports.results.total_seconds > deadline:
        raise NoTimeLeft("no time left to write results")
