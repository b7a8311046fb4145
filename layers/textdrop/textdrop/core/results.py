"""The files that a document ends in, and the notice: plain JSON, made from the rows and the recognised pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypedDict

from pagekit.page import RecognisedPage
from pagekit.prepared import Preparation
from textdrop import __version__
from textdrop.core import caps, identity, keys, ledger, page_numbers, page_warnings, prices
from textdrop.core.billing import text_from
from textdrop.core.documents import (
    Billed,
    Document,
    Hold,
    Operation,
    OperationState,
    Outcome,
    Period,
    Problem,
)
from textdrop.core.errors import Reason, Trace
from textdrop.core.prices import Prices

RESULT_SCHEMA = "textdrop.result/1"
ERROR_SCHEMA = "textdrop.error/1"
NOTICE_SCHEMA = "textdrop.notice/1"
HELD_SCHEMA = "textdrop.held/1"
PAGE_BREAK = "\f"
NOTICE_WARNINGS = 10


def page_text(place: int, page: RecognisedPage | None) -> bytes:
    """The part of `<key>.txt` for the page at that place, from 1: UTF-8, "\n" at line ends, a form feed before each
    page but the first. A failed page is empty."""
    text = "" if page is None else _lines(page["text"])
    return ((PAGE_BREAK if place > 1 else "") + text).encode("utf-8", "replace")


def _lines(text: str) -> str:
    # A form feed inside a page would look like a page break.
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace(PAGE_BREAK, "\n")
    return plain if not plain or plain.endswith("\n") else plain + "\n"


def result_frame(document: Document, operations: Sequence[Operation], price_list: Prices) -> tuple[bytes, bytes]:
    """What stands in `<key>.ocr.json` before its pages and after them; each page is `page_json`, one a line."""
    notes = []
    if document.outcome is Outcome.PARTIAL:
        failed = [f"{group['pages']} ({group['reason']})" for group in failures(operations)]
        count = document.pages - document.pages_recognized
        notes.append(f"Without text: {count} of {document.pages} pages: {'; '.join(failed)}.")
    notes += warnings(document)
    frame = _json(
        {
            "schema": RESULT_SCHEMA,
            **_identity(document),
            "options": _options(document),
            "model": document.options.model if document.options else None,
            "billing": billing(document, price_list),
            "pages": [],
            "notes": notes,
            "versions": {"textdrop": __version__},
            "timings": _timings(document),
        }
    )
    # No string can contain this: a line end in a string is escaped.
    head, pages, tail = frame.partition(b'\n "pages": [')
    return head + pages, b"\n " + tail


def warnings(document: Document) -> list[str]:
    """What of the upload was not read, or not as it should be, and what is missing in the outputs, in plain words."""
    return page_warnings.sentences(document) + [
        warning for rendering in document.renderings for warning in rendering.warnings
    ]


def page_json(place: int, run: int, operation: Operation, page: RecognisedPage | None) -> bytes:
    """The part of that run's `<key>.ocr.json` for the page at that place, from 1; None for a page without a
    recognition."""
    line = json.dumps(_page(run, operation, page), ensure_ascii=False, separators=(", ", ": "))
    return ((",\n  " if place > 1 else "\n  ") + line).encode("utf-8", "replace")


class FailedPages(TypedDict):
    """Pages that failed for one reason: how many, and which, as in "1-3, 7"."""

    reason: str
    count: int
    pages: str


def failures(operations: Sequence[Operation]) -> list[FailedPages]:
    """The pages that failed, by reason, in the order of each reason's first page."""
    by_reason: dict[str, list[int]] = {}
    for operation in sorted(operations, key=lambda operation: operation.page):
        if operation.state is OperationState.FAILED:
            reason = str(operation.problem.reason) if operation.problem else str(Reason.INTERNAL)
            by_reason.setdefault(reason, []).append(operation.page)
    return [
        {"reason": reason, "count": len(numbers), "pages": page_numbers.named(numbers)}
        for reason, numbers in by_reason.items()
    ]


def error_file(document: Document, operations: Sequence[Operation], price_list: Prices) -> bytes:
    """`<key>.error.json`: what went wrong in plain words, and everything that support could ask for."""
    return _json(
        {
            "schema": ERROR_SCHEMA,
            **_identity(document),
            **(_problem(document.problem) or dict.fromkeys(("reason", "what", "advice", "service"))),
            "options": _options(document),
            "attempts": document.submit_passes,
            "billing": billing(document, price_list),
            "pages": [
                {
                    "number": operation.page,
                    "status": str(operation.state),
                    "problem": _problem(operation.problem),
                    "unconfirmed_submits": operation.unconfirmed,
                    "operation": _operation(operation),
                    "submit": _trace(operation.trace),
                }
                for operation in operations
            ],
            "versions": {"textdrop": __version__},
            "timings": _timings(document),
        }
    )


def notice(
    document: Document,
    operations: Sequence[Operation],
    price_list: Prices,
    results_bucket: str,
    results_prefix: str,
    published: bool,
    newest: bool,
) -> str:
    """The notice's body: small, the same on each repeat, and enough to find everything.

    `operations` are the run's, needed only if a page failed. All results are below the prefix.
    """
    body: dict[str, Any] = {
        "schema": NOTICE_SCHEMA,
        "id": identity.notice_id(document),
        "document": document.id,
        "run": document.run,
        "outcome": str(document.outcome),
        "reason": str(document.problem.reason) if document.problem else None,
        "what": document.problem.what if document.problem else None,
        "advice": document.problem.advice if document.problem else None,
        "source": _source(document),
        **_metadata(document),
        "files": files(document, results_bucket, results_prefix, published),
        "warnings": [_cut(warning) for warning in warnings(document)[:NOTICE_WARNINGS]],
        "published": published,
        "newest": newest,
        "model": document.options.model if document.options else None,
        "pages": {
            "total": document.pages,
            "recognized": document.pages_recognized,
            "failed": document.pages - document.pages_recognized,
            "failures": [{**group, "pages": page_numbers.shortened(group["pages"])} for group in failures(operations)],
            "warnings": [{**asdict(each), "warning": str(each.warning)} for each in document.warned_pages],
        },
        "billing": billing(document, price_list),
        "duration_seconds": _duration(document),
        "at": timestamp(document.outcome_at),
    }
    return json.dumps(body, ensure_ascii=False)


def hold_message(document: Document, price_list: Prices) -> str:
    """The body of the message that a run of the document is held; the same on each repeat."""
    hold = document.hold or Hold(Period.DAY, document.pages)
    model = document.options.model if document.options else ""
    body: dict[str, Any] = {
        "schema": HELD_SCHEMA,
        "id": identity.hold_id(document),
        "document": document.id,
        "run": document.run,
        "what": _why_held(hold),
        "advice": _what_becomes_of_it(hold),
        "source": _source(document),
        **_metadata(document),
        "model": model or None,
        "pages": hold.pages,
        "period": str(hold.period),
        "cap": hold.cap,
        "turns_at": timestamp(caps.turn_at(hold.period, hold.at)),
        "waits_for_a_person": hold.is_larger,
        "cost": ledger.as_cost(prices.cost(price_list, model, hold.pages), price_list),
        "at": timestamp(hold.at),
    }
    return json.dumps(body, ensure_ascii=False)


def _why_held(hold: Hold) -> str:
    are = "1 page is" if hold.pages == 1 else f"{hold.pages:,} pages are"
    cap = "1 page" if hold.cap == 1 else f"{hold.cap:,} pages"
    return f"{are} to be sent to the OCR service, and the cap of {cap} a {hold.period} has no room left for that."


def _what_becomes_of_it(hold: Hold) -> str:
    if hold.is_larger:
        return (
            "It waits for a person, as it is larger than a whole cap. Let it be sent all the same (textdrop release), "
            "or cancel it (textdrop cancel) and retry it with some of its pages (textdrop retry --pages)."
        )
    return (
        f"Nothing needs to be done: once the next {hold.period} (UTC) has begun it is sent in its turn, the oldest "
        "first. To have it sent now, whatever the caps: textdrop release."
    )


def hold_attributes(document: Document) -> dict[str, str]:
    """What subscribers filter by. A hold is not an outcome."""
    model = document.options.model if document.options else ""
    attributes = {"held": "true", "model": model, "prefix": keys.prefix(document.source.key)}
    return {name: value for name, value in attributes.items() if value}


def billing(document: Document, price_list: Prices) -> dict[str, Any]:
    """What the document's run cost: pages that the service took, submits that it may have taken besides, and pages that
    cost nothing: kept from an earlier run, reused from another document or page, or with text of their own."""
    billed = document.billed or Billed()
    model = document.options.model if document.options else ""
    return {
        "pages_paid": billed.paid,
        "pages_unconfirmed": billed.unconfirmed,
        "pages_kept": document.pages_kept,
        "pages_reused": document.pages_reused,
        "pages_skipped": document.pages_skipped,
        "cost": ledger.as_cost(prices.cost(price_list, model, billed.paid), price_list),
    }


def notice_attributes(document: Document) -> dict[str, str]:
    """What subscribers filter by. SNS does not allow empty values: an attribute without a value is left out."""
    attributes = {
        "outcome": str(document.outcome),
        "reason": str(document.problem.reason) if document.problem else "",
        "model": document.options.model if document.options else "",
        "prefix": keys.prefix(document.source.key),
    }
    return {name: value for name, value in attributes.items() if value}


def timestamp(epoch_seconds: float | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if epoch_seconds is None:
        return None
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


FILE_NAMES = {
    keys.TEXT: "text",
    keys.JSON: "json",
    keys.MARKDOWN: "markdown",
    keys.SEARCHABLE_PDF: "searchable_pdf",
    keys.WORKBOOK: "workbook",
    keys.TABLES: "tables",
}
"""What a document with text may have, and what the notice calls it."""


def files(
    document: Document, results_bucket: str, results_prefix: str, published: bool
) -> dict[str, dict[str, Any] | None]:
    """Where the files are; None for those that a document with text can have but this one does not."""
    there = {
        suffix: {"bucket": results_bucket, "key": results_prefix + key}
        for suffix, key in keys.files(document, published).items()
    }
    if keys.ERROR in there:
        return {"error": there[keys.ERROR]}
    files: dict[str, dict[str, Any] | None] = {name: there.get(suffix) for suffix, name in FILE_NAMES.items()}
    if keys.TABLES in there:
        files["tables"] = {**there[keys.TABLES], "count": keys.tables(document)}
    return files


def _identity(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "run": document.run,
        "outcome": str(document.outcome),
        "source": _source(document),
        **_metadata(document),
    }


def _source(document: Document) -> dict[str, Any]:
    source = document.source
    return {
        "bucket": source.bucket,
        "key": source.key,
        "version_id": source.version_id or None,
        "etag": source.etag or None,
        "size": source.size,
        "media_type": document.media_type or None,
        "file_pages": document.file_pages or None,
        "attachments": document.attachments,
    }


def _metadata(document: Document) -> dict[str, Any]:
    return {"metadata": dict(document.source.metadata), "metadata_omitted": document.source.metadata_omitted}


def _options(document: Document) -> dict[str, Any] | None:
    options = document.options
    if options is None:
        return None
    return {
        "languages": {"value": list(options.languages), "from": options.languages_from},
        "model": {"value": options.model, "from": options.model_from},
        "outputs": {"value": [str(output) for output in options.outputs], "from": options.outputs_from},
        "pages": {"value": options.pages, "from": options.pages_from},
        "reuse": {"value": options.reuse, "from": options.reuse_from},
    }


def _page(run: int, operation: Operation, page: RecognisedPage | None) -> dict[str, Any]:
    status = "failed" if operation.state is OperationState.FAILED else "recognized"
    source = text_from(operation, run)
    head: dict[str, Any] = {
        "number": operation.page,
        "status": status,
        "reason": str(operation.problem.reason) if operation.problem else None,
        "problem": _problem(operation.problem),
        "text_from": None if source is None else str(source),
        "prepared": _prepared(operation.prepared),
    }
    body: Mapping[str, Any] = (
        page
        if page is not None
        else {
            "width": None,
            "height": None,
            "rotate": None,
            "text": "",
            "blocks": [],
            "tables": [],
            "entities": [],
            "markdown": None,
        }
    )
    return {**head, **body, "operation": _operation(operation)}


def _prepared(prepared: Preparation | None) -> dict[str, Any] | None:
    """How the page that was sent was made; None if none was sent."""
    if prepared is None:
        return None
    return {"how": str(prepared.how), "scale": prepared.scale, "warnings": [str(each) for each in prepared.warnings]}


def _operation(operation: Operation) -> dict[str, Any] | None:
    described = operation.described
    if described is None:
        return None
    failed = operation.problem.trace if operation.problem else None
    error = {"code": failed.code, "message": failed.message or None} if failed and failed.code else None
    return {**{name: value or None for name, value in asdict(described).items()}, "error": error}


def _problem(problem: Problem | None) -> dict[str, Any] | None:
    if problem is None:
        return None
    return {
        "reason": str(problem.reason),
        "what": problem.what,
        "advice": problem.advice,
        "service": _trace(problem.trace),
    }


def _trace(trace: Trace) -> dict[str, Any] | None:
    """The exchange with the service; None when there was none."""
    if trace == Trace():
        return None
    return {name: value or None for name, value in asdict(trace).items()}


def _timings(document: Document) -> dict[str, Any]:
    return {
        "uploaded_at": timestamp(document.source.last_modified or document.source.event_at or None),
        "accepted_at": timestamp(document.accepted_at),
        "began_at": timestamp(document.run_began_at),
        "outcome_at": timestamp(document.outcome_at),
        "duration_seconds": _duration(document),
    }


def _duration(document: Document) -> float | None:
    if document.outcome_at is None:
        return None
    return round(max(0.0, document.outcome_at - document.run_began_at), 3)


def _cut(sentence: str) -> str:
    """A notice is small; the files have everything."""
    most = page_numbers.MAX_CHARACTERS
    return sentence if len(sentence) <= most else sentence[:most] + "…"


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")
