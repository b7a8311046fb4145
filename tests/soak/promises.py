"""Whether a run kept every promise, from what it left behind; each thing that is wrong is a line."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

import schemas
from printed import leaked
from soak import outputs
from soak.evidence import Evidence, Put
from soak.uploads import AWS_WORDS, KEY, LANGUAGE, TEXT, WORDS, Page
from textdrop.core import identity, keys, problems, results
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Outcome
from textdrop.core.errors import Reason
from textdrop.core.policy import Policy

POLICY = Policy()
ATTEMPTS_EXHAUSTED = problems.attempts_exhausted(POLICY.max_attempts)
DELIVERY_ATTEMPTS_EXHAUSTED = problems.delivery_attempts_exhausted(POLICY.max_attempts)


def broken(evidence: Evidence) -> list[str]:
    """What is wrong: nothing, if every promise was kept."""
    checks = (_ended, _outcomes, _files, _outputs, _names, _notices, _paid, _repeated, _logs, _private)
    return [f"{check.__name__.strip('_')}: {line}" for check in checks for line in check(evidence)]


def unexpected(evidence: Evidence) -> list[tuple[Document, str]]:
    """The documents that the faults themselves made fail, in whole or in part, each with how its rows explain it."""
    found = []
    for put, document, operations in _rows(evidence):
        pages = zip(operations, put.upload.pages, strict=False)
        why = _worn_out(document) or "; ".join(filter(None, (_explained(*each) for each in pages)))
        if why:
            found.append((document, why))
    return found


def lacking(evidence: Evidence) -> list[tuple[Document, str]]:
    """The documents that the faults made lack an output, each with what its row says of that."""
    return [(document, told) for _, document, _ in _rows(evidence) if (told := " ".join(outputs.lacking(document)))]


def _rows(evidence: Evidence) -> Iterator[tuple[Put, Document, list[Operation]]]:
    for put in evidence.puts:
        document = evidence.documents.get(put.document)
        if document is not None:
            yield put, document, list(evidence.operations.get(put.document, []))


def _ended(evidence: Evidence) -> Iterator[str]:
    """G1: one row an upload, every one final, nothing due, nothing left in a queue."""
    if evidence.wanted != set(evidence.documents):
        yield f"uploads without a row, or rows without an upload: {sorted(evidence.wanted ^ set(evidence.documents))}"
    for _, document, operations in _rows(evidence):
        if (document.state, document.due_at, document.run) != (DocumentState.FINAL, None, 1):
            yield f"{document.id} is {document.state}, due at {document.due_at}, run {document.run}"
        elif document.problem != DELIVERY_ATTEMPTS_EXHAUSTED and not all(operation.final for operation in operations):
            yield f"{document.id} is final, and its pages are {[str(row.state) for row in operations]}"
    if evidence.due:
        yield f"{evidence.due} rows are due"
    if evidence.dead_letters:
        yield f"{evidence.dead_letters} messages lie in the dead letter queue"


def _outcomes(evidence: Evidence) -> Iterator[str]:
    """G1, G6: each document and each page ended as it must, or as its own rows explain."""
    for put, document, operations in _rows(evidence):
        ended = (str(document.outcome), document.problem.reason if document.problem else None)
        if _worn_out(document):
            continue
        if put.upload.refused is not None:
            if ended != put.upload.refused or operations:
                yield f"{document.id} ended as {ended}, not as {put.upload.refused}"
            continue
        if [row.page for row in operations] != list(range(1, len(put.upload.pages) + 1)):
            yield f"{document.id} has rows for pages {[row.page for row in operations]} of {len(put.upload.pages)}"
            continue
        for operation, page in zip(operations, put.upload.pages, strict=True):
            reason = operation.problem.reason if operation.problem else None
            if reason != page.reason and not _explained(operation, page):
                yield f"{document.id} page {operation.page} ended with {reason}, not {page.reason}: {operation}"
        yield from _sum_of_pages(document, operations)


def _worn_out(document: Document) -> str:
    """How its row explains that a document failed whatever its pages did; "" if it did not."""
    if document.problem == DELIVERY_ATTEMPTS_EXHAUSTED:
        return f"its delivery was killed {POLICY.max_attempts} times"
    if document.problem == ATTEMPTS_EXHAUSTED and not document.pages:
        return f"its workers were killed {POLICY.max_attempts} times"
    return ""


def _explained(operation: Operation, page: Page) -> str:
    """How its own row explains that a page ended otherwise than it must; "" if it did not, or nothing explains it."""
    reason = operation.problem.reason if operation.problem else None
    if reason == page.reason:
        return ""
    if reason is Reason.SUBMIT_UNCONFIRMED and operation.unconfirmed >= POLICY.max_unconfirmed:
        return f"page {operation.page}: {operation.unconfirmed} submits without an answer"
    if operation.problem == ATTEMPTS_EXHAUSTED:
        return f"page {operation.page}: its workers were killed {POLICY.max_attempts} times"
    return ""


def _sum_of_pages(document: Document, operations: list[Operation]) -> Iterator[str]:
    """The document's outcome is what its pages' ends come to."""
    good = sum(row.state is OperationState.RECOGNIZED for row in operations)
    outcome = Outcome.SUCCEEDED if good == len(operations) else Outcome.PARTIAL if good else Outcome.FAILED
    if (document.outcome, document.pages, document.pages_recognized) != (outcome, len(operations), good):
        yield f"{document.id} ended as {document.outcome} with {good} of {len(operations)} pages recognised"
    reasons = {row.problem.reason for row in operations if row.problem}
    told = document.problem.reason if document.problem else None
    if (outcome is Outcome.FAILED and told not in reasons) or (outcome is Outcome.SUCCEEDED and told):
        yield f"{document.id} ended as {document.outcome} because of {told}, its pages of {sorted(reasons)}"


def _files(evidence: Evidence) -> Iterator[str]:
    """G1: each document's own files are those that its row says, and hold the right text."""
    named: dict[str, set[str]] = defaultdict(set)
    for key in evidence.files:
        if key.startswith(keys.OWN_FOLDER):
            named[key.split("/")[2]].add(key)
    for put, document, operations in _rows(evidence):
        if document.outcome is None:
            continue
        there = named[document.id]
        tables = keys.tables_of(there, keys.base(document.id))
        wanted = {keys.own(document.id, suffix) for suffix in keys.suffixes_of(document)}
        may_be = {keys.own(document.id, suffix) for suffix in (*outputs.left_over(document), *tables)}
        # A delivery that was replaced by a failure may have left the files of what was before.
        exact = document.problem != DELIVERY_ATTEMPTS_EXHAUSTED
        if not wanted <= there or (exact and (there - wanted - may_be or len(tables) != keys.tables(document))):
            yield f"{document.id} ended as {document.outcome} with the files {sorted(named[document.id])}"
            continue
        if document.outcome in (Outcome.FAILED, Outcome.SKIPPED):
            yield from _error_file(document, evidence.files[keys.own(document.id, keys.ERROR)])
            continue
        texts = [
            page.text if row.state is OperationState.RECOGNIZED else ""
            for row, page in zip(operations, put.upload.pages, strict=False)
        ]
        told = evidence.files[keys.own(document.id, keys.TEXT)].decode().split("\f")
        if [text.strip() for text in told] != texts:
            yield f"{document.id} does not have the text of its pages"
        yield from _result_file(document, texts, evidence.files[keys.own(document.id, keys.JSON)])
    for document_id in set(named) - evidence.wanted:
        yield f"files of {document_id}, which is no upload's document"


def _error_file(document: Document, body: bytes) -> Iterator[str]:
    error = json.loads(body)
    yield from (f"{document.id}: {problem}" for problem in schemas.problems(error, "textdrop.error/1"))
    reason = document.problem.reason if document.problem else None
    if (error["id"], error["outcome"], error["reason"]) != (document.id, document.outcome, reason):
        yield f"{document.id} has an error file of {error['id']}, {error['outcome']}, {error['reason']}"


def _result_file(document: Document, texts: list[str], body: bytes) -> Iterator[str]:
    result = json.loads(body)
    yield from (f"{document.id}: {problem}" for problem in schemas.problems(result, "textdrop.result/1"))
    if (result["id"], result["outcome"]) != (document.id, document.outcome):
        yield f"{document.id} has a result of {result['id']}, {result['outcome']}"
    if [(page["text"] or "").strip() for page in result["pages"]] != texts:
        yield f"{document.id} does not have its pages' texts in its JSON"
    if not set(results.warnings(document)) <= set(result["notes"]):
        yield f"{document.id} does not say in its JSON what it lacks"


def _outputs(evidence: Evidence) -> Iterator[str]:
    """G1: what was asked for is there and holds the text, or the row says why it is not."""
    for put, document, operations in _rows(evidence):
        if document.outcome is not None:
            yield from outputs.wrong(put.upload, document, operations, evidence.files)


def _names(evidence: Evidence) -> Iterator[str]:
    """G3: the newest upload of each key has its names, and there are no others."""
    newest = {put.upload.key: put.document for put in evidence.puts}
    wanted: dict[str, str] = {}
    for key, document_id in newest.items():
        document = evidence.documents.get(document_id)
        if document is not None and document.outcome is not None:
            suffixes = keys.suffixes_of(document)
            if keys.tables(document):
                suffixes += keys.tables_of(evidence.files, keys.base(document_id))
            wanted |= {key + suffix: keys.own(document_id, suffix) for suffix in suffixes}
    more = {key for key in evidence.files if not key.startswith(keys.OWN_FOLDER)} - set(wanted)
    if more:
        yield f"{len(more)} names are too many"
    for name, own in wanted.items():
        if evidence.files.get(name) != evidence.files.get(own):
            yield f"a name is missing or shows something else than {own}"


def _notices(evidence: Evidence) -> Iterator[str]:
    """G5: each document has a notice, at least one, under one id, with its outcome."""
    ids: dict[str, set[str]] = defaultdict(set)
    for body in evidence.notices:
        notice = json.loads(body)
        yield from (f"{notice.get('id')}: {problem}" for problem in schemas.problems(notice, "textdrop.notice/1"))
        ids[notice["document"]].add(notice["id"])
        document = evidence.documents.get(notice["document"])
        reason = document.problem.reason if document and document.problem else None
        if document is None or (notice["outcome"], notice["reason"]) != (document.outcome, reason):
            yield f"{notice['id']} tells of {notice['outcome']}, {notice['reason']}"
        elif notice["warnings"] != results.warnings(document):
            yield f"{notice['id']} warns of {notice['warnings']}, the row of {results.warnings(document)}"
    for _, document, _ in _rows(evidence):
        if document.outcome is not None and ids[document.id] != {identity.notice_id(document)}:
            yield f"{document.id} has notices {sorted(ids[document.id])}"
    if set(ids) - evidence.wanted:
        yield f"notices of no upload's document: {sorted(set(ids) - evidence.wanted)}"


def _paid(evidence: Evidence) -> Iterator[str]:
    """G2, G4: pages sent ≤ accepted submits ≤ pages sent + counted unconfirmed, for each page; no quota was overrun."""
    accepted = Counter(evidence.ocr["submits"]["by_sha256"])
    for put, document, operations in _rows(evidence):
        for operation, page in zip(operations, put.upload.pages, strict=False):
            took, sent = accepted.pop(page.sha256, 0), int(operation.sent)
            if not sent <= took <= sent + operation.unconfirmed:
                told = f"{took} accepted submits, {sent} with an id, {operation.unconfirmed} unknown"
                yield f"{document.id} page {operation.page}: {told}"
    if accepted:
        yield f"accepted submits of contents that are no page's: {dict(accepted)}"
    if any(evidence.ocr["throttled"].values()):
        yield f"over the service's quotas: {evidence.ocr['throttled']}"
    if any(reason != "not_found" for reasons in evidence.ocr["refused"].values() for reason in +Counter(reasons)):
        yield f"refused by the service: {evidence.ocr['refused']}"


def _repeated(evidence: Evidence) -> Iterator[str]:
    """G2, G5: every event once more, when all was over, was neither paid for nor reported."""
    if evidence.accepted_again or evidence.notices_again:
        yield f"{evidence.accepted_again} submits and {evidence.notices_again} notices more"


def _logs(evidence: Evidence) -> Iterator[str]:
    """G6, G7: no error that nobody expected, and nothing private in any log or metric."""
    for function, lines in evidence.logs.items():
        for line in lines:
            if '"level":"ERROR"' in line:
                yield f"{function} logged an error that nobody expected: {line}"
        found = leaked("\n".join(lines), [*_texts(evidence), KEY, "ключ", LANGUAGE])
        if found:
            yield f"{function} logged {Counter(found)}"
    found = leaked(evidence.emulator_log, _texts(evidence))
    if found:
        yield f"what the functions wrote outside their logs has {Counter(found)}"


def _private(evidence: Evidence) -> Iterator[str]:
    """G7: no text, credential or presigned address in an error or a notice. The service's words belong there."""
    private = [text for text in _texts(evidence) if text != WORDS]
    errors = [body.decode() for key, body in evidence.files.items() if key.endswith(keys.ERROR)]
    found = leaked("\n".join([*errors, *evidence.notices]), private)
    if found:
        yield f"errors and notices have {Counter(found)}"


def _texts(evidence: Evidence) -> list[str]:
    return [TEXT, "договор", WORDS, AWS_WORDS, *evidence.private]
