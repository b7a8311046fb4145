"""A run's figures, for a person to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from soak import promises
from soak.aws_faults import Fault
from soak.aws_proxy import CALL, CALL_FAILED, PASSED
from soak.evidence import Evidence
from soak.run import Run


def report(run: Run) -> list[str]:
    """The figures, a line each."""
    assert run.evidence is not None
    figures = [*_uploads(run, run.evidence), *_faults(run, run.evidence), *_results(run, run.evidence)]
    return [f"  {name:<58} {value}" for name, value in figures]


def _uploads(run: Run, evidence: Evidence) -> Iterator[tuple[str, object]]:
    uploads = [put.upload for put in evidence.puts]
    yield (
        "uploads, keys, pages",
        f"{len(uploads)}, {len({each.key for each in uploads})}, {sum(len(each.pages) for each in uploads)}",
    )
    yield "outputs asked for", _counts(Counter(str(output) for each in uploads for output in each.outputs))
    yield (
        "events lost, sent again",
        f"{sum(each.is_lost for each in uploads)}, {run.repeater.sent - len(run.repeater.bodies)}",
    )
    yield "seconds of storm, of calm", f"{run.storm_seconds:.0f}, {run.calm_seconds:.0f}"
    yield "final at the storm's end", run.storm_final


def _faults(run: Run, evidence: Evidence) -> Iterator[tuple[str, object]]:
    yield "processes killed", _counts(run.killer.killed)
    tries: Counter[str] = Counter()
    for (_, _, what), count in run.aws.counts().items():
        tries[what] += count
    failed = sum(tries[fault] for fault in Fault)
    yield "AWS: calls, of which failed on every try", f"{tries[CALL]}, {tries[CALL_FAILED]}"
    yield "AWS: tries, of which failed", f"{failed + tries[PASSED]}, {failed}"
    yield (
        "OCR: faults by target",
        _counts(sum((Counter({of: n}) for (of, _), n in run.ocr_faults.items()), Counter[str]())),
    )


def _results(run: Run, evidence: Evidence) -> Iterator[tuple[str, object]]:
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
    yield "refused by the service's own quotas", _counts(Counter(evidence.ocr["throttled"]))
    yield "log lines and metrics read for canaries", sum(map(len, evidence.logs.values()))
    for title, found in (
        ("documents that the faults made fail", promises.unexpected(evidence)),
        ("documents that the faults made lack an output", promises.lacking(evidence)),
    ):
        yield title, len(found)
        yield from ((f"  {document.id} {document.outcome}", why) for document, why in found)


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common() if count) or "none"


def verdict(broken: Sequence[str]) -> list[str]:
    """The last lines: whether every promise was kept, and if not, what was wrong."""
    if not broken:
        return ["", "every promise was kept"]
    return ["", f"BROKEN: {len(broken)}", *(f"  {line}" for line in broken[:50])]
