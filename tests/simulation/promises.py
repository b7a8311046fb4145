"""What must hold: at every moment of a history, and when it has come to its end."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from simulation import cap_promises, reuse_promises, run_promises
from simulation.history import History
from simulation.run_promises import operations_of, own_files
from simulation.script import SKEW_SECONDS
from simulation.stack import KEPT_SECONDS, POLICY, Upload
from simulation.uploads_queue import told_of
from textdrop.core import keys
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Outcome, Output, Step
from textdrop.core.errors import Reason
from textdrop.core.events import parse_delivery
from textdrop.core.results import HELD_SCHEMA

ENDED = (DocumentState.FINAL, DocumentState.DELETED)
DIED = ("pass_died", "delivery_died", "step_died")
MARGIN_SECONDS = 1.0
WRITES = tuple(f"documents.{name}" for name in ("create", "write", "postpone", "finish_page", "write_operation"))
KILLERS = ("killer", "pages:4,deadly:2")
UNRENDERED = {"unrenderable": "cannot be rewritten", "clumsy": "failed 2 times"}
GOOD = ("page", "pages:3", "pages:9", "mortal", "bulky", *UNRENDERED, "pages:3,text:2", "pages:4,same:2")
REASONS = {
    "damaged": Reason.DAMAGED,
    "pages:4,bad:2": Reason.DAMAGED,
    "killer": Reason.INTERNAL,
    "pages:4,deadly:2": Reason.INTERNAL,
    "broken": Reason.FAILED_IN_OCR,
}


def watch(history: History, call: str) -> None:
    """What must hold at every moment."""
    if call in WRITES:
        check_due_times(history)
        check_counts(history)
    if call == "progress.write":
        check_pass(history)
    if call == "deliveries.send_one":
        check_message(history, history.world.deliveries.sent[-1])
    if call == "deliveries_alone.send_one":
        assert len(parse_delivery(history.world.deliveries_alone.sent[-1])) == 1, "G6: together with others"
    if call == "poll ended":
        check_sent(history)
    if call.startswith("ledger."):
        run_promises.check_ledger(history)
    cap_promises.check_off(history, call)
    if call == "sent_pages.read":
        reuse_promises.follow_read(history)
    if call.startswith("sent_pages."):
        reuse_promises.check_claims(history)
    if call in ("ocr.submit", "reservations.write"):
        cap_promises.check_reserved(history)
    if call == "ocr.submit":
        run_promises.check_sent_on(history)
        cap_promises.check_caps(history)
        reuse_promises.check_sent(history)
    if call == "notices.publish":
        check_notice(history, json.loads(history.world.notices.published[-1].body))


def check_due_times(history: History) -> None:
    """G1: every row that is not final has a due time, and a near one."""
    latest = history.clock.true + POLICY.recheck_seconds + POLICY.lease_margin_seconds + MARGIN_SECONDS
    for row in history.world.documents.rows.values():
        assert (row.due_at is None) == (row.state in ENDED), f"G1: {row}"
        swept_by = latest + POLICY.longest_lease_seconds if row.state is DocumentState.DELETING else latest
        assert row.due_at is None or row.due_at <= swept_by, f"G1: {row}"
    for operation in history.world.documents.operations.values():
        assert (operation.due_at is not None) == (operation.state is OperationState.RUNNING), f"G1: {operation}"


def check_counts(history: History) -> None:
    """G3: while its pages come, a row counts those that are finished and recognised."""
    for row in history.world.documents.rows.values():
        if row.state is DocumentState.RECOGNIZING:
            recognised = [
                page for page in operations_of(history, row.id, row.run) if page.state is OperationState.RECOGNIZED
            ]
            assert row.pages_recognized == sum(page.page not in row.unfinished for page in recognised), f"G3: {row}"


def check_notice(history: History, notice: dict[str, Any]) -> None:
    """G5: a result is stored before its notice, and the outcome that it tells stays; G8: its run is in the ledger."""
    if notice["schema"] == HELD_SCHEMA:
        cap_promises.check_hold_message(history, notice)
        return
    row = history.world.documents.rows[notice["document"]]
    assert row.state is not DocumentState.DELETED, f"G9: {notice} of a deleted document"
    run_promises.check_told(history, notice)
    if row.state is DocumentState.DELETING:
        return
    told = row if row.run == notice["run"] else history.finals[row.id, notice["run"]]
    assert str(told.outcome) == notice["outcome"], f"G5: {notice} of {told}"
    own = own_files(history, told)
    assert None not in own.values(), f"G5: {[suffix for suffix, body in own.items() if body is None]} missing: {notice}"
    warnings = [warning for made in told.renderings for warning in made.warnings]
    assert notice["warnings"] == warnings, f"G5: {notice}"


def check_message(history: History, body: str) -> None:
    """G6: nobody shares a message with a document that takes long, or that the last worker died of."""
    named = parse_delivery(body)
    rows = history.world.documents.rows
    together = [rows[resume.document_id] for resume in named if rows[resume.document_id].rev == resume.rev]
    if len(named) > 1:
        kills = {upload.document.id for upload in history.uploads if upload.name in ("heavy", "bulky")}
        killers = any(resume.document_id in kills for resume in named)
        history.counts["message of deliver names several" + (", killers among them" if killers else "")] += 1
        for row in together:
            assert row.attempts == 0, f"G6: {row} beside others"
            assert not row.to_render, f"G6: {row} beside others"
            assert row.pages <= POLICY.single_pass_max_pages, f"G6: {row} beside others"


def check_sent(history: History) -> None:
    """G1: a tick of which no call failed has sent all that it collected, when it ends."""
    me = history.hub.current
    if me is not None and not me.invocation.troubles:
        bodies = [*history.world.deliveries.sent, *history.world.deliveries_alone.sent]
        sent = {resume for body in bodies for resume in parse_delivery(body)}
        assert me.invocation.handed_out <= sent, f"G1: {me.invocation.handed_out - sent} are not sent"


def check_pass(history: History) -> None:
    """G1: once reconcile has been through the bucket, each upload of its time that is there has a row or a message."""
    row = history.world.progress.row
    if row.ended_at:
        until = row.began_at - row.older_than_seconds - MARGIN_SECONDS
        asked = [upload.document.id for upload in history.uploads if upload.source.event_at <= until]
        rows = history.world.documents.rows
        missing = {document for document in asked if document not in rows and not history.marked[document]}
        if missing:
            missing -= history.queue.documents()
        assert not missing, f"G1: a look through the whole bucket left out {missing}"


def check(history: History) -> None:
    """All that must hold once everything has come to its end."""
    rows = history.world.documents.rows
    uploaded = {upload.document.id for upload in history.uploads}
    asked_for = (
        {upload.document.id for upload in history.every_upload()} if history.counts["act backfill"] else uploaded
    )
    assert set(rows) <= asked_for, "G1: a document that nobody uploaded, or from before the table"
    missing = uploaded - set(rows)
    # Who deletes or writes over an upload that no event told of leaves nothing to be found.
    unheard = {document for document in missing if history.marked[document] and document not in history.heard}
    assert missing - unheard <= history.queue.documents(), "G1: one document an upload"
    check_letters(history)
    for upload in history.every_upload():
        if upload.document.id in rows:
            check_document(history, upload, rows[upload.document.id])
    for key in history.uploads_of:
        run_promises.check_names(history, key)
    marked_only = [name for name, made in history.world.results.versions.items() if made and made[0].body is None]
    assert not marked_only, f"deleted, and never there: {marked_only}"
    died = [entry.error for entry in history.world.journal.failures if entry.name in DIED]
    assert not died, f"G6: {died}"
    marked = history.marked
    lost = sum(marked[name] for name in ("kill", "hold", "store", "OcrAnswerLost", "OcrAnswerMalformed"))
    lost += marked["OcrAnswerTooLarge"]
    unconfirmed = sum(operation.unconfirmed for operation in history.world.documents.operations.values())
    assert unconfirmed <= lost, f"G2: {unconfirmed} unknown, {lost} crashes and lost answers"
    check_quota(history)
    check_asks(history)
    cap_promises.check_given_back(history)
    reuse_promises.check_forgotten(history)


def check_document(history: History, upload: Upload, row: Document) -> None:
    """What must hold of one upload, and of each run of it."""
    run_promises.check_paid(history, upload, row)
    reuse_promises.check_pages(history, upload, row)
    if row.state is DocumentState.DELETED:
        run_promises.check_deleted(history, upload, row)
        return
    assert (row.state, row.due_at, row.attempts) == (DocumentState.FINAL, None, 0), f"G1: {row}"
    run_promises.check_runs(history, row)
    for run in range(1, row.run + 1):
        final = history.finals[row.id, run]
        operations = operations_of(history, row.id, final.operations_run)
        check_takes(history, upload, final)
        check_outcome(history, upload, final, operations)
        check_text(history, upload, final, operations)
        check_outputs(history, upload, final)


def check_letters(history: History) -> None:
    """G1: what is left among the dead letters went back as often as it may, and stays where it can be seen."""
    assert not history.queue.out, f"G1: {history.queue.out} neither deleted nor back"
    for letter in history.world.dead_letters.letters:
        assert letter.redriven == POLICY.max_redrives, f"G1: {letter} stays"
        assert len(letter.former_ids) == letter.redriven, f"G1: {letter} does not tell where it was"
    left = {letter.body for letter in history.world.dead_letters.letters}
    unreadable = {message.body for message in history.seen if told_of(message.body) is None}
    assert unreadable <= left, "G1: a message that cannot be read is not among the dead letters"


def check_again(history: History, paid: int, told: int) -> None:
    """G2, G5: after every message came once more, nothing more was paid for or told."""
    now = (len(history.world.ocr.accepted), len(history.world.notices.published))
    assert now == (paid, told), f"G2: {now} instead of {(paid, told)} after every message came again"


def check_takes(history: History, upload: Upload, row: Document) -> None:
    """G6: a delivery ends unless something happened to its worker, or its own document kills whoever delivers it; what
    other documents do to it, it shares once, as it goes alone from then on. It is given up when the policy says so."""
    died, works_until = 0, 0.0
    for take in history.takes.get((row.id, row.run), []):
        before = take.before
        assert take.at >= works_until - SKEW_SECONDS, f"G3: {take} while another may write"
        if take.row.outcome_replaced and not before.outcome_replaced:
            assert died >= POLICY.max_attempts, f"G6: {take.row} after {died} deaths"
            assert before.step is not Step.RENDER, f"G6: {take.row} has no text for its outputs' sake"
            died = 0
        elif take.gave_up_outputs:
            failed = before.consecutive_failures >= POLICY.render_failures
            assert died >= POLICY.render_attempts or failed, f"G6: {take.row} after {died} deaths"
            died = 0
        deadly = upload.name == "heavy" or (upload.name == "mortal" and before.step is Step.RENDER)
        killed = take.by.dead and (deadly or before.attempts == 0)
        assert take.ended in ("final", "deleted") or take.by.troubles or (killed and not take.ended), f"G6: {take}"
        died, works_until = (0, 0.0) if take.ended else (died + 1, take.works_until)


def check_outcome(history: History, upload: Upload, row: Document, operations: list[Operation]) -> None:
    """G1, G6: the outcome is one that what happened can explain."""
    assert row.outcome is not None, f"G1: {row}"
    if row.problem is None:
        assert row.outcome is Outcome.SUCCEEDED, f"G6: {row}"
        in_part = upload.name.startswith("pages") and row.options is not None and row.options.pages == "1"
        assert upload.name in GOOD or in_part, f"G6: {row}"
        return
    assert row.outcome is not Outcome.SUCCEEDED, f"G6: {row}"
    expected = possible_reasons(history, upload, row)
    failed = [operation for operation in operations if operation.state is OperationState.FAILED]
    problems = [operation.problem for operation in failed] if row.pages and row.pages > row.pages_recognized else []
    if row.outcome_replaced:
        # Its deaths are explained, each by itself.
        assert row.problem.reason is Reason.INTERNAL, f"G6: {row}"
    else:
        problems.append(row.problem)
    for problem in problems:
        assert problem is not None, f"G6: {row}"
        if problem.reason in expected:
            continue
        explained = [operation for operation in failed if explains(history, operation)]
        reasons = {operation.problem.reason for operation in explained if operation.problem}
        assert problem.reason in reasons, f"G6: {problem.reason}: {row}"


def possible_reasons(history: History, upload: Upload, row: Document) -> set[Reason]:
    """Why an upload may have failed, but for what its operations themselves explain."""
    marked, name = history.marked, upload.name
    possible = {REASONS[name]} if name in REASONS else set()
    if marked[upload.document.id]:
        possible |= {Reason.OBJECT_GONE, Reason.SOURCE_DELETED}
    if row.id in history.asked["cancel"]:
        possible.add(Reason.CANCELLED)
    if row.id in history.invalid and row.run > 1:
        possible.add(Reason.INVALID_OPTIONS)
    if upload.names_model and marked["allowed models"]:
        possible.add(Reason.INVALID_OPTIONS)
    if marked["fewer pages"] and name.startswith("pages"):
        possible.add(Reason.TOO_MANY_PAGES)
    # A killer takes its neighbours along as long as they are new (decision 0001).
    deaths = sum(marked[kind] for kind in ("kill", "hold", "store"))
    deaths += any(other.name in KILLERS for other in history.uploads)
    if deaths >= POLICY.max_attempts or marked["forbidden"]:
        possible.add(Reason.INTERNAL)
    if name not in ("damaged", "killer"):
        if marked["OcrAnswerTooLarge"]:
            possible.add(Reason.INTERNAL)
        if marked["OcrRejected"]:
            possible.add(Reason.REJECTED_BY_OCR)
    return possible


def explains(history: History, operation: Operation) -> bool:
    """Whether a page's row shows that it failed for the reason it gives."""
    reason = operation.problem.reason if operation.problem else None
    ran_seconds = (operation.finished_at or 0.0) - (operation.submitted_at or 0.0) + 2 * SKEW_SECONDS
    match reason:
        case Reason.SUBMIT_UNCONFIRMED:
            return operation.unconfirmed >= POLICY.max_unconfirmed
        case Reason.OCR_UNAVAILABLE:
            return operation.breakdowns >= POLICY.max_breakdowns or was_unavailable(history, operation)
        case Reason.DEADLINE_EXCEEDED:
            return operation.sent and ran_seconds >= POLICY.deadline_base_seconds
        case Reason.RESULT_EXPIRED:
            return operation.sent and ran_seconds >= KEPT_SECONDS
        case _:
            return False


def was_unavailable(history: History, operation: Operation) -> bool:
    """G4: a throttle or a pause runs no deadline, so for all of it nobody but the network answered submits."""
    failed_at = operation.finished_at or 0.0
    # What was answered at the same moment may have been seen or not.
    last_there = max((at for at, there in history.answers if there and at < failed_at - MARGIN_SECONDS), default=0.0)
    tried = [at for at, there in history.answers if not there and last_there <= at < failed_at + MARGIN_SECONDS]
    return bool(tried) and max(tried) - min(tried) > POLICY.deadline_base_seconds - MARGIN_SECONDS


def check_text(history: History, upload: Upload, row: Document, operations: list[Operation]) -> None:
    """G3: every document keeps its own files, which say what its row says, and hold each page's own text."""
    own = own_files(history, row)
    told = json.loads(own[keys.JSON if keys.JSON in own else keys.ERROR] or b"{}")
    said = (told.get("id"), told.get("run"), told.get("outcome"))
    assert said == (row.id, row.run, str(row.outcome)), f"G3: {told} for {row}"
    if keys.TEXT not in own:
        assert told.get("reason") == (row.problem.reason if row.problem else None), f"G3: {told} for {row}"
        return
    recognised = [operation.state is OperationState.RECOGNIZED for operation in operations]
    assert (len(recognised), sum(recognised)) == (row.pages, row.pages_recognized), f"G3: {row}"
    texts = [
        upload.text(operation, row.file_pages) + "\n" if there else ""
        for operation, there in zip(operations, recognised, strict=True)
    ]
    assert own[keys.TEXT] == "\f".join(texts).encode(), f"G3: not the text of {row}"
    pages = [(page["number"], bool(page["text"])) for page in told["pages"]]
    numbers = [operation.page for operation in operations]
    assert pages == list(zip(numbers, recognised, strict=True)), f"G3: not the pages of {row}"


def check_outputs(history: History, upload: Upload, row: Document) -> None:
    """G1, G6: what was asked for is there, or a warning says why not, which what happened can explain."""
    assert row.to_render == (), f"G1: {row.to_render} neither made nor missing: {row}"
    asked = row.options.outputs if row.options is not None else ()
    ended = [rendering.output for rendering in row.renderings]
    assert len(set(ended)) == len(ended), f"G1: {row.renderings}"
    assert set(ended) <= set(asked), f"G1: {row.renderings} for {asked}"
    for rendering in row.renderings:
        assert bool(rendering.files) != bool(rendering.warnings), f"G1: {rendering}"
        for warning in rendering.warnings:
            own = UNRENDERED.get(upload.name, "-") if rendering.output is Output.SEARCHABLE_PDF else "-"
            assert own in warning or is_explained(history, row, warning), f"G6: {warning} for {upload.name}"
    searchable = own_files(history, row).get(keys.SEARCHABLE_PDF)
    assert searchable is None or searchable.startswith(upload.body + b" with "), f"G3: not of {row}"


def is_explained(history: History, row: Document, warning: str) -> bool:
    """Whether what happened to a document's deliveries explains why an output is missing. That none came is nothing
    that could."""
    takes = history.takes[row.id, row.run]
    match warning.partition(". ")[2]:
        case "The uploaded file is no longer there.":
            return history.marked[row.id] > 0
        case "The deliver function may not read the uploaded file.":
            return history.marked["forbidden"] > 0
        case "It takes longer than one delivery may.":
            return any(take.by.troubles for take in takes)
        case _:
            return any(take.gave_up_outputs for take in takes)


def check_quota(history: History) -> None:
    """G4: what was sent fits a token bucket of one second's worth; or, of few slots a second, of what clocks that are
    apart, and slots used a little late, add to one."""
    late = 2 * SKEW_SECONDS + POLICY.slot_late_seconds + 0.001
    longest = max((post.interval_seconds for post in history.posts), default=0.0)
    most, filled_until = max(1.0, late + longest), 0.0
    for at, posts in groupby(history.posts, key=lambda post: post.at):
        filled_until = max(filled_until, at) + sum(post.interval_seconds for post in posts)
        assert filled_until - at <= most + 1e-6, f"G4: {filled_until - at:.3f} s of submits at {at}"


def check_asks(history: History) -> None:
    """G4: in no second are there more asks for results than the quota, nor for statuses; but for a clock that was set
    meanwhile."""
    seconds = 1.0 - (2 * SKEW_SECONDS if history.marked["clock"] else 0.0)
    quota = history.stack.reads_per_second
    for call, times in history.asks.items():
        for first, after in zip(times, times[quota:], strict=False):
            assert after - first >= seconds - 1e-6, f"G4: more than {quota} {call} in {after - first:.3f} s at {first}"
