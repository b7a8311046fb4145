"""What AWS would bill for the requests that were actually sent: DynamoDB's units, S3's tiers, SQS's and SNS's requests.

DynamoDB's units follow the documented rules (developer guide, "Read and write operations"): a write takes one unit
for each begun KB of the item before or after it, whichever is larger, even if its condition fails; in a transaction
twice as many. A change of an index entry takes one unit for each begun KB of the entry, and twice that if its key
changes. A consistent read takes one unit for each begun 4 KB, any other read half of that; if several items are read at
once, for each item. An item's size is that of its names and values.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from contract.moto_aws import REGION
from lambda_runtime.aws_over_http import AwsOverHttp
from local.http_server import Answer, Request

Stored = Mapping[str, Any]
TRANSACTION = "TransactWriteItems"
WRITES = ("PutItem", "UpdateItem", TRANSACTION)
DUE_KEYS, HISTORY_KEYS = ("due_kind", "due_at"), ("history", "ended_at")
CHUNK_BYTES = 64 * 1024
LATENCY_SECONDS = {"dynamodb": 0.005, "sqs": 0.010, "sns": 0.020, "s3": 0.030, "lambda": 0.030}
"""The time of a request within a region, rounded up from usual values: no request is answered earlier here."""


class BilledAws(AwsOverHttp):
    """AWS over HTTP that counts requests. `counts`: units and requests; DynamoDB's also by the kind of row."""

    def __init__(self, served: Callable[[str], None]) -> None:
        """`served` is called with the service of each request that took effect."""
        self.counts: defaultdict[str, float] = defaultdict(float)
        self._served = served
        self._counting = threading.RLock()
        super().__init__()

    def count(self, what: str, units: float = 1) -> None:
        """Adds to what was used."""
        with self._counting:
            self.counts[what] += units

    def answer(self, asked: Request) -> Answer:
        began = time.monotonic()
        with self._counting:  # so that the item seen before a write is the one that it changes
            action = asked.headers.get("x-amz-target", "").rpartition(".")[2]
            before = self._items(action, asked.body)
            answer = super().answer(asked)
            service = self.requests.pop().service
            self._count(service, asked.method, asked.path, action, asked.body, before, answer)
        self._served(service)
        time.sleep(max(0.0, LATENCY_SECONDS.get(service, 0.0) - (time.monotonic() - began)))
        return answer

    def _count(
        self,
        service: str,
        method: str,
        path: str,
        action: str,
        body: bytes,
        before: Sequence[Stored | None],
        answer: Answer,
    ) -> None:
        match service:
            case "dynamodb":
                self._count_dynamodb(action, body, before, answer)
            case "sqs" | "sns":
                name = "sqs.request" if service == "sqs" else "sns.publish"
                self.count(name, max(1, math.ceil(len(body) / CHUNK_BYTES)))
            case "s3":
                self.count(s3_request(method, path))

    def _count_dynamodb(self, action: str, body: bytes, before: Sequence[Stored | None], answer: Answer) -> None:
        status, _, content = answer
        asked = json.loads(body)
        self.count("dynamodb.request")
        if action == "BatchWriteItem":
            raise ValueError("no units of BatchWriteItem: no benchmark deletes documents")
        if action == "BatchGetItem":
            found = [item for items in json.loads(content)["Responses"].values() for item in items]
            missing = sum(len(of["Keys"]) for of in asked["RequestItems"].values()) - len(found)
            self.count("dynamodb.read_unit", sum(read_units([item], False) for item in [*found, *[None] * missing]))
        elif action in WRITES:
            times = 2 if action == TRANSACTION else 1
            for written, old, new in zip(_written(action, body), before, self._items(action, body), strict=True):
                kind = _kind(_key(written))
                self.count(f"{action} {kind}")
                for name in ("dynamodb.write_unit", f"write_unit {kind}"):
                    self.count(name, times * write_units(old, new) + index_units(old, new))
                if status != 200:
                    self.count(f"refused {kind}")
        else:
            found = json.loads(content)
            items = found["Items"] if action == "Query" else [item for item in [found.get("Item")] if item]
            self.count("dynamodb.read_unit", read_units(items, asked.get("ConsistentRead", False)))

    @staticmethod
    def _items(action: str, body: bytes) -> list[Stored | None]:
        """The items that a request writes, as they are stored now."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION]
        found = [table.get_item(written["TableName"], dict(_key(written))) for written in _written(action, body)]
        return [None if item is None else item.to_json()["Attributes"] for item in found]


def write_units(before: Stored | None, after: Stored | None) -> int:
    """The units of a write to the table itself, whether or not it was applied."""
    return max(1, math.ceil(max(size(before), size(after)) / 1024))


def index_units(before: Stored | None, after: Stored | None) -> int:
    """The units of the entries in the indexes, in addition. `due` has only keys, so its entry changes only with them,
    and is small; `history` has the whole item."""
    old, new = _entry(before, DUE_KEYS), _entry(after, DUE_KEYS)
    due = 0 if old == new else (old is not None) + (new is not None)
    old, new = _entry(before, HISTORY_KEYS), _entry(after, HISTORY_KEYS)
    if before == after or (old is None and new is None):
        return due
    if old == new:
        return due + write_units(before, after)
    return due + sum(write_units(item, None) for item, entry in ((before, old), (after, new)) if entry is not None)


def read_units(items: Iterable[Stored | None], consistent: bool) -> float:
    """The units of reading these items with one request."""
    units = max(1, math.ceil(sum(map(size, items)) / 4096))
    return units if consistent else units / 2


def size(item: Stored | None) -> int:
    """An item's bytes, of names and values."""
    return 0 if item is None else sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    [(kind, held)] = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return _number_bytes(held)
        case "NS":
            return sum(map(_number_bytes, held))
        case "L":
            return 3 + sum(1 + _value_bytes(element) for element in held)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(element) for name, element in held.items())
        case "BOOL" | "NULL":
            return 1
    raise ValueError(f"no size of {kind}")


def _number_bytes(text: str) -> int:
    # "approximately (length of significant digits / 2) + 1", and one for a sign
    digits = text.partition("e")[0].lstrip("-0.").replace(".", "")
    return math.ceil(max(1, len(digits)) / 2) + 1 + text.startswith("-")


def s3_request(method: str, url: str) -> str:
    """The price of a request to S3. A DELETE is free; deleting several objects with one POST counts as a POST."""
    if method == "DELETE":
        return "s3.delete"
    named = parse_qs(urlsplit(url).query, keep_blank_values=True)
    listing = method == "GET" and ("list-type" in named or "versions" in named)
    return "s3.write_request" if method in ("PUT", "POST") or listing else "s3.read_request"


def _entry(item: Stored | None, keys: Sequence[str]) -> tuple[Any, ...] | None:
    if item is None or any(name not in item for name in keys):
        return None
    return tuple(item[name] for name in keys)


def _written(action: str, body: bytes) -> list[Mapping[str, Any]]:
    """The write of each item in a request."""
    if action not in WRITES:
        return []
    asked = json.loads(body)
    return [asked] if action != TRANSACTION else [each["Update"] for each in asked["TransactItems"]]


def _key(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    return asked.get("Key") or {part: asked["Item"][part] for part in ("pk", "sk")}


def _kind(key: Mapping[str, Any]) -> str:
    return str(key["sk"]["S"]).partition("#")[0]
