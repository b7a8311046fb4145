"""Whether a run kept every promise, from what it left behind; each thing that is wrong is a line."""

from __future__ import annotations

import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pypdf
from pypdf.errors import PyPdfError

import schemas
from pagekit.outputs.tables import no_tables_note
from printed import leaked
from soak.evidence import Evidence, Put
from soak.uploads import AWS_WORDS, KEY, LANGUAGE, TEXT, WORDS
from textdrop.core import identity, keys, problems, renderings, results
from textdrop.core.documents import Document, DocumentState, Operation, OperationState, Outcome, Output, Rendering
from textdrop.core.errors import Reason
from textdrop.core.policy import Policy
from textdrop.usecases.outputs import TRIES

POLICY = Policy()
ATTEMPTS_EXHAUSTED = problems.attempts_exhausted(POLICY.max_attempts)
DELIVERY_ATTEMPTS_EXHAUSTED = problems.delivery_attempts_exhausted(POLICY.max_attempts)
NO_TABLES = Rendering(Output.TABLES, warnings=(no_tables_note("page"),))
SCHEMAS = {keys.JSON: "textdrop.result/1", keys.ERROR: "textdrop.error/1"}


def broken(evidence: Evidence) -> list[str]:
    """What is wrong: nothing, if every promise was kept."""
    checks = (_ended, _outcomes, _files, _outputs, _names, _notices, _paid, _repeated, _logs, _private)
    return [f"{check.__name__.strip('_')}: {line}" for check in checks for line in check(evidence)]


def by_faults(evidence: Evidence) -> list[tuple[Document, str]]:
    """What the faults themselves made documents lack, pages and outputs, as their rows tell it."""
    found: list[tuple[Document, str]] = []
    for put, document, operations in _rows(evidence):
        if document.problem and _broke_off(document):
            found.append((document, document.problem.what))
        for operation, page in zip(operations, put.upload.pages, strict=False):
            if operation.problem and operation.problem.reason != page.reason and _is_exhausted(operation):
                found.append((document, f"page {operation.page}: {operation.problem.what}"))
        found += [(document, " ".join(made.warnings)) for made in document.renderings if _is_by_faults(made)]
    return found


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
        pages = put.upload.pages
        if _broke_off(document):
            continue
        if put.upload.refused is not None:
            if ended != put.upload.refused:
                yield f"{document.id} ended as {ended}, not as {put.upload.refused}"
            # A file that opens may have pages that do not; none of them is sent.
            if any(row.sent or row.state is not OperationState.FAILED for row in operations):
                yield f"{document.id} is refused, and has pages that were sent"
            continue
        if [row.page for row in operations] != list(range(1, len(pages) + 1)):
            yield f"{document.id} has rows for pages {[row.page for row in operations]} of {len(pages)}"
            continue
        for operation, page in zip(operations, pages, strict=True):
            reason = operation.problem.reason if operation.problem else None
            if reason != page.reason and not _is_exhausted(operation):
                yield f"{document.id} page {operation.page} ended with {reason}, not {page.reason}: {operation}"
        if pages:
            yield from _sum_of_pages(document, operations)


def _broke_off(document: Document) -> bool:
    """Whether its row explains that it failed whatever its pages did: its workers were killed too often."""
    started = document.problem == ATTEMPTS_EXHAUSTED and not document.pages
    return started or document.problem == DELIVERY_ATTEMPTS_EXHAUSTED


def _is_exhausted(operation: Operation) -> bool:
    """Whether its own row explains that a page failed, whatever it is: submits without an answer, workers that died."""
    reason = operation.problem.reason if operation.problem else None
    unconfirmed = reason is Reason.SUBMIT_UNCONFIRMED and operation.unconfirmed >= POLICY.max_unconfirmed
    return unconfirmed or operation.problem == ATTEMPTS_EXHAUSTED


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
    """G1: each document's own files are those that its row says, outputs too, and hold the texts of its pages."""
    for put, document, operations in _rows(evidence):
        if document.outcome is None:
            continue
        base = keys.base(document.id, 1)
        own = {key.removeprefix(base): body for key, body in evidence.files.items() if key.startswith(base)}
        tables, lacking = keys.tables_of(own, ""), [made.output for made in document.renderings if _is_by_faults(made)]
        wanted = set(keys.suffixes_of(document))
        # Whoever makes an output may die after writing it, and before the row says so.
        may_be = {*tables, *map(keys.OF_OUTPUT.get, lacking)}
        # A delivery that was replaced by a failure may have left the files of what was before.
        exact = document.problem != DELIVERY_ATTEMPTS_EXHAUSTED
        if not wanted <= set(own) or (exact and (set(own) - wanted - may_be or len(tables) != keys.tables(document))):
            yield f"{document.id} ended as {document.outcome} with the files {sorted(own)}"
            continue
        for suffix in wanted & set(SCHEMAS):
            yield from _told(document, json.loads(own[suffix]), SCHEMAS[suffix])
        texts = [
            page.text if row.state is OperationState.RECOGNIZED else ""
            for row, page in zip(operations, put.upload.pages, strict=False)
        ]
        for suffix in wanted & set(TEXTS_OF):
            told, expected = TEXTS_OF[suffix](own[suffix]), texts
            if suffix in (keys.MARKDOWN, keys.SEARCHABLE_PDF):  # which say of a page that it failed, and break lines
                told = [" ".join(text.split()) if TEXT in text else "" for text in told]
                expected = [" ".join(text.split()) for text in texts]
            if [text.strip() for text in told] != expected:
                yield f"{document.id} does not have the texts of its pages in {suffix}"
    owners = {key.split("/")[2] for key in evidence.files if key.startswith(keys.OWN_FOLDER)}
    if strangers := owners - evidence.wanted:
        yield f"files of no upload's document: {sorted(strangers)}"


def _told(document: Document, told: dict[str, Any], schema: str) -> Iterator[str]:
    """The result or the error says what the row says."""
    yield from (f"{document.id}: {problem}" for problem in schemas.problems(told, schema))
    reason = document.problem.reason if document.problem else None
    if (told["id"], told["outcome"], told.get("reason", reason)) != (document.id, document.outcome, reason):
        yield f"{document.id} has a file that tells of {told['id']}, {told['outcome']}, {told.get('reason')}"
    if not set(results.warnings(document)) <= set(told.get("notes", results.warnings(document))):
        yield f"{document.id} does not say in its JSON what it lacks"


def _texts_of_markdown(body: bytes) -> list[str]:
    _, *parts = re.split(r"^<!-- page (\d+) -->$", body.decode().replace("\\", ""), flags=re.MULTILINE)
    in_order = list(map(str, range(1, len(parts) // 2 + 1)))
    return parts[1::2] if parts[::2] == in_order else []


def _texts_of_pdf(body: bytes) -> list[str]:
    try:
        return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages]
    except PyPdfError:
        return []


TEXTS_OF: dict[str, Callable[[bytes], list[str]]] = {
    keys.TEXT: lambda body: body.decode().split("\f"),
    keys.JSON: lambda body: [page["text"] or "" for page in json.loads(body)["pages"]],
    keys.MARKDOWN: _texts_of_markdown,
    keys.SEARCHABLE_PDF: _texts_of_pdf,
}
"""The texts of a file's pages, by the file's suffix."""


def _outputs(evidence: Evidence) -> Iterator[str]:
    """G1: each output that was asked for was made, without a warning, or its row has one that the faults explain."""
    for put, document, _ in _rows(evidence):
        asked = put.upload.outputs if document.outcome in (Outcome.SUCCEEDED, Outcome.PARTIAL) else ()
        if tuple(made.output for made in document.renderings) != asked:
            yield f"{document.id} is to have {asked}, its row has {document.renderings}"
        for made in document.renderings:
            is_whole = made.files and not made.warnings
            if not is_whole and not _is_by_faults(made) and made != NO_TABLES:
                yield f"{document.id}: no fault explains {made}"


def _is_by_faults(made: Rendering) -> bool:
    return made in (
        renderings.given_up(made.output, POLICY.render_attempts),
        renderings.failed(made.output, TRIES),
        renderings.out_of_time(made.output),
    )


def _names(evidence: Evidence) -> Iterator[str]:
    """G3: the newest upload of each key has its names, and there are no others."""
    newest = {put.upload.key: put.document for put in evidence.puts}
    wanted: dict[str, str] = {}
    for key, document_id in newest.items():
        document = evidence.documents.get(document_id)
        if document is not None and document.outcome is not None:
            suffixes = keys.suffixes_of(document)
            if keys.tables(document):
                suffixes += keys.tables_of(evidence.files, keys.base(document_id, 1))
            wanted |= {key + suffix: keys.own(document_id, 1, suffix) for suffix in suffixes}
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
