"""The table, as the rows need it: consistent reads, queries, and conditional writes that say whether they were
repeated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botocore.exceptions import ClientError

from textdrop.adapters.aws.failures import as_store_unavailable, cancellations, code, is_conflict, repeated
from textdrop.adapters.aws.items import Key, attribute
from textdrop.adapters.clock import SystemClock
from textdrop.core.errors import HistoryMissing, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from textdrop.adapters.aws.items import Attribute, Item
    from textdrop.ports import Clock

DUE = "due"
HISTORY = "history"
KEYS_A_READ = 100  # the most of BatchGetItem
KEYS_A_WRITE = 25  # the most of BatchWriteItem
CONFLICT_WAITS_SECONDS = (0.1,) * 9
"""While a transaction works on an item, every other write of it is refused; it is tried again after at most so long."""
# What conditions mean everywhere: nobody has made this row; there is one; nobody has written it since we read it.
NO_ROW = "attribute_not_exists(#pk)"
EXISTS = "attribute_exists(#pk)"
SAME_REV = "#rev = :rev_before"
_NOTHING: Mapping[str, object] = {}
_CONDITION_FAILED = "ConditionalCheckFailed"
_NAME = re.compile(r"#(\w+)")


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a conditional write.

    `applied`: the condition held; then `item` is what was requested, otherwise the row as it is stored ({}: there is
    none). `repeated`: botocore had tried before, so the row may be what the first try made, whose answer was lost.
    Without an earlier try, a row that looks like ours was written by a rival.
    """

    applied: bool
    item: Mapping[str, Any]
    repeated: bool = False


class Update(NamedTuple):
    """A change of one item, as `Table.update` takes it."""

    key: Key
    change: str
    condition: str  # "": always
    values: Mapping[str, Attribute]


class Table:
    """One DynamoDB table. `clock` waits for a random time if a transaction is in the way of a write.

    In expressions every attribute is named `#attribute` (so that reserved words do no harm) and every value `:name`,
    given as `name` in `values`.
    """

    def __init__(self, client: DynamoDBClient, name: str, clock: Clock | None = None) -> None:
        self._client = client
        self._name = name
        self._clock = clock or SystemClock()

    def read(self, key: Key) -> Mapping[str, Any] | None:
        """The item, read consistently."""
        with as_store_unavailable("dynamodb.GetItem"):
            answer = self._client.get_item(TableName=self._name, Key=_key(key), ConsistentRead=True)
        return answer.get("Item")

    def put(self, item: Item, condition: str, values: Mapping[str, Attribute] | None = None) -> Written:
        """Replaces the item, whole, if the condition holds."""
        with as_store_unavailable("dynamodb.PutItem"):
            try:
                self._client.put_item(
                    TableName=self._name,
                    Item=item,
                    ConditionExpression=condition,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **_placeholders(condition, values),
                )
            except ClientError as error:
                return _refused(error)
        return Written(True, item)

    def update(
        self,
        key: Key,
        change: str,
        condition: str,
        values: Mapping[str, Attribute],
        returned: Literal["ALL_NEW", "ALL_OLD"] = "ALL_NEW",
    ) -> Written:
        """Changes the item, or makes it, if the condition holds ("": always)."""
        conditions: dict[str, Any] = (
            {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if condition else {}
        )

        def write() -> list[Written]:
            try:
                answer = self._client.update_item(
                    TableName=self._name,
                    Key=_key(key),
                    UpdateExpression=change,
                    ReturnValues=returned,
                    **conditions,
                    **_placeholders(f"{change} {condition}", values),
                )
            except ClientError as error:
                return [_refused(error)]
            return [Written(True, answer.get("Attributes", {}))]

        with as_store_unavailable("dynamodb.UpdateItem"):
            [written] = self._past_conflicts(write)
        return written

    def update_together(self, updates: Sequence[Update]) -> list[Written]:
        """Makes all the changes if all their conditions hold, otherwise none; then those whose condition failed are not
        `applied`, and say what is stored. No key twice.

        botocore sends all tries with one token, by which DynamoDB knows for ten minutes that a transaction was made: a
        repeat then gets the answer of the first try. Only a later one meets its own writes.
        """
        asked: list[Any] = [
            {
                "Update": {
                    "TableName": self._name,
                    "Key": _key(update.key),
                    "UpdateExpression": update.change,
                    **({"ConditionExpression": update.condition} if update.condition else {}),
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    **_placeholders(f"{update.change} {update.condition}", update.values),
                }
            }
            for update in updates
        ]

        def write() -> list[Written]:
            try:
                self._client.transact_write_items(TransactItems=asked)
            except ClientError as error:
                return _cancelled(error)
            return [Written(True, {}) for _ in updates]

        with as_store_unavailable("dynamodb.TransactWriteItems"):
            return self._past_conflicts(write)

    def delete(self, key: Key, condition: str, values: Mapping[str, Attribute]) -> None:
        """The item does not exist afterwards, if the condition held."""
        with as_store_unavailable("dynamodb.DeleteItem"):
            try:
                self._client.delete_item(
                    TableName=self._name,
                    Key=_key(key),
                    ConditionExpression=condition,
                    **_placeholders(condition, values),
                )
            except ClientError as error:
                _refused(error)

    def _past_conflicts(self, write: Callable[[], list[Written]]) -> list[Written]:
        """The result of the write, which is tried again while another transaction is in its way."""
        waits, was_repeated = iter(CONFLICT_WAITS_SECONDS), False
        while True:
            try:
                return [replace(each, repeated=each.repeated or was_repeated) for each in write()]
            except ClientError as error:
                longest_seconds = next(waits, None)
                if longest_seconds is None or not is_conflict(error):
                    raise
                was_repeated = was_repeated or repeated(error)
            self._clock.sleep(longest_seconds * self._clock.chance())

    def set(
        self,
        key: Key,
        new: Mapping[str, object],
        condition: str,
        compared: Mapping[str, object] = _NOTHING,
        more: str = "",
    ) -> Written:
        """Sets the attributes to their new values, and does `more`, if the condition holds; `compared` are its
        values."""
        values = {name: attribute(value) for name, value in {**new, **compared}.items()}
        return self.update(key, f"SET {', '.join(f'#{name} = :{name}' for name in new)}{more}", condition, values)

    def query(self, condition: str, values: Mapping[str, Attribute], due_limit: int = 0) -> Iterator[Mapping[str, Any]]:
        """All items of one partition that meet the condition, by sort key, read consistently. With a limit: those of
        the index `due`, read in answers of at most so many."""
        how = {"IndexName": DUE, "Limit": due_limit} if due_limit else {"ConsistentRead": True}
        with as_store_unavailable("dynamodb.Query"):
            answers = self._client.get_paginator("query").paginate(
                TableName=self._name, KeyConditionExpression=condition, **how, **_placeholders(condition, values)
            )
            for answer in answers:
                yield from answer["Items"]

    def query_history(
        self,
        condition: str,
        values: Mapping[str, Attribute],
        limit: int,
        after: Item | None,
        *,
        newest_first: bool,
    ) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
        """At most `limit` items of one partition of the index `history` that meet the condition, by its sort key, after
        the one with the keys `after`; and the keys of the last one that was read, None at the end.

        One request. Raises HistoryMissing.
        """
        place: dict[str, Any] = {"ExclusiveStartKey": after} if after else {}
        with as_store_unavailable("dynamodb.Query"):
            try:
                answer = self._client.query(
                    TableName=self._name,
                    IndexName=HISTORY,
                    KeyConditionExpression=condition,
                    Limit=limit,
                    ScanIndexForward=not newest_first,
                    **place,
                    **_placeholders(condition, values),
                )
            except ClientError as error:
                # The only other invalid input is a position that never was an item's.
                if place or code(error) not in ("ValidationException", "ResourceNotFoundException"):
                    raise
                raise HistoryMissing("dynamodb.Query: there is no index history, or not yet") from error
        return answer["Items"], answer.get("LastEvaluatedKey")

    def existing(self, keys: Sequence[Key]) -> Iterator[Key]:
        """Those of the keys that have an item, in any order; an item made just now may be missing. No key twice."""
        for item in self._get_many(keys, {"ProjectionExpression": "pk, sk"}):
            yield item["pk"]["S"], item["sk"]["S"]

    def read_many(self, keys: Sequence[Key]) -> Iterator[Mapping[str, Any]]:
        """The items of these keys, in any order; a write made just now may be missing. No key twice."""
        return self._get_many(keys, {})

    def _get_many(self, keys: Sequence[Key], what: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(keys), KEYS_A_READ):
            asked: list[Any] = [_key(key) for key in keys[start : start + KEYS_A_READ]]
            while asked:
                request: Any = {self._name: {"Keys": asked, **what}}
                with as_store_unavailable("dynamodb.BatchGetItem"):
                    answer = self._client.batch_get_item(RequestItems=request)
                yield from answer["Responses"].get(self._name, [])
                # Partly throttled, or too much for one answer: the rest is requested again, as long as that brings
                # something.
                left: list[Any] = [key for rest in answer.get("UnprocessedKeys", {}).values() for key in rest["Keys"]]
                if len(left) == len(asked):
                    raise StoreUnavailable("dynamodb.BatchGetItem: UnprocessedKeys")
                asked = left

    def delete_many(self, keys: Sequence[Key]) -> None:
        """None of the keys has an item afterwards. No key twice."""
        for start in range(0, len(keys), KEYS_A_WRITE):
            asked: list[Any] = [{"DeleteRequest": {"Key": _key(key)}} for key in keys[start : start + KEYS_A_WRITE]]
            while asked:
                with as_store_unavailable("dynamodb.BatchWriteItem"):
                    answer = self._client.batch_write_item(RequestItems={self._name: asked})
                left: list[Any] = [request for rest in answer.get("UnprocessedItems", {}).values() for request in rest]
                if len(left) == len(asked):
                    raise StoreUnavailable("dynamodb.BatchWriteItem: UnprocessedItems")
                asked = left

    def made_at(self) -> float:
        """When the table was made, in epoch seconds."""
        with as_store_unavailable("dynamodb.DescribeTable"):
            return self._client.describe_table(TableName=self._name)["Table"]["CreationDateTime"].timestamp()


def _refused(error: ClientError) -> Written:
    """The result of a write whose condition failed; any other error is raised again."""
    if code(error) != "ConditionalCheckFailedException":
        raise error
    stored: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]  # of this error alone
    return Written(False, stored, repeated(error))


def _cancelled(error: ClientError) -> list[Written]:
    """The result of a transaction of which conditions failed; any other error is raised again."""
    reasons = cancellations(error)
    applied = [reason.get("Code") != _CONDITION_FAILED for reason in reasons]
    if all(applied):
        raise error
    items = [reason.get("Item", {}) for reason in reasons]
    return [Written(*each, repeated(error)) for each in zip(applied, items, strict=True)]


def _key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _placeholders(expression: str, values: Mapping[str, Attribute] | None) -> dict[str, Any]:
    names = {f"#{name}": name for name in _NAME.findall(expression)}
    given = {f":{name}": value for name, value in (values or {}).items()}
    return {
        **({"ExpressionAttributeNames": names} if names else {}),
        **({"ExpressionAttributeValues": given} if given else {}),
    }
