"""What the environment says of uploads, results and notices reaches the adapters."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from textdrop import bootstrap
from textdrop.adapters.aws.clients import session
from textdrop.adapters.aws.eventbridge import EventBridgeNotices
from textdrop.adapters.aws.sns import SnsNotices
from textdrop.core import prices
from textdrop.core.errors import SettingsError
from textdrop.core.reconciling import SourceBucket
from textdrop.usecases.control.settings import ControlSettings
from unit.test_settings import CONTROL, DELIVER, POLL, RECONCILE, SUBMIT

FROM = {"SOURCE_BUCKET": "inbox", "SOURCE_PREFIX": "scans/", "OWN_SOURCE_BUCKET": "false", "STACK_ID": "stack/1"}
PLACE = {"RESULTS_BUCKET": "archive", "RESULTS_PREFIX": "ocr/"}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is cached before or afterwards."""
    for name, value in {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    caches = (session, bootstrap.deliver, bootstrap.reconcile, bootstrap._poll, bootstrap._submit, bootstrap._control)
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


def test_control_answers_by_the_parameters_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "S3UploadListing", lambda client, *listed: listed)
    more = {"SUBMITS_PER_SECOND": "7", "OUTPUTS": "tables", "PAGES": "1-3", "MAX_PAGES": "9", "PRICES": "page=0.5"}
    for name, value in {**CONTROL, **FROM, **PLACE, **more}.items():
        monkeypatch.setenv(name, value)
    ports, settings = bootstrap.control()
    assert settings == ControlSettings(
        *("ru en", "page", 7.0, "archive", "ocr/"),
        outputs="tables",
        pages="1-3",
        max_pages=9,
        ocr_base_url=CONTROL["OCR_BASE_URL"],
        operation_base_url=CONTROL["OPERATION_BASE_URL"],
    )
    assert ports.source == SourceBucket("inbox", "scans/", own=False, stack="stack/1")
    listed: object = ports.uploads("scans/a/")
    assert listed == ("inbox", "scans/a/")
    assert str(ports.prices.by_model["page"]) == "0.5"


def test_submit_hides_messages_of_the_queue_of_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "SqsQueue", lambda client, url: url)
    for name, value in SUBMIT.items():
        monkeypatch.setenv(name, value)
    received: object = bootstrap._submit()[0].received
    assert received == SUBMIT["UPLOADS_QUEUE_URL"]


def test_each_function_has_its_results_in_that_bucket_below_that_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SUBMIT, **POLL, **DELIVER, **PLACE}.items():
        monkeypatch.setenv(name, value)
    for ports in (bootstrap._submit()[0], bootstrap._poll()[0], bootstrap.deliver()):
        assert (ports.results.bucket, ports.results.prefix) == ("archive", "ocr/")


def test_submit_and_deliver_have_the_ledger_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "Table", lambda client, name: name)
    monkeypatch.setattr(bootstrap, "DynamoLedger", lambda table: ("ledger", table))
    for name, value in {**SUBMIT, **DELIVER}.items():
        monkeypatch.setenv(name, value)
    for ports in (bootstrap._submit()[0], bootstrap.deliver()):
        ledger: object = ports.ledger
        assert ledger == ("ledger", "table")


@pytest.mark.parametrize(
    ("named", "currency", "known"),
    [("", "", prices.Prices()), ("page=0.5", "kzt", prices.Prices({"page": Decimal("0.5")}, "KZT", ""))],
)
def test_deliver_has_the_prices_that_are_named(
    monkeypatch: pytest.MonkeyPatch, named: str, currency: str, known: prices.Prices
) -> None:
    for name, value in {**DELIVER, "PRICES": named, "PRICES_CURRENCY": currency}.items():
        monkeypatch.setenv(name, value)
    assert bootstrap.deliver().prices == known


@pytest.mark.parametrize("wrong", ["page=free", "pages=1"])
def test_prices_that_cannot_be_read_are_named_and_nothing_is_delivered(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    for name, value in {**DELIVER, "PRICES": wrong}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="Prices"):
        bootstrap.deliver()


@pytest.mark.parametrize(("bus", "kinds"), [("", [SnsNotices]), ("default", [SnsNotices, EventBridgeNotices])])
def test_notices_go_to_the_topic_and_to_a_bus_that_is_named(
    monkeypatch: pytest.MonkeyPatch, bus: str, kinds: list[type]
) -> None:
    for name, value in {**DELIVER, "EVENT_BUS_NAME": bus}.items():
        monkeypatch.setenv(name, value)
    assert [type(each) for each in bootstrap.deliver().notices] == kinds
