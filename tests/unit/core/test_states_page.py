"""docs/states.md is what the rules do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from textdrop.core.document_rules import DOCUMENT_RULES
from textdrop.core.documents import DocumentState
from unit.core import states_page

TEXT = states_page.PAGE.read_text("utf-8")


def test_generated_parts_are_up_to_date() -> None:
    assert states_page.generated(TEXT) == TEXT, f"run: {states_page.COMMAND}"


@pytest.mark.parametrize(
    "wrong",
    [
        TEXT.replace("generated: numbers (", "generated: number ("),
        TEXT.replace(states_page.COMMAND, "make states", 1),
        TEXT + f"<!-- generated: text ({states_page.COMMAND}) -->\n",
    ],
)
def test_a_part_that_is_missing_or_unknown_is_noticed(wrong: str) -> None:
    with pytest.raises(ValueError, match="each generated part once"):
        states_page.generated(wrong)


def test_a_rule_that_never_decides_is_noticed() -> None:
    hidden = (replace(DOCUMENT_RULES[0], id="everything", when=lambda *_: True), *DOCUMENT_RULES)
    with pytest.raises(ValueError, match="upload_new decides nothing"):
        states_page.table(hidden, list(DocumentState))
