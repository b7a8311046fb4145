"""Each port's fake and its real adapter, side by side: a contract test runs once on either."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from contract.moto_aws import REGION, Transport, make_table
from contract.rows import Rows
from fakes import FakeDocuments, FakeNewest, FakeQuota, FakeTick, FakeVersionedRow, Faults
from fakes.faults import ANY
from textdrop.adapters.aws.control_rows import DynamoSubmitQuota, DynamoTickRow, DynamoVersionedRow
from textdrop.adapters.aws.documents_table import DynamoDocuments, DynamoNewestUploads
from textdrop.adapters.aws.dynamodb import Table
from textdrop.adapters.aws.items import PAUSE_KEY, RECONCILE_RUN_KEY
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
        yield Rows(
            FakeDocuments(faults),
            FakeNewest(faults),
            FakeQuota(faults),
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
        DynamoSubmitQuota(table),
        DynamoVersionedRow(table, PAUSE_KEY, Pause()),
        DynamoTickRow(table),
        DynamoVersionedRow(table, RECONCILE_RUN_KEY, ReconcileRun()),
        lose_answer=transport.lose_answer,
        break_down=transport.break_down,
    )
    assert not transport.left(), "what was to go wrong did not"
