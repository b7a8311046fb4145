"""Which of an upload's metadata is echoed, and that what is not is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textdrop.core.documents import Source
from textdrop.core.metadata import MAX_BYTES, with_metadata

SOURCE = Source("uploads", "a.pdf", "v1", "e", 7)


def echoed(metadata: dict[str, str]) -> tuple[dict[str, str], int]:
    seen = with_metadata(SOURCE, metadata)
    assert replace(seen, metadata=(), metadata_omitted=0) == SOURCE
    return dict(seen.metadata), seen.metadata_omitted


def test_options_are_not_echoed_and_the_rest_is_in_order_of_its_names() -> None:
    given = {"owner": "Анна", "ocr-pages": "1", "case": "", "ocr-typo": "x", "ocrpages": "2"}
    assert list(with_metadata(SOURCE, given).metadata) == [("case", ""), ("ocrpages", "2"), ("owner", "Анна")]
    assert echoed(given)[1] == 0
    assert echoed({}) == ({}, 0)


@pytest.mark.parametrize(("more", "kept"), [(0, 2), (1, 1)])
def test_what_does_not_fit_is_left_out_from_the_first_entry_that_does_not(more: int, kept: int) -> None:
    entries = {"a": "я" * 511, "b": "x" * (1_024 + more), "c": ""}
    echo, omitted = echoed(entries)
    assert list(echo) == ["a", "b"][:kept]
    assert omitted == 3 - kept


@given(st.dictionaries(st.text(min_size=1, max_size=40), st.text(max_size=900), max_size=8))
def test_whatever_comes_the_echo_is_small_and_nothing_is_lost_without_a_word(metadata: dict[str, str]) -> None:
    echo, omitted = echoed(metadata)
    size = sum(len(part.encode("utf-8", "surrogatepass")) for entry in echo.items() for part in entry)
    assert size <= MAX_BYTES
    assert len(echo) + omitted == sum(not name.startswith("ocr-") for name in metadata)
    assert echo.items() <= metadata.items()
