"""A run's figures, for a person to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from local.faulty_aws.chance import Fault
from local.faulty_aws.server import CALL, CALL_FAILED, PASSED
from soak import promises
from soak.evidence import Evidence
from soak.run import Run

ENDS = {
    "submit": '"Messages":',
    "poll": '"tick_over"',
    "render": '"render_over"',
    "reconcile": '"reconcile_over"',
}
"""What an invocation of each function writes last, if it comes back."""


def report(run: Run) -> list[str]:
    """The figures, a line each, in groups."""
    evidence = run.evidence
    assert evidence is not None
    groups = [
        ("uploads", _uploads(run, evidence)),
        ("what went wrong", _wrong(run, evidence)),
        ("what came of it", _came(run, evidence)),
    ]
    lines = []
    for title, figures in groups:
        lines += ["", title, *(f"  {name:<58} {value}" for name, value in figures)]
    return lines


def _uploads(run: Run, evidence: Evidence) -> Iterator[tuple[str, object]]:
    keys = {put.upload.key for put in evidence.puts}
    yield "uploads (each its own document), under keys", f"{len(evidence.puts)}, {len(keys)}"
    yield "pages to be sent", sum(len(put.upload.pages) for put in evidence.puts)
    yield "PDFs of several pages", sum(len(put.upload.pages) > 1 for put in evidence.puts)
    yield "refused files, wrong options", sum(put.upload.refused is not None for put in evidence.puts)
    yield (
        "pages the service refuses or fails to recognise",
        sum(page.reason is not None for put in evidence.puts for page in put.upload.pages),
    )
    yield "uploads that ask for outputs", sum(bool(put.upload.outputs) for put in evidence.puts)
    yield "outputs asked for", _counts(Counter(str(output) for put in evidence.puts for output in put.upload.outputs))
    yield "events lost", sum(put.upload.is_lost for put in evidence.puts)
    yield "events sent once more or twice", run.repeater.sent - len(run.repeater.bodies)
    yield "seconds of storm, of calm", f"{run.storm_seconds:.0f}, {run.calm_seconds:.0f}"
    yield "final at the storm's end", run.storm_final


def _wrong(run: Run, evidence: Evidence) -> Iterator[tuple[str, object]]:
    yield "processes killed, in work or idle", _counts(run.killer.killed)
    for function, lines in evidence.logs.items():
        begun = sum(line.startswith("START ") for line in lines)
        ended = sum(ENDS[function] in line for line in lines)
        yield f"invocations of {function}, of which broke off", f"{begun}, {begun - ended}"
    aws = run.aws.counts()
    tries: Counter[str] = Counter()
    for (_, _, what), count in aws.items():
        tries[what] += count
    failing = sum(tries[fault] for fault in Fault)
    asked = failing + tries[PASSED]
    yield "AWS: calls, of which failed on every try", f"{tries[CALL]}, {tries[CALL_FAILED]}"
    yield "AWS: tries, of which failed", f"{asked}, {failing} ({failing / asked:.1%})"
    yield "AWS: by fault", _counts(Counter({fault: tries[fault] for fault in Fault}))
    yield "AWS: calls that failed on every try, by operation", _counts(_failed_calls(aws))
    for target in ("submit", "result", "status", "iam"):
        struck = sum(count for (met, kind), count in run.ocr_faults.items() if met == target and kind != "late_result")
        stats = evidence.ocr
        total = {"submit": stats["submits"]["asked"], "iam": stats["tokens"]["asked"]}.get(target) or stats["asks"].get(
            target, 0
        )
        yield f"OCR: {target} requests, of which met a fault", f"{total}, {struck} ({struck / max(total, 1):.1%})"
    yield "OCR: by fault", _counts(sum((Counter({kind: n}) for (_, kind), n in run.ocr_faults.items()), Counter[str]()))


def _failed_calls(aws: Counter[tuple[str, str, str]]) -> Counter[str]:
    return Counter(
        {f"{service}.{operation}": count for (service, operation, what), count in aws.items() if what == CALL_FAILED}
    )


def _came(run: Run, evidence: Evidence) -> Iterator[tuple[str, object]]:
    rows = [row for rows in evidence.operations.values() for row in rows]
    outcomes = Counter(f"{document.outcome}" for document in evidence.documents.values())
    reasons = Counter(str(document.problem.reason) for document in evidence.documents.values() if document.problem)
    sent, unconfirmed = sum(row.sent for row in rows), sum(row.unconfirmed for row in rows)
    accepted = evidence.ocr["submits"]["accepted"]
    yield "outcomes", _counts(outcomes)
    yield "reasons", _counts(reasons)
    ended = [rendering for document in evidence.documents.values() for rendering in document.renderings]
    yield "outputs made", _counts(Counter(str(rendering.output) for rendering in ended if rendering.files))
    yield "outputs missing", _counts(Counter(str(rendering.output) for rendering in ended if not rendering.files))
    yield (
        "pages sent ≤ accepted submits ≤ pages sent + unconfirmed",
        f"{sent} ≤ {accepted} ≤ {sent + unconfirmed}",
    )
    yield "pages paid for more than once", f"{accepted - sent} ({(accepted - sent) / max(sent, 1):.1%})"
    ids = Counter(json.loads(body)["id"] for body in evidence.notices)
    yield "notices, of which repeats", f"{len(evidence.notices)}, {len(evidence.notices) - len(ids)}"
    yield "refused by the service's own quotas", _counts(Counter(evidence.ocr["throttled"]))
    lines = [line for lines in evidence.logs.values() for line in lines]
    logged = Counter(_error(line) for line in lines if '"error":' in line)
    yield "errors the functions logged", _counts(logged)
    yield "log lines and metrics read for canaries", len(lines)
    told = Counter(f"{_error(line)}: {_field(line, 'message_of_error')}" for line in lines if '"error":' in line)
    for message, count in told.most_common(12):
        yield f"  {count} times", message
    rules = Counter(rule for line in lines if (rule := _field(line, "rule")))
    yield "killed between intent and answer, answers lost", f"{rules['intent_stale']}, {rules['answer_lost']}"
    metrics = _metrics(lines)
    named = ("DuplicateUploads", "StaleResumes", "UploadsReconciled", "MessagesRedriven", "SubmittingPaused")
    yield "metrics, of invocations that came back", _counts(Counter({name: metrics[name] for name in named}))
    yield "reconcile by hand", run.reconciles
    yield "waits of up to 15 minutes cut short", run.hurried
    found = promises.unexpected(evidence)
    yield "documents that the faults made fail", len(found)
    for document, why in found:
        yield f"  {document.id} {document.outcome}", why
    without = promises.lacking(evidence)
    yield "documents that the faults made lack an output", len(without)
    for document, why in without:
        yield f"  {document.id} {document.outcome}", why


def _metrics(lines: Sequence[str]) -> Counter[str]:
    """The sums of the counts in embedded metrics."""
    sums: Counter[str] = Counter()
    for line in lines:
        if '"_aws"' in line:
            fields = json.loads(line)
            for group in fields["_aws"]["CloudWatchMetrics"]:
                for metric in group["Metrics"]:
                    value = fields[metric["Name"]]
                    sums[metric["Name"]] += int(sum(value) if isinstance(value, list) else value)
    return sums


def _error(line: str) -> str:
    return _field(line, "error")


def _field(line: str, name: str) -> str:
    try:
        fields = json.loads(line)
    except ValueError:
        return ""
    return str(fields.get(name, "")) if isinstance(fields, dict) else ""


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common() if count) or "none"


def verdict(broken: Sequence[str]) -> list[str]:
    """The last lines: whether every promise was kept, and if not, what was wrong."""
    if not broken:
        return ["", "every promise was kept"]
    return ["", f"BROKEN: {len(broken)}", *(f"  {line}" for line in broken[:50])]
