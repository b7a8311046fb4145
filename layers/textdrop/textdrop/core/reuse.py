"""Reuse: a page whose bytes, model and languages the service took before is not sent again.

A row for each fingerprint names the operation for which the page is, or was, sent. Whoever is to send a page writes
that row first, or finds another's: then it takes that operation's result, asks by its id, or waits until it is sent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Options
from textdrop.core.policy import Policy

MIN_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SentPage:
    """The row of a fingerprint: the page that claimed it, to be sent, and when (epoch seconds)."""

    fingerprint: str
    document_id: str
    run: int
    page: int
    claimed_at: float


class Reuse(Enum):
    """What to do with a page."""

    SEND = "send"  # it has been claimed for this very page
    CLAIM = "claim"  # no claim is worth anything, or for long enough: make one, then send
    TAKE = "take"  # the other's result, or its id while it runs
    WAIT = "wait"  # the other is about to be sent


def fingerprint(content: bytes, media_type: str, options: Options) -> str:
    """The fingerprint of a page as it is sent: the same for the same bytes, model and set of languages."""
    kind = "\n".join((options.model, " ".join(sorted(options.languages)), media_type, ""))
    return hashlib.sha256(kind.encode() + content).hexdigest()


def decide(
    mine: Operation, sent: SentPage | None, of: Operation | None, sender: Document | None, now: float, policy: Policy
) -> Reuse:
    """What to do with the page `mine`. `sent` is its fingerprint's row, `of` the operation that this names, and
    `sender` that operation's document; each is None if it is not there."""
    if sent is None:
        return Reuse.CLAIM
    if (sent.document_id, sent.run, sent.page) == (mine.document_id, mine.run, mine.page):
        # The other half is left for its slot and its submit: no worker is at one page for so long.
        return Reuse.SEND if now < sent.claimed_at + policy.reuse_wait_seconds / 2 else Reuse.CLAIM
    if of is not None and of.state is OperationState.RECOGNIZED and not of.own_text:
        return Reuse.TAKE
    if of is not None and of.state is OperationState.RUNNING:
        forgotten_at = (of.submitted_at or 0.0) + policy.result_kept_seconds
        return Reuse.TAKE if now < min(forgotten_at, of.deadline_at or forgotten_at) else Reuse.CLAIM
    is_failed = of is not None and of.state is OperationState.FAILED
    is_being_sent = (
        sender is not None
        and sender.run == sent.run
        and sender.state in (DocumentState.ACCEPTED, DocumentState.RECOGNIZING)
    )
    if is_failed or not is_being_sent or now >= sent.claimed_at + policy.reuse_wait_seconds:
        return Reuse.CLAIM
    return Reuse.WAIT


def wait_seconds(sent: SentPage, now: float) -> float:
    """How long to wait before checking again whether the other was sent: as long again as it has waited."""
    return min(max(now - sent.claimed_at, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS)
