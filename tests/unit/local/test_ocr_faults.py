"""Faults: what can be asked for, whom they strike and how often."""

import json
from typing import Any

import pytest

from local.ocr.faults import FaultRequestError, Faults
from local.ocr.kinds import KINDS, TokenLife
from local.ocr.protocol import IAM, RESULT, STATUS, SUBMIT, Answer

CONTENT, OTHER = "a" * 64, "b" * 64
FINE = Answer(200, b"{}")


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
        ({"kind": ["slow"], "count": 1}, "5xx"),
        ({"count": 1}, "lost_answer"),
        ([], "JSON object"),
        ({"kind": "slow"}, "count or rate"),
        ({"kind": "slow", "count": 0}, "count"),
        ({"kind": "slow", "count": True}, "count"),
        ({"kind": "slow", "rate": 0}, "rate"),
        ({"kind": "slow", "rate": 1.5}, "rate"),
        ({"kind": "slow", "rate": "often"}, "rate"),
        ({"kind": "slow", "count": 1, "speed": 2}, "seconds"),
        ({"kind": "slow", "count": 1, "seconds": -1}, "seconds"),
        ({"kind": "slow", "count": 1, "seconds": None}, "seconds"),
        ({"kind": "429", "count": 1, "retry_after": "soon"}, "retry_after"),
        ({"kind": "429", "count": 1, "target": "s3"}, "submit, status, result, iam, ocr, any"),
        ({"kind": "reject", "count": 1, "target": "status"}, "submit"),
        ({"kind": "5xx", "count": 1, "status": 404}, "500, 502, 503, 504"),
        ({"kind": "5xx", "count": 1, "body": "yes"}, "true or false"),
        ({"kind": "failing_operation", "count": 1, "code": 99}, "code"),
        ({"kind": "reject", "count": 1, "message": "x" * 300}, "256"),
        ({"kind": "reject", "count": 1, "message": "two\nlines"}, "printable"),
        ({"kind": "reject", "count": 1, "code": 13}, "one of 3, 9, 11"),
        ({"kind": "reject", "count": 1, "sha256": "abc"}, "sha256"),
        ({"kind": "429", "count": 1, "burst": 0}, "burst"),
        ({"kind": "cut_body", "count": 1, "share": 1}, "share"),
        ({"kind": "cut_body", "count": 1, "share": float("nan")}, "share"),
        ({"kind": "missing_page", "count": 1, "pages": 2}, "pages"),
        ({"kind": "content_type", "count": 1, "type": "a\r\nb: c"}, "type"),
        ({"kind": "short_token", "count": 1, "target": "submit"}, "iam"),
    ],
)
def test_a_request_that_cannot_be_meant_says_what_is_allowed(request_: object, named: str) -> None:
    made = Faults(0)
    with pytest.raises(FaultRequestError, match=named):
        made.add(request_)
    assert made.before(SUBMIT, None, no_wait) is None
    assert made.after(SUBMIT, None, FINE, no_wait) == FINE


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_sound_defaults_and_one_effect(name: str) -> None:
    Faults(0).add({"kind": name, "count": 1})
    kind = KINDS[name]
    assert [kind.before, kind.operation, kind.token, kind.after].count(None) == 3
    assert kind.says


def test_a_count_strikes_so_often_and_only_its_target() -> None:
    made = faults({"kind": "429", "count": 2, "target": STATUS})
    assert made.before(SUBMIT, None, no_wait) is None
    answers = [made.before(STATUS, None, no_wait) for _ in range(3)]
    assert [answer.status if answer else None for answer in answers] == [429, 429, None]
    assert made.struck() == {"429": 2}


def test_a_burst_strikes_so_often_in_a_row_and_counts_once() -> None:
    made = faults({"kind": "reject", "count": 2, "burst": 3})
    assert [made.before(SUBMIT, None, no_wait) is not None for _ in range(8)] == [True] * 6 + [False] * 2


def test_bursts_begin_at_the_rate_and_last() -> None:
    made = faults({"kind": "reject", "rate": 0.1, "burst": 5})
    struck = "".join("x" if made.before(SUBMIT, None, no_wait) else " " for _ in range(400))
    bursts = struck[: struck.rindex(" ")].split()
    assert len(bursts) >= 5
    assert all(len(burst) % 5 == 0 for burst in bursts)


@pytest.mark.parametrize(
    ("target", "met"), [("any", [SUBMIT, STATUS, RESULT]), ("ocr", [SUBMIT, RESULT]), ("iam", [IAM])]
)
def test_a_target_means_methods(target: str, met: list[str]) -> None:
    made = faults({"kind": "429", "rate": 1, "target": target})
    assert [name for name in (SUBMIT, STATUS, RESULT, IAM) if made.before(name, None, no_wait)] == met


def test_a_token_lives_as_long_as_the_faults_say() -> None:
    made = faults({"kind": "short_token", "count": 1, "seconds": 5, "announced": False})
    assert made.token_life(600) == TokenLife(5, 600)
    assert made.token_life(600) == TokenLife(600, 600)


def test_a_fault_for_one_content_leaves_the_others_alone() -> None:
    made = faults({"kind": "reject", "rate": 1, "sha256": CONTENT})
    assert [made.before(SUBMIT, sha256, no_wait) is None for sha256 in (OTHER, CONTENT, CONTENT)] == [
        True,
        False,
        False,
    ]


def test_a_rate_is_met_and_repeats_with_the_seed() -> None:
    def strikes(seed: int) -> list[bool]:
        made = faults({"kind": "reject", "rate": 0.2}, seed=seed)
        return [made.before(SUBMIT, None, no_wait) is not None for _ in range(500)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 60 <= sum(strikes(1)) <= 140


def test_clear_ends_faults_and_begins_the_seed_anew() -> None:
    made = faults({"kind": "reject", "rate": 0.5})
    first = [made.before(SUBMIT, None, no_wait) is None for _ in range(50)]
    made.clear()
    assert made.before(SUBMIT, None, no_wait) is None
    assert made.struck() == {}
    made.add({"kind": "reject", "rate": 0.5})
    assert [made.before(SUBMIT, None, no_wait) is None for _ in range(50)] == first


def test_calm_ends_all_but_the_faults_of_one_content_and_keeps_the_counts() -> None:
    made = faults({"kind": "429", "rate": 1}, {"kind": "reject", "rate": 1, "sha256": CONTENT})
    made.before(SUBMIT, CONTENT, no_wait)
    made.calm()
    rejected = made.before(SUBMIT, CONTENT, no_wait)
    assert rejected is not None
    assert rejected.status == 400
    assert made.before(SUBMIT, OTHER, no_wait) is None
    assert made.struck() == {"429": 1, "reject": 1}


def test_a_slow_answer_waits_and_then_the_next_fault_has_its_turn() -> None:
    made = faults({"kind": "slow", "count": 1, "seconds": 4.5}, {"kind": "429", "count": 1, "retry_after": 7})
    waited: list[float] = []
    answer = made.before(SUBMIT, None, waited.append)
    assert waited == [4.5]
    assert answer is not None
    assert answer.headers == {"Retry-After": "7"}


def test_a_fault_behind_one_that_answered_is_not_used_up() -> None:
    made = faults({"kind": "429", "count": 1}, {"kind": "5xx", "count": 1})
    answers = [made.before(SUBMIT, None, no_wait) for _ in range(2)]
    assert [answer.status for answer in answers if answer] == [429, 503]


@pytest.mark.parametrize(("target", "wrapped"), [(SUBMIT, False), (STATUS, False), (RESULT, True)])
def test_a_failure_has_the_body_of_its_method_or_none_of_the_services(target: str, wrapped: bool) -> None:
    made = faults(
        {"kind": "5xx", "count": 1, "status": 502, "target": target},
        {"kind": "5xx", "count": 1, "status": 502, "target": target, "body": False},
    )
    own, foreign = made.before(target, None, no_wait), made.before(target, None, no_wait)
    assert own is not None
    assert foreign is not None
    assert own.status == foreign.status == 502
    body = json.loads(own.body)
    assert (body["error"]["grpcCode"] if wrapped else body["code"]) == 14
    assert foreign.content_type == "text/html"


def test_the_course_of_a_recognition_gathers_what_strikes_it() -> None:
    made = faults(
        {"kind": "slow_recognition", "count": 1, "seconds": 5},
        {"kind": "slow_recognition", "count": 1, "seconds": 6},
        {"kind": "failing_operation", "count": 1, "code": 3, "message": "no"},
    )
    course = made.course(CONTENT)
    assert (course.extra_seconds, course.error) == (11, {"code": 3, "message": "no", "details": []})
    assert made.course(CONTENT).error is None


def test_a_lost_answer_is_an_answer_cut() -> None:
    made = faults({"kind": "lost_answer", "count": 1})
    assert made.after(STATUS, None, FINE, no_wait) == FINE
    assert made.after(SUBMIT, None, FINE, no_wait).cut
