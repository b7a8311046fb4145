"""Ids that never change, and the order of the uploads of one key."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textdrop.core import identity
from textdrop.core.documents import Source

VERSIONED = Source("uploads", "a/Договор 1.pdf", version_id="v1", etag="e1", event_at=1_773_480_413.589)
PLAIN = Source("uploads", "a/scan.pdf", etag="d41d8cd98f00b204e9800998ecf8427e", event_at=1_773_480_413.589)

HEX = st.text("0123456789ABCDEFabcdef", max_size=32)
TIMES = st.floats(0, 4e9)
SOURCES = st.builds(
    Source,
    bucket=st.just("uploads"),
    key=st.just("a"),
    version_id=st.sampled_from(["", "v1", "v2"]),
    sequencer=HEX,
    event_at=TIMES,
    last_modified=st.just(0.0) | TIMES,
)


# --- ids --------------------------------------------------------------------------------------------------------------


# A row under another id would be a document that is paid for again.
@pytest.mark.parametrize(
    ("source", "document_id", "key_id"),
    [
        (VERSIONED, "a5d1d11e7e7df7b957653d8a3928b593", "38fd50d2e4ba6c938243d949b46f0513"),
        (PLAIN, "5dc7e27adab56f0f88e7a81b9402ea4b", "5baed6cb0a914b3c52d479f3c526d53a"),
        (Source("b", "\ud800", version_id="v"), "d7a7445e3bff9caa87143f1475bd5f54", "79093a4f5e10579a2574b6fed259dea9"),
    ],
)
def test_ids_stay_what_they_were(source: Source, document_id: str, key_id: str) -> None:
    assert identity.document_id(source) == document_id
    assert identity.key_id(source) == key_id


@given(event_at=TIMES, listed_at=st.integers(1, 4_000_000_000), fraction=st.floats(0, 0.999), sequencer=HEX)
def test_without_versions_an_event_and_a_listing_meet_the_same_document(
    event_at: float, listed_at: int, fraction: float, sequencer: str
) -> None:
    # An event is completed by HEAD, whose Last-Modified has whole seconds; a listing may have finer ones.
    by_event = replace(PLAIN, event_at=event_at, sequencer=sequencer, last_modified=float(listed_at))
    by_listing = replace(PLAIN, event_at=0.0, last_modified=listed_at + fraction)
    assert identity.document_id(by_event) == identity.document_id(by_listing)


# --- order ------------------------------------------------------------------------------------------------------------


def key_of(source: Source) -> tuple[int, str, str]:
    """The order as the design words it."""
    at = int(source.last_modified or source.event_at)
    return at, source.sequencer.upper().ljust(64, "0"), source.version_id


@given(sources=st.lists(SOURCES, min_size=2, max_size=4))
def test_the_text_compares_as_time_sequencer_and_version_do(sources: list[Source]) -> None:
    assert sorted(sources, key=identity.order) == sorted(sources, key=key_of)
    for one, other in permutations(sources, 2):
        assert (identity.order(one) < identity.order(other)) == (key_of(one) < key_of(other))
