"""What a run's pages are billed for, and where their texts come from. The service bills each time it took and
recognised a page."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from textdrop.core.documents import Billed, Operation, OperationState
from textdrop.core.errors import Reason


def billed(operations: Sequence[Operation]) -> Billed:
    """What a run with these operations was billed for.

    A page with an id was taken, unless an earlier run paid for it. An intent without an answer may have been taken. A
    page whose result did not come may have been recognised all the same.
    """
    taken = [operation for operation in operations if operation.is_sent_here]
    return Billed(
        submitted=len(taken),
        unconfirmed=sum(
            operation.unconfirmed + (operation.state is OperationState.SUBMITTING) for operation in operations
        ),
        unbilled=sum(
            operation.problem is not None and operation.problem.reason is Reason.FAILED_IN_OCR for operation in taken
        ),
    )


class TextFrom(StrEnum):
    """Where the text of a recognised page comes from."""

    SERVICE = "service"  # the OCR service took the page in this run
    EARLIER_RUN = "earlier_run"  # an earlier run of the document has it, wherever that run got it
    REUSED = "reused"  # the service took the same page before, for another document or as another page
    FILE = "file"  # the page has text of its own in the file


def text_from(operation: Operation, run: int) -> TextFrom | None:
    """Where the text of this page comes from in that run; None if it has none. Exactly one answer, so no page is
    counted twice."""
    if operation.state is not OperationState.RECOGNIZED:
        return None
    if operation.paid_run or operation.run != run:
        return TextFrom.EARLIER_RUN
    if operation.own_text:
        return TextFrom.FILE
    return TextFrom.REUSED if operation.reused_from else TextFrom.SERVICE


def submits(operations: Sequence[Operation]) -> int:
    """How many submits of a run with these operations may be billed, recognised or not. This is what a cap counts."""
    of_run = billed(operations)
    return of_run.submitted + of_run.unconfirmed
