"""Each port's fake and its real adapter, side by side: a contract test runs once on either."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from contract.moto_aws import REGION, MotoBucket, Transport, make_table
from contract.rows import Rows
from contract.store import Store
from fakes import (
    FakeBucket,
    FakeClock,
    FakeDocuments,
    FakeLedger,
    FakeNewest,
    FakeQuota,
    FakeResults,
    FakeSources,
    FakeSums,
    FakeTick,
    FakeUploadListing,
    FakeVersionedRow,
    Faults,
)
from fakes.caps import FakeReservations, FakeSentPages
from fakes.faults import ANY
from textdrop.adapters.aws.control_rows import DynamoSubmitQuota, DynamoTickRow, DynamoVersionedRow
from textdrop.adapters.aws.documents_table import DynamoDocuments, DynamoNewestUploads
from textdrop.adapters.aws.dynamodb import Table
from textdrop.adapters.aws.items import PAUSE_KEY, RECONCILE_RUN_KEY
from textdrop.adapters.aws.ledger_table import DynamoLedger, DynamoSums
from textdrop.adapters.aws.reservations_table import DynamoReservations
from textdrop.adapters.aws.s3 import S3Results, S3Sources
from textdrop.adapters.aws.sent_pages_table import DynamoSentPages
from textdrop.adapters.aws.uploads_listing import S3UploadListing
from textdrop.core.errors import StoreUnavailable
from textdrop.core.pause import Pause
from textdrop.core.reconciling import ReconcileRun


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """AWS in this process, empty, for the tests of one module; the environment is as it was afterwards."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_PROFILE"):
            environment.delenv(name, raising=False)
        with mock_aws(config={"lambda": {"use_docker": False}}):
            yield


@pytest.fixture(scope="module")
def table_client(aws: None) -> tuple[Transport, Any]:
    """The table's client, which takes longer to make than a test, and its transport."""
    transport = Transport()
    return transport, transport.client("dynamodb")


@pytest.fixture(params=["fake", "aws"])
def rows(request: pytest.FixtureRequest) -> Iterator[Rows]:
    """An empty store."""
    if request.param == "fake":
        faults = Faults()
        documents = FakeDocuments(faults)
        yield Rows(
            documents,
            FakeNewest(faults),
            FakeLedger(faults),
            FakeSums(faults),
            FakeQuota(faults),
            FakeReservations(documents, faults),
            FakeSentPages(faults),
            FakeVersionedRow("pause", Pause(), faults),
            FakeTick(faults),
            FakeVersionedRow("progress", ReconcileRun(), faults),
            lose_answer=faults.lose_answer,
            break_down=lambda: faults.fail(ANY, StoreUnavailable("broken")),
        )
        assert not faults.left(), "what was to go wrong did not"
        return
    transport, client = request.getfixturevalue("table_client")
    name = f"table-{uuid.uuid4()}"
    make_table(client, name)
    table = Table(client, name)
    yield Rows(
        DynamoDocuments(table),
        DynamoNewestUploads(table),
        DynamoLedger(table),
        DynamoSums(table),
        DynamoSubmitQuota(table),
        DynamoReservations(table),
        DynamoSentPages(table),
        DynamoVersionedRow(table, PAUSE_KEY, Pause()),
        DynamoTickRow(table),
        DynamoVersionedRow(table, RECONCILE_RUN_KEY, ReconcileRun()),
        lose_answer=transport.lose_answer,
        break_down=transport.break_down,
    )
    assert not transport.left(), "what was to go wrong did not"


@pytest.fixture(scope="module")
def s3_client(aws: None) -> tuple[Transport, Any]:
    """The client for buckets, which takes longer to make than a test, and its transport."""
    transport = Transport()
    return transport, transport.client("s3")


@pytest.fixture(params=["fake", "aws"])
def make_store(request: pytest.FixtureRequest) -> Iterator[Callable[[bool], Store]]:
    """Makes an empty bucket, with versions or without."""
    if request.param == "fake":
        faults, clock = Faults(), FakeClock()

        def make_fake(versioned: bool) -> Store:
            bucket = FakeBucket("uploads", clock, versioned=versioned)
            return Store(
                bucket,
                FakeSources([bucket], faults),
                FakeResults(bucket, faults),
                FakeUploadListing(bucket, faults),
                lambda prefix: FakeUploadListing(bucket, faults, prefix=prefix),
                lambda prefix: FakeResults(bucket, faults, prefix=prefix),
                pass_time=lambda: clock.advance(1.0),
                lose_answer=faults.lose_answer,
                break_down=lambda: faults.fail(ANY, StoreUnavailable("broken")),
            )

        yield make_fake
        assert not faults.left(), "what was to go wrong did not"
        return
    transport, client = request.getfixturevalue("s3_client")

    def make_real(versioned: bool) -> Store:
        bucket = MotoBucket(client, f"bucket-{uuid.uuid4()}", versioned=versioned)
        return Store(
            bucket,
            S3Sources(client),
            S3Results(client, bucket.name, ""),
            S3UploadListing(client, bucket.name, ""),
            lambda prefix: S3UploadListing(client, bucket.name, prefix),
            lambda prefix: S3Results(client, bucket.name, prefix),
            pass_time=lambda: None,
            lose_answer=transport.lose_answer,
            break_down=transport.break_down,
        )

    yield make_real
    assert not transport.left(), "what was to go wrong did not"


@pytest.fixture
def store(make_store: Callable[[bool], Store]) -> Store:
    """An empty bucket with versions, as the template makes it."""
    return make_store(True)


@pytest.fixture(params=[True, False], ids=["versioned", "unversioned"])
def either_store(request: pytest.FixtureRequest, make_store: Callable[[bool], Store]) -> Store:
    """An empty bucket."""
    return make_store(request.param)
