"""What the parent and its child process say to each other over pipes: a line of JSON, then as many bytes as it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

Message = Mapping[str, Any]

MAX_LINE_BYTES = 32 * 1024 * 1024
"""A page that is as large as `pagekit.outputs.page_bounds` lets it be takes up to 24 MB."""

MAX_CONTENT_BYTES = 64 * 1024 * 1024


class Broken(Exception):
    """What was received is no message."""


def send(to: IO[bytes], message: Message, content: bytes = b"") -> None:
    """The message and its content are on their way. Raises OSError when nobody reads any more."""
    to.write(json.dumps({**message, "bytes": len(content)}).encode() + b"\n")
    to.write(content)
    to.flush()


def receive(source: IO[bytes]) -> tuple[Message, bytes] | None:
    """The next message and its content; None when the other side has ended. Raises Broken."""
    line = source.readline(MAX_LINE_BYTES)
    if not line:
        return None
    try:
        message = json.loads(line)
        length = message["bytes"]
    except (ValueError, KeyError, TypeError) as error:
        raise Broken from error
    if not isinstance(length, int) or not 0 <= length <= MAX_CONTENT_BYTES:
        raise Broken
    content = source.read(length)
    return (message, content) if len(content) == length else None
