"""A mistake in core/bucket.py is noticed, a change that is none is not, and a trial without end is ended."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from mutation import mutants

TESTS = "tests/unit/core/test_bucket.py"
HOLDS = f"{TESTS}::test_a_full_bucket_holds_its_capacity"
STEPS_BACK = f"{TESTS}::test_a_clock_that_steps_back_gives_nothing"
TAKES = "return int(_tokens(bucket, now))"
CHANGES = {
    "nothing": ("now - bucket.at", "now - bucket.at"),
    "nothing that shows": ("return int(_tokens(bucket, now))", "return int(_tokens(bucket, now)) + 0"),
    "a field less": ("    at: float\n", ""),
    "a step back": ("at=max(now, bucket.at)", "at=now"),
    "a bound": ("max(0.0, now - bucket.at)", "(now - bucket.at)"),
    "an error at import": ("from dataclasses", "from nowhere"),
    "no end": (TAKES, f"while True: pass\n    {TAKES}"),
    "too much memory": (TAKES, f"b'.' * 10**11\n    {TAKES}"),
    "the process ends": (TAKES, f"import os; os._exit(0)\n    {TAKES}"),
}
TRY = """
import json, os, sys
from mutation import children, mutants, swap, trial
module = mutants.load("core/bucket.py")
tests, changes = json.load(sys.stdin)
stages = [trial.Stage([test]) for test in tests]

def kinds(collected):
    functions = swap.functions_of(module)
    for old, new in changes:
        text = module.text.replace(old, new)
        print(json.dumps([
            answer(lambda: trial.quick(module, text, functions, stages, collected)),
            answer(lambda: trial.whole(module, text, stages, frozenset(tests))),
        ]))

def answer(work):
    child = children.fork(work, cpu_seconds=0.0)
    try:
        return child.result()
    except children.ChildEnded:
        return "ended"
    finally:
        os.waitpid(child.pid, 0)

trial.with_tests_collected(kinds, [tests[0].partition("::")[0]])
"""


Answers = dict[str, tuple[Any, Any]]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """By change, which of two tests noticed it when functions got other code, and when all was imported anew."""
    done = subprocess.run(
        [sys.executable, "-c", TRY],
        input=json.dumps([[HOLDS, STEPS_BACK], list(CHANGES.values())]),
        stdout=subprocess.PIPE,
        text=True,
        cwd=mutants.ROOT,
        env={"PYTHONPATH": ".:layers/textdrop:tests"},
        check=True,
    )
    return {name: tuple(json.loads(line)) for name, line in zip(CHANGES, done.stdout.splitlines(), strict=True)}


def test_what_changes_nothing_survives(answers: Answers) -> None:
    assert answers["nothing"] == ([False, None], None)
    assert answers["nothing that shows"] == ([True, None], None)


def test_a_mistake_is_killed_by_the_first_test_that_fails(answers: Answers) -> None:
    for mistake, test in (("a step back", STEPS_BACK), ("a bound", STEPS_BACK), ("too much memory", HOLDS)):
        assert answers[mistake] == ([True, test], test)


def test_what_is_done_at_import_is_imported_anew(answers: Answers) -> None:
    assert answers["an error at import"] == ([False, None], f"{TESTS} (importing)")
    assert answers["a field less"] == ([False, None], HOLDS)


def test_a_trial_that_does_not_come_back_is_ended(answers: Answers) -> None:
    assert answers["no end"] == ("ended", "ended")
    assert answers["the process ends"] == ("ended", "ended")
