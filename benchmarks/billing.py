"""What AWS would bill for the requests that were really sent: DynamoDB's units, S3's tiers, SQS's and SNS's requests.

DynamoDB's units go by the documented rules (developer guide, "Read and write operations"): a write takes a unit for
each begun KB of the larger of the item before and after, also when its condition fails; each change of an index entry
another, two where its key changes; a consistent read a unit for each begun 4 KB, any other half. An item's size is
that of its names and values.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from contract.moto_aws import REGION, Transport

Stored = Mapping[str, Any]
INDEX_KEYS = ("due_kind", "due_at")
CHUNK_BYTES = 64 * 1024


class Billed(Transport):
    """A transport that counts. `counts`: units and requests; DynamoDB's also by the kind of row."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def _perform(self, request: AWSPreparedRequest) -> AWSResponse:
        self.requests.clear()  # they would fill the memory
        host = urlsplit(request.url).netloc
        if host.startswith("dynamodb."):
            return self._dynamodb(request)
        answer = super()._perform(request)
        if host.startswith("sqs."):
            self.counts["sqs.request"] += _chunks(request)
        elif host.startswith("sns."):
            self.counts["sns.publish"] += _chunks(request)
        else:
            self.counts[s3_request(request.method or "", request.url)] += 1
        return answer

    def _dynamodb(self, request: AWSPreparedRequest) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        asked = json.loads(_body(request))
        key = asked.get("Key") or {part: asked.get("Item", {}).get(part) for part in ("pk", "sk")}
        before = _stored(asked["TableName"], key) if name in ("PutItem", "UpdateItem") else None
        answer = super()._perform(request)
        self.counts["dynamodb.request"] += 1
        if name in ("PutItem", "UpdateItem"):
            after = _stored(asked["TableName"], key)
            kind = _kind(key)
            self._count("dynamodb.write_unit", kind, write_units(before, after))
            self._count("dynamodb.index_unit", kind, index_units(before, after))
            self.counts[f"{name} {kind}"] += 1
            if answer.status_code != 200:
                self.counts[f"refused {kind}"] += 1
        else:
            found = json.loads(answer.content)
            items = found["Items"] if name == "Query" else [item for item in [found.get("Item")] if item]
            kind = _read_kind(asked, key, items)
            self._count("dynamodb.read_unit", kind, read_units(items, asked.get("ConsistentRead", False)))
            self.counts[f"rows read {kind}"] += len(items)
            self.counts[f"{name} {kind}"] += 1
        return answer

    def _count(self, what: str, kind: str, units: float) -> None:
        self.counts[what] += units  # type: ignore[assignment]  # half units
        self.counts[f"{what} {kind}"] += units  # type: ignore[assignment]


def write_units(before: Stored | None, after: Stored | None) -> int:
    """What a write of the table itself takes, whether or not it was applied."""
    return max(1, math.ceil(max(size(before), size(after)) / 1024))


def index_units(before: Stored | None, after: Stored | None) -> int:
    """What the entry in the index takes besides: keys only, so it changes with its keys alone, and is small."""
    old, new = _entry(before), _entry(after)
    if old == new:
        return 0
    return (old is not None) + (new is not None)


def read_units(items: Iterable[Stored], consistent: bool) -> float:
    """What reading these items by one request takes."""
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
    """Which price a request to S3 has. A DELETE is free; deleting several by one POST is taken for a POST."""
    if method == "DELETE":
        return "s3.delete"
    listing = method == "GET" and "list-type" in parse_qs(urlsplit(url).query, keep_blank_values=True)
    return "s3.write_request" if method in ("PUT", "POST") or listing else "s3.read_request"


def _entry(item: Stored | None) -> tuple[Any, ...] | None:
    if item is None or any(name not in item for name in INDEX_KEYS):
        return None
    return tuple(item[name] for name in INDEX_KEYS)


def _stored(table: str, key: Mapping[str, Any]) -> Stored | None:
    item = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_item(table, dict(key))
    return None if item is None else item.to_json()["Attributes"]


def _kind(key: Mapping[str, Any]) -> str:
    return str(key["sk"]["S"]).partition("#")[0]


def _read_kind(asked: Mapping[str, Any], key: Mapping[str, Any], items: list[Stored]) -> str:
    if asked.get("IndexName"):
        return f"due {asked['ExpressionAttributeValues'][':kind']['S']}"
    return _kind(key) if key.get("sk") else "operations"


def _chunks(request: AWSPreparedRequest) -> int:
    return max(1, math.ceil(len(_body(request)) / CHUNK_BYTES))


def _body(request: AWSPreparedRequest) -> bytes:
    body = request.body or b""
    if isinstance(body, str):
        return body.encode()
    if not isinstance(body, bytes | bytearray):
        raise TypeError("a request's body is not at hand")
    return bytes(body)
