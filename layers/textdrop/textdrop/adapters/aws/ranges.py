"""An upload as a file that is read where needed: one version of an object, by ranges."""

from __future__ import annotations

import io
from collections import OrderedDict
from contextlib import closing
from typing import TYPE_CHECKING

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.adapters.aws.objects import as_its_object, content, which
from textdrop.core.documents import Source
from textdrop.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

WHOLE_BYTES = 10_000_000
"""An object of this size, the most that one page may have, or less is read by one request."""

BLOCK_BYTES = 256 * 1024
MAX_BLOCKS_AT_ONCE = 16
"""4 MB a request: it takes some 30 ms until a request's first byte comes, as long as 2 MB take."""

KEPT_BLOCKS = 64
"""16 MB: a page is read once to be inspected and once to be cut, and what pages share is read again and again."""

# Places where reading may continue: the table of objects, the list of pages and the pages themselves alternate.
_KEPT_RUNS = 8
# A page is often written behind its picture, and read before it.
_MOST_SKIPPED = 8
_BUFFER_BYTES = 16 * 1024


def open_range(client: S3Client, source: Source) -> io.BufferedReader:
    """One version of an object as a file that can be read from any position; it takes at most 25 MB.

    `source` is complete: it has the size and the version or ETag from a HEAD request. Nothing is requested before it is
    read. Reads raise ObjectGone or ObjectDeleted, ObjectForbidden or StoreUnavailable; they may be repeated. Several
    threads may use it, one at a time.
    """
    return io.BufferedReader(_Ranges(client, source), _BUFFER_BYTES)


class _Ranges(io.RawIOBase):
    """Blocks of the object, each requested when it is first read. Where reading continues, requests grow."""

    def __init__(self, client: S3Client, source: Source) -> None:
        super().__init__()
        self._client = client
        self._source = source
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        # For each of the last requests: the block after it, and how many blocks it brought.
        self._runs: OrderedDict[int, int] = OrderedDict()
        whole = source.size <= WHOLE_BYTES
        self._block_bytes = max(source.size, 1) if whole else BLOCK_BYTES
        self._blocks_in_all = -(-source.size // self._block_bytes)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            raise ValueError(f"there is nothing before the beginning ({start + offset})")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fills the buffer as far as the object goes: a short read is its end."""
        into = memoryview(buffer).cast("B")
        end = min(self._position + len(into), self._source.size)
        filled = 0
        while self._position < end:
            number, start = divmod(self._position, self._block_bytes)
            # How far this read goes is known, so that much is requested at once.
            block = self._block(number, -(-end // self._block_bytes))
            piece = memoryview(block)[start : start + end - self._position]
            into[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def _block(self, number: int, wanted_until: int) -> bytes:
        if number not in self._blocks:
            self._request(number, wanted_until)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _request(self, number: int, wanted_until: int) -> None:
        """Gets the block, those after it that are probably read next, and those skipped since the last request."""
        wanted_until = max(wanted_until, number + 1)
        number = self._skipped_since(number)
        count = max(2 * self._runs.pop(number, 0), wanted_until - number)
        until = min(number + min(count, MAX_BLOCKS_AT_ONCE), self._blocks_in_all)
        until = next((known for known in range(number + 1, until) if known in self._blocks), until)
        run = self._get(number * self._block_bytes, min(until * self._block_bytes, self._source.size))
        for start in range(0, len(run), self._block_bytes):
            self._blocks[number + start // self._block_bytes] = run[start : start + self._block_bytes]
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        self._runs[until] = until - number
        while len(self._runs) > _KEPT_RUNS:
            self._runs.popitem(last=False)

    def _skipped_since(self, number: int) -> int:
        """The block where a request ended shortly before this one, if none in between is known; otherwise this one."""
        for skipped in range(number, number - _MOST_SKIPPED, -1):
            if skipped in self._blocks:
                break
            if skipped in self._runs:
                return skipped
        return number

    def _get(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`."""
        size = self._source.size
        with as_store_unavailable("s3.GetObject"), as_its_object():
            if end - start == size:
                answer = self._client.get_object(**which(self._source))
            else:
                answer = self._client.get_object(Range=f"bytes={start}-{end - 1}", **which(self._source))
            told, length, body = answer.get("ContentRange"), answer["ContentLength"], answer["Body"]
            if length == end - start and (length == size or told == f"bytes {start}-{end - 1}/{size}"):
                return content(body)
            if length == size and told is None:
                # The server ignores ranges or versions, and sends the whole.
                return _part(body, start, end)
            body.close()
        raise StoreUnavailable(f"s3.GetObject: {length} bytes ({told}), {start} to {end} of {size} expected")


def _part(body: StreamingBody, start: int, end: int) -> bytes:
    """The bytes from `start` up to `end` of a body; the rest is left unread, and its connection closed."""
    with closing(body):
        left = start
        while left and (skipped := len(body.read(min(left, BLOCK_BYTES)))):
            left -= skipped
        found = body.read(end - start)
    if len(found) != end - start:
        raise StoreUnavailable(f"s3.GetObject: {len(found)} bytes, {end - start} expected")
    return found
