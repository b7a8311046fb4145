"""What the environment says of uploads, results and notices reaches the adapters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from textdrop import bootstrap
from textdrop.adapters.aws.clients import session
from textdrop.adapters.aws.eventbridge import EventBridgeNotices
from textdrop.adapters.aws.sns import SnsNotices
from textdrop.core.reconciling import SourceBucket
from unit.test_settings import DELIVER, POLL, RECONCILE, SUBMIT

FROM = {"SOURCE_BUCKET": "inbox", "SOURCE_PREFIX": "scans/", "OWN_SOURCE_BUCKET": "false", "STACK_ID": "stack/1"}
PLACE = {"RESULTS_BUCKET": "archive", "RESULTS_PREFIX": "ocr/"}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is cached before or afterwards."""
    for name, value in {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    caches = (session, bootstrap.deliver, bootstrap.reconcile, bootstrap._poll, bootstrap._submit)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


def test_submit_and_reconcile_take_uploads_of_that_bucket_under_that_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "S3UploadListing", lambda client, *listed: listed)
    for name, value in {**SUBMIT, **RECONCILE, **FROM}.items():
        monkeypatch.setenv(name, value)
    settings = bootstrap._submit()[1]
    assert (settings.source_bucket, settings.source_prefix) == ("inbox", "scans/")
    ports = bootstrap.reconcile()
    assert ports.source == SourceBucket("inbox", "scans/", own=False, stack="stack/1")
    listed: object = ports.uploads
    assert listed == ("inbox", "scans/")


def test_submit_hides_messages_of_the_queue_of_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "SqsQueue", lambda client, url: url)
    for name, value in SUBMIT.items():
        monkeypatch.setenv(name, value)
    received: object = bootstrap._submit()[0].received
    assert received == SUBMIT["UPLOADS_QUEUE_URL"]


def test_poll_and_deliver_store_results_in_that_bucket_below_that_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**POLL, **DELIVER, **PLACE}.items():
        monkeypatch.setenv(name, value)
    for ports in (bootstrap._poll()[0], bootstrap.deliver()):
        assert (ports.results.bucket, ports.results.prefix) == ("archive", "ocr/")


@pytest.mark.parametrize(("bus", "kinds"), [("", [SnsNotices]), ("default", [SnsNotices, EventBridgeNotices])])
def test_notices_go_to_the_topic_and_to_a_bus_that_is_named(
    monkeypatch: pytest.MonkeyPatch, bus: str, kinds: list[type]
) -> None:
    for name, value in {**DELIVER, "EVENT_BUS_NAME": bus}.items():
        monkeypatch.setenv(name, value)
    assert [type(each) for each in bootstrap.deliver().notices] == kinds
