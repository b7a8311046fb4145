"""Writes of an item that a transaction is at: tried again a few times, and not for long."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from contract.moto_aws import Transport, make_table
from fakes import FakeClock
from textdrop.adapters.aws.dynamodb import CONFLICT_WAITS_SECONDS, NO_ROW, Table, Update, Written
from textdrop.core.errors import StoreUnavailable

SECRET = "document-content-that-must-not-be-told"
TYPE = "com.amazonaws.dynamodb.v20120810#"
CONFLICT = json.dumps({"__type": f"{TYPE}TransactionConflictException", "message": SECRET})
ONE, OTHER = (Update((name, "row"), "SET #a = :value", NO_ROW, {"value": {"S": "x"}}) for name in ("one", "other"))


def cancelled(*codes: str) -> str:
    """A transaction's answer, as DynamoDB words it: a reason for each item."""
    reasons = [{"Code": code} if code == "None" else {"Code": code, "Message": SECRET} for code in codes]
    told = {"__type": f"{TYPE}TransactionCanceledException", "Message": SECRET}
    return json.dumps({**told, "CancellationReasons": reasons})


class Clock(FakeClock):
    """Remembers how long was waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        super().sleep(seconds)


@pytest.fixture(scope="module")
def transport(aws: None) -> Transport:
    """Where answers can be set."""
    return Transport()


@pytest.fixture(scope="module")
def client(transport: Transport) -> Any:
    return transport.client("dynamodb")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(transport: Transport, client: Any, clock: Clock) -> Table:
    """An empty table."""
    name = f"table-{uuid.uuid4()}"
    make_table(client, name)
    transport.requests.clear()
    return Table(client, name, clock)


WRITES: dict[str, tuple[Callable[[Table], object], str, str]] = {
    "update": (lambda table: table.update(*ONE), CONFLICT, "UpdateItem: TransactionConflictException"),
    "update_together": (
        lambda table: table.update_together([ONE, OTHER]),
        cancelled("None", "TransactionConflict"),
        "TransactWriteItems: TransactionConflict",
    ),
}


@pytest.mark.parametrize(("write", "answer", "told"), WRITES.values(), ids=WRITES)
def test_a_write_in_the_way_of_a_transaction_is_tried_again_after_a_while(
    transport: Transport, table: Table, clock: Clock, write: Callable[[Table], object], answer: str, told: str
) -> None:
    transport.answer(400, answer, times=len(CONFLICT_WAITS_SECONDS))
    write(table)
    stored = table.read(ONE.key)
    assert stored is not None
    assert stored["a"] == {"S": "x"}
    assert len(set(clock.waits)) == len(CONFLICT_WAITS_SECONDS), "by chance, so that two that met do not meet again"
    assert all(0 < wait < most for wait, most in zip(clock.waits, CONFLICT_WAITS_SECONDS, strict=True))


@pytest.mark.parametrize(("write", "answer", "told"), WRITES.values(), ids=WRITES)
def test_a_conflict_that_does_not_end_is_store_unavailable(
    transport: Transport, table: Table, clock: Clock, write: Callable[[Table], object], answer: str, told: str
) -> None:
    transport.answer(400, answer, times=1 + len(CONFLICT_WAITS_SECONDS))
    with pytest.raises(StoreUnavailable, match=f"^dynamodb.{told}$"):
        write(table)
    assert transport.left() == 0
    assert sum(clock.waits) < 1
    assert table.read(ONE.key) is None


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        (("None", "ThrottlingError"), "ThrottlingError"),
        (("TransactionConflict", "ThrottlingError"), "ThrottlingError, TransactionConflict"),
        (("ValidationError", "None"), "ValidationError"),
    ],
)
def test_what_else_cancels_a_transaction_is_store_unavailable_at_once(
    transport: Transport, table: Table, clock: Clock, codes: tuple[str, ...], told: str
) -> None:
    transport.answer(400, cancelled(*codes))
    with pytest.raises(StoreUnavailable) as raised:
        table.update_together([ONE, OTHER])
    assert str(raised.value) == f"dynamodb.TransactWriteItems: {told}"
    assert (len(transport.requests), clock.waits) == (1, [])


def test_a_condition_that_failed_is_the_answer_though_others_were_at_the_other_item(
    transport: Transport, table: Table, clock: Clock
) -> None:
    transport.answer(400, cancelled("TransactionConflict", "ConditionalCheckFailed"))
    assert table.update_together([ONE, OTHER]) == [Written(True, {}), Written(False, {})]
    assert clock.waits == []


def test_a_transaction_whose_first_try_is_still_at_work_is_tried_again_by_botocore(
    transport: Transport, table: Table, clock: Clock
) -> None:
    transport.answer(400, json.dumps({"__type": f"{TYPE}TransactionInProgressException", "message": SECRET}))
    assert table.update_together([ONE, OTHER]) == [Written(True, {})] * 2
    assert (len(transport.requests), clock.waits) == (2, [])


def test_all_tries_of_botocore_have_one_token_and_each_transaction_has_its_own(
    transport: Transport, table: Table
) -> None:
    """By that token DynamoDB knows a transaction that it has made, which moto does not."""
    transport.lose_answer()
    table.update_together([ONE])
    table.update_together([OTHER])
    bodies: list[Any] = [request.body for request in transport.requests]
    first, repeat, second = [json.loads(body)["ClientRequestToken"] for body in bodies]
    assert first == repeat != second


@pytest.mark.parametrize(("write", "answer", "told"), WRITES.values(), ids=WRITES)
def test_a_write_whose_answer_was_lost_before_a_conflict_may_be_what_is_stored(
    transport: Transport, table: Table, write: Callable[[Table], Any], answer: str, told: str
) -> None:
    transport.lose_answer()
    transport.answer(400, answer)
    brought = write(table)
    written = brought[0] if isinstance(brought, list) else brought
    assert (written.applied, written.repeated, written.item["a"]) == (False, True, {"S": "x"})
