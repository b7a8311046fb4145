"""Names in the results bucket: every upload has its own, and none is one of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from textdrop.core import keys
from textdrop.core.documents import Document, DocumentState, Outcome, Output, Rendering, Source

# Keys made of what names are made of here meet far more often than any text would.
PARTS = st.sampled_from([*keys.SUFFIXES, ".ocr", ".json", ".error", ".t", "xt", "a", "/", keys.OWN_FOLDER, "я", "."])
KEYS = st.lists(PARTS, min_size=1, max_size=5).map("".join) | st.text(min_size=1)
SUFFIXES = st.sampled_from(keys.SUFFIXES)
IDS = st.text("0123456789abcdef", min_size=32, max_size=32)


def document(key: str, outcome: Outcome | None) -> Document:
    return Document("ab" * 16, Source("uploads", key), DocumentState.DELIVERING, accepted_at=0.0, outcome=outcome)


@given(one=KEYS, its_suffix=SUFFIXES, other=KEYS, others_suffix=SUFFIXES)
@example("a", ".ocr.json", "a.ocr", ".error.json")
@example("a.txt", ".txt", "a", ".txt")
def test_no_two_uploads_meet_in_one_name(one: str, its_suffix: str, other: str, others_suffix: str) -> None:
    meet = one + its_suffix == other + others_suffix
    assert meet == ((one, its_suffix) == (other, others_suffix))


@given(key=KEYS, suffix=SUFFIXES)
@example(".textdrop", ".txt")
@example(".textdrop/", ".txt")
def test_no_published_name_lies_in_our_own_folder(key: str, suffix: str) -> None:
    assume(keys.can_be_published(key, ""))
    assert not (key + suffix).startswith(keys.OWN_FOLDER)


@given(document_id=IDS, suffix=SUFFIXES, run=st.integers(1, 9999), number=st.integers(1, 5000))
def test_our_own_files_lie_in_our_own_folder(document_id: str, suffix: str, run: int, number: int) -> None:
    for name in (keys.own(document_id, run, suffix), keys.page(document_id, run, number)):
        assert name.startswith(f".textdrop/documents/{document_id}/")


@given(pages=st.sets(st.tuples(st.integers(1, 9999), st.integers(1, 999_999)), min_size=2, max_size=5))
def test_every_page_of_every_run_has_its_own_name_and_names_sort_as_pages_do(pages: set[tuple[int, int]]) -> None:
    names = [keys.page("d1", run, number) for run, number in sorted(pages)]
    assert names == sorted(set(names))


@pytest.mark.parametrize(
    ("key", "can"),
    [
        ("a.pdf", True),
        ("a" * 1003, True),  # with .tables/99999-100.csv 1,024 bytes
        ("a" * 1004, False),
        ("я" * 501, True),
        ("я" * 502, False),
        ("📄" * 250, True),
        ("📄" * 251, False),
        (".textdrop/a.pdf", False),
        (".textdrop/", False),
        (".textdrop", True),
        ("a/.textdrop/b", True),
        ("\ud800", True),
    ],
)
def test_a_key_can_be_published_if_every_suffix_fits_and_it_is_not_in_our_folder(key: str, can: bool) -> None:
    assert keys.can_be_published(key, "") is can


@pytest.mark.parametrize(
    ("key", "can"), [("a" * 994, True), ("a" * 995, False), (".textdrop/a", False), ("ocr/2026/.textdrop/a", True)]
)
def test_a_prefix_takes_of_the_room_and_leaves_our_own_folder_as_it_is(key: str, can: bool) -> None:
    assert keys.can_be_published(key, "ocr/2026/") is can


@given(
    key=KEYS | st.text("я", min_size=490, max_size=520), suffix=SUFFIXES, prefix=st.sampled_from(["", "a/", "яя/" * 9])
)
def test_a_published_name_is_no_longer_than_s3_takes(key: str, suffix: str, prefix: str) -> None:
    assume(keys.can_be_published(key, prefix))
    assert len((prefix + key + suffix).encode("utf-8", "surrogatepass")) <= 1024


@pytest.mark.parametrize(
    ("key", "prefix"),
    [("a.pdf", "/"), ("a/b.pdf", "a/"), ("a/b/c d.pdf", "a/b/"), ("a/", "a/"), ("a//b", "a//"), ("/b", "/")],
)
def test_the_prefix_is_the_place_of_an_upload(key: str, prefix: str) -> None:
    assert keys.prefix(key) == prefix


@pytest.mark.parametrize(
    ("outcome", "suffixes"),
    [
        (Outcome.SUCCEEDED, (".txt", ".ocr.json")),
        (Outcome.PARTIAL, (".txt", ".ocr.json")),
        (Outcome.FAILED, (".error.json",)),
        (Outcome.SKIPPED, (".error.json",)),
        (None, ()),
    ],
)
def test_every_outcome_has_its_files(outcome: Outcome | None, suffixes: tuple[str, ...]) -> None:
    row = document("a/scan.pdf", outcome)
    assert outcome is None or keys.suffixes(outcome) == suffixes
    assert keys.files(row, published=True) == {suffix: f"a/scan.pdf{suffix}" for suffix in suffixes}
    assert keys.files(row, published=False) == {suffix: keys.own(row.id, row.run, suffix) for suffix in suffixes}


def rendered(*renderings: Rendering) -> Document:
    return replace(document("a/scan.pdf", Outcome.SUCCEEDED), renderings=renderings)


def test_what_was_made_has_its_files() -> None:
    row = rendered(
        Rendering(Output.MARKDOWN, 1), Rendering(Output.TABLES, 3), Rendering(Output.SEARCHABLE_PDF, 0, ("-",))
    )
    assert keys.suffixes_of(row) == (".txt", ".ocr.json", ".md", ".tables.xlsx")
    assert keys.tables(row) == 2
    assert keys.files(row, published=True)[keys.TABLES] == "a/scan.pdf.tables/"
    assert keys.TABLES not in keys.files(rendered(Rendering(Output.TABLES)), published=True)
    assert keys.tables(rendered(Rendering(Output.TABLES))) == 0


@given(key=KEYS, page=st.integers(1, 5_000), number=st.integers(1, 400))
def test_the_files_of_tables_are_known_among_all_others_beside_them(key: str, page: int, number: int) -> None:
    suffix = keys.table(page, number)
    others = [key + other for other in keys.SUFFIXES]
    others += [
        f"{key}{keys.TABLES}{name}"
        for name in ("x.csv", "mine.csv", "0001-01.csv.txt", "a/0001-01.csv", "1-01.csv", "")
    ]
    assert keys.tables_of([*others, key + suffix], key) == (suffix,)


def test_segments_without_a_gap_are_known_by_their_first_and_last_page() -> None:
    names = [
        keys.segment("0" * 32, 1, first, last, suffix)
        for first, last in ((9, 16), (1, 8), (12, 16), (18, 20))
        for suffix in (".txt", keys.JSON)
    ]
    assert keys.segments_of(names) == [(1, 8), (9, 16)]
