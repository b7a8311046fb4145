"""A document's recognised pages for several outputs: each stored page is fetched and parsed once an invocation.

Parsed pages are kept in a temporary file (about 20 KB for a printed page), so that memory holds only a few pages at a
time, however many there are. Each output reads the pages at its own pace, after the output before it is on the row.
"""

from __future__ import annotations

import marshal
import tempfile
import zlib
from collections.abc import Collection, Iterator, Sequence

from pagekit.page import RecognisedPage
from pagekit.prepared import How
from textdrop.core.documents import Operation
from textdrop.ports import DeliverPorts
from textdrop.usecases.files import stored_pages
from textdrop.usecases.time_left import check_deadline

_FASTEST = 1


class ParsedPages:
    """The pages of these operations. One `read` at a time: the one before it has ended, or is not continued."""

    def __init__(self, ports: DeliverPorts, operations: Sequence[Operation]) -> None:
        self._ports = ports
        self._operations = operations
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        # Where each parsed page begins in the file, and where the last one ends.
        self._places = [0]

    def __enter__(self) -> ParsedPages:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(
        self, deadline: float, wanted: Collection[int] | None = None
    ) -> Iterator[tuple[int, RecognisedPage | None]]:
        """The pages in order, each with its number, None for one that failed; those that are `wanted`, or all.

        Raises NoTimeLeft when the deadline is near, PageMissing and StoreUnavailable.
        """
        kept = len(self._places) - 1
        for place, operation in enumerate(self._operations[:kept]):
            if wanted is None or operation.page in wanted:
                check_deadline(self._ports, deadline)
                yield operation.page, self._kept(place)
        for operation, page in stored_pages(self._ports, self._operations[kept:]):
            check_deadline(self._ports, deadline)
            self._keep(page)
            if wanted is None or operation.page in wanted:
                yield operation.page, page

    def drawn(self) -> frozenset[int]:
        """The numbers of the pages that were drawn."""
        made = ((operation.page, operation.prepared) for operation in self._operations)
        return frozenset(page for page, prepared in made if prepared is not None and prepared.how is How.DRAWN)

    def own_text(self) -> frozenset[int]:
        """The numbers of the pages whose text is the file's own."""
        return frozenset(operation.page for operation in self._operations if operation.own_text)

    def _keep(self, page: RecognisedPage | None) -> None:
        self._file.seek(self._places[-1])
        data = marshal.dumps(page)  # type: ignore[arg-type]  # a page is plain JSON data
        self._file.write(zlib.compress(data, _FASTEST))
        self._places.append(self._file.tell())

    def _kept(self, place: int) -> RecognisedPage | None:
        self._file.seek(self._places[place])
        packed = self._file.read(self._places[place + 1] - self._places[place])
        page: RecognisedPage | None = marshal.loads(zlib.decompress(packed))
        return page
