"""One ask: what each answer says of the page, what is logged, and when the operation's own status is looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.ocr import Failure
from textdrop.core import keys
from textdrop.core.documents import Document, DocumentState, Operation, OperationState
from textdrop.core.errors import (
    OcrAnswerLost,
    OcrAnswerTooLarge,
    OcrCredentialsMissing,
    OcrCredentialsRefused,
    OcrError,
    OcrOperationUnknown,
    OcrRejected,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    Reason,
    Trace,
)
from textdrop.usecases.ask import Asked, ask, is_running
from textdrop.usecases.conclude import conclude, page_finished
from world import World

TYPICAL = 2.0
OVERDUE = 31.0


def running(world: World, age: float = 1.0, body: bytes = b"page") -> tuple[Document, Operation]:
    """An upload whose only page has run for so long."""
    document = world.upload("x.png", body)
    world.submit()
    world.clock.advance(age)
    return world.row(document), world.operation(document)


def asked(world: World, operation: Operation) -> Asked:
    return ask(world.poll_ports, operation, TYPICAL)


def ended(world: World, operation: Operation) -> Operation:
    """What the operation has become by this ask."""
    after = asked(world, operation).operation
    assert after is not None
    return after


def test_a_recognised_page_tells_how_large_its_stored_result_is() -> None:
    world = World()
    document, operation = running(world)
    after = ended(world, operation)
    assert after.result_bytes == len(world.file(keys.page(document.id, 1, 1)) or b"")


def test_an_operation_is_asked_for_its_status_only_when_it_is_overdue() -> None:
    for age, calls in ((OVERDUE - 2.0, 0), (OVERDUE, 1)):
        world = World(recognition_seconds=600.0)
        document, operation = running(world, age)
        assert asked(world, operation) == Asked(operation)
        assert world.row(document).unfinished == {1}
        assert world.faults.calls.count("ocr.status") == calls


ANSWERS = [
    # the error, whether it runs the page's deadline, whether the status is looked at before it is overdue, and after
    (OcrRejected("400", Trace(status=400, code=9)), True, True, True),
    (OcrOperationUnknown("404", Trace(status=404, code=5)), True, True, True),
    (OcrUnavailable("500", Trace(status=500, code=13)), False, True, True),
    (OcrCredentialsRefused("403", Trace(status=403, code=7)), True, True, True),
    (OcrCredentialsRefused("401", Trace(status=401, code=16)), False, True, True),
    (OcrCredentialsMissing("empty"), False, True, True),
    (OcrUnreachable("refused"), False, False, False),
    (OcrAnswerLost("reset"), False, False, False),
    (OcrAnswerLost("504", Trace(status=504, code=4)), False, False, True),
]


@pytest.mark.parametrize("late", [False, True], ids=["young", "overdue"])
@pytest.mark.parametrize(
    ("error", "runs_deadline", "young", "overdue"),
    ANSWERS,
    ids=lambda value: f"{type(value).__name__} {value}" if isinstance(value, Exception) else "",
)
def test_an_error_is_logged_and_says_of_the_page_what_it_can(
    error: OcrError, runs_deadline: bool, young: bool, overdue: bool, late: bool
) -> None:
    world = World(recognition_seconds=100_000.0)
    document, operation = running(world, OVERDUE if late else 1.0)
    world.faults.fail("ocr.result", error)
    assert asked(world, operation) == Asked(operation)
    assert world.faults.calls.count("ocr.status") == (overdue if late else young)
    assert world.failures() == [("ask_failed", {"document": document.id, "page": 1})]
    world.clock.advance(2 * world.policy.deadline_seconds(1))
    world.faults.fail("ocr.result", error)
    assert (ended(world, operation).state is OperationState.FAILED) == runs_deadline


def test_a_failed_operation_fails_its_page_with_the_services_words(world: World) -> None:
    world.ocr.table[b"page"] = Failure(13, "out of order")
    _, operation = running(world)
    problem = ended(world, operation).problem
    assert problem is not None
    assert problem.reason is Reason.FAILED_IN_OCR
    assert (problem.trace.code, problem.trace.message) == (13, "out of order")


def test_a_status_that_cannot_be_read_is_logged_and_says_nothing() -> None:
    world = World(recognition_seconds=600.0)
    document, operation = running(world, OVERDUE)
    world.faults.fail("ocr.status", OcrCredentialsRefused("403", Trace(status=403, code=7)))
    assert asked(world, operation) == Asked(operation)
    assert world.failures() == [("status_failed", {"document": document.id, "page": 1})]


def test_a_result_over_the_limit_fails_its_page_with_the_exchange(world: World) -> None:
    _, operation = running(world)
    world.faults.fail("ocr.result", OcrAnswerTooLarge("too large", Trace(status=200, request_id="r")))
    problem = ended(world, operation).problem
    assert problem is not None
    assert (problem.reason, problem.trace.request_id) == (Reason.INTERNAL, "r")
    assert world.journal.failures == []


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 1.0), (0.25, 0.25), (7.0, 7.0), (9_999.0, 300.0)])
def test_a_throttle_is_counted_and_says_how_long_to_ask_nothing(
    world: World, retry_after: float | None, seconds: float
) -> None:
    _, operation = running(world)
    world.faults.fail("ocr.result", OcrThrottled("429", Trace(status=429, code=8), retry_after))
    assert asked(world, operation) == Asked(operation, throttled_seconds=seconds)
    assert world.journal.counts["AsksThrottled"] == 1
    assert world.faults.calls.count("ocr.status") == 0
    assert world.journal.failures == []


def test_a_throttle_of_an_overdue_page_may_be_how_its_operation_ended(world: World) -> None:
    world.ocr.table[b"page"] = Failure(8, "no memory left")
    _, operation = running(world, OVERDUE)
    world.faults.fail("ocr.result", OcrThrottled("429", Trace(status=429, code=8)))
    came_to = asked(world, operation)
    assert came_to.operation is not None
    assert came_to.operation.state is OperationState.FAILED
    assert came_to.throttled_seconds == world.policy.throttle_pause_seconds


def test_a_page_whose_document_is_gone_ends_alone(world: World) -> None:
    document, operation = running(world)
    del world.documents.rows[document.id]
    operation = ended(world, operation)
    assert operation.final
    assert page_finished(world.poll_ports, operation) is None
    assert conclude(world.poll_ports, document) is None


@pytest.mark.parametrize("state", [DocumentState.ACCEPTED, DocumentState.DELIVERING, DocumentState.FINAL])
def test_only_what_is_recognizing_is_concluded(world: World, state: DocumentState) -> None:
    document, _ = running(world)
    row = world.documents.rows[document.id] = replace(document, state=state)
    reads = world.faults.calls.count("documents.read_operations")
    assert conclude(world.poll_ports, row) is None
    assert world.faults.calls.count("documents.read_operations") == reads


@pytest.mark.parametrize("state", OperationState)
def test_there_is_something_to_ask_for_while_a_page_runs(world: World, state: OperationState) -> None:
    _, operation = running(world)
    assert is_running(replace(operation, state=state)) == (state is OperationState.RUNNING)
    assert not is_running(None)
