"""Publishes a document: copies its files to the names beside the upload's key, if it is the newest upload of it; and
notifies subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from textdrop.core import identity, keys, results
from textdrop.core.documents import Document, DocumentState, Newest, Operation, Shown, Source
from textdrop.core.errors import ObjectForbidden, ObjectGone, StoreUnavailable, TextdropError
from textdrop.ports import DeliverPorts
from textdrop.usecases.side_by_side import side_by_side
from textdrop.usecases.time_left import check_deadline


class FileMissing(TextdropError):
    """A file that the document has written is not there: it was removed, or results now go elsewhere."""


def publish(ports: DeliverPorts, document: Document, deadline: float) -> Newest | None:
    """The upload's own names show the newest upload of the key, whoever finishes last.

    Returns the newest upload as last seen; None if the key cannot be a name for results. Raises NoTimeLeft,
    StoreUnavailable and, for a file of the document itself, FileMissing.
    """
    source = document.source
    if not keys.can_be_published(source.key, ports.results.prefix):
        return None
    own = Newest(identity.order(source), document.id)
    newest = ports.newest.update_if_newer(source, own)
    while True:
        winner = document if newest.document_id == document.id else ports.documents.read(newest.document_id)
        if winner is not None and winner.state is DocumentState.DELETED and _is_current(ports, source):
            # The newer upload was deleted from its bucket too, so that this one is the newest again.
            newest = ports.newest.replace(source, newest, own)
            continue
        run = None if winner is None or winner.outcome is None else winner.shown
        if winner is None or run is None:
            # The newest will publish itself, or is deleted.
            return newest
        tables = _tables(ports, keys.base(winner.id, run.run)) if keys.tables(run) else ()
        shown = (*keys.suffixes_of(run), *tables)
        if any(rendering.files for rendering in run.renderings) and not newest.has_outputs:
            ports.newest.expect_outputs(source)
            newest = replace(newest, has_outputs=True)
        changes = [partial(_show, ports, winner, run, suffix, source.key + suffix, deadline) for suffix in shown]
        for suffix in keys.SUFFIXES if newest.has_outputs else keys.OF_OUTCOMES:
            if suffix not in shown:
                changes.append(partial(_hide, ports, source.key + suffix, deadline))
        if newest.has_outputs:
            # Another document may have had any number of tables, so they are listed.
            stale = [source.key + suffix for suffix in _tables(ports, source.key) if suffix not in shown]
            if stale:
                changes.append(partial(_delete, ports, stale, deadline))
        try:
            side_by_side(ports.run_parallel, changes)
        except FileMissing:
            if winner is document and run.run == document.run:
                raise
            # The newest has not written its files yet, and will publish itself; or it has no files to show any more; or
            # an earlier run, which has more pages than this one, has none any more: the names keep what they have.
            return newest
        again = ports.newest.read(source)
        if again is None:
            return newest
        if again.document_id == newest.document_id and (winner is document or _same_outcome(ports, winner, run)):
            return again
        newest = again


def _is_current(ports: DeliverPorts, source: Source) -> bool:
    try:
        return ports.sources.head(source).is_current
    except (ObjectGone, ObjectForbidden):
        return False


def _tables(ports: DeliverPorts, base: str) -> tuple[str, ...]:
    """The suffixes of the tables' CSV files that exist under a name."""
    return keys.tables_of(ports.results.list_keys(base + keys.TABLES), base)


def _show(ports: DeliverPorts, winner: Document, run: Shown, suffix: str, name: str, deadline: float) -> None:
    own = keys.own(winner.id, run.run, suffix)
    try:
        # It may be an earlier run, and the row may not know the pages of its last run yet.
        pages = max(winner.pages, run.pages_recognized)
        if pages > ports.policy.single_pass_max_pages or suffix == keys.SEARCHABLE_PDF:
            # More than one call may be able to copy in its time.
            ports.results.join([own], name, partial(check_deadline, ports, deadline))
            return
        check_deadline(ports, deadline)
        ports.results.copy(own, name)
    except StoreUnavailable as error:
        # What is missing now will not be there later either: this must end.
        if ports.results.exists(own):
            raise
        raise FileMissing(f"{suffix} of {winner.id}") from error


def _hide(ports: DeliverPorts, name: str, deadline: float) -> None:
    """Deletes only names that exist: in a bucket with versions deleting others would leave a marker each time. Whoever
    writes such a name meanwhile checks afterwards, as always after copying, whose the name is."""
    check_deadline(ports, deadline)
    if ports.results.exists(name):
        _delete(ports, [name], deadline)


def _delete(ports: DeliverPorts, names: Sequence[str], deadline: float) -> None:
    check_deadline(ports, deadline)
    ports.results.delete(names)


def _same_outcome(ports: DeliverPorts, winner: Document, run: Shown) -> bool:
    """Whether both are the same run with the same outcome. A delivery that keeps dying becomes a failure, and a retry
    has files of its own: either may have been published while we copied what was there before."""
    row = ports.documents.read(winner.id)
    return row is None or row.shown is None or (row.shown.run, row.shown.outcome) == (run.run, run.outcome)


def notify(ports: DeliverPorts, document: Document, newest: Newest | None, operations: Sequence[Operation]) -> None:
    """The topic, and the event bus if there is one, have accepted the document's notice.

    `newest` is the key's newest upload as last seen; None: not seen. `operations` are those of the document's run, if
    they are at hand. Raises StoreUnavailable.
    """
    newest = newest or ports.newest.read(document.source)
    is_newest = newest is None or newest.document_id == document.id
    if document.pages > document.pages_recognized:
        operations = operations or ports.documents.read_operations(document.id, document.operations_run)
    stored = ports.results
    is_shown = document.shown is not None and document.shown.run == document.run
    published = is_newest and is_shown and keys.can_be_published(document.source.key, stored.prefix)
    body = results.notice(document, operations, ports.prices, stored.bucket, stored.prefix, published, is_newest)
    attributes = results.notice_attributes(document)
    side_by_side(ports.run_parallel, [partial(each.publish, body, attributes) for each in ports.notices])
