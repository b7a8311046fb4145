"""The application that costs are counted on does what a deployed stack does."""

from __future__ import annotations

from benchmarks import counted_application


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
