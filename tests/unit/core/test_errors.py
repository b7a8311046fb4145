"""What errors say by themselves: it stands in the log."""

from __future__ import annotations

from pagekit.errors import NotRenderable, Reason, Refusal
from textdrop.core.errors import OcrUnreachable, Trace


def test_a_refusal_says_its_reason_and_what_was_wrong() -> None:
    assert str(Refusal(Reason.DAMAGED, "It ends in the middle.", "Send it again.")) == "damaged: It ends in the middle."


def test_what_cannot_be_rendered_says_why() -> None:
    assert str(NotRenderable("No page has a table.")) == "No page has a table."


def test_an_error_without_an_answer_has_a_trace_that_says_so() -> None:
    trace = OcrUnreachable("no connection").trace
    assert (trace.status, trace.code) == (0, 0)
    assert trace == Trace()
