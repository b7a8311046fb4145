"""The ports over the table, as their contract tests see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textdrop import ports
from textdrop.core.pause import Pause
from textdrop.core.reconciling import ReconcileRun


@dataclass(frozen=True)
class Rows:
    """The ports over the table, and what can go wrong: the next answer lost, the next call failing with all tries."""

    documents: ports.Documents
    newest: ports.NewestUploads
    ledger: ports.Ledger
    sums: ports.Sums
    quota: ports.SubmitQuota
    reservations: ports.Reservations
    sent_pages: ports.SentPages
    pause: ports.VersionedRow[Pause]
    tick: ports.TickRow
    progress: ports.VersionedRow[ReconcileRun]
    lose_answer: Callable[[], None]
    break_down: Callable[[], None]
