"""The rows that concern the whole stack: submit quota, pause, tick, reconcile's run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

from textdrop.adapters.aws import items
from textdrop.adapters.aws.dynamodb import NO_ROW, SAME_REV
from textdrop.adapters.aws.items import QUOTA_KEY, SCHEMA, TICK_KEY, attribute
from textdrop.core.pause import Pause
from textdrop.core.quota import Quota
from textdrop.core.reconciling import ReconcileRun
from textdrop.ports import Tick

if TYPE_CHECKING:
    from textdrop.adapters.aws.dynamodb import Table, Written
    from textdrop.adapters.aws.items import Key

# --- the submit quota -------------------------------------------------------------------------------------------------

# The next free time has passed, or nobody has reserved yet: slots begin now.
BEHIND_NOW = "attribute_not_exists(#next_free_at) OR #next_free_at <= :now"
# The next free time is in the future, and near enough: slots begin there.
AHEAD_OF_NOW = "#next_free_at > :now AND #next_free_at <= :latest"
# No other worker has reported a throttle since we read the row (which may not be there yet).
SAME_THROTTLES = "#throttles = :before"
NO_THROTTLES = "attribute_not_exists(#throttles)"
# Reservations made since we read the row reach no further than what we write, so they may be overwritten.
NOT_PAST = "(attribute_not_exists(#next_free_at) OR #next_free_at <= :next_free_at)"


class DynamoSubmitQuota:
    """The submit quota in DynamoDB. Safe to call from several threads."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._next_free_at = 0.0  # as last seen, to try the likelier form first; any value is right

    def read(self) -> Quota:
        stored = self._table.read(QUOTA_KEY)
        quota = Quota() if stored is None else items.to_row(Quota, stored)
        self._next_free_at = quota.next_free_at
        return quota

    def reserve(self, slots: int, interval_seconds: float, now: float, ahead_seconds: float) -> float | None:
        # An update expression has no max(), so there is one form for each side of now. The row only moves forward, so
        # behind → ahead is the only change from one form to the other, and three tries cover every case.
        latest, taken = now + ahead_seconds, slots * interval_seconds
        ahead = self._next_free_at > now
        for _ in range(3):
            written = self._reserve_ahead(taken, now, latest) if ahead else self._reserve_behind(taken, now)
            seen = items.to_row(Quota, written.item).next_free_at
            if written.applied:
                starts_at = seen if ahead else now
                self._next_free_at = starts_at + taken
                return starts_at
            self._next_free_at = seen
            if seen > latest:
                return None
            ahead = seen > now
        return None

    def _reserve_behind(self, taken: float, now: float) -> Written:
        values = {"free": attribute(now + taken), "schema": attribute(SCHEMA), "now": attribute(now)}
        return self._table.update(
            QUOTA_KEY, "SET #next_free_at = :free, #schema = :schema", BEHIND_NOW, values, returned="ALL_OLD"
        )

    def _reserve_ahead(self, taken: float, now: float, latest: float) -> Written:
        values = {"taken": attribute(taken), "now": attribute(now), "latest": attribute(latest)}
        return self._table.update(QUOTA_KEY, "ADD #next_free_at :taken", AHEAD_OF_NOW, values, returned="ALL_OLD")

    def write(self, before: Quota, after: Quota) -> bool:
        """As the port says, except that `next_free_at` never moves back: slots reserved concurrently stay reserved."""
        same = SAME_THROTTLES if before.throttles else f"({SAME_THROTTLES} OR {NO_THROTTLES})"
        new = {name: getattr(after, name) for name in ("factor", "factor_at", "throttled_until", "throttles")}
        new["schema"] = SCHEMA
        forward = {**new, "next_free_at": after.next_free_at}
        written = self._table.set(QUOTA_KEY, forward, f"{same} AND {NOT_PAST}", {"before": before.throttles})
        if not written.applied and items.to_row(Quota, written.item).throttles == before.throttles:
            written = self._table.set(QUOTA_KEY, new, same, {"before": before.throttles})
        if written.applied or not written.repeated:
            return written.applied
        # `next_free_at` moves with every reservation.
        return replace(items.to_row(Quota, written.item), next_free_at=after.next_free_at) == after


# --- rows that are read, and replaced if nobody else has -------------------------------------------------------------

Row = TypeVar("Row", Pause, ReconcileRun)


class DynamoVersionedRow(Generic[Row]):
    """One row under a fixed key: the pause, or reconcile's run. Satisfies `ports.VersionedRow`."""

    def __init__(self, table: Table, key: Key, absent: Row) -> None:
        """`absent` is what is read while there is no row; its `rev` is 0."""
        self._table = table
        self._key = key
        self._absent: Row = absent
        self._kind: type[Row] = type(absent)

    def read(self) -> Row:
        stored = self._table.read(self._key)
        return self._absent if stored is None else items.to_row(self._kind, stored)

    def write(self, before: Row, after: Row) -> bool:
        item = items.of_row(self._key, after)
        same = {"rev_before": attribute(before.rev)} if before.rev else None
        written = self._table.put(item, SAME_REV if same else NO_ROW, same)
        # A rival may have written exactly the same: then both continue, until the next write.
        return written.applied or (written.repeated and items.to_row(self._kind, written.item) == after)


# --- the tick ---------------------------------------------------------------------------------------------------------

# No tick runs, and none was requested; a row that was only woken has no state yet.
IDLE = "attribute_not_exists(#state) OR #state = :idle"
# Nobody runs: it is idle, or was requested, or its owner is dead.
FREE = "attribute_not_exists(#state) OR #state IN (:idle, :starting) OR #lease_until <= :now"
# The row is still ours.
OURS = "#state = :running AND #owner = :ours"
# The row is still ours, and nobody has called `wake` since we read it.
OURS_AND_NO_WAKE = f"{OURS} AND #wake = :wake"


class DynamoTickRow:
    """The tick in DynamoDB. Owners are tokens that no other tick has ever used."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> Tick:
        stored = self._table.read(TICK_KEY)
        return Tick() if stored is None else items.to_row(Tick, stored)

    def wake(self, now: float) -> Tick:
        values = {"one": attribute(1), "now": attribute(now), "schema": attribute(SCHEMA)}
        written = self._table.update(TICK_KEY, "ADD #wake :one SET #wake_at = :now, #schema = :schema", "", values)
        return items.to_row(Tick, written.item)

    def start(self, now: float, lease_until: float) -> bool:
        new = {"state": "starting", "lease_until": lease_until, "schema": SCHEMA}
        return _left_starting(self._table.set(TICK_KEY, new, IDLE, {"idle": "idle"}), lease_until)

    def take(self, owner: str, now: float, lease_until: float) -> Tick | None:
        new = {"state": "running", "owner": owner, "lease_until": lease_until, "schema": SCHEMA}
        compared = {"idle": "idle", "starting": "starting", "now": now, "zero": 0}
        # `end` compares the counter, so it must be there.
        written = self._table.set(TICK_KEY, new, FREE, compared, ", #wake = if_not_exists(#wake, :zero)")
        row = items.to_row(Tick, written.item)
        return row if written.applied or (row.state == "running" and row.owner == owner) else None

    def renew(self, owner: str, lease_until: float) -> Tick | None:
        ours = {"running": "running", "ours": owner}
        written = self._table.set(TICK_KEY, {"lease_until": lease_until}, OURS, ours)
        return items.to_row(Tick, written.item) if written.applied else None

    def end(self, owner: str, wake: int, typical_seconds: float) -> bool:
        new = {"state": "idle", "typical_seconds": typical_seconds}
        ours = {"running": "running", "ours": owner, "wake": wake}
        written = self._table.set(TICK_KEY, new, OURS_AND_NO_WAKE, ours, " REMOVE #owner, #lease_until")
        if written.applied or not written.repeated:
            return written.applied
        # The first try ended it: idle, and nobody has woken it since. If a rival took and ended it in between, our
        # answer is just as true.
        row = items.to_row(Tick, written.item)
        return (row.state, row.wake, row.typical_seconds) == ("idle", wake, typical_seconds)

    def hand_over(self, owner: str, lease_until: float, typical_seconds: float) -> bool:
        new = {"state": "starting", "lease_until": lease_until, "typical_seconds": typical_seconds}
        written = self._table.set(TICK_KEY, new, OURS, {"running": "running", "ours": owner}, " REMOVE #owner")
        return _left_starting(written, lease_until)


def _left_starting(written: Written, lease_until: float) -> bool:
    # A starting row has no owner. The lease that we wrote, to the microsecond, tells our first try from a rival's.
    # Without this a minute would be lost, until the schedule's tick.
    row = items.to_row(Tick, written.item)
    return written.applied or (written.repeated and (row.state, row.lease_until) == ("starting", lease_until))
