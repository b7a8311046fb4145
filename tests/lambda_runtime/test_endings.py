"""Invocations that run out of time or die, and those after them: nothing is lost, nothing is paid for unseen."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from lambda_runtime.application import Application, batch, failed, image, sha256, wait_until
from lambda_runtime.aws_over_http import Refusal, Request
from lambda_runtime.emulator import Answer, Function
from textdrop.core.documents import DocumentState, OperationState

PAGE = image(1)
NEVER_SECONDS = 3600
KILLED = "Runtime.ExitError"


@contextmanager
def invoking(function: Function, event: object) -> Iterator[Future[Answer]]:
    """The invocation goes on beside the test, and ends with it should the test fail."""
    with ThreadPoolExecutor(1) as beside:
        try:
            yield beside.submit(function.invoke, event)
        except BaseException:
            function.stop()
            raise


def test_submit_without_the_time_for_a_post_leaves_it_to_the_next(
    application: Application, built_layers: list[Path]
) -> None:
    source, body = application.upload("a.png", PAGE)
    hurried = application.start("SubmitFunction", built_layers, timeout_seconds=20)
    assert hurried.invoke(batch(body)).value == failed()
    assert application.ocr.stats()["submits"]["asked"] == 0
    row = application.document(source)
    assert (row.state, row.attempts) == (DocumentState.RECOGNIZING, 0)
    assert row.due_at is not None

    submit = application.start("SubmitFunction", built_layers)
    assert submit.invoke(batch(application.resume(source))).value == failed()
    assert application.submits() == {sha256(PAGE): 1}
    assert application.operation(source).state is OperationState.RUNNING


def test_submit_waits_for_a_slow_acceptance(application: Application, built_layers: list[Path]) -> None:
    source, body = application.upload("a.png", PAGE)
    application.ocr.add_fault(kind="slow_answer", target="submit", seconds=1, count=1)
    submit = application.start("SubmitFunction", built_layers)
    assert submit.invoke(batch(body)).value == failed()
    assert application.submits() == {sha256(PAGE): 1}
    assert (application.operation(source).state, application.operation(source).unconfirmed) == (
        OperationState.RUNNING,
        0,
    )


def test_poll_without_the_time_for_a_step_hands_over_at_once(
    application: Application, built_layers: list[Path]
) -> None:
    poll = application.start("PollFunction", built_layers, timeout_seconds=20)
    for number in (1, 2):
        assert poll.invoke({}).value == {"ended": "handed_over"}
        assert application.invocations() == number


def test_a_submit_killed_at_its_timeout_is_made_up_for(application: Application, built_layers: list[Path]) -> None:
    source, body = application.upload("a.png", PAGE)
    let_go = threading.Event()

    def hold(request: Request) -> Refusal | None:
        if request.service == "s3":
            let_go.wait(NEVER_SECONDS)
        return None

    submit = application.start("SubmitFunction", built_layers, timeout_seconds=8)
    wait_until(lambda: not submit.invoke(batch()).timed_out, "it does not start within its timeout")
    first = submit.process_id()
    application.aws.mishap = hold
    try:
        answer = submit.invoke(batch(body))
    finally:
        application.aws.mishap = lambda request: None
        let_go.set()
    assert answer.timed_out

    # The queue delivers the message again; the row, which stands, keeps the document alive.
    wait_until(lambda: not submit.invoke(batch()).timed_out, "it does not start within its timeout")
    assert submit.invoke(batch(body)).value == failed()
    assert submit.process_id() != first
    row = application.document(source)
    assert (row.state, row.attempts) == (DocumentState.ACCEPTED, 1)
    assert row.due_at is not None
    assert application.submits() == {}

    unhurried = application.start("SubmitFunction", built_layers)
    assert unhurried.invoke(batch(application.resume(source))).value == failed()
    assert application.submits() == {sha256(PAGE): 1}
    operation = application.operation(source)
    assert (operation.state, operation.unconfirmed) == (OperationState.RUNNING, 0)


def test_a_submit_that_dies_in_its_post_costs_one_page_that_is_counted(
    application: Application, built_layers: list[Path]
) -> None:
    source, body = application.upload("a.png", PAGE)
    application.ocr.add_fault(kind="slow_answer", target="submit", seconds=NEVER_SECONDS, count=1)
    submit = application.start("SubmitFunction", built_layers)
    with invoking(submit, batch(body)) as dying:
        wait_until(lambda: application.submits() == {sha256(PAGE): 1}, "nothing was sent")
        first = submit.process_id()
        os.kill(first, signal.SIGKILL)
    assert dying.result().value["errorType"] == KILLED

    assert submit.invoke(batch(body)).value == failed()
    assert submit.process_id() != first
    assert application.submits() == {sha256(PAGE): 1}

    assert submit.invoke(batch(application.resume(source))).value == failed()
    assert application.submits() == {sha256(PAGE): 2}
    operation = application.operation(source)
    assert (operation.state, operation.unconfirmed) == (OperationState.RUNNING, 1)
    assert any('"SubmitsUnconfirmed":[1.0]' in line for line in application.printed())


def test_a_tick_that_dies_is_made_up_for_once_its_lease_has_passed(
    application: Application, built_layers: list[Path]
) -> None:
    source, body = application.upload("a.png", PAGE)
    assert application.start("SubmitFunction", built_layers).invoke(batch(body)).value == failed()
    application.ocr.add_fault(kind="slow", target="result", seconds=NEVER_SECONDS, count=1)
    poll = application.start("PollFunction", built_layers)
    with invoking(poll, {}) as dying:
        wait_until(lambda: application.ocr.stats()["faults"].get("slow") == 1, "nothing was asked for")
        os.kill(poll.process_id(), signal.SIGKILL)
    assert dying.result().value["errorType"] == KILLED

    assert poll.invoke({}).value == {"ended": "busy"}
    application.let_the_tick_lease_pass()
    assert poll.invoke({}).value == {"ended": "ended"}
    [delivery] = application.deliveries()
    assert application.start("DeliverFunction", built_layers).invoke(delivery).value is None
    assert application.document(source).state is DocumentState.FINAL
    assert [notice["outcome"] for notice in application.notices()] == ["succeeded"]
    assert application.submits() == {sha256(PAGE): 1}
