"""Prepares a page for sending, or finds that it need not be sent: it has text of its own, or was recognised before."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pagekit.errors import Refusal
from pagekit.prepared import Preparation, PreparedPage
from textdrop.core import keys, problems, reuse
from textdrop.core.document_rules import is_forbidden_too_long
from textdrop.core.documents import Document, Operation, OperationState, Options
from textdrop.core.errors import ObjectDeleted, ObjectForbidden, ObjectGone, StoreUnavailable
from textdrop.core.observations import OperationSeen, SentBefore, TextFound, Unsendable
from textdrop.core.page_ranges import WITHOUT_TEXT
from textdrop.core.reuse import Reuse, SentPage
from textdrop.ports import SubmitPorts
from textdrop.usecases.sent import Later, Lost, Sent, Settled, SourceGone
from textdrop.usecases.source import PageSource
from textdrop.usecases.transitions import transition_operation

TRIES = 5


@dataclass(frozen=True, slots=True)
class Ready:
    """The page has to be sent, as it is here. `fingerprint` "": it is not to be reused."""

    page: PreparedPage
    fingerprint: str = ""


def make_ready(ports: SubmitPorts, document: Document, row: Operation, source: PageSource) -> Ready | Sent:
    """A waiting page of a document that we hold, ready to be sent; or what it became if it need not be sent, because it
    has text of its own, or was sent before, perhaps for another document.

    A page that its source keeps from being sent fails. Raises StoreUnavailable.
    """
    options = document.options or Options(languages=(), model="")
    try:
        if options.pages == WITHOUT_TEXT:
            text = source.own_text(row.page)
            if text is not None:
                body = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
                return _keep_own_text(ports, document, row, body)
        page = source.page(row.page)
    except Refusal as refusal:
        return _settled(ports, row, Unsendable(problems.of_refusal(refusal)))
    except ObjectDeleted:
        return SourceGone()
    except ObjectGone:
        return _settled(ports, row, Unsendable(problems.object_gone()))
    except ObjectForbidden:
        if not is_forbidden_too_long(document, ports.clock.now(), ports.policy):
            raise
        return _settled(ports, row, Unsendable(problems.forbidden()))
    if not options.reuse:
        return Ready(page)
    fingerprint = reuse.fingerprint(page.content, page.media_type, options)
    return _sent_before(ports, document, row, page.preparation, fingerprint) or Ready(page, fingerprint)


def _keep_own_text(ports: SubmitPorts, document: Document, row: Operation, body: bytes) -> Settled | Lost:
    """The page's result is its own text."""
    ports.results.put(keys.page(row.document_id, row.run, row.page), body, keys.CONTENT_TYPES[keys.JSON])
    return _settled(ports, row, TextFound(document.rev, len(body)))


def _sent_before(
    ports: SubmitPorts, document: Document, row: Operation, prepared: Preparation, fingerprint: str
) -> Settled | Later | Lost | None:
    """What the page becomes by what was sent before; None if it is to be sent, after its fingerprint was claimed."""
    for _ in range(TRIES):
        sent = ports.sent_pages.read(fingerprint)
        of, sender = _sender(ports, row, sent)
        now = ports.clock.now()
        decision = reuse.decide(row, sent, of, sender, now, ports.policy)
        if decision is Reuse.SEND:
            return None
        if decision is Reuse.WAIT and sent is not None:
            return Later(now + reuse.wait_seconds(sent, now), failed=False, is_own=True)
        if decision is Reuse.TAKE and of is not None and _has_result(ports, row, of):
            return _settled(ports, row, SentBefore(document.rev, of, prepared))
        # Nobody has claimed it; or the result that was brought is gone, and is paid for again.
        if ports.sent_pages.claim(sent, SentPage(fingerprint, row.document_id, row.run, row.page, now)):
            return None
    raise StoreUnavailable("others claim the same page again and again at the same time")


def _sender(ports: SubmitPorts, row: Operation, sent: SentPage | None) -> tuple[Operation | None, Document | None]:
    """The operation for which the page was claimed and, if that was not sent, its document."""
    if sent is None or (sent.document_id, sent.run, sent.page) == (row.document_id, row.run, row.page):
        return None, None
    of = ports.documents.read_operation(sent.document_id, sent.run, sent.page)
    if of is not None and (of.final or of.sent):
        return of, None
    return of, ports.documents.read(sent.document_id)


def _has_result(ports: SubmitPorts, row: Operation, of: Operation) -> bool:
    """Whether the page has a copy of the other's result; True as well while that one is still running."""
    if of.state is not OperationState.RECOGNIZED:
        return True
    body = ports.results.get(keys.page(of.document_id, of.result_run, of.page))
    if body is None:
        return False
    ports.results.put(keys.page(row.document_id, row.run, row.page), body, keys.CONTENT_TYPES[keys.JSON])
    return True


def _settled(ports: SubmitPorts, row: Operation, seen: OperationSeen) -> Settled | Lost:
    settled = transition_operation(ports, row, seen)
    return Lost() if settled is None else Settled(settled)
