"""Delivers a document whose outcome is fixed: files, then their published names, then the notice, then final.

Where outputs are asked for, poll hands the document to the render function before all that, which then goes on here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from textdrop.core import identity, intervals, keys, results
from textdrop.core.documents import (
    Document,
    DocumentState,
    Newest,
    Operation,
    Outcome,
    Resume,
    Step,
)
from textdrop.core.errors import StoreUnavailable, TextdropError
from textdrop.core.observations import NoticeAccepted, Returned, StepBegins, Taken
from textdrop.ports import DeliverPorts, PollPorts
from textdrop.usecases.assemble import assemble
from textdrop.usecases.time_left import NoTimeLeft, check_deadline
from textdrop.usecases.transitions import transition_document


class NotOurs(TextdropError):
    """Another worker holds the document."""


def deliver(ports: PollPorts, document: Document, deadline: float, operations: Sequence[Operation] = ()) -> bool:
    """Goes through the steps that are left. True: the document is final. Never raises.

    `deadline` is when this worker is ended by force; `operations` are those of the document's run, if they are at hand.
    Every step can be repeated, and is written on the row before it begins; so whoever goes on after a crash knows what
    may have happened.
    """
    held: Document | None = None
    try:
        held = transition_document(
            ports, document, Taken(ports.clock.token(), deadline + ports.policy.lease_margin_seconds)
        )
        if held is None or held.state is not DocumentState.DELIVERING:
            return False
        if held.step is Step.RENDER:
            # It comes due again with our lease, should the message be lost or come late: then it is of another rev.
            ports.render_function.invoke(Resume(held.id, held.rev))
            return False
        return finish(ports, held, deadline, operations)
    except NotOurs:
        return False
    except (StoreUnavailable, NoTimeLeft) as error:
        ports.journal.failed("delivery_failed", error, document=document.id)
        if held is not None:
            return_later(ports, held, failed=isinstance(error, StoreUnavailable))
    except Exception as error:  # noqa: BLE001 - ours, or no memory: the lease passes, the attempt counts, five fail it
        ports.journal.failed("delivery_died", error, document=document.id)
    return False


def finish(ports: DeliverPorts, document: Document, deadline: float, operations: Sequence[Operation] = ()) -> bool:
    """The steps that are left after rendering, of a document that we hold. True: it is final.

    `operations` are those of the document's run, if they are at hand. Raises NotOurs when it is no longer ours, and
    StoreUnavailable, NoTimeLeft and PageMissing.
    """
    lease_until = deadline + ports.policy.lease_margin_seconds
    published = keys.can_be_published(document.source.key)
    newest: Newest | None = None
    if document.step is Step.FILES:
        _write_files(ports, document, operations, deadline)
        document = begin(ports, document, Step.PUBLISH, lease_until)
    if document.step is Step.PUBLISH:
        if published:
            newest = _publish(ports, document, deadline)
        document = begin(ports, document, Step.NOTICE, lease_until)
    newest = newest or ports.newest.read(document.source)
    is_newest = newest is None or newest.document_id == document.id
    if document.pages > document.pages_recognized:
        operations = operations or ports.documents.read_operations(document.id, document.run)
    body = results.notice(document, operations, ports.results.bucket, published and is_newest, is_newest)
    ports.notices.publish(body, results.notice_attributes(document))
    if transition_document(ports, document, NoticeAccepted()) is None:
        raise NotOurs
    ports.journal.counted("DocumentsFinished")
    return True


def begin(ports: DeliverPorts, document: Document, step: Step, lease_until: float) -> Document:
    """The document at its next step. Raises NotOurs."""
    moved = transition_document(ports, document, StepBegins(step, lease_until))
    if moved is None:
        raise NotOurs
    return moved


def _write_files(ports: DeliverPorts, document: Document, operations: Sequence[Operation], deadline: float) -> None:
    """The document's own files, which stay."""
    operations = operations or ports.documents.read_operations(document.id, document.run)
    if document.outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL):
        assemble(ports, document, operations, deadline)
        return
    body = results.error_file(document, operations)
    check_deadline(ports, deadline)
    ports.results.put(keys.own(document.id, keys.ERROR), body, keys.CONTENT_TYPES[keys.ERROR])


def _publish(ports: DeliverPorts, document: Document, deadline: float) -> Newest:
    """The upload's own names show the newest upload of the key, whoever finishes last. The newest as last seen."""
    source = document.source
    newest = ports.newest.update_if_newer(source, Newest(identity.order(source), document.id))
    while True:
        winner = document if newest.document_id == document.id else ports.documents.read(newest.document_id)
        if winner is None or winner.outcome is None:
            # The newest will publish itself.
            return newest
        shown = _suffixes(ports, winner)
        if any(rendering.files for rendering in winner.renderings) and not newest.has_outputs:
            ports.newest.expect_outputs(source)
            newest = replace(newest, has_outputs=True)
        for suffix in shown:
            _show(ports, winner, suffix, source.key + suffix, deadline)
        stale: tuple[str, ...] = keys.OF_OUTCOMES
        if newest.has_outputs:
            # Another document may have had any number of tables, so they are looked for.
            stale = (*keys.SUFFIXES, *_tables(ports, source.key))
        check_deadline(ports, deadline)
        ports.results.delete([source.key + suffix for suffix in stale if suffix not in shown])
        again = ports.newest.read(source)
        if again is None:
            return newest
        if again.document_id == newest.document_id and (winner is document or _same_outcome(ports, winner)):
            return again
        newest = again


def _suffixes(ports: DeliverPorts, document: Document) -> tuple[str, ...]:
    """Those of all files that the document has."""
    tables = _tables(ports, keys.base(document.id)) if keys.tables(document) else ()
    return (*keys.suffixes_of(document), *tables)


def _tables(ports: DeliverPorts, base: str) -> tuple[str, ...]:
    """The suffixes of the tables' CSV files that there are under a name."""
    return keys.tables_of(ports.results.list_keys(base + keys.TABLES), base)


def _show(ports: DeliverPorts, winner: Document, suffix: str, name: str, deadline: float) -> None:
    own = keys.own(winner.id, suffix)
    if winner.pages > ports.policy.single_pass_max_pages or suffix == keys.SEARCHABLE_PDF:
        # More than one call may be able to copy in its time.
        ports.results.join([own], name, partial(check_deadline, ports, deadline))
        return
    check_deadline(ports, deadline)
    ports.results.copy(own, name)


def _same_outcome(ports: DeliverPorts, shown: Document) -> bool:
    """A delivery that keeps dying becomes a failure, which may have been published while we copied what was before."""
    row = ports.documents.read(shown.id)
    return row is None or (row.run, row.outcome) == (shown.run, shown.outcome)


def return_later(ports: DeliverPorts, held: Document, failed: bool) -> None:
    """Leaves the delivery due again, if it is still ours; else its lease does."""
    wait = intervals.backoff_seconds(held.consecutive_failures, ports.clock.chance(), ports.policy) if failed else 0.0
    try:
        row = ports.documents.read(held.id)
        if row is not None and row.holder == held.holder and row.state is DocumentState.DELIVERING:
            transition_document(ports, row, Returned(ports.clock.now() + wait, failed))
    except StoreUnavailable as error:
        ports.journal.failed("return_failed", error, document=held.id)
