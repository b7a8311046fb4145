"""An upload that is deleted in the midst of its pages: they are not sent any further, and one outcome says so."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.further_stacks import deployed
from e2e.whole_stack import WholeStack
from local import servers
from unit.pagekit import making

SLOW, BUCKET = "slow", "uploads-that-go"
PAGES, SENT_BEFORE = 80, 3
LOOKED_FOR_SECONDS, THREADS = 5, 8
"""A document's source is looked for this often while so many threads send its pages, one a second by the quota."""
MOST_SENT_AFTER = LOOKED_FOR_SECONDS + 2 * THREADS
SENDING_SECONDS = 120


@pytest.fixture(scope="module")
def slow(whole: WholeStack) -> Iterator[WholeStack]:
    """A stack that sends one page a second, of a bucket that has no versions yet."""
    s3: Any = whole.account.s3
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": servers.REGION})
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})
    with deployed(whole, SLOW, SourceBucketName=BUCKET, SubmitsPerSecond="1") as stack:
        yield stack


@pytest.mark.parametrize("versioned", [False, True])  # in this order: a bucket does not lose its versions
def test_pages_of_a_deleted_upload_are_not_sent_and_one_notice_says_so(slow: WholeStack, versioned: bool) -> None:
    s3, key, before = slow.account.s3, f"{versioned}/a b.pdf", slow.accepted()
    if versioned:
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key=key, Body=making.pdf_of_pages(PAGES))
    slow.wait(lambda: slow.accepted() >= before + SENT_BEFORE, SENDING_SECONDS, "no page was sent")
    slow.shell(f"aws s3 rm --quiet 's3://{BUCKET}/{key}'")
    sent = slow.accepted() - before
    assert ("DeleteMarkers" in s3.list_object_versions(Bucket=BUCKET, Prefix=key)) == versioned

    notice = slow.notice(key)
    body = notice.body
    assert (body["outcome"], body["reason"]) == ("cancelled", "source_deleted")
    assert {kind for kind, place in body["files"].items() if place} == {"error"}
    assert slow.keys_below(key) == {f"{key}.error.json"}
    paid = body["billing"]["pages_paid"]
    assert sent <= paid <= sent + MOST_SENT_AFTER < PAGES
    assert json.loads(slow.read(notice, "error"))["billing"] == body["billing"]

    slow.wait(lambda: slow.state(body["document"]) == "final", 10, "the row is not final")
    slow.until_idle()
    assert "due_at" not in (slow.row(body["document"]) or {})
    assert slow.accepted() - before == paid, "by the OCR service's own count"
    assert [each.body["id"] for each in slow.notices if each.body["document"] == body["document"]] == [body["id"]]
