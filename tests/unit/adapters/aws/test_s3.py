"""Uploads over real HTTP: what S3 can send that a client may choke on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from textdrop.adapters.aws.s3 import S3Sources
from textdrop.core.documents import Source

# S3 counts names and values, 2 KB in all: a thousand names of two letters fit, and each is a header.
NAMES = [f"x-amz-meta-{first}{second}" for first in "abcdefghijklmnopqrstuvwxyz" for second in "0123456789abcdefghijk"]


class OfMuchMetadata(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        for name in NAMES:
            self.send_header(name, "")
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Sat, 14 Mar 2026 09:26:53 GMT")
        self.send_header("Content-Length", "3")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OfMuchMetadata) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_upload_with_all_the_metadata_that_s3_takes_can_be_looked_at(endpoint: str) -> None:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={})
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    client = session.client("s3", endpoint_url=endpoint, config=config)
    seen = S3Sources(client).head(Source("uploads", "a.png", "v1", event_at=0.0))
    client.close()
    assert len(seen.metadata) == len(NAMES) > 500
    assert seen.source.size == 3
