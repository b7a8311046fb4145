"""The figures of a run, as they are printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from local.faulty_aws.chance import Fault
from local.faulty_aws.server import CALL, CALL_FAILED, PASSED
from soak.evidence import Evidence, faults_met
from soak.report import report, verdict
from soak.run import Run
from soak.test_promises import mortal
from soak.test_promises import run as evidence

OCR_LOG = [
    "2026-01-01T00:00:00.000 INFO fault met kind=5xx target=submit",
    "2026-01-01T00:00:00.000 INFO fault met kind=late_result target=submit",
    "2026-01-01T00:00:00.000 INFO request method=POST target=submit status=503",
]
LOG = [
    "START RequestId: 1 Version: $LATEST",
    '{"level":"WARNING","message":"step_failed","error":"StoreUnavailable","message_of_error":"sns.Publish: Slow"}',
    '{"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"DuplicateUploads"},{"Name":"Messages"}]}]},'
    '"DuplicateUploads":[1.0,2.0],"Messages":[3.0]}',
    "START RequestId: 2 Version: $LATEST",
    "Worker process died",
]
RENDER_LOG = [
    "START RequestId: 1 Version: $LATEST",
    '{"level":"INFO","message":"render_over","ended":"delivered"}',
    "START RequestId: 2 Version: $LATEST",
]


def figures(left: Evidence) -> dict[str, str]:
    """A run's printed figures by name."""
    counted = {"submits": {**left.ocr["submits"], "asked": 9, "accepted": 9}, "asks": {"status": 1, "result": 8}}
    ocr = {**left.ocr, **counted, "tokens": {"asked": 0}}
    aws = {("sns", "Publish", what): count for what, count in ((CALL, 40), (PASSED, 42), (CALL_FAILED, 1))}
    aws[("sns", "Publish", Fault.THROTTLED)] = 3
    run = Run(
        seed=1,
        began=0.0,
        aws=cast(Any, SimpleNamespace(counts=lambda: Counter(aws))),
        killer=cast(Any, SimpleNamespace(killed=Counter({"textdrop-poll": 2}))),
        repeater=cast(Any, SimpleNamespace(sent=20, bodies=["event"] * 6)),
        evidence=replace(left, ocr=ocr, logs={"submit": LOG, "render": RENDER_LOG}),
        ocr_faults=faults_met(OCR_LOG),
    )
    lines = (line.strip().partition("  ") for line in report(run) if line.startswith("  "))
    return {name: told.strip() for name, _, told in lines}


def test_figures_are_of_what_was_counted() -> None:
    told = figures(evidence())
    assert told["events sent once more or twice"] == "14"
    assert told["invocations of submit, of which broke off"] == "2, 1"
    assert told["AWS: calls, of which failed on every try"] == "40, 1"
    assert told["AWS: tries, of which failed"] == "45, 3 (6.7%)"
    assert told["OCR: submit requests, of which met a fault"] == "9, 1 (11.1%)"
    assert told["pages sent ≤ accepted submits ≤ pages sent + unconfirmed"] == "9 ≤ 9 ≤ 9"
    assert told["errors the functions logged"] == "StoreUnavailable 1"
    assert told["metrics, of invocations that came back"] == "DuplicateUploads 3"
    assert told["invocations of render, of which broke off"] == "2, 1"
    assert told["uploads that ask for outputs"] == "4"
    assert told["outputs asked for"] == "markdown 3, searchable-pdf 3, tables 2"
    assert told["outputs made"] == "markdown 3, searchable-pdf 3, tables 1"
    assert told["outputs missing"] == "tables 1"
    assert told["documents that the faults made fail"] == "0"
    assert told["documents that the faults made lack an output"] == "0"


def test_outputs_that_the_faults_prevented_are_told_with_what_their_rows_say() -> None:
    left = evidence(make_pdf=mortal)
    told = figures(left)
    assert told["outputs missing"] == "searchable-pdf 3, tables 1"
    assert told["documents that the faults made lack an output"] == "3"
    assert told[f"{left.puts[6].document} partial"] == "There is no searchable PDF. Making it broke off 2 times."


def test_a_verdict_says_what_was_broken() -> None:
    assert verdict([])[-1] == "every promise was kept"
    assert verdict(["paid: twice"])[1:] == ["BROKEN: 1", "  paid: twice"]
