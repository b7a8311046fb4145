"""What a run's pages are billed for: the service bills what it took and recognised, once for each time."""

from __future__ import annotations

from collections.abc import Sequence

from textdrop.core.documents import Billed, Operation, OperationState
from textdrop.core.errors import Reason


def billed(operations: Sequence[Operation]) -> Billed:
    """What a run with these operations was billed for. A page with an id was taken, unless an earlier run paid for it;
    an intent without an answer may have been. One whose result did not come may have been recognised all the same."""
    taken = [operation for operation in operations if operation.sent and not operation.paid_run]
    return Billed(
        submitted=len(taken),
        unconfirmed=sum(
            operation.unconfirmed + (operation.state is OperationState.SUBMITTING) for operation in operations
        ),
        unbilled=sum(
            operation.problem is not None and operation.problem.reason is Reason.FAILED_IN_OCR for operation in taken
        ),
    )
