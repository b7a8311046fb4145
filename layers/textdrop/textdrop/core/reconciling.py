"""What reconcile does with what it finds: uploads that have no row, and messages that were given up."""

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
    """The bucket, and the prefix in it, that a stack takes uploads from.

    `own`: the stack made the bucket. `stack` is the stack's id, which no other stack ever has.
    """

    name: str
    prefix: str
    own: bool
    stack: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the listing of the source bucket: right after this version of this key. Both "": the beginning."""

    key: str = ""
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class ListingPage:
    """A part of the listing: versions, by key, the newest of a key first, and the cursor behind them (None: the end).
    `current` are those of them that are their key's current one: a key that was deleted has none."""

    sources: tuple[Source, ...]
    after: Cursor | None
    current: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class ReconcileRun:
    """One listing of the bucket under its prefix, which several runs may share; the last one stays when it has ended.

    `rev` grows with every write. `key` and `version_id` are the cursor, `began_at` is 0 until the beginning, `ended_at`
    until the end. `listed` versions were looked at, `found` of them had no row. `stack` has taken uploads of this
    bucket and prefix since `since`. Times: epoch seconds.
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
    def mark(self) -> Cursor:
        """Where to go on."""
        return Cursor(self.key, self.version_id)


def configured(stored: ReconcileRun, source: SourceBucket, now: float) -> ReconcileRun:
    """The stored row if it is of this source, else the one to write, with which the source begins.

    What came before it was configured, or while another one was, has no rows and must not be paid for: so `since` is
    now (the next whole second, as versions have none finer). Only a bucket that the stack made, and begins with, has
    nothing from before: one that it comes back to, as when an update is rolled back, may have. (Rows of former versions
    name no bucket: such stacks had their own, and took all that came.)
    """
    if (stored.bucket, stored.prefix, stored.stack) == (source.name, source.prefix, source.stack):
        return stored
    begins = source.own and stored.bucket != source.name and stored.stack != source.stack
    since = 0.0 if begins else float(ceil(now))
    return ReconcileRun(rev=stored.rev + 1, bucket=source.name, prefix=source.prefix, stack=source.stack, since=since)


def begun(stored: ReconcileRun, older_than_seconds: float | None, now: float, policy: Policy) -> ReconcileRun:
    """The run to continue: the stored one if it has not ended, unless an age is asked for, which begins a new one."""
    if stored.began_at > 0.0 and stored.ended_at == 0.0 and older_than_seconds is None:
        return stored
    age = policy.reconcile_after_seconds if older_than_seconds is None else older_than_seconds
    return replace(stored, key="", version_id="", older_than_seconds=age, began_at=now, ended_at=0.0, listed=0, found=0)


def advanced(current: ReconcileRun, listed: ListingPage, found: int, now: float) -> ReconcileRun:
    """The run when this part of the listing is done with."""
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
    """The uploads of that time, by their documents' ids, but for junk.

    Before `since` there was no table that could know them, or they were not this stack's: they are a backfill's. After
    `until` their events may be on the way still. Versions have whole seconds, cut off, as times.
    """
    return {
        document_id(source): source
        for source in sources
        if int(since) <= source.last_modified <= until and not is_junk(source.key)
    }


def lost(uploads: Mapping[str, Source], known: Collection[str]) -> dict[str, str]:
    """The message that has submit accept it, for each upload without a row, by its document's id.

    What submit makes no document of (a folder marker) is left out: it reads the message as submit will.
    """
    bodies = {identifier: upload_body(source) for identifier, source in uploads.items() if identifier not in known}
    return {identifier: body for identifier, body in bodies.items() if parse(body)}


# --- dead letters -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead letter queue, with the history that it carries.

    `receipt` is needed to delete it. `redriven` counts how often it went back to the uploads queue; `former_ids` are
    its message ids before, oldest first: under them submit's log says why it failed. `cause` is what reconcile can
    tell itself. Time: epoch seconds.
    """

    id: str
    body: str
    receipt: str
    first_sent_at: float
    redriven: int = 0
    former_ids: tuple[str, ...] = ()
    cause: str = ""


def redriven(letter: DeadLetter, policy: Policy) -> DeadLetter | None:
    """The message as it goes back to the uploads queue; None: it went often enough, and stays where it can be seen."""
    if letter.redriven >= policy.max_redrives:
        return None
    return replace(
        letter,
        redriven=letter.redriven + 1,
        former_ids=(*letter.former_ids, letter.id),
        cause=cause(letter.body),
    )


def cause(body: str) -> str:
    """Why submit gave the message back, as far as the message itself shows. Nothing of what it says."""
    try:
        parse(body)
    except MessageMalformed as error:
        return str(error)
    return "the message can be read: see submit's log under its former ids"
