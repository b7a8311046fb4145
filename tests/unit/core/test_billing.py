"""What of a run a cap counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from textdrop.core import billing
from textdrop.core.answers import OperationDescription
from textdrop.core.documents import Operation, OperationState, Problem
from textdrop.core.errors import Reason

WAITING = Operation("d1", 2, 1, OperationState.WAITING)
RUNNING = replace(WAITING, state=OperationState.RUNNING, described=OperationDescription("o1"))
FAILED = replace(RUNNING, state=OperationState.FAILED)


@pytest.mark.parametrize(
    ("operation", "counted"),
    [
        (WAITING, 0),
        (replace(WAITING, unconfirmed=2), 2),
        (replace(WAITING, state=OperationState.SUBMITTING, unconfirmed=2), 3),
        (RUNNING, 1),
        (replace(RUNNING, unconfirmed=1), 2),
        (replace(FAILED, problem=Problem(Reason.FAILED_IN_OCR, "", "")), 1),  # it is not billed, but it was taken
        (replace(FAILED, described=None), 0),
        (replace(RUNNING, paid_run=1), 0),
        (replace(RUNNING, reused_from="d2"), 0),
        (replace(RUNNING, reused_from="d2", unconfirmed=1), 1),
        (replace(WAITING, state=OperationState.RECOGNIZED, own_text=True), 0),
    ],
)
def test_each_submit_counts_that_the_service_took_or_may_have_taken(operation: Operation, counted: int) -> None:
    assert billing.submits([WAITING, operation]) == counted
