"""Uploads that nobody told of, and messages that were given up: reconcile, as it is and as a user invokes it."""

import json
from collections.abc import Mapping

import pytest

from aws_events import event
from e2e.whole_stack import WholeStack, no_events
from local.samples import Sample
from textdrop.core import identity
from textdrop.core.documents import Source

BLANK = "blank page.png"
UNHEARD, GONE = "never heard of/№ 1 + 2.png", "never heard of/gone.png"
GARBAGE = "neither S3's nor ours"


def reconcile(whole: WholeStack, event_json: str = "{}") -> str:
    """How a run of the function ended."""
    said = whole.shell(f"sam remote invoke ReconcileFunction --stack-name textdrop --event '{event_json}'")
    answer = json.loads(said[said.index("{") :])
    assert "ended" in answer, said
    return str(answer["ended"])


@pytest.fixture(scope="module")
def unheard(whole: WholeStack, samples: Mapping[str, Sample]) -> str:
    """The document of an upload whose event was lost, with a key that is hard to carry."""
    key = UNHEARD
    with no_events(whole):
        version = whole.upload(key, samples[BLANK].path.read_bytes())
        whole.upload("never heard of/folder/", b"")
        gone = whole.upload(GONE, samples[BLANK].path.read_bytes())
        whole.account.s3.delete_object(Bucket=whole.account.uploads_bucket, Key=GONE)
    whole.until_idle()
    document = identity.document_id(Source(whole.env["UPLOADS_BUCKET"], key, version))
    assert whole.row(document) is None
    assert reconcile(whole) == "ended"
    whole.until_idle()
    assert whole.row(document) is None, "its event has an hour to come"
    assert reconcile(whole, '{"older_than_seconds": 0}') == "ended"
    body = whole.notice(key, version).body
    assert (body["document"], body["outcome"]) == (document, "succeeded")
    body = whole.notice(GONE, gone).body
    assert (body["outcome"], body["reason"]) == ("skipped", "object_gone"), "it was deleted before it was heard of"
    return document


def test_an_upload_whose_event_was_lost_is_found_and_paid_for_once(whole: WholeStack, unheard: str) -> None:
    whole.wait(lambda: whole.state(unheard) == "final", 10, "the row is not final")
    whole.until_idle()
    accepted, row = whole.ocr_stats()["submits"]["accepted"], whole.row(unheard)
    assert reconcile(whole, '{"older_than_seconds": 0}') == "ended"
    whole.until_idle()
    assert whole.ocr_stats()["submits"]["accepted"] == accepted
    assert whole.row(unheard) == row


def test_a_dead_letter_goes_back_and_one_that_went_back_often_enough_stays(
    whole: WholeStack, samples: Mapping[str, Sample]
) -> None:
    key, sqs, dead = "given up.png", whole.account.sqs, whole.output("UploadsDeadLetterQueueUrl")
    with no_events(whole):
        version = whole.upload(key, samples[BLANK].path.read_bytes())
    try:
        body = event(Source(whole.account.uploads_bucket, key, version, "e", 1, event_at=1_700_000_000.0))
        sqs.send_message(QueueUrl=dead, MessageBody=body)
        sqs.send_message(
            QueueUrl=dead,
            MessageBody=GARBAGE,
            MessageAttributes={
                "redriven": {"DataType": "Number", "StringValue": "3"},
                "first_sent_at": {"DataType": "Number", "StringValue": "1700000000.0"},
            },
        )
        assert reconcile(whole) == "ended"
        assert whole.notice(key, version).body["outcome"] == "succeeded"
        whole.until_idle()
        assert whole.messages("UploadsDeadLetterQueueUrl") == 1
    finally:
        sqs.purge_queue(QueueUrl=dead)


def test_its_log_names_documents_and_no_keys(whole: WholeStack, unheard: str) -> None:
    messages = "\n".join(whole.logged("reconcile"))
    assert unheard in messages
    assert '"bucket_reconciled"' in messages
    assert "never heard of" not in messages
    assert GARBAGE not in messages
