"""What the environment says of uploads, results and notices reaches the adapters."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from pagekit.limits import FileLimits
from textdrop import bootstrap
from textdrop.adapters.aws.clients import session
from textdrop.adapters.aws.eventbridge import EventBridgeNotices
from textdrop.adapters.aws.sns import SnsNotices
from textdrop.core import prices
from textdrop.core.caps import Caps
from textdrop.core.errors import SettingsError
from textdrop.core.reconciling import SourceBucket
from textdrop.settings import PollFunctionSettings, read
from textdrop.usecases.control.settings import ControlSettings
from textdrop.usecases.submit import SubmitSettings
from unit.test_settings import CONTROL, DELIVER, POLL, RECONCILE, SUBMIT
from world import POLL_SECONDS

FROM = {"SOURCE_BUCKET": "inbox", "SOURCE_PREFIX": "scans/", "OWN_SOURCE_BUCKET": "false", "STACK_ID": "stack/1"}
LIMITS = {"PAGES_PER_DAY": "7", "PAGES_PER_MONTH": "70", "REUSE": "true", "ALLOWED_MODELS": "page table"}
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
    for name, value in {**CONTROL, **FROM, **PLACE, **LIMITS, **more}.items():
        monkeypatch.setenv(name, value)
    ports, settings = bootstrap.control()
    assert settings == ControlSettings(
        *("ru en", "page", 7.0, "archive", "ocr/"),
        outputs="tables",
        pages="1-3",
        max_pages=9,
        reuse="yes",
        allowed_models="page table",
        caps=Caps(pages_per_day=7, pages_per_month=70),
        ocr_base_url=CONTROL["OCR_BASE_URL"],
        operation_base_url=CONTROL["OPERATION_BASE_URL"],
    )
    assert ports.source == SourceBucket("inbox", "scans/", own=False, stack="stack/1")
    listed: object = ports.uploads("scans/a/")
    assert listed == ("inbox", "scans/a/")
    assert str(ports.prices.by_model["page"]) == "0.5"


@pytest.mark.parametrize(
    ("variables", "caps", "reuse", "allowed"),
    [(LIMITS, Caps(7, 70), "yes", "page table"), (dict.fromkeys(LIMITS, ""), Caps(), "no", "")],
    ids=["set", "empty"],
)
def test_submit_and_poll_keep_to_the_caps_and_submit_to_reuse_and_the_models_that_are_allowed(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], caps: Caps, reuse: str, allowed: str
) -> None:
    for name, value in {**SUBMIT, **POLL, **variables}.items():
        monkeypatch.setenv(name, value)
    settings = bootstrap._submit()[1]
    assert (settings.caps, settings.reuse, settings.allowed_models) == (caps, reuse, allowed)
    assert bootstrap._poll()[1].caps == caps


def test_submit_sends_by_the_parameters_of_the_stack_and_wakes_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "LambdaFunction", lambda client, name: name)
    more = {"SUBMITS_PER_SECOND": "7", "OUTPUTS": "tables", "PAGES": "1-3", "MAX_PAGES": "9"}
    for name, value in {**SUBMIT, **FROM, **LIMITS, **more}.items():
        monkeypatch.setenv(name, value)
    ports, settings, _ = bootstrap._submit()
    assert settings == SubmitSettings(
        *("ru en", "page", 7.0, FileLimits(max_pages=9)),
        source_bucket="inbox",
        source_prefix="scans/",
        outputs="tables",
        pages="1-3",
        reuse="yes",
        allowed_models="page table",
        caps=Caps(pages_per_day=7, pages_per_month=70),
    )
    poller: object = ports.poller
    assert poller == SUBMIT["POLL_FUNCTION_NAME"]


def test_poll_keeps_to_the_quotas_and_hands_out_to_each_queue_what_is_its(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "LambdaFunction", lambda client, name: name)
    monkeypatch.setattr(bootstrap, "SqsQueue", lambda client, url: url)
    for name, value in POLL.items():
        monkeypatch.setenv(name, value)
    ports, settings, ocr = bootstrap._poll()
    handed: list[object] = [ports.resumes, ports.deliveries, ports.deliveries_alone, ports.poller]
    names = ("UPLOADS_QUEUE_URL", "DELIVER_QUEUE_URL", "DELIVER_ALONE_QUEUE_URL", "POLL_FUNCTION_NAME")
    assert handed == [POLL[name] for name in names]
    assert (settings.reads_per_second, settings.submits_per_second) == (50, 10.0)
    # A step that has begun ends before its tick does, and a tick has time for some.
    assert ocr.ask_total_seconds + ports.results.total_seconds < settings.step_seconds < POLL_SECONDS - 30.0


def test_the_service_is_where_the_parameters_say_and_csv_files_begin_as_they_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "YandexOcr", lambda **given: given)
    given: Any = bootstrap._ocr(read(PollFunctionSettings, POLL | {"FOLDER_ID": "b1gexample"}))
    del given["credentials"]
    assert given == {
        "ocr_base_url": POLL["OCR_BASE_URL"],
        "operation_base_url": POLL["OPERATION_BASE_URL"],
        "folder_id": "b1gexample",
    }
    for name, value in {**DELIVER, "CSV_BOM": "true"}.items():
        monkeypatch.setenv(name, value)
    csv_files: Any = bootstrap.deliver().renderers.csv_files
    assert csv_files.keywords == {"bom": True}


def test_reconcile_sends_dead_letters_back_from_their_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "SqsDeadLetters", lambda client, *urls: urls)
    for name, value in RECONCILE.items():
        monkeypatch.setenv(name, value)
    urls: object = bootstrap.reconcile().dead_letters
    assert urls == (RECONCILE["DEAD_LETTER_QUEUE_URL"], RECONCILE["UPLOADS_QUEUE_URL"])


def test_reservations_and_sent_pages_are_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "Table", lambda client, name: name)
    monkeypatch.setattr(bootstrap, "DynamoReservations", lambda table: ("reservations", table))
    monkeypatch.setattr(bootstrap, "DynamoSentPages", lambda table: ("sent pages", table))
    for name, value in {**SUBMIT, **POLL, **DELIVER, **CONTROL}.items():
        monkeypatch.setenv(name, value)
    submit, poll, deliver, control = (
        bootstrap._submit()[0],
        bootstrap._poll()[0],
        bootstrap.deliver(),
        bootstrap._control()[0],
    )
    reservations: list[object] = [ports.reservations for ports in (submit, poll, deliver, control)]
    assert reservations == [("reservations", "table")] * 4
    sent_pages: list[object] = [ports.sent_pages for ports in (submit, deliver)]
    assert sent_pages == [("sent pages", "table")] * 2


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
