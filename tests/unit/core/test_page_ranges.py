"""Ranges of pages: how they are written, and which pages of a file they name."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pagekit.errors import Reason, Refusal
from textdrop.core.errors import InvalidOptions
from textdrop.core.page_ranges import canonical, chosen

NUMBERS = st.integers(1, 40)
WORDS = st.lists(
    NUMBERS.map(str)
    | NUMBERS.map("{}-".format)
    | st.tuples(NUMBERS, NUMBERS).map(lambda ends: f"{min(ends)}-{max(ends)}")
    | st.just("all"),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("all", "all"),
        ("without-text", "without-text"),
        ("1-", "all"),
        ("2-", "2-"),
        ("7", "7"),
        ("1-3 7", "1-3,7"),
        ("7 3 1 2", "1-3,7"),
        ("5- 9 2", "2,5-"),
        ("1-9 3-4 10", "1-10"),
        ("3 all", "all"),
        ("4-4", "4"),
        ("999999999", "999999999"),
    ],
)
def test_ranges_are_written_in_order_and_together_where_they_meet(words: str, written: str) -> None:
    assert canonical(words.split()) == written
    assert canonical(written.split(",")) == written


def named(words: list[str], file_pages: int) -> set[int]:
    """The pages that the words name, one after another."""
    pages: set[int] = set()
    for word in words:
        first, dash, last = ("1", "-", "") if word == "all" else word.partition("-")
        end = int(last or file_pages) if dash else int(first)
        pages.update(range(int(first), min(end, file_pages) + 1))
    return pages


@given(words=WORDS, file_pages=st.integers(1, 45))
@example(words=["40"], file_pages=39)
def test_the_pages_are_those_named_that_the_file_has(words: list[str], file_pages: int) -> None:
    pages = canonical(words)
    assert re.fullmatch(r"all|\d+(-\d*)?(,\d+(-\d*)?)*", pages)
    expected = named(words, file_pages)
    if expected:
        assert chosen(pages, file_pages, 45) == expected
    else:
        with pytest.raises(InvalidOptions, match=f"The file has {file_pages} pages?, and ocr-pages names none"):
            chosen(pages, file_pages, 45)


def test_the_most_counts_the_pages_that_are_chosen_and_there() -> None:
    assert len(chosen("1-5000", 9_000, 5_000)) == 5_000
    assert len(chosen("5001-", 9_000, 5_000)) == 4_000
    assert len(chosen("1-999999999", 5_000, 5_000)) == 5_000
    for pages in ("1-5001", "1-2500,3000-5501", "all"):
        with pytest.raises(Refusal, match="pages of the file are named; the most is 5,000") as refused:
            chosen(pages, 9_000, 5_000)
        assert refused.value.reason is Reason.TOO_MANY_PAGES


def test_a_page_that_is_named_more_than_once_counts_once() -> None:
    assert chosen(canonical(["1-"] * 700), 99_999, 99_999) == set(range(1, 100_000))


@pytest.mark.parametrize("words", ["without-text all", "1 without-text", "without-text without-text"])
def test_without_text_stands_alone(words: str) -> None:
    with pytest.raises(InvalidOptions, match='Not a page or a range of pages: "without-text"'):
        canonical(words.split())


def test_without_text_every_page_is_to_have_text_in_the_end() -> None:
    assert chosen("without-text", 3, 3) == {1, 2, 3}
    with pytest.raises(Refusal, match="4 pages of the file are named; the most is 3"):
        chosen("without-text", 4, 3)
