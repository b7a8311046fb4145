"""What must hold over the runs of an upload: what they cost, what its names show, and that nothing is left of what was
deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fakes.ocr import Accepted, synthetic_text
from simulation.history import History
from simulation.script import SKEW_SECONDS
from simulation.stack import POLICY, Sent, Upload
from textdrop.core import keys
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Options, Source
from textdrop.core.errors import Reason
from textdrop.core.identity import key_id
from textdrop.core.ledger import Run
from textdrop.core.results import HELD_SCHEMA
from textdrop.usecases.pages import SOURCE_CHECK_SECONDS
from world import SUBMIT_SECONDS

MARGIN_SECONDS = 1.0


def check_sent_on(history: History) -> None:
    """G9: of a document that was stopped each thread sends at most the page that it had begun with; of one whose upload
    was deleted, none that begins later, and each of those before so much for as long as it need not look."""
    if not history.sent:
        return
    sent = history.sent[-1]
    before = [other for other in history.sent[:-1] if (other.by, other.document) == (sent.by, sent.document)]
    if sent.stopped:
        history.counts["sent of a document that was stopped"] += 1
        assert not any(other.stopped for other in before), f"G9: {sent.document} is sent after it was stopped"
    if sent.document in history.gone_at:
        at, act = history.gone_at[sent.document]
        number = sent.by.invocation.number
        assert 0 < number < act, f"G9: {sent.document} is sent by who began after its upload was deleted"
        looked_at = at + SOURCE_CHECK_SECONDS + MARGIN_SECONDS
        late = sum(other.at > looked_at for other in (*before, sent))
        history.counts["sent of an upload that was deleted"] += 1
        assert late <= 1, f"G9: {sent.document} is sent long after its upload was deleted"


def check_ledger(history: History) -> None:
    """G8: what the ledger has of a run stays as it is, but for its key."""
    for name, entry in history.world.ledger.rows.items():
        before = history.entries.setdefault(name, entry)
        assert entry in (before, replace(before, key="")), f"G8: {entry} was {before}"
        history.entries[name] = entry


def check_told(history: History, notice: dict[str, Any]) -> None:
    """G8: what a notice tells of a run is in the ledger before."""
    entry = history.world.ledger.rows.get((notice["document"], notice["run"]))
    assert entry is not None, f"G8: {notice} is not in the ledger"
    assert (str(entry.outcome), entry.reason) == (notice["outcome"], notice["reason"] or ""), f"G8: {entry}, {notice}"
    billing = notice["billing"]
    told = (billing["pages_paid"], billing["pages_unconfirmed"], billing["pages_kept"])
    assert told == (entry.paid, entry.unconfirmed, entry.kept), f"G8: {entry}, {notice}"


def check_runs(history: History, row: Document) -> None:
    """G1, G5, G8: each run has one outcome, which its row, the ledger and a notice tell alike."""
    entries = ledger_of(history, row)
    assert [entry.run for entry in entries] == list(range(1, row.run + 1)), f"G8: {entries} for {row}"
    before: Document | None = None
    for entry in entries:
        final = history.finals.get((row.id, entry.run))
        assert final is not None, f"G1: run {entry.run} of {row} came to no end"
        assert (entry.outcome, entry.recognized) == (final.outcome, final.pages_recognized), f"G8: {entry}, {final}"
        assert (entry.key, entry.began_at) == (row.source.key, final.run_began_at), f"G8: {entry}, {final}"
        assert entry.replaces is (before.outcome if before else None), f"G8: {entry} after {before}"
        before = final
    ids = {notice["id"] for notice in notices_of(history, row)}
    assert ids == {f"{row.id}:{entry.run}:{entry.outcome}" for entry in entries}, f"G5: {ids} for {row}"


def notices_of(history: History, row: Document) -> list[dict[str, Any]]:
    """The notices of the outcomes of a document's runs."""
    return [notice for notice in history.world.notices_of(row) if notice["schema"] != HELD_SCHEMA]


def check_names(history: History, key: str) -> None:
    """G3: the newest upload of a key has its names, alone: the files of its last run, unless one before had more pages
    recognised. G9: if it was deleted, there are none."""
    suffixes = (*keys.SUFFIXES, *keys.tables_of(history.world.results.keys(), key))
    published = {suffix: history.world.file(key + suffix) for suffix in suffixes}
    there = {suffix: body for suffix, body in published.items() if body is not None}
    if not keys.can_be_published(key, ""):
        assert not there, f"G3: {list(there)} are published under a name that is too long"
    elif newest := newest_of(history, key):
        shown = [
            {} if one.state is DocumentState.DELETED else own_files(history, shown_of(history, one)) for one in newest
        ]
        assert there in shown, f"G3: {list(there)} are published, not those of {newest}"


def shown_of(history: History, row: Document) -> Document:
    """The row of the run that an upload's names show."""
    finals = [history.finals[row.id, run] for run in range(1, row.run + 1)]
    most = max(final.pages_recognized for final in finals)
    return [final for final in finals if final.pages_recognized == most][-1]


def newest_of(history: History, key: str) -> list[Document]:
    """The document of the newest upload of a key that has one; of those that were deleted, one that had been the
    newest, unless another upload is the key's current one: that took the names if it was delivered afterwards. Of one
    second, those with an event are the newer ones: a listing knows nothing finer, so of several without one, where
    there are no versions, it may be any (decision 0008).
    """
    rows = history.world.documents.rows
    known = [rows[upload.document.id] for upload in history.uploads_of[key] if upload.document.id in rows]
    known = [row for row in known if row.state is not DocumentState.DELETED or row.id in history.were_newest]
    place = {row.id: number for number, row in enumerate(known)}

    def order(row: Document) -> tuple[int, bool, int]:
        source: Source = history.sources[row.id]
        told = bool(source.sequencer)
        return (
            int(source.last_modified or source.event_at),
            told,
            place[row.id] if told or source.version_id else 0,
        )

    highest = max(map(order, known), default=None)
    newest = [row for row in known if order(row) == highest]
    if newest and all(row.state is DocumentState.DELETED and _is_not_current(history, row) for row in newest):
        named = history.world.newest.rows[key_id(history.sources[newest[0].id])]
        return [rows[named.document_id]]
    return newest


def _is_not_current(history: History, row: Document) -> bool:
    source = history.sources[row.id]
    current = history.world.uploads.find(source.key)
    return current is None or (current.version_id, current.etag) != (source.version_id, source.etag)


def own_files(history: History, row: Document) -> dict[str, bytes | None]:
    """The files of a run's outcome, by suffix."""
    assert row.outcome is not None, f"G1: {row}"
    tables = keys.tables_of(history.world.results.keys(), keys.base(row.id, row.run)) if keys.tables(row) else ()
    assert len(tables) == keys.tables(row), f"G3: {tables} for {row}"
    return {
        suffix: history.world.file(keys.own(row.id, row.run, suffix)) for suffix in (*keys.suffixes_of(row), *tables)
    }


def check_paid(history: History, upload: Upload, row: Document) -> None:
    """G2, G8: the service took what the ledger says, but for what is unconfirmed; each page once for each set of
    options, unless it failed or its result is gone; and all with the options of their run."""
    owners = history.owners
    accepted = {
        page.operation_id: page
        for page in history.world.ocr.accepted
        if owners[page.operation_id].document_id == upload.document.id
    }
    entries = ledger_of(history, row)
    submitted, unconfirmed = sum(entry.submitted for entry in entries), sum(entry.unconfirmed for entry in entries)
    counted = f"{len(accepted)} accepted, {submitted} submitted, {unconfirmed} unconfirmed"
    assert submitted <= len(accepted) <= submitted + unconfirmed, f"G8: {counted}: {entries}"
    operations = [page for page in history.world.documents.operations.values() if page.document_id == row.id]
    if row.state is DocumentState.DELETED:
        assert not operations, f"G9: {operations} of {row}"
        return
    paid = [page for page in operations if page.is_sent_here]
    ids = {page.described.id for page in paid if page.described}
    assert ids <= accepted.keys(), f"G2: {row}"
    assert len(ids) == len(paid), f"G2: {row}"
    unknown = sum(page.unconfirmed + (page.state is OperationState.SUBMITTING) for page in operations)
    assert len(accepted) <= len(paid) + unknown, f"G2: {len(accepted)} accepted, {ids}, {unknown} unknown: {row}"
    for page in paid:
        options = options_of(history, row, page.run)
        sent = accepted[page.described.id if page.described else ""]
        assert (sent.languages, sent.model) == (options.languages, options.model), f"G2: other options than {page}"
        for later in paid:
            if later.page == page.page and later.run > page.run and alike(options, options_of(history, row, later.run)):
                check_paid_again(history, page, later, sent)
    for page in operations:
        if page.paid_run:
            check_kept(history, row, page)


def check_paid_again(history: History, page: Operation, later: Operation, accepted: Accepted) -> None:
    """G2: what an earlier run had paid for is sent again only if it brought nothing, in all its time."""
    sent = next((each for each in history.sent if each.operation_id == accepted.operation_id), None)
    if sent is None or written_late(page, sent):
        return  # whoever sent it had lost the document, and could not tell of it before it was sent again
    history.counts["page paid again"] += 1
    if page.state is OperationState.FAILED:
        reason = page.problem.reason if page.problem else None
        forgotten_at = (page.submitted_at or 0.0) + POLICY.result_kept_seconds
        if reason is Reason.DEADLINE_EXCEEDED and (later.submitted_at or 0.0) < forgotten_at - MARGIN_SECONDS:
            began_at = history.finals[later.document_id, later.run].began_at
            asked = [at for at in history.asks["ocr.result"] if at >= began_at - MARGIN_SECONDS]
            assert asked, f"G2: {later} was sent before {page} was asked for again"
        return
    stored = history.world.file(keys.page(page.document_id, page.run, page.page))
    time_left = (page.deadline_at or 0.0) - (later.submitted_at or 0.0)
    assert stored is None or time_left <= 2 * SKEW_SECONDS, f"G2: {later} was sent though there was {page}"


def written_late(page: Operation, sent: Sent) -> bool:
    """Whether it was written after its sender's lease that the service took the page."""
    lease_until = sent.by.invocation.began_at + SUBMIT_SECONDS + POLICY.lease_margin_seconds - 2 * SKEW_SECONDS
    return (page.submitted_at or 0.0) > lease_until


def check_kept(history: History, row: Document, page: Operation) -> None:
    """G2: a page that is kept is one that an earlier run of the same options sent."""
    paid = history.world.documents.operations.get((row.id, page.paid_run, page.page))
    assert paid is not None, f"G2: {page} of nothing"
    assert paid.described == page.described, f"G2: {page} is not {paid}"
    options, earlier = options_of(history, row, page.run), options_of(history, row, page.paid_run)
    assert alike(options, earlier), f"G2: {page} of other options: {earlier}, {options}"


def alike(one: Options, other: Options) -> bool:
    """Whether a page need not be recognised again."""
    return (one.model, set(one.languages)) == (other.model, set(other.languages))


def options_of(history: History, row: Document, run: int) -> Options:
    """By which a run was sent."""
    options = history.finals[row.id, run].options
    assert options is not None, f"G2: {row}"
    return options


def check_deleted(history: History, upload: Upload, row: Document) -> None:
    """G9: what stays of a deleted document are its row and its runs in the ledger, without its key; and nothing came of
    it after."""
    assert (row.source, row.due_at, row.options) == (Source("", ""), None, None), f"G9: {row}"
    assert not row.requested, f"G9: {row}"
    entries = ledger_of(history, row)
    assert [entry.run for entry in entries] == list(range(1, row.run + 1)), f"G8: {entries} for {row}"
    assert not any(entry.key for entry in entries), f"G9: {entries}"
    ids = {notice["id"] for notice in notices_of(history, row)}
    assert ids <= {f"{row.id}:{entry.run}:{entry.outcome}" for entry in entries}, f"G5: {ids} for {entries}"
    own = keys.folder(row.id)
    left = [name for name, versions in history.world.results.versions.items() if versions and name.startswith(own)]
    assert not left, f"G9: {left} of a deleted document"
    texts = [
        synthetic_text(upload.body + number).encode() for number in (b"", *(b" #%d" % page for page in range(1, 10)))
    ]
    if sum(other.body == upload.body for other in history.every_upload()) > 1:
        texts = []  # another may have the same
    texts.append(row.id.encode())
    key = upload.source.key
    names = {key + suffix for suffix in keys.SUFFIXES} | {
        key + suffix for suffix in keys.tables_of(history.world.results.versions, key)
    }
    for name in names:
        for version in history.world.results.versions.get(name, []):
            assert not any(text in (version.body or b"") for text in texts), f"G9: {name} still has a version of {row}"


def ledger_of(history: History, row: Document) -> list[Run]:
    """The runs of a document in the ledger, in order."""
    return [entry for (document, _), entry in sorted(history.world.ledger.rows.items()) if document == row.id]


def operations_of(history: History, document: str, run: int) -> list[Operation]:
    """The rows of a run's pages, in order."""
    found = [
        page for page in history.world.documents.operations.values() if (page.document_id, page.run) == (document, run)
    ]
    return sorted(found, key=lambda page: page.page)
