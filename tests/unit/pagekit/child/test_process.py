"""The child process seen from its parent: kept while it lives, replaced when it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pagekit.child.process import Child, ChildDied


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child("unit.pagekit.child.misbehaving")
    yield child
    child.close()


def answers(child: Child, task: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    child.run({"task": task}, b"", lambda message, content: found.append(dict(message)))
    return found


def test_it_is_kept_for_the_next_task(child: Child) -> None:
    assert [answers(child, "work")[0]["answer"] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("task", ["die", "talk nonsense", "count gigabytes", "answer, then die"])
def test_it_is_replaced_when_it_dies_or_cannot_be_understood(child: Child, task: str) -> None:
    with pytest.raises(ChildDied) as death:
        answers(child, task)
    assert not death.value.out_of_time
    assert answers(child, "work")[0]["answer"] == 1


def test_out_of_time_is_told_from_other_deaths(child: Child) -> None:
    answers(child, "work")
    with pytest.raises(ChildDied) as death:
        answers(child, "take too long")
    assert death.value.out_of_time


def test_what_was_before_may_have_killed_it_so_a_task_begins_again_in_a_new_one(child: Child) -> None:
    answers(child, "work")
    assert answers(child, "die where others were before")[0]["answer"] == 1


def test_a_task_that_was_answered_does_not_begin_again(child: Child) -> None:
    answers(child, "work")
    found: list[Any] = []
    with pytest.raises(ChildDied):
        child.run({"task": "answer, then die"}, b"", lambda message, content: found.append(message))
    assert [message["answer"] for message in found] == [2]


def test_one_that_ends_itself_is_replaced(child: Child) -> None:
    assert answers(child, "end") == []
    assert answers(child, "work")[0]["answer"] == 1


def test_what_an_answer_raises_ends_it(child: Child) -> None:
    def failing(message: object, content: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        child.run({"task": "work"}, b"", failing)
    assert answers(child, "work")[0]["answer"] == 1


def test_it_has_no_credentials(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    environment = answers(child, "say what you inherited")[0]["environment"]
    assert "secret" not in environment.values()
    assert {name for name in environment if name.startswith("AWS")} == set()


def test_threads_take_turns(child: Child) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(answers(child, "work")[0]["answer"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 9))
