"""AWS in this process (moto), reached through a transport that can lose answers and break."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from local import cloudformation
from textdrop.adapters.aws.clients import CONFIG, TRIES
from textdrop.core.documents import Source

REGION = "eu-central-1"
NO_REPEATS = Config(retries={"mode": "standard", "total_max_attempts": 1})


@cache
def _session() -> boto3.Session:
    """Made once: reading what a service is takes longer than a test."""
    return boto3.Session("id", "secret", region_name=REGION)


class Transport:
    """What stands between a client and moto.

    One request at a time: moto's conditional writes are not atomic by themselves, DynamoDB's are. `requests` are all
    requests that were sent, lost answers and all.
    """

    def __init__(self) -> None:
        self.requests: list[AWSPreparedRequest] = []
        self._lock = threading.Lock()
        self._mishaps: list[Callable[[AWSPreparedRequest], AWSResponse]] = []

    def client(self, service: str, config: Config = CONFIG) -> Any:
        """A client as the functions have it, over this transport."""
        client = _session().client(service, config=config)  # type: ignore[call-overload]  # any
        client.meta.events.unregister("before-send", botocore_stubber)
        client.meta.events.register("before-send", self._send)
        return client

    def lose_answer(self) -> None:
        """The next request takes effect, and the connection is closed before its answer comes."""

        def lost(request: AWSPreparedRequest) -> AWSResponse:
            self._perform(request)
            raise ConnectionClosedError(endpoint_url=request.url)

        self._mishaps.append(lost)

    def break_down(self) -> None:
        """The next call, with all its tries, reaches nobody."""

        def unreachable(request: AWSPreparedRequest) -> AWSResponse:
            raise EndpointConnectionError(endpoint_url=request.url)

        self._mishaps.extend([unreachable] * TRIES)

    def answer(self, status: int, body: str, headers: dict[str, str] | None = None, times: int = 1) -> None:
        """The next requests are answered so, without any effect."""

        def answered(request: AWSPreparedRequest) -> AWSResponse:
            named = HTTPHeaders()
            for name, value in (headers or {}).items():
                named[name] = value
            return AWSResponse(request.url, status, named, MockRawResponse(body))

        self._mishaps.extend([answered] * times)

    def left(self) -> int:
        """How many mishaps are still to come; none are afterwards."""
        left = len(self._mishaps)
        self._mishaps.clear()
        return left

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        with self._lock:
            self.requests.append(request)
            return self._mishaps.pop(0)(request) if self._mishaps else self._perform(request)

    def _perform(self, request: AWSPreparedRequest) -> AWSResponse:
        answer = botocore_stubber("before-send", request)
        if answer is None:
            raise EndpointConnectionError(endpoint_url=request.url)
        return answer


@cache
def _table() -> dict[str, Any]:
    table = cloudformation.load()["Resources"]["Table"]["Properties"]
    parts = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {part: table[part] for part in parts}


def make_table(client: Any, name: str) -> None:
    """The table as the template has it."""
    client.create_table(TableName=name, **_table())


class MotoBucket:
    """A bucket in moto, as an uploader sees it: the counterpart of `fakes.FakeBucket`."""

    def __init__(self, client: Any, name: str, *, versioned: bool = True) -> None:
        self.name = name
        self._client = client
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def put(
        self,
        key: str,
        body: bytes,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "binary/octet-stream",
    ) -> Source:
        """Stores the object; returns it as an event tells of it."""
        answer = self._client.put_object(
            Bucket=self.name, Key=key, Body=body, Metadata=metadata or {}, ContentType=content_type
        )
        return Source(
            bucket=self.name,
            key=key,
            version_id=answer.get("VersionId", ""),
            etag=answer["ETag"].strip('"'),
            size=len(body),
            sequencer="0A",
            event_at=1_700_000_000.0,
        )

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.name, Key=key)

    def forget(self, key: str, version_id: str) -> None:
        self._client.delete_object(Bucket=self.name, Key=key, VersionId=version_id)

    def keys(self) -> list[str]:
        """The keys of all objects there are."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", []))

    def version_counts(self) -> dict[str, int]:
        """How many versions each key has, delete markers among them."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.name)
        found = [one["Key"] for page in pages for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, [])]
        return {key: found.count(key) for key in sorted(set(found))}

    def unfinished_uploads(self) -> int:
        """Uploads in several parts that were neither completed nor aborted."""
        return len(self._client.list_multipart_uploads(Bucket=self.name).get("Uploads", []))

    def content_type(self, key: str) -> str:
        return str(self._client.head_object(Bucket=self.name, Key=key)["ContentType"])
