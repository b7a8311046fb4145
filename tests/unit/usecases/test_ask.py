"""One ask for a result or a status: what each answer says of the page, and what is logged."""

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
    OcrSecretUnreadable,
    OcrThrottled,
    OcrUnavailable,
    OcrUnreachable,
    Reason,
    Trace,
)
from textdrop.usecases.ask import Asked, ask_result, ask_status
from textdrop.usecases.conclude import conclude, page_finished
from world import World


def running(world: World, age: float = 1.0, body: bytes = b"page") -> tuple[Document, Operation]:
    """An upload whose only page has run for so long."""
    document = world.upload("x.png", body)
    world.submit()
    world.clock.advance(age)
    return world.row(document), world.operation(document)


def asked(world: World, operation: Operation, *, status_asked: bool = True) -> Asked:
    return ask_result(world.poll_ports, operation, status_asked)


def ended(came_to: Asked) -> Operation:
    """What the operation has become by an ask."""
    assert came_to.operation is not None
    return came_to.operation


def test_a_recognised_page_tells_how_large_its_stored_result_is() -> None:
    world = World()
    document, operation = running(world)
    after = ended(asked(world, operation))
    assert after.result_bytes == len(world.file(keys.page(document.id, 1, 1)) or b"")


# --- the result ---

ANSWERS = [
    # the error, whether it runs the page's deadline, and whether the operation may have failed
    (OcrRejected("400", Trace(status=400, code=9)), True, True),
    (OcrOperationUnknown("404", Trace(status=404, code=5)), True, True),
    (OcrUnavailable("500", Trace(status=500, code=13)), False, True),
    (OcrCredentialsRefused("403", Trace(status=403, code=7)), True, True),
    (OcrCredentialsRefused("401", Trace(status=401, code=16)), False, True),
    (OcrCredentialsMissing("empty"), False, True),
    (OcrUnreachable("refused"), False, False),
    (OcrSecretUnreadable("denied"), False, False),
    (OcrAnswerLost("reset"), False, False),
    (OcrAnswerLost("504", Trace(status=504, code=4)), False, True),
]


@pytest.mark.parametrize(
    ("error", "runs_deadline", "may_have_failed"),
    ANSWERS,
    ids=lambda value: f"{type(value).__name__} {value}" if isinstance(value, Exception) else "",
)
def test_an_error_is_logged_and_says_of_the_page_what_it_can(
    error: OcrError, runs_deadline: bool, may_have_failed: bool
) -> None:
    world = World(recognition_seconds=100_000.0)
    document, operation = running(world)
    world.faults.fail("ocr.result", error)
    throttled_seconds = world.policy.throttle_pause_seconds if isinstance(error, OcrSecretUnreadable) else 0.0
    assert asked(world, operation) == Asked(operation, may_have_failed, throttled_seconds)
    assert world.failures() == [("ask_failed", {"document": document.id, "page": 1})]
    world.clock.advance(2 * world.policy.deadline_seconds(1))
    world.faults.fail("ocr.result", error)
    assert (ended(asked(world, operation)).state is OperationState.FAILED) == runs_deadline


@pytest.mark.parametrize("status_asked", [False, True])
def test_a_page_after_its_deadline_is_given_up_only_when_it_may_be(status_asked: bool) -> None:
    world = World(recognition_seconds=100_000.0)
    _, operation = running(world, 2 * world.policy.deadline_seconds(1))
    assert ended(asked(world, operation, status_asked=status_asked)).final == status_asked


def test_a_result_over_the_limit_fails_its_page_with_the_exchange(world: World) -> None:
    _, operation = running(world)
    world.faults.fail("ocr.result", OcrAnswerTooLarge("too large", Trace(status=200, request_id="r")))
    problem = ended(asked(world, operation, status_asked=False)).problem
    assert problem is not None
    assert (problem.reason, problem.trace.request_id) == (Reason.INTERNAL, "r")
    assert world.journal.failures == []


@pytest.mark.parametrize("call", ["ocr.result", "ocr.status"])
@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 1.0), (0.25, 0.25), (7.0, 7.0), (9_999.0, 300.0)])
def test_a_throttle_is_counted_and_says_how_long_to_ask_nothing(
    world: World, call: str, retry_after: float | None, seconds: float
) -> None:
    """That of a result may be how its operation ended: by the very code of a quota."""
    _, operation = running(world)
    world.faults.fail(call, OcrThrottled("429", Trace(status=429, code=8), retry_after))
    is_result = call == "ocr.result"
    came_to = asked(world, operation) if is_result else ask_status(world.poll_ports, operation)
    assert came_to == Asked(operation, may_have_failed=is_result, throttled_seconds=seconds)
    assert world.journal.counts["AsksThrottled"] == 1
    assert world.journal.failures == []


# --- the status ---


def test_a_failed_operation_fails_its_page_with_the_services_words(world: World) -> None:
    world.ocr.table[b"page"] = Failure(13, "out of order")
    _, operation = running(world)
    problem = ended(ask_status(world.poll_ports, operation)).problem
    assert problem is not None
    assert problem.reason is Reason.FAILED_IN_OCR
    assert (problem.trace.code, problem.trace.message) == (13, "out of order")


@pytest.mark.parametrize("recognition_seconds", [0.5, 600.0])
def test_a_status_without_an_error_says_nothing(recognition_seconds: float) -> None:
    world = World(recognition_seconds=recognition_seconds)
    _, operation = running(world)
    assert ask_status(world.poll_ports, operation) == Asked(operation)


@pytest.mark.parametrize(
    ("error", "throttled_seconds"),
    [(OcrCredentialsRefused("403", Trace(status=403, code=7)), 0.0), (OcrSecretUnreadable("denied"), 1.0)],
)
def test_a_status_that_cannot_be_read_is_logged_and_says_nothing(
    world: World, error: OcrError, throttled_seconds: float
) -> None:
    document, operation = running(world)
    world.faults.fail("ocr.status", error)
    assert ask_status(world.poll_ports, operation) == Asked(operation, throttled_seconds=throttled_seconds)
    assert world.failures() == [("status_failed", {"document": document.id, "page": 1})]


# --- the document ---


def test_a_page_whose_document_is_gone_ends_alone(world: World) -> None:
    document, operation = running(world)
    del world.documents.rows[document.id]
    operation = ended(asked(world, operation))
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
