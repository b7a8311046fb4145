"""How many pages uploads without a document have, and what reading them costs and takes, estimated from some of
them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from pagekit.errors import Refusal
from pagekit.limits import FileLimits
from textdrop.core import control, options, page_ranges, reuse
from textdrop.core.documents import Operation, OperationState, Options, Source
from textdrop.core.errors import InvalidOptions, ObjectGone, StoreUnavailable
from textdrop.core.identity import document_id
from textdrop.core.reuse import Reuse
from textdrop.ports import ControlPorts, OpenedDocument
from textdrop.usecases.control.settings import ControlSettings

SAMPLES_A_CALL = 3
"""So many files with pages are opened, and so many images."""

PAGES_A_FILE = 8
"""So many pages of each file are checked for whether they need be sent."""

SAMPLING_SECONDS = 10.0
"""After so long no more is opened or checked: a hostile file takes tens of seconds of the call's 60."""

NO_TYPE = "none"
PAGED = (".pdf", ".tif", ".tiff")
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".jp2", ".j2k", ".heic", ".heif", ".avif")

PAID, REUSED, SKIPPED = "paid", "reused", "skipped"

Pages = Mapping[tuple[str, str], float]
"""About how many pages there are, by what becomes of them and by model."""

T = TypeVar("T")


def estimate(
    ports: ControlPorts,
    settings: ControlSettings,
    new: Sequence[Source],
    requested: Mapping[str, str],
    *,
    may_open: bool,
) -> dict[str, Any]:
    """New uploads by the ends of their names; and about how many of their pages would be paid for, were sent before, or
    have text of their own.

    The averages of the files that were opened stand for all; if none was, each file counts as one page to be paid for.
    `requested` options are taken as if each upload named them. Nothing is written.
    """
    types = Counter(_type(source.key) for source in new)
    paged, images = ([source for source in new if _type(source.key) in ends] for ends in (PAGED, IMAGES))
    until = ports.clock.now() + SAMPLING_SECONDS
    of_paged, of_images = (
        _sampled(ports, settings, sources, requested, until) if may_open else [] for sources in (paged, images)
    )
    pages: dict[tuple[str, str], float] = {}
    for sources, samples in ((paged, of_paged), (images, of_images)):
        for sample in samples or [{(PAID, settings.model): 1.0}]:
            for kind, number in sample.items():
                pages[kind] = pages.get(kind, 0.0) + number * len(sources) / max(1, len(samples))
    models = {model: round(number) for (kind, model), number in sorted(pages.items()) if kind == PAID and round(number)}
    reused, skipped = (round(sum(n for (of, _), n in pages.items() if of == kind)) for kind in (REUSED, SKIPPED))
    paid = sum(models.values())
    return {
        "bytes": sum(source.size for source in new),
        "types": dict(sorted(types.items(), key=lambda each: (-each[1], each[0]))),
        "unreadable": len(new) - len(paged) - len(images),
        "pdfs": len(paged),
        "pdfs_sampled": len(of_paged),
        "pdf_pages_sampled": round(sum(sum(sample.values()) for sample in of_paged)),
        "images": len(images),
        "images_sampled": len(of_images),
        "pages": paid + reused + skipped,
        "pages_paid": paid,
        "pages_reused": reused,
        "pages_skipped": skipped,
        "models": models,
        "cost": control.total_cost(models, ports.prices),
        "seconds": round(paid / settings.submits_per_second, 1),
    }


def _type(key: str) -> str:
    name = key.rpartition("/")[2]
    stem, dot, end = name.rpartition(".")
    return dot + end.lower() if stem and end else NO_TYPE


def _spread(some: Sequence[T], most: int) -> list[T]:
    """At most so many of them, evenly spaced."""
    count = min(most, len(some))
    return [some[(2 * index + 1) * len(some) // (2 * count)] for index in range(count)]


def _sampled(
    ports: ControlPorts,
    settings: ControlSettings,
    sources: Sequence[Source],
    requested: Mapping[str, str],
    until: float,
) -> list[Pages]:
    samples: list[Pages] = []
    for source in _spread(sources, SAMPLES_A_CALL):
        if ports.clock.now() < until:
            samples.append(_pages(ports, settings, source, requested, until))
    return samples


def _pages(
    ports: ControlPorts, settings: ControlSettings, source: Source, requested: Mapping[str, str], until: float
) -> Pages:
    """The pages of a file. It counts as one page to be paid for if it cannot be opened, and as none if it is refused
    once it is open."""
    with suppress(ObjectGone, StoreUnavailable, Refusal):
        seen = ports.sources.head(source)
        opened = ports.open_document(seen.open(), FileLimits(max_pages=page_ranges.MAX_FILE_PAGES))
        try:
            chosen = options.resolve(
                seen.metadata,
                settings.languages,
                settings.model,
                settings.outputs,
                settings.pages,
                requested,
                reuse=settings.reuse,
                allowed_models=settings.allowed_models,
            )
            pages = sorted(page_ranges.chosen(chosen.pages, opened.facts.pages, settings.max_pages))
            return _kinds(ports, document_id(source), chosen, opened, pages, until)
        except (InvalidOptions, Refusal):
            return {}
        finally:
            opened.close()
    return {(PAID, settings.model): 1.0}


def _kinds(
    ports: ControlPorts, document: str, chosen: Options, opened: OpenedDocument, pages: Sequence[int], until: float
) -> Pages:
    """The pages by what becomes of them, as for those that there is time to check."""
    looked_at: Counter[str] = Counter()
    may_be_unsent = chosen.reuse or chosen.pages == page_ranges.WITHOUT_TEXT
    for page in _spread(pages, PAGES_A_FILE) if may_be_unsent else ():
        if ports.clock.now() < until:
            looked_at[_kind(ports, document, chosen, opened, page)] += 1
    looked_at = looked_at or Counter([PAID])
    return {(kind, chosen.model): len(pages) * count / looked_at.total() for kind, count in looked_at.items()}


def _kind(ports: ControlPorts, document: str, chosen: Options, opened: OpenedDocument, number: int) -> str:
    """What becomes of a page. One that cannot be sent counts as one to be paid for."""
    with suppress(Refusal):
        if chosen.pages == page_ranges.WITHOUT_TEXT and opened.own_text(number) is not None:
            return SKIPPED
        if chosen.reuse:
            page = opened.page(number)
            sent = ports.sent_pages.read(reuse.fingerprint(page.content, page.media_type, chosen))
            of = ports.documents.read_operation(sent.document_id, sent.run, sent.page) if sent else None
            mine = Operation(document, 1, number, OperationState.WAITING)
            if reuse.decide(mine, sent, of, None, ports.clock.now(), ports.policy) is Reuse.TAKE:
                return REUSED
    return PAID
