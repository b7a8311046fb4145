"""Faults: what can be asked for, and how often they strike. The client that meets them proves what each kind does."""

import math
from typing import Any

import pytest

from local.ocr.faults import FaultRequestError, Faults
from local.ocr.kinds import KINDS
from local.ocr.protocol import STATUS, SUBMIT
from soak import uploads
from soak.ocr_faults import FAULTS

CONTENT, OTHER = "a" * 64, "b" * 64


NO_NUMBERS: tuple[object, ...] = (None, True, "2", -1, [2], {}, float("nan"))
WRONG: list[tuple[str, str, tuple[object, ...]]] = [
    ("slow", "count", (*NO_NUMBERS, 0, 1.5)),
    ("slow", "rate", (*NO_NUMBERS, 1.01)),
    ("slow", "sha256", (None, 1, "a" * 63, "A" * 64, ["a" * 64])),
    ("slow", "target", (None, 1, ["submit"], {})),
    ("slow", "seconds", (*NO_NUMBERS, 1e300)),
    ("slow_answer", "seconds", NO_NUMBERS),
    ("late_result", "seconds", NO_NUMBERS),
    ("slow_recognition", "seconds", NO_NUMBERS[1:]),
    ("429", "retry_after", NO_NUMBERS[1:]),
    ("5xx", "status", (*NO_NUMBERS, 501, 503.0)),
    ("5xx", "body", (None, 0, "true")),
    ("failing_operation", "in_result", (None, 1)),
    *((kind, "code", (*NO_NUMBERS, 0, 17, 3.0)) for kind in ("reject", "failing_operation", "error_in_stream")),
    *((kind, "message", (None, 1, ["x"], "\ud800")) for kind in ("reject", "failing_operation", "error_in_stream")),
    ("large_body", "bytes", (*NO_NUMBERS, 1.5, 10**12)),
    ("empty_words", "words", (*NO_NUMBERS, 1.5, 10**12)),
]
"""A kind, a field, and values that would break the service once the fault strikes."""


def no_wait(_seconds: float) -> None:
    raise AssertionError("nothing was to wait")


def faults(*requests: dict[str, Any], seed: int = 0) -> Faults:
    made = Faults(seed)
    for request in requests:
        made.add(request)
    return made


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"kind": "earthquake", "count": 1}, "5xx"),
        ({"count": 1}, "lost_answer"),
        ([], "JSON object"),
        ({"kind": "slow"}, "count or rate"),
        ({"kind": "slow", "count": 1, "speed": 2}, "seconds"),
        ({"kind": "429", "count": 1, "target": "s3"}, "submit, status, result, iam"),
        ({"kind": "reject", "count": 1, "target": "status"}, "submit"),
        *(
            ({"kind": kind, "count": 1, **fields}, f"^{name} of {kind} must be ")
            for kind, name, values in WRONG
            for fields in ({name: value} for value in values)
        ),
    ],
)
def test_a_request_that_cannot_be_meant_says_what_is_allowed(request_: object, named: str) -> None:
    made = Faults(0)
    with pytest.raises(FaultRequestError, match=named):
        made.add(request_)
    assert made.before(SUBMIT, None, no_wait) is None


def test_null_is_allowed_where_it_means_something() -> None:
    assert faults({"kind": "slow_recognition", "count": 1, "seconds": None}).course(CONTENT).extra_seconds == math.inf
    answer = faults({"kind": "429", "count": 1, "retry_after": None}).before(SUBMIT, None, no_wait)
    assert answer is not None
    assert answer.headers == {}


def test_what_the_soak_asks_for_is_taken() -> None:
    assert faults(*FAULTS, uploads.REJECT, uploads.FAIL, uploads.OVERLARGE)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_one_effect(name: str) -> None:
    kind = KINDS[name]
    assert [kind.before or None, kind.operation, kind.token or None, kind.after].count(None) == 3


def test_a_count_strikes_so_often_and_only_its_target() -> None:
    made = faults({"kind": "429", "count": 2, "target": STATUS})
    assert made.before(SUBMIT, None, no_wait) is None
    answers = [made.before(STATUS, None, no_wait) for _ in range(3)]
    assert [answer.status if answer else None for answer in answers] == [429, 429, None]
    assert made.struck() == {"429": 2}


def test_a_rate_is_met_and_repeats_with_the_seed_and_after_a_clear() -> None:
    def strikes(made: Faults) -> list[bool]:
        made.add({"kind": "reject", "rate": 0.2})
        return [made.before(SUBMIT, None, no_wait) is not None for _ in range(500)]

    one = Faults(1)
    first = strikes(one)
    assert 60 <= sum(first) <= 140
    assert first != strikes(Faults(2))
    one.clear()
    assert (one.before(SUBMIT, None, no_wait), one.struck()) == (None, {})
    assert first == strikes(one)


def test_calm_ends_all_but_the_faults_of_one_content_and_keeps_the_counts() -> None:
    made = faults({"kind": "429", "rate": 1}, {"kind": "reject", "rate": 1, "sha256": CONTENT})
    made.before(SUBMIT, CONTENT, no_wait)
    made.calm()
    rejected = made.before(SUBMIT, CONTENT, no_wait)
    assert rejected is not None
    assert rejected.status == 400
    assert made.before(SUBMIT, OTHER, no_wait) is None
    assert made.struck() == {"429": 1, "reject": 1}


def test_after_a_wait_the_next_fault_has_its_turn_and_one_behind_an_answer_is_not_used_up() -> None:
    made = faults(
        {"kind": "slow", "count": 1, "seconds": 4.5}, {"kind": "429", "count": 1}, {"kind": "5xx", "count": 1}
    )
    waited: list[float] = []
    answers = [made.before(SUBMIT, None, waited.append) for _ in range(3)]
    assert waited == [4.5]
    assert [answer and answer.status for answer in answers] == [429, 503, None]
