"""What rows say when nothing else was said."""

from __future__ import annotations

from textdrop.core.documents import DueEntry, DueKind, Newest


def test_a_hint_without_a_page_is_of_the_document() -> None:
    assert (DueEntry(DueKind.SUBMIT, 1.0, "d1").run, DueEntry(DueKind.SUBMIT, 1.0, "d1").page) == (0, 0)


def test_nobody_looks_for_tables_of_an_upload_that_never_had_any() -> None:
    assert not Newest("order", "d1").has_outputs
