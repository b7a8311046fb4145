"""The figures of a run, as they are printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from soak.aws_proxy import CALL, CALL_FAILED, PASSED, Fault
from soak.evidence import Run
from soak.report import report
from soak.test_promises import mortal, run


def test_figures_are_of_what_was_counted() -> None:
    left = run(make_pdf=mortal)
    ocr = {**left.ocr, "submits": {**left.ocr["submits"], "accepted": 11}, "faults": {"401": 1, "5xx": 5}}
    aws = Counter({CALL: 40, PASSED: 42, CALL_FAILED: 1, str(Fault.THROTTLED): 3})
    printed = "\n".join(report(Run(replace(left, ocr=ocr), (70.4, 9.9), 5, 14, {"textdrop-poll": 2}, aws)))
    found = {
        name.strip(): value.strip() for name, _, value in (line.strip().partition("  ") for line in printed.split("\n"))
    }
    assert found["processes killed"] == "textdrop-poll 2"
    assert found["AWS: tries, of which failed"] == "45, 3"
    assert found["pages sent ≤ accepted ≤ sent + unconfirmed"] == "9 ≤ 11 ≤ 9"
    assert found["pages paid for more than once"] == "2 (22.2%)"
    assert found["outputs missing"] == "searchable-pdf 3, tables 1"
    assert found[f"{left.puts[6].document} partial"] == "There is no searchable PDF. Making it broke off 2 times."
