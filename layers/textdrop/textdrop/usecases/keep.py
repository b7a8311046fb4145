"""What a retry need not pay for again: pages that an earlier run of the document has recognised with the same model and
languages, or whose result the service may still bring."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial

from textdrop.core import keys
from textdrop.core.documents import Document, DueKind, Operation, OperationState, Options
from textdrop.core.errors import Reason
from textdrop.core.page_ranges import WITHOUT_TEXT
from textdrop.ports import SubmitPorts
from textdrop.usecases.side_by_side import side_by_side


def keep_recognised(ports: SubmitPorts, document: Document, options: Options, pages: Collection[int]) -> frozenset[int]:
    """Those of the pages that an earlier run has recognised. Their operations are written for this run, which then has
    no others.

    A page with its own text is one of them if the options use such texts. We hold the document, and its pages are not
    known yet. Raises StoreUnavailable.
    """
    kept: dict[int, Operation] = {}
    stored: set[str] | None = None
    for operations in _runs_before(ports, document, options, document.options):
        stored = set(ports.results.list_keys(keys.pages(document.id))) if stored is None else stored
        for operation in operations:
            has_result = keys.page(document.id, operation.result_run, operation.page) in stored
            if operation.own_text and options.pages != WITHOUT_TEXT:
                continue
            if operation.state is OperationState.RECOGNIZED and has_result and operation.page in pages:
                kept.setdefault(operation.page, _of_this_run(operation, document))
    if document.submit_passes > 1:
        _discard_others(ports, document, kept)
    side_by_side(ports.run_parallel, [partial(_write, ports, operation) for operation in kept.values()])
    return frozenset(kept)


def keep_running(
    ports: SubmitPorts, document: Document, known: Collection[int], options_before: Options | None
) -> list[Operation]:
    """The operations, now running in this run, of pages that the service took in an earlier run and may still bring the
    result of: it is asked before any of them is sent again. Only unfinished pages that are not `known` are considered.

    `options_before` are those of the run before, if they are known. Raises StoreUnavailable.
    """
    wanted = document.unfinished - frozenset(known)
    if document.options is None or not wanted:
        return []
    now = ports.clock.now()
    kept: dict[int, Operation] = {}
    for operations in _runs_before(ports, document, document.options, options_before):
        for operation in operations:
            forgotten_at = (operation.submitted_at or 0.0) + ports.policy.result_kept_seconds
            if operation.page in wanted and _may_be_brought(operation) and now < forgotten_at:
                kept.setdefault(operation.page, _of_this_run(operation, document))
    running = []
    for operation in kept.values():
        # The deadline of one that was given up has passed: without a result it is sent again, after its status was
        # read.
        deadline_at = operation.deadline_at if operation.state is OperationState.RUNNING else now
        asked = replace(
            operation,
            state=OperationState.RUNNING,
            problem=None,
            finished_at=None,
            due_kind=DueKind.ASK,
            due_at=now,
            deadline_at=deadline_at,
        )
        if ports.documents.write_operation(None, asked):
            running.append(asked)
    return running


def _runs_before(
    ports: SubmitPorts, document: Document, options: Options, options_before: Options | None
) -> Iterator[list[Operation]]:
    """The operations of each earlier run with the model and languages of these options, the last run's first."""
    listed = {run.run: (run.model, frozenset(run.languages)) for run in ports.ledger.runs(document.id)}
    # A run from before the ledger has no row there. A later run without operations of its own had its options.
    of_next = None if options_before is None else _read_with(options_before)
    for run in range(document.run - 1, 0, -1):
        read_with = listed.get(run, of_next)
        operations = ports.documents.read_operations(document.id, run) if read_with == _read_with(options) else []
        of_next = None if operations else read_with
        if operations:
            yield operations


def _read_with(options: Options) -> tuple[str, frozenset[str]]:
    return options.model, frozenset(options.languages)


def _may_be_brought(operation: Operation) -> bool:
    # Either it was not recognised yet when the pages became known, or its stored result is gone.
    if operation.state in (OperationState.RUNNING, OperationState.RECOGNIZED):
        return True
    problem = operation.problem
    return operation.sent and problem is not None and problem.reason is Reason.DEADLINE_EXCEEDED


def _of_this_run(operation: Operation, document: Document) -> Operation:
    return replace(
        operation,
        run=document.run,
        paid_run=operation.result_run,
        reused_from="",
        holder_rev=document.rev,
        unconfirmed=0,
        breakdowns=0,
    )


def _discard_others(ports: SubmitPorts, document: Document, kept: dict[int, Operation]) -> None:
    """Operations of this run that an earlier pass, which died, kept for other options."""
    others = [
        operation
        for operation in ports.documents.read_operations(document.id, document.run)
        if operation.page not in kept or kept[operation.page].result_run != operation.result_run
    ]
    if others:
        ports.documents.delete_operations(others)


def _write(ports: SubmitPorts, operation: Operation) -> None:
    # One that is there already was written by an earlier worker, and is the same.
    ports.documents.write_operation(None, operation)
