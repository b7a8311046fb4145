"""The pages that documents have reserved within the caps, in the table: one row a month, with its days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textdrop.adapters.aws import items
from textdrop.adapters.aws.documents_table import document_update, was_written_before
from textdrop.adapters.aws.dynamodb import Update
from textdrop.adapters.aws.items import SCHEMA, attribute
from textdrop.core.caps import Answer, Caps, Used
from textdrop.core.documents import Document

if TYPE_CHECKING:
    from textdrop.adapters.aws.dynamodb import Table

# Nothing of the period is reserved yet, or there is room for what is added.
HAS_ROOM = "(attribute_not_exists(#{name}) OR #{name} <= :room_{name})"
PAGES = "pages"


class DynamoReservations:
    """The reservations in DynamoDB: a document's row and its months' rows change in one transaction."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, day: str) -> Used:
        stored = self._table.read(items.caps_key(day[:7]))
        return Used() if stored is None else items.to_used(stored, day)

    def write(self, before: Document, after: Document, changes: Mapping[str, int], caps: Caps | None) -> Answer:
        updates = [document_update(before, after)]
        # A transaction may contain an item only once: the days of a month are one change.
        for month, days in _by_month(changes).items():
            rooms = _rooms(days, caps or Caps())
            if any(room < 0 for room in rooms.values()):
                return Answer.OVER
            updates.append(_month_update(month, days, rooms))
        document, *months = self._table.update_together(updates)
        if not document.applied:
            return Answer.WRITTEN if was_written_before(document, before, after) else Answer.LOST
        return Answer.WRITTEN if all(month.applied for month in months) else Answer.OVER


def _by_month(changes: Mapping[str, int]) -> Mapping[str, dict[str, int]]:
    """How the attributes of each month's row change: those of its days, and of the month."""
    months: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for day, change in changes.items():
        months[day[:7]][items.day_attribute(day)] = change
    return {month: {**days, PAGES: sum(days.values())} for month, days in months.items()}


def _rooms(days: Mapping[str, int], caps: Caps) -> Mapping[str, int]:
    """For each attribute to which pages are added, and that has a cap: the most pages it may have before."""
    most = {name: caps.pages_per_month if name == PAGES else caps.pages_per_day for name in days}
    return {name: most[name] - change for name, change in days.items() if change > 0 and most[name]}


def _month_update(month: str, days: Mapping[str, int], rooms: Mapping[str, int]) -> Update:
    values = {**days, **{f"room_{name}": room for name, room in rooms.items()}, "schema": SCHEMA}
    return Update(
        items.caps_key(month),
        f"SET #schema = :schema ADD {', '.join(f'#{name} :{name}' for name in days)}",
        " AND ".join(HAS_ROOM.format(name=name) for name in rooms),
        {name: attribute(value) for name, value in values.items()},
    )
