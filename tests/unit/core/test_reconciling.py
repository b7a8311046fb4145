"""Which uploads reconcile takes, the message by which submit accepts them, and what becomes of dead letters."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from textdrop.core import identity
from textdrop.core.documents import Source
from textdrop.core.events import parse, upload_body
from textdrop.core.policy import Policy
from textdrop.core.reconciling import (
    Cursor,
    DeadLetter,
    ListingPage,
    ReconcileRun,
    SourceBucket,
    advanced,
    begun,
    candidates,
    cause,
    configured,
    lost,
    redriven,
)

NOW = 1_700_000_000.0
POLICY = Policy()
VERSIONED = Source("uploads", "a b/Счёт+№ 7.pdf", "v1", "e1", 7, event_at=NOW, last_modified=NOW)
LETTER = DeadLetter("m1", upload_body(VERSIONED), "r1", first_sent_at=NOW)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)


# --- the message ------------------------------------------------------------------------------------------------------


@given(key=KEYS, version=st.sampled_from(["", "v1"]), size=st.integers(1, 2**43), at=st.integers(1, 4_000_000_000))
@example(key="+ %2B%20", version="", size=1, at=1)
def test_an_upload_comes_back_as_it_was_listed(key: str, version: str, size: int, at: int) -> None:
    listed = Source("uploads", key, version, "e1", size, event_at=float(at), last_modified=float(at))
    [asked] = parse(upload_body(listed))
    assert asked == replace(listed, last_modified=0.0)


# --- which uploads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "taken"),
    [(99.0, False), (100.0, True), (150.0, True), (200.0, True), (201.0, False)],
)
def test_uploads_between_the_table_and_the_last_hour_are_taken(at: float, taken: bool) -> None:
    upload = replace(VERSIONED, last_modified=at)
    # The table's time is finer than that of versions: a table of 100.9 s knows an upload of 100.95 s, listed as 100.
    assert candidates([upload], since=100.9, until=200.0) == ({identity.document_id(upload): upload} if taken else {})


def test_what_has_a_row_and_what_submit_makes_nothing_of_is_not_lost() -> None:
    marker = replace(VERSIONED, key="folder/", size=0)
    other = replace(VERSIONED, version_id="v2")
    uploads = candidates([VERSIONED, marker, other], 0.0, NOW)
    bodies = lost(uploads, {identity.document_id(other)})
    assert bodies == {identity.document_id(VERSIONED): upload_body(VERSIONED)}
    assert parse(upload_body(marker)) == []


# --- since when -------------------------------------------------------------------------------------------------------

OWN = SourceBucket("own", "", own=True, stack="s1")
EXISTING = SourceBucket("archive", "scans/", own=False, stack="s1")
# As a version wrote it that knew no other bucket than the stack's own.
OF_A_FORMER_VERSION = ReconcileRun(7, "k", "v", 3600.0, NOW - 9, 0.0, 5, 1)


def recorded(source: SourceBucket, since: float, **more: object) -> ReconcileRun:
    row = ReconcileRun(rev=7, bucket=source.name, prefix=source.prefix, stack=source.stack, since=since)
    return replace(row, **more)  # type: ignore[arg-type]  # fields of the row


@pytest.mark.parametrize(
    ("stored", "source", "since"),
    [
        # All that is in the stack's own bucket came to the stack.
        (ReconcileRun(), OWN, 0.0),
        (OF_A_FORMER_VERSION, OWN, 0.0),
        (recorded(replace(EXISTING, stack="s2"), 1.0), OWN, 0.0),
        # In another it did not.
        (ReconcileRun(), EXISTING, NOW),
        (OF_A_FORMER_VERSION, EXISTING, NOW),
        (recorded(OWN, 0.0), EXISTING, NOW),
        (recorded(EXISTING, 1.0), replace(EXISTING, name="another"), NOW),
        (recorded(EXISTING, 1.0), replace(EXISTING, prefix=""), NOW),
        (recorded(EXISTING, 1.0), replace(EXISTING, prefix="scans/2026/"), NOW),
        # Nor of its own before an update to another that was rolled back: it may have taken another prefix.
        (recorded(EXISTING, 1.0), replace(OWN, prefix="scans/"), NOW),
        # Nor while the stack's own had another prefix, or was a deleted stack's, which the table is of too.
        (recorded(OWN, 0.0), replace(OWN, prefix="scans/"), NOW),
        (recorded(EXISTING, 1.0), replace(EXISTING, stack="s2"), NOW),
        (recorded(OWN, 0.0), replace(OWN, own=False, stack="s2"), NOW),
        (recorded(OWN, 0.0), replace(OWN, stack="s2"), NOW),
    ],
)
def test_a_source_that_is_new_begins_with_its_first_look_from_the_beginning(
    stored: ReconcileRun, source: SourceBucket, since: float
) -> None:
    row = configured(stored, source, NOW)
    assert row == recorded(source, since, rev=stored.rev + 1)
    assert configured(row, source, NOW + 9) is row
    first = begun(row, None, NOW + 9, POLICY)
    assert (first.cursor, first.older_than_seconds, first.since) == (Cursor(), POLICY.reconcile_after_seconds, since)


def test_what_came_in_the_second_of_the_deployment_is_not_taken() -> None:
    row = configured(ReconcileRun(), EXISTING, NOW + 0.7)
    uploads = [replace(VERSIONED, key=f"{after}.png", last_modified=NOW + after) for after in (0, 1)]
    assert [found.key for found in candidates(uploads, row.since, NOW + 9).values()] == ["1.png"]


def test_a_source_that_was_left_and_comes_back_begins_anew() -> None:
    row = recorded(EXISTING, 1.0)
    for at, source in enumerate((replace(EXISTING, prefix="other/"), EXISTING)):
        row = configured(row, source, NOW + at)
    assert row.since == NOW + 1


def test_passes_and_ages_that_are_asked_for_leave_since_when_as_it_is() -> None:
    row = recorded(EXISTING, 1.0, began_at=NOW - 9, ended_at=NOW - 8, listed=5, found=1)
    asked = begun(row, 0.0, NOW, POLICY)
    assert asked == recorded(EXISTING, 1.0, began_at=NOW)
    part = advanced(asked, ListingPage((VERSIONED,), Cursor("k")), 1, NOW)
    assert configured(part, EXISTING, NOW) is part
    assert advanced(part, ListingPage((), None), 0, NOW).since == 1.0


# --- the pass ---------------------------------------------------------------------------------------------------------


def test_the_first_pass_begins_at_the_beginning() -> None:
    assert begun(ReconcileRun(), None, NOW, POLICY) == ReconcileRun(0, "", "", POLICY.reconcile_after_seconds, NOW)


def test_a_pass_goes_through_parts_to_its_end_and_the_next_begins_anew() -> None:
    first = begun(ReconcileRun(), None, NOW, POLICY)
    second = advanced(first, ListingPage((VERSIONED,) * 3, Cursor("k", "v9")), 2, NOW + 1)
    assert (second.cursor, second.rev, second.ended_at) == (Cursor("k", "v9"), 1, 0.0)
    assert (second.listed, second.found) == (3, 2)
    assert begun(second, None, NOW + 2, POLICY) == second
    ended = advanced(second, ListingPage((VERSIONED,), None), 0, NOW + 3)
    assert (ended.cursor, ended.rev, ended.listed, ended.found, ended.ended_at) == (Cursor(), 2, 4, 2, NOW + 3)
    assert begun(ended, None, NOW + 4, POLICY) == ReconcileRun(2, "", "", POLICY.reconcile_after_seconds, NOW + 4)


def test_who_asks_for_an_age_gets_a_pass_from_the_beginning_which_keeps_the_age() -> None:
    stored = ReconcileRun(5, "k", "v", 3600.0, NOW)
    asked = begun(stored, 0.0, NOW + 1, POLICY)
    assert asked == ReconcileRun(5, "", "", 0.0, NOW + 1)
    part = advanced(asked, ListingPage((), Cursor("k")), 0, NOW + 2)
    assert begun(part, None, NOW + 3, POLICY).older_than_seconds == 0.0


# --- dead letters -----------------------------------------------------------------------------------------------------


def test_a_dead_letter_goes_back_three_times_and_carries_its_history() -> None:
    letter = LETTER
    for time in (1, 2, 3):
        again = redriven(letter, POLICY)
        assert again is not None
        assert (again.body, again.first_sent_at, again.redriven) == (LETTER.body, NOW, time)
        letter = replace(again, id=f"m{time + 1}")
    assert letter.former_ids == ("m1", "m2", "m3")
    assert redriven(letter, POLICY) is None
    assert redriven(replace(letter, redriven=9), POLICY) is None, "the policy may have been changed since"


def test_the_cause_says_what_is_wrong_with_a_message_and_nothing_of_what_it_says() -> None:
    assert cause(LETTER.body).startswith("the message can be read")
    unreadable = json.dumps({"Records": [{"eventName": "s3cret"}, 7]})
    assert cause(unreadable) == "the message cannot be read: TypeError"
    assert cause("s3cret") == "the message cannot be read: JSONDecodeError"
