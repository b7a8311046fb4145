"""The fakes' own switches. What they have in common with the real adapters is in tests/contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes import FakeClock, FakeDocuments, FakeFunction, FakeOcr, Faults, InlineWorkers
from fakes.ocr import page
from textdrop.core.documents import Document, DocumentState, DueEntry, DueKind, Source
from textdrop.core.errors import OcrAnswerLost, StoreUnavailable

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


@pytest.mark.parametrize(("when", "made"), [("before", False), ("after", True)])
def test_a_call_fails_before_or_after_its_effect(when: str, made: bool) -> None:
    faults = Faults()
    documents = FakeDocuments(faults)
    faults.fail("documents.create", StoreUnavailable("broken"), when="before" if when == "before" else "after")
    with pytest.raises(StoreUnavailable):
        documents.create(DOCUMENT)
    assert ("1" in documents.rows) == made
    assert documents.create(replace(DOCUMENT, id="2"))


def test_faults_meet_the_call_they_are_meant_for() -> None:
    faults = Faults()
    documents, poller = FakeDocuments(faults), FakeFunction("poller", faults)
    faults.fail("poller.invoke", StoreUnavailable("broken"), skip=1, times=2)
    documents.create(DOCUMENT)
    poller.invoke()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            poller.invoke()
    poller.invoke()
    assert poller.invoked == 2
    assert faults.calls == ["documents.create", *["poller.invoke"] * 4]
    assert faults.left() == 0


def test_a_simulation_decides_at_every_call() -> None:
    class Crash(BaseException):
        """The worker dies."""

    class Crashing(Faults):
        def after(self, call: str) -> None:
            super().after(call)
            if call == "documents.write":
                raise Crash

    documents = FakeDocuments(Crashing())
    documents.create(DOCUMENT)
    after = replace(DOCUMENT, rev=2, holder="worker")
    with pytest.raises(Crash):
        documents.write(DOCUMENT, after)
    assert documents.rows["1"] == after


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


def test_inline_workers_run_at_once() -> None:
    ran: list[int] = []
    InlineWorkers().start(lambda: ran.append(1))
    assert ran == [1]
