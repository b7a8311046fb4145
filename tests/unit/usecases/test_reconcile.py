"""Uploads whose events were lost are found; what submit gave up goes back, three times at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from aws_events import event, event_bridge_event
from fakes.faults import ANY
from textdrop.core import problems
from textdrop.core.documents import Outcome, Source
from textdrop.core.errors import ObjectForbidden, StoreUnavailable
from textdrop.core.events import parse
from textdrop.core.reconciling import DeadLetter, SourceBucket
from textdrop.usecases.reconcile import PART_SECONDS, RECORD_TRIES, REDRIVE_SECONDS, record_source
from textdrop.usecases.redrive import MAX_FAILURES, redrive
from world import RECONCILE_SECONDS, World

HOUR = 3600.0
GARBAGE = '{"Records": 7}'


def later(world: World, seconds: float = 2 * HOUR) -> None:
    world.clock.advance(seconds)


def outcomes(world: World) -> dict[str, Outcome | None]:
    return {row.id: row.outcome for row in world.documents.rows.values()}


def found(world: World) -> int:
    """How many uploads without a row all runs found."""
    return [entry.name for entry in world.journal.notes].count("upload_found")


def slow(seconds: float) -> World:
    """A world in which every call takes its time."""
    world = World()
    world.faults.happen(ANY, lambda: world.clock.advance(seconds), times=9_999)
    return world


def put_letters(world: World, count: int, letter: DeadLetter | None = None) -> None:
    for number in range(count):
        world.dead_letters.put(f"{number}", letter)


# --- lost events ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
def test_an_upload_whose_event_was_lost_is_found_and_recognised(versioned: bool) -> None:
    world = World(versioned=versioned)
    heard = world.upload("heard.png", b"1")
    unheard = world.upload_unheard("a b/Счёт+№ 7.png", b"2")
    world.run()
    assert set(outcomes(world)) == {heard.id}
    later(world)
    assert world.reconcile() == "ended"
    world.run()
    assert outcomes(world) == {heard.id: Outcome.SUCCEEDED, unheard.id: Outcome.SUCCEEDED}
    assert len(world.ocr.accepted) == 2
    assert world.file("a b/Счёт+№ 7.png.txt")
    assert [(note.name, note.fields) for note in world.journal.notes] == [
        ("upload_found", {"document": unheard.id}),
        ("bucket_reconciled", {"listed": 2, "found": 1}),
    ]


@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
def test_an_event_that_comes_after_all_is_a_duplicate_and_is_not_paid_for(versioned: bool) -> None:
    world = World(versioned=versioned)
    source = world.uploads.put("late.png", b"1")
    later(world)
    world.reconcile()
    world.send(event(source))
    world.run()
    world.send(event(source))
    world.run()
    assert list(outcomes(world).values()) == [Outcome.SUCCEEDED]
    assert len(world.ocr.accepted) == 1
    assert [entry.name for entry in world.journal.notes].count("duplicate_upload") == 2


@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
def test_junk_is_counted_and_becomes_no_document_by_its_event_or_by_the_listing(versioned: bool) -> None:
    world = World(versioned=versioned)
    world.upload("a/.DS_Store", b"1")
    world.upload_unheard("a/Thumbs.db", b"2")
    neighbour = world.upload("a/scan.png", b"3")
    world.run()
    later(world)
    assert world.reconcile() == "ended"
    assert world.queue == []
    assert outcomes(world) == {neighbour.id: Outcome.SUCCEEDED}
    assert len(world.notices.published) == len(world.notices_of(neighbour)) == 1
    files = world.results.keys()
    assert [key for key in files if not key.startswith((".textdrop/", "a/scan.png"))] == []
    assert world.journal.counts["JunkUploads"] == 1


# --- of which time ----------------------------------------------------------------------------------------------------


def test_events_have_an_hour_to_come(world: World) -> None:
    world.upload_unheard("a.png", b"1")
    world.clock.advance(HOUR - 1)
    world.reconcile()
    assert world.queue == []
    world.clock.advance(1)
    world.reconcile()
    assert len(world.queue) == 1


def test_what_was_uploaded_before_there_was_a_table_is_left_to_a_backfill(world: World) -> None:
    world.upload_unheard("old.png", b"1")
    world.clock.advance(1)
    world.documents.made_at = world.clock.now()
    world.upload_unheard("new.png", b"2")
    later(world)
    world.reconcile()
    assert sent_keys(world) == {"new.png"}


# --- of which bucket --------------------------------------------------------------------------------------------------

EXISTING = SourceBucket("uploads", "scans/", own=False, stack="stack/2")


@pytest.mark.parametrize("age", [None, 0.0], ids=["daily", "by hand"])
def test_what_an_existing_bucket_held_before_or_holds_elsewhere_is_never_taken(world: World, age: float | None) -> None:
    """Though the table is older: it is one that a former stack has left."""
    former = world.upload("scans/former.png", b"1")
    world.run()
    for number in range(5):
        world.upload_unheard(f"scans/{number}.png", b"2")
    world.clock.advance(1)
    world.deploy(EXISTING)
    world.upload_unheard("elsewhere.png", b"3")
    world.upload_unheard("scans/new.png", b"4")
    later(world)
    assert world.reconcile(age) == "ended"
    assert sent_keys(world) == {"scans/new.png"}
    world.run()
    assert len(world.ocr.accepted) == 2
    assert former.id in outcomes(world)
    assert world.progress.row.listed == 7


def test_what_came_while_another_prefix_was_configured_is_never_taken(world: World) -> None:
    world.deploy(EXISTING)
    world.upload_unheard("scans/before.png", b"1")
    later(world)
    world.reconcile()
    assert sent_keys(world) == {"scans/before.png"}
    world.queue.clear()
    world.deploy(replace(EXISTING, prefix="other/"))
    world.upload_unheard("scans/meanwhile.png", b"2")
    world.clock.advance(1)
    world.deploy(EXISTING)
    later(world)
    world.reconcile(0.0)
    assert world.queue == []


def test_a_run_in_another_bucket_that_has_not_ended_is_not_continued(world: World) -> None:
    for number in range(3):
        world.upload_unheard(f"scans/{number}.png", b"1")
    world.listing.most = 1
    later(world)
    world.reconcile_once({}, PART_SECONDS - 1.0)
    assert world.progress.row.key
    world.deploy(EXISTING)
    world.queue.clear()
    world.clock.advance(1)
    world.upload_unheard("scans/0 new.png", b"2")
    later(world)
    assert world.reconcile() == "ended"
    assert sent_keys(world) == {"scans/0 new.png"}


def test_without_poll_reconcile_itself_says_since_when_and_nothing_is_of_that_time_yet(world: World) -> None:
    world.upload_unheard("scans/a.png", b"1")
    later(world)
    world.reconcile_ports = replace(world.reconcile_ports, source=EXISTING)
    assert world.reconcile(0.0) == "ended"
    assert world.queue == []
    assert world.progress.row.since == world.clock.now()


def test_who_meets_another_that_says_since_when_keeps_to_what_it_said(world: World) -> None:
    """poll and reconcile after a deployment: whoever comes second reads what the first wrote."""
    first = world.clock.now()
    world.faults.happen("progress.write", lambda: record_source(world.progress, EXISTING, first))
    row = record_source(world.progress, EXISTING, first + 9)
    assert (row.since, row.rev) == (first, 1)
    assert world.progress.row == row


def test_what_is_said_already_is_not_written_again(world: World) -> None:
    said = record_source(world.progress, EXISTING, 5.0)
    assert record_source(world.progress, EXISTING, 9.0) == said
    assert world.faults.calls.count("progress.write") == 1


def test_a_process_from_before_a_deployment_that_comes_after_it_has_nothing_billed(world: World) -> None:
    """It says again that uploads come from elsewhere, and so the new source begins once more."""
    former = world.reconcile_ports
    world.upload_unheard("scans/before.png", b"1")
    later(world)
    world.deploy(EXISTING)
    deployed, world.reconcile_ports = world.reconcile_ports, former
    assert world.reconcile(0.0) == "ended"
    assert world.progress.row.prefix == former.source.prefix
    world.upload_unheard("scans/meanwhile.png", b"2")
    world.clock.advance(1)
    world.reconcile_ports = deployed
    assert world.reconcile(0.0) == "ended"
    assert world.queue == []
    assert world.progress.row.since == world.clock.now()


def test_a_dead_letter_of_an_upload_that_is_foreign_by_now_is_dropped_and_counted(world: World) -> None:
    body = event(world.uploads.put("elsewhere.png", b"1"))
    world.deploy(EXISTING)
    world.dead_letters.put(body)
    world.reconcile()
    world.run()
    assert (world.rows(), world.queue, world.dead_letters.letters) == ([], [], [])
    assert world.journal.counts["ForeignUploads"] == 1


@pytest.mark.parametrize("readable", [True, False])
def test_a_document_of_a_source_that_was_left_goes_on_or_fails_when_it_may_not_be_read_for_a_day(
    world: World, readable: bool
) -> None:
    document = world.upload("elsewhere.png", b"1")
    world.faults.fail("sources.head", StoreUnavailable("down"))
    world.submit()
    world.queue.clear()
    world.deploy(EXISTING)
    if not readable:
        world.faults.fail("sources.head", lambda: ObjectForbidden("403"), times=600)
    world.run(minutes=25 * 60)
    assert outcomes(world) == {document.id: Outcome.SUCCEEDED if readable else Outcome.FAILED}
    assert world.row(document).problem == (None if readable else problems.forbidden())
    assert len(world.notices_of(document)) == 1


def test_who_never_gets_to_say_since_when_is_given_up(world: World) -> None:
    world.progress.write = lambda before, after: False  # type: ignore[method-assign]  # another was first
    with pytest.raises(StoreUnavailable, match="written by others"):
        record_source(world.progress, EXISTING, 0.0)
    assert world.faults.calls.count("progress.read") == RECORD_TRIES


def test_an_old_run_that_goes_on_after_a_deployment_is_overtaken(world: World) -> None:
    world.upload_unheard("scans/a.png", b"1")
    later(world)
    world.faults.happen("uploads.after", lambda: record_source(world.progress, EXISTING, world.clock.now()))
    assert world.reconcile() == "overtaken"
    assert world.progress.row.bucket == EXISTING.name
    assert world.progress.row.prefix == EXISTING.prefix


# --- of others --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [event, event_bridge_event], ids=["S3", "EventBridge"])
@pytest.mark.parametrize(
    "other", [Source("another", "scans/a.png", "v1", "e", 1), Source("uploads", "a.png", "v1", "e", 1)]
)
def test_uploads_of_others_are_counted_and_dropped(world: World, shape: Callable[[Source], str], other: Source) -> None:
    world.deploy(EXISTING)
    ours = world.upload("scans/a.png", b"1")
    world.send(shape(replace(other, event_at=world.clock.now())))
    assert world.submit() == []
    world.run()
    assert outcomes(world) == {ours.id: Outcome.SUCCEEDED}
    assert world.journal.counts["ForeignUploads"] == 1
    [note] = [note.fields for note in world.journal.notes if note.name == "foreign_upload"]
    assert note == {"bucket": other.bucket, "message_id": "m2"}


def test_uploads_of_others_beside_ours_in_one_message_and_others_junk_are_dropped(world: World) -> None:
    ours = world.uploads.put("a.png", b"1")
    others = [replace(ours, bucket="another"), replace(ours, bucket="another", key=".DS_Store")]
    world.send(event(others[0], ours, others[1]))
    world.run()
    assert set(outcomes(world)) == {world.document_of(ours).id}
    assert (world.journal.counts["ForeignUploads"], world.journal.counts["JunkUploads"]) == (2, 0)


def test_a_dead_letter_about_another_bucket_goes_back_and_is_dropped(world: World) -> None:
    world.dead_letters.put(event(Source("another", "a.png", "v1", "e", 1)))
    world.reconcile()
    assert len(world.queue) == 1
    assert world.submit() == []
    assert (world.queue, world.dead_letters.letters, outcomes(world)) == ([], [], {})
    assert world.journal.counts["ForeignUploads"] == 1


def test_documents_of_a_former_stack_go_on_wherever_their_uploads_are(world: World) -> None:
    document = world.upload("former/a.png", b"1")
    world.submit()
    world.deploy(EXISTING)
    world.run()
    assert outcomes(world) == {document.id: Outcome.SUCCEEDED}


@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
def test_an_upload_that_both_shapes_tell_of_is_paid_for_once(versioned: bool) -> None:
    world = World(versioned=versioned)
    source = world.uploads.put("Счёт +№ 7.png", b"1")
    world.send(event_bridge_event(source))
    world.send(event(source))
    world.run()
    later(world)
    world.reconcile(0.0)
    assert world.queue == []
    assert list(outcomes(world).values()) == [Outcome.SUCCEEDED]
    assert len(world.ocr.accepted) == 1
    assert [entry.name for entry in world.journal.notes].count("duplicate_upload") == 1


# --- any number -------------------------------------------------------------------------------------------------------


def accept_all_but(world: World, missing: set[str]) -> None:
    """Every upload in the bucket has a row, but those of these keys."""
    for key in world.uploads.keys():  # noqa: SIM118 (no mapping)
        if key not in missing:
            document = world.document_of(stored(world, key))
            assert world.documents.create(document)


def stored(world: World, key: str) -> Source:
    [version] = world.uploads.versions[key]
    return Source(world.uploads.name, key, version.version_id, version.etag, last_modified=version.last_modified)


def sent_keys(world: World) -> set[str]:
    return {asked.key for message in world.queue for asked in parse(message.body) if isinstance(asked, Source)}


def test_ten_thousand_objects_are_looked_through_in_parts(world: World) -> None:
    for number in range(10_000):
        world.uploads.put(f"{number:05d}.png", b"1")
    missing = {f"{number:05d}.png" for number in (0, 999, 1_000, 1_001, 5_555, 9_999)}
    accept_all_but(world, missing)
    later(world)
    assert world.reconcile() == "ended"
    assert sent_keys(world) == missing
    calls = [world.faults.calls.count(call) for call in ("uploads.after", "documents.known", "progress.write")]
    assert calls == [10, 10, 11], "and one write of where uploads come from"
    assert (world.progress.row.listed, world.progress.row.found) == (10_000, 6)
    assert found(world) == 6


@pytest.mark.parametrize(("seconds", "ended"), [(PART_SECONDS, "ended"), (PART_SECONDS - 1.0, "handed_over")])
def test_no_part_but_the_first_begins_with_too_little_time_for_it(world: World, seconds: float, ended: str) -> None:
    for number in range(3):
        world.uploads.put(f"{number}.png", b"1")
    world.listing.most = 1
    later(world)
    assert world.reconcile_once({}, seconds) == ended
    assert len(sent_keys(world)) == (3 if ended == "ended" else 1)
    assert world.successor.invoked == (0 if ended == "ended" else 1)


# --- dead letters -----------------------------------------------------------------------------------------------------


def test_what_comes_back_three_times_stays_where_it_can_be_seen(world: World) -> None:
    first = world.dead_letters.put(GARBAGE)
    for _ in range(6):
        world.reconcile()
        for message in world.queue:
            assert world.submit([message]) == [message.id]
            world.dead_letters.put(message.body, world.dead_letters.redriven[-1])
        world.queue.clear()
        world.clock.advance(24 * HOUR)
    told = [entry.name for entry in world.journal.notes if entry.name.startswith("message_")]
    assert told == 3 * ["message_redriven"] + 3 * ["message_kept"]
    [kept] = world.dead_letters.letters
    assert (kept.body, kept.redriven, kept.first_sent_at) == (GARBAGE, 3, first.first_sent_at)
    assert kept.former_ids == ("dead-1", "dead-2", "dead-3")
    assert kept.cause == "the message's Records are not a list"
    kept_again = [note.fields for note in world.journal.notes if note.name == "message_kept"]
    assert [(fields["message_id"], fields["redriven"], fields["cause"]) for fields in kept_again] == [
        ("dead-4", 3, kept.cause)
    ] * 3


def test_letters_that_stay_are_not_received_over_and_over() -> None:
    world = slow(seconds=50.0)  # they can be received again before all were looked at
    put_letters(world, 30, DeadLetter("", "", "", 0.0, redriven=3))
    world.reconcile()
    assert len([note for note in world.journal.notes if note.name == "message_kept"]) == 30


@pytest.mark.parametrize(
    ("seconds", "redriving"), [(900.0, REDRIVE_SECONDS), (PART_SECONDS + 100.0, 100.0), (PART_SECONDS, 0.0)]
)
def test_dead_letters_get_their_share_of_a_run_and_leave_the_bucket_its_part(
    world: World, seconds: float, redriving: float
) -> None:
    """Each letter takes a minute and a half."""
    put_letters(world, 200)
    receive, began = world.dead_letters.receive, world.clock.now()

    def slow_receive() -> list[DeadLetter]:
        world.clock.advance(90.0)
        return receive()[:1]

    world.dead_letters.receive = slow_receive  # type: ignore[method-assign]  # slower
    world.reconcile_once({}, seconds)
    [at] = world.faults.of("uploads.after")
    assert redriving <= at - began < redriving + 90.0
    assert world.successor.invoked == (1 if redriving else 0), "for the rest of the letters"


def test_who_is_overtaken_leaves_the_rest_of_the_letters_to_the_other_run() -> None:
    world = slow(seconds=10.0)
    put_letters(world, 50)
    world.deploy(world.reconcile_ports.source)
    world.progress.write = lambda before, after: False  # type: ignore[method-assign]  # another was first
    assert world.reconcile_once({}, RECONCILE_SECONDS) == "overtaken"
    assert 0 < len(world.dead_letters.redriven) < 50
    assert world.successor.invoked == 0


def test_a_letter_that_cannot_be_moved_holds_up_neither_the_others_nor_the_bucket(world: World) -> None:
    put_letters(world, 5)
    world.upload_unheard("a.png", b"1")
    later(world)
    world.faults.fail("dead_letters.redrive", StoreUnavailable("too long"))
    world.faults.fail("dead_letters.delete", StoreUnavailable("down"))
    assert world.reconcile() == "ended"
    assert [letter.body for letter in world.dead_letters.letters] == ["0", "1"]
    assert [failure.name for failure in world.journal.failures] == ["redrive_failed"] * 2
    assert len(sent_keys_of_uploads(world)) == 1


def sent_keys_of_uploads(world: World) -> list[str]:
    return [message.body for message in world.queue if message.body.startswith("{")]


@pytest.mark.parametrize("call", ["dead_letters.receive", "dead_letters.redrive"])
def test_a_queue_that_is_down_is_left_alone_and_the_bucket_is_looked_through(world: World, call: str) -> None:
    put_letters(world, 20)
    world.upload_unheard("a.png", b"1")
    later(world)
    world.faults.fail(call, lambda: StoreUnavailable("down"), times=99)
    assert world.reconcile() == "ended"
    assert world.faults.calls.count(call) <= MAX_FAILURES
    assert {(failure.name, str(failure.error)) for failure in world.journal.failures} == {("redrive_failed", "down")}
    assert {tuple(failure.fields) for failure in world.journal.failures} == {
        () if call.endswith("receive") else ("message_id",)
    }
    assert len(world.dead_letters.letters) == 20
    assert found(world) == 1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_when_time_is_up_after_some_went_back_there_may_be_more(world: World, count: int) -> None:
    """Receiving takes all the time there is."""
    put_letters(world, count)
    world.faults.happen("dead_letters.receive", lambda: world.clock.advance(10.0))
    assert redrive(world.reconcile_ports, world.clock.now() + 10.0) is (count > 0)
    assert len(world.dead_letters.redriven) == count


def test_a_letter_that_goes_back_is_logged_as_it_goes(world: World) -> None:
    put_letters(world, 1)
    redrive(world.reconcile_ports, world.clock.now() + 10.0)
    [note] = world.journal.notes
    [again] = world.dead_letters.redriven
    assert note.name == "message_redriven"
    assert note.fields == {
        "message_id": "dead-1",
        "redriven": 1,
        "first_sent_at": again.first_sent_at,
        "former_ids": "",
        "cause": again.cause,
    }
