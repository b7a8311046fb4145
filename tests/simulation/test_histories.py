"""The promises hold in every random history, whatever went wrong in it.

More: `HISTORIES=20000 SEED=1 pytest tests/simulation/test_histories.py`; one again: `HISTORIES=1 SEED=<its seed>`.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from typing import Any

from simulation.history import POLICY, SKEW_SECONDS, UNASKED, History, Upload
from textdrop.core import identity, keys
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Outcome
from textdrop.core.errors import Reason

HISTORIES = int(os.environ.get("HISTORIES", "400"))
FIRST_SEED = int(os.environ.get("SEED", "1"))
DIED = ("go_died", "delivery_died", "step_died")


def watch(history: History, call: str) -> None:
    """What must hold at every moment."""
    if call.startswith("documents.") and call != "documents.due":
        check_due_times(history)
    if call == "notices.publish":
        check_notice(history, json.loads(history.world.notices.published[-1].body))


def check_due_times(history: History) -> None:
    """G1: every row that is not final has a due time, and a near one."""
    latest = history.true_now() + POLICY.guard_seconds + POLICY.lease_margin_seconds + 1
    for row in history.world.documents.rows.values():
        assert (row.due_at is None) == (row.state is DocumentState.FINAL), row
        assert row.due_at is None or row.due_at <= latest, row
    for operation in history.world.documents.operations.values():
        assert (operation.due_at is not None) == (operation.state is OperationState.RUNNING), operation


def check_notice(history: History, notice: dict[str, Any]) -> None:
    """G5: a result is stored before its notice."""
    for suffix in keys.suffixes(Outcome(notice["outcome"])):
        assert history.world.file(keys.own(notice["document"], suffix)) is not None, notice


def check(history: History) -> None:
    rows = history.world.documents.rows
    assert set(rows) == {upload.document.id for upload in history.uploads}, "G1: one document an upload"
    for upload in history.uploads:
        row = rows[upload.document.id]
        assert (row.state, row.due_at, row.attempts) == (DocumentState.FINAL, None, 0), row
        check_outcome(history, upload, row)
        check_files(history, row)
        check_paid(history, upload, row)
        ids = [notice["id"] for notice in history.world.notices_of(row)]
        assert set(ids) == {identity.notice_id(row)}, f"G5: {ids} for {row}"
    died = [entry.error for entry in history.world.journal.failures if entry.name in DIED]
    assert not died, f"G6: {died}"
    lost = sum(history.happened[name] for name in ("kill", "stall", "store", "OcrAnswerLost", "OcrAnswerMalformed"))
    unknowns = sum(operation.unknowns for operation in history.world.documents.operations.values())
    assert unknowns <= lost, "G2: at most one extra per crash or lost answer"
    interval = 1.0 / history.world.submit_settings.submits_per_second
    least = interval - POLICY.slot_late_seconds - 2 * SKEW_SECONDS - 0.001
    assert all(later - post >= least for post, later in pairwise(history.posts)), "G4"


def check_outcome(history: History, upload: Upload, row: Document) -> None:
    name, happened = upload.body.split()[0].decode(), history.happened
    assert row.outcome is not None
    reasons = {
        "damaged": {Reason.DAMAGED},
        "pages:4,bad:2": {Reason.DAMAGED},
        "killer": {Reason.INTERNAL},
        "broken": {Reason.FAILED_IN_OCR},
    }.get(name, set())
    possible: set[Reason] = set(reasons)
    if happened[upload.document.id]:
        possible.add(Reason.OBJECT_GONE)
    # A killer takes its neighbours along as long as they are new (decision 0001).
    if sum(happened[kind] for kind in ("kill", "stall", "store")) >= POLICY.max_attempts:
        possible.add(Reason.INTERNAL)
    if name in ("page", "pages:3", "pages:4,bad:2", "broken"):
        if happened["OcrAnswerTooLarge"]:
            possible.add(Reason.INTERNAL)
        if happened["OcrRejected"]:
            possible.add(Reason.REJECTED_BY_OCR)
        if max((op.unknowns for op in operations_of(history, row)), default=0) >= POLICY.max_unknowns:
            possible.add(Reason.SUBMIT_UNCONFIRMED)
        if any(was_unavailable(history, operation) for operation in operations_of(history, row)):
            possible.add(Reason.OCR_UNAVAILABLE)
        if happened["slow"] or any(happened[type(make()).__name__] for make in UNASKED):
            possible.add(Reason.DEADLINE_EXCEEDED)
    if row.problem is None:
        assert (row.outcome, name in ("page", "pages:3")) == (Outcome.SUCCEEDED, True), row
    else:
        assert row.outcome is not Outcome.SUCCEEDED, row
        assert row.problem.reason in possible, row


def was_unavailable(history: History, operation: Operation) -> bool:
    """G4: a throttle or a pause runs no deadline, so for all of it nobody but the network answered submits."""
    failed_at = operation.finished_at or 0.0
    tried = [there for at, there in history.answers if 1.0 < failed_at - at < POLICY.deadline_base_seconds - 1.0]
    return not any(tried)


def check_files(history: History, row: Document) -> None:
    """G3: every document keeps its own files, and the newest upload has its names, alone."""
    assert row.outcome is not None
    shown = keys.suffixes(row.outcome)
    own = {suffix: history.world.file(keys.own(row.id, suffix)) for suffix in shown}
    told = json.loads(own[shown[-1]] or b"{}")
    assert (told.get("id"), told.get("outcome")) == (row.id, str(row.outcome)), row
    newest = [upload for upload in history.uploads if upload.document.source.key == row.source.key][-1]
    if newest.document.id == row.id:
        published = {suffix: history.world.file(row.source.key + suffix) for suffix in keys.SUFFIXES}
        assert {name: body for name, body in published.items() if body is not None} == own, row


def check_paid(history: History, upload: Upload, row: Document) -> None:
    """G2: pages sent ≤ accepted submits ≤ pages sent + counted unknowns."""
    operations = operations_of(history, row)
    sent = {operation.described.id for operation in operations if operation.described}
    accepted = {
        page.operation_id for page in history.world.ocr.accepted if page.content.partition(b" #")[0] == upload.body
    }
    assert sent <= accepted, row
    assert len(sent) == sum(operation.sent for operation in operations), row
    unknowns = sum(operation.unknowns for operation in operations)
    assert len(accepted) <= len(sent) + unknowns, f"{row}: {len(accepted)} accepted, {sent}, {unknowns} unknown"


def operations_of(history: History, row: Document) -> list[Operation]:
    return [operation for operation in history.world.documents.operations.values() if operation.document_id == row.id]


def test_the_promises_hold_in_every_history() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES):
        try:
            history = History(seed, watch)
            history.run()
            check(history)
            paid, told = len(history.world.ocr.accepted), len(history.world.notices.published)
            history.repeat_everything()
            assert (len(history.world.ocr.accepted), len(history.world.notices.published)) == (paid, told), "G2, G5"
        except BaseException as error:
            error.add_note(f"again: HISTORIES=1 SEED={seed}")
            raise
