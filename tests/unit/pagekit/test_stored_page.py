"""A page that was stored as JSON is read as it was, or not at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from pagekit.page import stored_page

POLYGON = [[1, 2], [3, 2], [3, 4], [1, 4]]
PAGE: dict[str, Any] = {
    "width": 2480,
    "height": 3508,
    "rotate": 90,
    "text": "Договор",
    "blocks": [
        {
            "type": "text",
            "polygon": POLYGON,
            "languages": ["ru"],
            "lines": [{"text": "Договор", "polygon": POLYGON, "words": [{"text": "Договор", "polygon": POLYGON}]}],
        }
    ],
    "tables": [
        {
            "rows": 1,
            "columns": 1,
            "polygon": POLYGON,
            "cells": [{"row": 0, "column": 0, "row_span": 1, "column_span": 1, "text": "7", "polygon": POLYGON}],
        }
    ],
    "entities": [{"name": "surname", "text": "примерова"}],
    "markdown": "# Договор",
}


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The page's JSON with this change."""
    page = copy.deepcopy(PAGE)
    change(page)
    return json.dumps(page).encode()


@pytest.mark.parametrize("markdown", [None, "# Договор"])
def test_it_is_read_as_it_was_stored(markdown: str | None) -> None:
    page = {**PAGE, "markdown": markdown}
    assert stored_page(json.dumps(page, ensure_ascii=False).encode()) == page


def test_fields_that_a_page_does_not_have_are_left_out() -> None:
    def more(page: dict[str, Any]) -> None:
        page["mood"] = page["blocks"][0]["mood"] = "good"

    assert stored_page(changed(more)) == PAGE


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page.pop("markdown"),
        lambda page: page["blocks"][0]["lines"][0]["words"][0].pop("text"),
        lambda page: page.update(text=None),
        lambda page: page.update(width=2480.5),
        lambda page: page.update(width=True),
        lambda page: page.update(markdown=7),
        lambda page: page.update(blocks={}),
        lambda page: page["blocks"].append(None),
        lambda page: page["blocks"][0].update(languages="ru"),
        lambda page: page["tables"][0]["cells"][0].update(row="0"),
        lambda page: page["blocks"][0].update(polygon=POLYGON[:3]),
        lambda page: page["blocks"][0].update(polygon=[*POLYGON[:3], [1, 2.5]]),
        lambda page: page["blocks"][0].update(polygon=[*POLYGON[:3], [1, 2, 3]]),
        lambda page: page["blocks"][0].update(polygon=[*POLYGON[:3], 7]),
    ],
)
def test_what_is_no_page_is_refused_and_not_quoted(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ValueError, match="not a page") as refused:
        stored_page(changed(change))
    assert "Договор" not in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever: of JSON, or of the page
        stored_page(body)
