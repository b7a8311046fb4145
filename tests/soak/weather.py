"""What the local OCR service is told to do wrong: about a fifth of its answers, in every way that may pass."""

from __future__ import annotations

from collections.abc import Iterator

Kinds = list[tuple[dict[str, object], float]]
"""Faults, and the share of the answers that each befalls."""

SUBMIT: Kinds = [
    # not taken
    ({"kind": "5xx", "status": 503}, 0.03),
    ({"kind": "5xx", "status": 500}, 0.02),
    ({"kind": "429"}, 0.02),
    ({"kind": "429", "retry_after": 2}, 0.01),
    # not taken, which nobody can tell
    ({"kind": "lost_request"}, 0.02),
    ({"kind": "5xx", "status": 502, "body": False}, 0.01),
    ({"kind": "5xx", "status": 504}, 0.01),
    ({"kind": "499"}, 0.005),
    # taken, which nobody can tell
    ({"kind": "lost_answer"}, 0.03),
    ({"kind": "cut_body"}, 0.015),
    ({"kind": "truncated_body"}, 0.01),
    ({"kind": "html_body"}, 0.005),
    ({"kind": "empty_body"}, 0.005),
    ({"kind": "slow_answer", "seconds": 25}, 0.005),
    # taken and told, late
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
LATE_RESULTS: tuple[dict[str, object], float] = ({"kind": "late_result", "seconds": 3}, 0.05)
"""Besides: of so many operations the result is not to be had when they are done."""
REFUSED_KEY: dict[str, object] = {"kind": "401", "count": 1}
"""Once only: the key is refused, which stops all submitting for a minute."""
BY_TARGET: dict[str, Kinds] = {"submit": SUBMIT, "result": RESULT, "status": STATUS, "iam": IAM}


def weather() -> Iterator[dict[str, object]]:
    """The faults to ask the service for."""
    for target, kinds in BY_TARGET.items():
        for kind, rate in kinds:
            yield {**kind, "target": target, "rate": rate}
    kind, rate = LATE_RESULTS
    yield {**kind, "rate": rate}
    yield dict(REFUSED_KEY)
