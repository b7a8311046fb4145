"""One run of reconcile: dead letters go back, then the source bucket is searched for uploads without a row.

Those are sent to submit in the form of S3's event, so that there is only one way to accept documents. The cursor is
written after each page of the listing: after a crash another run continues there. Runs side by side do the same work
twice at worst, until one of them finds that the other has written the cursor, and stops.
"""

from __future__ import annotations

from textdrop.core import reconciling
from textdrop.core.errors import StoreUnavailable
from textdrop.core.policy import DAY_SECONDS
from textdrop.core.reconciling import ListingPage, ReconcileRun, SourceBucket
from textdrop.ports import ReconcilePorts, VersionedRow
from textdrop.usecases.redrive import redrive
from textdrop.usecases.sums import summed

REDRIVE_SECONDS = 300.0
"""How much of one run may be spent on dead letters."""

RECORD_TRIES = 3

SUMMED_DAYS = 3

PART_SECONDS = 120.0
"""With less time left no part of the listing begins, except the first: so every run makes progress."""


def reconcile(ports: ReconcilePorts, deadline: float, older_than_seconds: float | None = None) -> str:
    """Runs until the bucket's end, or the time is up, or another run got ahead. Says which, in a word.

    `deadline` is when this invocation is ended by force. With `older_than_seconds` a new listing begins, which takes
    uploads of that age instead of the usual hour. Out of time with work left, it invokes its successor. Raises
    StoreUnavailable: the next run continues where this one stopped.
    """
    more = redrive(ports, min(ports.clock.now() + REDRIVE_SECONDS, deadline - PART_SECONDS))
    ended = _search(ports, deadline, older_than_seconds)
    if ended == "handed_over" or (ended == "ended" and more):
        ports.successor.invoke()
        return "handed_over"
    _sum_up(ports, deadline)
    return ended


def _sum_up(ports: ReconcilePorts, deadline: float) -> None:
    """The sums of the last days include what ended since yesterday, or as much of it as there is time for, so that a
    summary finds little to add."""
    now = ports.clock.now()
    try:
        while not summed(ports, now - SUMMED_DAYS * DAY_SECONDS, now).is_complete:
            if ports.clock.now() + PART_SECONDS > deadline:
                return
    except StoreUnavailable as error:
        ports.journal.failed("not_summed", error)  # whoever asks for a summary adds it


def record_source(progress: VersionedRow[ReconcileRun], source: SourceBucket, now: float) -> ReconcileRun:
    """The row that says since when uploads of this source are taken; it is stored afterwards.

    The first of the stack's functions to run after a deployment writes it. Raises StoreUnavailable, also when others
    keep writing the row meanwhile.
    """
    for _ in range(RECORD_TRIES):
        stored = progress.read()
        row = reconciling.configured(stored, source, now)
        if row is stored or progress.write(stored, row):
            return row
    raise StoreUnavailable("reconcile's row was written by others")


def _search(ports: ReconcilePorts, deadline: float, older_than_seconds: float | None) -> str:
    now = ports.clock.now()
    recorded = record_source(ports.progress, ports.source, now)
    since = max(recorded.since, ports.documents.kept_since())
    current = reconciling.begun(recorded, older_than_seconds, now, ports.policy)
    while True:
        listed = ports.uploads.after(current.cursor)
        sent = _send_lost(ports, listed, since, current)
        after = reconciling.advanced(current, listed, sent, ports.clock.now())
        if not ports.progress.write(current, after):
            return "overtaken"
        if listed.after is None:
            ports.journal.noted("bucket_reconciled", listed=after.listed, found=after.found)
            return "ended"
        if ports.clock.now() + PART_SECONDS > deadline:
            return "handed_over"
        current = after


def _send_lost(ports: ReconcilePorts, listed: ListingPage, since: float, current: ReconcileRun) -> int:
    """Sends submit the uploads of this part that have no row; how many there were."""
    uploads = reconciling.candidates(listed.sources, since, ports.clock.now() - current.older_than_seconds)
    if not uploads:
        return 0
    lost = reconciling.lost(uploads, ports.documents.known(list(uploads)))
    ports.queue.send(list(lost.values()))
    for document in lost:
        ports.journal.noted("upload_found", document=document)
    return len(lost)
