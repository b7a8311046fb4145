"""An upload of any size as a file that is read in pieces: what is asked for, and a little ahead."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING, BinaryIO, cast

from textdrop.adapters.aws.failures import as_store_unavailable
from textdrop.adapters.aws.s3 import _as_its_object, _content, _which
from textdrop.core.documents import Source
from textdrop.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client

BLOCK_BYTES = 1024 * 1024
BLOCKS_KEPT = 12
BLOCKS_AHEAD = 4


def open_range(client: S3Client, source: Source) -> BinaryIO:
    """The upload as a file that can be read and sought, for one thread at a time. `source` must have been seen.

    Nothing is asked before the first read. A read raises ObjectGone, ObjectForbidden or StoreUnavailable.
    """
    return cast(BinaryIO, RangedObject(client, source))


class RangedObject(io.RawIOBase):
    """One version of an S3 object, read by GetObject with a range; at most `BLOCKS_KEPT` blocks are held.

    A block is asked for when it is first read, and again once newer ones have taken its place. Where reading goes on
    from block to block, each request asks for twice as many blocks as the one before, up to `BLOCKS_AHEAD`: so a file
    that is read through costs few requests, one that is read here and there few bytes. `requests` and `bytes_read`
    count what S3 was asked for and gave.
    """

    def __init__(self, client: S3Client, source: Source, block_bytes: int = BLOCK_BYTES) -> None:
        super().__init__()
        self.requests = 0
        self.bytes_read = 0
        self._client = client
        self._source = source
        self._block_bytes = block_bytes
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._ahead = 1
        self._next = -1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            raise ValueError("a position before the start of the file")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fills the buffer, unless the file ends before."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._source.size - self._position))
        done = 0
        while done < wanted:
            number, within = divmod(self._position, self._block_bytes)
            piece = self._block(number)[within : within + wanted - done]
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def readall(self) -> bytes:
        return self.read(max(0, self._source.size - self._position)) or b""

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            self._fetch(number)
            block = self._blocks[number]
        self._blocks.move_to_end(number)
        return block

    def _fetch(self, number: int) -> None:
        self._ahead = min(self._ahead * 2, BLOCKS_AHEAD) if number == self._next else 1
        after = number + 1
        while after < number + self._ahead and after not in self._blocks:
            after += 1
        self._next = after
        content = self._get(number * self._block_bytes, min(after * self._block_bytes, self._source.size))
        for place in range(number, after):
            within = (place - number) * self._block_bytes
            if within < len(content):
                self._blocks[place] = content[within : within + self._block_bytes]
        while len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)

    def _get(self, start: int, end: int) -> bytes:
        self.requests += 1
        with as_store_unavailable("s3.GetObject"), _as_its_object():
            answer = self._client.get_object(**_which(self._source), Range=f"bytes={start}-{end - 1}")
            if answer["ContentLength"] != end - start:
                # A whole object in place of a piece, or a piece of another size than was looked at: not to be read.
                answer["Body"].close()
                raise StoreUnavailable(f"s3.GetObject: {answer['ContentLength']} bytes, {end - start} expected")
            content = _content(answer["Body"])
        self.bytes_read += len(content)
        return content
