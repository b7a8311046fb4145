"""What the local OCR service is told to do wrong: about a fifth of its answers, in every way that may pass."""

from __future__ import annotations

Kinds = list[tuple[dict[str, object], float]]
"""Faults, and the share of the answers that have each."""

SUBMIT: Kinds = [
    # not taken
    ({"kind": "5xx", "status": 503}, 0.03),
    ({"kind": "5xx", "status": 500}, 0.02),
    ({"kind": "429"}, 0.02),
    ({"kind": "429", "retry_after": 2}, 0.01),
    # not taken, which nobody can know
    ({"kind": "lost_request"}, 0.02),
    ({"kind": "5xx", "status": 502, "body": False}, 0.01),
    ({"kind": "5xx", "status": 504}, 0.01),
    ({"kind": "499"}, 0.005),
    # taken, which nobody can know
    ({"kind": "lost_answer"}, 0.03),
    ({"kind": "cut_body"}, 0.015),
    ({"kind": "truncated_body"}, 0.01),
    ({"kind": "html_body"}, 0.005),
    ({"kind": "empty_body"}, 0.005),
    ({"kind": "slow_answer", "seconds": 25}, 0.005),
    # taken and answered, late
    ({"kind": "slow_answer", "seconds": 2}, 0.01),
]
RESULT: Kinds = [
    ({"kind": "5xx", "status": 503}, 0.02),
    ({"kind": "5xx", "status": 500, "body": False}, 0.02),
    ({"kind": "429"}, 0.01),
    ({"kind": "429", "retry_after": 1}, 0.01),
    ({"kind": "404"}, 0.01),
    ({"kind": "499"}, 0.01),
    ({"kind": "lost_request"}, 0.01),
    ({"kind": "slow", "seconds": 16}, 0.002),
    ({"kind": "lost_answer"}, 0.02),
    ({"kind": "cut_body"}, 0.02),
    ({"kind": "truncated_body"}, 0.02),
    ({"kind": "empty_body"}, 0.02),
    ({"kind": "html_body"}, 0.01),
    ({"kind": "wrong_types"}, 0.01),
    ({"kind": "error_in_stream"}, 0.01),
]
STATUS: Kinds = [
    ({"kind": "5xx", "status": 503}, 0.05),
    ({"kind": "429"}, 0.03),
    ({"kind": "404"}, 0.03),
    ({"kind": "lost_answer"}, 0.03),
    ({"kind": "cut_body"}, 0.03),
    ({"kind": "empty_body"}, 0.03),
]
IAM: Kinds = [({"kind": "5xx", "status": 503}, 0.1), ({"kind": "lost_answer"}, 0.1)]
FAULTS: list[dict[str, object]] = [
    *(
        {**kind, "target": target, "rate": rate}
        for target, kinds in {"submit": SUBMIT, "result": RESULT, "status": STATUS, "iam": IAM}.items()
        for kind, rate in kinds
    ),
    # Of so many operations the result is not to be had when they are done.
    {"kind": "late_result", "seconds": 3, "rate": 0.05},
    # The key is refused, once only, which stops all submitting for a minute.
    {"kind": "401", "count": 1},
]
"""The faults to ask the service for."""
