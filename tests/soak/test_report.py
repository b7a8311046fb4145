"""The figures of a run and its verdict, as they are printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from soak.aws_proxy import CALL, CALL_FAILED, PASSED, Fault
from soak.evidence import Evidence, Run
from soak.report import report, verdict
from soak.test_promises import mortal
from soak.test_promises import run as evidence


def figures(left: Evidence) -> dict[str, str]:
    """A run's printed figures by name."""
    ocr = {**left.ocr, "submits": {**left.ocr["submits"], "accepted": 11}, "faults": {"401": 1, "5xx": 5}}
    aws = Counter({CALL: 40, PASSED: 42, CALL_FAILED: 1, str(Fault.THROTTLED): 3})
    logs = {"submit": ["a", "b"], "render": ["c"]}
    run = Run(replace(left, ocr=ocr, logs=logs), (70.4, 9.9), 5, 14, {"textdrop-poll": 2}, aws)
    lines = (line.strip().partition("  ") for line in report(run))
    return {name: value.strip() for name, _, value in lines}


def test_figures_are_of_what_was_counted() -> None:
    found = figures(evidence())
    assert found["events lost, sent again"] == "0, 14"
    assert found["seconds with faults, without"] == "70, 10"
    assert found["processes killed"] == "textdrop-poll 2"
    assert found["AWS: calls, of which failed on every try"] == "40, 1"
    assert found["AWS: tries, of which failed"] == "45, 3"
    assert found["OCR: faults"] == "5xx 5, 401 1"
    assert found["pages sent ≤ accepted ≤ sent + unconfirmed"] == "9 ≤ 11 ≤ 9"
    assert found["pages paid for more than once"] == "2 (22.2%)"
    assert found["outputs made"] == "markdown 3, searchable-pdf 3, tables 1"
    assert found["log lines and metrics read for canaries"] == "3"
    assert found["documents that the faults made fail"] == "0"
    assert found["documents that the faults made lack an output"] == "0"


def test_outputs_that_the_faults_prevented_are_reported_with_what_their_rows_say() -> None:
    left = evidence(make_pdf=mortal)
    found = figures(left)
    assert found["outputs missing"] == "searchable-pdf 3, tables 1"
    assert found["documents that the faults made lack an output"] == "3"
    assert found[f"{left.puts[6].document} partial"] == "There is no searchable PDF. Making it broke off 2 times."


def test_a_verdict_says_what_was_broken() -> None:
    assert verdict([])[-1] == "every promise was kept"
    assert verdict(["paid: twice"])[1:] == ["BROKEN: 1", "  paid: twice"]
