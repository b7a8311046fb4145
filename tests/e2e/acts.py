"""What each function must be able to do, as acts on a stage."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import aws_events
import hundred
from e2e.stage import LONG_AGO_SECONDS, PREFIX, NotDone, Stage
from textdrop import bootstrap
from textdrop.adapters.aws import items, parts
from textdrop.adapters.aws.uploads_listing import S3UploadListing
from textdrop.core import identity, keys, ledger, reuse, states
from textdrop.core.documents import (
    Billed,
    Document,
    DocumentState,
    DueKind,
    Operation,
    OperationState,
    Options,
    Outcome,
    Output,
    Removed,
    Resume,
    Source,
)
from textdrop.core.events import delivery_body, resume_body
from textdrop.core.observations import Uploaded
from textdrop.core.policy import Policy
from textdrop.core.reuse import SentPage
from textdrop.usecases.accept import Message
from textdrop.usecases.reserve import release
from textdrop.usecases.time_left import NoTimeLeft
from unit.pagekit import making

LITTLE_SECONDS = 1.0
"""With so little left of its time a function begins nothing more, and invokes its successor."""
PART_BYTES = 1024
"""A larger file is sent in parts."""
GONE = "The uploaded file is no longer there."

Act = Callable[[Stage], None]


def an_upload_is_accepted_and_sent(stage: Stage) -> None:
    source = stage.upload()
    stage.run("submit", aws_events.event(source))
    stage.expect(source, DocumentState.RECOGNIZING)


def an_upload_without_versions_is_sent(stage: Stage) -> None:
    source = stage.upload(versioned=False)
    stage.run("submit", aws_events.event(source))
    stage.expect(source, DocumentState.RECOGNIZING)


def an_upload_that_is_gone_is_skipped(stage: Stage) -> None:
    source = stage.upload()
    stage.delete(source)
    stage.run("submit", aws_events.event(source))
    stage.expect(source, DocumentState.DELIVERING, Outcome.SKIPPED)


def a_message_that_failed_comes_again_soon(stage: Stage) -> None:
    sqs, url = stage.whole.account.sqs, stage.whole.output("UploadsQueueUrl")
    sqs.send_message(QueueUrl=url, MessageBody="neither S3's nor ours")
    [received] = sqs.receive_message(QueueUrl=url)["Messages"]
    told = aws_events.queue_event([Message(received["MessageId"], received["Body"])])
    told["Records"][0]["receiptHandle"] = received["ReceiptHandle"]
    answer = stage.run("submit", event=told, expected=("message_failed",))
    assert answer == {"batchItemFailures": [{"itemIdentifier": received["MessageId"]}]}


def a_document_goes_on(stage: Stage) -> None:
    document = stage.running(time.time(), due_kind=DueKind.SUBMIT)
    stage.run("submit", resume_body(Resume(document.id, document.rev)))
    if stage.row(document.source).due_kind is not DueKind.RECHECK:
        raise NotDone("it is not known that every page was sent")


def a_retry_does_not_send_what_is_recognised(stage: Stage) -> None:
    ended = stage.ended(time.time())
    again = Document(
        ended.id,
        ended.source,
        DocumentState.ACCEPTED,
        ended.accepted_at,
        run=2,
        due_kind=DueKind.SUBMIT,
        due_at=time.time(),
        submit_passes=1,
    )
    stage.put_row(items.of_document(again))
    # A pass before, which died, kept one page more: for other options.
    other = Operation(again.id, 2, 2, OperationState.RECOGNIZED, holder_rev=1, paid_run=1)
    stage.put_row(items.of_operation(other))
    stage.run("submit", resume_body(Resume(again.id, again.rev)))
    row = stage.expect(ended.source, DocumentState.DELIVERING, Outcome.SUCCEEDED)
    if (row.pages_kept, row.billed) != (1, Billed()):
        raise NotDone("the page was sent again")


def a_page_that_was_recognised_before_takes_that_result(stage: Stage) -> None:
    content, now = hundred.image(next(stage.numbers)), time.time()
    before = stage.to_deliver(stage.upload(content), now)
    fingerprint = reuse.fingerprint(content, "image/png", Options(("ru", "en"), "page"))
    stage.put_row(items.of_sent_page(SentPage(fingerprint, before.document_id, 1, 1, now)))
    source = stage.upload(content, ocr_reuse="yes")
    stage.run("submit", aws_events.event(source))
    row = stage.expect(source, DocumentState.DELIVERING, Outcome.SUCCEEDED)
    if (row.pages_reused, row.billed) != (1, Billed()):
        raise NotDone("the page was sent again")


def a_documents_pages_are_reserved_within_the_caps(stage: Stage) -> None:
    source = stage.upload()
    stage.run("submit", aws_events.event(source), pages_per_day=1)
    if (stage.expect(source, DocumentState.RECOGNIZING).reserved, stage.reserved()) != (1, 1):
        raise NotDone("the page is not reserved")
    source = stage.upload()
    stage.run("submit", aws_events.event(source), pages_per_day=1)
    stage.expect(source, DocumentState.HELD)


def on_a_new_day_documents_that_were_held_come_first(stage: Stage) -> None:
    stage.held(time.time())
    source = stage.upload()
    stage.run("submit", aws_events.event(source), pages_per_day=100)
    stage.expect(source, DocumentState.HELD)


def a_held_document_is_released_when_there_is_room(stage: Stage) -> None:
    document = stage.held(time.time())
    assert stage.run("poll", pages_per_day=100) == {"ended": "ended"}
    if (stage.expect(document.source, DocumentState.RECOGNIZING).reserved, stage.reserved()) != (1, 1):
        raise NotDone("the page is not reserved")


def what_is_due_is_handed_out(stage: Stage) -> None:
    now = time.time()
    plain, rendered = stage.running(now, asked=True), stage.running(now, Output.MARKDOWN, asked=True)
    waiting = stage.upload()
    seen = Uploaded(identity.document_id(waiting), waiting, "a worker that died", now - 1)
    unsent = states.decide_document(None, seen, now - 400, Policy()).row
    assert unsent is not None
    stage.put_row(items.of_document(unsent))
    assert stage.run("poll") == {"ended": "ended"}
    for queue, document in (
        ("DeliverQueueUrl", plain),
        ("DeliverAloneQueueUrl", rendered),
        ("UploadsQueueUrl", unsent),
    ):
        if not any(document.id in body for body in stage.sent(queue)):
            raise NotDone(f"{queue} has no message")


def a_page_is_asked_for_and_stored(stage: Stage) -> None:
    document = stage.running(time.time())
    assert stage.run("poll") == {"ended": "ended"}
    stage.expect(document.source, DocumentState.DELIVERING, Outcome.SUCCEEDED)


def a_tick_out_of_time_invokes_the_next(stage: Stage) -> None:
    assert stage.run("poll", seconds=LITTLE_SECONDS) == {"ended": "handed_over"}


def a_document_is_delivered_with_outputs(stage: Stage) -> None:
    _deliver(stage, stage.upload(making.pdf()), Output.MARKDOWN, Output.SEARCHABLE_PDF)


def names_that_an_upload_has_no_more_are_deleted(stage: Stage) -> None:
    before = stage.upload()
    _deliver(stage, before, Output.MARKDOWN)
    _deliver(stage, stage.upload(key=before.key))
    if before.key + keys.MARKDOWN in stage.whole.keys_below(before.key):
        raise NotDone("the Markdown of the upload before has its name still")


def a_document_of_a_bucket_without_versions_is_delivered(stage: Stage) -> None:
    _deliver(stage, stage.upload(making.pdf(), versioned=False), Output.SEARCHABLE_PDF)


def _deliver(stage: Stage, source: Source, *outputs: Output) -> None:
    stage.run("deliver", delivery_body([stage.to_deliver(source, time.time(), *outputs)]))
    row = stage.expect(source, DocumentState.FINAL)
    made = {rendering.output for rendering in row.renderings if rendering.files}
    if Output.SEARCHABLE_PDF in outputs and Output.SEARCHABLE_PDF not in made:
        raise NotDone(f"there is no searchable PDF: {row.renderings}")


def an_upload_that_is_gone_is_told_from_a_forbidden_one(stage: Stage) -> None:
    source = stage.upload()
    stage.delete(source)
    stage.run("deliver", delivery_body([stage.to_deliver(source, time.time(), Output.SEARCHABLE_PDF)]))
    [rendering] = stage.expect(source, DocumentState.FINAL).renderings
    if GONE not in rendering.warnings[0]:
        raise NotDone(str(rendering.warnings))


def a_large_file_that_is_given_up_leaves_no_parts(stage: Stage) -> None:
    key, calls = f"{PREFIX}{next(stage.numbers):04d}.pdf", iter([None, None])

    def check_deadline() -> None:
        try:
            next(calls)
        except StopIteration:
            raise NoTimeLeft("given up") from None

    with stage.process("deliver"), mock.patch.object(parts, "PART_BYTES", PART_BYTES), suppress(NoTimeLeft):
        bootstrap.deliver().results.put_file(key, io.BytesIO(bytes(2 * PART_BYTES)), "application/pdf", check_deadline)
    s3, bucket = stage.whole.account.s3, stage.whole.account.results_bucket
    if s3.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads"):
        raise NotDone("its parts are still there")


def what_was_reserved_and_not_sent_is_given_back(stage: Stage) -> None:
    at = time.time()
    source = stage.upload()
    resume = stage.to_deliver(source, at)
    today = ledger.day(at)
    stage.put_row(items.of_document(replace(stage.row(source), reserved=3, reserved_on=today)))
    pk, sk = items.caps_key(today[:7])
    stage.put_row({"pk": {"S": pk}, "sk": {"S": sk}, "pages": {"N": "3"}, items.day_attribute(today): {"N": "3"}})
    stage.run("deliver", delivery_body([resume]))
    stage.expect(source, DocumentState.FINAL)
    if stage.reserved() != 1:
        raise NotDone("what was not sent is not given back")


def a_document_is_deleted_and_nothing_stays_of_it(stage: Stage) -> None:
    source = stage.upload()
    _deliver(stage, source)
    final = stage.row(source)
    claim = SentPage(f"{next(stage.numbers):064x}", final.id, 1, 1, time.time())
    sent = Operation(final.id, 1, 1, OperationState.RECOGNIZED, holder_rev=1, fingerprint=claim.fingerprint)
    stage.put_row(items.of_sent_page(claim))
    stage.put_row(items.of_operation(sent))
    deleting = replace(final, state=DocumentState.DELETING, due_kind=DueKind.DELIVER, due_at=time.time() + 900)
    stage.put_row(items.of_document(replace(deleting, removed=Removed())))
    s3, bucket = stage.whole.account.s3, stage.whole.account.results_bucket
    s3.put_object(Bucket=bucket, Key=final.source.key + keys.TEXT, Body=b"replaced")
    stage.run("deliver", delivery_body([Resume(final.id, final.rev)]))
    row = stage.whole.row(final.id)
    if row is None or items.to_document(row).state is not DocumentState.DELETED:
        raise NotDone(f"it is not deleted: {row}")
    for prefix in (keys.folder(final.id), source.key):
        left = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
        if left.get("Versions") or left.get("DeleteMarkers"):
            raise NotDone(f"of {prefix} there is something left")
    rows = [row for pk in (final.id, items.sent_page_key(claim.fingerprint)[0]) for row in _rows(stage, pk)]
    if {row["sk"]["S"] for row in rows} != {items.document_key(final.id)[1], items.run_key(final.id, 1)[1]}:
        raise NotDone("of its rows there is something else left than the document's and the ledger's")


def _rows(stage: Stage, pk: str) -> list[Any]:
    return stage.whole.account.dynamodb.query(
        TableName=stage.whole.account.table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
        ConsistentRead=True,
    )["Items"]


def an_upload_whose_event_was_lost_is_found(stage: Stage) -> None:
    source = stage.upload()
    stage.sent("UploadsQueueUrl")
    assert stage.run("reconcile", event={"older_than_seconds": 0}) == {"ended": "ended"}
    if not any(source.version_id in body for body in stage.sent("UploadsQueueUrl")):
        raise NotDone("no message names the upload")


def a_dead_letter_goes_back(stage: Stage) -> None:
    sqs, body = stage.whole.account.sqs, aws_events.event(stage.upload())
    sqs.send_message(QueueUrl=stage.whole.output("UploadsDeadLetterQueueUrl"), MessageBody=body)
    stage.run("reconcile")
    if stage.whole.messages("UploadsDeadLetterQueueUrl") or body not in stage.sent("UploadsQueueUrl"):
        raise NotDone("the dead letter is not back in the queue")


def a_run_out_of_time_invokes_the_next(stage: Stage) -> None:
    def listing(client: Any, *named: Any) -> S3UploadListing:
        one_at_a_time = partial(client.list_object_versions, MaxKeys=1)
        return S3UploadListing(cast(Any, SimpleNamespace(list_object_versions=one_at_a_time)), *named)

    stage.upload()
    with mock.patch.object(bootstrap, "S3UploadListing", listing):
        assert stage.run("reconcile", seconds=LITTLE_SECONDS) == {"ended": "handed_over"}


def days_are_summed(stage: Stage) -> None:
    at = time.time() - LONG_AGO_SECONDS
    stage.ended(at)
    stage.run("reconcile")
    _expect_sums(stage, at)


def _expect_sums(stage: Stage, at: float) -> None:
    pk, sk = items.day_key(ledger.day(at))
    found = stage.whole.account.dynamodb.get_item(
        TableName=stage.whole.account.table_name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
    )
    if "Item" not in found:
        raise NotDone("the day has no sums")


def a_person_is_told_of_documents(stage: Stage) -> None:
    at = time.time() - LONG_AGO_SECONDS
    ended = [stage.ended(at), stage.ended(at)]
    ids = [document.id for document in ended]
    told = _asked(stage, "status", documents=ids)["documents"]
    assert [each["document"] for each in told] == ids
    [one] = _asked(stage, "status", documents=[ended[0].source.key], pages=True)["documents"]
    assert (one["document"], len(one["page_states"]), len(one["runs"])) == (ids[0], 1, 1)
    listed = _asked(stage, "list", outcome="succeeded", prefix=PREFIX)["documents"]
    assert {each["document"] for each in listed} == set(ids)
    assert _asked(stage, "summary")["documents"]["succeeded"] >= 2
    _expect_sums(stage, at)


def documents_are_retried_rendered_and_deleted_by_request(stage: Stage) -> None:
    final = stage.ended(time.time())
    assert len(_asked(stage, "render", documents=[final.id], outputs="markdown")["began"]) == 1
    stage.expect(final.source, DocumentState.DELIVERING)
    stage.put_row(items.of_document(final))
    assert len(_asked(stage, "retry", documents=[final.id], options={"model": "table"})["began"]) == 1
    stage.expect(final.source, DocumentState.ACCEPTED)
    assert len(_asked(stage, "delete", documents=[final.id])["deleting"]) == 1
    stage.expect(final.source, DocumentState.DELETING)


def a_document_in_flight_is_cancelled(stage: Stage) -> None:
    document = stage.running(time.time())
    assert len(_asked(stage, "cancel", prefix=document.source.key)["cancelled"]) == 1
    stage.expect(document.source, DocumentState.DELIVERING, Outcome.CANCELLED)


def a_held_document_is_released_by_hand_whatever_the_caps(stage: Stage) -> None:
    document = stage.held(time.time())
    with stage.process("control", pages_per_day=1):
        ports, settings = bootstrap.control()
        after = release(
            ports, ports.reservations, settings.caps, stage.row(document.source), by_hand=True, after_live=False
        )
    assert isinstance(after, Document), after
    if not stage.expect(document.source, DocumentState.RECOGNIZING).released or stage.reserved() != 1:
        raise NotDone("it is not released")


def what_is_in_the_bucket_is_estimated_and_taken_in(stage: Stage) -> None:
    source = stage.upload(making.pdf_of_pages(3), key=f"{PREFIX}{next(stage.numbers):04d}.pdf")
    _estimate_and_take_in(stage, source)


def what_is_in_a_bucket_without_versions_is_estimated_and_taken_in(stage: Stage) -> None:
    def listing(client: Any, *named: Any) -> S3UploadListing:
        def without_versions(**asked: Any) -> Any:
            answer = client.list_object_versions(**asked)
            for version in answer.get("Versions", []):
                version["VersionId"] = "null"
            return answer

        return S3UploadListing(cast(Any, SimpleNamespace(list_object_versions=without_versions)), *named)

    source = stage.upload(making.pdf_of_pages(3), key=f"{PREFIX}{next(stage.numbers):04d}.pdf", versioned=False)
    with mock.patch.object(bootstrap, "S3UploadListing", listing):
        _estimate_and_take_in(stage, source)


def _estimate_and_take_in(stage: Stage, source: Source) -> None:
    told = _asked(stage, "backfill", prefix=source.key, dry_run=True)
    assert (told["new"], told["pages"], told["pdfs_sampled"]) == (1, 3, 1), told
    assert _asked(stage, "backfill", prefix=source.key)["new"] == 1
    assert stage.expect(source, DocumentState.ACCEPTED).due_kind is DueKind.BACKFILL


def submitting_is_paused_and_resumed_by_request(stage: Stage) -> None:
    for command, why in (("pause", "operator"), ("resume", "")):
        assert _asked(stage, command)["pause"]["why"] == why


def a_person_is_told_whether_the_service_takes_the_key(stage: Stage) -> None:
    assert _asked(stage, "check")["ocr"]["ok"]


def _asked(stage: Stage, command: str, **parameters: Any) -> Any:
    """What control answers to the command. Raises NotDone if it refuses."""
    answer = stage.run("control", event={"version": 1, "command": command, **parameters})
    if not answer["ok"]:
        raise NotDone(str(answer["error"]))
    return answer["answer"]


ACTS: Mapping[str, tuple[Act, ...]] = {
    "submit": (
        an_upload_is_accepted_and_sent,
        an_upload_without_versions_is_sent,
        a_message_that_failed_comes_again_soon,
        a_document_goes_on,
        an_upload_that_is_gone_is_skipped,
        a_retry_does_not_send_what_is_recognised,
        a_page_that_was_recognised_before_takes_that_result,
        a_documents_pages_are_reserved_within_the_caps,
        on_a_new_day_documents_that_were_held_come_first,
    ),
    "poll": (
        a_tick_out_of_time_invokes_the_next,
        what_is_due_is_handed_out,
        a_page_is_asked_for_and_stored,
        a_held_document_is_released_when_there_is_room,
    ),
    "deliver": (
        a_document_is_delivered_with_outputs,
        names_that_an_upload_has_no_more_are_deleted,
        a_document_of_a_bucket_without_versions_is_delivered,
        an_upload_that_is_gone_is_told_from_a_forbidden_one,
        a_large_file_that_is_given_up_leaves_no_parts,
        what_was_reserved_and_not_sent_is_given_back,
        a_document_is_deleted_and_nothing_stays_of_it,
    ),
    "reconcile": (
        an_upload_whose_event_was_lost_is_found,
        a_dead_letter_goes_back,
        a_run_out_of_time_invokes_the_next,
        days_are_summed,
    ),
    "control": (
        a_person_is_told_of_documents,
        documents_are_retried_rendered_and_deleted_by_request,
        a_document_in_flight_is_cancelled,
        a_held_document_is_released_by_hand_whatever_the_caps,
        what_is_in_the_bucket_is_estimated_and_taken_in,
        what_is_in_a_bucket_without_versions_is_estimated_and_taken_in,
        submitting_is_paused_and_resumed_by_request,
        a_person_is_told_whether_the_service_takes_the_key,
    ),
}
