"""What the environment says of results and notices reaches the adapters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from textdrop import bootstrap
from textdrop.adapters.aws.clients import session
from textdrop.adapters.aws.eventbridge import EventBridgeNotices
from textdrop.adapters.aws.sns import SnsNotices
from unit.test_settings import DELIVER, POLL

PLACE = {"RESULTS_BUCKET": "archive", "RESULTS_PREFIX": "ocr/"}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is cached before or afterwards."""
    for name, value in {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    caches = (session, bootstrap.deliver, bootstrap._poll)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


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
