"""ports.NewestUploads: which document is the newest of its key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.fighting import fight
from contract.rows import Rows
from textdrop.core.documents import Newest, Source
from textdrop.core.identity import order

SOURCE = Source("uploads", "a/scan.pdf")


def test_the_newest_only_rises(rows: Rows) -> None:
    second = Newest(order(Source("b", "k", "v2", sequencer="0A", last_modified=2.0)), "document-2")
    first = Newest(order(Source("b", "k", "v1", sequencer="0AFF", last_modified=1.0)), "document-1")
    third = Newest(order(Source("b", "k", "v3", sequencer="0B", last_modified=2.0)), "document-3")
    assert rows.newest.update_if_newer(SOURCE, second) == second
    assert rows.newest.update_if_newer(SOURCE, first) == second
    assert rows.newest.read(SOURCE) == second
    assert rows.newest.update_if_newer(SOURCE, third) == third
    assert rows.newest.update_if_newer(SOURCE, third) == third, "it may be repeated"
    assert rows.newest.read(SOURCE) == third


def test_of_equal_uploads_the_first_stays(rows: Rows) -> None:
    rows.newest.update_if_newer(SOURCE, Newest("1", "document-1"))
    assert rows.newest.update_if_newer(SOURCE, Newest("1", "document-2")) == Newest("1", "document-1")


@pytest.mark.parametrize("key", ["a/scan.pdf ", "A/scan.pdf", "\ud800", "ключ"])
def test_each_key_has_its_own(rows: Rows, key: str) -> None:
    rows.newest.update_if_newer(SOURCE, Newest("2", "document-1"))
    other = Source("uploads", key)
    assert rows.newest.read(other) is None
    assert rows.newest.update_if_newer(other, Newest("1", "document-2")) == Newest("1", "document-2")
    assert rows.newest.read(SOURCE) == Newest("2", "document-1")


def test_that_there_may_be_outputs_is_kept_whichever_is_the_newest(rows: Rows) -> None:
    rows.newest.expect_outputs(SOURCE)
    assert rows.newest.read(SOURCE) is None, "a key without uploads has no outputs"
    assert not rows.newest.update_if_newer(SOURCE, Newest("1", "document-1")).has_outputs
    rows.newest.expect_outputs(SOURCE)
    rows.newest.expect_outputs(SOURCE)
    assert rows.newest.read(SOURCE) == Newest("1", "document-1", has_outputs=True)
    assert rows.newest.update_if_newer(SOURCE, Newest("2", "document-2")) == Newest("2", "document-2", has_outputs=True)
    assert rows.newest.update_if_newer(SOURCE, Newest("1", "document-1")) == Newest("2", "document-2", has_outputs=True)


def test_the_newest_is_replaced_by_an_older_one_if_it_is_still_that_document(rows: Rows) -> None:
    old, deleted, other = Newest("1", "document-1"), Newest("2", "document-2"), Newest("3", "document-3")
    rows.newest.update_if_newer(SOURCE, deleted)
    rows.newest.expect_outputs(SOURCE)
    assert rows.newest.replace(SOURCE, other, old) == replace(deleted, has_outputs=True)
    assert rows.newest.replace(SOURCE, deleted, old) == replace(old, has_outputs=True)
    assert rows.newest.replace(SOURCE, deleted, other) == replace(old, has_outputs=True), "another was first"
    rows.lose_answer()
    assert rows.newest.replace(SOURCE, old, other) == replace(other, has_outputs=True)
    assert rows.newest.read(SOURCE) == replace(other, has_outputs=True)


def test_a_lost_answer_changes_nothing(rows: Rows) -> None:
    rows.lose_answer()
    assert rows.newest.update_if_newer(SOURCE, Newest("1", "document-1")) == Newest("1", "document-1")


def test_whatever_the_order_of_arrival_the_highest_stays(rows: Rows) -> None:
    seen = fight(6, lambda number: rows.newest.update_if_newer(SOURCE, Newest(f"{number}", f"document-{number}")))
    assert rows.newest.read(SOURCE) == Newest("5", "document-5")
    assert all(row.order >= f"{number}" for number, row in enumerate(seen))
