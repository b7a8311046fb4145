"""All calls of the ports over the table: read consistently wherever that can be, and StoreUnavailable if they fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contract.moto_aws import Transport
from contract.rows import Rows
from textdrop.core.caps import Caps
from textdrop.core.documents import (
    Document,
    DocumentState,
    DueEntry,
    DueKind,
    Newest,
    Operation,
    OperationState,
    Outcome,
    Source,
)
from textdrop.core.errors import StoreUnavailable
from textdrop.core.ledger import DaySums, HistoryCursor, HistoryPage, Run
from textdrop.core.pause import Pause
from textdrop.core.quota import Quota
from textdrop.core.reconciling import ReconcileRun
from textdrop.core.reuse import SentPage

ID = "0" * 32
SOURCE = Source("uploads", "a/scan.pdf")
RUN = Run(ID, 1, Outcome.FAILED, ended_at=1.0, began_at=1.0, outcome_at=1.0)
BEFORE, AFTER = (Document(ID, SOURCE, DocumentState.ACCEPTED, 1.0, rev=rev) for rev in (1, 2))
CALLS: dict[str, Callable[[Rows], object]] = {
    "create": lambda rows: rows.documents.create(BEFORE),
    "read": lambda rows: rows.documents.read(ID),
    "write": lambda rows: rows.documents.write(BEFORE, AFTER),
    "postpone": lambda rows: rows.documents.postpone(DueEntry(DueKind.SUBMIT, 1.0, ID), 2.0),
    "finish_page": lambda rows: rows.documents.finish_page(Operation(ID, 1, 1, OperationState.FAILED)),
    "due": lambda rows: rows.documents.due(DueKind.SUBMIT, 1.0, 1),
    "read_operation": lambda rows: rows.documents.read_operation(ID, 1, 1),
    "read_operations": lambda rows: rows.documents.read_operations(ID, 1),
    "write_operation": lambda rows: rows.documents.write_operation(None, Operation(ID, 1, 1, OperationState.WAITING)),
    "known": lambda rows: rows.documents.known([ID]),
    "read_many": lambda rows: rows.documents.read_many([ID]),
    "delete_operations": lambda rows: rows.documents.delete_operations([Operation(ID, 1, 1, OperationState.FAILED)]),
    "kept_since": lambda rows: rows.documents.kept_since(),
    "update_if_newer": lambda rows: rows.newest.update_if_newer(SOURCE, Newest("1", ID)),
    "read_newest": lambda rows: rows.newest.read(SOURCE),
    "expect_outputs": lambda rows: rows.newest.expect_outputs(SOURCE),
    "put_run": lambda rows: rows.ledger.put(RUN),
    "read_runs": lambda rows: rows.ledger.runs(ID),
    "forget_key": lambda rows: rows.ledger.forget_key(ID),
    "history": lambda rows: rows.ledger.history("2026-11", Outcome.FAILED, 0.0, 1.0, 1),
    "read_sums": lambda rows: rows.sums.read("2026-11-01", "2026-11-02"),
    "write_sums": lambda rows: rows.sums.write(DaySums("2026-11-01"), DaySums("2026-11-01", 1)),
    "read_quota": lambda rows: rows.quota.read(),
    "reserve": lambda rows: rows.quota.reserve(1, 0.1, 1.0, 1.0),
    "write_quota": lambda rows: rows.quota.write(Quota(), Quota(throttles=1)),
    "read_reserved": lambda rows: rows.reservations.read("2026-11-29"),
    "reserve_pages": lambda rows: rows.reservations.write(BEFORE, AFTER, {"2026-11-29": 1}, Caps(1, 1)),
    "read_sent_page": lambda rows: rows.sent_pages.read("f"),
    "claim": lambda rows: rows.sent_pages.claim(None, SentPage("f", ID, 1, 1, 1.0)),
    "forget": lambda rows: rows.sent_pages.forget(["f"], ID),
    "read_pause": lambda rows: rows.pause.read(),
    "write_pause": lambda rows: rows.pause.write(Pause(), Pause(rev=1)),
    "read_progress": lambda rows: rows.progress.read(),
    "write_progress": lambda rows: rows.progress.write(ReconcileRun(), ReconcileRun(1)),
    "read_tick": lambda rows: rows.tick.read(),
    "wake": lambda rows: rows.tick.wake(1.0),
    "start": lambda rows: rows.tick.start(1.0, 2.0),
    "take": lambda rows: rows.tick.take("owner", 1.0, 2.0),
    "renew": lambda rows: rows.tick.renew("owner", 2.0),
    "end": lambda rows: rows.tick.end("owner", 0, 1.0),
    "hand_over": lambda rows: rows.tick.hand_over("owner", 2.0, 1.0),
}


@pytest.fixture
def table_client(aws: None) -> tuple[Transport, Any]:
    """A client for each test: botocore repeats only so many calls of one."""
    transport = Transport()
    return transport, transport.client("dynamodb")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_breakdown_is_store_unavailable(rows: Rows, call: Callable[[Rows], object]) -> None:
    rows.break_down()
    with pytest.raises(StoreUnavailable):
        call(rows)


@pytest.mark.parametrize("rows", ["aws"], indirect=True)
def test_every_read_is_consistent_but_of_the_index_and_of_what_is_known(
    rows: Rows, table_client: tuple[Transport, Any]
) -> None:
    """moto always reads consistently: what counts is what is asked for. An index cannot; an upload that is not known
    yet is sent to submit once more, which makes no second row; and many rows are read to be shown."""
    transport, _ = table_client
    consistent, eventual = set[str](), set[str]()
    for name, call in CALLS.items():
        transport.requests.clear()
        call(rows)
        for request in transport.requests:
            target: Any = request.headers["X-Amz-Target"]
            asked: Any = request.body
            if target.endswith((b"GetItem", b"Query")):
                (consistent if json.loads(asked).get("ConsistentRead") else eventual).add(name)
    assert eventual == {"due", "history", "known", "read_many"}
    assert consistent == {name for name in CALLS if name.startswith("read")} - eventual | {"forget_key"}


@pytest.mark.parametrize("rows", ["aws"], indirect=True)
def test_what_is_since_later_than_until_is_not_asked_for(rows: Rows, table_client: tuple[Transport, Any]) -> None:
    """DynamoDB refuses a BETWEEN whose bounds are the wrong way round, and a place to go on from that is outside of
    them; moto answers."""
    transport, _ = table_client
    transport.requests.clear()
    assert rows.documents.due(DueKind.ASK, 1.0, 1, since=2.0) == []
    assert rows.ledger.history("2026-11", Outcome.FAILED, 2.0, 1.0, 1) == HistoryPage((), None)
    for at, newest_first in ((3.0, False), (0.5, True)):
        place = HistoryCursor(at, ID, 1)
        page = rows.ledger.history("2026-11", Outcome.FAILED, 1.0, 2.0, 1, place, newest_first=newest_first)
        assert page == HistoryPage((), None)
    assert rows.sums.read("2026-11-02", "2026-11-01") == []
    assert transport.requests == []
