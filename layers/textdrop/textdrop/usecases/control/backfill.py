"""backfill: what is in the source bucket already is taken in, behind all live uploads, a page of its listing a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from pagekit.errors import Refusal
from pagekit.limits import FileLimits
from textdrop.core import control, cursors, page_ranges, states
from textdrop.core.documents import Source
from textdrop.core.errors import InvalidOptions, ObjectGone, Refused, RequestRefused, StoreUnavailable
from textdrop.core.identity import document_id
from textdrop.core.junk import is_junk
from textdrop.core.observations import Backfilled
from textdrop.core.reconciling import Cursor
from textdrop.core.requests import Backfill
from textdrop.ports import ControlPorts
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.side_by_side import side_by_side
from textdrop.usecases.wake import wake

SAMPLES_A_CALL = 3
SAMPLING_SECONDS = 10.0
"""No other file is opened after that: one that is hostile or far too large takes tens of seconds of the call's 60."""

NO_TYPE = "none"
PAGED = (".pdf", ".tif", ".tiff")
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".jp2", ".j2k", ".heic", ".heif", ".avif")


def backfill(ports: ControlPorts, settings: ControlSettings, asked: Backfill) -> dict[str, Any]:
    """Each object of this page of the listing has a document, by its current version, but for junk and folder markers;
    in a dry run nothing is written, and some files are opened to tell how many pages there are.

    Raises RequestRefused for a prefix that is not the stack's, and StoreUnavailable; then some may be taken in.
    """
    prefix = asked.prefix or ports.source.prefix
    if not prefix.startswith(ports.source.prefix):
        raise RequestRefused(
            Refused.BAD_REQUEST,
            f"The stack takes uploads below {ports.source.prefix} alone.",
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
        **_estimate(ports, settings, list(new.values()), may_open=asked.dry_run),
        "cursor": cursors.to_text(after),
    }


def _is_ignored(source: Source) -> bool:
    return is_junk(source.key) or (source.key.endswith("/") and source.size == 0)


def _create(ports: ControlPorts, identifier: str, source: Source, made: list[str]) -> None:
    # Without the time of an event: how long it was in the bucket before is no delay of ours.
    seen = Backfilled(identifier, replace(source, event_at=0.0))
    decision = states.decide_document(None, seen, ports.clock.now(), ports.policy)
    if decision.row is not None and ports.documents.create(decision.row):
        made.append(identifier)
        ports.journal.transition(decision.rule, decision.row)


def _estimate(
    ports: ControlPorts, settings: ControlSettings, new: Sequence[Source], *, may_open: bool
) -> Mapping[str, Any]:
    """What there is of new uploads by the ends of their names, and about how many pages they have. A PDF or TIFF has as
    many as those that were opened have on average, and one if none was."""
    types: dict[str, int] = {}
    for source in new:
        types[_type(source.key)] = types.get(_type(source.key), 0) + 1
    paged = [source for source in new if _type(source.key) in PAGED]
    sampled: list[int] = []
    until = ports.clock.now() + SAMPLING_SECONDS
    for source in _spread(paged) if may_open else ():
        if ports.clock.now() < until:
            sampled.append(_pages(ports, settings, source))
    images = sum(types.get(each, 0) for each in IMAGES)
    pages = images + round(len(paged) * (sum(sampled) / len(sampled) if sampled else 1))
    return {
        "bytes": sum(source.size for source in new),
        "types": dict(sorted(types.items(), key=lambda each: (-each[1], each[0]))),
        "unreadable": len(new) - images - len(paged),
        "pages": pages,
        "pdfs": len(paged),
        "pdfs_sampled": len(sampled),
        "pdf_pages_sampled": sum(sampled),
        "cost": control.total_cost({settings.model: pages}, ports.prices),
        "seconds": round(pages / settings.submits_per_second, 1),
    }


def _type(key: str) -> str:
    name = key.rpartition("/")[2]
    stem, dot, end = name.rpartition(".")
    return dot + end.lower() if stem and end else NO_TYPE


def _spread(sources: Sequence[Source]) -> list[Source]:
    """Some of them, at equal distances."""
    count = min(SAMPLES_A_CALL, len(sources))
    return [sources[(2 * index + 1) * len(sources) // (2 * count)] for index in range(count)]


def _pages(ports: ControlPorts, settings: ControlSettings, source: Source) -> int:
    """How many pages of the file would be sent; 1 if it cannot be opened."""
    with suppress(ObjectGone, StoreUnavailable, Refusal):
        limits = FileLimits(max_pages=page_ranges.MAX_FILE_PAGES)
        opened = ports.open_document(ports.sources.head(source).open(), limits)
        try:
            return len(page_ranges.chosen(settings.pages, opened.facts.pages, settings.max_pages))
        except (InvalidOptions, Refusal):
            return 0  # the upload is refused before anything is sent
        finally:
            opened.close()
    return 1
