"""The ledger and its sums, in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textdrop.adapters.aws import items
from textdrop.adapters.aws.dynamodb import EXISTS, NO_ROW, SAME_REV
from textdrop.adapters.aws.items import attribute
from textdrop.core.documents import Outcome
from textdrop.core.ledger import DaySums, HistoryCursor, HistoryPage, Run

if TYPE_CHECKING:
    from textdrop.adapters.aws.dynamodb import Table


class DynamoLedger:
    """The ledger in DynamoDB; see the port for what each method promises."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, run: Run) -> Run:
        # A failed condition returns the row that is there: an earlier try's, or an earlier worker's.
        return items.to_run(self._table.put(items.of_run(run), NO_ROW).item)

    def runs(self, document_id: str) -> list[Run]:
        found = self._table.query(
            "#pk = :document AND begins_with(#sk, :runs)",
            {"document": attribute(document_id), "runs": attribute(items.RUNS_PREFIX)},
        )
        return [items.to_run(stored) for stored in found]

    def forget_key(self, document_id: str) -> None:
        for run in self.runs(document_id):
            if run.key:
                self._table.update(items.run_key(document_id, run.run), "REMOVE #key", EXISTS, {})

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
        # DynamoDB refuses bounds in the wrong order, and a position outside of them.
        if after is not None and newest_first and after.ended_at <= until:
            until = after.ended_at
        elif after is not None and not newest_first and after.ended_at >= since:
            since = after.ended_at
        else:
            after = None
        if since > until:
            return HistoryPage((), None)
        found, last = self._table.query_history(
            "#history = :history AND #ended_at BETWEEN :since AND :until",
            {
                "history": attribute(items.history_of(month, outcome)),
                "since": attribute(since),
                "until": attribute(until),
            },
            limit,
            None if after is None else items.of_cursor(month, outcome, after),
            newest_first=newest_first,
        )
        return HistoryPage(tuple(map(items.to_run, found)), None if last is None else items.to_cursor(last))


class DynamoSums:
    """The sums of the ledger in DynamoDB: one partition, by day."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, since: str, until: str) -> list[DaySums]:
        if since > until:  # which DynamoDB refuses
            return []
        found = self._table.query(
            "#pk = :sums AND #sk BETWEEN :since AND :until",
            {"sums": attribute(items.SUMS_PK), "since": attribute(since), "until": attribute(until)},
        )
        return [items.to_sums(stored) for stored in found]

    def write(self, before: DaySums, after: DaySums) -> bool:
        same = {"rev_before": attribute(before.rev)} if before.rev else None
        written = self._table.put(items.of_sums(after), SAME_REV if same else NO_ROW, same)
        return written.applied or (written.repeated and items.to_sums(written.item) == after)
