"""The applications that figures are counted on: they do what a deployed stack does."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import counted_application, virtual_application
from benchmarks.fast_fakes import CountingFaults, FastDocuments
from fakes.documents import FakeDocuments
from fakes.faults import Faults
from textdrop.core.documents import Document, DocumentState, DueKind, Operation, OperationState, Source


def test_uploads_on_fakes_come_to_their_end_at_the_rate_of_the_quota() -> None:
    application = virtual_application.Application(recognition_seconds=3.0)
    application.upload_at(1000.0, 60)
    began = application.time.now
    application.run(60)
    ocr = application.ocr
    assert 5.0 < application.time.now - began < 30.0
    assert len(ocr.accepted) == 60, "each page is paid for once"
    assert sorted(ocr.delays) == list(range(60))
    assert all(application.ocr.asks(number) >= 1 for number in range(60))
    assert all(row.due_at is None for row in application.documents.rows.values())


def test_the_same_seed_gives_the_same_figures() -> None:
    found = []
    for _ in range(2):
        application = virtual_application.Application(recognition_seconds=3.0)
        application.upload_at(10.0, 30)
        application.run(30)
        found.append((application.ocr.delays, dict(application.faults.count), application.time.now))
    assert found[0] == found[1]


def test_the_index_of_the_fast_fakes_is_that_of_the_fakes() -> None:
    plain, fast = FakeDocuments(Faults()), FastDocuments(CountingFaults())
    for documents in (plain, fast):
        for number, due_at in enumerate((5.0, 1.0, 3.0)):
            source = Source("b", str(number))
            documents.rows[str(number)] = Document(
                str(number), source, DocumentState.ACCEPTED, 0.0, due_kind=DueKind.SUBMIT, due_at=due_at
            )
            documents.write_operation(
                None,
                Operation(str(number), 1, 1, OperationState.RUNNING, due_kind=DueKind.ASK, due_at=due_at),
            )
        before = documents.rows["1"]
        documents.write(before, replace(before, rev=2, due_kind=None, due_at=None))
    for kind in DueKind:
        for until in (0.0, 3.0, 9.0):
            for limit in (1, 9):
                assert fast.due(kind, until, limit) == plain.due(kind, until, limit)
    assert fast.read_operations("1", 1) == plain.read_operations("1", 1) != []
    assert fast.hints[DueKind.ASK] > 0


def test_an_upload_on_aws_in_this_process_is_billed_whole() -> None:
    with counted_application.aws():
        application = counted_application.Application(recognition_seconds=3.0)
        application.upload()
        application.run(lambda: application.finished() == 1 and application.stack.polls.running == 0)
        assert "inbox/2023/scan-00001.jpg.txt" in application.results.keys()  # noqa: SIM118 - no dict
    counts = application.aws.counts
    assert counts["s3.write_request"] >= 5
    assert counts["dynamodb.write_unit"] >= 12
    assert counts["dynamodb.index_unit"] >= 8
    assert application.stack.submits.count == 1
    assert 3.0 < application.stack.polls.seconds < 60.0
    assert application.log.lines > 8
    assert {"PagesSubmitted", "DocumentsFinished", "OldestDueAge"} <= application.log.metrics
