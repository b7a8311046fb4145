"""What a run's pages are billed for: the service bills what it took, once for each time that it took it."""

from __future__ import annotations

from collections.abc import Sequence

from textdrop.core.documents import Billed, Operation, OperationState


def billed(operations: Sequence[Operation]) -> Billed:
    """What a run with these operations was billed for. A page with an id was taken, unless an earlier run paid for it;
    an intent without an answer may have been."""
    return Billed(
        submitted=sum(operation.sent and not operation.paid_run for operation in operations),
        unconfirmed=sum(
            operation.unconfirmed + (operation.state is OperationState.SUBMITTING) for operation in operations
        ),
    )
