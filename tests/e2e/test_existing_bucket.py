"""A bucket that was there before, and the table that a former stack has left: what comes is read, and nothing else."""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aws_events import event, event_bridge_event
from documentation import command
from e2e.conftest import STATE
from e2e.further_stacks import deployed
from e2e.whole_stack import WholeStack
from local import deployment, servers
from local.samples import Sample
from textdrop.core.documents import Source

BLANK = "blank page.png"
FORMER, ADOPTING = "former", "adopting"
BUCKET, PREFIX, RESULTS_PREFIX = "archive-of-ours", "in box/2026/", "in box/text of 2026/"
UNDER, BESIDE_KEYS = 1_200, [f"elsewhere/{number:03d}.png" for number in range(500)]
NEW_KEYS = [PREFIX + "plain.png", PREFIX + "Счёт № 7+8 (100%).png", PREFIX + "a/b c.png"]
OUTSIDE_KEYS = ["new.png", "in box/2025/new.png", "in box/2026"]


def fill(whole: WholeStack, page: bytes) -> None:
    """The bucket with what is in it, and a notification of its own, which has nothing to do with any stack."""
    s3: Any = whole.account.s3
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": servers.REGION})
    _, own_queue = deployment.make_queue(whole.account.sqs, "of-our-own", "s3.amazonaws.com")
    own = {"QueueArn": own_queue, "Events": ["s3:ObjectRemoved:*"], "Id": "ours"}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [own]})
    keys = [f"{PREFIX}{number:04d}.png" for number in range(UNDER)]
    with ThreadPoolExecutor(8) as putting:
        list(putting.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=page), keys + BESIDE_KEYS))


def rows(stack: WholeStack) -> dict[str, str]:
    """The documents' rows and their states."""
    pages = stack.account.dynamodb.get_paginator("scan").paginate(TableName=stack.account.table_name)
    items = [item for page in pages for item in page["Items"]]
    return {item["pk"]["S"]: item["state"]["S"] for item in items if item["sk"]["S"] == "document"}


@pytest.fixture(scope="module")
def adopting(whole: WholeStack, samples: Mapping[str, Sample]) -> Iterator[WholeStack]:
    """A stack on the existing bucket's prefix, with the table that another one has left, before anything new came."""
    page = samples[BLANK].path.read_bytes()
    with deployed(whole, FORMER) as former:
        former.upload("before.png", page)
        document, table = former.notice("before.png").body["document"], former.account.table_name
        former.wait(lambda: former.state(document) == "final", 10, "the row is not final")
    fill(whole, page)
    whole.shell(
        f"cd '{STATE / 'tmp'}'\n" + command("docs/parameters.md", "existing bucket").replace("my-archive", BUCKET)
    )
    places = {"SourceBucketName": BUCKET, "SourcePrefix": PREFIX, "TableName": table}
    places |= {"ResultsBucketName": BUCKET, "ResultsPrefix": RESULTS_PREFIX}
    with deployed(whole, ADOPTING, **places) as adopted:
        assert (adopted.account.uploads_bucket, adopted.account.table_name) == (BUCKET, table)
        assert rows(adopted) == {document: "final"}
        yield adopted


def since(stack: WholeStack) -> float:
    """Since when, as the table says, uploads are taken from the bucket; 0: it does not say so yet."""
    key = {"pk": {"S": "reconcile"}, "sk": {"S": "reconcile"}}
    row = stack.account.dynamodb.get_item(TableName=stack.account.table_name, Key=key).get("Item", {})
    return float(row["since"]["N"]) if row.get("bucket") == {"S": BUCKET} else 0.0


def test_what_comes_under_the_prefix_is_read_and_nothing_else_is_touched_or_billed(
    whole: WholeStack, adopting: WholeStack, samples: Mapping[str, Sample]
) -> None:
    page, old, before = samples[BLANK].path.read_bytes(), rows(adopting), whole.accepted()
    there_before = whole.account.s3.head_object(Bucket=BUCKET, Key=f"{PREFIX}{UNDER - 1:04d}.png")["LastModified"]
    for key in NEW_KEYS + OUTSIDE_KEYS:
        whole.account.s3.put_object(Bucket=BUCKET, Key=key, Body=page)
    documents = {adopting.notice(key).body["document"] for key in NEW_KEYS}
    with whole.client("lambda") as functions:
        for _ in range(2):  # through all that is under the prefix, whatever its age
            answer = functions.invoke(FunctionName=f"{ADOPTING}-reconcile", Payload=b'{"older_than_seconds": 0}')
            assert json.load(answer["Payload"]) == {"ended": "ended"}
            adopting.until_idle()
    adopting.wait(lambda: set(rows(adopting).values()) == {"final"}, 10, "a row is not final")
    assert rows(adopting).keys() == old.keys() | documents
    assert since(adopting) > there_before.timestamp()
    assert len(documents) == len(adopting.notices) == len(NEW_KEYS)
    assert whole.accepted() - before == len(NEW_KEYS)
    [listed, _] = re.findall(r'"listed":(\d+),"found":0', "".join(adopting.logged("reconcile", ADOPTING)))
    # The emulator lists an object without versions again where a page of the listing begins; S3 does not.
    assert int(listed) in (UNDER + len(NEW_KEYS), UNDER + len(NEW_KEYS) + 1)
    results = adopting.keys_below(RESULTS_PREFIX)
    names = {RESULTS_PREFIX + key + suffix for key in NEW_KEYS for suffix in (".txt", ".ocr.json")}
    assert {key for key in results if not key.startswith(f"{RESULTS_PREFIX}.textdrop/")} == names
    pages = whole.account.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    there = sum(part["KeyCount"] for part in pages)
    assert there == UNDER + len(BESIDE_KEYS) + len(NEW_KEYS) + len(OUTSIDE_KEYS) + len(results)


def test_the_buckets_own_notifications_stay(whole: WholeStack, adopting: WholeStack) -> None:
    told = whole.account.s3.get_bucket_notification_configuration(Bucket=BUCKET)
    assert [queue["Id"] for queue in told["QueueConfigurations"]] == ["ours"]
    assert "EventBridgeConfiguration" in told


def test_events_of_others_are_dropped_and_counted(whole: WholeStack, adopting: WholeStack) -> None:
    before, old = whole.accepted(), rows(adopting)
    other = Source(whole.account.uploads_bucket, PREFIX + "plain.png", etag="e", size=1, event_at=1_700_000_000.0)
    for body in (event(other), event(Source(BUCKET, BESIDE_KEYS[0], size=1)), event_bridge_event(other)):
        adopting.account.sqs.send_message(QueueUrl=adopting.output("UploadsQueueUrl"), MessageBody=body)
    adopting.until_idle()
    assert (whole.accepted(), rows(adopting)) == (before, old)
    log = "".join(adopting.logged("submit", ADOPTING))
    assert log.count("foreign_upload") == 3
    assert '"ForeignUploads"' in log
