"""What errors say by themselves: it stands in the log."""

from __future__ import annotations

from textdrop.core.errors import OcrUnreachable, Trace


def test_an_error_without_an_answer_has_a_trace_that_says_so() -> None:
    trace = OcrUnreachable("no connection").trace
    assert (trace.status, trace.code) == (0, 0)
    assert trace == Trace()
