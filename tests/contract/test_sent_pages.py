"""ports.SentPages: one row a fingerprint, which one page has at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.fighting import fight
from contract.rows import Rows
from textdrop.core.reuse import SentPage

MINE = SentPage("f" * 64, "0" * 31 + "1", run=1, page=7, claimed_at=1_700_000_000.123456)
OTHERS = replace(MINE, document_id="0" * 31 + "2")


def test_a_page_is_claimed_once_and_read_as_it_was(rows: Rows) -> None:
    assert rows.sent_pages.read(MINE.fingerprint) is None
    assert rows.sent_pages.claim(None, MINE)
    assert not rows.sent_pages.claim(None, MINE), "a rival's claim, though it is the same"
    assert not rows.sent_pages.claim(None, OTHERS)
    assert rows.sent_pages.read(MINE.fingerprint) == MINE
    assert rows.sent_pages.read("e" * 64) is None


@pytest.mark.parametrize(
    "stale",
    [
        OTHERS,
        replace(MINE, run=2),
        replace(MINE, page=8),
        replace(MINE, claimed_at=MINE.claimed_at + 1e-6),
    ],
    ids=["document", "run", "page", "time"],
)
def test_a_claim_is_taken_over_from_the_one_that_was_read_alone(rows: Rows, stale: SentPage) -> None:
    assert not rows.sent_pages.claim(MINE, OTHERS), "there is none"
    rows.sent_pages.claim(None, MINE)
    after = replace(MINE, document_id="0" * 31 + "3", run=3, page=3, claimed_at=1.5)
    assert not rows.sent_pages.claim(stale, after)
    assert rows.sent_pages.read(MINE.fingerprint) == MINE
    assert rows.sent_pages.claim(MINE, after)
    assert rows.sent_pages.read(MINE.fingerprint) == after


def test_a_claim_whose_answer_was_lost_is_mine_unless_a_rival_was_first(rows: Rows) -> None:
    rows.lose_answer()
    assert rows.sent_pages.claim(None, MINE)
    rows.lose_answer()
    assert rows.sent_pages.claim(MINE, OTHERS)
    rows.lose_answer()
    assert not rows.sent_pages.claim(MINE, replace(MINE, page=8))
    rows.lose_answer()
    assert not rows.sent_pages.claim(replace(MINE, fingerprint="e" * 64), replace(OTHERS, fingerprint="e" * 64))


def test_of_several_who_claim_a_page_one_does(rows: Rows) -> None:
    won = fight(6, lambda number: rows.sent_pages.claim(None, replace(MINE, page=number)))
    assert won.count(True) == 1
    assert rows.sent_pages.read(MINE.fingerprint) == replace(MINE, page=won.index(True))


def test_a_document_is_forgotten_and_what_is_anothers_or_gone_stays_so(rows: Rows) -> None:
    pages = {letter: replace(MINE, fingerprint=letter * 64) for letter in "abc"}
    for page in pages.values():
        rows.sent_pages.claim(None, page)
    others = replace(OTHERS, fingerprint="b" * 64)
    rows.sent_pages.claim(pages["b"], others)
    named = [letter * 64 for letter in "abad"]
    rows.lose_answer()
    rows.sent_pages.forget(named, MINE.document_id)
    rows.sent_pages.forget(named, MINE.document_id)
    assert [rows.sent_pages.read(letter * 64) for letter in "abcd"] == [None, others, pages["c"], None]
