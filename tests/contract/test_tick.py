"""ports.TickRow: one tick at a time, and none that sleeps through a wake."""

from __future__ import annotations

import pytest

from contract.fighting import fight
from contract.rows import Rows
from textdrop.ports import Tick

NOW = 1_700_000_000.125
LEASE = NOW + 20


def test_without_a_row_it_is_idle(rows: Rows) -> None:
    assert rows.tick.read() == Tick()


def test_a_wake_counts_and_changes_nothing_else(rows: Rows) -> None:
    assert rows.tick.wake(NOW) == Tick(wake=1, wake_at=NOW)
    assert rows.tick.wake(NOW + 1) == Tick(wake=2, wake_at=NOW + 1)
    rows.tick.take("owner", NOW, LEASE)
    running = Tick("running", "owner", LEASE, wake=3, wake_at=NOW + 2)
    assert rows.tick.wake(NOW + 2) == running
    assert rows.tick.read() == running


def test_wakes_of_several_are_all_counted(rows: Rows) -> None:
    woken = fight(6, lambda number: rows.tick.wake(NOW).wake)
    assert sorted(woken) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("woken", [False, True])
def test_an_idle_row_is_started_once(rows: Rows, woken: bool) -> None:
    if woken:
        rows.tick.wake(NOW)
    assert rows.tick.start(NOW, LEASE)
    assert rows.tick.read() == Tick("starting", "", LEASE, wake=int(woken), wake_at=NOW if woken else 0.0)
    assert not rows.tick.start(NOW, LEASE), "somebody else's start, though with the same lease"
    assert not rows.tick.start(NOW + 60, LEASE + 60), "a lost invocation is the schedule's to mend"


def test_a_running_row_is_not_started(rows: Rows) -> None:
    rows.tick.take("owner", NOW, LEASE)
    assert not rows.tick.start(LEASE + 60, LEASE + 80)
    assert rows.tick.read() == Tick("running", "owner", LEASE)


def test_of_several_starters_one_invokes(rows: Rows) -> None:
    rows.tick.wake(NOW)
    assert fight(6, lambda number: rows.tick.start(NOW, LEASE + number)).count(True) == 1


def test_anybody_takes_an_idle_or_starting_row(rows: Rows) -> None:
    assert rows.tick.take("owner-1", NOW, LEASE) == Tick("running", "owner-1", LEASE)
    assert rows.tick.hand_over("owner-1", LEASE, 2.5)
    taken = rows.tick.take("owner-2", NOW, LEASE + 1)
    assert taken == Tick("running", "owner-2", LEASE + 1, typical_seconds=2.5)
    assert rows.tick.end("owner-2", 0, 3.5)
    assert rows.tick.take("owner-3", NOW, LEASE) == Tick("running", "owner-3", LEASE, typical_seconds=3.5)


def test_a_running_row_is_taken_when_its_lease_has_passed(rows: Rows) -> None:
    rows.tick.take("owner-1", NOW, LEASE)
    assert rows.tick.take("owner-2", LEASE - 0.001, LEASE + 20) is None
    assert rows.tick.read().owner == "owner-1"
    assert rows.tick.take("owner-2", LEASE, LEASE + 20) == Tick("running", "owner-2", LEASE + 20)


def test_of_several_takers_one_runs(rows: Rows) -> None:
    rows.tick.start(NOW, LEASE)
    taken = fight(6, lambda number: rows.tick.take(f"owner-{number}", NOW, LEASE))
    [winner] = [row for row in taken if row is not None]
    assert rows.tick.read() == winner


def test_only_the_owner_renews(rows: Rows) -> None:
    assert rows.tick.renew("owner-1", LEASE) is None
    rows.tick.take("owner-1", NOW, LEASE)
    rows.tick.wake(NOW + 1)
    assert rows.tick.renew("owner-1", LEASE + 5) == Tick("running", "owner-1", LEASE + 5, 1, NOW + 1)
    assert rows.tick.renew("owner-2", LEASE + 9) is None
    rows.tick.take("owner-2", LEASE + 5, LEASE + 25)
    assert rows.tick.renew("owner-1", LEASE + 50) is None
    assert rows.tick.read().lease_until == LEASE + 25


def test_who_handed_over_or_ended_renews_no_more(rows: Rows) -> None:
    rows.tick.take("owner-1", NOW, LEASE)
    rows.tick.hand_over("owner-1", LEASE, 0.0)
    assert rows.tick.renew("owner-1", LEASE) is None
    rows.tick.take("owner-2", NOW, LEASE)
    rows.tick.end("owner-2", 0, 0.0)
    assert rows.tick.renew("owner-2", LEASE) is None


def test_the_owner_ends_when_nobody_woke_it(rows: Rows) -> None:
    rows.tick.wake(NOW)
    rows.tick.take("owner-1", NOW, LEASE)
    rows.tick.wake(NOW + 1)
    assert not rows.tick.end("owner-1", 1, 4.5)
    assert not rows.tick.end("owner-2", 2, 4.5)
    assert rows.tick.read() == Tick("running", "owner-1", LEASE, 2, NOW + 1)
    assert rows.tick.end("owner-1", 2, 4.5)
    assert rows.tick.read() == Tick("idle", "", 0.0, 2, NOW + 1, 4.5)
    assert not rows.tick.end("owner-1", 2, 4.5)


def test_the_owner_ends_a_row_that_nobody_ever_woke(rows: Rows) -> None:
    rows.tick.take("owner-1", NOW, LEASE)
    assert rows.tick.end("owner-1", 0, 1.0)


def test_a_wake_and_an_end_at_once_never_miss_each_other(rows: Rows) -> None:
    for number in range(5):
        owner = f"owner-{number}"
        row = rows.tick.take(owner, NOW, LEASE)
        assert row is not None

        def end_or_wake(fighter: int, owner: str = owner, wake: int = row.wake) -> object:
            return rows.tick.end(owner, wake, 1.0) if fighter == 0 else rows.tick.wake(NOW)

        ended, woken = fight(2, end_or_wake)
        assert isinstance(woken, Tick)
        # Either the tick learns of the wake, or the waker learns that nobody runs.
        assert ended == (woken.state == "idle")
        if not ended:
            assert rows.tick.end(owner, woken.wake, 1.0)


def test_only_the_owner_hands_over(rows: Rows) -> None:
    assert not rows.tick.hand_over("owner-1", LEASE, 1.0)
    rows.tick.take("owner-1", NOW, LEASE)
    rows.tick.wake(NOW)
    assert not rows.tick.hand_over("owner-2", LEASE + 9, 1.0)
    assert rows.tick.hand_over("owner-1", LEASE + 9, 1.5), "though it was woken: the successor reads"
    assert rows.tick.read() == Tick("starting", "", LEASE + 9, 1, NOW, 1.5)
    assert not rows.tick.hand_over("owner-1", LEASE + 9, 1.5)


def test_lost_answers_are_known(rows: Rows) -> None:
    rows.lose_answer()
    assert rows.tick.start(NOW, LEASE)
    rows.lose_answer()
    assert rows.tick.take("owner-1", NOW, LEASE + 1) == Tick("running", "owner-1", LEASE + 1)
    rows.lose_answer()
    assert rows.tick.renew("owner-1", LEASE + 2) == Tick("running", "owner-1", LEASE + 2)
    rows.lose_answer()
    assert rows.tick.hand_over("owner-1", LEASE + 3, 1.5)
    rows.tick.take("owner-2", NOW, LEASE)
    rows.lose_answer()
    assert rows.tick.end("owner-2", 0, 2.5)
    rows.lose_answer()
    assert rows.tick.wake(NOW).wake == 2, "counted twice, which does no harm"


def test_lost_answers_do_not_claim_what_a_rival_did(rows: Rows) -> None:
    rows.tick.start(NOW, LEASE)
    rows.lose_answer()
    assert not rows.tick.start(NOW, LEASE + 1)
    rows.tick.take("owner-1", NOW, LEASE)
    rows.lose_answer()
    assert rows.tick.take("owner-2", NOW, LEASE) is None
    rows.lose_answer()
    assert rows.tick.renew("owner-2", LEASE) is None
    rows.lose_answer()
    assert not rows.tick.hand_over("owner-2", LEASE, 1.0)
    rows.tick.wake(NOW)
    rows.lose_answer()
    assert not rows.tick.end("owner-1", 0, 1.0)
