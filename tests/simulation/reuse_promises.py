"""What must hold of pages that were recognised before, and of those with text of their own."""

from __future__ import annotations

from dataclasses import replace

from simulation.choices import TEXT_PAGE
from simulation.history import History
from simulation.stack import POLICY, Upload
from textdrop.core import keys
from textdrop.core.documents import Document, DocumentState, OperationState
from textdrop.core.page_ranges import WITHOUT_TEXT
from textdrop.core.reuse import SentPage


def follow_read(history: History) -> None:
    """Somebody has looked who has claimed a page."""
    me = history.hub.current
    if me is not None:
        me.claims, me.read_at = dict(history.world.sent_pages.rows), history.clock.true


def check_claims(history: History) -> None:
    """G2: a page is claimed only over what its worker has seen, and what that was claimed for brings nothing."""
    rows, me = history.world.sent_pages.rows, history.hub.current
    for fingerprint, row in rows.items():
        before = history.claimed.get(fingerprint)
        if row == before or me is None:
            continue
        history.claims.add((row.document_id, row.run, row.page, fingerprint))
        assert before == me.claims.get(fingerprint), f"G2: {row} over {before}, whom it has not seen"
        is_mine = before is not None and before == replace(row, claimed_at=before.claimed_at)
        if before is not None and not is_mine and me.read_at == history.clock.true:
            assert is_worthless(history, before), f"G2: {row} over {before}"
    history.claimed = dict(rows)


def is_worthless(history: History, claim: SentPage) -> bool:
    """Whether nothing comes of what a page was claimed for, or not in time."""
    documents, now = history.world.documents, history.clock.now()
    sender = documents.rows.get(claim.document_id)
    page = documents.operations.get((claim.document_id, claim.run, claim.page))
    if page is not None and page.state is OperationState.RECOGNIZED and not page.own_text:
        return history.world.file(keys.page(page.document_id, page.result_run, page.page)) is None
    if page is not None and page.state is OperationState.RUNNING:
        forgotten_at = (page.submitted_at or 0.0) + POLICY.result_kept_seconds
        return now >= min(forgotten_at, page.deadline_at or forgotten_at)
    if page is not None and page.state is OperationState.FAILED:
        return True
    sends = (DocumentState.ACCEPTED, DocumentState.RECOGNIZING)
    is_sending = sender is not None and sender.run == claim.run and sender.state in sends
    return not is_sending or now >= claim.claimed_at + POLICY.reuse_wait_seconds


def check_sent(history: History) -> None:
    """G2: what is sent was claimed, if it may be reused; and a page with text of its own is not sent."""
    owner = history.owners[history.world.ocr.accepted[-1].operation_id]
    claim = (owner.document_id, owner.run, owner.page, owner.fingerprint)
    assert not owner.fingerprint or claim in history.claims, f"G2: {owner} was claimed by another"
    row = history.world.documents.rows[owner.document_id]
    if row.options is not None and row.options.pages == WITHOUT_TEXT and owner.run == row.run:
        upload = next(each for each in history.every_upload() if each.document.id == row.id)
        has_text = owner.page == TEXT_PAGE and "text:" in upload.name
        assert not has_text, f"G2: {owner} has text of its own"


def check_pages(history: History, upload: Upload, row: Document) -> None:
    """G2, G9: what was reused is the same page, read alike; and each page's result is the document's own."""
    accepted = {page.operation_id: page for page in history.world.ocr.accepted}
    for page in history.world.documents.operations.values():
        if page.document_id != row.id or row.state is DocumentState.DELETED:
            continue
        if page.reused_from and page.described is not None and not page.paid_run:
            options, sent = history.finals[row.id, page.run].options, accepted[page.described.id]
            content = upload.content(page.page, history.finals[row.id, page.run].file_pages)
            assert options is not None, f"G2: {row}"
            wanted = (content, options.model, set(options.languages))
            assert (sent.content, sent.model, set(sent.languages)) == wanted, f"G2: {page} is not {sent}"
        if page.state is OperationState.RECOGNIZED:
            name = keys.page(page.document_id, page.result_run, page.page)
            assert name in history.lost_pages or history.world.file(name) is not None, f"G9: {name} is gone: {page}"


def check_forgotten(history: History) -> None:
    """G9: no page that was sent is found by a document that was deleted."""
    rows = history.world.documents.rows
    for claim in history.world.sent_pages.rows.values():
        row = rows[claim.document_id]
        was_sent = any(
            (owner.document_id, owner.run, owner.page) == (claim.document_id, claim.run, claim.page)
            for owner in history.owners.values()
        )
        assert row.state is not DocumentState.DELETED or not was_sent, f"G9: {claim} of {row}"
