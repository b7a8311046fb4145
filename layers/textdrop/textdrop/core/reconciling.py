"""What reconcile does with what it finds: uploads without a row, and messages that were given up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil

from textdrop.core.documents import Source
from textdrop.core.events import MessageMalformed, parse, upload_body
from textdrop.core.identity import document_id
from textdrop.core.junk import is_junk
from textdrop.core.policy import Policy

# --- uploads without a row --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SourceBucket:
    """The bucket, and the prefix in it, that a stack takes uploads from. `own`: the stack made the bucket. `stack` is
    the stack's id, which no other stack ever has."""

    name: str
    prefix: str
    own: bool
    stack: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in the listing of the source bucket: right after this version of this key. Both "": the beginning."""

    key: str = ""
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class ListingPage:
    """A part of the listing: versions, ordered by key and the newest of a key first, and the cursor after them (None:
    the end). `current` are those that are their key's current version; a deleted key has none."""

    sources: tuple[Source, ...]
    after: Cursor | None
    current: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class ReconcileRun:
    """One listing of the bucket under its prefix, which several runs may share; the last one stays after it has ended.

    `rev` grows with every write. `key` and `version_id` are the cursor, `began_at` is 0 until the beginning, `ended_at`
    until the end. Of `listed` versions, `found` had no row. `stack` has taken uploads of this bucket and prefix since
    `since`. Times are epoch seconds.
    """

    rev: int = 0
    key: str = ""
    version_id: str = ""
    older_than_seconds: float = 0.0
    began_at: float = 0.0
    ended_at: float = 0.0
    listed: int = 0
    found: int = 0
    bucket: str = ""
    prefix: str = ""
    stack: str = ""
    since: float = 0.0

    @property
    def cursor(self) -> Cursor:
        """Where to continue."""
        return Cursor(self.key, self.version_id)


def configured(stored: ReconcileRun, source: SourceBucket, now: float) -> ReconcileRun:
    """The stored row if it is about this source; else the one to write, with which the source begins.

    What was uploaded before the source was configured, or while another one was, has no rows and must not be paid for:
    so `since` is now (the next whole second, as versions have no finer time). Only a bucket that the stack made, and
    begins with, has nothing from before; one that it returns to, as when an update is rolled back, may have. (Rows of
    former versions name no bucket: those stacks had their own bucket, and took everything in it.)
    """
    if (stored.bucket, stored.prefix, stored.stack) == (source.name, source.prefix, source.stack):
        return stored
    begins = source.own and stored.bucket != source.name and stored.stack != source.stack
    since = 0.0 if begins else float(ceil(now))
    return ReconcileRun(rev=stored.rev + 1, bucket=source.name, prefix=source.prefix, stack=source.stack, since=since)


def begun(stored: ReconcileRun, older_than_seconds: float | None, now: float, policy: Policy) -> ReconcileRun:
    """The listing to continue: the stored one if it has not ended, unless an age is given, which begins a new one."""
    if stored.began_at > 0.0 and stored.ended_at == 0.0 and older_than_seconds is None:
        return stored
    age = policy.reconcile_after_seconds if older_than_seconds is None else older_than_seconds
    return replace(stored, key="", version_id="", older_than_seconds=age, began_at=now, ended_at=0.0, listed=0, found=0)


def advanced(current: ReconcileRun, listed: ListingPage, found: int, now: float) -> ReconcileRun:
    """The run after this part of the listing."""
    after = Cursor() if listed.after is None else listed.after
    return replace(
        current,
        rev=current.rev + 1,
        key=after.key,
        version_id=after.version_id,
        ended_at=now if listed.after is None else 0.0,
        listed=current.listed + len(listed.sources),
        found=current.found + found,
    )


def candidates(sources: Iterable[Source], since: float, until: float) -> dict[str, Source]:
    """The uploads of that time by their documents' ids, without junk.

    Uploads from before `since` are left to backfills: no table knew them then, or they were not this stack's. The
    events of those from after `until` may still be on their way. Versions have whole seconds, truncated.
    """
    return {
        document_id(source): source
        for source in sources
        if int(since) <= source.last_modified <= until and not is_junk(source.key)
    }


def lost(uploads: Mapping[str, Source], known: Collection[str]) -> dict[str, str]:
    """For each upload without a row, by its document's id, the message that makes submit accept it. What submit makes
    no document of (a folder marker) is left out: the message is read as submit will read it."""
    bodies = {identifier: upload_body(source) for identifier, source in uploads.items() if identifier not in known}
    return {identifier: body for identifier, body in bodies.items() if parse(body)}


# --- dead letters -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead letter queue, with its history.

    `receipt` is needed to delete it. `redriven` counts how often it went back to the uploads queue; `former_ids` are
    its earlier message ids, oldest first: submit's log has the failures under them. `cause` is what reconcile itself
    can tell. Time: epoch seconds.
    """

    id: str
    body: str
    receipt: str
    first_sent_at: float
    redriven: int = 0
    former_ids: tuple[str, ...] = ()
    cause: str = ""


def redriven(letter: DeadLetter, policy: Policy) -> DeadLetter | None:
    """The message as it goes back to the uploads queue; None if it went often enough, and stays where it can be
    seen."""
    if letter.redriven >= policy.max_redrives:
        return None
    return replace(
        letter,
        redriven=letter.redriven + 1,
        former_ids=(*letter.former_ids, letter.id),
        cause=cause(letter.body),
    )


def cause(body: str) -> str:
    """Why submit gave the message back, as far as the message itself shows. It quotes nothing of the message."""
    try:
        parse(body)
    except MessageMalformed as error:
        return str(error)
    return "the message can be read: see submit's log under its former ids"
