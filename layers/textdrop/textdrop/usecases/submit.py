"""submit: opens sources and sends pages. No other function does either.

A *pass* is one worker holding one document: it inspects the source, then sends each page that has no id. It ends in an
orderly return (the document is due again, or for a recheck, or is to be delivered) or not at all (the lease expires).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pagekit.errors import Refusal
from pagekit.limits import FileLimits
from textdrop.core import intervals, options, page_ranges, problems
from textdrop.core import observations as see
from textdrop.core.caps import NO_CAPS, Caps
from textdrop.core.documents import (
    Document,
    DocumentState,
    Operation,
    Options,
    Resume,
)
from textdrop.core.errors import InvalidOptions, ObjectForbidden, ObjectGone, StoreUnavailable
from textdrop.core.metadata import with_metadata
from textdrop.ports import OpenedDocument, SubmitPorts
from textdrop.usecases.accept import Message, accept
from textdrop.usecases.ahead import settle_ahead
from textdrop.usecases.keep import keep_recognised, keep_running
from textdrop.usecases.pages import send_pages
from textdrop.usecases.reserve import has_room, reserve, with_unconfirmed
from textdrop.usecases.sent import Later, Lost, SourceGone
from textdrop.usecases.source import PageSource
from textdrop.usecases.transitions import NotOurs, return_later, transition_document
from textdrop.usecases.wake import wake

STILL_SENT_SECONDS = 5.0
"""So long a retry waits, again and again, for a page that a worker of the run before is sending."""


@dataclass(frozen=True, slots=True)
class SubmitSettings:
    """The stack's parameters for submit."""

    languages: str
    model: str
    submits_per_second: float
    limits: FileLimits
    source_bucket: str
    source_prefix: str = ""
    outputs: str = ""
    pages: str = page_ranges.ALL
    reuse: str = options.NO
    allowed_models: str = ""
    caps: Caps = NO_CAPS


def submit(
    ports: SubmitPorts,
    settings: SubmitSettings,
    messages: Sequence[Message],
    deadline: float,
) -> list[str]:
    """Takes in a batch of messages and continues with every document that they name.

    `deadline` is when this invocation is ended by force. Returns the ids of the messages that must come again.
    """
    holder = ports.clock.token()
    lease_until = deadline + ports.policy.lease_margin_seconds
    accepted = accept(ports, messages, holder, lease_until, settings.source_bucket, settings.source_prefix)
    for message in accepted.failed:
        ports.workers.start(partial(_hide, ports, message))
    for document in accepted.held:
        ports.workers.start(partial(_pass, ports, settings, document, deadline))
    resumed = [document for resume in accepted.resumes for document in _resumed(ports, resume)]
    for document in resumed:
        if document.attempts == 0:
            _take_and_start(ports, settings, document, holder, deadline)
    ports.workers.wait()
    # A document whose last worker died may kill this one too: such documents go last, one at a time, and are not held
    # before their turn. If one could not send anything in the time left, it waits for its due time: being cut off by
    # our own end would be no fault of its own. (A page that takes longer to send than there is time for is not begun,
    # and its document is returned.)
    last_start = deadline - ports.ocr.submit_seconds(0)
    for document in resumed:
        if document.attempts > 0 and ports.clock.now() < last_start:
            _take_and_start(ports, settings, document, holder, deadline)
            ports.workers.wait()
    return [message.id for message in accepted.failed]


def _hide(ports: SubmitPorts, message: Message) -> None:
    """Makes a failed message come again before its visibility timeout is over; if that fails, it comes then."""
    try:
        ports.received.hide(message.receipt, intervals.message_retry_seconds(message.receives, ports.policy))
    except StoreUnavailable as error:
        ports.journal.failed("hide_failed", error, message_id=message.id)


def _resumed(ports: SubmitPorts, resume: Resume) -> list[Document]:
    try:
        document = ports.documents.read(resume.document_id)
    except StoreUnavailable as error:
        # The row still carries its due time, so it is handed out again.
        ports.journal.failed("resume_failed", error, document=resume.document_id)
        return []
    if document is None or document.rev != resume.rev:
        ports.journal.noted("stale_resume", document=resume.document_id)
        return []
    return [document]


def _take_and_start(
    ports: SubmitPorts,
    settings: SubmitSettings,
    document: Document,
    holder: str,
    deadline: float,
) -> None:
    try:
        taken = transition_document(ports, document, see.Taken(holder, deadline + ports.policy.lease_margin_seconds))
    except StoreUnavailable as error:
        ports.journal.failed("take_failed", error, document=document.id)
        return
    if taken is None:
        return
    if taken.state is DocumentState.DELIVERING:
        wake(ports)
        return
    ports.workers.start(partial(_pass, ports, settings, taken, deadline))


def _pass(ports: SubmitPorts, settings: SubmitSettings, document: Document, deadline: float) -> None:
    """One pass over a document that we hold. Never raises."""
    try:
        _submit_pass(ports, settings, document, deadline)
    except NotOurs:
        return
    except StoreUnavailable as error:
        ports.journal.failed("pass_failed", error, document=document.id)
        return_later(ports, document, failed=True)
    except Exception as error:  # noqa: BLE001 - ours, or no memory: the lease passes, the attempt counts, five fail it
        ports.journal.failed("pass_died", error, document=document.id)


def _is_still_sent(ports: SubmitPorts, document: Document) -> bool:
    """Whether a worker that a cancelled run was taken from may be about to send a page of it. Its delivery has failed
    all others. Raises StoreUnavailable."""
    if ports.clock.now() >= document.held_until:
        return False
    rows = (row for run in range(1, document.run) for row in ports.documents.read_operations(document.id, run))
    return any(not (row.final or row.sent) for row in rows)


def _submit_pass(ports: SubmitPorts, settings: SubmitSettings, document: Document, deadline: float) -> None:
    if _is_still_sent(ports, document):
        later = min(document.held_until, ports.clock.now() + STILL_SENT_SECONDS)
        transition_document(ports, document, see.Returned(later, failed=False))
        wake(ports)
        return
    opened: OpenedDocument | None = None
    operations: dict[int, Operation] = {}
    options_before: Options | None = None
    if document.state is DocumentState.ACCEPTED:
        options_before = document.options
        known, opened = _inspect(ports, settings, document)
        if known is None or known.state is not DocumentState.RECOGNIZING:
            wake(ports)
            return
        document = known
    if opened is None or document.run > 1:
        rows = ports.documents.read_operations(document.id, document.run)
        operations = {operation.page: operation for operation in rows}
    if document.run > 1:
        running = keep_running(ports, document, operations, options_before)
        operations |= {operation.page: operation for operation in running}
    sent: tuple[Operation, ...] | Later | Lost | SourceGone
    with PageSource(partial(_open, ports, settings, document), opened) as source:
        if settings.caps.is_on:
            document, ready = _reserved(ports, settings.caps, document, operations, source)
        else:
            ready = operations
        if document.state is not DocumentState.RECOGNIZING:
            wake(ports)
            return
        if isinstance(ready, Later | SourceGone):
            sent = ready
        else:
            reserved_on = document.reserved_on if settings.caps.is_on else ""
            sent = send_pages(ports, settings.submits_per_second, document, ready, source, deadline, reserved_on)
    match sent:
        case Lost():
            return
        case SourceGone():
            operations_now = tuple(ports.documents.read_operations(document.id, document.run))
            transition_document(ports, document, see.SourceDeleted(operations_now))
        case Later(due_at, failed):
            transition_document(ports, document, see.Returned(due_at, failed))
        case _:
            transition_document(ports, document, see.OperationsRead(sent))
    wake(ports)


def _reserved(
    ports: SubmitPorts, caps: Caps, document: Document, operations: dict[int, Operation], source: PageSource
) -> tuple[Document, dict[int, Operation] | Later | SourceGone]:
    """The document with room for all of its pages that have to be sent, or held over a cap; and its operations as they
    are then. Raises NotOurs and StoreUnavailable."""
    if has_room(document, operations, ports.clock.now()):
        return document, operations
    operations = with_unconfirmed(ports, document, operations)
    settled = settle_ahead(ports, document, operations, source, ports.clock.now() + ports.policy.slice_seconds)
    if isinstance(settled, Later | SourceGone):
        return document, settled
    return reserve(ports, caps, document, settled), settled


def _open(ports: SubmitPorts, settings: SubmitSettings, document: Document) -> OpenedDocument:
    """The source of a document that was inspected earlier, opened again."""
    # It was found to have few enough pages; the stack's parameter may have changed since.
    limits = replace(settings.limits, max_pages=max(document.file_pages, settings.limits.max_pages))
    return ports.open_document(ports.sources.head(document.source).open(), limits)


def _inspect(
    ports: SubmitPorts, settings: SubmitSettings, document: Document
) -> tuple[Document | None, OpenedDocument | None]:
    """What the source turns out to be: the next row (None: no longer ours), and the file if it is to be sent. Whoever
    gets the file closes it."""
    source = document.source
    opened: OpenedDocument | None = None
    known: Document | None = None
    try:
        seen = ports.sources.head(source)
        source = with_metadata(seen.source, seen.metadata)
        chosen = _chosen(settings, document, seen.metadata)
        opened = ports.open_document(seen.open(), _limits(settings, chosen))
        facts = opened.facts
        pages = page_ranges.chosen(chosen.pages, facts.pages, settings.limits.max_pages)
        kept = keep_recognised(ports, document, chosen, pages) if document.run > 1 else frozenset()
        known = transition_document(ports, document, see.PagesKnown(pages, facts, chosen, source, kept))
        return known, opened
    except (Refusal, InvalidOptions) as refusal:
        return transition_document(ports, document, see.Refused(problems.of_refusal(refusal), source)), None
    except ObjectGone:
        return transition_document(ports, document, see.Refused(problems.object_gone(), source)), None
    except ObjectForbidden as error:
        ports.journal.failed("source_forbidden", error, document=document.id)
        wait = intervals.backoff_seconds(document.consecutive_failures, ports.clock.chance(), ports.policy)
        return transition_document(ports, document, see.Forbidden(ports.clock.now() + wait)), None
    finally:
        if opened is not None and known is None:
            opened.close()


def _chosen(settings: SubmitSettings, document: Document, metadata: Mapping[str, str]) -> Options:
    """The document's options.

    If neither a request nor the upload sets an option, a retry uses that of the run before: a parameter that has
    changed since must not make it pay for all pages again. Raises InvalidOptions.
    """
    before = document.options
    parameters = (settings.languages, settings.model, settings.outputs, settings.pages)
    if before is not None:
        outputs = " ".join(before.outputs) or options.NO_OUTPUTS
        parameters = (" ".join(before.languages), before.model, outputs, before.pages)
    return options.resolve(
        metadata,
        *parameters,
        dict(document.requested),
        reuse=settings.reuse,
        allowed_models=settings.allowed_models,
    )


def _limits(settings: SubmitSettings, chosen: Options) -> FileLimits:
    """The limits of the file. If only some pages are read, those that are chosen are counted later."""
    if chosen.pages in (page_ranges.ALL, page_ranges.WITHOUT_TEXT):
        return settings.limits
    return replace(settings.limits, max_pages=page_ranges.MAX_FILE_PAGES)
