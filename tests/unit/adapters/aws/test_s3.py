"""Uploads over real HTTP: what S3 can send that a client may choke on."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config

from textdrop.adapters.aws.s3 import S3Sources
from textdrop.core.documents import Source
from unit.adapters.yandex.scripted_service import ScriptedService, raw

# S3 counts names and values, 2 KB in all: a thousand names of two letters fit, and each is a header.
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMES = [f"x-amz-meta-{first}{second}" for first in LETTERS for second in f"{LETTERS}0123456789-_."]


HEAD = "\r\n".join(
    [
        "HTTP/1.1 200 OK",
        *[f"{name}: " for name in NAMES],
        "x-amz-version-id: v1",
        "x-amz-meta-Author: =?UTF-8?B?0JDQvdC90LA=?=",
        'ETag: "e"',
        "Last-Modified: Sat, 14 Mar 2026 09:26:53 GMT",
        "Content-Length: 3",
    ]
)


@pytest.fixture
def endpoint() -> Iterator[str]:
    service = ScriptedService()
    service.plays(raw(f"{HEAD}\r\n\r\n".encode()))
    yield service.base_url
    service.stop()


def test_an_upload_with_all_the_metadata_that_s3_takes_is_seen(endpoint: str) -> None:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={})
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    client = session.client("s3", endpoint_url=endpoint, config=config)
    seen = S3Sources(client).head(Source("uploads", "a.png", "v1", event_at=0.0))
    client.close()
    assert len(seen.metadata) == len(NAMES) + 1 > 1_000
    assert seen.metadata["author"] == "Анна"
    assert seen.source.size == 3
