"""Documents, numbers and times as people read them; and times as they write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from textdrop.client.models import Backfill, Changes, Document, Summary
from textdrop.client.published import Cost

FAILED = ("failed", "partial", "cancelled")
"""Outcomes for which the exit code is 1."""
_PAGES = ("failed", "kept", "reused", "skipped", "unconfirmed")
_TEXT_FROM = {"earlier_run": "kept", "reused": "reused", "file": "skipped: text of its own"}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ENDS = {"none": "without an ending"}
_AGO = re.compile(r"(\d{1,6})([mhdw])")


def point_in_time(text: str) -> datetime:
    """What --since and --until take. Raises ValueError."""
    ago = _AGO.fullmatch(text.strip().lower())
    if ago:
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    at = datetime.fromisoformat(text.strip())
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def count(number: int, one: str, many: str = "") -> str:
    """ "1 page", "1,200 pages"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def price(cost: Cost | None) -> str:
    """ "12.34 RUB", or what is known of it."""
    if cost is None:
        return "price not known"
    if cost.amount is None:
        return f"price not known of {', '.join(cost.unpriced)}" if cost.unpriced else "price not known"
    return f"{float(cost.amount):,.2f} {cost.currency}"


def size(number: float) -> str:
    """ "1.2 MB"."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"


def duration(seconds: float) -> str:
    """ "45 s", "12 min", "3 h 20 min", "2 days"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} days"


def moment(at: datetime | None) -> str:
    """The time in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at else "-"


def row(document: Document) -> str:
    """A document as one line of many."""
    pages = f"{document.pages.recognized}/{document.pages.total}" if document.pages.total else "-"
    at = moment(document.outcome_at or document.accepted_at)
    return f"{at}  {pages:>9}  {document.progress:<28}  {document.key or document.id}"


def told(document: Document) -> Iterator[str]:
    """One document, with everything that was asked for."""
    yield document.key or document.asked or document.id  # a deleted document has no key any more
    waiting = f"; waits for {document.waiting_for}" if document.waiting_for else ""
    yield f"  {document.progress}{waiting}"
    yield f"  document {document.id}, run {document.run}, received {moment(document.accepted_at)}"
    pages = document.pages
    if pages.total:
        more = [f"{number:,} {word}" for word in _PAGES if (number := getattr(pages, word))]
        of = ", ".join([count(pages.total, "page"), f"{pages.recognized:,} read", f"{pages.paid:,} paid for", *more])
        yield f"  {of}; {price(document.cost)}"
    if document.what:
        yield f"  {document.what} {document.advice or ''}".rstrip()
    for name in ("text", "json", "markdown", "searchable_pdf", "workbook", "error"):
        file = getattr(document.files, name, None)
        if file:
            yield f"  {name.replace('_', ' ')}: s3://{file.bucket}/{file.key}"
    if document.removed:
        removed = (count(number, what.removesuffix("s")) for what, number in document.removed.items())
        yield f"  removed: {', '.join(removed)}"
    for state in document.page_states or ():
        pages_are = f"{'page' if state.pages.isdigit() else 'pages'} {state.pages}: {state.state}"
        why = state.reason or _TEXT_FROM.get(state.text_from or "", "")
        yield f"  {pages_are}" + (f" ({why})" if why else "")
    for run in document.runs or ():
        ending = ": ".join(filter(None, [run.outcome or "in progress", run.reason]))
        more = [f", {number:,} {word}" for word in ("reused", "skipped") if (number := getattr(run, word))]
        of = f"{count(run.paid, 'page')} paid for, {run.kept:,} kept{''.join(more)}"
        yield f"  run {run.run}: {ending}; {of}; {price(run.cost)}"
    for event in document.timeline or ():
        yield f"  {moment(event.at)}  {event.what}"


def summed(summary: Summary) -> Iterator[str]:
    """A summary, for people."""
    behind = "" if summary.complete else " (some sums are missing yet: ask again)"
    yield f"{moment(summary.since)} to {moment(summary.until)}{behind}"
    ended = {outcome: number for outcome, number in summary.documents.items() if number}
    yield f"Ended:      {_numbers(ended) or 'nothing'}"
    if summary.reasons:
        yield f"Reasons:    {_numbers(dict(sorted(summary.reasons.items(), key=lambda each: -each[1])))}"
    retried = {outcome: number for outcome, number in summary.retried.items() if number}
    if retried:
        yield f"Run again:  {_numbers(retried)}"
    pages = [f"{summary.pages_recognized:,} read", f"{summary.pages_paid:,} paid for"]
    pages += [f"{number:,} {word}" for word in _PAGES[1:] if (number := getattr(summary, f"pages_{word}"))]
    yield f"Pages:      {', '.join(pages)}; {price(summary.cost)}"
    for model, each in summary.models.items():
        yield f"            {model}: {each.pages_paid:,} paid for; {price(each.cost)}"
    yield f"In flight:  {in_flight(summary)}"
    for name, cap in (("Today:", summary.caps.day), ("This month:", summary.caps.month)) if summary.caps else ():
        if cap:
            used = f"{cap.pages_used:,} of the cap of {count(cap.cap, 'page')} ({cap.percent:g} %)"
            yield f"{name:<12}{used}, until {moment(cap.turns_at)}"
    if summary.oldest:
        yield f"Oldest:     {summary.oldest.key}, waiting for {duration(summary.oldest.waiting_seconds)}"
    if summary.pause.why:
        yield f"Paused:     {summary.pause.why}, since {moment(summary.pause.since)}"


def in_flight(summary: Summary) -> str:
    """What is in flight, in one line."""
    active = summary.active
    words = {"to backfill": active.backfill, "received": active.accepted, "reading": active.recognizing}
    words |= {"writing": active.delivering, "held over a cap": active.held}
    if not any(words.values()):
        return "nothing"
    at_least = "at least " if active.at_most else ""
    pages = f" ({count(active.pages_running, 'page')} with the OCR service)" if active.pages_running else ""
    return at_least + ", ".join(f"{number:,} {word}" for word, number in words.items() if number) + pages


def changed(changes: Changes) -> str:
    """How many documents and pages, and their price if there is one."""
    words = count(len(changes.documents), "document")
    return f"{words}, about {count(changes.pages, 'page')}, {price(changes.cost)}" if changes.cost else words


def pages_of(found: Backfill) -> str:
    """About how many pages, and how many of each kind if some are not to be paid for."""
    kinds = {"paid for": found.pages_paid, "reused": found.pages_reused, "skipped": found.pages_skipped}
    some = f" ({_numbers(kinds)})" if found.pages_reused or found.pages_skipped else ""
    return f"about {count(found.pages, 'page')}{some}"


def estimated(found: Backfill) -> Iterator[str]:
    """What a backfill would read."""
    types = ", ".join(f"{number:,} {_ENDS.get(name, name)}" for name, number in found.types.items())
    new = f"{found.new:,} new ({size(found.bytes)})"
    yield f"{count(found.listed, 'object')} seen: {new}, {found.known:,} already known"
    if found.ignored or found.older_versions:
        yield f"Left out: {found.ignored:,} not documents, {count(found.older_versions, 'older version')}"
    if types:
        unreadable = f"; {found.unreadable:,} of them will be skipped" if found.unreadable else ""
        yield f"New: {types}{unreadable}"
    opened = [
        f"{count(sampled, one)} of {number:,}"
        for one, sampled, number in (
            ("PDF", found.pdfs_sampled, found.pdfs),
            ("image", found.images_sampled, found.images),
        )
        if number
    ]
    sampled = f", judging by {' and '.join(opened)}" if opened else ""
    pages = pages_of(found)
    price_is = f"{price(found.cost)}; {duration(found.seconds)} at the quota"
    yield f"{pages[:1].upper()}{pages[1:]}{sampled}; {price_is}"
    if len(found.models) > 1:
        yield f"By model: {_numbers(dict(found.models))}"
    if found.caps:
        over = f"{count(found.pages_over_cap, 'page')} {'has' if found.pages_over_cap == 1 else 'have'} no room now"
        in_days = f"{over}; all are read in {count(found.days, 'day')} (UTC), if nothing else is"
        yield f"Caps: {in_days if found.pages_over_cap else 'all have room now'}"


def outcomes(documents: Sequence[Document]) -> str:
    """How many of the documents ended how."""
    words = [document.outcome or "done" if document.state == "final" else document.state for document in documents]
    return _numbers(
        {word: words.count(word) for word in sorted(set(words), key=lambda word: (-words.count(word), word))}
    )


def far(documents: Sequence[Document]) -> tuple[str, int, int]:
    """How far these documents are, in words and as a count of a total: pages for a single document, else documents."""
    if len(documents) == 1:
        [document] = documents
        return f"{document.key}: {document.progress}", document.pages.finished, document.pages.total
    done = [document for document in documents if document.done]
    names = {"uploaded": "uploaded", "accepted": "received", "recognizing": "reading", "delivering": "writing"}
    states = [names.get(document.state, document.state) for document in documents if not document.done]
    finished, total = (
        sum(getattr(document.pages, name) for document in documents if document.state == "recognizing")
        for name in ("finished", "total")
    )
    words = [
        f"{len(done):,} of {len(documents):,} done",
        *(f"{states.count(word):,} {word}" for word in dict.fromkeys(states)),
    ]
    return ", ".join(words) + (f" ({finished:,} of {total:,} pages)" if total else ""), len(done), len(documents)


def _numbers(numbers: dict[Any, int]) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in numbers.items())
