"""list: what ended, newest first, by its last run; what is in flight; in few reads, however much there is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from textdrop.core.documents import Document, DocumentState, DueKind, Outcome, Problem, Source
from textdrop.core.errors import HistoryMissing, Reason, StoreUnavailable
from textdrop.core.ledger import Run
from textdrop.core.observations import DeleteAsked, RetryAsked
from textdrop.usecases.control import active, ended
from unit.usecases.operated import NOON, ids, keys, operated, paged, run_each
from world import World

DAY = 86_400.0


@pytest.fixture
def world() -> World:
    return operated()


def put(world: World, number: int, ended_at: float, outcome: Outcome, key: str = "", reason: str = "") -> str:
    """A document that has ended so, and its run's row."""
    identifier = f"{number:032x}"
    problem = Problem(Reason(reason), "w", "a") if reason else None
    source = Source("uploads", key or f"{number}.png", version_id=str(number))
    row = Document(identifier, source, DocumentState.FINAL, ended_at, outcome=outcome, problem=problem)
    world.documents.rows[identifier] = row
    world.ledger.rows[identifier, 1] = Run(identifier, 1, outcome, ended_at, ended_at, ended_at, source.key, reason)
    return identifier


def test_all_that_ended_is_listed_newest_first_whatever_came_of_it(world: World) -> None:
    bodies = {"1.png": b"1", "2.png": b"damaged", "3.png": b"", "4.pdf": b"pages:2 bad:1", "5.png": b"5"}
    run_each(world, bodies)
    answer = world.ask("list")
    assert keys(answer["documents"]) == ["5.png", "4.pdf", "3.png", "2.png", "1.png"]
    outcomes = [each["outcome"] for each in answer["documents"]]
    assert outcomes == ["succeeded", "partial", "skipped", "failed", "succeeded"]
    assert answer["cursor"] is None
    assert answer["evaluated"] == 5


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_any_size_have_everything_once_in_order(world: World, limit: int) -> None:
    outcomes = [list(Outcome)[(7 * number) % 5] for number in range(40)]
    # Some end at the same time, and some in the month before.
    made = [put(world, number, NOON - 86_400.0 * (number // 2), outcome) for number, outcome in enumerate(outcomes)]
    found = ids(paged(world, "list", limit=limit, since="2026-11-01"))
    since = [each for number, each in enumerate(made) if NOON - 86_400.0 * (number // 2) >= ended.HISTORY_BEGAN_AT]
    assert Counter(found) == Counter(since)
    times = [world.documents.rows[each].accepted_at for each in found]
    assert times == sorted(times, reverse=True)


def test_the_months_before_are_gone_through_to_the_first(world: World) -> None:
    world.clock.advance(200 * DAY)
    old, new = put(world, 1, NOON, Outcome.FAILED), put(world, 2, NOON + 190 * DAY, Outcome.FAILED)
    assert ids(paged(world, "list", outcome="failed")) == [new, old]
    assert ids(paged(world, "list")) == [new, old]


def test_filters_are_all_held_to(world: World) -> None:
    chosen = put(world, 1, NOON - 100, Outcome.FAILED, "a/1.png", "damaged")
    put(world, 2, NOON - 100, Outcome.FAILED, "a/2.png", "encrypted")
    put(world, 3, NOON - 100, Outcome.FAILED, "b/3.png", "damaged")
    put(world, 4, NOON - 100, Outcome.PARTIAL, "a/4.png", "damaged")
    put(world, 5, NOON - 201, Outcome.FAILED, "a/5.png", "damaged")
    put(world, 6, NOON - 49, Outcome.FAILED, "a/6.png", "damaged")
    times = {"since": "2026-11-29T11:56:40Z", "until": "2026-11-29T11:59:10Z"}
    answer = world.ask("list", outcome="failed", reason="damaged", prefix="a/", **times)
    assert ids(answer["documents"]) == [chosen]
    assert answer["cursor"] is None
    assert answer["evaluated"] == 3


def test_a_document_is_listed_by_its_last_run_alone(world: World) -> None:
    document = run_each(world, {"1.png": b"damaged"})["1.png"]
    world.transition(document, RetryAsked())
    assert world.ask("list")["documents"] == [], "it is in flight"
    world.run()
    [found] = world.ask("list")["documents"]
    assert (found["document"], found["run"]) == (document.id, 2)
    assert world.ask("list")["evaluated"] == 2


def test_what_is_deleted_is_not_listed(world: World) -> None:
    document = run_each(world, {"1.png": b"1"})["1.png"]
    world.transition(document, DeleteAsked())
    assert world.ask("list")["documents"] == []
    assert world.ask("list", outcome="active")["documents"] == []
    world.run()
    assert world.ask("list")["documents"] == []


def test_a_cursor_of_a_request_without_times_brings_nothing_outside_of_those_that_are_asked_for(world: World) -> None:
    made = [put(world, number, NOON - number, Outcome.FAILED) for number in range(5)]
    cursor = world.ask("list", limit=1)["cursor"]
    times = {"since": "2026-11-29T11:59:57Z", "until": "2026-11-29T11:59:58Z"}
    assert ids(world.ask("retry", outcome="failed", cursor=cursor, **times, dry_run=True)["began"]) == made[2:4]


def test_what_ends_while_a_list_is_paged_does_not_shift_it(world: World) -> None:
    made = [put(world, number, NOON - number - 1, Outcome.FAILED) for number in range(4)]
    first = world.ask("list", limit=2)
    world.clock.advance(10.0)
    put(world, 9, NOON + 5, Outcome.FAILED)
    second = world.ask("list", limit=2, cursor=first["cursor"])
    assert ids(first["documents"] + second["documents"]) == made


def test_a_filter_that_lets_little_pass_costs_few_reads_a_call(world: World) -> None:
    for number in range(ended.RUNS_A_READ * 3):
        put(world, number, NOON - number, Outcome.FAILED, "a/" if number % 1_000 else f"b/{number}")
    reads = len(world.faults.of("ledger.history"))
    answer = world.ask("list", outcome="failed", prefix="b/", since="2026-11-29")
    assert len(answer["documents"]) == 3
    assert len(world.faults.of("ledger.history")) - reads <= 4
    assert len(world.faults.of("documents.read_many")) == 1


def test_a_call_looks_at_no_more_rows_than_it_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended, "ROWS_A_CALL", 30)
    monkeypatch.setattr(ended, "READS_A_CALL", 3)
    made = []
    for number in range(100):
        identifier = put(world, number, NOON - number, Outcome.FAILED)
        if number % 10:  # it is run again
            world.documents.rows[identifier] = replace(world.documents.rows[identifier], run=2)
        else:
            made.append(identifier)
    answer = world.ask("list", outcome="failed", limit=100, since="2026-11-29")
    assert (answer["evaluated"], len(answer["documents"])) == (30, 3)
    assert answer["cursor"] is not None
    assert ids(paged(world, "list", outcome="failed", since="2026-11-29")) == made


def test_what_cannot_be_read_in_a_call_is_not_overtaken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended, "READS_A_CALL", 6)
    made = []
    for number in range(12):
        made.append(put(world, number, NOON - number, Outcome.FAILED))
        if number < 10:  # it is run again
            world.documents.rows[made[-1]] = replace(world.documents.rows[made[-1]], run=2)
    made += [put(world, number, NOON - number, Outcome.PARTIAL) for number in range(20, 25)]
    assert ids(paged(world, "list", limit=2, since="2026-11-29")) == made[10:]


def test_no_call_reads_more_of_the_index_than_it_may(world: World) -> None:
    world.clock.advance(3 * 365 * DAY)
    put(world, 1, NOON, Outcome.FAILED)
    cursor = None
    found: list[dict[str, Any]] = []
    reads: list[int] = []
    while cursor is not None or not reads:
        before = len(world.faults.of("ledger.history"))
        answer = world.ask("list", cursor=cursor)
        reads.append(len(world.faults.of("ledger.history")) - before)
        found += answer["documents"]
        cursor = answer["cursor"]
    assert len(found) == 1
    assert max(reads) <= ended.READS_A_CALL
    assert len(reads) < 25


def test_a_table_without_the_index_is_told_how_to_get_it(world: World) -> None:
    world.faults.fail("ledger.history", lambda: HistoryMissing("dynamodb.Query"))
    error = world.ask_control({"command": "list"})["error"]
    assert error["code"] == "unavailable"
    assert error["what"] == "The table has no index history yet, because an older stack made it."
    assert error["advice"].startswith("Wait until the index is made, or add it, as docs/operations.md shows")


def test_a_store_that_fails_is_told(world: World) -> None:
    world.faults.fail("ledger.history", lambda: StoreUnavailable("dynamodb.Query: Throttling"))
    error = world.ask_control({"command": "list"})["error"]
    assert (error["code"], error["what"]) == ("unavailable", "AWS failed or was busy.")
    assert [entry.name for entry in world.journal.failures] == ["request_failed"]


# --- in flight --------------------------------------------------------------------------------------------------------


def due(world: World, number: int, kind: DueKind, due_at: float, key: str = "") -> str:
    identifier = f"{number * 2_654_435_761 % 2**128:032x}"[::-1]
    state = DocumentState.DELIVERING if kind is DueKind.DELIVER else DocumentState.RECOGNIZING
    source = Source("uploads", key or f"{number}.png")
    world.documents.rows[identifier] = Document(identifier, source, state, NOON, due_kind=kind, due_at=due_at)
    return identifier


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_what_is_in_flight_is_found_once_however_many_are_due_at_once(world: World, limit: int) -> None:
    kinds = (DueKind.SUBMIT, DueKind.BACKFILL, DueKind.RECHECK, DueKind.DELIVER)
    made = [due(world, number, kinds[number % 4], NOON + number // 100) for number in range(260)]
    assert Counter(ids(paged(world, "list", outcome="active", limit=limit))) == Counter(made)


def test_what_is_in_flight_is_filtered_too(world: World) -> None:
    chosen = due(world, 1, DueKind.SUBMIT, NOON, "a/1")
    due(world, 2, DueKind.SUBMIT, NOON, "b/1")
    late = due(world, 3, DueKind.SUBMIT, NOON, "a/2")
    world.documents.rows[late] = replace(world.documents.rows[late], began_at=NOON + 5)
    failing = due(world, 4, DueKind.DELIVER, NOON, "a/3")
    problem = Problem(Reason.DAMAGED, "w", "a")
    world.documents.rows[failing] = replace(world.documents.rows[failing], problem=problem, accepted_at=NOON - 60)
    found = paged(world, "list", outcome="active", prefix="a/", until="2026-11-29T12:00:00Z")
    assert ids(found) == [chosen, failing]
    assert ids(paged(world, "list", outcome="active", prefix="a/", since="2026-11-29T12:00:00Z")) == [chosen, late]
    assert ids(paged(world, "list", outcome="active", reason="damaged")) == [failing]


def test_what_has_ended_since_the_index_saw_it_is_not_in_flight(world: World) -> None:
    world.upload("1.png", b"1")
    world.submit()
    world.documents.hold_index()
    world.run()
    assert world.ask("list", outcome="active")["documents"] == []


def test_what_is_in_flight_takes_few_reads_a_call(world: World) -> None:
    for number in range(1_500):
        due(world, number, DueKind.BACKFILL, NOON + number, "a/" if number != 1_200 else "b/")
    answer = world.ask("list", outcome="active", prefix="b/")
    assert (answer["documents"], answer["evaluated"]) == ([], active.READS_A_CALL * active.ENTRIES_A_READ)
    assert len(world.faults.of("documents.due")) == active.READS_A_CALL
    assert len(paged(world, "list", outcome="active", prefix="b/")) == 1
