"""The figures of a run and its verdict, as they are printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from soak.aws_faults import Fault
from soak.aws_proxy import CALL, CALL_FAILED, PASSED
from soak.evidence import Evidence
from soak.report import report, verdict
from soak.run import Run
from soak.test_promises import mortal
from soak.test_promises import run as evidence


def figures(left: Evidence, accepted: int = 9) -> dict[str, str]:
    """A run's printed figures by name."""
    counts = {CALL: 40, PASSED: 42, CALL_FAILED: 1, Fault.THROTTLED: 3}
    aws = Counter({("sns", "Publish", what): count for what, count in counts.items()})
    submits = {**left.ocr["submits"], "accepted": accepted}
    run = Run(
        seed=1,
        began=0.0,
        aws=cast(Any, SimpleNamespace(counts=lambda: aws)),
        killer=cast(Any, SimpleNamespace(killed=Counter({"textdrop-poll": 2}))),
        repeater=cast(Any, SimpleNamespace(sent=20, bodies=["event"] * 6)),
        evidence=replace(left, ocr={**left.ocr, "submits": submits}, logs={"submit": ["a", "b"], "render": ["c"]}),
        ocr_faults=Counter({("submit", "5xx"): 1, ("submit", "401"): 1, ("result", "5xx"): 4}),
    )
    lines = (line.strip().partition("  ") for line in report(run))
    return {name: value.strip() for name, _, value in lines}


def test_figures_are_of_what_was_counted() -> None:
    found = figures(evidence(), accepted=11)
    assert found["events lost, sent again"].endswith(", 14")
    assert found["processes killed"] == "textdrop-poll 2"
    assert found["AWS: calls, of which failed on every try"] == "40, 1"
    assert found["AWS: tries, of which failed"] == "45, 3"
    assert found["OCR: faults by target"] == "result 4, submit 2"
    assert found["pages sent ≤ accepted ≤ sent + unconfirmed"] == "9 ≤ 11 ≤ 9"
    assert found["pages paid for more than once"] == "2 (22.2%)"
    assert found["outputs made"] == "markdown 3, searchable-pdf 3, tables 1"
    assert found["outputs missing"] == "tables 1"
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
