"""The documents that a request names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from textdrop.core.documents import Document, Source
from textdrop.core.identity import document_id
from textdrop.core.reconciling import Cursor
from textdrop.core.requests import Reference
from textdrop.ports import ControlPorts
from textdrop.usecases.side_by_side import side_by_side


@dataclass(frozen=True, slots=True)
class Named:
    """What a request names, and the document's row, if there is one."""

    asked: str
    row: Document | None


def named(ports: ControlPorts, references: Sequence[Reference]) -> list[Named]:
    """The documents of these references, in order. One row is read consistently; for several a very recent write may be
    missing.

    A key names the document of its current version; if it has none any more, its newest one that was published.
    """
    ids: dict[Reference, str] = {}
    calls: list[Callable[[], None]] = [partial(_identify, ports, each, ids) for each in dict.fromkeys(references)]
    side_by_side(ports.run_parallel, calls)
    wanted = list(dict.fromkeys(identifier for identifier in ids.values() if identifier))
    if len(wanted) == 1:
        row = ports.documents.read(wanted[0])
        rows = {} if row is None else {row.id: row}
    else:
        rows = ports.documents.read_many(wanted)
    return [Named(each.asked, rows.get(ids[each])) for each in references]


def _identify(ports: ControlPorts, reference: Reference, ids: dict[Reference, str]) -> None:
    ids[reference] = reference.document_id or _document_of(ports, reference.bucket or ports.source.name, reference.key)


def _document_of(ports: ControlPorts, bucket: str, key: str) -> str:
    """The id of the key's document; "" if none is known."""
    if bucket == ports.source.name and key.startswith(ports.source.prefix):
        # Of the keys that begin with it the key itself comes first, and its newest version before its others.
        current = [source for source in ports.uploads(key).after(Cursor()).current if source.key == key]
        if current:
            return document_id(current[0])
    newest = ports.newest.read(Source(bucket, key))
    return "" if newest is None else newest.document_id
