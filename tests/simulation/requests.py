"""What requests do: the row is read, moved on by the rules, and poll is woken; or rows are made of a listing."""

from __future__ import annotations

from textdrop.core import states
from textdrop.core.caps import Caps
from textdrop.core.documents import Document, DocumentState
from textdrop.core.identity import document_id
from textdrop.core.junk import is_junk
from textdrop.core.observations import Backfilled, DocumentSeen
from textdrop.core.reconciling import Cursor
from textdrop.ports import ControlPorts
from textdrop.usecases import reserve
from textdrop.usecases.transitions import transition_document
from textdrop.usecases.wake import wake


def ask(ports: ControlPorts, document: str, seen: DocumentSeen) -> None:
    """A request for one document, if it is known and the rules allow it now. Raises StoreUnavailable."""
    row = ports.documents.read(document)
    if row is not None and transition_document(ports, row, seen) is not None:
        wake(ports)


def release(ports: ControlPorts, limits: Caps, document: str) -> None:
    """A held document is due for submitting, whatever the caps. Raises StoreUnavailable."""
    row = ports.documents.read(document)
    if row is None or row.state is not DocumentState.HELD:
        return
    after = reserve.release(ports, ports.reservations, limits, row, by_hand=True, after_live=False)
    if isinstance(after, Document):
        wake(ports)


def backfill(ports: ControlPorts) -> None:
    """The current version of every key has a row afterwards. Raises StoreUnavailable."""
    after: Cursor | None = Cursor()
    while after is not None:
        page = ports.uploads("").after(after)
        uploads = {document_id(source): source for source in page.current if not is_junk(source.key)}
        known = ports.documents.known(list(uploads))
        for document, source in uploads.items():
            if document in known:
                continue
            made = states.decide_document(None, Backfilled(document, source), ports.clock.now(), ports.policy)
            if made.row is not None and ports.documents.create(made.row):
                ports.journal.transition(made.rule, made.row)
        after = page.after
    wake(ports)
