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
    advanced,
    begun,
    candidates,
    cause,
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


# --- the pass ---------------------------------------------------------------------------------------------------------


def test_the_first_pass_begins_at_the_beginning() -> None:
    assert begun(ReconcileRun(), None, NOW, POLICY) == ReconcileRun(0, "", "", POLICY.reconcile_after_seconds, NOW)


def test_a_pass_goes_through_parts_to_its_end_and_the_next_begins_anew() -> None:
    first = begun(ReconcileRun(), None, NOW, POLICY)
    second = advanced(first, ListingPage((VERSIONED,) * 3, Cursor("k", "v9")), 2, NOW + 1)
    assert (second.mark, second.rev, second.listed, second.found, second.ended_at) == (Cursor("k", "v9"), 1, 3, 2, 0.0)
    assert begun(second, None, NOW + 2, POLICY) == second
    ended = advanced(second, ListingPage((VERSIONED,), None), 0, NOW + 3)
    assert (ended.mark, ended.rev, ended.listed, ended.found, ended.ended_at) == (Cursor(), 2, 4, 2, NOW + 3)
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
