"""What the functions' processes do beside putting ports together: connections, and since when uploads are taken."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.running import FakeJournal
from textdrop import bootstrap
from textdrop.core.errors import StoreUnavailable
from textdrop.core.reconciling import SourceBucket

ENVIRONMENT = {
    "SOURCE_BUCKET": "archive",
    "SOURCE_PREFIX": "scans/",
    "OWN_SOURCE_BUCKET": "false",
    "STACK_ID": "stack/1",
    "TABLE_NAME": "table",
    "RESULTS_BUCKET": "results",
    "SUBMITS_PER_SECOND": "10",
    "READS_PER_SECOND": "50",
}
OTHERS = ("OCR_BASE_URL", "OPERATION_BASE_URL", "IAM_BASE_URL", "CREDENTIALS_SECRET_ARN", "POLL_FUNCTION_NAME")
QUEUES = ("UPLOADS_QUEUE_URL", "DELIVER_QUEUE_URL", "DELIVER_ALONE_QUEUE_URL")


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What is recorded of the source; an error in here is raised by the next try."""
    tries: list[Any] = []

    def record_source(progress: object, source: SourceBucket, now: float) -> None:
        if tries and isinstance(tries[-1], Exception):
            raise tries.pop()
        tries.append(source)

    for name, value in (ENVIRONMENT | dict.fromkeys(OTHERS + QUEUES, "https://example")).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bootstrap, "session", lambda: SimpleNamespace(client=lambda service: None))
    monkeypatch.setattr(bootstrap, "record_source", record_source)
    bootstrap._record_source.cache_clear()
    yield tries
    bootstrap._record_source.cache_clear()


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> FakeJournal:
    """poll's ports have this journal, and nothing else that is used."""
    journal = FakeJournal()
    made = (SimpleNamespace(journal=journal), None, SimpleNamespace(new_connections=lambda: None))
    monkeypatch.setattr(bootstrap, "_poll", lambda: made)
    return journal


def test_polls_first_invocation_in_a_process_says_since_when_uploads_are_taken(
    recorded: list[Any], journal: FakeJournal
) -> None:
    for _ in range(3):
        bootstrap.poll()
    assert recorded == [SourceBucket("archive", "scans/", own=False, stack="stack/1")]
    assert journal.failures == []


def test_a_failure_to_say_so_keeps_no_tick_from_running_and_is_made_good_by_the_next(
    recorded: list[Any], journal: FakeJournal
) -> None:
    recorded.append(StoreUnavailable("dynamodb.PutItem: 503"))
    for _ in range(3):
        bootstrap.poll()
    assert [failure.name for failure in journal.failures] == ["source_not_recorded"]
    assert len(recorded) == 1


@pytest.mark.parametrize(
    ("function", "calls"),
    [("submit", ["new_connections", "connect_ahead"]), ("poll", ["new_connections"]), ("control", ["new_connections"])],
)
def test_each_invocation_begins_with_new_connections_to_the_service(
    monkeypatch: pytest.MonkeyPatch, function: str, calls: list[str]
) -> None:
    """A page that is sent on a connection which died while the process was frozen is paid for twice, it may be."""
    made: list[str] = []
    ocr = SimpleNamespace(**{call: partial(made.append, call) for call in ("new_connections", "connect_ahead")})
    monkeypatch.setattr(bootstrap, f"_{function}", lambda: (None, None, ocr))
    monkeypatch.setattr(bootstrap, "_record_source", lambda: None)
    for _ in range(2):
        getattr(bootstrap, function)()
    assert made == [*calls, *calls]
