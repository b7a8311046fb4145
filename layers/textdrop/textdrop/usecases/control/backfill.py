"""backfill: takes up what is in the source bucket already, behind all live uploads, one page of its listing a call."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from textdrop.core import cursors, states
from textdrop.core.documents import Source
from textdrop.core.errors import Refused, RequestRefused
from textdrop.core.identity import document_id
from textdrop.core.junk import is_junk
from textdrop.core.observations import Backfilled
from textdrop.core.reconciling import Cursor
from textdrop.core.requests import Backfill
from textdrop.ports import ControlPorts
from textdrop.usecases.control.estimate import estimate
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.control.summary import caps_used
from textdrop.usecases.side_by_side import side_by_side
from textdrop.usecases.wake import wake


def backfill(ports: ControlPorts, settings: ControlSettings, asked: Backfill) -> dict[str, Any]:
    """Each object on this page of the listing has a document, for its current version, except junk and folder markers.
    In a dry run nothing is written, and some files are opened to estimate the pages.

    Raises RequestRefused for a prefix that is not the stack's, and StoreUnavailable; then some may have been taken up.
    """
    prefix = asked.prefix or ports.source.prefix
    if not prefix.startswith(ports.source.prefix):
        raise RequestRefused(
            Refused.BAD_REQUEST,
            f"The stack only takes uploads below {ports.source.prefix}.",
            f"Give a prefix that begins with {ports.source.prefix}.",
        )
    listed = ports.uploads(prefix).after(asked.cursor or Cursor())
    current, sources, after = listed.current, listed.sources, listed.after
    if len(current) > asked.limit:
        current = current[: asked.limit]
        last = current[-1].key
        sources = tuple(source for source in sources if source.key.encode() <= last.encode())
        after = Cursor(last)
    uploads = {document_id(source): source for source in current if not _is_ignored(source)}
    known = ports.documents.known(list(uploads)) if uploads else set()
    new = {identifier: source for identifier, source in uploads.items() if identifier not in known}
    if not asked.dry_run:
        made: list[str] = []
        calls = [partial(_create, ports, identifier, source, made) for identifier, source in new.items()]
        try:
            side_by_side(ports.run_parallel, calls)
        finally:
            if made:
                wake(ports)
        new = {identifier: new[identifier] for identifier in made}
    return {
        "listed": len(sources),
        "new": len(new),
        "known": len(uploads) - len(new),
        "ignored": len(current) - len(uploads),
        "older_versions": len(sources) - len(current),
        **estimate(ports, settings, list(new.values()), dict(asked.requested), may_open=asked.dry_run),
        "caps": caps_used(ports, settings) if asked.dry_run else None,
        "cursor": cursors.to_text(after),
    }


def _is_ignored(source: Source) -> bool:
    return is_junk(source.key) or (source.key.endswith("/") and source.size == 0)


def _create(ports: ControlPorts, identifier: str, source: Source, made: list[str]) -> None:
    # Without the time of an event: the time that it was in the bucket before is no delay of ours.
    seen = Backfilled(identifier, replace(source, event_at=0.0))
    decision = states.decide_document(None, seen, ports.clock.now(), ports.policy)
    if decision.row is not None and ports.documents.create(decision.row):
        made.append(identifier)
        ports.journal.transition(decision.rule, decision.row)
