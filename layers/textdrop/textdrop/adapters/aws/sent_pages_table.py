"""Which page was sent for a fingerprint, in the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textdrop.adapters.aws import items
from textdrop.adapters.aws.dynamodb import NO_ROW
from textdrop.adapters.aws.items import attribute
from textdrop.core.reuse import SentPage

if TYPE_CHECKING:
    from textdrop.adapters.aws.dynamodb import Table

# Nobody has claimed the page since we read the row.
SAME_CLAIM = "#document_id = :document_id AND #run = :run AND #page = :page AND #claimed_at = :claimed_at"
# The row still names the document; one that is another's, or gone, stays as it is.
OF_DOCUMENT = "#document_id = :document_id"


class DynamoSentPages:
    """The rows by fingerprint in DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, fingerprint: str) -> SentPage | None:
        stored = self._table.read(items.sent_page_key(fingerprint))
        return None if stored is None else items.to_sent_page(stored)

    def claim(self, before: SentPage | None, after: SentPage) -> bool:
        same = (
            None
            if before is None
            else {name: attribute(getattr(before, name)) for name in ("document_id", "run", "page", "claimed_at")}
        )
        written = self._table.put(items.of_sent_page(after), SAME_CLAIM if same else NO_ROW, same)
        if written.applied or not (written.repeated and written.item):
            return written.applied
        return items.to_sent_page(written.item) == after

    def forget(self, fingerprints: Sequence[str], document_id: str) -> None:
        named = {"document_id": attribute(document_id)}
        # One at a time: BatchWriteItem takes no condition, and a transaction in which one fails deletes none.
        for fingerprint in dict.fromkeys(fingerprints):
            self._table.delete(items.sent_page_key(fingerprint), OF_DOCUMENT, named)
