"""Pages that were cut ahead of being sent are kept for that, as far as there is room."""

from __future__ import annotations

import io

import pytest

from fakes.files import FakeDocument
from pagekit.limits import FileLimits
from pagekit.prepared import How, Preparation, PreparedPage
from textdrop.usecases import source
from textdrop.usecases.source import PageSource


def page(size: int) -> PreparedPage:
    return PreparedPage(b"k" * size, "application/pdf", Preparation(How.CUT))


def test_what_is_kept_is_given_once_and_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_KEPT_BYTES", 10)
    with PageSource(lambda: FakeDocument(io.BytesIO(b"pages:3"), FileLimits())) as pages:
        for _ in range(3):
            pages.keep(1, page(6))
            pages.keep(1, page(3))
            pages.keep(2, page(5))
            pages.keep(3, page(4))
            assert [len(pages.page(number).content) for number in (1, 2, 3)] == [6, len(b"pages:3 #2"), 4]
        assert pages.page(1).content == b"pages:3 #1"
