"""The fakes' own switches. What they have in common with the real adapters is in tests/contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes import FakeClock, FakeDocuments, FakeOcr, Faults
from fakes.ocr import page
from textdrop.core.documents import Document, DocumentState, DueEntry, DueKind, Source
from textdrop.core.errors import OcrAnswerLost

DOCUMENT = Document("1", Source("b", "k"), DocumentState.ACCEPTED, 1.0, due_kind=DueKind.SUBMIT, due_at=5.0)


def test_the_index_lags_while_it_is_held() -> None:
    documents = FakeDocuments()
    documents.create(DOCUMENT)
    documents.hold_index()
    documents.write(DOCUMENT, replace(DOCUMENT, rev=2, due_kind=DueKind.DELIVER))
    assert documents.due(DueKind.SUBMIT, 9.0, 9) == [DueEntry(DueKind.SUBMIT, 5.0, "1")]
    documents.let_index_follow()
    assert documents.due(DueKind.SUBMIT, 9.0, 9) == []
    assert documents.due(DueKind.DELIVER, 9.0, 9) == [DueEntry(DueKind.DELIVER, 5.0, "1")]


def test_a_submit_whose_answer_is_lost_is_billed() -> None:
    faults = Faults()
    ocr = FakeOcr(FakeClock(), faults, {b"content": page("text")})
    body = ocr.prepare(b"content", "image/png", ["en"], "page")
    faults.fail("ocr.submit", lambda: OcrAnswerLost("lost"), when="after")
    with pytest.raises(OcrAnswerLost):
        ocr.submit(body, "request-1")
    ocr.submit(body, "request-2")
    assert ocr.billed == {b"content": 2}
    assert [accepted.client_request_id for accepted in ocr.accepted] == ["request-1", "request-2"]
