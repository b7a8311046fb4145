"""Requests that change documents: which documents, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from textdrop.core.cursors import ActiveCursor, EndedCursor
from textdrop.core.documents import Document, DocumentState
from textdrop.core.errors import StoreUnavailable
from textdrop.core.pause import Pause
from textdrop.core.requests import Reference
from textdrop.ports import ControlPorts
from textdrop.usecases.control.references import Named, named
from textdrop.usecases.control.settings import ControlSettings, shown
from textdrop.usecases.side_by_side import side_by_side
from textdrop.usecases.wake import wake

TRIES = 3
MAX_AT_ONCE = 10
"""If a request has more documents than this they are taken after all live uploads, which would wait behind
thousands."""

UNKNOWN = "No document is known of it."

Refusal = Callable[[Document], str]
"""Why a document is not to be changed; "" if it is."""

Write = Callable[[Document], Document | None]
"""Changes a document; returns it as it is then, or None if another worker was first."""

WHY_NOT_FINAL = {
    DocumentState.ACCEPTED: "It is in flight: wait for its outcome, or cancel it first.",
    DocumentState.RECOGNIZING: "It is in flight: wait for its outcome, or cancel it first.",
    DocumentState.HELD: "It is held, over a cap: release it (textdrop release), or cancel it first.",
    DocumentState.DELIVERING: "Its files are being written: ask again in a moment.",
    DocumentState.DELETING: "It is being deleted.",
    DocumentState.DELETED: "It was deleted.",
}


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document that stays as it is, and why."""

    asked: str
    document: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """What became of documents: each as it was and as it is now, and those that stay as they are."""

    changed: tuple[tuple[Document, Document], ...]
    unchanged: tuple[Unchanged, ...]
    paused: Pause

    def answer(self, ports: ControlPorts, settings: ControlSettings, name: str) -> dict[str, object]:
        """As an answer shows it."""
        left = [{"asked": each.asked, "document": each.document, "why": each.why} for each in self.unchanged]
        return {name: [shown(ports, settings, after, self.paused) for _, after in self.changed], "unchanged": left}


def asked_for(
    ports: ControlPorts,
    references: Sequence[Reference] | None,
    found: Callable[[], tuple[Sequence[Document], EndedCursor | ActiveCursor | None]],
) -> tuple[list[Named], EndedCursor | ActiveCursor | None]:
    """The documents that a request names, or else one page of those that `found` gives, and where to continue."""
    if references is not None:
        return named(ports, references), None
    rows, cursor = found()
    return [Named(row.id, row) for row in rows], cursor


def change(
    ports: ControlPorts,
    asked: Sequence[Named],
    refusal: Refusal,
    write: Write,
    dry_run: bool,
) -> Change:
    """Each of the documents is changed once, by `write`, unless it is refused or others keep changing it. In a dry run
    nothing is written, and they are as they were. What is due now is handed out.

    Raises StoreUnavailable before anything is changed; if only a single document fails, the answer says so.
    """
    paused = ports.pause.read()  # before anything is changed, so that every change is in an answer
    became: dict[int, tuple[Document, Document] | Unchanged] = {}
    first: dict[str, int] = {}
    for index, each in enumerate(asked):
        if each.row is not None and first.setdefault(each.row.id, index) != index:
            became[index] = Unchanged(each.asked, each.row.id, "It is named twice.")
    calls = [
        partial(_change_one, ports, index, each, refusal, write, dry_run, became)
        for index, each in enumerate(asked)
        if index not in became
    ]
    side_by_side(ports.run_parallel, calls)
    ends = [became[index] for index in range(len(asked))]
    changed = tuple(end for end in ends if not isinstance(end, Unchanged))
    if changed and not dry_run:
        wake(ports)
    return Change(changed, tuple(end for end in ends if isinstance(end, Unchanged)), paused)


def _change_one(
    ports: ControlPorts,
    index: int,
    asked: Named,
    refusal: Refusal,
    write: Write,
    dry_run: bool,
    became: dict[int, tuple[Document, Document] | Unchanged],
) -> None:
    if asked.row is None:
        became[index] = Unchanged(asked.asked, None, UNKNOWN)
        return
    why = "Others changed it at the same time: ask again."
    try:
        row: Document | None = asked.row
        for _ in range(TRIES):
            row = row if dry_run else ports.documents.read(asked.row.id)
            if row is None:
                why = UNKNOWN
                break
            if refused := refusal(row):
                why = refused
                break
            after = row if dry_run else write(row)
            if after is not None:
                became[index] = (row, after)
                return
    except StoreUnavailable as error:
        ports.journal.failed("request_failed", error, document=asked.row.id)
        why = "Its row could not be read or written: ask again."
    became[index] = Unchanged(asked.asked, asked.row.id, why)
