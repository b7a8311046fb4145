"""A run's figures, for a person to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from soak import promises
from soak.aws_proxy import CALL, CALL_FAILED, PASSED, Fault
from soak.evidence import Run


def report(run: Run) -> list[str]:
    """The figures, a line each."""
    return [f"  {name:<58} {value}" for name, value in (*_met(run), *_results(run))]


def _met(run: Run) -> Iterator[tuple[str, object]]:
    """What was uploaded, and what went wrong meanwhile."""
    uploads = [put.upload for put in run.evidence.puts]
    pages = sum(len(upload.pages) for upload in uploads)
    yield "uploads, keys, pages", f"{len(uploads)}, {len({upload.key for upload in uploads})}, {pages}"
    yield "outputs asked for", _counts(Counter(str(output) for upload in uploads for output in upload.outputs))
    yield "events lost, sent again", f"{sum(upload.is_lost for upload in uploads)}, {run.repeats}"
    yield "seconds with faults, without", "{:.0f}, {:.0f}".format(*run.seconds)
    yield "final at the end of the faults", run.final_with_faults
    yield "processes killed", _counts(run.killed)
    failed = sum(run.aws.get(fault, 0) for fault in Fault)
    yield "AWS: calls, of which failed on every try", f"{run.aws[CALL]}, {run.aws[CALL_FAILED]}"
    yield "AWS: tries, of which failed", f"{failed + run.aws[PASSED]}, {failed}"
    yield "OCR: faults", _counts(run.evidence.ocr["faults"])


def _results(run: Run) -> Iterator[tuple[str, object]]:
    evidence = run.evidence
    rows = [row for rows in evidence.operations.values() for row in rows]
    sent, unconfirmed = sum(row.sent for row in rows), sum(row.unconfirmed for row in rows)
    accepted = evidence.ocr["submits"]["accepted"]
    yield "outcomes", _counts(Counter(f"{document.outcome}" for document in evidence.documents.values()))
    yield "pages sent ≤ accepted ≤ sent + unconfirmed", f"{sent} ≤ {accepted} ≤ {sent + unconfirmed}"
    yield "pages paid for more than once", f"{accepted - sent} ({(accepted - sent) / max(sent, 1):.1%})"
    ended = [rendering for document in evidence.documents.values() for rendering in document.renderings]
    yield "outputs made", _counts(Counter(str(rendering.output) for rendering in ended if rendering.files))
    yield "outputs missing", _counts(Counter(str(rendering.output) for rendering in ended if not rendering.files))
    ids = {json.loads(body)["id"] for body in evidence.notices}
    yield "notices, of which repeats", f"{len(evidence.notices)}, {len(evidence.notices) - len(ids)}"
    yield "refused by the service's own quotas", _counts(evidence.ocr["throttled"])
    yield "log lines and metrics read for canaries", sum(map(len, evidence.logs.values()))
    lacking = promises.by_faults(evidence)
    yield "documents that the faults made fail, or lack an output", len({document.id for document, _ in lacking})
    yield from ((f"  {document.id} {document.outcome}", why) for document, why in lacking)


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(counted).most_common() if count) or "none"
