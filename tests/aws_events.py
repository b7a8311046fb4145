"""What S3 and SQS tell of, in the form that they give it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from textdrop.core.documents import Source
from textdrop.usecases.accept import Message

TEST_EVENT = (Path(__file__).resolve().parents[1] / "events" / "s3-test-event.json").read_text("utf-8")
"""What S3 sends when a notification is set up."""


def event(*sources: Source) -> str:
    """The S3 event of uploads, as S3 puts it into a queue."""
    return json.dumps({"Records": [event_record(source) for source in sources]})


def event_bridge_event(source: Source, detail_type: str = "Object Created") -> str:
    """The event of an upload, as EventBridge puts it into a queue: its key is as it is, its time in whole seconds."""
    seen = {"key": source.key, "size": source.size, "etag": source.etag, "sequencer": source.sequencer}
    if source.version_id:
        seen["version-id"] = source.version_id
    at = datetime.fromtimestamp(source.event_at, UTC).isoformat(timespec="seconds")
    return json.dumps(
        {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": detail_type,
            "source": "aws.s3",
            "account": "123456789012",
            "time": at.replace("+00:00", "Z"),
            "region": "eu-central-1",
            "resources": [f"arn:aws:s3:::{source.bucket}"],
            "detail": {
                "version": "0",
                "bucket": {"name": source.bucket},
                "object": seen,
                "request-id": "C3D13FE58DE4C810",
                "requester": "123456789012",
                "source-ip-address": "203.0.113.7",
                "reason": "PutObject",
            },
        }
    )


def event_record(source: Source, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """What S3 tells of one object."""
    seen = {"key": quote_plus(source.key, safe="/"), "size": source.size, "eTag": source.etag}
    seen["sequencer"] = source.sequencer
    if source.version_id:
        seen["versionId"] = source.version_id
    at = datetime.fromtimestamp(source.event_at, UTC).isoformat(timespec="milliseconds")
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": at.replace("+00:00", "Z"),
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLEEXAMPLE12"},
        "requestParameters": {"sourceIPAddress": "203.0.113.7"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcI"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "9d1a5b7e-7c1f-4c3f-9a6e-2f6f0f1f5a11",
            "bucket": {
                "name": source.bucket,
                "ownerIdentity": {"principalId": "A3NL1KOZZKEXAMPLE"},
                "arn": f"arn:aws:s3:::{source.bucket}",
            },
            "object": seen,
        },
    }


def queue_event(batch: Sequence[Message]) -> dict[str, Any]:
    """What the queue invokes submit with."""
    return {
        "Records": [
            {
                "messageId": message.id,
                "receiptHandle": message.receipt,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": str(message.receives),
                    "SentTimestamp": "1700000000000",
                    "SenderId": "AIDAEXAMPLEEXAMPLE12",
                    "ApproximateFirstReceiveTimestamp": "1700000000025",
                },
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:uploads",
                "awsRegion": "eu-central-1",
            }
            for message in batch
        ]
    }
