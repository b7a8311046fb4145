"""The ledger and its sums, in memory."""

from __future__ import annotations

from dataclasses import replace

from fakes.faults import Fake, Faults, effect
from textdrop.core import ledger
from textdrop.core.documents import Outcome
from textdrop.core.ledger import DaySums, HistoryCursor, HistoryPage, Run


class FakeLedger(Fake):
    """`rows` are what is stored, by document and run."""

    port = "ledger"

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.rows: dict[tuple[str, int], Run] = {}

    @effect
    def put(self, run: Run) -> Run:
        return self.rows.setdefault((run.document_id, run.run), run)

    @effect
    def runs(self, document_id: str) -> list[Run]:
        return [row for (of, _), row in sorted(self.rows.items()) if of == document_id]

    @effect
    def forget_key(self, document_id: str) -> None:
        for name, row in self.rows.items():
            if row.document_id == document_id:
                self.rows[name] = replace(row, key="")

    @effect
    def history(
        self,
        month: str,
        outcome: Outcome,
        since: float,
        until: float,
        limit: int,
        after: HistoryCursor | None = None,
        *,
        newest_first: bool = False,
    ) -> HistoryPage:
        found = [
            row
            for row in self.rows.values()
            if row.outcome is outcome and ledger.month(row.ended_at) == month and since <= row.ended_at <= until
        ]
        found.sort(key=_place, reverse=newest_first)
        if after is not None:
            place = (after.ended_at, after.document_id, after.run)
            found = [row for row in found if (_place(row) < place if newest_first else _place(row) > place)]
        # As DynamoDB, which does not look whether there is more.
        last = found[limit - 1] if len(found) >= limit else None
        return HistoryPage(tuple(found[:limit]), None if last is None else HistoryCursor(*_place(last)))


def _place(row: Run) -> tuple[float, str, int]:
    return row.ended_at, row.document_id, row.run


class FakeSums(Fake):
    """`rows` are what is stored, by day."""

    port = "sums"

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.rows: dict[str, DaySums] = {}

    @effect
    def read(self, since: str, until: str) -> list[DaySums]:
        return [row for day, row in sorted(self.rows.items()) if since <= day <= until]

    @effect
    def write(self, before: DaySums, after: DaySums) -> bool:
        stored = self.rows.get(after.day, DaySums(after.day))
        if stored.rev != before.rev:
            return self.repeated and stored == after
        self.rows[after.day] = after
        return True
