"""The rows that hold the stack together, in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from fakes.faults import Fake, Faults, effect
from textdrop.core.quota import Quota
from textdrop.ports import Tick


class FakeQuota(Fake):
    """`row` is what is stored; `reserved` are all reservations made, as (start, slots, interval)."""

    port = "quota"

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.row = Quota()
        self.reserved: list[tuple[float, int, float]] = []

    @effect
    def read(self) -> Quota:
        return self.row

    @effect
    def reserve(self, slots: int, interval_seconds: float, now: float, ahead_seconds: float) -> float | None:
        if self.row.next_free_at > now + ahead_seconds:
            return None
        starts_at = max(now, self.row.next_free_at)
        self.row = replace(self.row, next_free_at=starts_at + slots * interval_seconds)
        self.reserved.append((starts_at, slots, interval_seconds))
        return starts_at

    @effect
    def write(self, before: Quota, after: Quota) -> bool:
        if self.row.throttles != before.throttles:
            return self.repeated and replace(self.row, next_free_at=0.0) == replace(after, next_free_at=0.0)
        # Slots that others reserved since stay reserved.
        self.row = replace(after, next_free_at=max(after.next_free_at, self.row.next_free_at))
        return True


class Versioned(Protocol):
    """A row that counts its writes."""

    @property
    def rev(self) -> int: ...


Row = TypeVar("Row", bound=Versioned)


class FakeVersionedRow(Fake, Generic[Row]):
    """`row` is what is stored, at first what stands for no row."""

    used_as = ("pause", "progress")

    def __init__(self, port: str, absent: Row, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.port = port
        self.row = absent

    @effect
    def read(self) -> Row:
        return self.row

    @effect
    def write(self, before: Row, after: Row) -> bool:
        if self.row.rev != before.rev:
            return self.repeated and self.row == after
        self.row = after
        return True


class FakeTick(Fake):
    """`row` is what is stored."""

    port = "tick"

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.row = Tick()

    @effect
    def read(self) -> Tick:
        return self.row

    @effect
    def wake(self, now: float) -> Tick:
        self.row = replace(self.row, wake=self.row.wake + 1, wake_at=now)
        return self.row

    @effect
    def start(self, now: float, lease_until: float) -> bool:
        if self.row.state != "idle":
            return self._left_starting(lease_until)
        self.row = replace(self.row, state="starting", lease_until=lease_until)
        return True

    @effect
    def take(self, owner: str, now: float, lease_until: float) -> Tick | None:
        if self.row.state == "running" and self.row.lease_until > now:
            return self.row if self.row.owner == owner else None
        self.row = replace(self.row, state="running", owner=owner, lease_until=lease_until)
        return self.row

    @effect
    def renew(self, owner: str, lease_until: float) -> Tick | None:
        if not self._is_of(owner):
            return None
        self.row = replace(self.row, lease_until=lease_until)
        return self.row

    @effect
    def end(self, owner: str, wake: int, typical_seconds: float) -> bool:
        if not self._is_of(owner) or self.row.wake != wake:
            left = (self.row.state, self.row.wake, self.row.typical_seconds)
            return self.repeated and left == ("idle", wake, typical_seconds)
        self.row = replace(self.row, state="idle", owner="", lease_until=0.0, typical_seconds=typical_seconds)
        return True

    @effect
    def hand_over(self, owner: str, lease_until: float, typical_seconds: float) -> bool:
        if not self._is_of(owner):
            return self._left_starting(lease_until)
        self.row = replace(
            self.row, state="starting", owner="", lease_until=lease_until, typical_seconds=typical_seconds
        )
        return True

    def _is_of(self, owner: str) -> bool:
        return self.row.state == "running" and self.row.owner == owner

    def _left_starting(self, lease_until: float) -> bool:
        return self.repeated and (self.row.state, self.row.lease_until) == ("starting", lease_until)
