"""Removes everything kept of a document that is to be deleted: results in every version, operations, its key.

It is done at least twice: at once, and again when no earlier worker can be at work any more. So whatever a late worker
still writes does not stay, and what it sends is in the ledger.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from textdrop.core import keys, problems
from textdrop.core.billing import billed
from textdrop.core.documents import Document, Newest, OperationState, Removed, Step
from textdrop.core.ledger import run_of
from textdrop.core.observations import Discarded, Swept
from textdrop.ports import DeliverPorts
from textdrop.usecases.publish import publish
from textdrop.usecases.reserve import give_back
from textdrop.usecases.time_left import check_deadline
from textdrop.usecases.transitions import transition_held, transition_operation


def sweep(ports: DeliverPorts, document: Document, deadline: float) -> None:
    """Nothing is left of the document's results, and nothing more of it is asked for. After the last pass its
    operations are gone too, what it has reserved and not used is given back, and the ledger has its last run and no
    key.

    Its row says what was removed. The upload itself is not touched. Raises NotOurs, NoTimeLeft and StoreUnavailable.
    """
    began_at = ports.clock.now()
    is_early = began_at < document.sweep_at
    operations = [
        operation
        for run in range(1, document.run + 1)
        for operation in ports.documents.read_operations(document.id, run)
    ]
    for operation in operations:
        # A worker that is still sending a page learns whether the service took it; the ledger has to know as well.
        if not operation.final and not (is_early and operation.state is OperationState.SUBMITTING):
            transition_operation(ports, operation, Discarded(problems.deleted()))
    objects = _remove_results(ports, document, deadline)
    asked = sum(operation.state is OperationState.RUNNING for operation in operations)
    if is_early or asked:
        transition_held(ports, document, Swept(began_at, Removed(objects=objects), asked))
        return
    document = give_back(ports, document, _close_ledger(ports, document))
    sent = [operation.fingerprint for operation in operations if operation.fingerprint]
    if sent:
        ports.sent_pages.forget(sent, document.id)
    ports.documents.delete_operations(operations)
    transition_held(ports, document, Swept(began_at, Removed(objects, rows=len(operations))))


def _remove_results(ports: DeliverPorts, document: Document, deadline: float) -> int:
    """How many versions of objects were removed: the document's own files, and those of it under the upload's names."""
    remove = partial(ports.results.remove, check_deadline=partial(check_deadline, ports, deadline))
    objects = remove(keys.folder(document.id), lambda key: True, current=True)
    key = document.source.key
    newest = ports.newest.read(document.source) if keys.can_be_published(key, ports.results.prefix) else None
    if newest is None:
        return objects  # nothing was published under these names: what may be there is somebody else's
    # Another upload may have the names now. What they had before is kept for nobody: its own files are there.
    current = not _has_names(ports, document, newest)
    for suffix in keys.SUFFIXES if newest.has_outputs else keys.OF_OUTCOMES:
        objects += remove(key + suffix, (key + suffix).__eq__, current=current)
    if newest.has_outputs:
        objects += remove(key + keys.TABLES, lambda name: bool(keys.tables_of([name], key)), current=current)
    if current:
        # Another upload may have taken the names in the meantime, and lost its files there to this.
        publish(ports, document, deadline)
    return objects


def _has_names(ports: DeliverPorts, document: Document, newest: Newest) -> bool:
    """Whether another upload is certain to have the names: it has published itself."""
    if newest.document_id == document.id:
        return False
    row = ports.documents.read(newest.document_id)
    return row is not None and (row.step is Step.NOTICE or row.before is not None)


def _close_ledger(ports: DeliverPorts, document: Document) -> int:
    """The ledger has the document's last run, unless that ended before there was a ledger, and no key of it. Returns
    how many submits of that run may be billed, by the ledger, as an earlier pass may have deleted its operations."""
    if document.step is Step.NOTICE and document.billed is None:
        return document.reserved  # what was paid for long ago would count as of today
    operations = ports.documents.read_operations(document.id, document.run)
    ended = replace(document, billed=billed(operations), source=replace(document.source, key=""))
    run = ports.ledger.put(run_of(ended, ports.clock.now(), ports.prices))
    ports.ledger.forget_key(document.id)
    return run.submitted + run.unconfirmed
